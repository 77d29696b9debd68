/*
 * The window of a task in an ini file: `window`, `except`, `outside` and `window_end`, and what they say
 * together.
 */
#ifndef TASKS_CONFIG_WINDOW_H
#define TASKS_CONFIG_WINDOW_H

#include "tasks/config_reading.h"
#include "tasks/inifile.h"

/* Gives the task its window, owned by the set, from the values of the two keys; NULL: the section does not
 * have it. All else that the task says about when it runs was read before. */
void config_window(const struct config_reading *reading, const struct inifile_section *section,
                   const char *window, const char *except, struct task *task);

#endif
