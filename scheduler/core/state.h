/*
 * All that the core knows, as plain data: its runs, sessions, tasks and pools, and the sums and lists that
 * follow from them. Whoever includes this (the files of this folder, and status, simulate and daemon for what
 * they show) may read everything; each struct says which file writes what. Indexes into the arrays change
 * only with a reload; handles stay good.
 */
#ifndef SCHEDULER_CORE_STATE_H
#define SCHEDULER_CORE_STATE_H

#include "pool/budget/limit.h"
#include "pool/budget/tokens.h"
#include "scheduler/core/action.h"
#include "scheduler/core/event.h"
#include "scheduler/core/quantile.h"
#include "scheduler/core/queue.h"
#include "scheduler/core/retry.h"
#include "tasks/taskset.h"

/* --- a run: one execution of a task --- */

enum run_state {
    RUN_FREE,     /* the record is unused */
    RUN_HELD,     /* overlap = queue: waits for its own task's run to end */
    RUN_WAITING,  /* in its pool's queue: waits for admission */
    RUN_DELAYED,  /* an attempt failed: waits again once its delay is over */
    RUN_SENT,     /* handed to a session where others are before it */
    RUN_RUNNING,  /* started; holds its tokens, or is the first on its session */
    RUN_STOPPING, /* asked to stop, by its timeout, the drain or for others; still holds its tokens */
};

/* What is known of a run's claim in the history. */
enum claim_state {
    CLAIM_OPEN,     /* nothing; its key alone tells whether another has it */
    CLAIM_DOUBTED,  /* it was sent one before, which may be committed; or others answer its task, and how far?
                     * So its next one looks at more than the key */
    CLAIM_COMMITTED /* it is committed, and never claimed again */
};

enum stop_cause { STOP_NONE, STOP_TIMEOUT, STOP_DRAIN, STOP_YIELD };

struct run {
    enum run_state state;
    enum stop_cause stop;
    uint32_t generation;
    uint32_t task;      /* index into the core's tasks */
    uint32_t pool;      /* index into the core's pools: where its tokens are */
    enum stage stage;   /* that waits, or is under way */
    bool begun;         /* it started, and is not over: between stages it waits, and is still under way */
    bool keeps_session; /* in its pool, while it is under way without one */
    bool triggered;     /* by a person: a pause does not touch it */
    bool held_told;
    bool commits;     /* all but its COMMIT is done: others do not make it give way */
    enum claim claim; /* sent with it */
    enum claim_state claim_state;
    uint32_t lost_claim_count; /* whose session was lost before it answered */
    bool yielded; /* it was in others' way: from now on it shares no session, and leaves a token to others */
    bool needs_primary; /* a standby has refused it */
    uint64_t number;    /* unique in the life of the daemon; 1 is the first */
    struct handle session;
    uint32_t behind;               /* the run session behind it on its session, or INDEX_NONE */
    int64_t expected_us;           /* learned, when it began to wait */
    struct taskset *set;           /* a reference: the file it was started under */
    const struct task *definition; /* in that set */
    struct wall due_first, due_last;
    int64_t occurrence_count;
    struct mono due;      /* of the first occurrence, or when it was found to have been missed */
    int64_t overdue_us;   /* it was missed so long before `due` */
    struct mono last;     /* the same of the last one */
    struct mono since;    /* it waits: its due instant, or the end of the stage before */
    struct wall began_at; /* `began` for people */
    struct mono began;    /* when its first stage started, at the first attempt */
    struct mono started;  /* when its tokens were granted, or when it became the first on its session */
    int64_t session_us, outside_us; /* of the stages that are over */
    struct attempts attempts;
    enum outcome work_outcome; /* of its outside work, some of whose output is to be written all the same */
    bool cut_short;            /* a command whose sessions the server may still have */
    uint32_t child_count;      /* it may have at once, without a token */
    struct mono retry_at;      /* DELAYED */
    uint32_t next_free;
};

/* --- a session, as the core sees it --- */

enum core_session_state {
    CORE_SESSION_FREE,
    CORE_SESSION_OPENING,  /* until OPENED or FAILED */
    CORE_SESSION_WARM,     /* on its pool's warm list; leaves it for a run, or when idle or old */
    CORE_SESSION_CHECKING, /* asked something short; warm again when READY */
    CORE_SESSION_BUSY,     /* with runs */
    CORE_SESSION_CLEANING, /* after them, until READY */
    CORE_SESSION_CLOSING,  /* until GONE */
};

