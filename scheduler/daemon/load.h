/*
 * Reading an ini file from the disk, with all it names: permissions, sql_files, and what libpq says of
 * conninfo.
 */
#ifndef SCHEDULER_DAEMON_LOAD_H
#define SCHEDULER_DAEMON_LOAD_H

#include <stdbool.h>

#include "tasks/fault.h"
#include "tasks/taskset.h"

/*
 * Returns the taskset (one reference), or NULL when the file cannot be read. It may run only if faults stayed
 * empty; with faults it still tells where the control socket is.
 */
struct taskset *load_file(const char *path, struct faults *faults) __attribute__((warn_unused_result));

/* Whether the system has a time zone of that name. */
bool load_knows_zone(const char *name);

#endif
