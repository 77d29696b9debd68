#include "scheduler/core/deadlines.h"

#include "scheduler/core/ending.h"
#include "scheduler/core/opening.h"
#include "scheduler/core/release.h"
#include "scheduler/core/run.h"
#include "scheduler/core/start.h"

/* What has begun and is stopped when its window closes; between two stages there is nothing to stop. */
static void shut_out(struct core *core, uint32_t index, struct actions *actions) {
    struct run *run = &core->runs[index];
    if (!opening_has_closed(core, run)) {
        run->window_at = opening_changes_at(core, run);
        run_arm(core, index);
        return;
    }
    if (run_is_between_bites(run)) {
        run_skip(core, index, SKIP_WINDOW, actions);
        return;
    }
    run->shut_out = true;
    if (run->state == RUN_RUNNING)
        run_stop(core, index, STOP_WINDOW, actions);
    else
        run_give_up(core, index, actions);
}

/* False: it is not its window that opens or closes. */
static bool meet_window(struct core *core, uint32_t index, struct actions *actions) {
    const struct run *run = &core->runs[index];
    if (core->now.us < run_window_deadline(core, run))
        return false;
    if (run->begun)
        shut_out(core, index, actions);
    else
        release_follow_window(core, index);
    return true;
}

/* During a break between two bites its window may have closed. */
static void end_delay(struct core *core, uint32_t index, struct actions *actions) {
    enum skip_cause cause =
        core->runs[index].bites.count ? run_skip_cause(core, &core->runs[index]) : SKIP_NONE;
    if (cause)
        run_skip(core, index, cause, actions);
    else
        run_move(core, index, RUN_WAITING);
}

static void meet_deadline(struct core *core, uint32_t index, struct actions *actions) {
    struct run *run = &core->runs[index];
    int64_t held_us = mono_since(core->now, run->started);
    int64_t timeout_us = stage_timeout_us(run->definition, run->stage);
    due_remove(&core->run_deadlines, index);
    if (meet_window(core, index, actions))
        return;
    switch (run->state) {
    case RUN_DELAYED: end_delay(core, index, actions); break;
    case RUN_STOPPING: run_action(core, index, ACTION_ABORT, actions); break;
    case RUN_HELD:
    case RUN_WAITING:
        if (run_deadline(core, run) <= core->now.us)
            run_skip(core, index, SKIP_LATE, actions);
        else
            run_arm(core, index); /* a later occurrence has joined it */
        break;
    default:
        if (timeout_us && held_us >= timeout_us) {
            run_stop(core, index, STOP_TIMEOUT, actions);
            break;
        }
        run->held_told = true;
        run_action(core, index, ACTION_HELD, actions)->held_us = held_us;
        run_arm(core, index);
    }
}

bool deadlines_meet(struct core *core, struct actions *actions) {
    const struct due_entry *first;
    while ((first = due_first(&core->run_deadlines)) && first->at <= core->now.us) {
        if (!actions_have_room(actions))
            return true;
        meet_deadline(core, first->id, actions);
    }
    return false;
}
