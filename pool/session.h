/*
 * One PostgreSQL connection, without one call that blocks: opened under the core's deadline, given one run at
 * a time, cleaned after each, closed, and watched until the server's backend is gone. What happens is
 * reported as reports; what they mean is not decided here.
 */
#ifndef POOL_SESSION_H
#define POOL_SESSION_H

#include <uv.h>

#include "pool/conninfo.h"
#include "pool/report.h"

struct session_pool;

/* What the server, libpq or a child said of a failure. Texts are borrowed until the report returns; NULL:
 * none. */
struct failure {
    char sqlstate[SQLSTATE_BYTES];
    const char *message, *detail, *hint, *context;
    const char *advice; /* what to do about it; static */
    const char *output; /* of a command: the end of what it printed */
    int line;           /* in the task's SQL; 0: not known */
};

/*
 * failure: NULL when nothing went wrong. The receiver takes a note and acts later: from
 * within the call it may not use the session.
 */
typedef void report_callback(void *context, const struct report *report, const struct failure *failure);

struct session;

/* Starts to connect: SESSION_OPENED or SESSION_FAILED follows. */
struct session *session_open(struct session_pool *pool, struct handle handle);

/* The text of a run. Borrowed until its RUN_ENDED or RUN_UNSENT. */
struct session_work {
    struct handle run;
    const char *sql;
    const char *label; /* the task's name, shown in pg_stat_activity */
    bool transaction;
    bool simple; /* known to need the simple protocol */
};

/* RUN_UNSENT and SESSION_BROKEN, or RUN_ENDED and later SESSION_READY or SESSION_BROKEN follow. */
void session_run(struct session *session, const struct session_work *work);

/* Whether the run that just ended needed the simple protocol; to be remembered by the caller. */
bool session_was_simple(const struct session *session);

/* SESSION_READY or SESSION_BROKEN follows. */
void session_check(struct session *session);

/* SURVEYED or SESSION_BROKEN follows. */
void session_survey(struct session *session);

/* Asks the server to stop what it does; the run ends in its own way. */
void session_cancel(struct session *session);

/*
 * Ends it. An undecided run is reported as ended: unknown if its text was sent, which it is said why.
 * SESSION_GONE follows once the server's backend is gone; then the session frees itself. When it never does
 * (linger), session_forget() frees it.
 */
void session_close(struct session *session, const char *why);
void session_forget(struct session *session);

struct handle session_handle(const struct session *session);

/* The server process; 0 before it is known. */
int session_backend_pid(const struct session *session);

#endif
