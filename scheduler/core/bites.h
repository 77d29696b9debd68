/*
 * Work in bites (repeat = rows): a run whose transaction changed rows is due again at once. It gives its
 * token back, has a break, waits for a turn like any other, and is the same run, with one record. It ends
 * when a bite has changed nothing, or when the rest is left to the next run of its task.
 */
#ifndef SCHEDULER_CORE_BITES_H
#define SCHEDULER_CORE_BITES_H

#include "scheduler/core/state.h"

/*
 * A bite of the run is done. True: a further one waits for its turn. cause: why none may begin, or SKIP_NONE;
 * where there was more to change, it is noted.
 */
bool bites_go_on(struct core *core, uint32_t run, const struct run_ending *ended, enum skip_cause cause);

/* Whether the pool's limit is being pushed: then bites have long breaks. */
static inline bool bites_feel_pressure(const struct core_pool *pool) {
    return pool->gate.limit.state == LIMIT_HIGH || pool->gate.limit.state == LIMIT_CRITICAL;
}

/* Of a run that has begun: its bite under way is its last, and none that waits begins. */
void bites_leave_rest(struct core *core, uint32_t run, enum skip_cause cause);

/* Of all of the task's runs. */
void bites_leave_all(struct core *core, uint32_t task, enum skip_cause cause);

#endif
