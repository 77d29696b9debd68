/*
 * The daemon's pools and arrays, as the core's present file wants them.
 */
#ifndef SCHEDULER_DAEMON_FOLLOW_H
#define SCHEDULER_DAEMON_FOLLOW_H

#include "scheduler/daemon/state.h"

/*
 * Session pools for those of the file's pools that no present one fits, in an array by the file's pools, to
 * free(), with NULL for the others. NULL with `error` filled: one of them cannot be made, and none is.
 */
struct session_pool **follow_prepare(struct daemon *daemon, struct taskset *set, struct text *error);

/* Once the core has gone over to the file, or was made for it. Takes `fresh`, which follow_prepare() made. */
void follow_file(struct daemon *daemon, struct session_pool **fresh);

/* Frees all of it. */
void follow_finish(struct daemon *daemon);

#endif
