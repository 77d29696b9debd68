/*
 * What the window of a task means for its runs (tasks/window.h): those that time makes begin while it is
 * open; what a person triggers begins at any time, and is not stopped when it closes. Nothing is changed
 * here: held.c asks whether a run may go on, run.c when that will change, release.c lets go, and ending.c
 * stops.
 */
#ifndef SCHEDULER_CORE_OPENING_H
#define SCHEDULER_CORE_OPENING_H

#include "scheduler/core/state.h"

/* Whether the task's window is open for what is due: now, or at `due` where our clock is a little behind
 * that. It is, at any time, of a task without a window. */
bool opening_is_open(const struct core *core, uint32_t task, struct wall due);

/* Whether the run goes by a window: that of its task as the file has it now, and once it has begun that of
 * the file that it began under. */
bool opening_is_of(const struct core *core, const struct run *run);

/* The run may not begin now. */
bool opening_keeps_out(const struct core *core, const struct run *run);

/* The run, which has begun, is stopped when its window closes. A write is not: what was worked out is to be
 * kept. */
bool opening_stops(const struct run *run);

bool opening_has_closed(const struct core *core, const struct run *run);

/* For run.window_at. Of a run that its window keeps out: when it is let go, in the first minutes after the
 * opening. Of another one: when the window closes, or is looked at again. */
struct mono opening_changes_at(const struct core *core, const struct run *run);

/* The first of what was missed that fell due inside the window; where none did, an instant behind the last of
 * it. */
struct wall opening_first_inside(const struct core *core, uint32_t task, const struct occurrences *missed);

#endif
