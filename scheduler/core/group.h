/*
 * Groups of tasks: at most so many runs of a group have their turn at once. A run has its turn from the
 * moment in which it is let into its pool's queue until it has ended, or waits for another attempt. This file
 * has the lines, and run.c keeps them; release.c decides who has a turn next.
 */
#ifndef SCHEDULER_CORE_GROUP_H
#define SCHEDULER_CORE_GROUP_H

#include "scheduler/core/state.h"

/* Where the run stands in its group: lower is earlier. */
int64_t group_rank(const struct core *core, uint32_t run);

/* Whether the first has its turn before the second; ties go to who came first. */
bool group_is_before(const struct core *core, uint32_t a, uint32_t b);

/* The first of those that are held in the strand; INDEX_NONE: none is. */
uint32_t group_first_held(const struct core *core, const struct strand *strand);

uint32_t group_held_count(const struct core *core, const struct core_group *group);

/* The run is in another state, and its place in its group follows from that. */
void group_follow(struct core *core, uint32_t run);

/* A held run has its turn, or one that had it is to be held: run_move() to RUN_WAITING is next. */
void group_call(struct core *core, uint32_t run);
void group_hold(struct core *core, uint32_t run);

/* After a reload: the groups of core->set, with all runs that there are. Makes their memory. Runs that wait
 * for their pool are in the line of those that are held: run_move() to RUN_WAITING is next. */
void group_rebuild(struct core *core);
void group_finish(struct core *core);

/* The pool can be reached again, or may not be any more, or has other room: that decides about turns. */
void group_follow_pool(struct core *core, uint32_t pool);

#endif
