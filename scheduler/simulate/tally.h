/*
 * Keeps the books of a simulation: what the core's records say of every occurrence and its lateness, and for
 * what runs wait while time passes.
 */
#ifndef SCHEDULER_SIMULATE_TALLY_H
#define SCHEDULER_SIMULATE_TALLY_H

#include "scheduler/core/state.h"
#include "scheduler/simulate/facts.h"

struct simulate_lateness;

struct tally {
    const struct core *core;            /* borrowed */
    struct simulate_facts *facts;       /* borrowed */
    struct simulate_lateness *lateness; /* by task */
    uint32_t *queueing; /* tasks with overlap = queue or a window: their runs wait outside of the lines */
    uint32_t queueing_count;
};

void tally_init(struct tally *tally, const struct core *core, struct simulate_facts *facts);
void tally_finish(struct tally *tally);

void tally_record(struct tally *tally, const struct record *record);

/* Nothing happens for so long, from the core's present instant on. */
void tally_pass(struct tally *tally, int64_t us);

/* At the end: percentiles, and what is not finished. */
void tally_close(struct tally *tally);

#endif
