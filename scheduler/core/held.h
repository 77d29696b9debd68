/*
 * Whether a run may wait for admission at all, or something holds it before that: then it is RUN_HELD, in no
 * queue. A policy that changes nothing: run_move() asks it of each run that is to wait, and release.c moves
 * those again whose hold may be over.
 */
#ifndef SCHEDULER_CORE_HELD_H
#define SCHEDULER_CORE_HELD_H

#include "scheduler/core/state.h"

/* Whether it has no turn in its task's group. */
bool held_by_group(const struct core *core, const struct run *run);

/* What holds the run, which has not begun; HELD_BY_NOTHING: it may go on. */
enum held_by held_by(const struct core *core, const struct run *run);

#endif
