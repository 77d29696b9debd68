/*
 * A forecast in words, a table and a picture for people. Facts in, text out.
 */
#ifndef SCHEDULER_SIMULATE_REPORT_H
#define SCHEDULER_SIMULATE_REPORT_H

#include "scheduler/simulate/simulate.h"
#include "tasks/text.h"

struct simulate_report { /* all borrowed */
    const struct taskset *set;
    const struct simulate_options *options;
    const struct simulate_facts *facts;
    const char *version;
    const char *path;      /* of the ini file, as it was given */
    const char *durations; /* where they came from, in one line */
};

void simulate_report(const struct simulate_report *report, struct text *text);

#endif
