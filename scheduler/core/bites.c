#include "scheduler/core/bites.h"

#include "scheduler/core/run.h"

static void note_done(struct core *core, struct run *run, const struct run_ending *ended) {
    struct task_stats *stats = &core->tasks[run->task].stats;
    struct bites *bites = &run->bites;
    if (bites->count++ == 0)
        bites->lateness_us = run_lateness_us(run, run->began);
    bites->row_count += ended->row_count;
    bites->failed_count += run->attempts.failed_count;
    run->attempts = (struct attempts){0};
    stats->bite_count++;
    stats->bite_row_count += ended->row_count;
}

/* A file that was read meanwhile may give another number. */
static bool had_most(const struct core *core, const struct run *run) {
    uint32_t most = core->tasks[run->task].definition->repeat_most;
    return most && run->bites.count >= most;
}

/* Between two bites is a break: as long as the first of them took, so that all of them together take half of
 * one processor of the server, and its disk has time for the application's commits. */
#define BREAK_MOST_US US_PER_S /* what takes longer is no bite */

/* While the application is under pressure, the break lasts until the database was looked at again. */
static int64_t break_us(const struct core *core, const struct run *run) {
    const struct core_pool *pool = &core->pools[run->pool];
    int64_t took_us = mono_since(core->now, run->started);
    if (bites_feel_pressure(pool))
        return pool->settings->sample_us > BREAK_MOST_US ? pool->settings->sample_us : BREAK_MOST_US;
    return took_us < BREAK_MOST_US ? took_us : BREAK_MOST_US;
}

bool bites_go_on(struct core *core, uint32_t index, const struct run_ending *ended, enum skip_cause cause) {
    struct run *run = &core->runs[index];
    note_done(core, run, ended);
    if (ended->changed_count == 0)
        return false;
    run->bites.rest = cause ? cause : had_most(core, run) ? SKIP_BITES : SKIP_NONE;
    if (run->bites.rest)
        return false;
    int64_t break_for_us = break_us(core, run);
    run->bites.gave_way_us += break_for_us;
    run->due = run->retry_at = mono_add(core->now, break_for_us);
    run->overdue_us = 0;
    run->yielded = false;
    run_wait_in(core, index, RUN_DELAYED, run->stage);
    run->since = run->due;
    return true;
}

void bites_leave_rest(struct core *core, uint32_t index, enum skip_cause cause) {
    struct run *run = &core->runs[index];
    if (!run->begun || !run->definition->repeat)
        return;
    run->bites.rest = cause;
    core->sweep_run = 0;
}

void bites_leave_all(struct core *core, uint32_t task, enum skip_cause cause) {
    for (uint32_t i = 0; i < core->run_used; i++)
        if (core->runs[i].state != RUN_FREE && core->runs[i].task == task)
            bites_leave_rest(core, i, cause);
}
