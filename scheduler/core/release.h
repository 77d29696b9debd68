/*
 * Where runs are let go that are held (held.h): each function is for one thing that may be over.
 */
#ifndef SCHEDULER_CORE_RELEASE_H
#define SCHEDULER_CORE_RELEASE_H

#include "scheduler/core/state.h"

/* A run of the task is no more: the one that comes behind it has its turn. */
void release_next_of(struct core *core, uint32_t task);

#endif
