/*
 * The one model of what surrounds the core, on virtual time: sessions and runs, and the slots of the servers.
 * It carries out the core's actions as the daemon would, and answers with events. Of itself nothing goes
 * wrong here: there are only load, slots and time, which is what `headgate simulate` wants. The random
 * simulator of the tests brings faults and a history through struct world_nature.
 */
#ifndef SCHEDULER_SIMULATE_WORLD_H
#define SCHEDULER_SIMULATE_WORLD_H

#include "scheduler/core/core.h"
#include "scheduler/core/state.h"
#include "scheduler/simulate/agenda.h"
#include "scheduler/simulate/database.h"

/* The machine is up for a day: 0 is no instant of a real monotonic clock. */
#define WORLD_MONO_START_US US_PER_DAY

/* What can go wrong; asked about each time that it could. */
enum world_fault {
    WORLD_CONNECT_FAILS,
    WORLD_CONNECT_HANGS, /* until connect_timeout */
    WORLD_SESSION_BREAKS,
    WORLD_RUN_HANGS,  /* until it is cancelled or aborted */
    WORLD_RUN_UNSENT, /* and its session breaks */
    WORLD_NEVER_GONE, /* nobody tells of the backend's end */
    WORLD_ANSWER_HANGS,
    WORLD_BREACHES,  /* a look finds what a run left behind */
    WORLD_UNLISTENS, /* the text of a run has UNLISTEN */
    WORLD_LISTEN_REFUSED,
    WORLD_FAULTS
};

/* What is waited for besides runs. */
enum world_wait { WORLD_OPEN, WORLD_REFUSED, WORLD_GONE, WORLD_CLEAN, WORLD_LOOK, WORLD_CANCEL, WORLD_WAITS };

/* Whether a run goes on when the server, or its child, gets to it. */
enum world_begin { WORLD_GOES_ON, WORLD_IS_REFUSED, WORLD_LOSES_SESSION };

/* How one world differs from another. What is NULL does nothing: no fault, the usual time, an empty history.
 */
struct world_nature {
    void *context;
    bool (*happens)(void *context, enum world_fault fault);
    int64_t (*takes_us)(void *context, enum world_wait wait, int64_t usual_us);
    int64_t (*run_takes_us)(void *context, const struct run *run); /* never NULL */
    void (*sees)(void *context, const struct action *action);      /* each, before it is carried out */
    void (*passes)(void *context, int64_t us); /* nothing happens for so long from now on */
    void (*counts)(void *context, uint32_t place,
                   uint32_t ours_count); /* our sessions on the server changed */
    void (*looks)(void *context, struct sample *sample);
    enum world_begin (*begins)(void *context, uint32_t run, struct event *end); /* end: if it is refused */
    void (*ends)(void *context, uint32_t run, bool lost, struct event *end);    /* end: as the model has it */
    bool (*asked)(void *context, uint32_t pool,
                  struct event *answer); /* ACTION_HISTORY; false: the answer is lost */
};

struct model_session {
    uint32_t generation;
    uint32_t place;
    uint32_t stamp; /* of its next answer */
    bool on_server;
    bool refused;            /* there was no slot for it */
    bool broken;             /* and that is told, or about to be */
    struct taskset *listens; /* a reference: to the channels that its pool had in this file; NULL: to none */
    uint32_t listens_pool;
    uint32_t run_first, run_last; /* run indexes or INDEX_NONE */
    int64_t free_at_us;           /* the server is done with all that was sent before the first run */
};

struct model_run {
    uint32_t generation;
    uint32_t stamp;   /* of its end */
    uint32_t session; /* an index, or INDEX_NONE */
    uint32_t behind;
    uint32_t place;
    int64_t took_us;
    uint32_t slot_count; /* that it takes beside its session */
    bool discard;        /* its session is cleaned after it in the same flush */
    bool begun, failed, refused, cancelled, lost;
    struct event end;
};

/* Where a pool's sessions are. */
struct world_place {
    struct database *database;
    uint32_t ours_count;    /* sessions of the pool on that server */
    uint32_t command_count; /* of these, beside the pool's own */
    uint64_t refused_count; /* times that it found no slot */
};

struct world {
    struct core *core;          /* borrowed, as all that nature has */
    struct world_nature nature; /* may be changed at any time */
    int64_t now_us;             /* after the start */
    int64_t wall_start_us;      /* the wall clock was that then; to set the clock is to change it */
    uint64_t step_count;
    uint64_t instant_step_count; /* steps since time went on */
    bool stuck;                  /* these are far too many: a bug in the core */
    struct agenda agenda;
    struct database *databases; /* the owner's, as places are: those whose bursts are on the agenda */
    struct world_place *places;
    uint32_t place_of_pool[2 * POOLS_MAX]; /* a reload keeps those that retire beside the file's; at first
                                              their own number */
    struct model_session *sessions;        /* by the core's indexes */
    struct model_run *runs;
    uint32_t session_capacity, run_capacity;
};

/* places: one for each pool, of the owner. */
void world_init(struct world *world, struct core *core, struct world_place *places, struct wall start);
void world_finish(struct world *world);

/* The core was given a new file: its capacities may have grown. */
void world_follow_reload(struct world *world);

/* An event at the present instant, and all that the core does at it. */
void world_feed(struct world *world, struct event event);

/* To the next thing that happens before `until_us`. False when there is none: that is the present then,
 * unless the world is stuck. */
bool world_advance(struct world *world, int64_t until_us);

/* The session is lost, and all that runs on it. */
void world_break_session(struct world *world, uint32_t session);

#endif
