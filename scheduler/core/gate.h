/*
 * A pool's view of its database: when it is looked at, what that says of limit and headroom, and how many of
 * the open sessions have to go. The judgements are pool/budget/headroom.h and pool/budget/limit.h; here they
 * meet the core's sums.
 */
#ifndef SCHEDULER_CORE_GATE_H
#define SCHEDULER_CORE_GATE_H

#include "scheduler/core/state.h"

/* What the gate leaves at this moment, all that we hold counted in. */
struct headroom gate_headroom(const struct core *core, const struct core_pool *pool);

/* The same with the sessions that are closing counted as gone: below 0, others have to go, too. */
int32_t gate_spare(const struct core *core, const struct core_pool *pool);

/* What the narrowest limit leaves beside what we hold ourselves, whatever others have, however old the look
 * is; INT32_MAX: not known, or we hold nothing, and an attempt will tell. */
int32_t gate_own_room(const struct core_pool *pool);

/* Whether a sample was taken recently enough to open sessions by it, and from when on it is too old for that.
 */
static inline int64_t gate_stale_at(const struct core_pool *pool) {
    if (!pool->gate.sample.known || pool->gate.look_failed)
        return 0;
    return us_add(pool->gate.known_at.us, pool->settings->stale_us + 1);
}

static inline bool gate_is_fresh(const struct core *core, const struct core_pool *pool) {
    return core->now.us < gate_stale_at(pool);
}

/* When the database should be looked at again; INSTANT_MAX: not while a session is asked, nor in a pool that
 * is over. after_run: work has just ended. */
int64_t gate_look_at(const struct core *core, const struct core_pool *pool, bool after_run);
bool gate_wants_look(const struct core *core, const struct core_pool *pool);

/* When a session that is asked counts as silent; INSTANT_MAX: none is asked. */
static inline int64_t gate_silent_at(const struct core_pool *pool) {
    if (!pool->gate.asked.generation)
        return INSTANT_MAX;
    return us_add(pool->gate.asked_at.us, pool->settings->stale_us + 1);
}

/* How many open sessions are too many, the floor not among them. *ret_cause is set when there are any. */
uint32_t gate_excess(const struct core *core, const struct core_pool *pool, enum close_cause *ret_cause);

/* How many tokens could be held if nobody held any: by the gate alone, the floor not counted. */
uint32_t gate_room(const struct core *core, const struct core_pool *pool);

/* Limit and gate together: how many tokens may be taken; at least 1. */
uint32_t gate_in_force(const struct core *core, const struct core_pool *pool);

/* What the run's session waited for when it was last looked; NULL: for no lock, or nobody has looked since it
 * started. */
const struct sample_wait *gate_wait_of(const struct core_pool *pool, const struct run *run);

/* 0..1000, for elastic intervals. */
uint32_t gate_pressure_permille(const struct core *core, const struct core_pool *pool);

/* --- what the core is told --- */

void gate_ask(struct core *core, struct core_pool *pool, uint32_t session, struct actions *actions);
void gate_take_sample(struct core *core, struct core_pool *pool, const struct sample *sample,
                      struct actions *actions);

/* The server has refused a session for want of slots. */
void gate_refused(struct core *core, struct core_pool *pool, struct actions *actions);

/* No session is left to look with, or the one that was asked does not answer. */
void gate_notice_loss(struct core *core, struct core_pool *pool, struct actions *actions);

#endif
