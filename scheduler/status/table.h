/*
 * The dump that people read: a head, the pools, and a line for each task, waiting ones first.
 */
#ifndef SCHEDULER_STATUS_TABLE_H
#define SCHEDULER_STATUS_TABLE_H

#include "scheduler/status/rows.h"
#include "tasks/text.h"

/* width: of the terminal in columns, to which the tasks' lines are cut; 0: not cut. */
void status_print(const struct status *status, uint32_t width, struct text *text);

#endif
