/*
 * The links between the tasks of a file, made when it is taken in: who comes after whom, both ways.
 */
#ifndef SCHEDULER_CORE_CHAIN_BUILD_H
#define SCHEDULER_CORE_CHAIN_BUILD_H

#include "scheduler/core/state.h"

/*
 * For the core's present file and tasks. What was known of earlier tasks, and of those of their links that
 * are there still, goes on. moved: old indexes of tasks to new ones, or INDEX_NONE; old_count of them.
 */
void chain_build(struct core *core, const uint32_t *moved, uint32_t old_count);
void chain_finish(struct core *core);

#endif