struct core_session {
    enum core_session_state state;
    uint32_t generation;
    uint32_t pool;
    bool broken;     /* lost while BUSY; its runs' own events are on the way */
    bool on_standby; /* its server refused a run as a standby: it takes no more and is closed */
    bool cancelled;  /* a cancel was sent: it may hit any run on it, so it takes no more and is closed */
    bool shared;     /* takes further runs: all on it are short, and the pipeline can carry them */
    bool unclean;    /* runs that are said to leave nothing behind were not cleaned after */
    uint32_t run_first, run_last; /* run indexes, in the order in which they were sent; or INDEX_NONE */
    uint32_t run_count;
    int64_t queued_us;   /* what they are expected to take, the first as of its start */
    uint64_t batch;      /* unique; since the last cleaning */
    uint32_t batch_task; /* the only task in it, or INDEX_NONE */
    struct mono batch_began;
    struct mono verified; /* when what its runs left behind was last looked for */
    struct mono opened;
    struct mono idle_since;   /* or looked through: it is known to live */
    struct mono unused_since; /* no run was on it */
    uint32_t conninfo_version;
    uint32_t newer, older; /* on the warm list, most recently used first; session indexes or INDEX_NONE */
    bool in_unclean;       /* on the core's list of those to clean at the end of the step */
    uint32_t next_unclean;
    uint32_t next_free;
};

/* --- a task --- */

/* Occurrences that a pause skipped and that no record tells of yet. */
struct passed_over {
    struct occurrences due;
    struct mono since;
};

struct task_stats {
    uint32_t ok_count, failed_count, skipped_count;
    uint64_t merged_count;  /* occurrences answered by another one's run */
    uint64_t retried_count; /* attempts that were followed by another one */
    int64_t last_took_us;
    struct wall last_key;           /* what its last run answered first, as the history names it */
    int64_t session_us, outside_us; /* of all runs: with tokens, and without */
    enum outcome last_outcome;
    bool any;
};

struct core_task {
    const struct task *definition;
    struct taskset *set;    /* a reference: where the definition lives */
    uint32_t pool;          /* index into the core's pools: where new runs go */
    uint32_t waiting_run;   /* index of the newest run that waits; or INDEX_NONE */
    uint32_t waiting_count; /* mostly 0 or 1; one more for each that waits again and found a newer one */
    uint32_t failed_in_row;
    struct wall
        last_due; /* the last occurrence: the waiting run is joined by later ones if it answers that */
    uint32_t running_count; /* begun and not over */
    uint32_t between_count; /* of them: waiting for a further stage */
    bool retired;           /* no longer in the file; kept while its run is under way */
    bool simple;            /* its text needs the simple protocol */
    bool proven;            /* the extended protocol is known to take its text */
    bool suspected; /* of leaving something behind despite session = clean: its next run is a batch alone */
    bool breached;  /* it did: cleaned after every run */
    bool paused;    /* by a person */
    struct passed_over passed_over;
    bool restored;            /* what is on record of it is known */
    struct wall kept_until;   /* the record has it answered up to there, which is ahead of our clock; or 0 */
    uint32_t elsewhere_count; /* runs in a row that were answered by another daemon */
    struct wall due;          /* the next due instant; meaningful while the task is armed */
    struct wall answered_from,
        answered_until;          /* accounted for by this daemon, all of it: not to be answered
                                  * again when the clock is set back; until < from: nothing yet */
    struct wall catch_up_next;   /* catch_up = all: the next missed one to have a run of its own; from
                                  * answered_from on: the last of them is under way; 0: none are left */
    int64_t expected_us[STAGES]; /* robust running estimates of how long each takes; at first: `expect` */
    struct mono held_until;      /* on hold after failed_in_row */
    int64_t interval_us;         /* in force when it was last armed */
    uint64_t batch;              /* the last that it was in */
    uint32_t seen_most;          /* sessions of a command that the server counted */
    uint32_t ended_units; /* of its pool's tokens.ended, until a look shows that its sessions are gone */
    uint64_t ended_look;  /* the first look that was begun after the last of them ended */
    struct task_stats stats;
};

