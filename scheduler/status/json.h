/*
 * The facts of the dump as JSON. The schema's number grows when a field changes its meaning or goes; new
 * fields do not change it. Durations are microseconds, instants are microseconds since 1970 UTC.
 */
#ifndef SCHEDULER_STATUS_JSON_H
#define SCHEDULER_STATUS_JSON_H

#include "scheduler/status/rows.h"
#include "tasks/text.h"

#define STATUS_JSON_SCHEMA 2

void status_json(const struct status *status, struct text *text);

#endif
