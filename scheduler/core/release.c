#include "scheduler/core/release.h"

#include "scheduler/core/gate.h"
#include "scheduler/core/group.h"
#include "scheduler/core/held.h"
#include "scheduler/core/opening.h"
#include "scheduler/core/run.h"

/* --- a task's own runs --- */

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

/* --- windows --- */

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
    bool begun = run->state != RUN_FREE && run->begun;
    if (begun && run->state == (held_by_group(core, run) ? RUN_WAITING : RUN_HELD) && run->bites.count)
        run_move(core, index, RUN_WAITING); /* the group of what is between two bites is another one */
    if (run->held == HELD_BY_WINDOW && opening_is_of(core, run) && !opening_keeps_out(core, run))
        open_now(core, index);
    else if ((run->state == RUN_HELD || run->state == RUN_WAITING) && !begun)
        release_follow_window(core, index);
    else if (begun && opening_is_of(core, run))
        rearm(core, index); /* it may be stopped when the window closes, or be its last bite */
}

/* --- groups --- */

/*
 * Whether the strand's pool cannot be reached, or has no room for its runs (as in may_be_passed() of
 * grant.c): nobody knows for how long. Then whoever has his turn there does not count, or others would wait
 * for a server that is away. One is let into the pool's queue all the same, so that it is tried.
 */
static bool is_cut_off(const struct core *core, const struct strand *strand) {
    const struct core_pool *pool = &core->pools[strand->pool];
    bool is_away = tokens_sessions(&pool->tokens) == pool->tokens.opening || pool->failure == CONNECT_STANDBY;
    return (pool->failing && is_away) || (strand->tokens && strand->tokens > gate_room(core, pool));
}

/* How many may have their turn beside those that are under way. */
static uint32_t room_of(const struct core_group *group) {
    uint32_t limit = group->settings->limit;
    return group->busy.count < limit ? limit - group->busy.count : 0;
}

static void send_back(struct core *core, uint32_t run) {
    group_hold(core, run);
    run_move(core, run, RUN_WAITING);
    core_wake_at(core, core->now.us + 1); /* its pool may have had its turn in this step already */
}

static void call(struct core *core, uint32_t run) {
    group_call(core, run);
    run_move(core, run, RUN_WAITING);
}

/* Who has his turn, waits for his pool, and counts. */
static uint32_t count_called(const struct core *core, const struct core_group *group) {
    uint32_t count = 0;
    for (uint32_t i = group->strand_first; i < group->strand_first + group->strand_count; i++)
        if (!is_cut_off(core, &core->groups.strands[i]))
            count += core->groups.strands[i].called.count;
    return count;
}

/* Of those strands whose pools can be reached: who is held and comes first; who has his turn and comes last.
 * INDEX_NONE: nobody. */
static void find_ends(const struct core *core, const struct core_group *group, uint32_t *ret_first_held,
                      uint32_t *ret_last_called) {
    *ret_first_held = *ret_last_called = INDEX_NONE;
    for (uint32_t i = group->strand_first; i < group->strand_first + group->strand_count; i++) {
        const struct strand *strand = &core->groups.strands[i];
        uint32_t held = group_first_held(core, strand), called = strand->called.last;
        if (is_cut_off(core, strand))
            continue;
        if (held != INDEX_NONE &&
            (*ret_first_held == INDEX_NONE || group_is_before(core, held, *ret_first_held)))
            *ret_first_held = held;
        if (called != INDEX_NONE &&
            (*ret_last_called == INDEX_NONE || group_is_before(core, *ret_last_called, called)))
            *ret_last_called = called;
    }
}

static void settle_cut_off(struct core *core, struct strand *strand, uint32_t room) {
    uint32_t most = room > 0, held;
    while (strand->called.count > most)
        send_back(core, strand->called.last);
    if (strand->called.count < most && (held = group_first_held(core, strand)) != INDEX_NONE)
        call(core, held);
}

uint32_t release_turn_count(const struct core *core, const struct core_group *group) {
    return group->busy.count + count_called(core, group);
}

static void settle(struct core *core, struct core_group *group) {
    uint32_t room = room_of(group), called_count = count_called(core, group), held, called;
    for (uint32_t i = group->strand_first; i < group->strand_first + group->strand_count; i++)
        if (is_cut_off(core, &core->groups.strands[i]))
            settle_cut_off(core, &core->groups.strands[i], room);
    for (;;) {
        find_ends(core, group, &held, &called);
        bool is_first = held != INDEX_NONE && called != INDEX_NONE && group_is_before(core, held, called);
        if (called_count > room || (called_count == room && is_first)) {
            send_back(core, called);
        } else if (called_count < room && held != INDEX_NONE) {
            call(core, held);
        } else {
            return;
        }
        called_count = count_called(core, group);
    }
}

void release_groups(struct core *core) {
    while (core->groups.unsettled != INDEX_NONE) {
        struct core_group *group = &core->groups.items[core->groups.unsettled];
        core->groups.unsettled = group->next_unsettled;
        settle(core, group);
        group->unsettled = false; /* what has moved meanwhile is settled */
    }
}
