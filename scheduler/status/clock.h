/*
 * Instants as people read them.
 */
#ifndef SCHEDULER_STATUS_CLOCK_H
#define SCHEDULER_STATUS_CLOCK_H

#include "scheduler/status/rows.h"
#include "tasks/text.h"

/* The time of day, and days from now. */
void status_clock(const struct status *status, struct wall at, struct text *text);

#endif
