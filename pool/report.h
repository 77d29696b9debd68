/*
 * What a session or a child says of itself: to the daemon, which passes it on to the core as an event. What
 * it means is decided there.
 */
#ifndef POOL_REPORT_H
#define POOL_REPORT_H

#include "pool/handle.h"
#include "pool/outcome.h"
#include "tasks/instant.h"

enum report_kind {
    REPORT_SESSION_OPENED, /* logged in and usable */
    REPORT_SESSION_FAILED, /* could not be opened; it is being closed */
    REPORT_SESSION_READY,  /* all that was sent is answered and the session is clean */
    REPORT_SESSION_BROKEN, /* of no more use, it is being closed; its runs were reported before */
    REPORT_SESSION_GONE,   /* the server's backend is gone: the token is free */
    REPORT_SAMPLED,        /* what a look at the database told; or that it could not be had */
    REPORT_HISTORY,        /* what the history answered */
    REPORT_LISTENS,        /* the session listens to its pool's channels; or it was refused */
    REPORT_CHANNELS,       /* it listens to others, by what its runs have done */
    REPORT_HEARD,          /* something was heard on channels of its pool: channels_take() */
    REPORT_RUN_COMMITS,    /* all of the run is answered but its COMMIT, which may wait for a standby */
    REPORT_RUN_UNSENT,     /* nothing of the run reached the server: it is not spent */
    REPORT_RUN_ENDED,
};

struct sample;

struct run_ending {
    uint64_t row_count;     /* rows the server returned or changed; bytes of output for a command; lines of
                             * output of outside work */
    uint64_t changed_count; /* of them, SQL: what INSERT, UPDATE, DELETE and MERGE say that they changed */
    uint64_t done_count;    /* of outside work: pieces that ended well */
    enum outcome outcome;
    enum failure_kind failure; /* SQL */
    bool simple;               /* SQL: its text needed the simple protocol */
    bool cut_short; /* of a command: it failed, or left processes that were killed, so the server may not have
                       noticed yet that its sessions are over */
    bool claimed;   /* its claim is committed, whatever became of it */
    struct wall claimed_from;   /* then: its first occurrence that no other run had answered */
    struct wall answered_until; /* its claim was refused: up to there all is answered; or 0 */
};

struct report {
    enum report_kind kind;
    struct handle session; /* none for a child */
    struct handle run;     /* RUN_* */
    union {
        struct run_ending ended; /* RUN_ENDED */
        struct {
            bool breach; /* session_verify() found what runs left behind; the failure's message lists it */
        } ready;         /* SESSION_READY */
        enum connect_failure connect_failure; /* SESSION_FAILED */
        const struct sample *sample;          /* SAMPLED; borrowed until the report returns */
        struct {
            const char *answer; /* arrays of rows as JSON; borrowed likewise; NULL: it failed */
            bool locked;        /* of this: somebody keeps the table locked */
        } history;              /* HISTORY */
        struct {
            bool failed;
            bool anew; /* there are channels that it did not listen to before */
        } listens;     /* LISTENS */
        struct {
            bool missing; /* to some of them it listens no more */
        } channels;       /* CHANNELS */
    };
};

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

#endif
