/*
 * The states of a session as the core sees it: it holds one token of its pool from OPENING until GONE.
 * core_session_move() is the one place where its state changes, and keeps the sum of tokens, the warm list
 * and the deadline that follow from it. What a session does that has nothing to do is idle.h.
 */
#ifndef SCHEDULER_CORE_SESSION_H
#define SCHEDULER_CORE_SESSION_H

#include "scheduler/core/state.h"

void core_session_move(struct core *core, uint32_t session, enum core_session_state to);

void core_session_open(struct core *core, uint32_t pool, struct actions *actions);
void core_session_close(struct core *core, uint32_t session, enum close_cause cause, struct actions *actions);
void core_session_hurry_closing(struct core *core); /* the drain has begun */

/* When it is old enough to be replaced, with the jitter that keeps sessions apart. */
int64_t core_session_recycle_at(const struct core *core, uint32_t session);

/* --- its runs --- */

void core_session_take_run(struct core *core, uint32_t session, uint32_t run);
void core_session_lose_run(struct core *core, uint32_t session, uint32_t run);

/* Its runs have changed: whether it takes more, and its deadline. */
void core_session_follow_runs(struct core *core, uint32_t session);

/* It takes no further runs, so that it falls idle soon. */
void core_session_rest(struct core *core, uint32_t session);

/* When its runs are expected to be done. */
int64_t core_session_free_at(const struct core *core, uint32_t session);

/* --- what its runs leave behind --- */

/* At the end of the step, unless a run comes before. */
void core_session_clean_later(struct core *core, uint32_t session);

/* Those whose batch has ended. True: more to do. */
bool core_session_clean_all(struct core *core, struct actions *actions);

/* A run of its batch, said to leave nothing behind, did. */
void core_session_breach(struct core *core, uint32_t session, struct actions *actions);
void core_session_proved_clean(struct core *core, uint32_t session);

/* --- connecting --- */

/* The session that listened is lost, or was refused. */
void pool_hears_no_more(struct core *core, struct core_pool *pool);

/* An attempt to connect for the pool has failed: when the next one may be. */
void pool_connect_failed(struct core *core, uint32_t pool, enum connect_failure failure);

#endif
