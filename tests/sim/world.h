/*
 * A world for the core: virtual time, a model of a database with a limited number of slots, and faults. It
 * carries out the core's actions as the daemon would, and answers with events. All randomness comes from the
 * seed.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "scheduler/core/core.h"
#include "scheduler/core/state.h"

/* How bad the world is, in per mille of the chances there are. */
struct faults_mix {
    uint32_t connect_fails, connect_hangs, session_breaks, run_fails, run_hangs, run_unsent, never_gone,
        answer_hangs, sample_fails, breaches, conflicts;
    int64_t outage_every_us, outage_us; /* 0: none */
};

struct timed_event {
    int64_t at_us;
    uint64_t number;
    uint64_t start; /* RUN_*: of which start of the run; stale when it was started again since */
    struct event event;
};

/* What the world knows of a session, by the core's slot. */
struct model_session {
    uint32_t generation;
    uint32_t pool;
    bool broken;    /* said so */
    bool on_server; /* the server counts it */
    bool unclean;   /* its last run was said to leave nothing behind: READY comes after CLEAN only */
    struct handle runs[SHARED_RUNS_MAX]; /* in the order in which they were sent */
    uint32_t run_count;
};

struct model_run {
    uint64_t start; /* unique */
    bool ends;      /* an end is on its way */
};

struct world {
    struct core *core;
    uint64_t random;
    struct faults_mix faults;
    int64_t now_us, wall_us;
    uint32_t server_slots; /* of each pool's database */
    uint32_t server_used[POOLS_MAX];
    uint32_t foreground[POOLS_MAX]; /* sessions of the application */
    struct sample samples[POOLS_MAX];
    uint64_t start_number;
    bool down;
    struct timed_event *events;
    uint32_t event_count, event_capacity;
    uint64_t event_number;
    struct model_session *sessions;
    struct model_run *runs;
    bool opened[POOLS_MAX]; /* by the last step */
    uint64_t trace; /* a hash of every action, with its time */
    uint64_t step_count, yield_count, breach_count, retry_count, hold_count;
    uint64_t outcome_counts[OUTCOME_NOTHING + 1];
    void (*on_record)(struct world *world, const struct record *record);
    void *context;
    bool stopped;
};

void world_init(struct world *world, uint64_t seed, struct core *core);
void world_finish(struct world *world);

uint32_t world_random(struct world *world, uint32_t below);

/* The core was given a new file: its capacities may have grown. */
void world_follow_reload(struct world *world, uint32_t old_slots, uint32_t old_runs);

/* One event to the core, its actions carried out; then whatever the core still has to do. */
void world_feed(struct world *world, struct event event);

/* Advances to the next thing that happens, at the latest to `until_us`. False when that was reached. */
bool world_advance(struct world *world, int64_t until_us);

/* All sessions break at once; nothing connects until it is up again. */
void world_outage(struct world *world, bool down);

#endif
