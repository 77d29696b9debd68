/*
 * How a stage of a run ends, and what follows: the next stage, another attempt, or its record.
 */
#ifndef SCHEDULER_CORE_ENDING_H
#define SCHEDULER_CORE_ENDING_H

#include "scheduler/core/state.h"

/* Its stage has ended so; the session has lost it already. */
void run_end(struct core *core, uint32_t run, const struct run_ending *ended, struct actions *actions);

/* Whether the stage that has ended so is not spent: it was rolled back by our cancel, meant for it or for the
 * one before it. */
bool run_may_wait_again(const struct core *core, uint32_t run, const struct run_ending *ended);
void run_wait_again(struct core *core, uint32_t run, struct actions *actions);

/* Why a run may not begin; SKIP_NONE: it may. */
enum skip_cause run_skip_cause(const struct core *core, const struct run *run);

/* It never begins, for this cause. Of a run in bites no further one does: it has ended well. */
void run_skip(struct core *core, uint32_t run, enum skip_cause cause, struct actions *actions);

/* Half done, at the end of a drain. */
void run_give_up(struct core *core, uint32_t run, struct actions *actions);

/* Half done, and its database seems to be gone. */
void run_abandon(struct core *core, uint32_t run, struct actions *actions);

/* A run of the task whose end was unknown was committed, or not: it counts as that. */
void run_resolve(struct core *core, uint32_t task, const struct event *event);

#endif
