#include "scheduler/core/catchup.h"

#include "scheduler/core/clock.h"
#include "scheduler/core/record.h"

/* Grid instants from `first` up to `before`, that one not included. */
static struct occurrences between(const struct core *core, const struct schedule *schedule, struct wall first,
                                  struct wall before) {
    int64_t count = schedule_count(schedule->every_us, first, (struct wall){before.us - 1});
    struct wall last = {first.us + (count - 1) * schedule->every_us};
    return (struct occurrences){first, last, count, core->now, core->now, core->wall.us - first.us};
}

/* The first that the run answers is one that was missed: it waits since that, and not in line. */
static void note_overdue(const struct core *core, struct run *run) {
    run->overdue_us = mono_since(run->due, core->now) + core->wall.us - run->due_first.us;
}

static void miss(struct core *core, uint32_t index, const struct occurrences *missed,
                 struct actions *actions) {
    record_skip(core, index, missed->first, missed->last, missed->count, SKIP_MISSED, actions);
}

/* The run that waits and answers all that this daemon has accounted for; INDEX_NONE when there is none. A run
 * that was asked for, and answers none yet, serves as well. */
static uint32_t run_to_extend(const struct core *core, const struct core_task *task) {
    if (task->waiting_run == INDEX_NONE || task->waiting_count > 1)
        return INDEX_NONE;
    const struct run *run = &core->runs[task->waiting_run];
    if (run->yielded || run->attempts.failed_count || run->claimed)
        return INDEX_NONE;
    bool none = task->answered_until.us < task->answered_from.us;
    bool all = run->occurrence_count > 0 && run->due_first.us == task->answered_from.us;
    return all || (none && run->occurrence_count == 0) ? task->waiting_run : INDEX_NONE;
}

/* Later ones were started or given up already: nothing may come behind them. */
static bool is_overtaken(const struct core *core, const struct core_task *task) {
    return task->answered_until.us >= task->answered_from.us && run_to_extend(core, task) == INDEX_NONE;
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
    note_overdue(core, run);
}

static void answer_once(struct core *core, uint32_t index, const struct occurrences *missed,
                        struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    if (run_to_extend(core, task) != INDEX_NONE) {
        extend(core, index, missed);
        return;
    }
    if (clock_run_for(core, index, missed, task->running_count ? RUN_HELD : RUN_WAITING, actions) !=
        INDEX_NONE)
        task->last_due = missed->last;
}

/* --- one run each --- */

/* Of all that were missed, the oldest that are beyond the bounds. */
static int64_t beyond_bounds(const struct core *core, const struct task *task,
                             const struct occurrences *missed) {
    struct wall older = {core->wall.us - task->catch_up_age_us - 1};
    int64_t old_count = schedule_count(task->schedule.every_us, missed->first, older);
    int64_t more_count = missed->count - (int64_t)task->catch_up_count;
    int64_t count = old_count > more_count ? old_count : more_count;
    return count < 0 ? 0 : count > missed->count ? missed->count : count;
}

/* What the waiting run was to answer has its turn when the last missed one is done: it becomes the first. */
static void put_off(struct core *core, struct core_task *task, uint32_t index) {
    struct run *run = &core->runs[index];
    if (run->occurrence_count > 0)
        task->stats.merged_count -= (uint64_t)(run->occurrence_count - 1);
    run->due_first = run->due_last = task->catch_up_next;
    run->last = core->now;
    run->occurrence_count = 1;
    note_overdue(core, run);
}

static void advance(struct core_task *task, struct wall at) {
    struct wall next = schedule_next_after(&task->definition->schedule, at);
    task->catch_up_next = next.us < task->answered_from.us ? next : task->answered_from;
}

static void answer_each(struct core *core, uint32_t index, struct occurrences missed,
                        struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    const struct schedule *schedule = &task->definition->schedule;
    int64_t beyond_count = beyond_bounds(core, task->definition, &missed);
    struct wall oldest = {missed.first.us + beyond_count * schedule->every_us};
    if (beyond_count > 0) {
        struct occurrences beyond = between(core, schedule, missed.first, oldest);
        miss(core, index, &beyond, actions);
    }
    if (beyond_count == missed.count)
        return;
    task->catch_up_next = oldest;
    uint32_t waiting = run_to_extend(core, task);
    if (waiting != INDEX_NONE) {
        put_off(core, task, waiting);
        advance(task, oldest);
    }
    catchup_go_on(core, index, actions);
}

