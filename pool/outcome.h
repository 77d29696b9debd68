/*
 * What a failure means: from SQLSTATE to what headgate does next and what a person can do about it.
 * SQLSTATEs are PostgreSQL's (appendix "Error Codes" of its manual); texts are never compared, they are
 * translated.
 */
#ifndef POOL_OUTCOME_H
#define POOL_OUTCOME_H

#include <stdbool.h>

#define SQLSTATE_BYTES 6 /* five characters and NUL; "" where there is none */

/* How a run ended. */
enum outcome {
    OUTCOME_OK,
    OUTCOME_FAILED,    /* the server or the command said no */
    OUTCOME_TIMEOUT,   /* our deadline; the work was cancelled */
    OUTCOME_CANCELLED, /* the daemon was told to stop, or its window has closed */
    OUTCOME_UNKNOWN,   /* sent, and the answer was lost: it may have been done */
    OUTCOME_SKIPPED,   /* never started; the reason says why */
    OUTCOME_NOTHING,   /* its guard said no, or its `read` gave no row: there was nothing to do */
    OUTCOME_ELSEWHERE, /* another daemon answers its occurrences: they are in the history */
};

const char *outcome_name(enum outcome outcome);

/* How a run is put on record before it starts; see etc/history. */
enum claim {
    CLAIM_NONE,
    CLAIM_WITHIN, /* first in its transaction: done and on record, or neither */
    CLAIM_DONE,   /* of a write: that the run which was claimed is done, first in its transaction */
    CLAIM_BEFORE, /* committed before it starts; what cannot carry it within claims so, too */
};

/* Why a run's statement failed, as far as it decides what comes next. */
enum failure_kind {
    FAILURE_OTHER,       /* or none */
    FAILURE_CONFLICT,    /* 40001, 40P01: two transactions met; the same again, as a whole, is right */
    FAILURE_LOCK,        /* 55P03: a lock was not to be had in time */
    FAILURE_CANCEL,      /* 57014: cancelled by us, by statement_timeout, or by a person */
    FAILURE_LOST,        /* the session was lost before COMMIT was sent: nothing of it is done */
    FAILURE_UNCONFIRMED, /* it is committed, and its wait for a synchronous standby was cancelled */
    FAILURE_STANDBY,     /* 25006 from a server in recovery: nothing of it is done, nor can be there */
    FAILURE_ABANDONED,   /* half done, and its database, which a reload left, was out of reach for long */
    FAILURE_PARTLY,      /* a part of what it did before may be committed, so it must not be done again */
    /* The work was not begun, because its claim in the history failed: */
    FAILURE_GONE,       /* a write's: the run was found lost meanwhile */
    FAILURE_TAKEN,      /* what it would answer is answered, or being answered, by another run */
    FAILURE_CLAIM,      /* the history cannot be written */
    FAILURE_CLAIM_WAIT, /* within the time that a claim waits: for another daemon's run, or for the table */
};

enum failure_kind failure_kind_of(const char *sqlstate);

/* Why a claim was refused: the kinds of its own, or one that any statement can meet. key_tells: its key says
 * all that it answers, so another row of that key has answered it. */
enum failure_kind claim_failure_kind_of(const char *sqlstate, bool key_tells);

/* Why a session could not be opened. */
enum connect_failure {
    CONNECT_FULL,         /* 53300: no slot for us */
    CONNECT_STARTING,     /* 57P03: starting up or shutting down */
    CONNECT_UNREACHABLE,  /* no answer, refused, no such host, our deadline */
    CONNECT_NEEDS_PERSON, /* wrong password or certificate, no such database: waiting alone will not cure it
                           */
    CONNECT_STANDBY,      /* it was, but a run there was refused as the server is a standby */
    CONNECT_OPTIONS,      /* the server or a pooler refuses our startup options; once without them */
};

/* sqlstate: "" when the server said none; then, or where it is a pooler's, its message tells what it means.
 */
enum connect_failure connect_failure_of(const char *sqlstate, const char *message);

/* What a person does about it, or "". */
const char *connect_failure_advice(enum connect_failure failure, const char *sqlstate);

/* For a run's failure: which key or statement to change, or "". transaction: whether the task has it on. */
const char *statement_failure_advice(const char *sqlstate, bool transaction);

/* Several statements in one text, or a syntax error: the extended protocol refuses both in the same words. */
bool sqlstate_is_syntax(const char *sqlstate);

/* Parameters that do not fit, among others. */
bool sqlstate_is_protocol(const char *sqlstate);

/* A write where none may be: by the task's own choice, or on a standby. */
bool sqlstate_is_read_only(const char *sqlstate);

/* The session's last words: a person ends it (pg_terminate_backend), a shutdown of the server, or a crash. */
bool sqlstate_is_shutdown(const char *sqlstate);

/* PostgreSQL's severity, not translated, with which it ends the session. */
bool severity_is_last_word(const char *severity);

/* The server ended a session that was idle, in a transaction or not: nothing of what was sent there since has
 * begun. */
bool sqlstate_is_idle_end(const char *sqlstate);

/* Ending a session, a pooler's last words: what became of the statement it does not know. */
bool sqlstate_is_connection(const char *sqlstate);

#endif
