/*
 * Which session of a pool listens for the tasks that a channel wakes: one of those that are open, and what it
 * hears is news as long as no run is under way on it. Whoever listens anew is followed by a look of each task
 * (wake.h), so that nothing is lost by moving; what a listener is worth that is silent, is asked as any other
 * session is: after `ping`.
 */
#ifndef SCHEDULER_CORE_HEARING_H
#define SCHEDULER_CORE_HEARING_H

#include "scheduler/core/state.h"

/* A server hears nobody while a statement runs. For so long that does no harm: it is as if the notification
 * had come later. Then another session listens, if there may be one. */
#define DEAF_US US_PER_S

/* By the file: whether the pool has a task to listen for, and whether it is to listen to others than before.
 */
void hearing_follow(const struct core *core, struct core_pool *pool, struct wakes before, struct wakes now);

static inline bool hearing_is_listener(const struct core *core, const struct core_pool *pool,
                                       uint32_t session) {
    return handle_is(pool->hearing.session, core_session_handle(core, session));
}

/* Whether it is time to have a session listen, or to ask the one that does; and whether it may be this one.
 */
bool hearing_wants(const struct core *core, const struct core_pool *pool);
bool hearing_wants_this(const struct core *core, const struct core_pool *pool, uint32_t session);
void hearing_ask(struct core *core, struct core_pool *pool, uint32_t session, struct actions *actions);

/* When it wants, asks a warm session; before that, has the core woken then. True: none is warm, and one may
 * be opened for it. */
bool hearing_serve(struct core *core, struct core_pool *pool, struct actions *actions);

/* --- what came of it --- */

void hearing_answered(struct core *core, uint32_t session, bool failed);

/* It listens to others than it is to: it does not hear some of them any more (missing), or it hears more. */
void hearing_doubted(struct core *core, uint32_t session, bool missing);

/* --- what is told --- */

enum hearing_state {
    HEARING_NOTHING, /* no task of the file is woken */
    HEARING_ON,
    HEARING_DEAF,    /* its session is at a run, and hears only after it */
    HEARING_OFF,     /* no session listens, for want of one, or as it was refused */
    HEARING_STANDBY, /* a standby lets nobody listen */
    HEARING_POOLED,  /* a connection pooler is in between */
};
enum hearing_state hearing_state_of(const struct core *core, const struct core_pool *pool);

#endif
