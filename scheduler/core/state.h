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
#include "scheduler/core/bite.h"
#include "scheduler/core/event.h"
#include "scheduler/core/group_lines.h"
#include "scheduler/core/keeping.h"
#include "scheduler/core/link.h"
#include "scheduler/core/listener.h"
#include "scheduler/core/quantile.h"
#include "scheduler/core/queue.h"
#include "scheduler/core/retry.h"
#include "tasks/taskset.h"

/* --- a run: one execution of a task --- */

enum run_state {
    RUN_FREE,     /* this place of the array is unused */
    RUN_HELD,     /* something keeps it from its pool's queue: run.held. It takes no token and no turn */
    RUN_WAITING,  /* in its pool's queue, or in core.unweighted: waits for admission */
    RUN_DELAYED,  /* an attempt failed, or a bite is done: waits again once its delay is over */
    RUN_SENT,     /* handed to a session where others are before it */
    RUN_RUNNING,  /* started; holds its tokens, or is the first on its session */
    RUN_STOPPING, /* asked to stop, by its timeout, the drain or for others; still holds its tokens */
};

/* What keeps a run in RUN_HELD. held.c decides, release.c lets go. */
enum held_by {
    HELD_BY_NOTHING,
    HELD_BY_WINDOW,  /* its task's window is closed, or was just opened: run.window_at */
    HELD_BY_OWN_RUN, /* it comes behind the other runs of its task */
    HELD_BY_GROUP,   /* it has no turn in its task's group */
};

/* Why a run was asked to stop. */
enum stop_cause { STOP_NONE, STOP_TIMEOUT, STOP_DRAIN, STOP_YIELD, STOP_WINDOW };

/* What is known of a run's claim in the history. */
enum claim_state {
    CLAIM_OPEN,     /* nothing: its key alone tells whether another has it */
    CLAIM_DOUBTED,  /* it was sent one before, which may be committed; or others answer its task, and nobody
                     * knows  how far. So its next claim looks at more than the key */
    CLAIM_COMMITTED /* it is committed, and never claimed again */
};

/*
 * One execution of a task, with all its stages and attempts. run.c writes the state and what follows from it;
 * clock.c, catchup.c, hands.c and wake.c which occurrences it answers; start.c, claim.c and ending.c the
 * rest; core.c takes in what its session says of it: `commits`, `needs_primary`.
 */
struct run {
    enum run_state state;
    enum held_by held; /* while HELD */
    enum stop_cause stop;
    uint32_t generation;
    uint32_t task;      /* index into the core's tasks */
    uint32_t pool;      /* index into the core's pools: where its tokens are */
    enum stage stage;   /* that waits, or is under way */
    bool begun;         /* it started, and is not over: between two stages it waits, and is under way still */
    bool keeps_session; /* it will need a session of its pool again, so that the pool is not over before it */
    bool triggered;     /* by a person: a pause does not touch it */
    bool comes_behind;  /* the other runs of its task, and not beside them; until it has its turn */
    bool woken;         /* it is to begin after a notification */
    bool let_pass;      /* its task's guard said yes, at this attempt */
    bool held_told;     /* that it holds its tokens for longer than leak_warning */
    bool commits;       /* all but its COMMIT is done: others do not make it give way */
    bool yielded;       /* it was in others' way: it shares no session, and leaves a token to others */
    bool needs_primary; /* a standby has refused it */
    bool shut_out;      /* its window closed, and it was stopped for that */
    bool cut_short;     /* a command that ended in a way that may have left its sessions on the server */
    enum claim claim;   /* sent with the stage under way */
    enum claim_state claim_state;
    uint32_t lost_claim_count; /* claims whose session was lost before they were answered */
    uint64_t number;           /* unique in the life of the daemon; 1 is the first */
    struct handle session;
    uint32_t behind;               /* the run behind it on its session, or INDEX_NONE */
    struct group_place place;      /* in its task's group */
    int64_t expected_us;           /* what the stage is expected to take; as learned when it began to wait */
    struct taskset *set;           /* a reference: the file that it was started under */
    const struct task *definition; /* in that set */
    struct wall due_first, due_last;
    int64_t occurrence_count; /* that it answers; 0: triggered, and nothing became due since */
    struct mono due;      /* of the first occurrence, or when it was found to have been missed; of a further
                           * bite, the end of the one before */
    int64_t overdue_us;   /* it was missed so long before `due` */
    struct mono last;     /* as `due`, of the last occurrence */
    struct mono since;    /* it waits: its due instant, or the end of the stage before */
    struct wall began_at; /* `began` for people */
    struct mono began;    /* when its first stage started, at the first attempt */
    struct mono started;  /* when its tokens were granted, or when it became the first on its session */
    int64_t session_us, outside_us; /* of the stages that are over: with tokens, and without */
    struct attempts attempts;       /* of the present bite, if it has several */
    struct bites bites;
    enum outcome work_outcome; /* of its outside work, some of whose output is to be written all the same */
    uint32_t child_count;      /* children that it may have at once, without a token */
    struct mono retry_at;      /* while DELAYED */
    struct mono window_at; /* of a task with a window: when it is let go while it holds the run, and else when
                            * it closes; opening.h */
    uint32_t next_free;    /* while FREE: the next unused record */
};

