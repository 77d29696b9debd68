/*
 * Due instants are wall-clock instants, waited for on the monotonic clock. Time that was missed (a stalled
 * process, a machine that slept, a clock set forward) becomes one run that answers all it missed.
 */
#include "scheduler/core_parts.h"
#include "scheduler/gate.h"

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

void clock_arm(struct core *core, uint32_t task) {
    wait_for(core, task, schedule_next_after(&core->tasks[task].definition->schedule, core->wall),
             interval_of(core, task));
}

/*
 * After a step forward the due instant stands and may have passed: then it is due now, and answers what was
 * missed. After a step back it stands as well, so that no instant is answered twice, unless it is so far
 * ahead that the clock's past must have been wrong: no task waits for more than twice its interval.
 */
static void rearm(struct core *core, uint32_t task) {
    const struct schedule *schedule = &core->tasks[task].definition->schedule;
    struct wall due = core->tasks[task].due;
    if (due.us - core->wall.us > 2 * schedule->every_most_us)
        due = schedule_next_after(schedule, core->wall);
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

struct occurrences {
    struct wall first, last;
    int64_t count;
    struct mono due; /* of the first */
};

static void run_for(struct core *core, uint32_t task, const struct occurrences *due, enum run_state state,
                    struct actions *actions) {
    uint32_t slot = run_create(core, task);
    if (slot == SLOT_NONE) {
        record_skip(core, task, due->first, due->last, due->count, SKIP_FULL, actions);
        return;
    }
    struct run *run = &core->runs[slot];
    run->due_first = due->first;
    run->due_last = due->last;
    run->occurrence_count = due->count;
    run->due = due->due;
    core->tasks[task].stats.merged_count += (uint64_t)(due->count - 1);
    run_move(core, slot, state);
}

/* A run that waits a second time may have missed occurrences that were skipped while it ran: then it answers
 * only its own. */
static bool may_join(const struct core *core, const struct core_task *task) {
    if (task->waiting_run == SLOT_NONE)
        return false;
    const struct run *run = &core->runs[task->waiting_run];
    return run->occurrence_count == 0 || run->due_last.us == task->last_due.us;
}

static void answer(struct core *core, uint32_t index, const struct occurrences *due,
                   struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    if (task->paused) {
        hands_pass_over(core, index, due->first, due->last, due->count, actions);
    } else if (core->now.us < task->held_until.us) {
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
        run->occurrence_count += due->count;
    } else if (task->running_count + task->waiting_count == 0 ||
               (task->definition->overlap == OVERLAP_ALLOW &&
                task->waiting_count + task->between_count < 2)) {
        run_for(core, index, due, RUN_WAITING, actions);
    } else if (task->definition->overlap == OVERLAP_QUEUE && task->waiting_count < 2) {
        run_for(core, index, due, RUN_HELD, actions);
    } else {
        record_skip(core, index, due->first, due->last, due->count, SKIP_OVERLAP, actions);
    }
}

bool clock_collect_due(struct core *core, struct actions *actions) {
    const struct due_entry *first;
    while ((first = due_first(&core->due)) && first->at <= core->now.us) {
        if (!actions_have_room(actions))
            return true;
        uint32_t index = first->id;
        struct core_task *task = &core->tasks[index];
        int64_t count = schedule_count(task->interval_us, task->due, core->wall);
        if (count < 1) /* the wall clock is a little behind the monotonic one */
            count = 1;
        struct wall last = {task->due.us + (count - 1) * task->interval_us};
        struct occurrences due = {task->due, last, count, {first->at}};
        int64_t interval_us = interval_of(core, index);
        wait_for(core, index, (struct wall){last.us + interval_us}, interval_us);
        answer(core, index, &due, actions);
        task->last_due = due.last;
    }
    return false;
}
