/*
 * One line of the account: every occurrence is in exactly one record. Those of occurrences that never became
 * a run are made here, those of runs in ending.h.
 */
#ifndef SCHEDULER_CORE_RECORD_H
#define SCHEDULER_CORE_RECORD_H

#include "scheduler/core/state.h"

/* A record of these occurrences, and what names them in the history. */
struct record record_of(const struct task *task, uint32_t index, uint32_t pool,
                        const struct occurrences *due);

/* It belongs into the history of its pool: one more that waits to be written. */
void record_keep(struct core *core, struct record *record);

/* These occurrences have no run, for this cause. */
void record_skip(struct core *core, uint32_t task, const struct occurrences *due, enum skip_cause cause,
                 struct actions *actions);

/* The same for occurrences that the task's statistics count already. */
void record_counted_skip(struct core *core, uint32_t task, const struct occurrences *due,
                         enum skip_cause cause, struct actions *actions);

#endif
