/*
 * All that the core can ask for, as values in an array that the caller owns. The core never calls back.
 */
#ifndef SCHEDULER_CORE_ACTION_H
#define SCHEDULER_CORE_ACTION_H

#include <assert.h>

#include "pool/handle.h"
#include "pool/outcome.h"
#include "tasks/schedule.h"

/* An index that names nothing. */
#define INDEX_NONE UINT32_MAX

/* One ACTION_HISTORY takes so many records along at the most. */
#define RECORDING_BATCH_COUNT 500

enum action_kind {
    ACTION_OPEN,          /* connect a session */
    ACTION_CHECK,         /* ask a session that sat long whether it still lives */
    ACTION_SAMPLE,        /* look at the database on this session */
    ACTION_HISTORY,       /* ask the history on this session: what is there, or to take records */
    ACTION_LISTEN,        /* have this session listen to its pool's channels, and no other */
    ACTION_HISTORY_STATE, /* it cannot be written any more, or can again */
    ACTION_CLEAN,         /* clean a session whose runs were said to leave nothing behind */
    ACTION_VERIFY,        /* likewise, but look first whether that is so */
    ACTION_CLOSE,         /* close a session; answer with SESSION_GONE */
    ACTION_FORGET,        /* linger has passed: its token is free although nobody saw its backend go */
    ACTION_START,         /* start a run, on a session if it is SQL; there it may be behind others */
    ACTION_CANCEL,        /* ask a run to stop: cancel request, TERM */
    ACTION_ABORT,         /* end a run that did not stop: close its session, KILL */
    ACTION_YIELDED, /* a run was asked to stop because others wait for it; it is not spent and waits again */
    ACTION_BREACH,  /* a task said to leave nothing behind did; from now on its session is cleaned */
    ACTION_HEAVIER, /* a command has more sessions than its weight says: number */
    ACTION_STANDBY, /* a standby has refused a run, which waits for the primary */
    ACTION_GATE,    /* the pool's limit or gate changed its state */
    ACTION_RETRY,   /* an attempt failed; the next one is in delay_us */
    ACTION_HOLD,    /* a task failed so often in a row that it is put on hold */
    ACTION_RECORD,  /* a run ended, or occurrences were skipped: for log and statistics */
    ACTION_HELD,    /* a run has held its token longer than leak_warning */
    ACTION_AHEAD,   /* a task's record ends so far ahead of our clock that it does not wait for that */
    ACTION_KEPT,    /* it waits for what the record has ahead of our clock */
    ACTION_STEPPED, /* the wall clock was set, or the machine slept */
    ACTION_STOPPED, /* drained: nothing runs and every token is free */
};

enum close_cause {
    CLOSE_IDLE,
    CLOSE_RECYCLE,
    CLOSE_ROOM,      /* a command or a smaller size needs the token */
    CLOSE_GATE,      /* the application needs the session */
    CLOSE_LIMIT,     /* the limit went down */
    CLOSE_TIMEOUT,   /* it did not answer in time */
    CLOSE_CANCELLED, /* a cancel may still be under way to it */
    CLOSE_STANDBY,   /* runs need the primary */
    CLOSE_CONNINFO,  /* a reload changed how to connect */
    CLOSE_DRAIN,
};

enum skip_cause {
    SKIP_NONE,
    SKIP_OVERLAP,    /* due while its own run was under way */
    SKIP_DRAIN,      /* waiting when the daemon was told to stop */
    SKIP_REMOVED,    /* waiting when a reload removed or disabled it */
    SKIP_FULL,       /* no run record was free; see core_create */
    SKIP_HOLD,       /* due while its task is on hold, after failing time after time */
    SKIP_LATE,       /* it could not start within start_deadline */
    SKIP_MISSED,     /* due while no daemon ran, or while the clock stood elsewhere */
    SKIP_UNRECORDED, /* due while a daemon ran whose record of it was lost with it */
    SKIP_PAUSED,     /* due, or waiting, while a person has paused its task */
    SKIP_BITES,      /* the rest of a run that had repeat_most bites */
    SKIP_WINDOW,     /* due while its window is closed, and outside = skip */
};

/* One line of the account: every occurrence is in exactly one record. */
struct record {
    uint32_t task;
    uint32_t pool;       /* where it ran, or would have */
    uint64_t run_number; /* 0: it never became a run */
    enum outcome outcome;
    enum skip_cause skip;
    struct wall due_first, due_last;
    int64_t occurrence_count; /* 0 for a triggered run that answers none */
    const char *service;      /* whose it is in the history; the task's, borrowed until the next step */
    struct wall key_first, key_last; /* in the history: by the schedule that it was started under */
    const struct schedule *schedule; /* that one; borrowed until the next step */
    uint32_t tokens;
    bool has_rows;       /* of a command, what is counted is the bytes of its output */
    int64_t lateness_us; /* start minus the first due instant */
    int64_t took_us;     /* from the start of its first stage */
    int64_t session_us, outside_us;
    uint32_t attempt_count; /* 1: no retry */
    struct wall started;    /* its first stage */
    bool kept;              /* it belongs into the history */
    bool shut_out;          /* CANCELLED as its window closed */
    bool said_no;           /* its outcome is NOTHING, as its guard said no */
    bool abandoned; /* half done, in a database that a reload left and that was out of reach for long */
    bool within;    /* it was one transaction with what the history says of it */
    bool claiming;  /* its claim was sent with it and not answered: without a row, it did not begin */
    uint64_t row_count;
    uint32_t bite_count;  /* 0: its task does not work in bites, or none was done */
    enum skip_cause rest; /* it left more to change to the next run, for this cause */
    bool woken;           /* by a notification; the same is true of it */
    bool triggered;       /* by a person; it answers what became due while it waited, if anything */
};

struct action {
    enum action_kind kind;
    struct handle session;
    struct handle run;
    uint32_t pool; /* OPEN */
    uint32_t task; /* START, CANCEL, ABORT, HELD, AHEAD, KEPT */
    union {
        enum close_cause close_cause;
        struct record record;
        int64_t stepped_us;
        int64_t ahead_us;
        int64_t held_us;
        int64_t delay_us;
        uint32_t number; /* HEAVIER: sessions; BREACH: tasks that are suspected, 0: this one was proved */
    };
};

#define ACTIONS_MAX 64

struct actions {
    uint32_t count;
    struct action items[ACTIONS_MAX];
};

/* What one event, or one turn of a loop, may add at the most (a run's end: RETRY or RECORD, HOLD, KEPT,
 * CLOSE, BREACH, and what its session is asked next). Loops stop while this much room is left, and the step
 * says that there is more to do. */
#define ACTIONS_ROOM 8

static inline bool actions_have_room(const struct actions *actions) {
    return actions->count + ACTIONS_ROOM <= ACTIONS_MAX;
}

/* Appends an action that names nothing yet. */
static inline struct action *actions_add(struct actions *actions, enum action_kind kind) {
    assert(actions->count < ACTIONS_MAX);
    struct action *action = &actions->items[actions->count++];
    *action = (struct action){.kind = kind, .task = INDEX_NONE};
    return action;
}

#endif
