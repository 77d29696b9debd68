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
 * Queues a run. RUN_UNSENT and SESSION_BROKEN follow, or RUN_ENDED and later SESSION_READY or SESSION_BROKEN.
 * Up to SESSION_RUNS_MAX runs may be in flight: they end in order, and each fails alone. One that is simple
 * or not proven must be the only one in flight. Behind runs that are `clean` SESSION_READY comes only after
 * session_clean() or session_verify(), and until then further runs may follow. No run may be queued while
 * what one of the functions below asks is unanswered.
 */
void session_run(struct session *session, const struct session_work *work);

/* Asks whether the session still answers: SESSION_READY or SESSION_BROKEN follows. One that is not clean is
 * cleaned instead. */
void session_check(struct session *session);

/* Cleans the session, by DISCARD ALL or all that it does but for the plans: SESSION_READY or SESSION_BROKEN
 * follows. May be queued behind runs in flight that are proven. */
void session_clean(struct session *session);

/* As session_clean(), but looks first what the runs before left behind; SESSION_READY tells. */
void session_verify(struct session *session);

/* Looks at the database, at once: SAMPLED or SESSION_BROKEN follows. Nothing may be in flight. */
void session_sample(struct session *session);

/* Asks the schema headgate, as history_question.h says: HISTORY or SESSION_BROKEN follows. Nothing may be in
 * flight. Texts are copied. */
void session_history(struct session *session, const struct history_question *question);

/* Listens to the pool's channels, and to no others: LISTENS or SESSION_BROKEN follows, and HEARD from then
 * on. From here on no other session of the pool counts as listening. Nothing may be in flight. */
void session_listen(struct session *session);

/*
 * Asks the server to stop what it does. The request travels beside the connection and names no run: whatever
 * runs when it arrives is hit, or nothing.
 */
void session_cancel(struct session *session);

/* Sends what was queued on the pool's sessions since the last flush. Accepts NULL. */
void session_pool_flush(struct session_pool *pool);

/*
 * Closes the connection. Each undecided run is reported as ended: unknown, if its text was sent; `why` is
 * what is said of it. SESSION_GONE follows once the server's backend is gone. session_forget() frees the
 * session, then or without waiting for it; it accepts NULL.
 */
void session_close(struct session *session, const char *why);
void session_forget(struct session *session);

struct handle session_handle(const struct session *session);

/* The server process; 0 before it is known. */
int session_backend_pid(const struct session *session);

#endif