/* --- a pool --- */

enum recording_state {
    RECORDING_OFF,    /* history = off */
    RECORDING_NEW,    /* nothing of the pool starts before it is known what is answered */
    RECORDING_ON,     /* runs are put on record before they start */
    RECORDING_BROKEN, /* it cannot be written: runs go on without, and their records wait */
};

struct recording {
    enum recording_state state;
    bool restored;          /* once, since the daemon's start */
    struct handle asked;    /* the session that is asked, or none */
    uint32_t pending_count; /* records that wait to be written */
    struct mono pending_since;
    uint32_t refused_count;    /* in a row, each as if it would pass */
    struct mono refused_since; /* the first of them */
    uint32_t lost_count;       /* sessions in a row that were lost while they were asked */
    bool doubted;              /* a claim waited for too long: is it the table? */
    struct mono broken_since;
    struct mono next_try; /* not before: it failed, or a reload has nothing to say */
};

/* What a passing reason kept from being written, or claimed, is tried again so soon. */
#define RECORDING_AGAIN_US US_PER_S

/* So many sessions lost in a row while they were asked: once is a server that was restarted; so often, what
 * is asked is what ends the session. */
#define RECORDING_LOST_MOST 3

/* A look at the database: asked for on a session, or taken. */
struct gate {
    struct sample sample;  /* the last that told something; known = false: none yet */
    struct mono sampled;   /* when a look was answered last; meaningful once sample_count > 0 */
    struct mono known_at;  /* when one told something */
    bool look_failed;      /* the last one told nothing */
    uint64_t sample_count; /* looks that were answered; nothing is granted before the first: what did an
                            * earlier daemon leave? */
    uint64_t ask_count;    /* looks that were begun; the last one is the one under way */
    struct mono ended_at;  /* when the last command ended that may have left sessions */
    uint64_t ended_look;   /* the first look that was begun after it */
    struct handle asked;   /* the session that is being asked, or none */
    struct mono asked_at;
    struct handle resting; /* a session that takes no further runs, so that it falls idle and can be asked */
    struct foreground_watch watch;
    struct limit limit;
    uint32_t pooler_waiting_count;
    struct mono trickled; /* the last growth without a fresh sample */
    bool wanted;          /* since the last sample something waited for a token */
    uint32_t seen_count;  /* sessions of commands */
};

struct core_pool {
    const struct pool_settings *settings;
    struct taskset *set; /* a reference */
    struct tokens tokens;
    struct queue queue; /* what waits */
    struct due sharing; /* sessions that take further runs, by when they would get to it */
    struct gate gate;
    struct recording recording;
    uint32_t warm_newest, warm_oldest;
    struct mono woken; /* the last idle session, by a light run; or such a run needed none */
    uint32_t conninfo_version;
    bool retired;
    /* connecting */
    bool failing; /* the last attempt failed, or led to a standby while a run needs the primary */
    enum connect_failure failure;
    uint32_t failure_count; /* in a row */
    struct mono failing_since;
    struct mono next_attempt;
    /* statistics */
    uint64_t opened_count;
    uint32_t held_peak;
    uint32_t half_done_count; /* runs that have begun and will need a session: for another stage, or their
                                 record */
};

struct core {
    struct mono now;
    struct wall wall;
    int64_t wall_offset_us; /* wall minus monotonic time, as last accepted */
    bool clock_known;
    struct mono wake; /* the next step is wanted then, if nothing happens before: the least of what the last
                       * step said "not before" to. Deadlines and due instants are in heaps of their own */
    bool armed;       /* tasks become due by themselves */
    bool draining, drain_now, drain_late, stopped;
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
    uint32_t begun_count;     /* runs that have begun and are not over */
    struct due run_deadlines; /* run indexes */
    uint64_t run_number;

    struct core_session *sessions;
    uint32_t session_capacity, session_used, session_free;
    uint32_t open_count; /* not FREE */
    struct due session_deadlines;

    /* After a reload, a pause or the start of a drain: what waits and what is open is looked at once, in
     * bounded turns. */
    uint32_t sweep_run, sweep_session, sweep_task; /* the next to look at */

