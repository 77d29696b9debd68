#include "scheduler/core/clock.h"

#include "scheduler/core/gate.h"
#include "scheduler/core/hands.h"
#include "scheduler/core/opening.h"
#include "scheduler/core/record.h"
#include "scheduler/core/release.h"
#include "scheduler/core/run.h"

/* Reading two clocks takes a while, and they are slewed alike: only a real step is larger. */
#define STEP_LEAST_US (500 * US_PER_MS)

static int64_t interval_of(const struct core *core, uint32_t index) {
    const struct schedule *schedule = &core->tasks[index].definition->schedule;
    const struct core_pool *pool = &core->pools[core->tasks[index].pool];
    return schedule_interval_us(schedule,
                                schedule_is_elastic(schedule) ? gate_pressure_permille(core, pool) : 0);
}

/* The occurrences from a due instant on that have come until then, at the interval in force. */
static struct occurrences occurrences_of(const struct core_task *task, struct wall first, struct wall until) {
    return task->interval_us ? schedule_paced(task->interval_us, first, until)
                             : schedule_between(&task->definition->schedule, first, until);
}

/* Those that are due now, and the one that follows, at interval_us. Of a calendar it is mostly one. */
static struct occurrences take_due(const struct core_task *task, struct wall until, int64_t interval_us,
                                   struct wall *ret_next) {
    const struct schedule *schedule = &task->definition->schedule;
    struct occurrences due = {task->due, task->due, 1};
    if (interval_us) {
        due = schedule_paced(task->interval_us, task->due, until);
        *ret_next = schedule_paced_next(interval_us, due.last);
        return due;
    }
    *ret_next = schedule_next_after(schedule, task->due);
    if (ret_next->us > until.us)
        return due;
    due = schedule_between(schedule, task->due, until);
    *ret_next = schedule_next_after(schedule, due.last);
    return due;
}

/* interval_us: in force from then on. */
static void wait_for(struct core *core, uint32_t task, struct wall due, int64_t interval_us) {
    core->tasks[task].due = due;
    core->tasks[task].interval_us = interval_us;
    due_set(&core->due, task, us_add(core->now.us, due.us - core->wall.us));
}

/* --- what was answered is not answered again --- */

/*
 * How far the clock may have been set back for us to wait until it has come again to where we were. Beyond
 * that its past must have been wrong: a clock that stood ten years ahead for a minute stops no task for ten
 * years. Three hours as in cron(8).
 */
#define REPEATED_MOST_US (3 * US_PER_H)

static void answer_from(struct core_task *task, struct wall from) {
    task->answered_from = from;
    task->answered_until.us = from.us - 1;
}

/* The due instant, or the first one after what was answered before. */
static struct wall unanswered(struct core *core, uint32_t index, struct wall due) {
    struct core_task *task = &core->tasks[index];
    const struct schedule *schedule = &task->definition->schedule;
    int64_t far_us = schedule_far_us(schedule),
            most_us = far_us > REPEATED_MOST_US ? far_us : REPEATED_MOST_US;
    if ((due.us < task->answered_from.us && !catchup_is_on(task)) || due.us > task->answered_until.us)
        return due;
    if (task->answered_until.us - core->wall.us <= most_us)
        return schedule_next_after(schedule, task->answered_until);
    if (!catchup_is_on(task))
        answer_from(task, due);
    return due;
}

void clock_arm(struct core *core, uint32_t task) {
    if (core->tasks[task].definition->schedule.kind == SCHEDULE_NONE)
        return;
    struct wall due = schedule_next_after(&core->tasks[task].definition->schedule, core->wall);
    if (core->tasks[task].answered_from.us == 0)
        answer_from(&core->tasks[task], due);
    wait_for(core, task, unanswered(core, task, due), interval_of(core, task));
}

/* Two daemons whose clocks agree are never so far apart. */
#define AHEAD_LEAST_US (5 * US_PER_S)

bool clock_is_kept(const struct core *core, uint32_t task) {
    return core->tasks[task].kept_until.us - core->wall.us > AHEAD_LEAST_US;
}

/* Told once, until it runs again. */
static void keep_until(struct core *core, uint32_t index, struct wall answered, struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    bool told = task->kept_until.us != 0;
    if (answered.us - core->wall.us <= AHEAD_LEAST_US)
        return;
    if (answered.us > task->kept_until.us)
        task->kept_until = answered;
    if (told || !actions)
        return;
    struct action *action = actions_add(actions, ACTION_KEPT);
    action->task = index;
    action->ahead_us = answered.us - core->wall.us;
}

