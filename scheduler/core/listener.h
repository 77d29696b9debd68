/*
 * What the core knows of the session of a pool that listens for its tasks. Written by hearing.c; but
 * session.c says when it is lost.
 */
#ifndef SCHEDULER_CORE_LISTENER_H
#define SCHEDULER_CORE_LISTENER_H

#include "pool/handle.h"
#include "tasks/instant.h"

struct listener {
    bool wanted;           /* the file has a task for it */
    struct handle session; /* that listens, or is asked to; or none */
    bool asked;            /* no answer has come yet */
    bool on;               /* it hears all that it is to */
    bool again;            /* it is to be asked as soon as it is idle */
    struct mono confirmed; /* when it answered last */
    struct mono off_since; /* not on: since then */
    uint32_t failed_count; /* in a row: it was refused */
    struct mono next_try;  /* not before */
    struct mono next_open; /* nor is it looked before whether a further session may be opened for it */
};

#endif
