/*
 * What the files of a session lend each other: session.c (its life), connect.c (until it is logged in),
 * script.c (what it sends and takes in, step by step), intake.c (how much it takes in), flight.c (the fate of
 * each run), cleaning.c (what goes between them), sampling.c and verify.c (what it asks for us) and linger.c
 * (watching a closed one). Not for anybody else.
 */
#ifndef POOL_SESSION_INTERNAL_H
#define POOL_SESSION_INTERNAL_H

#include "pool/budget/sample.h"
#include "pool/login/login.h"
#include "pool/session/session.h"
#include "pool/session/session_pool.h"
#include "pool/work/cargo.h"

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
    STEP_SYNC,       /* decides nothing. The syncs come last: see is_sync() */
    STEP_WORK_SYNC,  /* of a text whose COMMIT follows */
    STEP_PART_SYNC,  /* of a read or a write: it goes on, or is committed */
    STEP_CLAIM_SYNC, /* the claim is committed, and its run can start */
    STEP_RUN_SYNC,   /* the run is decided when it arrives, not before: deferred constraints fail at commit */
    STEP_CLEAN_SYNC, /* the session is clean */
};

/* A run on its way: its text was handed to libpq, and its end is not reported. */
struct flight {
    struct session_work work;
    bool simple; /* its text needed the simple protocol */
    bool failed;
    bool commit_sent; /* of a read or a write: from here on its loss leaves it unknown */
    bool lost;        /* before that */
    bool committed;   /* the server said so: nothing that comes after can undo it */
    bool unconfirmed; /* it is committed, and the wait for a synchronous standby was cancelled */
    bool claimed;     /* its claim is committed */
    bool follows;     /* its text was sent behind its claim, before that was answered */
    struct wall claimed_from;
    struct wall answered_until; /* it was refused, as all up to there is answered; 0: not told */
    bool refused;               /* its claim failed */
    bool on_standby;            /* it failed of a write that no standby takes */
    bool leaked;                /* a transaction command, whose effect outlives the run */
    bool partly; /* its text may have committed a part of its work by itself: it is never begun again */
    char sqlstate[SQLSTATE_BYTES];
    int line;
    uint64_t row_count;
    uint64_t line_count; /* of a write: lines that were answered */
    const char *advice;
    char *message, *detail, *hint, *context; /* owned */
};

/* More than SESSION_RUNS_MAX runs of 17 steps; a power of two, as the counters run on over the ring. */
#define STEPS_MAX 1024

/* What came in since the last result. */
struct intake {
    size_t bytes_count; /* since the last notice or notification, too: of a message that is not complete */
    size_t notified_bytes_count, notices_bytes_count;
};

enum cleaning { CLEANING_NONE, CLEANING_BUT_PLANS, CLEANING_ALL };

/* What was sent and is not answered yet. */
struct script {
    uint8_t steps[STEPS_MAX];
    uint32_t step_at, step_end; /* steps[at % STEPS_MAX] is being answered; at == end: none */
    struct flight flights[SESSION_RUNS_MAX];
    uint32_t flight_at, flight_end; /* in the same manner */

