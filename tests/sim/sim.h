/*
 * What the parts of the random simulator share: a story, told from a seed. Virtual time and the world are
 * those of `headgate simulate` (scheduler/simulate/world.h); the faults, the history and its second daemon
 * are here.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "scheduler/core/core.h"
#include "scheduler/core/state.h"
#include "scheduler/simulate/world.h"
#include "table.h"

#define TASKS_MOST 40
#define LIVES_MOST 64
#define RIVAL      UINT32_MAX /* the life of the second daemon, which no restart of ours ends */

/* How bad the world is, in per mille of the chances there are. */
struct faults_mix {
    uint32_t of_world[WORLD_FAULTS];
    uint32_t run_fails, conflicts, sample_fails;
    uint32_t claim_lost;    /* its session, before or after its commit */
    uint32_t claim_refused; /* the history cannot be written, or somebody has it locked */
    uint32_t ask_lost, ask_refused;
    uint32_t rival;                     /* of the second daemon's looks: it takes what is due */
    int64_t outage_every_us, outage_us; /* 0: none */
};

/* A task by its name, over all files and all lives of the daemon. */
struct sim_task {
    uint32_t every_ms; /* or about that, of a calendar; 0: not chosen yet */
    char cron[64];     /* of a calendar; "": an interval */
    struct schedule schedule;
    struct calendar calendar;
    struct spans answered; /* by records of this life */
    struct spans done;     /* by runs, in all lives and by the second daemon */
    struct table table;
    struct spans excused; /* what a kill has taken with it, or a drain has left to nobody */
    bool paused;
    bool was_absent;    /* in this life a file did not have it, or had it disabled */
    bool left_out;      /* ever */
    bool was_guarded;   /* ever: what its guard said no to has no row */
    bool was_unkept;    /* a file's pool of it had no history */
    int64_t last_ok_us; /* when a run of it ended well */
    bool wakes;         /* it is due once an hour, and by channels */
    int64_t notified_us, begun_us; /* when it was last, or 0; and when a run of it began */
};

struct sim_run {
    uint64_t number;
    uint32_t retry_count; /* of the present bite */
    uint32_t bite_count, all_retry_count;
    int64_t bite_ended_us;
    bool counted; /* it is in its task's `done` */
    bool said_yes, said_no; /* its guard, at this attempt */
    bool claim_sent;
    bool follows; /* its text is sent behind its claim at once */
    bool claimed; /* its row is committed, whether that was answered or not */
    struct span row;
};

struct sim_session {
    bool cancelled;
    bool used;         /* by runs that were not cleaned after */
    int64_t looked_us; /* when what its runs left behind was looked for; since its opening, if never */
};

/* Of a pool by its name: what waits to be written, and lives longer than the daemon. */
struct sim_backlog {
    struct entry {
        uint32_t task;
        struct record_call call;
    } * lines;
    uint32_t count, capacity, sent_count;
    bool restoring;
};

#define CHANNELS     6
#define NOTICES_MOST 64

/* A notification on its way to a session. */
struct notice {
    int64_t at_us;
    uint32_t channel; /* CHANNELS: it has arrived, or is lost */
    struct handle session;
};

struct notices {
    struct notice items[NOTICES_MOST];
    uint32_t count;
    int64_t next_us; /* when somebody notifies again */
};

struct story {
    uint64_t seed;
    uint64_t random;
    struct faults_mix faults;
    bool down;
    uint32_t life;
    struct world world;
    struct taskset *set;
    struct world_place places[POOLS_MAX]; /* one for each pool's name, with a server of its own */
    struct database databases[POOLS_MAX];
    struct simulate_server servers[POOLS_MAX];
    struct sim_backlog backlogs[POOLS_MAX];
    struct sim_task tasks[TASKS_MOST];
    struct notices notices;
    struct sim_run *runs;
    struct sim_session *sessions;
    uint32_t run_capacity, session_capacity;
    bool opened[POOLS_MAX]; /* since the last check, by core's index */
    struct mono checked;    /* the last check */
    bool quiet;             /* no fault for so long that none has an effect any more */
    bool stopped;
    bool reloaded;
    bool shrunk;    /* a reload of this life may have left more than there may be */
    bool scarce;    /* the application leaves one slot of each server */
    uint64_t trace; /* a hash of every action, with its time */
};

/* That the mechanisms were exercised at all. */
struct counts {
    uint64_t steps, yields, breaches, retries, holds, bites, claims, taken, restarts, holes, rivals;
    uint64_t asked, nothing;
    uint64_t outcomes[OUTCOME_ELSEWHERE + 1];
};
extern struct counts counts;

_Noreturn void fail(const struct story *story, const char *format, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void fail_dump(const struct story *story, const char *what);

/* All randomness of a story. */
uint32_t draw(struct story *story, uint32_t below);
bool by_chance(struct story *story, uint32_t permille);

/* file.c: a random file whose tasks keep their intervals over all files of the story. */
struct taskset *random_set(struct story *story);

/* A task's and a pool's number, by the name: "t7", "p2". */
static inline uint32_t number_of(const char *name) {
    uint32_t number = 0;
    for (name++; *name; name++)
        number = 10 * number + (uint32_t)(*name - '0');
    return number;
}
static inline struct sim_task *task_of(struct story *story, const struct task *task) {
    return &story->tasks[number_of(task->name)];
}
static inline int64_t wall_us(const struct story *story) {
    return story->world.wall_start_us + story->world.now_us;
}

/* faults.c */
void draw_faults(struct story *story);
int64_t some_time(struct story *story,
                  int64_t mean_us); /* from a tenth of it to ten times it, mostly below */
void set_server(struct story *story, uint32_t place, uint32_t slot_count, uint32_t application_count);
void outage(struct story *story, bool down); /* all sessions break at once; nothing connects until it is up */
extern const struct world_nature faults_nature; /* without its context */

/* recorded.c: runs and their history. */
enum world_begin recorded_begin(void *story, uint32_t run, struct event *end);
void recorded_end(void *story, uint32_t run, bool lost, struct event *end);
bool recorded_asked(void *story, uint32_t pool, struct event *answer);
void recorded_start(struct story *story, const struct action *action);
void recorded_ask(struct story *story, const struct action *action);
void recorded_record(struct story *story, const struct action *action);
void recorded_crash(struct story *story);    /* the daemon is killed */
void recorded_end_life(struct story *story); /* of either kind, the kill first */
void recorded_close(struct story *story);    /* the end of the story: all is written, and must be right */
void rival_look(struct story *story);

/* notified.c */
int64_t notified_next_us(const struct story *story); /* when notified_pass() is to be called */
void notified_pass(struct story *story);
void notified_start(struct story *story, const struct run *run);
void notified_follow(struct story *story); /* a new file */
void notified_end_life(struct story *story);
void notified_check(const struct story *story); /* long without a fault: all who were notified have begun */

/* chained.c: a story of its own, of chains and up to two daemons. */
void chained_tell(uint64_t seed);
struct chained_counts {
    uint64_t claims, taken, kills, releases;
};
extern struct chained_counts chained_counts;

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* checks.c */
void check_action(struct story *story, const struct action *action);
void check_step(struct story *story);
void check_waits(const struct story *story);
void check_dump(const struct story *story);
void check_answered(struct story *story); /* at the end of a life: no occurrence is missing */
void check_quiet(const struct story *story, int64_t since_us); /* all went on since then */
void note_answered(struct story *story, const struct record *record);

#endif
