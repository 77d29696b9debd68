/*
 * What was missed while no daemon ran. The history says up to where a task's occurrences were answered, the
 * clock where this daemon's own begin (answered_from); what lies between was missed, and catch_up decides.
 */
#include "scheduler/core_parts.h"

/* Grid instants from `first` up to `before`, that one not included. */
static struct occurrences between(const struct core *core, const struct schedule *schedule, struct wall first,
                                  struct wall before) {
    int64_t count = schedule_count(schedule->every_us, first, (struct wall){before.us - 1});
    struct wall last = {first.us + (count - 1) * schedule->every_us};
    return (struct occurrences){first, last, count, core->now, core->now};
}

static void miss(struct core *core, uint32_t index, const struct occurrences *missed,
                 struct actions *actions) {
    record_skip(core, index, missed->first, missed->last, missed->count, SKIP_MISSED, actions);
}

/* The run that waits and answers all that this daemon has accounted for; SLOT_NONE when there is none. A run
 * that was asked for, and answers none yet, serves as well. */
static uint32_t run_to_extend(const struct core *core, const struct core_task *task) {
    if (task->waiting_run == SLOT_NONE || task->waiting_count > 1)
        return SLOT_NONE;
    const struct run *run = &core->runs[task->waiting_run];
    if (run->yielded || run->attempts.failed_count)
        return SLOT_NONE;
    return run->occurrence_count == 0 || run->due_first.us == task->answered_from.us ? task->waiting_run
                                                                                     : SLOT_NONE;
}

/* Later ones were started or given up already: nothing may come behind them. */
static bool is_overtaken(const struct core *core, const struct core_task *task) {
    return task->answered_until.us >= task->answered_from.us && run_to_extend(core, task) == SLOT_NONE;
}

/* It answers what was missed, and what it answered before. */
static void extend(struct core *core, uint32_t index, const struct occurrences *missed) {
    struct core_task *task = &core->tasks[index];
    struct run *run = &core->runs[run_to_extend(core, task)];
    task->stats.merged_count += (uint64_t)(missed->count - (run->occurrence_count == 0));
    if (run->occurrence_count == 0) {
        run->due_last = task->last_due = missed->last;
        run->last = missed->until;
    }
    run->due_first = missed->first;
    run->occurrence_count += missed->count;
}

static void answer_once(struct core *core, uint32_t index, const struct occurrences *missed,
                        struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    if (run_to_extend(core, task) != SLOT_NONE) {
        extend(core, index, missed);
        return;
    }
    if (clock_run_for(core, index, missed, task->running_count ? RUN_HELD : RUN_WAITING, actions) !=
        SLOT_NONE)
        task->last_due = missed->last;
}

void catchup_restore(struct core *core, uint32_t index, struct wall answered_until, struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    const struct schedule *schedule = &task->definition->schedule;
    if (!due_has(&core->due, index) || catchup_is_on(task))
        return;
    struct wall first = schedule_next_after(schedule, answered_until);
    struct occurrences missed = between(core, schedule, first, task->answered_from);
    if (missed.count < 1)
        return;
    if (task->definition->catch_up == CATCH_UP_SKIP || is_overtaken(core, task))
        miss(core, index, &missed, actions);
    else
        answer_once(core, index, &missed, actions);
    task->answered_from = first;
}

void catchup_go_on(struct core *core, uint32_t index, struct actions *actions) {
    (void)core, (void)index, (void)actions;
}
