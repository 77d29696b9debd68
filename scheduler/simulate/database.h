/*
 * A model of a database server as far as admission cares: slots, who has them, and an application that comes
 * and goes without asking us. What it refuses to the application is counted; what it refuses to us is 53300.
 */
#ifndef SCHEDULER_SIMULATE_DATABASE_H
#define SCHEDULER_SIMULATE_DATABASE_H

#include "pool/budget/sample.h"
#include "scheduler/simulate/simulate.h"

struct simulate_database {
    struct simulate_server *facts; /* borrowed */
    const struct simulate_foreground *foregrounds;
    uint32_t foreground_count;
    uint32_t *burst_counts; /* by foreground: slots that its present burst found */
    uint32_t ours_count;    /* of all pools */
    uint32_t application_count;
    uint64_t wanted_count; /* what the application would have if there were slots without end */
};

/* With the steady sessions of the application. Its facts are made here, and finished by their owner. */
void simulate_database_init(struct simulate_database *database, const struct simulate_options *options,
                            struct simulate_server *facts);
void simulate_database_finish(struct simulate_database *database);

/* Slots for us. False, and none taken, when there are too few. */
bool simulate_database_take(struct simulate_database *database, uint32_t count);
void simulate_database_give(struct simulate_database *database, uint32_t count);

void simulate_database_burst(struct simulate_database *database, uint32_t foreground, bool begins,
                             int64_t at_us);

/* What a look tells. ours: sessions of the pool that looks; command: of these, its commands'. */
struct sample simulate_database_sample(const struct simulate_database *database, uint32_t ours_count,
                                       uint32_t command_count, int64_t round_trip_us);

#endif
