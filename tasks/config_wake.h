/*
 * The keys of a task that say which notifications make it due.
 */
#ifndef TASKS_CONFIG_WAKE_H
#define TASKS_CONFIG_WAKE_H

#include "tasks/config_reading.h"
#include "tasks/inifile.h"

/* channels: as the section has them; NULL: it has none. */
void config_wake(const struct config_reading *reading, const struct inifile_section *section,
                 const char *channels, int64_t most_every_us, struct task *task);

/* Adds the faults of a whole file: a session of a pool listens to no more than CHANNELS_MAX. */
void config_wake_check(const struct taskset *set, struct faults *faults);

#endif
