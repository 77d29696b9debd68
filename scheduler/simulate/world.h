/*
 * The world of a simulation: what the core's actions do to sessions, runs and slots of the model, and what
 * happens then. Nothing goes wrong of itself here; there are only load, slots and time.
 */
#ifndef SCHEDULER_SIMULATE_WORLD_H
#define SCHEDULER_SIMULATE_WORLD_H

#include "scheduler/core/core.h"
#include "scheduler/core/state.h"
#include "scheduler/simulate/agenda.h"
#include "scheduler/simulate/database.h"
#include "scheduler/simulate/tally.h"

/* The machine is up for a day: 0 is no instant of a real monotonic clock. */
#define SIMULATE_MONO_START_US US_PER_DAY

struct model_session {
    uint32_t generation;
    uint32_t pool;
    uint32_t stamp; /* of its next answer */
    bool on_server;
    uint32_t run_first, run_last; /* run indexes or INDEX_NONE */
    int64_t free_at_us;           /* the server is done with all that was sent before the first run */
};

struct model_run {
    uint32_t generation;
    uint32_t stamp; /* of its end */
    uint32_t session;
    uint32_t behind;
    uint32_t pool;
    int64_t took_us;
    uint32_t slot_count; /* that it takes beside its session */
    bool discard;        /* its session is cleaned after it in the same flush */
    bool begun, failed, cancelled, lost;
};

struct simulate_world {
    const struct simulate_options *options; /* borrowed, as are core and facts */
    struct core *core;
    struct simulate_facts *facts;
    int64_t now_us;              /* after the start */
    uint64_t instant_step_count; /* steps since time went on */
    struct simulate_agenda agenda;
    struct simulate_tally tally;
    struct simulate_database *databases;
    struct model_session *sessions;
    struct model_run *runs;
    uint32_t *ours_counts;    /* by pool: sessions on the server */
    uint32_t *command_counts; /* of these, beside the pool's own */
};

/* Facts must have room already. */
void simulate_world_init(struct simulate_world *world, const struct simulate_options *options,
                         struct core *core, struct simulate_facts *facts);
void simulate_world_finish(struct simulate_world *world);

/* An event at the present instant, and all that the core does at it. */
void simulate_world_feed(struct simulate_world *world, struct event event);

/* The next of the agenda, whose instant is the present one. */
void simulate_world_happen(struct simulate_world *world);

#endif
