#include "scheduler/core/ended.h"

/* The 2 s of CONNINFO_CHECKS_CLIENTS, which children are given, and what the server takes to end a session.
 */
#define SETTLE_US (3 * US_PER_S)

struct mono ended_settle_at(const struct core_pool *pool) {
    return mono_add(pool->gate.ended_at, SETTLE_US);
}

/* Once a reload has given the task another pool, nobody looks for its sessions in this one. Behind a pooler
 * they are the pooler's, which keeps them open. */
void ended_keep(struct core *core, const struct run *run, uint32_t units) {
    struct core_pool *pool = &core->pools[run->pool];
    struct core_task *task = &core->tasks[run->task];
    if (units == 0 || task->pool != run->pool || task->retired || pool->retired || pool->gate.sample.pooled)
        return;
    pool->tokens.ended += units;
    pool->gate.ended_at = core->now;
    task->ended_units += units;
    pool->gate.ended_look = task->ended_look = pool->gate.ask_count + 1;
}

/* Of a task that runs again already the look may count the new run's sessions, too: then too many tokens are
 * held rather than too few, at the most until that run ends. */
void ended_release(struct core *core, struct core_pool *pool, const struct sample *sample) {
    for (uint32_t i = 0; pool->tokens.ended && i < core->task_count; i++) {
        struct core_task *task = &core->tasks[i];
        if (task->ended_units == 0 || &core->pools[task->pool] != pool ||
            pool->gate.ask_count < task->ended_look || sample_list_is_cut(sample))
            continue;
        uint32_t seen = sample->pooled ? 0 : sample_sessions_of(sample, task->definition->name);
        uint32_t gone = task->ended_units > seen ? task->ended_units - seen : 0;
        task->ended_units -= gone;
        pool->tokens.ended -= gone;
    }
}

/* A pool that has not been looked at since has another server. */
void ended_recount(struct core *core) {
    for (uint32_t i = 0; i < core->pool_count; i++)
        core->pools[i].tokens.ended = 0;
    for (uint32_t i = 0; i < core->task_count; i++) {
        struct core_task *task = &core->tasks[i];
        struct core_pool *pool = &core->pools[task->pool];
        if (task->retired || pool->retired || pool->gate.ask_count == 0)
            task->ended_units = 0;
        pool->tokens.ended += task->ended_units;
    }
}
