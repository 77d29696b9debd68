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

/* Its outside work has ended. failure: what a part of it failed of, though the rest is written; or NULL. */
void errand_worked(struct daemon *daemon, uint32_t run, const struct failure *failure);

/* What a part of its work failed of; borrowed. False: nothing. */
bool errand_complaint(const struct daemon *daemon, uint32_t run, struct failure *ret);

/* How far it is; zeroes for a run that is none. */
struct progress errand_progress(const struct daemon *daemon, uint32_t run);

/* Accepts a run that is none. */
void errand_end(struct daemon *daemon, uint32_t run);

#endif
