#include "scheduler/core/catchup.h"

#include "scheduler/core/clock.h"
#include "scheduler/core/opening.h"
#include "scheduler/core/record.h"

/* Instants of the schedule from `first` up to `before`, that one not included, for a run to answer now. */
static struct fallen_due between(const struct core *core, const struct schedule *schedule, struct wall first,
                                 struct wall before) {
    return (struct fallen_due){.these = schedule_between(schedule, first, (struct wall){before.us - 1}),
                               .first = core->now,
                               .last = core->now,
                               .overdue_us = core->wall.us - first.us};
}

/* The first that the run answers is one that was missed: it waits since that, and not in line. */
static void note_overdue(const struct core *core, struct run *run) {
    run->overdue_us = mono_since(run->due, core->now) + core->wall.us - run->due_first.us;
}

/* The run that waits and answers all that this daemon has accounted for; INDEX_NONE when there is none. A run
 * that was asked for, and answers none yet, serves as well. */
static uint32_t run_to_extend(const struct core *core, const struct core_task *task) {
    if (task->waiting_run == INDEX_NONE || task->waiting_count > 1)
        return INDEX_NONE;
    const struct run *run = &core->runs[task->waiting_run];
    if (run->yielded || run->attempts.failed_count || run->claim_state == CLAIM_COMMITTED)
        return INDEX_NONE;
    bool none = task->answered_until.us < task->answered_from.us;
    bool all = run->occurrence_count > 0 && run->due_first.us == task->answered_from.us;
    return all || (none && run->occurrence_count == 0) ? task->waiting_run : INDEX_NONE;
}

/* --- one run for all: the one that waits answers what was missed, too, or there is a new one --- */

static void answer_once(struct core *core, uint32_t index, const struct fallen_due *missed,
                        struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    uint32_t waiting = run_to_extend(core, task);
    if (waiting == INDEX_NONE) {
        enum beside beside = task->running_count ? BEHIND_OTHERS : BESIDE_OTHERS;
        if (clock_run_for(core, index, missed, beside, actions) != INDEX_NONE)
            task->last_due = missed->these.last;
        return;
    }
    struct run *run = &core->runs[waiting];
    task->stats.merged_count += (uint64_t)(missed->these.count - (run->occurrence_count == 0));
    if (run->occurrence_count == 0) {
        run->due_last = task->last_due = missed->these.last;
        run->last = missed->last;
    }
    run->due_first = missed->these.first;
    run->occurrence_count += missed->these.count;
    note_overdue(core, run);
}

/* --- one run each --- */

static void advance(struct core_task *task, struct wall at) {
    struct wall next = schedule_next_after(&task->definition->schedule, at);
    task->catch_up_next = next.us < task->answered_from.us ? next : task->answered_from;
}

/* What the waiting run was to answer has its turn when the last missed one is done: the run becomes that of
 * the first missed one. */
static void put_off(struct core *core, struct core_task *task, uint32_t index) {
    struct run *run = &core->runs[index];
    if (run->occurrence_count > 0)
        task->stats.merged_count -= (uint64_t)(run->occurrence_count - 1);
    run->due_first = run->due_last = task->catch_up_next;
    run->last = core->now;
    run->occurrence_count = 1;
    note_overdue(core, run);
    advance(task, task->catch_up_next);
}

/* Of all that were missed, the oldest that are beyond the bounds of catch_up_age and catch_up_count have
 * none. */
static void answer_each(struct core *core, uint32_t index, const struct occurrences *missed,
                        struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    const struct task *definition = task->definition;
    struct wall too_old = {core->wall.us - definition->catch_up_age_us - 1};
    int64_t old_count = schedule_between(&definition->schedule, missed->first, too_old).count;
    int64_t beyond_count = missed->count - (int64_t)definition->catch_up_count;
    beyond_count = old_count > beyond_count ? old_count : beyond_count;
    beyond_count = beyond_count > missed->count ? missed->count : beyond_count;
    struct wall oldest = missed->first;
    if (beyond_count > 0) {
        struct wall last = schedule_nth_after(&definition->schedule, missed->first, beyond_count - 1);
        struct occurrences beyond = {missed->first, last, beyond_count};
        record_skip(core, index, &beyond, SKIP_MISSED, actions);
        oldest = schedule_nth_after(&definition->schedule, last, 1);
    }
    if (beyond_count == missed->count)
        return;
    task->catch_up_next = oldest;
    uint32_t waiting = run_to_extend(core, task);
    if (waiting != INDEX_NONE)
        put_off(core, task, waiting);
    catchup_go_on(core, index, actions);
}

/* Neither the missed ones from `first` on nor what became due meanwhile has a run. */
static void give_up(struct core *core, uint32_t index, struct wall first, enum skip_cause cause,
                    struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    struct occurrences rest = schedule_between(&task->definition->schedule, first, task->answered_until);
    task->catch_up_next.us = 0;
    if (rest.count > 0)
        record_skip(core, index, &rest, cause, actions);
}

