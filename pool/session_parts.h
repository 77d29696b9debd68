/*
 * What the files of a session lend each other: session.c (its life), script.c (what it runs, step by step)
 * and linger.c (watching a closed one). Not for anybody else.
 */
#ifndef POOL_SESSION_PARTS_H
#define POOL_SESSION_PARTS_H

#include "pool/address.h"
#include "pool/session.h"
#include "pool/session_pool.h"

/* A step is one query, or one sync of a pipeline. */
enum step {
    STEP_BEGIN,
    STEP_WORK,
    STEP_COMMIT,
    STEP_ROLLBACK,
    STEP_SYNC,     /* decides nothing */
    STEP_RUN_SYNC, /* the run is decided when it arrives, not before: deferred constraints fail at commit */
    STEP_CLEAN,
    STEP_CLEAN_SYNC, /* then the session is ready */
    STEP_CHECK_SYNC, /* a sync alone: does it still answer? */
    STEP_SURVEY,
    STEP_SURVEY_SYNC,
};

#define STEPS_MAX 12

/* What is being run, and how far it is. */
struct script {
    enum step steps[STEPS_MAX];
    int count, at;
    bool pipelined; /* all steps are sent; otherwise steps[at] alone */
    bool cleaned_again;
    struct session_work work;
    bool undecided;    /* a run's text was handed over and its end is not reported */
    bool simple;       /* the run needed the simple protocol */
    bool retry_simple; /* the extended protocol refused the text: again when the session is clean */
    bool failed;
    bool clean_failed;
    uint64_t row_count;
    uint64_t notice_count;
    int64_t survey_count;
    char sqlstate[SQLSTATE_BYTES];
    const char *advice;
    int line;
    char *message, *detail, *hint, *failure_context; /* owned */
};

enum session_state { SESSION_ADDRESS, SESSION_CONNECTING, SESSION_IDLE, SESSION_WORKING, SESSION_LINGERING };

struct session {
    enum session_state state;
    struct session_pool *pool;
    struct handle handle;
    struct address_lookup *lookup;
    PGconn *conn;
    uv_poll_t *poll;
    int poll_events;
    uv_idle_t *more; /* runs while libpq holds results that one turn was too short for */
    bool optioned;   /* our own startup options were sent */
    bool broken;     /* reported */
    int backend_pid;
    int lingering_fd;
    struct script script;
};

/* script.c */
void script_start_run(struct session *session, const struct session_work *work);
void script_start_check(struct session *session);
void script_start_survey(struct session *session);
/* Takes in what the server sent. False: the connection is of no more use. */
bool script_read(struct session *session);
/* Ends an undecided run with this outcome. */
void script_end_run(struct session *session, enum outcome outcome, const char *why);
void script_forget(struct script *script);

/* session.c */
void session_report(struct session *session, enum report_kind kind, const struct failure *failure);
void session_watch(struct session *session, int events);
void session_idle(struct session *session);
/* Of no more use; its undecided run is unknown. why: NULL when that was said already. */
void session_break(struct session *session, const char *why);

/* linger.c */
void linger_start(struct session *session, int fd);
void linger_stop(struct session *session);

#endif
