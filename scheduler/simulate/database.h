/*
 * A model of a database server as far as admission cares: slots, who has them, and an application that comes
 * and goes without asking us. What it refuses to the application is counted; what it refuses to us is 53300.
 */
#ifndef SCHEDULER_SIMULATE_DATABASE_H
#define SCHEDULER_SIMULATE_DATABASE_H

#include "pool/budget/sample.h"
#include "scheduler/simulate/facts.h"

struct database {
    struct simulate_server *facts; /* borrowed */
    const struct simulate_foreground *foregrounds;
    uint32_t foreground_count;
    uint32_t *burst_counts; /* by foreground: slots that its present burst found */
    uint32_t ours_count;    /* of all pools */
    uint32_t application_count;
    uint64_t wanted_count; /* what the application would have if there were slots without end */
};

/* With the steady sessions of the application. Its facts are made here, and finished by their owner. */
void database_init(struct database *database, const struct simulate_options *options,
                   struct simulate_server *facts);
void database_finish(struct database *database);

/* Slots for us. False, and none taken, when there are too few. */
bool database_take(struct database *database, uint32_t count);
void database_give(struct database *database, uint32_t count);

void database_burst(struct database *database, uint32_t foreground, bool begins, int64_t at_us);

/* What a look tells. ours: sessions of the pool that looks; command: of these, its commands'. */
struct sample database_sample(const struct database *database, uint32_t ours_count, uint32_t command_count,
                              int64_t round_trip_us);

#endif
