/*
 * What a run is to the session or to the child that does it.
 */
#ifndef SCHEDULER_DAEMON_WORK_H
#define SCHEDULER_DAEMON_WORK_H

#include "scheduler/daemon/state.h"

/* The daemon's session of that name; NULL: it is gone, or the handle names none. */
struct session *work_session(const struct daemon *daemon, struct handle handle);

/* The work without its SQL text, which the caller fills in. Borrows from the run, and from the daemon until
 * the next call. */
struct session_work work_on_session(struct daemon *daemon, struct handle handle, const struct run *run);

/* Likewise. */
struct command_work work_of_command(const struct daemon *daemon, struct handle handle, const struct run *run);

#endif
