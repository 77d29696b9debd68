#include "scheduler/core/hands.h"

#include "scheduler/core/bites.h"
#include "scheduler/core/record.h"
#include "scheduler/core/recording.h"
#include "scheduler/core/run.h"
#include "scheduler/core/wake.h"

/* A pause and a closed window of any length leave a record of each hour, so that no more is lost with a
 * killed daemon. */
#define PASSED_OVER_FOR_US US_PER_H

void hands_end_passing(struct core *core, uint32_t index, struct actions *actions) {
    struct passed_over *passed = &core->tasks[index].passed_over;
    if (passed->due.count)
        record_counted_skip(core, index, &passed->due, passed->cause, actions);
    *passed = (struct passed_over){0};
}

void hands_pause(struct core *core, uint32_t index, bool paused, struct actions *actions) {
    core->tasks[index].paused = paused;
    if (paused) {
        core->sweep_run = 0;                       /* what waits is skipped */
        bites_leave_all(core, index, SKIP_PAUSED); /* one that was triggered, too: it may take for hours */
    } else {
        hands_end_passing(core, index, actions);
    }
    if (!paused) /* who knows what was notified meanwhile */
        wake_hear(core, index);
}

void hands_pass_over(struct core *core, uint32_t index, const struct occurrences *due, enum skip_cause cause,
                     struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    struct passed_over *passed = &task->passed_over;
    bool back = due->first.us <= passed->due.last.us; /* the clock was set: its instants come round again */
    if (passed->due.count &&
        (back || passed->cause != cause || mono_since(core->now, passed->since) >= PASSED_OVER_FOR_US))
        hands_end_passing(core, index, actions);
    if (passed->due.count == 0)
        *passed = (struct passed_over){cause, {.first = due->first}, core->now};
    passed->due.last = due->last;
    passed->due.count += due->count;
    task->stats.skipped_count += (uint32_t)due->count;
    recording_note_passed(core, index);
}

bool hands_sweep(struct core *core, struct actions *actions) {
    for (; core->sweep_task < core->task_count; core->sweep_task++) {
        if (!actions_have_room(actions))
            return true;
        hands_end_passing(core, core->sweep_task, actions);
    }
    return false;
}

/* The run that its window holds, and nothing else: a person lets it go. */
static bool waits_for_window(const struct core *core, const struct core_task *task) {
    return task->waiting_count == 1 && task->waiting_run != INDEX_NONE &&
           core->runs[task->waiting_run].held == HELD_BY_WINDOW;
}

enum trigger_verdict hands_may_trigger(const struct core *core, uint32_t index) {
    const struct core_task *task = &core->tasks[index];
    if (core->draining)
        return TRIGGER_STOPPING;
    if (task->waiting_run != INDEX_NONE && !waits_for_window(core, task))
        return TRIGGER_WAITS;
    if (task->waiting_run == INDEX_NONE && core->run_free == INDEX_NONE &&
        core->run_used == core->run_capacity)
        return TRIGGER_FULL;
    if (!task->definition->enabled || task->retired)
        return TRIGGER_DISABLED;
    return task->running_count > 0 && task->definition->overlap == OVERLAP_SKIP ? TRIGGER_OVERLAPS
                                                                                : TRIGGER_FINE;
}

void hands_trigger(struct core *core, uint32_t index) {
    enum trigger_verdict verdict = hands_may_trigger(core, index);
    if (verdict == TRIGGER_STOPPING || verdict == TRIGGER_WAITS || verdict == TRIGGER_FULL)
        return;
    if (waits_for_window(core, &core->tasks[index])) {
        core->runs[core->tasks[index].waiting_run].triggered = true;
        run_move(core, core->tasks[index].waiting_run, RUN_WAITING);
        return;
    }
    uint32_t created = run_create(core, index);
    struct run *run = &core->runs[created];
    run->triggered = true;
    run->due = core->now;
    run->due_first = run->due_last = core->wall;
    if (core->tasks[index].definition->after) /* the keys of what its chain brings come behind this one */
        core->tasks[index].last_due.us =
            core->wall.us > core->tasks[index].last_due.us ? core->wall.us : core->tasks[index].last_due.us;
    run->comes_behind = core->tasks[index].running_count > 0;
    run_move(core, created, RUN_WAITING);
}