static enum skip_cause gives_up(const struct core *core, const struct core_task *task) {
    return core->draining                                ? SKIP_DRAIN
           : task->retired || !task->definition->enabled ? SKIP_REMOVED
           : core->now.us < task->held_until.us          ? SKIP_HOLD
                                                         : SKIP_NONE;
}

static void give_up(struct core *core, uint32_t index, struct wall first, enum skip_cause cause,
                    struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    struct wall until = {task->answered_until.us + 1};
    struct occurrences rest = between(core, &task->definition->schedule, first, until);
    task->catch_up_next.us = 0;
    if (rest.count > 0)
        record_skip(core, index, rest.first, rest.last, rest.count, cause, actions);
}

/* All that became due while the missed ones had their turn. */
static void answer_put_off(struct core *core, uint32_t index, struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    struct wall until = {task->answered_until.us + 1};
    struct occurrences rest = between(core, &task->definition->schedule, task->answered_from, until);
    task->catch_up_next.us = 0;
    if (rest.count < 1)
        return;
    rest.last = task->answered_until; /* of an elastic task not where its index begins */
    clock_run_for(core, index, &rest, RUN_WAITING, actions);
}

void catchup_go_on(struct core *core, uint32_t index, struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    if (!catchup_is_on(task) || task->running_count + task->waiting_count > 0)
        return;
    /* a reload may have changed the schedule since */
    struct wall at =
        schedule_next_after(&task->definition->schedule, (struct wall){task->catch_up_next.us - 1});
    bool is_missed = at.us < task->answered_from.us;
    enum skip_cause cause = gives_up(core, task);
    if (cause != SKIP_NONE) {
        give_up(core, index, is_missed ? at : task->answered_from, cause, actions);
    } else if (!is_missed) {
        answer_put_off(core, index, actions);
    } else {
        struct occurrences one = {at, at, 1, core->now, core->now, core->wall.us - at.us};
        advance(task, at);
        if (clock_run_for(core, index, &one, RUN_WAITING, actions) == INDEX_NONE)
            give_up(core, index, task->catch_up_next, SKIP_FULL, actions);
    }
}

/* --- what is on record --- */

/*
 * Our clock was set back, or another daemon's is ahead: what is on record is not run again. But a task waits
 * for two intervals at the most, as after a step of the clock: whoever was that wrong must not stop it.
 * Beyond that the record itself refuses what it has.
 */
static void wait_for_record(struct core *core, uint32_t index, struct wall answered_until,
                            struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    const struct schedule *schedule = &task->definition->schedule;
    if (schedule_next_after(schedule, answered_until).us - core->wall.us > 2 * schedule->every_most_us) {
        struct action *action = actions_add(actions, ACTION_AHEAD);
        action->task = index;
        action->ahead_us = answered_until.us - core->wall.us;
        return;
    }
    clock_wait_beyond(core, index, answered_until, actions);
}

void catchup_restore(struct core *core, uint32_t index, struct wall answered_until, struct wall ahead_until,
                     struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    const struct schedule *schedule = &task->definition->schedule;
    if (!due_has(&core->due, index))
        return;
    struct wall first = schedule_next_after(schedule, answered_until);
    struct occurrences missed = between(core, schedule, first, task->answered_from);
    if (answered_until.us > ahead_until.us)
        ahead_until = answered_until;
    if (schedule_next_after(schedule, ahead_until).us > task->due.us)
        wait_for_record(core, index, ahead_until, actions);
    if (missed.count < 1)
        return;
    if (task->paused) {
        record_skip(core, index, missed.first, missed.last, missed.count, SKIP_PAUSED, actions);
        task->answered_from = first;
    } else if (task->definition->catch_up == CATCH_UP_SKIP || is_overtaken(core, task)) {
        miss(core, index, &missed, actions);
        task->answered_from = first;
    } else if (task->definition->catch_up == CATCH_UP_ONCE) {
        answer_once(core, index, &missed, actions);
        task->answered_from = first;
    } else {
        answer_each(core, index, missed, actions);
    }
}
