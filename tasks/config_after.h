/*
 * What a task comes after (the key `after`): the names that the file says, and, once all tasks are read, the
 * tasks of these names. Unknown names and circles are faults.
 */
#ifndef TASKS_CONFIG_AFTER_H
#define TASKS_CONFIG_AFTER_H

#include "tasks/fault.h"
#include "tasks/taskset.h"

/* The names of a list with commas, for the task `name`. `draft` has the rest. In the set's arena; NULL after
 * a fault. */
const struct after *config_after_read(struct taskset *set, struct faults *faults, const struct after *draft,
                                      const char *list, const char *name);

/* Of a sealed taskset: fills in after->tasks of each task. Its time grows with the file, and no faster. */
void config_after_link(struct taskset *set, struct faults *faults);

#endif
