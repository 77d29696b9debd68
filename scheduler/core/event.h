/*
 * All that can happen to the core. Time is inside the event; whatever can't be said as an event in and an
 * action out is not a decision and belongs in the shell.
 */
#ifndef SCHEDULER_CORE_EVENT_H
#define SCHEDULER_CORE_EVENT_H

#include "pool/budget/sample.h"
#include "pool/handle.h"
#include "pool/report.h"
#include "tasks/instant.h"

enum event_kind {
    EVENT_TICK,           /* time passed */
    EVENT_SESSION_OPENED, /* logged in and usable */
    EVENT_SESSION_FAILED, /* could not be opened; the shell is closing it */
    EVENT_SESSION_READY,  /* clean and idle again: after a run's cleaning, or an answered check */
    EVENT_SESSION_BROKEN, /* of no more use, the shell is closing it; its run was ended by its own event */
    EVENT_SESSION_GONE,   /* the server's backend is gone: the token is free */
    EVENT_SAMPLED,        /* a look at the database was taken on this session; it is idle again */
    EVENT_HISTORY,        /* the history was asked on this session; it is idle again */
    EVENT_LISTENS,      /* the session listens to its pool's channels, or it was refused; it is idle again */
    EVENT_CHANNELS,     /* it does not as it should any more */
    EVENT_POOLER,       /* a look at the connection pooler in front of the database */
    EVENT_COMMAND_SEEN, /* how many sessions of a running command the server counts */
    EVENT_RUN_COMMITS,  /* all of the run is done but its COMMIT, which may wait for a standby */
    EVENT_RUN_UNSENT,   /* nothing of the run reached the server: it is not spent */
    EVENT_RUN_ENDED,
    EVENT_TRIGGER,  /* one run of a task now */
    EVENT_WAKE,     /* a task was notified, or may have been */
    EVENT_PAUSE,    /* what becomes due of a task is skipped from now on, or no longer */
    EVENT_RESTORED, /* what is on record of a task, once after the start, before its pool grants anything */
    EVENT_CHAIN,    /* what is on record of a task that comes after others, or that others come after */
    EVENT_RESOLVED, /* what became of a run that was unknown */
    EVENT_DRAIN,    /* stop: no new runs; a second one cancels at once */
};

/* Instants are keys in the history; 0: there is none. */
struct chain_told {
    struct wall ok, failed;     /* of the task's last runs that ended so, on whatever daemon */
    bool runs_elsewhere;        /* another daemon has a run of it under way */
    struct wall last;           /* of its last row */
    const int64_t *answered_us; /* of each task that it comes after: the last run that it has answered.
                                 * Borrowed during the step */
    uint32_t answered_count;
};

struct event {
    enum event_kind kind;
    struct mono now;
    struct wall wall;
    struct handle session; /* SESSION_*, SAMPLED, HISTORY, LISTENS, CHANNELS */
    struct handle run;     /* RUN_*, COMMAND_SEEN */
    uint32_t task;         /* TRIGGER, WAKE, PAUSE, RESTORED, CHAIN, RESOLVED */
    uint32_t pool;         /* POOLER */
    union {
        struct {
            enum connect_failure failure;
        } failed;
        struct {
            bool breach; /* a run that was said to leave nothing behind did */
        } ready;
        const struct sample *sample; /* borrowed during the step */
        struct {
            bool failed;          /* it took nothing */
            bool failed_for_long; /* for another reason than an old transaction that a record waits for */
            bool restored;        /* what was missing is made, and what it knows of its tasks was told */
            uint32_t left_count;  /* records that are not written yet */
        } history;
        struct {
            struct wall answered_until; /* the last occurrence that any daemon answered, or up to when it was
                                         * not known */
            struct wall ahead_until;    /* the same of those from our first one on; 0: none */
            int64_t ok_count, failed_count, skipped_count; /* of the last day */
            int64_t took_us;                               /* at the median; 0: not known */
        } restored;
        struct chain_told chain;
        struct {
            bool failed;
            bool anew; /* to a channel that this session did not hear before: for the log */
        } listens;
        struct {
            bool missing; /* it does not hear all of them */
        } channels;
        struct {
            struct wall due, due_until; /* the keys of a run that was unknown */
            bool ok;                    /* else nothing of it is done */
        } resolved;
        struct {
            uint32_t waiting_count; /* clients */
        } pooler;
        struct {
            uint32_t session_count;
        } seen;
        struct {
            bool paused; /* false: it goes on */
        } pause;
        struct run_ending ended;
    };
};

#endif
