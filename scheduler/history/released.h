/*
 * What a task has answered of those that it comes after, as its row in the history says it.
 */
#ifndef SCHEDULER_HISTORY_RELEASED_H
#define SCHEDULER_HISTORY_RELEASED_H

#include "scheduler/core/state.h"
#include "tasks/text.h"

/* Adds an object as JSON, {"import":1790000000000000}; nothing where the task comes after no other. */
void released_compose(struct text *text, const struct core *core, uint32_t task);

#endif