void clock_note_elsewhere(struct core *core, uint32_t task, struct wall answered, struct actions *actions) {
    core->tasks[task].elsewhere_count++;
    keep_until(core, task, answered, actions);
}

void clock_wait_beyond(struct core *core, uint32_t task, struct wall answered, struct actions *actions) {
    keep_until(core, task, answered, actions);
    wait_for(core, task, schedule_next_after(&core->tasks[task].definition->schedule, answered),
             interval_of(core, task));
}

/*
 * After a step forward the due instant stands and may have passed: then it is due now, and answers what was
 * missed. After a step back by a little it stands as well; after a larger one the task goes by the new time,
 * less what it has answered before.
 */
static void rearm(struct core *core, uint32_t task) {
    const struct schedule *schedule = &core->tasks[task].definition->schedule;
    struct wall due = core->tasks[task].due, next = schedule_next_after(schedule, core->wall);
    if (due.us - core->wall.us > schedule_far_us(schedule))
        due = unanswered(core, task, next);
    if (due.us > next.us && core->tasks[task].answered_until.us > core->wall.us)
        keep_until(core, task, core->tasks[task].answered_until, NULL); /* of all the step is told */
    wait_for(core, task, due, interval_of(core, task));
}

void clock_follow(struct core *core, struct actions *actions) {
    int64_t offset_us = core->wall.us - core->now.us;
    int64_t step_us = offset_us - core->wall_offset_us;
    bool known = core->clock_known;
    core->clock_known = true;
    if (!known)
        core->wall_offset_us = offset_us;
    if (!known || (step_us < STEP_LEAST_US && step_us > -STEP_LEAST_US))
        return;
    core->wall_offset_us = offset_us;
    actions_add(actions, ACTION_STEPPED)->stepped_us = step_us;
    for (uint32_t task = 0; task < core->task_count; task++)
        if (due_has(&core->due, task))
            rearm(core, task);
    for (uint32_t run = 0; run < core->run_used; run++)
        release_look_again(core, run);
}

uint32_t clock_run_for(struct core *core, uint32_t task, const struct fallen_due *due, enum beside beside,
                       struct actions *actions) {
    uint32_t index = run_create(core, task);
    if (index == INDEX_NONE) {
        record_skip(core, task, &due->these, SKIP_FULL, actions);
        return index;
    }
    struct run *run = &core->runs[index];
    run->due_first = due->these.first;
    run->due_last = due->these.last;
    run->occurrence_count = due->these.count;
    run->due = due->first;
    run->overdue_us = due->overdue_us;
    run->last = due->last;
    run->comes_behind = beside == BEHIND_OTHERS;
    core->tasks[task].stats.merged_count += (uint64_t)(due->these.count - 1);
    run_move(core, index, RUN_WAITING);
    return index;
}

/* A run that waits a second time may have missed occurrences that were skipped while it ran: then it answers
 * only its own. */
static bool may_join(const struct core *core, const struct core_task *task) {
    if (task->waiting_run == INDEX_NONE)
        return false;
    const struct run *run = &core->runs[task->waiting_run];
    if (run->claim_state == CLAIM_COMMITTED &&
        (run->occurrence_count == 0 ||
         !schedule_is_same(&run->definition->schedule, &task->definition->schedule)))
        return false; /* its row cannot answer another one */
    if (run->lost_claim_count && run->claim_state != CLAIM_COMMITTED)
        return false; /* it may have a row, which is its own only as long as it answers the same */
    return run->occurrence_count == 0 || run->due_last.us == task->last_due.us;
}

/* The run that waits answers these, too. */
static void join(struct core *core, struct core_task *task, const struct fallen_due *due) {
    struct run *run = &core->runs[task->waiting_run];
    if (run->occurrence_count == 0) { /* a triggered run: it answers what becomes due while it waits */
        run->due_first = due->these.first;
        run->due = due->first;
    } else {
        task->stats.merged_count += (uint64_t)due->these.count;
    }
    run->due_last = due->these.last;
    run->last = due->last;
    run->occurrence_count += due->these.count;
    if (run->held == HELD_BY_WINDOW && opening_is_open(core, run->task, due->these.last))
        run_move(core, task->waiting_run,
                 RUN_WAITING); /* what falls due inside begins, and answers for all */
}

