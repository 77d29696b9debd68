#include "scheduler/core/release.h"

#include "scheduler/core/held.h"
#include "scheduler/core/opening.h"
#include "scheduler/core/run.h"

/* Of several that come behind their task's other runs, the first; none while one that has its turn waits. */
static uint32_t first_behind(const struct core *core, uint32_t task) {
    uint32_t first = INDEX_NONE;
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        if (run->task != task || run->state == RUN_FREE)
            continue;
        if (!run->comes_behind)
            return INDEX_NONE;
        if (first == INDEX_NONE || run->number < core->runs[first].number)
            first = i;
    }
    return first;
}

void release_next_of(struct core *core, uint32_t task) {
    const struct core_task *own = &core->tasks[task];
    if (own->running_count > 0 || own->waiting_count == 0)
        return;
    bool one = own->waiting_count == 1 && own->waiting_run != INDEX_NONE;
    uint32_t next = one ? own->waiting_run : first_behind(core, task);
    if (next == INDEX_NONE || !core->runs[next].comes_behind)
        return;
    core->runs[next].comes_behind = false;
    run_move(core, next, RUN_WAITING);
}

/* Also where the window was only looked at so far ahead, or the clocks differ a little. */
static void rearm(struct core *core, uint32_t index) {
    if (opening_is_of(core, &core->runs[index]))
        core->runs[index].window_at = opening_changes_at(core, &core->runs[index]);
    run_arm(core, index);
}

void release_follow_window(struct core *core, uint32_t index) {
    const struct run *run = &core->runs[index];
    if (run->state == RUN_HELD || held_by(core, run) != HELD_BY_NOTHING)
        run_move(core, index, RUN_WAITING);
    else
        rearm(core, index);
}

/* The window is open: as soon as after any opening, and no later than was said. */
static void open_now(struct core *core, uint32_t index) {
    struct run *run = &core->runs[index];
    const struct task *task = core->tasks[run->task].definition;
    int64_t at = us_add(core->now.us, window_spread_us(task->window, task->zone, core->wall, task->name));
    run->window_at.us = at < run->window_at.us ? at : run->window_at.us;
    run_arm(core, index);
}

void release_look_again(struct core *core, uint32_t index) {
    const struct run *run = &core->runs[index];
    if (run->held == HELD_BY_WINDOW && opening_is_of(core, run) && !opening_keeps_out(core, run))
        open_now(core, index);
    else if (run->state == RUN_HELD || (run->state == RUN_WAITING && !run->begun))
        release_follow_window(core, index);
    else if (run->state != RUN_FREE && run->begun && opening_is_of(core, run))
        rearm(core, index); /* it may be stopped when the window closes, or be its last bite */
}
