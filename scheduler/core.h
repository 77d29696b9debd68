/*
 * READ THIS FIRST. The core decides what starts now, and why the rest waits. It is a value and one function:
 *
 *     core_step(core, event, actions)      what happened in, what to do out
 *     core_next_wake(core)                 when it wants the next EVENT_TICK
 *
 * It calls no clock, no library that does I/O, and allocates only in core_create() and core_reload(). The
 * daemon, the simulator and the tests are three interpreters of the same actions. The fields below are for
 * reading (status.c shows them to people); only core.c and the files beside it that it names change them:
 *
 *     clock.c      due instants, and what a stepped wall clock does to them
 *     run.c        the life of a run          slot.c    the life of a session, as the core sees it
 *     admission.c  may this run start: a pure policy    grant.c   asks the policy and acts on it
 *     reload.c     a new ini file under running tasks
 */
#ifndef SCHEDULER_CORE_H
#define SCHEDULER_CORE_H

#include "pool/tokens.h"
#include "scheduler/action.h"
#include "scheduler/due.h"
#include "scheduler/event.h"
#include "scheduler/quantile.h"
#include "tasks/taskset.h"

#define SLOT_NONE UINT32_MAX

/* --- a run: one execution of a task --- */

enum run_state {
    RUN_FREE,     /* the record is unused */
    RUN_HELD,     /* overlap = queue: waits for its own task's run to end */
    RUN_WAITING,  /* in its pool's queue: waits for admission */
    RUN_RUNNING,  /* started; holds its tokens */
    RUN_STOPPING, /* asked to stop, by its timeout or the drain; still holds its tokens */
};

enum stop_cause { STOP_NONE, STOP_TIMEOUT, STOP_DRAIN };

struct run {
    enum run_state state;
    enum stop_cause stop;
    uint32_t generation;
    uint32_t task; /* index into the core's tasks */
    uint32_t pool; /* index into the core's pools: where its tokens are */
    bool held_told;
    uint64_t number; /* unique in the life of the daemon; 1 is the first */
    struct handle session;
    struct taskset *set;           /* a reference: the file it was started under */
    const struct task *definition; /* in that set */
    struct wall due_first, due_last;
    int64_t occurrence_count;
    struct mono due;     /* of the first occurrence */
    struct mono started; /* when tokens were granted */
    uint32_t next_free;
};

/* --- a session, as the core sees it --- */

enum slot_state {
    SLOT_FREE,
    SLOT_OPENING,  /* until OPENED or FAILED */
    SLOT_WARM,     /* on its pool's warm list; leaves it for a run, or when idle or old */
    SLOT_CHECKING, /* asked something short; warm again when READY */
    SLOT_BUSY,     /* with a run */
    SLOT_CLEANING, /* after a run, until READY */
    SLOT_CLOSING,  /* until GONE */
};

struct slot {
    enum slot_state state;
    uint32_t generation;
    uint32_t pool;
    bool broken; /* lost while BUSY; its run's own event is on the way */
    struct handle run;
    struct mono opened;
    struct mono idle_since;
    uint32_t conninfo_version;
    uint32_t newer, older; /* on the warm list, most recently used first; slot indexes or SLOT_NONE */
    uint32_t next_free;
};

/* --- a task and a pool with what happened to them --- */

struct task_stats {
    uint32_t ok_count, failed_count, skipped_count;
    uint64_t merged_count; /* occurrences answered by another one's run */
    int64_t last_took_us;
    enum outcome last_outcome;
    bool any;
};

struct core_task {
    const struct task *definition;
    struct taskset *set; /* a reference: where the definition lives */
    uint32_t pool;       /* index into the core's pools: where new runs go */
    uint32_t waiting_run;   /* slot of the run that waits, which later occurrences join; or SLOT_NONE */
    uint32_t waiting_count; /* mostly 0 or 1; one more for each unsent run that found a newer one waiting */
    uint32_t running_count;
    bool retired;    /* no longer in the file; kept while its run is under way */
    struct wall due; /* the next due instant; meaningful while the task is armed */
    struct task_stats stats;
};

