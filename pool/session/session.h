/*
 * One PostgreSQL connection, without one call that blocks: opened under the core's deadline, given runs one
 * behind the other, cleaned after each or after many, closed, and watched until the server's backend is gone.
 * What happens is reported as reports; what they mean is not decided here. What is asked for here is only
 * queued: session_pool_flush() sends it.
 */
#ifndef POOL_SESSION_SESSION_H
#define POOL_SESSION_SESSION_H

#include <stdbool.h>

#include "pool/history_question.h"
#include "pool/report.h"
#include "pool/session/work.h"

struct session_pool;

struct session;

/* Starts to connect: SESSION_OPENED or SESSION_FAILED follows. */
struct session *session_open(struct session_pool *pool, struct handle handle);

/*
 * RUN_UNSENT and SESSION_BROKEN, or RUN_ENDED and later SESSION_READY or SESSION_BROKEN follow. Up to
 * SESSION_RUNS_MAX may be in flight; they end in order, each fails alone. One that is simple or not proven is
 * the only one in flight while it is. Behind runs that are `clean` there is no SESSION_READY before
 * session_clean() or session_verify(); further runs may follow them. Not while one of these, a check or a
 * sample is unanswered.
 */
void session_run(struct session *session, const struct session_work *work);

/* Does it still answer? SESSION_READY or SESSION_BROKEN follows. An unclean one is cleaned instead. */
void session_check(struct session *session);

/* DISCARD ALL. SESSION_READY or SESSION_BROKEN follows. May queue behind runs in flight that are proven. */
void session_clean(struct session *session);

/* Likewise, but first looks what the runs before left behind, and SESSION_READY tells. */
void session_verify(struct session *session);

/* Nothing is in flight. SAMPLED or SESSION_BROKEN follows. Is sent at once. */
void session_sample(struct session *session);

/* Likewise, with HISTORY: asks the schema headgate, as history_question.h says. Texts are copied. */
void session_history(struct session *session, const struct history_question *question);

/*
 * Asks the server to stop what it does. The request travels beside the connection and names no run: whatever
 * runs when it arrives is hit, or nothing.
 */
void session_cancel(struct session *session);

/* Sends what was queued on the pool's sessions since the last flush. Accepts NULL. */
void session_pool_flush(struct session_pool *pool);

/*
 * Ends it. Each undecided run is reported as ended: unknown if its text was sent, which it is said why.
 * SESSION_GONE follows once the server's backend is gone; then the session frees itself. When it never does
 * (linger), session_forget() frees it.
 */
void session_close(struct session *session, const char *why);
void session_forget(struct session *session);

struct handle session_handle(const struct session *session);

/* The server process; 0 before it is known. */
int session_backend_pid(const struct session *session);

#endif
