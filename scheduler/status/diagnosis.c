#include "scheduler/status/diagnosis.h"

#include <stddef.h>

#include "scheduler/core/gate.h"
#include "scheduler/core/state.h"

/* A token is kept for long when its run takes ten times what it usually takes, and longer than leak_warning:
 * of what varies by a few times nobody wants to hear. Where that is 0, the log is silent; the dump goes by
 * its default. */
#define KEPT_TIMES    10
#define KEPT_LEAST_US (30 * US_PER_S)
/* The size that is recommended carries the work and a quarter more, so that what is due at once does not wait
 * long. */
#define SIZE_SPARE_PERCENT 125

/* Tokens that the pool's tasks need on average. */
static int64_t work_permille(const struct core *core, uint32_t pool) {
    int64_t permille = 0;
    for (uint32_t i = 0; i < core->task_count; i++) {
        const struct core_task *task = &core->tasks[i];
        const struct task *definition = task->definition;
        if (task->pool == pool && !task->retired && definition->enabled)
            permille +=
                schedule_busy_permille(&definition->schedule, task_session_us(task)) * definition->tokens;
    }
    return permille;
}

/* The run that has held its token longest of those that hold theirs for far too long; NULL: there is none. */
static const struct run *find_kept(const struct status *status, uint32_t pool, int64_t least_us) {
    const struct core *core = status->core;
    const struct run *found = NULL;
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        bool holds = run->state == RUN_RUNNING || run->state == RUN_STOPPING;
        if (!holds || run->pool != pool || !run->definition->tokens)
            continue;
        int64_t held_us = mono_since(status->now, run->started);
        bool is_kept =
            held_us >= least_us && held_us >= KEPT_TIMES * core->tasks[run->task].expected_us[run->stage];
        if (is_kept && (!found || run->started.us < found->started.us))
            found = run;
    }
    return found;
}

struct diagnosis diagnosis_of(const struct status *status, uint32_t index) {
    const struct core_pool *pool = &status->core->pools[index];
    const struct pool_settings *settings = pool->settings;
    const struct sample *sample = &pool->gate.sample;
    struct headroom headroom = gate_headroom(status->core, pool);
    int64_t least_us = settings->leak_warning_us ? settings->leak_warning_us : KEPT_LEAST_US;
    int64_t size_permille = (int64_t)settings->size * 1000;
    struct diagnosis diagnosis = {
        .work_permille = work_permille(status->core, index),
        .kept = find_kept(status, index, least_us),
        .foreground_keeps = sample->known && sample->idle_in_transaction_us >= least_us,
    };
    if (diagnosis.work_permille > size_permille) {
        int64_t wanted = diagnosis.work_permille * SIZE_SPARE_PERCENT; /* in hundred thousandths of a token */
        diagnosis.size_wanted = (uint32_t)((wanted / 100 + 999) / 1000);
        diagnosis.interval_percent = (uint32_t)((wanted + size_permille - 1) / size_permille);
    }
    if (diagnosis.kept)
        diagnosis.kept_us = mono_since(status->now, diagnosis.kept->started);
    bool all_taken = tokens_taken(&pool->tokens) >= settings->size && queue_count(&pool->queue) > 0;
    if (all_taken && headroom.slots != INT32_MAX && headroom.slots > 0)
        diagnosis.size_possible = settings->size + (uint32_t)headroom.slots;
    return diagnosis;
}
