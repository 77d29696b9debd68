/*
 * The facts of the dump: what every task is doing and what it waits for, as values. Read from the core at one
 * instant; knows no clock and no time zone of its own. words.h, pool.h and table.h tell them to people,
 * json.h and metrics.h to programs.
 */
#ifndef SCHEDULER_STATUS_ROWS_H
#define SCHEDULER_STATUS_ROWS_H

#include "scheduler/core/admission.h"
#include "scheduler/core/state.h"

/* How far a run of several stages is. */
struct progress {
    uint64_t row_count, line_count;    /* read; printed by its work */
    uint64_t done_count, failed_count; /* children that ended */
    uint32_t child_count;              /* at work */
};

/* How a pool's records get into its database. Texts are borrowed for as long as the status is used. */
struct bookkeeping {
    const char *error;                  /* why nothing can be written, or "" */
    const char *shared;                 /* which other daemon goes by our name, and has other tasks; or "" */
    uint32_t waiting_count, disk_count; /* records that are not in the database yet; of them in a file */
    uint64_t lost_count;
};

struct pause;

/* What the core does not know. All pointers are borrowed for as long as the status is used. */
struct status_context {
    const char *version;
    const char *path; /* of the ini file, as it was given */
    int64_t pid;
    int64_t up_us;
    struct wall loaded;
    int64_t utc_offset_us; /* local time minus UTC, for showing instants */
    /* The questions below may be NULL: then nothing is known of it. */

    /* The failure a task is in, in one line, or NULL. */
    const char *(*failure_of)(const void *context, const char *task_name);
    /* Why a pool's last attempt to connect failed, in one line, or NULL. */
    const char *(*connect_error_of)(const void *context, const char *pool_name);
    /* Why a pool's last LISTEN was refused, or NULL. */
    const char *(*listen_error_of)(const void *context, const char *pool_name);
    /* Who has paused a task, and since when; NULL: nobody, or it is not known. */
    const struct pause *(*pause_of)(const void *context, const char *task_name);
    struct progress (*progress_of)(const void *context, uint32_t run_index);
    struct bookkeeping (*bookkeeping_of)(const void *context, uint32_t pool);
    const void *context; /* the first argument of each question */
};

/* In the order in which the dump lists them. */
enum task_state {
    TASK_WAITING,
    TASK_RUNNING,
    TASK_ASKING,
    TASK_READING,
    TASK_WORKING,
    TASK_WRITING,
    TASK_STOPPING,
    TASK_PAUSED,
    TASK_ON_HOLD,
    TASK_IDLE,
    TASK_DISABLED
};

const char *task_state_name(enum task_state state);

struct status_row {
    const struct core_task *task;
    enum task_state state;
    const struct run *waiting; /* for its start, or between stages; NULL: none */
    const struct run *running; /* the one that runs longest; NULL: none */
    struct wall due;           /* of the run shown, or the next; us = 0: never */
    bool window_closed;        /* false as well without one */
    struct wall window_opens;  /* while it is closed */
    int64_t late_p50_us, late_p99_us, took_p50_us, took_p99_us; /* -1: not known */
    struct decision why;  /* of the first in line; reason NONE when nothing waits */
    uint32_t place;       /* in line, 1 is the first; 0 when nothing waits */
    int64_t starts_in_us; /* a guess; 0: none can be made */
};

struct status {
    const struct core *core;
    struct mono now;
    const struct status_context *context;
    uint32_t *place_of_run;    /* by run index: in its pool's queue, or among those that its group holds */
    int64_t *ahead_of_run_us;  /* by run index: what those before it are expected to take */
    uint32_t *running_of_task; /* by task: run index or INDEX_NONE */
    uint32_t *between_of_task; /* the same: a run that waits for its next stage or bite */
    uint32_t *longest_of_pool; /* by pool: run index or INDEX_NONE */
    int name_width;            /* of the longest name, in columns */
};

/* now: ages are as of then. Borrows core and context until status_finish(); the core must not step in
 * between. */
void status_init(struct status *status, const struct core *core, struct mono now,
                 const struct status_context *context);
void status_finish(struct status *status);

struct status_row status_row(const struct status *status, uint32_t task);

enum task_state status_task_state(const struct status *status, uint32_t task);

/* The task's run that waits: for its start, or, when all of its runs have begun, for a further stage.
 * INDEX_NONE: none does. */
uint32_t status_waiting_run(const struct status *status, uint32_t task);

/* Of a run in bites: rows so far, by all the time since its start; and how long it has waited between bites.
 */
int64_t status_rows_a_second(const struct status *status, const struct run *run);
int64_t status_gave_way_us(const struct status *status, const struct run *run);

/* Who has paused the row's task, and since when; NULL: nobody, or it is not known. Borrowed. */
const struct pause *status_pause(const struct status *status, const struct status_row *row);

struct bookkeeping status_bookkeeping(const struct status *status, const struct core_pool *pool);

/* Why its LISTEN was refused; NULL: not known, or it was not. Borrowed. */
const char *status_listen_error(const struct status *status, const struct core_pool *pool);

/* Why the pool is not connected as its runs need it; NULL: not known, or it is. Borrowed. */
const char *status_connect_error(const struct status *status, const struct core_pool *pool);

#endif
