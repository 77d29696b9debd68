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

bool bites_go_on(struct core *core, uint32_t index, const struct run_ending *ended, enum skip_cause cause) {
    struct run *run = &core->runs[index];
    note_done(core, run, ended);
    if (ended->changed_count == 0)
        return false;
    run->bites.rest = cause ? cause : had_most(core, run) ? SKIP_BITES : SKIP_NONE;
    if (run->bites.rest)
        return false;
    run->due = core->now;
    run->overdue_us = 0;
    run->yielded = false;
    run_wait_in(core, index, RUN_WAITING, run->stage);
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
