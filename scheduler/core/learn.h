/*
 * What the end of a stage, or of a whole run, says of its task: what its next runs are expected to take, and
 * its statistics.
 */
#ifndef SCHEDULER_CORE_LEARN_H
#define SCHEDULER_CORE_LEARN_H

#include "scheduler/core/state.h"

void learn_from(struct core_task *task, const struct run *run, enum outcome outcome,
                const struct run_ending *ended, int64_t took_us);

void learn_end(struct core *core, const struct run *run, const struct record *record);

#endif
