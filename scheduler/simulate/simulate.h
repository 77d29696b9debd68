/*
 * What a file would do to a database, said before anyone deploys it: the shipping core on virtual time, with
 * a model of the server and of the application beside it. Pure: the same options give the same facts. The
 * command line (commands/simulate.c) asks; report.c and json.c have the words.
 */
#ifndef SCHEDULER_SIMULATE_SIMULATE_H
#define SCHEDULER_SIMULATE_SIMULATE_H

#include "scheduler/simulate/facts.h"

/* set (the core takes its own references) and options are borrowed during the call. Finish the facts with
 * simulate_finish(). */
void simulate(struct taskset *set, const struct simulate_options *options, struct simulate_facts *ret);
void simulate_finish(struct simulate_facts *facts);

/* Of one run, at the mean; -1: no run ended. */
int64_t simulate_per_run_us(const struct simulate_task *task, int64_t sum_us);

/* In all. */
int64_t simulate_waited_us(const int64_t waited_us[SIMULATE_REASONS]);

#endif
