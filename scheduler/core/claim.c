#include "scheduler/core/claim.h"

enum stage claim_first_stage(const struct core *core, const struct task *task, uint32_t pool, bool let_pass) {
    const struct recording *recording = &core->pools[pool].recording;
    enum stage first = stage_first(task);
    bool kept = recording->state == RECORDING_NEW || recording->state == RECORDING_ON;
    if (task->when && !let_pass)
        return STAGE_WHEN;
    return kept && !stage_needs_session(task, first) ? STAGE_CLAIM : first;
}

enum stage claim_stage_let_pass(const struct core *core, const struct run *run) {
    return run->claim_state == CLAIM_COMMITTED ? stage_first(run->definition)
                                               : claim_first_stage(core, run->definition, run->pool, true);
}

/* What is in one transaction with its claim needs none of its own. A run in bites is several. */
void claim_choose(const struct core *core, struct run *run) {
    bool within = run->definition->work == WORK_SQL && run->definition->transaction &&
                  !run->definition->repeat && core->tasks[run->task].protocol != PROTOCOL_SIMPLE;
    bool first =
        (run->stage == STAGE_CLAIM || run->stage == stage_first(run->definition)) && run->bites.count == 0;
    run->claim = CLAIM_NONE;
    if (run->stage == STAGE_WRITE && run->claim_state == CLAIM_COMMITTED &&
        core->pools[run->pool].recording.state == RECORDING_ON)
        run->claim = CLAIM_DONE;
    if (run->stage == STAGE_CLAIM ||
        (core->pools[run->pool].recording.state == RECORDING_ON && run->claim_state != CLAIM_COMMITTED &&
         first && stage_needs_session(run->definition, run->stage)))
        run->claim = within ? CLAIM_WITHIN : CLAIM_BEFORE;
}

bool claim_is_of_notification(const struct run *run) {
    return run->woken && !run->triggered && run->occurrence_count == 0;
}

void claim_note(struct run *run, struct wall from) {
    const struct schedule *schedule = &run->definition->schedule;
    run->claim_state = CLAIM_COMMITTED;
    if (run->occurrence_count == 0 || from.us <= schedule_key(schedule, run->due_first).us ||
        from.us > run->due_last.us)
        return;
    run->occurrence_count = schedule_between(schedule, from, schedule_key(schedule, run->due_last)).count;
    int64_t less_us = from.us - run->due_first.us;
    run->overdue_us -= less_us < run->overdue_us ? less_us : run->overdue_us;
    run->due_first = from;
}
