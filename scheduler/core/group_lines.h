/*
 * The lines of groups, as plain data: state.h has them, group.c writes them.
 */
#ifndef SCHEDULER_CORE_GROUP_LINES_H
#define SCHEDULER_CORE_GROUP_LINES_H

#include "tasks/instant.h"
#include "tasks/task.h"

enum group_line {
    GROUP_NONE,   /* not in a line: its task has no group; or it waits for something else */
    GROUP_HELD,   /* has no turn, and is RUN_HELD for that */
    GROUP_CALLED, /* has its turn, and waits in its pool's queue */
    GROUP_BUSY,   /* has begun, and is not over; but between two bites it gives its turn away */
};

/* Of a run. The lines are lists through the runs themselves, because nothing is allocated in a step. */
struct group_place {
    enum group_line line;
    uint32_t next, before; /* run indexes or INDEX_NONE */
    struct mono since;     /* it came to the end of the line */
    uint64_t
        arrival; /* its number among all that came: what became due first came first, or is the lower task */
};

struct run_list {
    uint32_t first, last; /* run indexes or INDEX_NONE */
    uint32_t count;
};

/* The runs of a group that wait and need the same of the same pool: so it can be asked whether that is to be
 * had, and others of the group go on while it is not. */
struct strand {
    uint32_t group, pool;
    uint32_t tokens; /* that have to be free before one starts; 0: a session at work may take it, or it needs
                      * no token */
    struct run_list called;                  /* by their rank */
    struct run_list held[PRIORITY_HIGH + 1]; /* by priority, and first come first served */
};

struct core_group {
    const struct group_settings *settings; /* of core.set */
    uint32_t strand_first, strand_count;   /* in core.strands */
    struct run_list busy;                  /* as they began */
    bool unsettled;                        /* on that list: */
    uint32_t next_unsettled;
};

struct groups {
    struct core_group *items; /* those of the file, in its order */
    struct strand *strands;
    uint32_t count, strand_count;
    uint64_t arrival_count; /* runs that came to a line */
    uint32_t unsettled;     /* the first of those where somebody may have a turn, or lose it; or INDEX_NONE */
};

#endif
