/*
 * A [task NAME] section: its keys, what its work is, and that one does not contradict the other.
 */
#ifndef TASKS_CONFIG_TASK_H
#define TASKS_CONFIG_TASK_H

#include "tasks/config_reading.h"
#include "tasks/keys.h"

/* The section becomes the set's next task, for which there is room. The pools were read before. */
void config_read_task(const struct config_reading *reading, const struct inifile_section *section);

extern const struct key config_task_keys[];

#endif