/* --- a session, as the core sees it --- */

enum core_session_state {
    CORE_SESSION_FREE,     /* this place of the array is unused */
    CORE_SESSION_OPENING,  /* until OPENED or FAILED */
    CORE_SESSION_WARM,     /* on its pool's warm list: idle, until a run comes, or until it is idle or old for
                              long */
    CORE_SESSION_CHECKING, /* asked something short: alive? what has the database? the history? */
    CORE_SESSION_BUSY,     /* with runs */
    CORE_SESSION_CLEANING, /* after them, until READY */
    CORE_SESSION_CLOSING,  /* until GONE, or until linger has passed */
};

/*
 * Written by session.c; but core.c says that it is broken or on a standby, start.c that it is cancelled, and
 * idle.c since when it has nothing to do. A batch is what ran on it since it was cleaned last, of tasks with
 * session = clean: they are taken at their word until the batch ends.
 */
struct core_session {
    enum core_session_state state;
    uint32_t generation;
    uint32_t pool;
    bool broken;     /* lost while BUSY; its runs' own events are on the way */
    bool on_standby; /* its server refused a run as a standby: it takes no more and is closed */
    bool cancelled;  /* a cancel was sent: it may hit any run on it, so it takes no more and is closed */
    bool shared;     /* takes further runs: all on it are short, and the pipeline can carry them */
    bool unclean;    /* a batch was begun and not cleaned after */
    bool in_unclean; /* on the list core.unclean_first */
    uint32_t run_first, run_last; /* run indexes, in the order in which they were sent; or INDEX_NONE */
    uint32_t run_count;
    int64_t queued_us;   /* what its runs are expected to take, the first as of its start */
    uint64_t batch;      /* number of the batch, unique; 0: none whose end will be looked at */
    uint32_t batch_task; /* the only task in it, or INDEX_NONE */
    struct mono batch_began;
    struct mono verified;      /* when what runs left behind was looked for last */
    struct mono opened;        /* logged in */
    struct mono idle_since;    /* it fell idle, or answered: it is known to live */
    struct mono unused_since;  /* no run was on it */
    uint64_t random;           /* its share of chance: how much before `recycle` it is replaced */
    uint32_t conninfo_version; /* the pool's when it was opened: an older one is closed once it is idle */
    uint32_t newer, older;     /* on the warm list: session indexes or INDEX_NONE */
    uint32_t next_unclean;     /* on that list */
    uint32_t next_free;        /* while FREE: the next unused record */
};

/* --- a task --- */

/* Whether its word is good that its runs leave nothing behind (session = clean). */
enum trust {
    TRUST_GIVEN,
    TRUST_SUSPECTED, /* a batch that it was in left something: its next run is a batch alone */
    TRUST_BROKEN,    /* it was that task: its session is cleaned after each of its runs */
};

/* What is known of its text. */
enum protocol {
    PROTOCOL_UNKNOWN,
    PROTOCOL_EXTENDED, /* the extended protocol takes it: it may share a session */
    PROTOCOL_SIMPLE,   /* it has several statements, which only the simple protocol takes */
};

/* Occurrences that a pause or a closed window skipped and that no record tells of yet. Written by hands.c. */
struct passed_over {
    enum skip_cause cause;
    struct occurrences due;
    struct mono since;
};

/* Since the daemon's start, or of the last day and since, where the history knows. Written by ending.c, and
 * by who counts skipped, merged and restored ones. */
struct task_stats {
    uint32_t ok_count, failed_count, skipped_count;
    uint64_t asked_count, nothing_count; /* answers of its guard; runs that ended with its no */
    uint64_t merged_count;               /* occurrences answered by another one's run */
    uint64_t woken_count;                /* runs that a notification, or a listener's beginning, has made */
    uint64_t retried_count;              /* attempts that were followed by another one */
    uint64_t bite_count, bite_row_count;
    int64_t last_took_us;
    struct wall last_key;           /* what its last run answered first, as the history names it */
    int64_t session_us, outside_us; /* of all runs: with tokens, and without */
    enum outcome last_outcome;
    bool has_ended_run;
};

