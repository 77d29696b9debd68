/*
 * Where runs are let go that are held (held.h): each function is for one thing that may be over.
 */
#ifndef SCHEDULER_CORE_RELEASE_H
#define SCHEDULER_CORE_RELEASE_H

#include "scheduler/core/state.h"

/* A run of the task is no more: the one that comes behind it has its turn. */
void release_next_of(struct core *core, uint32_t task);

/* Its window opens or closes, as run.window_at said. */
void release_follow_window(struct core *core, uint32_t run);

/* The clock was set, or a reload has changed what may hold the run: it is looked at anew. */
void release_look_again(struct core *core, uint32_t run);

/* In each group where something has changed, whoever comes first has his turn, and nobody beyond its limit.
 */
void release_groups(struct core *core);

/* How many have their turn in the group: under way, or waiting for a pool that can be reached. */
uint32_t release_turn_count(const struct core *core, const struct core_group *group);

#endif
