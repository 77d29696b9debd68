/*
 * The facts of the dump in Prometheus' text format (exposition format 0.0.4): base units, _total for
 * counters.
 */
#ifndef SCHEDULER_STATUS_METRICS_H
#define SCHEDULER_STATUS_METRICS_H

#include "scheduler/status/rows.h"
#include "tasks/text.h"

void status_metrics(const struct status *status, struct text *text);

#endif