    bool simple;     /* out of pipeline mode: one step at a time */
    bool simple_due; /* the first flight goes over the simple protocol once all else is answered */
    bool rows_due;   /* the step is new: single-row mode is to be asked for, before its first result */
    bool asking;     /* a check, a sample, a cleaning or the history is unanswered: no run may join */
    bool sampling, recording;
    bool over;         /* the server has said its last word: what is behind the first flight has not begun */
    bool over_unbegun; /* likewise, nor has the first */
    bool unclean;      /* what was sent ends without a cleaning */
    enum cleaning clean_due; /* nothing is sent of it yet: the next run's segment or the flush will have it */
    bool clean_failed;       /* the last cleaning that was answered */
    char clean_sqlstate[SQLSTATE_BYTES];
    int cleaned_again_count; /* after that, in a row */
    uint64_t sample_sent_ns;
    struct sample sample;
    char *sample_error; /* owned */
    char *history;      /* owned; what it answered, or why it did not */
    bool history_failed, history_locked;
    int history_at, history_lock_at; /* numbers of statements: being answered, and the one that locks */
    int history_answer_at;           /* and the last one whose answer is wanted, of those behind that */
    char *history_detail;            /* owned */
    char history_sqlstate[SQLSTATE_BYTES];
    char *breach;              /* owned; what session_verify() found; NULL: nothing */
    struct cargo_reader lines; /* of the write under way */
    bool named;                /* of a read: the names of its columns are known to differ */
    struct intake intake;
    int ends_in_a_row; /* of queries, without a result in between */
    struct text text;  /* what is to be sent is composed here */
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
    uv_poll_t *poll;
    int poll_events;
    uv_idle_t *more; /* runs while libpq holds results that one turn was too short for */
    bool optioned;   /* our own startup options were sent */
    bool broken;     /* reported */
    int backend_pid;
    size_t idle_bytes_count;       /* came in since something was asked of it last */
    struct cancelling *cancelling; /* under way; NULL */
    int left_fd;                   /* of a login that failed: a backend may be at its other end; -1 */
    int lingering_fd;
    char last_words[512]; /* the server's, said while nothing was asked of it */
    struct script script;
};

/* session.c */
void session_tell(struct session *session, struct report report, const struct failure *failure);
void session_report(struct session *session, enum report_kind kind, const struct failure *failure);
void session_watch(struct session *session, int events);
void session_unwatch(struct session *session);
/* Sends what is queued; false after it broke the session. */
bool session_flush(struct session *session);
/* libpq explains on further lines, indented, what a person at a terminal could do. */
void session_first_line(const char *message, char *line, size_t bytes);
/* All that was sent is answered; whether the server's end of it, said or not, is there to be read. */
bool session_has_ended(struct session *session);
/* Its server is in recovery, as far as that is known. */
bool session_is_on_standby(const struct session *session);
/* Of no more use; its undecided runs are unknown. why: NULL when that was said already. */
void session_break(struct session *session, const char *why);

/* connect.c */
void connect_start(struct session *session);

/* cancel.c */
void cancel_leave(struct session *session); /* it may go on, beside a session that is closed */

/* script.c: these queue; false: the connection is of no more use. */
bool script_add_run(struct session *session, const struct session_work *work);
bool script_add_check(struct session *session);
bool script_add_sample(struct session *session);
bool script_add_cleaning(struct session *session);
bool script_add_verification(struct session *session);
bool script_add_history(struct session *session, const struct history_question *question);
/* Takes in what the server sent. False: the connection is of no more use. */
bool script_read(struct session *session);
/* Whether something is unanswered. */
bool script_busy(const struct script *script);
/* Whether libpq holds something complete that was not taken in. */
bool script_has_more(struct session *session);
void script_finish(struct script *script);

/* intake.c: takes in a bounded piece of what the socket holds. False: the connection is of no more use, and
 * the session is broken if that exceeds a bound. */
bool intake_more(struct session *session);
bool intake_idle(struct session *session);
void intake_answered(struct script *script); /* a result was taken */
void intake_notice(void *session, const PGresult *result);

/* simple.c: begins the first flight, and goes on when a step of it is answered. */
bool simple_begin(struct session *session);
bool simple_go_on(struct session *session);

/* For transfer.c, simple.c, claim.c and history.c. */
enum step script_head(const struct script *script); /* that is being answered */
void script_advance(struct script *script);
bool script_drained(struct session *session); /* all that was sent is answered */
bool script_push(struct script *script, enum step step, int sent);
bool script_send_query(struct session *session, enum step step, const char *sql);
bool script_send_sync(struct session *session, enum step step);
bool script_send_rollback(struct session *session);
/* Its first run has failed of this, and with it the connection, whose query is cancelled. Returns false. */
bool script_refuse(struct session *session, const char *message, const char *advice);