    uint32_t unclean_first; /* sessions to clean unless a run comes in the same step */
    uint64_t batch_number;
    struct due unweighted; /* WAITING runs that need no token: outside work, and commands of weight 0 */
    uint32_t child_count;  /* of those that run */
};

/* How long a stopping run has before it is aborted, and how long an answer to a check, a look, a question to
 * the history or a cleaning may take. */
#define STOP_GRACE_US  (5 * US_PER_S)
#define ANSWER_WAIT_US (30 * US_PER_S)

/* Runs in flight on one session. */
#define SHARED_RUNS_MAX 32

/* --- what can be read off --- */

static inline struct handle core_run_handle(const struct core *core, uint32_t run) {
    return (struct handle){run, core->runs[run].generation};
}

static inline struct handle core_session_handle(const struct core *core, uint32_t session) {
    return (struct handle){session, core->sessions[session].generation};
}

/* NULL when the handle names nothing any more. */
static inline struct run *core_run(const struct core *core, struct handle handle) {
    if (handle.generation == 0 || handle.index >= core->run_used)
        return NULL;
    struct run *run = &core->runs[handle.index];
    return run->generation == handle.generation && run->state != RUN_FREE ? run : NULL;
}

/* NULL when the handle names nothing any more. */
static inline struct core_session *core_session(const struct core *core, struct handle handle) {
    if (handle.generation == 0 || handle.index >= core->session_used)
        return NULL;
    struct core_session *session = &core->sessions[handle.index];
    return session->generation == handle.generation && session->state != CORE_SESSION_FREE ? session : NULL;
}

static inline uint32_t core_pool_index(const struct core *core, const struct core_pool *pool) {
    return (uint32_t)(pool - core->pools);
}

/* For whoever decides "not before `at`": there is a step at that instant. What has passed without effect
 * waits for an event. */
static inline void core_wake_at(struct core *core, int64_t at) {
    if (at > core->now.us && at < core->wake.us)
        core->wake.us = at;
}

static inline bool run_is_waiting(enum run_state state) {
    return state == RUN_WAITING || state == RUN_HELD || state == RUN_DELAYED;
}

/* Whatever the name says, a command has no session: started, and not over. */
static inline bool run_is_on_session(enum run_state state) {
    return state == RUN_SENT || state == RUN_RUNNING || state == RUN_STOPPING;
}

/* Then it is finished even while the daemon drains, and under the file that it began with. */
static inline bool run_is_half_done(const struct run *run) {
    return run->begun && run->stage > stage_first(run->definition);
}

/* How late a run is that starts at this instant: after the first occurrence that it answers, found late or
 * not. */
static inline int64_t run_lateness_us(const struct run *run, struct mono at) {
    return mono_since(at, run->due) + run->overdue_us;
}

/* When its patience is over, counted from its due instant or the end of the stage before. */
static inline int64_t run_latest_start(const struct run *run) {
    return us_add(run->since.us, run->definition->patience_us);
}

/* The instant that names an occurrence in the history. What was triggered by hand answers none: its instant
 * is its own. */
static inline struct wall run_key(const struct task *task, struct wall due, int64_t occurrence_count) {
    return occurrence_count ? schedule_key(&task->schedule, due) : due;
}

/* How long a run of the task is expected to hold its tokens, in all its stages. */
static inline int64_t task_session_us(const struct core_task *task) {
    return task->expected_us[STAGE_WHOLE] + task->expected_us[STAGE_READ] + task->expected_us[STAGE_WRITE];
}

/* Missed occurrences have their runs, one after another; what becomes due meanwhile waits behind them. */
static inline bool catchup_is_on(const struct core_task *task) {
    return task->catch_up_next.us != 0;
}

/* Nothing is left, nor will come of what is under way, that only a session could write down. */
static inline bool recording_is_settled(const struct core *core, const struct core_pool *pool) {
    const struct recording *recording = &pool->recording;
    bool too_late = core->drain_now || core->now.us >= core->drain_deadline.us;
    return recording->state != RECORDING_ON || recording->pending_count == 0 || (core->draining && too_late);
}

/* Nothing will be started in it any more, nor written of what is half done. */
static inline bool pool_is_over(const struct core *core, const struct core_pool *pool) {
    return (core->draining || pool->retired) && pool->half_done_count == 0 &&
           recording_is_settled(core, pool);
}

#endif
