#include "scheduler/core/turn.h"

#include "scheduler/core/gate.h"

/* How many of the heavy are looked at past a first one that has to wait for the application: a bound for the
 * step. The heap has the earliest among them. */
#define HEAVY_LOOK_MOST 256

const struct due_entry *turn_first(const struct core *core, const struct core_pool *pool, enum line line) {
    const struct due *waiting = &pool->queue.lines[line];
    const struct due_entry *first = due_first(waiting), *found = NULL;
    uint32_t room = line == LINE_HEAVY && first ? gate_room(core, pool) : UINT32_MAX;
    if (!first || core->runs[first->id].definition->tokens <= room)
        return first;
    for (uint32_t i = 0; i < waiting->count && i < HEAVY_LOOK_MOST; i++) {
        const struct due_entry *entry = &waiting->entries[i];
        bool earlier = !found || entry->at < found->at || (entry->at == found->at && entry->id < found->id);
        if (earlier && core->runs[entry->id].definition->tokens <= room)
            found = entry;
    }
    return found ? found : first;
}

/* While one of those that were in the way is at work again, what they meet may still be there. */
static bool one_returned_is_at_work(const struct core *core, const struct core_pool *pool) {
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        if (run->yielded && run->state == RUN_RUNNING && &core->pools[run->pool] == pool)
            return true;
    }
    return false;
}

int64_t turn_returned_at(const struct core *core, const struct core_pool *pool) {
    const struct due_entry *first = queue_first(&pool->queue, LINE_RETURNED);
    if (!first)
        return INSTANT_MAX;
    const struct due_entry *heavy = turn_first(core, pool, LINE_HEAVY);
    bool heavy_waits = heavy && core->runs[heavy->id].definition->tokens <= gate_room(core, pool);
    bool alone =
        pool->queue.lines[LINE_LIGHT].count + pool->queue.lines[LINE_WRITE].count == 0 && !heavy_waits;
    if (tokens_taken(&pool->tokens) + 1 < gate_in_force(core, pool) ||
        (alone && !one_returned_is_at_work(core, pool)))
        return core->now.us;
    return us_add(core->runs[first->id].due.us, pool->settings->max_wait_us);
}

/* A run that is half done goes before all that would begin, but for those of a higher priority. They cannot
 * starve: what is half done becomes no more meanwhile. */
static enum line after_what_is_half_done(const struct core *core, const struct core_pool *pool,
                                         enum line head, uint32_t *ret_run) {
    const struct due_entry *first = queue_first(&pool->queue, LINE_WRITE);
    if (!first || (head != LINES &&
                   core->runs[*ret_run].definition->priority > core->runs[first->id].definition->priority))
        return head;
    *ret_run = first->id;
    return LINE_WRITE;
}

enum line turn_head(const struct core *core, const struct core_pool *pool, const bool closed[LINES],
                    uint32_t *ret_run) {
    enum line head = LINES;
    const struct due_entry *earliest = NULL;
    for (enum line line = 0; line < LINES; line++) {
        const struct due_entry *first = closed[line] ? NULL : turn_first(core, pool, line);
        if (!first || (line == LINE_RETURNED && turn_returned_at(core, pool) > core->now.us))
            continue;
        if (earliest && first->at >= earliest->at)
            continue;
        head = line;
        earliest = first;
        *ret_run = first->id;
    }
    return closed[LINE_WRITE] ? head : after_what_is_half_done(core, pool, head, ret_run);
}