/* One run for all that became due while the missed ones had their turn. */
static void answer_put_off(struct core *core, uint32_t index, struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    struct wall beyond = {task->answered_until.us + 1};
    struct fallen_due rest = between(core, &task->definition->schedule, task->answered_from, beyond);
    task->catch_up_next.us = 0;
    rest.these.last = task->answered_until; /* of an elastic task not where its cell begins */
    if (rest.these.count > 0)
        clock_run_for(core, index, &rest, BESIDE_OTHERS, actions);
}

void catchup_go_on(struct core *core, uint32_t index, struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    const struct schedule *schedule = &task->definition->schedule;
    if (!catchup_is_on(task) || task->running_count + task->waiting_count > 0)
        return;
    /* a reload may have changed the schedule since */
    struct wall at = schedule_next_after(schedule, (struct wall){task->catch_up_next.us - 1});
    bool is_missed = at.us < task->answered_from.us;
    enum skip_cause cause = core->draining                                ? SKIP_DRAIN
                            : task->retired || !task->definition->enabled ? SKIP_REMOVED
                            : task->paused                                ? SKIP_PAUSED
                            : core->now.us < task->held_until.us          ? SKIP_HOLD
                                                                          : SKIP_NONE;
    if (cause != SKIP_NONE) {
        give_up(core, index, is_missed ? at : task->answered_from, cause, actions);
    } else if (!is_missed) {
        answer_put_off(core, index, actions);
    } else {
        struct fallen_due one = between(core, schedule, at, (struct wall){at.us + 1});
        advance(task, at);
        if (clock_run_for(core, index, &one, BESIDE_OTHERS, actions) == INDEX_NONE)
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
    const struct schedule *schedule = &core->tasks[index].definition->schedule;
    if (schedule_next_after(schedule, answered_until).us - core->wall.us <= schedule_far_us(schedule)) {
        clock_wait_beyond(core, index, answered_until, actions);
        return;
    }
    struct action *action = actions_add(actions, ACTION_AHEAD);
    action->task = index;
    action->ahead_us = answered_until.us - core->wall.us;
}

/* What was missed outside the window is skipped, as it would have been, up to the first that was not outside.
 */
static struct fallen_due leave_out_outside(struct core *core, uint32_t index, const struct fallen_due *missed,
                                           struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    const struct schedule *schedule = &task->definition->schedule;
    struct wall inside = opening_first_inside(core, index, &missed->these);
    struct occurrences outside =
        schedule_between(schedule, missed->these.first, (struct wall){inside.us - 1});
    if (outside.count > 0)
        record_skip(core, index, &outside, SKIP_WINDOW, actions);
    if (outside.count == missed->these.count)
        return (struct fallen_due){0};
    return between(core, schedule, inside, task->answered_from);
}

void catchup_restore(struct core *core, uint32_t index, struct wall answered_until, struct wall ahead_until,
                     struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    const struct schedule *schedule = &task->definition->schedule;
    if (!due_has(&core->due, index))
        return;
    struct wall first = schedule_next_after(schedule, answered_until);
    struct fallen_due missed = between(core, schedule, first, task->answered_from);
    if (answered_until.us > ahead_until.us)
        ahead_until = answered_until;
    if (schedule_next_after(schedule, ahead_until).us > task->due.us)
        wait_for_record(core, index, ahead_until, actions);
    if (missed.these.count < 1)
        return;
    bool is_guarded = task->definition->when != NULL;
    if (is_guarded) /* what its guard said no to left no record: it is asked once more, for the last of it */
        missed = between(core, schedule, missed.these.last, task->answered_from);
    if (!task->paused && task->definition->outside == OUTSIDE_SKIP &&
        task->definition->catch_up == CATCH_UP_ONCE) {
        missed = leave_out_outside(core, index, &missed, actions);
        if (missed.these.count < 1) {
            task->answered_from = first;
            return;
        }
    }
    /* later ones were started or given up already: nothing may come behind them */
    bool is_overtaken =
        task->answered_until.us >= task->answered_from.us && run_to_extend(core, task) == INDEX_NONE;
    if (!task->paused && task->definition->catch_up == CATCH_UP_ALL && !is_overtaken) {
        answer_each(core, index, &missed.these, actions);
        return;
    }
    if (!task->paused && task->definition->catch_up != CATCH_UP_SKIP && !is_overtaken)
        answer_once(core, index, &missed, actions);
    else if (!is_guarded) /* else nobody knows whether it was missed */
        record_skip(core, index, &missed.these, task->paused ? SKIP_PAUSED : SKIP_MISSED, actions);
    task->answered_from = first;
}
