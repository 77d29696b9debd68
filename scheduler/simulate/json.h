/*
 * A forecast for programs: the same facts as report.h.
 */
#ifndef SCHEDULER_SIMULATE_JSON_H
#define SCHEDULER_SIMULATE_JSON_H

#include "scheduler/simulate/report.h"

#define SIMULATE_JSON_SCHEMA 1

/* sources: by task, from where its duration is: "took", "daemon" or "expect". */
void simulate_json(const struct simulate_report *report, const char *const *sources, struct text *text);

#endif