enum survey { SURVEY_NEEDED, SURVEY_ASKED, SURVEY_DONE };

struct core_pool {
    const struct pool_settings *settings;
    struct taskset *set; /* a reference */
    struct tokens tokens;
    struct due waiting;         /* run slots in the order they may start */
    uint32_t waiting_sql_count; /* how many of them need a session */
    uint32_t warm_newest, warm_oldest;
    uint32_t conninfo_version;
    bool retired;
    /* connecting */
    bool failing; /* the last attempt failed */
    enum connect_failure failure;
    uint32_t failure_count; /* in a row */
    struct mono failing_since;
    struct mono next_attempt;
    /* what an earlier daemon left on the server */
    enum survey survey;
    struct mono survey_again;
    /* statistics */
    uint64_t opened_count;
    uint32_t held_peak;
};

struct core {
    struct mono now;
    struct wall wall;
    int64_t wall_offset_us; /* wall minus monotonic time, as last accepted */
    bool clock_known;
    bool armed; /* tasks become due by themselves */
    bool draining, drain_now, stopped;
    struct mono drain_deadline;
    uint64_t seed;

    struct taskset *set;
    struct core_task *tasks;
    uint32_t task_count;
    struct quantile *late, *took; /* by task; apart, so that untouched ones cost no memory */
    struct due due;               /* task indexes by monotonic due instant */

    struct core_pool *pools;
    uint32_t pool_count;

    struct run *runs;
    uint32_t run_capacity, run_used, run_free;
    uint32_t active_count;    /* RUNNING and STOPPING */
    struct due run_deadlines; /* run slots */
    uint64_t run_number;

    struct slot *slots;
    uint32_t slot_capacity, slot_used, slot_free;
    uint32_t open_count; /* not FREE */
    struct due slot_deadlines;

    /* After a reload or the start of a drain: what waits and what is open is looked at once, in bounded
     * turns. */
    uint32_t sweep_run, sweep_slot; /* the next to look at */

    struct due unweighted; /* WAITING runs of weight 0, which need no token */
    uint32_t unweighted_active_count;
};

/* Commands of weight 0 that may run at once; more wait. */
#define UNWEIGHTED_RUNS_MAX 64

/* How long a stopping run has before it is aborted, and an answer to a check or a cleaning may take. */
#define STOP_GRACE_US  (5 * US_PER_S)
#define ANSWER_WAIT_US (30 * US_PER_S)

/* One level of priority is worth this much waiting: nobody is passed for ever. */
#define PRIORITY_STEP_US (30 * US_PER_S)

/*
 * Takes a reference to the set. armed: whether tasks become due by themselves (not for run --once).
 * seed: for jitter. Destroy with core_destroy(), which accepts NULL.
 */
struct core *core_create(struct taskset *set, uint64_t seed, bool armed, struct mono now, struct wall wall);
void core_destroy(struct core *core);

/*
 * Fills actions (whatever was in it is forgotten). Returns whether there is more to do at this very moment:
 * then call again with EVENT_TICK. event->now must not go back.
 */
bool core_step(struct core *core, const struct event *event, struct actions *actions);

/* When the next EVENT_TICK is wanted; INSTANT_MAX: only after another event. */
struct mono core_next_wake(const struct core *core);

/*
 * Goes over to a new file: unchanged schedules keep their due instants, all tasks of the same name their
 * statistics; waiting runs of removed tasks are skipped by the next steps, running ones finish under the old
 * file. Indexes of tasks and pools change; handles stay.
 */
void core_reload(struct core *core, struct taskset *set, struct mono now, struct wall wall);

/* NULL when the handle names nothing any more. */
struct run *core_run(const struct core *core, struct handle handle);
struct slot *core_slot(const struct core *core, struct handle handle);

static inline struct handle core_run_handle(const struct core *core, uint32_t slot) {
    return (struct handle){slot, core->runs[slot].generation};
}

static inline struct handle core_slot_handle(const struct core *core, uint32_t slot) {
    return (struct handle){slot, core->slots[slot].generation};
}

#endif
