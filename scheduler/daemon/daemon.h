/*
 * The daemon: the core on a libuv loop, with real sessions and children, until it is told to stop.
 */
#ifndef SCHEDULER_DAEMON_DAEMON_H
#define SCHEDULER_DAEMON_DAEMON_H

#include <stdint.h>

#include "tasks/taskset.h"

struct daemon_request {
    const char *path;      /* of the ini file */
    struct taskset *set;   /* loaded from it, without a fault; a reference is taken */
    const char *once_task; /* run this task once, then stop; NULL: run until told to stop */
};

/* Returns the exit code. */
int daemon_run(const struct daemon_request *request);

#endif
