/*
 * How a run gets onto a session or to the shell, and how it is asked to stop.
 */
#ifndef SCHEDULER_CORE_START_H
#define SCHEDULER_CORE_START_H

#include "scheduler/core/state.h"

/* Starts a run that waits: on the session, behind others when it has some; or on none (INDEX_NONE). */
void run_start(struct core *core, uint32_t run, uint32_t session, struct actions *actions);

/* Asks it to stop. The cancel may hit any run on its session, which takes no more. */
void run_stop(struct core *core, uint32_t run, enum stop_cause cause, struct actions *actions);

/* The same, because the run is in others' way: it is not spent, and waits again. */
void run_yield(struct core *core, uint32_t run, struct actions *actions);

#endif