/* begin.c */
#define BEGIN_TEXT_BYTES 80
bool begin_sets_timeout(const struct session *session); /* each transaction, as the login did not */
const char *begin_text(const struct session *session, char text[static BEGIN_TEXT_BYTES]);
bool begin_send(struct session *session);

/* transfer.c: a read or a write, alone on its session. False: the connection is of no more use. */
bool transfer_begin(struct session *session);
bool transfer_take_row(struct session *session, const PGresult *result);
/* More was received of a read: whether a row that is not complete yet can still fit. */
bool transfer_may_grow(struct session *session);
/* A part of it is answered: the next lines, or its COMMIT or ROLLBACK. */
bool transfer_go_on(struct session *session);

/* flight.c */
void flight_forget(struct flight *flight);          /* that it failed */
struct flight *flight_first(struct script *script); /* NULL: none */
struct flight *flight_add(struct script *script, const struct session_work *work);
bool flight_is_uncommitted(const struct flight *flight); /* lost now, it leaves nothing done */
uint32_t flight_count(const struct script *script);
const char *flight_text(struct script *script, const struct session_work *work);
/* The first failure is the cause; what follows it in the same transaction is its echo. */
void flight_fail(struct flight *flight, const char *sqlstate, const char *message, const char *advice);
void flight_take_error(struct session *session, const PGresult *result, enum step step);
void flight_take_notice(struct script *script, const PGresult *result);
void flight_take_tag(struct script *script, PGresult *result, enum step step);
bool flight_was_not_parsed(const struct flight *flight); /* it failed of that, and did nothing */
void flight_retry(struct flight *flight);                /* from the start, over the simple protocol */
/* Reports the end of the first one, which is none from then on. */
void flight_end(struct session *session, enum outcome outcome, const char *why);
void flight_decide(struct session *session);
/* Likewise, of one that has not begun. */
void flight_unsent(struct session *session);
/* Whether it ends the session; and whether it is the server's, as a pooler does not know what became of a
 * run. */
bool flight_is_fatal(const PGresult *result);
/* The session was outside of a transaction until the server's last word. */
bool flight_has_not_begun(struct script *script, const PGresult *last_word);
bool flight_is_last_word(const PGresult *result);

/* cleaning.c: the last one that is wanted is due, until it is sent. */
void cleaning_want(struct session *session, enum cleaning cleaning);
void cleaning_want_after(struct session *session, const struct session_work *work);
/* In the segment of what comes next: where the cleaning fails, the server skips it, and no run is dirty. */
bool cleaning_send_due(struct session *session);
/* In one of its own: no further run came to take it along. */
bool cleaning_flush(struct session *session);
void cleaning_take_error(struct script *script, const PGresult *result);
/* It failed: once more, and all. */
bool cleaning_repeat(struct session *session);

/* sampling.c */
bool sampling_send(struct session *session);
void sampling_take(struct session *session, const PGresult *result);
void sampling_take_facts(struct session *session, const PGresult *result);
void sampling_take_error(struct session *session, const PGresult *result);
void sampling_report(struct session *session);

/* verify.c */
bool verify_send(struct session *session);
void verify_take(struct session *session, const PGresult *result);

/* claim.c. claim_is_key: the claim is no more than the insertion of a key; who has it, has answered all of
 * it. */
bool claim_is_key(const struct claim_values *values);
bool claim_send(struct session *session, const struct session_work *work, enum claim claim);
void claim_take_refusal(struct flight *flight, const char *detail);
void claim_take(struct script *script, const PGresult *result);

/* history.c */
bool session_history_send(struct session *session, const struct history_question *question);
void session_history_take(struct session *session, const PGresult *result);
void session_history_report(struct session *session);

/* linger.c */
void linger_start(struct session *session, int fd);
void linger_stop(struct session *session);

#endif
