/*
 * What a session does next that has nothing to do: it is closed, looks at the database, asks the history, or
 * waits warm for a run; and what follows when the time of a session's state has passed.
 */
#ifndef SCHEDULER_CORE_IDLE_H
#define SCHEDULER_CORE_IDLE_H

#include "scheduler/core/state.h"

void idle_begin(struct core *core, uint32_t session, struct actions *actions);

/* After a reload, a change of the limit or the start of a drain: closes idle sessions that are not wanted any
 * more. The busy ones are looked at when they fall idle. True: more to do. */
bool idle_sweep(struct core *core, struct actions *actions);

/* Looks at the sessions whose deadlines have come. True: more to do. */
bool idle_expire(struct core *core, struct actions *actions);

#endif
