/*
 * A pool's history: records of its runs wait here for the session that the core chooses to write them with,
 * and what the database answers there is read. It knows no loop and no session: it is asked for a
 * question, and it is given the answer.
 */
#ifndef SCHEDULER_HISTORY_HISTORY_H
#define SCHEDULER_HISTORY_HISTORY_H

#include "pool/history_question.h"
#include "pool/report.h"
#include "scheduler/core/state.h"
#include "scheduler/history/backlog.h"
#include "scheduler/history/reply.h"
#include "scheduler/log.h"

/* Who writes. One for all histories of a daemon, which borrow it. */
struct history_writer {
    const struct core *core;
    const char *name;   /* the daemon's: host and ini file */
    const char *life;   /* the same, and which of its lives this is */
    uint64_t work_hash; /* of what the present file's tasks do: the same where two daemons share a service */
    struct log *log;    /* where people are told */
    struct text line;   /* a record is composed here */
};

struct history {
    struct history_writer *writer;
    uint32_t index; /* of its pool in the core */
    char *pool;     /* its name; owned */
    char *place;    /* its database (conninfo_place); owned */
    struct backlog *backlog;
    bool restoring; /* asked now: what is on record of the tasks */
    bool meeting;   /* asked now: who else has our name */
    struct mono meet_at, prune_at;
    char shared[REPLY_SHARED_BYTES];
    uint32_t written_count; /* records, since old rows were looked for */
    char error[256];        /* why nothing could be written; "" after a success */
};

/* What waits in the file at `path` is taken up. */
struct history *history_open(struct history_writer *writer, const char *pool, const char *place,
                             const char *path);

/* What waits is kept in the file. Accepts NULL. */
void history_close(struct history *history);

/* From now on its file is at `path`. */
void history_move(struct history *history, const char *path);

/* All that waits in the file at `path` waits here from now on. */
void history_take_in(struct history *history, const char *path);

/* message: what was said of a failure, or NULL. */
void history_add(struct history *history, const struct record *record, const char *message);

/* A question and the texts that it points into. */
struct history_asking {
    struct history_question question;
    struct text records;
    char *tasks, *chains;
    char meets[17];                     /* 64 bits in hexadecimal */
    char keep[32], rows[12], count[12]; /* an interval; 32 bits each */
};

/* What the history is to be asked now. Finish it; history_take() is told the answer. */
void history_ask(struct history *history, struct history_asking *ret);
void history_asking_finish(struct history_asking *asking);

/*
 * answer: NULL when it failed; failure: then why. Fills event->history, and `reply`, which is finished by the
 * caller, with what the core is to be told before the event. Returns why it failed; NULL: it did not.
 */
const struct failure *history_take(struct history *history, const char *answer, const struct failure *failure,
                                   struct event *event, struct reply *reply);

/* The core has given up on it, or goes on with it. failure: why; NULL: there was no answer. */
void history_note_state(struct history *history, bool broken, const struct failure *failure);

#endif
