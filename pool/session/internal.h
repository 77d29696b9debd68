/*
 * The session and what is on its way on it, for the files of this folder alone. Each of them has its
 * functions in a header of its own; from what needs nothing of the others to what needs them all:
 *
 *     tell, ring, cancel                    what is said to the daemon, the steps on their way, a cancel
 *     begin, flight                         how a transaction begins, the fate of each run
 *     wire                                  the socket, and giving it up
 *     intake, cleaning                      how much is taken in; what goes between the runs
 *     listening                             the session that listens for the tasks of its pool
 *     claim, sampling, verify, history      what a session asks for us
 *     guard                                 what a guard answers
 *     simple, transfer                      a text of several statements; a read or a write
 *     script                                what is sent for whatever is asked, and what answers lead to
 *     connect, linger                       until the login, and after the closing
 *     session                               its life (session_pool: what the sessions of a pool share)
 */
#ifndef POOL_SESSION_INTERNAL_H
#define POOL_SESSION_INTERNAL_H

#include <libpq-fe.h>
#include <sys/queue.h>
#include <uv.h>

#include "pool/budget/sample.h"
#include "pool/children/cargo.h"
#include "pool/handle.h"
#include "pool/history_question.h"
#include "pool/session/work.h"

/* A step is one query, or one sync of a pipeline. */
enum step {
    STEP_BEGIN,
    STEP_WORK,
    STEP_PREPARE, /* of a write */
    STEP_LINE,    /* a write, once */
    STEP_COMMIT,
    STEP_ROLLBACK,
    STEP_CLEAN,
    STEP_VERIFY,
    STEP_FACTS,
    STEP_SAMPLE,
    STEP_CLAIM,
    STEP_HISTORY,
    STEP_CHANNELS, /* to which does the session listen? */
    STEP_LISTEN,
    STEP_SYNC,       /* decides nothing. The syncs come last: see is_sync() */
    STEP_WORK_SYNC,  /* of a text whose COMMIT follows */
    STEP_PART_SYNC,  /* of a read or a write: it goes on, or is committed */
    STEP_CLAIM_SYNC, /* the claim is committed, and its run can start */
    STEP_RUN_SYNC,   /* the run is decided when it arrives, not before: deferred constraints fail at commit */
    STEP_CLEAN_SYNC, /* the session is clean */
};

/* Why a run has failed, as far as it decides what follows. */
enum fault {
    FAULT_NONE,
    FAULT_SAID,    /* the server said no, or what it said is none of what a run may do */
    FAULT_LEAKED,  /* of this, by a transaction command, whose effect outlives the run */
    FAULT_STANDBY, /* it writes, and the server is a standby */
    FAULT_CLAIM,   /* its claim was refused */
    FAULT_LOST,    /* with its session, before its COMMIT was sent: nothing of it is done */
};

/* COMMIT_SENT is of a read or a write: from here on its loss leaves it unknown. COMMIT_DONE: the server said
 * so, and nothing that comes after can undo it. */
enum commit { COMMIT_UNSENT, COMMIT_SENT, COMMIT_DONE };

/* A run on its way: its text was handed to libpq, and its end is not reported. */
struct flight {
    struct session_work work;
    enum fault fault;
    enum commit commit;
    bool unconfirmed; /* it is committed, and the wait for a synchronous standby was cancelled */
    bool simple;      /* its text needed the simple protocol */
    bool partly;      /* its text may have committed a part of its work by itself: it is never begun again */
    bool follows;     /* its text was sent behind its claim, before that was answered */
    bool said_yes;    /* of a guard: its first row is true */
    bool claimed;     /* its claim is committed: */
    struct wall claimed_from;   /* of the occurrences from this one on; 0: of all */
    struct wall answered_until; /* its claim was refused, as all up to there is answered; 0: not told */
    char sqlstate[SQLSTATE_BYTES];
    int line;
    uint64_t row_count, changed_count; /* that were given or changed; of them, changed */
    uint64_t line_count;               /* of a write: lines that were answered */
    const char *advice;
    char *message, *detail, *hint, *context; /* owned */
};

/* More than SESSION_RUNS_MAX runs of 18 steps, or a LISTEN for each of CHANNELS_MAX channels; a power of two,
 * as the counters run on over the ring. */
