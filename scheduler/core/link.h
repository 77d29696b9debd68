/*
 * Which task comes after which, as the core knows it: values. chain_build.c makes them, chain.c writes them.
 */
#ifndef SCHEDULER_CORE_LINK_H
#define SCHEDULER_CORE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "tasks/instant.h"

/* The keys of a task's last runs that ended so; 0: none is known. */
struct ends {
    struct wall ok, failed;
};

/* From a task to one of those that it comes after. */
struct link {
    uint32_t task, predecessor;
    struct wall answered; /* the key of the predecessor's last run that runs of the task have answered */
};

/* What a task is in the chains, as one that comes after others, and as one that others come after. */
struct chain {
    uint32_t link_first, link_count;         /* of core.links: in the order of its key `after` */
    uint32_t follower_first, follower_count; /* of core.followers */
    struct ends ended;
    struct ends told_ended; /* of that, what the history told */
    bool known;             /* what its links have answered is known from the history */
    bool doubted;           /* another daemon has answered some since */
    bool listed;            /* it, and those after it, are looked at in this step: on core.chain_first */
    uint32_t next;          /* on that list; or INDEX_NONE */
    uint32_t next_follower; /* the next of them to be looked at */
};

#endif
