/*
 * What time alone does to runs: a timeout, the end of a delay, a start that comes too late, a window that
 * closes or opens. When that is, run_deadline() in run.c says.
 */
#ifndef SCHEDULER_CORE_DEADLINES_H
#define SCHEDULER_CORE_DEADLINES_H

#include "scheduler/core/state.h"

/* Looks at the runs whose deadlines have come. True: more to do. */
bool deadlines_meet(struct core *core, struct actions *actions);

#endif
