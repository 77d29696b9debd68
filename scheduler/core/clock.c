#include "scheduler/core/clock.h"

#include "scheduler/core/gate.h"
#include "scheduler/core/hands.h"
#include "scheduler/core/record.h"
#include "scheduler/core/run.h"

/* Reading two clocks takes a while, and they are slewed alike: only a real step is larger. */
#define STEP_LEAST_US (500 * US_PER_MS)

static bool is_armed(const struct core *core, uint32_t task) {
    return due_has(&core->due, task);
}

static int64_t interval_of(const struct core *core, uint32_t index) {
    const struct schedule *schedule = &core->tasks[index].definition->schedule;
    if (schedule->every_most_us == schedule->every_us)
        return schedule->every_us;
    return schedule_interval_us(schedule,
                                gate_pressure_permille(core, &core->pools[core->tasks[index].pool]));
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

static int64_t repeated_most_us(const struct schedule *schedule) {
    int64_t two_us = 2 * schedule->every_most_us;
    return two_us > REPEATED_MOST_US ? two_us : REPEATED_MOST_US;
}

static void answer_from(struct core_task *task, struct wall from) {
    task->answered_from = from;
    task->answered_until.us = from.us - 1;
}

static bool is_answered(const struct core_task *task, struct wall due) {
    return (due.us >= task->answered_from.us || catchup_is_on(task)) && due.us <= task->answered_until.us;
}

/* The due instant, or the first one after what was answered before. */
static struct wall unanswered(struct core *core, uint32_t index, struct wall due) {
    struct core_task *task = &core->tasks[index];
    const struct schedule *schedule = &task->definition->schedule;
    if (!is_answered(task, due))
        return due;
    if (task->answered_until.us - core->wall.us <= repeated_most_us(schedule))
        return schedule_next_after(schedule, task->answered_until);
    if (!catchup_is_on(task))
        answer_from(task, due);
    return due;
}

void clock_arm(struct core *core, uint32_t task) {
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
    if (due.us - core->wall.us > 2 * schedule->every_most_us)
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
        if (is_armed(core, task))
            rearm(core, task);
}

uint32_t clock_run_for(struct core *core, uint32_t task, const struct occurrences *due, enum run_state state,
                       struct actions *actions) {
    uint32_t index = run_create(core, task);
    if (index == INDEX_NONE) {
        record_skip(core, task, due->first, due->last, due->count, SKIP_FULL, actions);
        return index;
    }
    struct run *run = &core->runs[index];
    run->due_first = due->first;
    run->due_last = due->last;
    run->occurrence_count = due->count;
    run->due = due->due;
    run->overdue_us = due->overdue_us;
    run->last = due->until;
    core->tasks[task].stats.merged_count += (uint64_t)(due->count - 1);
    run_move(core, index, state);
    return index;
}

/* A run that waits a second time may have missed occurrences that were skipped while it ran: then it answers
 * only its own. */
static bool may_join(const struct core *core, const struct core_task *task) {
    if (task->waiting_run == INDEX_NONE)
        return false;
    const struct run *run = &core->runs[task->waiting_run];
    if (run->claimed && (run->occurrence_count == 0 ||
                         !schedule_is_same(&run->definition->schedule, &task->definition->schedule)))
        return false; /* its row cannot answer another one */
    return run->occurrence_count == 0 || run->due_last.us == task->last_due.us;
}

/* What it waits for is not its own work, but a place for it: then the next one waits behind it. */
static bool is_only_claimed(const struct core *core, const struct core_task *task) {
    return task->running_count == 0 && task->waiting_count == 1 && task->waiting_run != INDEX_NONE &&
           core->runs[task->waiting_run].claimed;
}

static void answer(struct core *core, uint32_t index, const struct occurrences *due,
                   struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    if (task->paused) {
        hands_pass_over(core, index, due->first, due->last, due->count, actions);
        return;
    }
    if (catchup_is_on(task)) { /* one run answers what becomes due meanwhile: catchup_go_on() */
        if (due->first.us < task->answered_from.us) /* but the clock was set far back */
            record_skip(core, index, due->first, due->last, due->count, SKIP_MISSED, actions);
        return;
    }
    if (core->now.us < task->held_until.us) {
        record_skip(core, index, due->first, due->last, due->count, SKIP_HOLD, actions);
    } else if (may_join(core, task)) {
        struct run *run = &core->runs[task->waiting_run];
        if (run->occurrence_count == 0) { /* a triggered run: it answers what becomes due while it waits */
            run->due_first = due->first;
            run->due = due->due;
        } else {
            task->stats.merged_count += (uint64_t)due->count;
        }
        run->due_last = due->last;
        run->last = due->until;
        run->occurrence_count += due->count;
    } else if (task->running_count + task->waiting_count == 0 ||
               (task->definition->overlap == OVERLAP_ALLOW &&
                task->waiting_count + task->between_count < 2)) {
        clock_run_for(core, index, due, RUN_WAITING, actions);
    } else if ((task->definition->overlap == OVERLAP_QUEUE && task->waiting_count < 2) ||
               is_only_claimed(core, task)) {
        clock_run_for(core, index, due, RUN_HELD, actions);
    } else {
        record_skip(core, index, due->first, due->last, due->count, SKIP_OVERLAP, actions);
    }
}

/*
 * The clock was set back to before what this daemon has answered, and forward again: what lies before that is
 * on record as missed, for no run may be behind a newer one; what follows is left. False: nothing is.
 */
static bool leave_out_answered(struct core *core, uint32_t index, struct occurrences *due,
                               int64_t interval_us, struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    if (task->answered_until.us < task->answered_from.us || due->first.us >= task->answered_from.us ||
        due->last.us < task->answered_from.us)
        return true;
    struct wall before = {task->answered_from.us - 1};
    int64_t count = schedule_count(interval_us, due->first, before);
    before.us = due->first.us + (count - 1) * interval_us;
    record_skip(core, index, due->first, before, count, SKIP_MISSED, actions);
    struct wall first = schedule_next_after(&task->definition->schedule, task->answered_until);
    due->count = schedule_count(interval_us, first, due->last);
    due->due.us += first.us - due->first.us;
    due->first = first;
    due->last.us = first.us + (due->count - 1) * interval_us;
    due->until.us = due->due.us + (due->last.us - due->first.us);
    return due->count > 0;
}

static void note_answered(struct core_task *task, const struct occurrences *due) {
    task->last_due = due->last;
    if (due->last.us > task->answered_until.us)
        task->answered_until = due->last;
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
        int64_t passed_us = task->interval_us, interval_us = interval_of(core, index);
        int64_t count = schedule_count(passed_us, task->due, core->wall);
        if (count < 1) /* the wall clock is a little behind the monotonic one */
            count = 1;
        struct wall last = {task->due.us + (count - 1) * passed_us};
        struct occurrences due = {task->due, last, count, {first->at}, {first->at + last.us - task->due.us},
                                  0};
        if (leave_out_answered(core, index, &due, passed_us, actions)) {
            answer(core, index, &due, actions);
            note_answered(task, &due);
        }
        wait_for(core, index, unanswered(core, index, (struct wall){last.us + interval_us}), interval_us);
        fetch_next(core);
    }
    return false;
}
