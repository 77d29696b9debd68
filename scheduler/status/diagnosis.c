#include "scheduler/status/diagnosis.h"

#include <stddef.h>

#include "scheduler/core/gate.h"
#include "scheduler/core/state.h"

#define KEPT_TIMES 10 /* what it usually takes */

static int64_t work_permille(const struct core *core, uint32_t pool) {
    int64_t permille = 0;
    for (uint32_t i = 0; i < core->task_count; i++) {
        const struct core_task *task = &core->tasks[i];
        if (task->pool != pool || task->retired || !task->definition->enabled)
            continue;
        int64_t session_us = task_session_us(task);
        int64_t busy_us = session_us < task->definition->schedule.every_us
                              ? session_us
                              : task->definition->schedule.every_us;
        permille += busy_us * 1000 / task->definition->schedule.every_us * task->definition->tokens;
    }
    return permille;
}

static const struct run *find_kept(const struct status *status, uint32_t pool, int64_t least_us) {
    const struct core *core = status->core;
    const struct run *found = NULL;
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        if ((run->state != RUN_RUNNING && run->state != RUN_STOPPING) || run->pool != pool ||
            !run->definition->tokens)
            continue;
        int64_t held_us = mono_since(status->now, run->started);
        if (held_us < least_us || held_us < KEPT_TIMES * core->tasks[run->task].expected_us[run->stage])
            continue;
        if (!found || run->started.us < found->started.us)
            found = run;
    }
    return found;
}

struct diagnosis diagnosis_of(const struct status *status, uint32_t index) {
    const struct core *core = status->core;
    const struct core_pool *pool = &core->pools[index];
    const struct pool_settings *settings = pool->settings;
    int64_t patience_us = settings->leak_warning_us ? settings->leak_warning_us : 30 * US_PER_S;
    struct diagnosis diagnosis = {.work_permille = work_permille(core, index),
                                  .kept = find_kept(status, index, patience_us)};
    int64_t size_permille = (int64_t)settings->size * 1000;
    if (diagnosis.work_permille > size_permille) {
        diagnosis.size_wanted = (uint32_t)((diagnosis.work_permille * 5 / 4 + 999) / 1000);
        diagnosis.interval_percent =
            (uint32_t)((diagnosis.work_permille * 125 + size_permille - 1) / size_permille);
    }
    if (diagnosis.kept)
        diagnosis.kept_us = mono_since(status->now, diagnosis.kept->started);
    diagnosis.foreground_keeps =
        pool->gate.sample.known && pool->gate.sample.idle_in_transaction_us >= patience_us;
    struct headroom headroom = gate_headroom(core, pool);
    bool all_taken = tokens_taken(&pool->tokens) >= settings->size && queue_count(&pool->queue) > 0;
    if (all_taken && headroom.slots != INT32_MAX && headroom.slots > 0)
        diagnosis.size_possible = settings->size + (uint32_t)headroom.slots;
    return diagnosis;
}
