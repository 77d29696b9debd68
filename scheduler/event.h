/*
 * All that can happen to the core. Time is inside the event; whatever can't be said as an event in and an
 * action out is not a decision and belongs in the shell.
 */
#ifndef SCHEDULER_EVENT_H
#define SCHEDULER_EVENT_H

#include "pool/handle.h"
#include "pool/outcome.h"
#include "tasks/instant.h"

enum event_kind {
    EVENT_TICK,           /* time passed */
    EVENT_SESSION_OPENED, /* logged in and usable */
    EVENT_SESSION_FAILED, /* could not be opened; the shell is closing it */
    EVENT_SESSION_READY,  /* clean and idle again: after a run's cleaning, or an answered check */
    EVENT_SESSION_BROKEN, /* of no more use, the shell is closing it; its run was ended by its own event */
    EVENT_SESSION_GONE,   /* the server's backend is gone: the token is free */
    EVENT_SURVEYED,       /* what an earlier daemon left on the server */
    EVENT_RUN_UNSENT,     /* nothing of the run reached the server: it is not spent */
    EVENT_RUN_ENDED,
    EVENT_TRIGGER, /* one run of a task now */
    EVENT_DRAIN,   /* stop: no new runs; a second one cancels at once */
};

struct event {
    enum event_kind kind;
    struct mono now;
    struct wall wall;
    struct handle session; /* SESSION_*, SURVEYED */
    struct handle run;     /* RUN_* */
    uint32_t task;         /* TRIGGER */
    union {
        struct {
            enum connect_failure failure;
        } failed;
        struct {
            uint32_t leftover_count;
        } surveyed;
        struct {
            enum outcome outcome;
            uint64_t row_count; /* rows the server returned or changed; bytes of output for a command */
            bool simple;        /* its text needed the simple protocol */
        } ended;
    };
};

#endif
