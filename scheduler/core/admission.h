/*
 * May this run start? A pure policy: what is there and what is asked, to a verdict and its reason. It changes
 * nothing; grant.c acts on it and status/rows.c asks it again to tell people why a run waits.
 *
 * What is held (open sessions and running commands) may grow only by a sample that is fresh, within the gate
 * (headroom.h), the limit (limit.h) and the size; a run on a session that is open already grows nothing. The
 * floor, a pool's only session, needs no sample and may use the reserve: it is what takes the samples.
 */
#ifndef SCHEDULER_CORE_ADMISSION_H
#define SCHEDULER_CORE_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/budget/headroom.h"
#include "pool/budget/tokens.h"

enum reason_code {
    REASON_NONE,
    REASON_TOKENS,   /* no token: number = taken, threshold = size */
    REASON_LIMIT,    /* no token in force: number = taken, threshold = limit */
    REASON_WEIGHT,   /* too few tokens: number = not taken, threshold = the weight */
    REASON_HEADROOM, /* the gate: number = slots it leaves, threshold = how many are asked for */
    REASON_FULL,     /* no session even for the floor: number = free slots, threshold = 1 */
    REASON_SHARING,  /* an open session will get to it in time: number = sessions open, threshold = wanted */
    REASON_OPENING,  /* a session is being opened: number = how many */
    REASON_CHECKING, /* a session is being asked whether it still lives */
    REASON_CLOSING,  /* tokens are being freed: number = sessions closing */
    REASON_CONNECT,  /* the last attempt to connect failed */
    REASON_HISTORY,  /* what is answered already is not known yet */
    REASON_SAMPLE,   /* the database is being looked at before anything more is opened */
    REASON_STALE,    /* and cannot be: no session is free to do it */
    REASON_LEFTOVER, /* what an earlier daemon left holds tokens: number = how many, threshold = size */
    REASON_ENDED,    /* sessions of commands that ended may: number = their tokens, threshold = size */
    REASON_HEAVY,    /* the pool drains for a heavier run before it: number = its tokens */
    REASON_RETURNED, /* it was in others' way before: starts when it leaves them a token */
    REASON_RETRY,    /* an attempt failed, and the next one is not yet due: number = failed so far */
    REASON_BREAK,    /* between two bites of it is a break */
    REASON_OWN_RUN,  /* overlap = queue: its task's run is under way */
    REASON_WINDOW, /* its window is closed: number = when it opens, threshold = when the run is let go, in us
                      of UTC */
    REASON_GROUP,    /* others of its group have their turn: number = how many, threshold = the most */
    REASON_CHILDREN, /* commands without weight: number = running, threshold = the most */
    REASON_DRAIN,    /* the daemon is stopping */
};

/* One word for programs: "headroom". */
const char *admission_reason_name(enum reason_code reason);

struct supply {
    struct tokens tokens;
    int32_t gate_slots; /* what the gate leaves; INT32_MAX: nothing is known that would limit it */
    int32_t free_slots; /* the same, the reserve included */
    bool fresh;         /* the sample is young enough to grow by */
    bool ended_stay; /* tokens.ended are of sessions that had the time to go, and went not; or need asking */
    bool look_due;   /* the database may be looked at now */
    bool trickle;    /* no fresh sample is to be had: one may go without */
    uint32_t wanted_count; /* sessions wanted for what waits: crew.h */
    bool failing;          /* the last attempt to connect failed */
    bool may_connect;      /* not failing, or the time for the next attempt has come and none is under way */
    bool warm_is_stale;    /* the warm session next in turn must be checked first */
    bool draining;
};

struct demand {
    uint32_t weight; /* tokens, its own session included; at least 1 */
    bool needs_session;
};

enum verdict { VERDICT_START, VERDICT_CHECK, VERDICT_SAMPLE, VERDICT_OPEN, VERDICT_CLOSE, VERDICT_WAIT };

struct decision {
    enum verdict verdict;
    uint32_t session_count;  /* to open or to close */
    enum reason_code reason; /* why it does not start; NONE for START */
    int64_t number, threshold;
    int64_t again_at; /* of WAIT: when time alone may change it; INSTANT_MAX: only an event does */
};

/* It waits, and why. */
struct decision admission_wait(enum reason_code reason, int64_t number, int64_t threshold);

struct decision admission_decide(const struct supply *supply, const struct demand *demand);

#endif