#define STEPS_MAX 1024

/* What came in since the last result. */
struct intake {
    size_t bytes_count; /* since the last notice or notification, too: of a message that is not complete */
    size_t notified_bytes_count, notices_bytes_count;
};

enum cleaning { CLEANING_NONE, CLEANING_BUT_PLANS, CLEANING_ALL };

/* SIMPLE: out of the pipeline, one step at a time. SIMPLE_DUE: leaves the pipeline for its first flight as
 * soon as all else is answered. */
enum protocol { PROTOCOL_PIPELINE, PROTOCOL_SIMPLE_DUE, PROTOCOL_SIMPLE };

/* What is unanswered of what is asked of the session itself; no run may join it. ASKED_READY: a check or a
 * cleaning, after which it is ready. */
enum asked { ASKED_NOTHING, ASKED_READY, ASKED_SAMPLE, ASKED_HISTORY, ASKED_LISTENING };

/* Which of the flights the server has begun; it tells with its last word. */
enum begun { BEGUN_ANY, BEGUN_FIRST, BEGUN_NONE };

/* What the history answers. */
struct recalled {
    enum { RECALL_WELL, RECALL_FAILED, RECALL_LOCKED } state; /* LOCKED: it failed, as its table is locked */
    char *text;   /* owned; an array of arrays of rows, or why there is none; NULL: nothing so far */
    char *detail; /* owned; of why */
    char sqlstate[SQLSTATE_BYTES];
    int at;                 /* the number of the statement that is being answered */
    int lock_at, answer_at; /* that which locks, and the last one behind it whose answer is wanted */
};

/* What was sent and is not answered yet. */
struct script {
    uint8_t steps[STEPS_MAX];
    uint32_t step_at, step_end; /* steps[at % STEPS_MAX] is being answered; at == end: none */
    struct flight flights[SESSION_RUNS_MAX];
    uint32_t flight_at, flight_end; /* in the same manner */

    enum protocol protocol;
    enum asked asked;
    enum begun begun;
    bool rows_due;     /* the step is new: single-row mode is to be asked for, before its first result */
    int ends_in_a_row; /* of queries, without a result in between */
    struct intake intake;
    bool described; /* the columns of the query that is being answered came, with its first row */

    bool unclean;            /* what was sent ends without a cleaning */
    enum cleaning clean_due; /* nothing is sent of it yet: the next run's segment or the flush will have it */
    bool clean_failed;       /* the last cleaning that was answered */
    char clean_sqlstate[SQLSTATE_BYTES];
    int cleaned_again_count; /* after that, in a row */
    char *breach;            /* owned; what session_verify() found; NULL: nothing */

    uint64_t sample_sent_ns;
    struct sample sample;
    char *sample_error; /* owned */
    struct recalled recalled;
    char *listen_error;        /* owned; of the LISTEN under way */
    struct cargo_reader lines; /* of the write under way */
    bool named;                /* of a read: the names of its columns are known to differ */
    struct text text;          /* what is to be sent is composed here */
};

enum session_state { SESSION_CONNECTING, SESSION_IDLE, SESSION_WORKING, SESSION_LINGERING };

struct session {
    enum session_state state;
    struct session_pool *pool;
    TAILQ_ENTRY(session) in_pool, in_unsent;
    bool unsent; /* is in the pool's list of that name */
    struct handle handle;
    struct login *login; /* under way */
    PGconn *conn;
    void (*take_in)(struct session *session); /* there is something to read */
    uv_poll_t *poll;
    int poll_events; /* that it is watched for; 0: none */
    uv_idle_t *more; /* runs while libpq holds results that one turn was too short for */
    bool optioned;   /* our own startup options were sent */
    bool broken;     /* reported */
    int backend_pid;
    uint64_t idle_bytes_count; /* came in since something was asked of it last, and is no notification that
                                * wakes a task */
    uint64_t kept_bytes_count; /* received, and handed out neither as result nor as notice: libpq keeps it */
    struct cancelling *cancelling; /* under way; NULL */
    int left_fd;                   /* of a login that failed: a backend may be at its other end; -1 */
    int lingering_fd;
    char last_words[512]; /* the server's, said while nothing was asked of it */
    struct script script;
};

#endif
