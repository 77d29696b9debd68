#include "scheduler/core/wake.h"

#include <string.h>

#include "scheduler/core/run.h"

/* While no record is free for its run, it is tried again so soon: some end within that. */
#define FULL_AGAIN_US (100 * US_PER_MS)

/* Whoever pauses a task, or takes it out of the file, has it look once when it goes on. */
static bool may_wake(const struct core *core, const struct core_task *task) {
    return core->armed && !core->draining && !task->paused && !task->retired && task->definition->enabled &&
           task->definition->wake;
}

/* Not sooner behind the start of its last run, nor while it is on hold. */
static int64_t may_begin_at(const struct core *core, const struct core_task *task) {
    int64_t at = core->now.us, bound_us = task->definition->wake->most_every_us;
    if (task->begun.us && us_add(task->begun.us, bound_us) > at)
        at = us_add(task->begun.us, bound_us);
    return task->held_until.us > at ? task->held_until.us : at;
}

void wake_arm(struct core *core, uint32_t index) {
    struct core_task *task = &core->tasks[index];
    task->woken = task->woken && may_wake(core, task);
    if (task->woken)
        due_set(&core->wakes, index, may_begin_at(core, task));
    else
        due_remove(&core->wakes, index);
}

void wake_owe(struct core *core, uint32_t index) {
    struct core_task *task = &core->tasks[index];
    if (!may_wake(core, task))
        return;
    task->woken = true;
    if (task->waiting_run == INDEX_NONE) {
        wake_arm(core, index);
        return;
    }
    core->runs[task->waiting_run].woken = true;
    task->woken = false;
    due_remove(&core->wakes, index);
}

void wake_hear(struct core *core, uint32_t index) {
    struct core_task *task = &core->tasks[index];
    if (!may_wake(core, task))
        return;
    task->heard = core->now;
    wake_owe(core, index);
}

void wake_follow(struct core *core, uint32_t index, const struct taskset *before) {
    const struct task *definition = core->tasks[index].definition;
    const struct pool_settings *pool = core->pools[core->tasks[index].pool].settings;
    uint32_t pool_before = before ? taskset_find_pool(before, pool->name) : TASKSET_NONE;
    if (!definition->wake || !definition->enabled || pool_before == TASKSET_NONE)
        return;
    for (uint32_t i = 0; i < definition->wake->channel_count; i++) {
        struct wakes woken = wakes_of_channel(before->wakes, pool_before, definition->wake->channels[i]);
        bool was_woken = woken.count == 0; /* a channel that is new is followed by a look in any case */
        for (uint32_t j = 0; !was_woken && j < woken.count; j++)
            was_woken = strcmp(before->tasks[woken.items[j].task].name, definition->name) == 0;
        if (!was_woken)
            wake_hear(core, index);
    }
}

static void begin(struct core *core, uint32_t index) {
    struct core_task *task = &core->tasks[index];
    uint32_t created = run_create(core, index);
    if (created == INDEX_NONE) {
        due_set(&core->wakes, index, us_add(core->now.us, FULL_AGAIN_US));
        return;
    }
    struct run *run = &core->runs[created];
    task->woken = false;
    task->stats.woken_count++;
    run->woken = true;
    run->due = core->now;
    run->due_first = run->due_last = core->wall;
    run->comes_behind = task->running_count + task->waiting_count > 0;
    run_move(core, created, RUN_WAITING);
}

bool wake_collect(struct core *core, struct actions *actions) {
    const struct due_entry *first;
    while ((first = due_first(&core->wakes)) && first->at <= core->now.us) {
        uint32_t index = first->id;
        if (!actions_have_room(actions))
            return true;
        due_remove(&core->wakes, index);
        if (!may_wake(core, &core->tasks[index])) /* it was paused meanwhile */
            core->tasks[index].woken = false;
        else if (core->tasks[index].waiting_run != INDEX_NONE)
            wake_owe(core, index); /* what has become due meanwhile serves */
        else if (may_begin_at(core, &core->tasks[index]) > core->now.us)
            wake_arm(core, index);
        else
            begin(core, index);
    }
    return false;
}