/*
 * The first so many are those of the file, in its order; what a reload removed comes behind them. reload.c
 * writes the definition; run.c the counts of its runs; clock.c and catchup.c what is due and answered;
 * ending.c what was learned; session.c the trust; hands.c the pause; wake.c that it was woken; ended.c what
 * ended commands hold.
 */
struct core_task {
    const struct task *definition;
    struct taskset *set; /* a reference: where the definition lives */
    uint32_t pool;       /* index into the core's pools: where new runs go */
    uint32_t strand;     /* index into the core's strands: its pool's part of its group; or INDEX_NONE */
    bool retired;        /* no longer in the file; kept while its run is under way */
    bool paused;         /* by a person */
    bool restored;       /* what is on record of it is known */
    bool woken;          /* and no run of it answers that yet: it is in core.wakes */
    enum trust trust;
    enum protocol protocol;
    /* its runs */
    uint32_t waiting_run; /* index of the newest run that waits for its start; or INDEX_NONE */
    uint32_t waiting_count; /* mostly 0 or 1; more when a run returns and a newer one waits already */
    uint32_t running_count; /* begun and not over */
    uint32_t between_count; /* of them: waiting for a further stage */
    struct mono begun;      /* when its last run began */
    struct mono heard;      /* when it was woken last: what began after that has answered it */
    /* when it is due */
    struct wall due;     /* the next due instant; meaningful while the task is in core.due */
    int64_t interval_us; /* in force when it was last armed; 0: a calendar */
    struct wall
        last_due; /* the last occurrence: the waiting run is joined by later ones if it answers that */
    /* All in between is accounted for by this daemon, and not answered again when the clock is set back;
     * until before from: nothing yet. */
    struct wall answered_from, answered_until;
    struct wall kept_until;    /* the record has it answered up to there, which is ahead of our clock; or 0 */
    uint32_t elsewhere_count;  /* runs in a row that were answered by another daemon */
    struct wall catch_up_next; /* catch_up = all: the next missed one to have a run of its own; from
                                * answered_from on: the last of them is under way; 0: none are left */
    struct passed_over passed_over;
    /* what was learned */
    int64_t expected_us[STAGES]; /* how long each stage takes; at first: the key `expect` */
    uint32_t failed_in_row;
    struct mono held_until; /* on hold after so many failures in a row */
    uint64_t batch;         /* the last that it was in */
    uint32_t seen_most;     /* sessions of a command that the server counted */
    uint32_t ended_units;   /* of its pool's tokens.ended, until a look shows that its sessions are gone */
    uint64_t ended_look;    /* the first look that was begun after the last of them ended */
    struct task_stats stats;
};

/* --- a pool --- */

/* Looks at the database. Written by gate.c; but grant.c says what it let grow, lets rest and saw waiting, and
 * ended.c what ended commands may hold. */
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
    uint32_t pooler_waiting_count; /* clients, in front of a connection pooler */
    struct mono trickled;          /* the last growth without a fresh sample */
    bool wanted;                   /* since the last sample something waited for a token of the limit */
    uint32_t seen_count;           /* sessions of commands, as the server counts them */
};

/*
 * The first so many are those of the file, in its order; behind them come those that a reload removed, or
 * whose database it changed, until nothing of them is left. session.c writes tokens (but run.c those of
 * commands), lists of sessions and connecting; run.c the queue.
 */
struct core_pool {
    const struct pool_settings *settings;
    struct taskset *set; /* a reference: where the settings live */
    bool retired;        /* no longer in the file */
    struct tokens tokens;

    /* Runs in RUN_WAITING whose stage needs a token, in four lines: they leave when they start or are
     * skipped. */
    struct queue queue;
    /* Sessions in CORE_SESSION_BUSY that take further runs (core_session.shared), by when they would get to
     * one: they leave when they are full, rest, break or are cancelled, and with their last run. */
    struct due sharing;
    /* Sessions in CORE_SESSION_WARM, in the order in which they fell idle: a run takes the newest, so that
     * the oldest falls out of use and is closed. */
    uint32_t warm_newest, warm_oldest;

    struct gate gate;
    struct recording recording;
    struct listener hearing;
    struct mono woken;         /* when a light run took an idle session last */
    uint32_t half_done_count;  /* runs that keep a session (run.keeps_session) */
    uint32_t conninfo_version; /* counts the reloads that changed how to connect */
    /* connecting */
    bool failing; /* the last attempt failed, or led to a standby while a run needs the primary */
    enum connect_failure failure;
    uint32_t failure_count; /* in a row */
    struct mono failing_since;
    struct mono next_attempt; /* not before */
    /* statistics */
    uint64_t opened_count;
    uint32_t held_peak; /* tokens */
};

