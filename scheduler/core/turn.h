/*
 * Whose turn it is among the runs that wait for a pool: which line's first is the head of all, and which is
 * passed.
 */
#ifndef SCHEDULER_CORE_TURN_H
#define SCHEDULER_CORE_TURN_H

#include "scheduler/core/state.h"

/* The first of a line, NULL when it is empty; of the heavy the first that the gate has room for, if there is
 * one: what the application leaves no room for waits alone, for as long as that takes. */
const struct due_entry *turn_first(const struct core *core, const struct core_pool *pool, enum line line);

/* When the first of the runs that were in others' way may start: now, where it leaves a token to others, or
 * where no other run waits and no other of its kind is at work; else once it has waited for max_wait.
 * INSTANT_MAX: there is none. */
int64_t turn_returned_at(const struct core *core, const struct core_pool *pool);

/* The line whose first, *ret_run, is the head of those that are not closed; LINES when there is none. */
enum line turn_head(const struct core *core, const struct core_pool *pool, const bool closed[LINES],
                    uint32_t *ret_run);

#endif
