/*
 * What the core knows of a pool's history: a value.
 */
#ifndef SCHEDULER_CORE_KEEPING_H
#define SCHEDULER_CORE_KEEPING_H

#include "pool/handle.h"
#include "tasks/instant.h"

enum recording_state {
    RECORDING_OFF,    /* history = off */
    RECORDING_NEW,    /* nothing of the pool starts before it is known what is answered */
    RECORDING_ON,     /* runs are put on record before they start */
    RECORDING_BROKEN, /* it cannot be written: runs go on without, and their records wait */
};

/* The history of a pool. Written by recording.c; record.c counts what waits to be written. */
struct recording {
    enum recording_state state;
    bool restored;          /* what it knows was told, since the last reload or failure */
    bool doubted;           /* a claim waited for too long: is it the table? */
    struct handle asked;    /* the session that is asked, or none */
    uint32_t pending_count; /* records that wait to be written */
    struct mono pending_since;
    uint32_t refused_count;    /* in a row, each as if it would pass */
    struct mono refused_since; /* the first of them */
    uint32_t lost_count;       /* sessions in a row that were lost while they were asked */
    struct mono broken_since;
    struct mono next_try; /* not before: it failed, or a reload has nothing to say */
    struct mono
        learn_at; /* what other daemons did to its chains is asked then; 0: there is nothing to learn */
    bool learns;  /* it is being asked */
};

/* What a passing reason kept from being written, or claimed, is tried again so soon: an old transaction, or
 * another daemon's run, may be over by then, and a second is what a person hardly sees. */
#define RECORDING_AGAIN_US US_PER_S

/* How long after it was asked what other daemons did it is asked again, while one of them is at it: a chain
 * goes on there, and only where that daemon dies has ours to. */
#define RECORDING_LEARN_US (5 * US_PER_S)

/* So many sessions lost in a row while they were asked: once is a server that was restarted; so often, what
 * is asked is what ends the session. */
#define RECORDING_LOST_MOST 3

#endif
