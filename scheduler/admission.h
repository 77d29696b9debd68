/*
 * May this run start? A pure policy: what is there and what is asked, to a verdict and its reason. It changes
 * nothing; grant.c acts on it and status.c asks it again to tell people why a run waits.
 */
#ifndef SCHEDULER_ADMISSION_H
#define SCHEDULER_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/tokens.h"

enum reason_code {
    REASON_NONE,
    REASON_TOKENS,   /* no token: number = taken, threshold = limit */
    REASON_WEIGHT,   /* too few tokens: number = not taken, threshold = the weight */
    REASON_OPENING,  /* a session is being opened: number = how many */
    REASON_CHECKING, /* a session is being asked whether it still lives */
    REASON_CLOSING,  /* tokens are being freed: number = sessions closing */
    REASON_CONNECT,  /* the last attempt to connect failed */
    REASON_SURVEY,   /* not known yet what an earlier daemon left on the server */
    REASON_LEFTOVER, /* what it left holds tokens: number = how many, threshold = size */
    REASON_OWN_RUN,  /* overlap = queue: its task's run is under way */
    REASON_CHILDREN, /* commands without weight: number = running, threshold = the most */
    REASON_DRAIN,    /* the daemon is stopping */
};

struct supply {
    struct tokens tokens;
    uint32_t waiting_sql_count; /* runs in the queue that need a session */
    bool failing;               /* the last attempt to connect failed */
    bool may_connect; /* not failing, or the time for the next attempt has come and none is under way */
    bool surveyed;
    bool survey_due;    /* the time to ask again what is left over has come */
    bool warm_is_stale; /* the warm session next in turn must be checked first */
    bool any_session;
    bool draining;
};

struct demand {
    uint32_t weight; /* tokens, its own session included; at least 1 */
    bool needs_session;
};

enum verdict { VERDICT_START, VERDICT_CHECK, VERDICT_OPEN, VERDICT_CLOSE, VERDICT_WAIT };

struct decision {
    enum verdict verdict;
    uint32_t session_count;  /* to open or to close */
    enum reason_code reason; /* why it does not start; NONE for START */
    int64_t number, threshold;
};

struct decision admission_decide(const struct supply *supply, const struct demand *demand);

#endif