static void answer(struct core *core, uint32_t index, const struct fallen_due *due, struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    const struct task *definition = task->definition;
    /* it waits not for its own work, but for a place for it: then the next one waits behind it */
    bool is_only_claimed = task->running_count == 0 && task->waiting_count == 1 &&
                           task->waiting_run != INDEX_NONE &&
                           (core->runs[task->waiting_run].claim_state == CLAIM_COMMITTED ||
                            core->runs[task->waiting_run].lost_claim_count > 0);
    bool is_open = opening_is_open(core, index, due->these.last), passes = task->paused;
    passes |= !is_open && definition->outside == OUTSIDE_SKIP;
    if (task->passed_over.due.count && !passes)
        hands_end_passing(core, index, actions);
    if (catchup_is_on(
            task)) { /* what becomes due meanwhile has one run, or none if it is paused: catchup_go_on() */
        if (due->these.first.us < task->answered_from.us) /* but the clock was set far back */
            record_skip(core, index, &due->these, SKIP_MISSED, actions);
    } else if (task->paused) {
        hands_pass_over(core, index, &due->these, SKIP_PAUSED, actions);
    } else if (passes) {
        hands_pass_over(core, index, &due->these, SKIP_WINDOW, actions);
    } else if (core->now.us < task->held_until.us) {
        record_skip(core, index, &due->these, SKIP_HOLD, actions);
    } else if (may_join(core, task)) {
        join(core, task, due);
    } else if (task->running_count + task->waiting_count == 0 ||
               (definition->overlap == OVERLAP_ALLOW && task->waiting_count + task->between_count < 2)) {
        clock_run_for(core, index, due, BESIDE_OTHERS, actions);
    } else if (((definition->overlap == OVERLAP_QUEUE || !is_open) && task->waiting_count < 2) ||
               is_only_claimed) {
        clock_run_for(core, index, due, BEHIND_OTHERS, actions);
    } else {
        record_skip(core, index, &due->these, SKIP_OVERLAP, actions);
    }
}

/*
 * The clock was set back to before what this daemon has answered, and forward again: what lies before that is
 * on record as missed, for no run may be behind a newer one; what follows is left. False: nothing is.
 */
static bool leave_out_answered(struct core *core, uint32_t index, struct fallen_due *due,
                               struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    struct wall first = due->these.first, last = due->these.last, before = {task->answered_from.us - 1};
    if (task->answered_until.us < task->answered_from.us || first.us >= task->answered_from.us ||
        last.us < task->answered_from.us)
        return true;
    struct occurrences missed = occurrences_of(task, first, before);
    record_skip(core, index, &missed, SKIP_MISSED, actions);
    struct wall left = schedule_next_after(&task->definition->schedule, task->answered_until);
    due->these = occurrences_of(task, left, last);
    due->first.us += left.us - first.us;
    due->last.us = due->first.us + (due->these.last.us - left.us);
    return due->these.count > 0;
}

/* Inlined, always: gcc sees no effect in a call of what only fetches, and leaves it out. */
static inline __attribute__((always_inline)) void fetch(const void *memory, size_t bytes) {
    for (size_t at = 0; at < bytes; at += 64)
        __builtin_prefetch((const char *)memory + at);
}

/*
 * With a million tasks a decision is mostly a wait for memory: what the next one reads is asked for while
 * this one is handled, and of those that may follow it the place where their definition is found.
 */
static inline __attribute__((always_inline)) void fetch_next(const struct core *core) {
    const struct due_entry *next = due_first(&core->due);
    if (!next)
        return;
    fetch(&core->tasks[next->id], sizeof *core->tasks);
    fetch(&core->late[next->id], 1);
    fetch(&core->took[next->id], 1);
    fetch(core->tasks[next->id].definition, sizeof *core->tasks->definition);
    for (uint32_t i = 1; i <= DUE_CHILDREN && i < core->due.count; i++)
        fetch(&core->tasks[next[i].id].definition, 1);
}

bool clock_collect_due(struct core *core, struct actions *actions) {
    const struct due_entry *first;
    while ((first = due_first(&core->due)) && first->at <= core->now.us) {
        if (!actions_have_room(actions))
            return true;
        uint32_t index = first->id;
        struct core_task *task = &core->tasks[index];
        int64_t interval_us = interval_of(core, index);
        /* the wall clock may be a little behind the monotonic one */
        struct wall until = task->due.us > core->wall.us ? task->due : core->wall;
        struct wall next;
        struct fallen_due due = {.these = take_due(task, until, interval_us, &next), .first = {first->at}};
        struct wall last = due.these.last;
        due.last.us = first->at + last.us - task->due.us;
        if (leave_out_answered(core, index, &due, actions)) {
            answer(core, index, &due, actions);
            task->last_due = due.these.last;
            if (task->last_due.us > task->answered_until.us)
                task->answered_until = task->last_due;
        }
        wait_for(core, index, unanswered(core, index, next), interval_us);
        fetch_next(core);
    }
    return false;
}