/* --- the core --- */

struct core {
    struct mono now;
    struct wall wall;
    int64_t wall_offset_us; /* wall minus monotonic time, as last accepted */
    bool clock_known;       /* wall_offset_us means something */
    struct mono wake; /* the next step is wanted then, if nothing happens before: the least of what the last
                       * step said "not before" to. Deadlines and due instants are in heaps of their own */
    bool armed;       /* tasks become due by themselves */
    uint64_t seed;    /* of jitter */

    bool draining;   /* told to stop: nothing begins */
    bool drain_now;  /* told so twice: nothing goes on */
    bool drain_late; /* drain_timeout has passed */
    bool stopped;    /* and told so */
    struct mono drain_deadline;

    struct taskset *set; /* a reference: the file */
    /* References of runs that ended in this step, under an earlier file: its actions borrow from there. */
    struct taskset *lent[ACTIONS_MAX];
    uint32_t lent_count;
    struct core_task *tasks;
    uint32_t task_count;
    struct quantile *late, *took; /* by task; apart, so that untouched ones cost no memory */
    /* Tasks that are armed, by monotonic due instant: enabled ones of the file, until the drain begins. */
    struct due due;
    /* Tasks that were woken and have no run for it yet, by when they may have one. */
    struct due wakes;

    struct link *links; /* of the file's tasks, in their order */
    uint32_t link_count;
    struct chain *chains; /* by task; NULL where no task has `after` */
    uint32_t *followers;  /* tasks, by the one that they come after */
    uint32_t chain_first; /* tasks whose followers, and which themselves, may be due now */

    struct core_pool *pools;
    uint32_t pool_count;

    struct groups groups;

    struct run *runs;
    uint32_t run_capacity, run_used,
        run_free;         /* records: made, touched so far, the first unused one of these */
    uint32_t begun_count; /* runs that have begun and are not over */
    uint64_t run_number;  /* of the newest */
    /* Runs by the instant when their state wants to be looked at: see run_deadline(). */
    struct due run_deadlines;
    /* Runs in RUN_WAITING that need no token, by their rank: outside work, and commands of weight 0. They
     * leave when they start or are skipped. */
    struct due unweighted;
    uint32_t child_count; /* of those that run */

    struct core_session *sessions;
    uint32_t session_capacity, session_used, session_free; /* as of the runs */
    uint32_t open_count;                                   /* not FREE */
    /* Sessions by the instant when their state has lasted for long enough. */
    struct due session_deadlines;
    /* Sessions that have lost their last run in this step: cleaned at its end, unless another run came. */
    uint32_t unclean_first;
    uint64_t batch_number; /* of the newest batch */

    /* After a reload, a pause or the start of a drain all that waits and is open is looked at once, in
     * bounded turns: the next to look at. */
    uint32_t sweep_run, sweep_session, sweep_task, sweep_chain;
};

/* How long a stopping run has before it is aborted: a server answers a cancel within milliseconds, and a
 * child that does not end by TERM in this time would not in a longer one. */
#define STOP_GRACE_US (5 * US_PER_S)

/* How long an answer to a check, a look, a question to the history or a cleaning may take: far longer than
 * any of them takes on a server that is alive. */
#define ANSWER_WAIT_US (30 * US_PER_S)

/* Runs on their way on one session, as many as a session takes (pool/session/work.h says why). */
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

/* Handed to a session or to the shell, and not ended. */
static inline bool run_is_under_way(enum run_state state) {
    return state == RUN_SENT || state == RUN_RUNNING || state == RUN_STOPPING;
}

/* It waits for its next bite. */
static inline bool run_is_between_bites(const struct run *run) {
    return run->begun && run->bites.count > 0 && run_is_waiting(run->state);
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

/* How long a run of the task is expected to hold its tokens, in all stages of its work. */
static inline int64_t task_session_us(const struct core_task *task) {
    return task->expected_us[STAGE_WHOLE] + task->expected_us[STAGE_READ] + task->expected_us[STAGE_WRITE];
}

/* Missed occurrences have their runs, one after another; what becomes due meanwhile waits behind them. */
static inline bool catchup_is_on(const struct core_task *task) {
    return task->catch_up_next.us != 0;
}

/* No record waits for a session that would be opened just for it. What is under way may still bring some. */
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
