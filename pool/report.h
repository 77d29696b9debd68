/*
 * What a session or a child says of itself: to the daemon, which passes it on to the core as an event. What
 * it means is decided there.
 */
#ifndef POOL_REPORT_H
#define POOL_REPORT_H

#include "pool/handle.h"
#include "pool/outcome.h"

enum report_kind {
    REPORT_SESSION_OPENED, /* logged in and usable */
    REPORT_SESSION_FAILED, /* could not be opened; it is being closed */
    REPORT_SESSION_READY,  /* clean and idle again: after a run's cleaning, or an answered check */
    REPORT_SESSION_BROKEN, /* of no more use, it is being closed; its run was reported before */
    REPORT_SESSION_GONE,   /* the server's backend is gone: the token is free */
    REPORT_SURVEYED,       /* what an earlier daemon left on the server */
    REPORT_RUN_UNSENT,     /* nothing of the run reached the server: it is not spent */
    REPORT_RUN_ENDED,
};

struct report {
    enum report_kind kind;
    struct handle session; /* none for a child */
    struct handle run;     /* RUN_* */
    union {
        enum connect_failure connect_failure; /* SESSION_FAILED */
        uint32_t leftover_count;              /* SURVEYED */
        struct {
            enum outcome outcome;
            uint64_t row_count; /* rows the server returned or changed; bytes of output for a command */
        } ended;
    };
};

#endif
