/*
 * A run of several stages as the daemon carries it: the cargo that goes from one stage to the next, and the
 * outside work that is under way. It is there from the start of the first stage until the run's record.
 */
#ifndef SCHEDULER_DAEMON_ERRAND_H
#define SCHEDULER_DAEMON_ERRAND_H

#include "scheduler/daemon/state.h"
#include "scheduler/status/rows.h"

/* Starts the stage that the run is in. */
void errand_start(struct daemon *daemon, const struct action *action, const struct run *run);

/* To its children, if any are under way. */
void errand_signal(struct daemon *daemon, uint32_t run, int signal);

/* Its outside work has ended. failure: why a part of it failed, while the rest is written;
 * NULL: nothing failed. */
void errand_worked(struct daemon *daemon, uint32_t run, const struct failure *failure);

/* Why a part of its work failed; borrowed. False: nothing failed. */
bool errand_complaint(const struct daemon *daemon, uint32_t run, struct failure *ret);

/* How far it is; zeroes for a run without an errand. */
struct progress errand_progress(const struct daemon *daemon, uint32_t run);

/* Does nothing for a run without an errand. */
void errand_end(struct daemon *daemon, uint32_t run);

#endif
