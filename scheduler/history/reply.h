/*
 * What the database answered, read: it may be no history of ours at all, so all of it is checked before any
 * of it is believed.
 */
#ifndef SCHEDULER_HISTORY_REPLY_H
#define SCHEDULER_HISTORY_REPLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "scheduler/core/event.h"
#include "tasks/arena.h"
#include "tasks/taskset.h"

/* Who else has our name, with room for "app01:/srv/b.ini (seen 2.0s ago)". */
#define REPLY_SHARED_BYTES 256

/* What it says of one task. */
struct reply_row {
    struct event
        event; /* RESTORED, CHAIN or RESOLVED, to be fed to the core with the instant of then. Its task is
                * TASKSET_NONE where the file has none of that name: then only the log is told */
    const char *task;
    const char *due;    /* of RESOLVED, as the server writes it */
    const json_t *gaps; /* of RESTORED: instants of rows that lie apart, in pairs; NULL: none */
};

struct reply {
    struct reply_row *rows;
    uint32_t count;
    char shared[REPLY_SHARED_BYTES]; /* another daemon that has our name, and other tasks; "": none */
    json_t *json;                    /* what the rows' texts point into */
    struct arena arena;              /* and the instants of chains */
};

/* False: it is not as a history of ours answers, and there is nothing to finish. */
bool reply_read(struct reply *reply, const char *answer, const struct taskset *set)
    __attribute__((warn_unused_result));

/* Accepts what is zeroed. */
void reply_finish(struct reply *reply);

#endif
