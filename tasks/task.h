/*
 * What a task and a pool are, as the ini file says it: plain values, no behaviour.
 * etc/full.ini is the reference of every key; config.c reads them.
 */
#ifndef TASKS_TASK_H
#define TASKS_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "tasks/schedule.h"
#include "tasks/window.h"

enum priority { PRIORITY_LOW, PRIORITY_NORMAL, PRIORITY_HIGH };

/* What happens when a task is due while its own run is under way. */
enum overlap { OVERLAP_SKIP, OVERLAP_QUEUE, OVERLAP_ALLOW };

/* Whether a run goes on in further bites: as long as one changes rows. */
enum repeat { REPEAT_OFF, REPEAT_ROWS };

/* What happens to occurrences that were missed while no daemon ran. */
enum catch_up { CATCH_UP_SKIP, CATCH_UP_ONCE, CATCH_UP_ALL };

/* What happens to what falls due while the task's window is closed. */
enum outside_window { OUTSIDE_WAIT, OUTSIDE_SKIP };

/* What happens to a run that is under way when the window closes. */
enum window_end { WINDOW_END_FINISH, WINDOW_END_CANCEL };

enum work {
    WORK_SQL,
    WORK_COMMAND,
    WORK_STAGES, /* read on a session, work outside, write on a session: stage.h */
};

/* Two durations in us: where something begins, and where its growth ends. */
struct range {
    int64_t least_us, most_us;
};

/* What is done to a session after the task's run. */
enum session_care {
    SESSION_DISCARD, /* DISCARD ALL after every run */
    SESSION_CLEAN,   /* the author's word that the task leaves nothing behind */
};

/* What a staged task has beside its argv, which is its work. */
struct stages {
    const char *read, *write; /* SQL, or NULL */
    const char *read_path, *write_path;
    uint32_t parallel;  /* children at a time, one row each; 0: one child gets all rows */
    uint64_t max_bytes; /* of what a run reads, and of what its work prints */
    int64_t expect_work_us;
    int64_t read_timeout_us, work_timeout_us, write_timeout_us; /* from the stage's start; 0: none */
};

/* Which ends of another task count. */
enum after_outcome { AFTER_OK, AFTER_FAILED, AFTER_ANY };

/* The tasks that a task comes after. */
struct after {
    uint32_t count;           /* at least 1 */
    const char *const *names; /* each once */
    const uint32_t *tasks;    /* their indexes, of the taskset */
    uint32_t line;            /* of the key */
    bool any;                 /* one of them is enough */
    enum after_outcome outcome;
};

struct task {
    const char *name;
    const char *service; /* whose its occurrences are: [headgate] name */
    uint32_t line;       /* of its section */
    uint32_t pool;       /* index into the taskset's pools */
    uint32_t group;      /* index into its groups, or TASKSET_NONE */
    enum work work;
    const char *sql;             /* WORK_SQL: the text to send */
    const char *sql_path;        /* where it was read from; NULL when it stands in the ini file */
    char **argv;                 /* WORK_COMMAND, WORK_STAGES: ended with NULL */
    const struct stages *stages; /* WORK_STAGES; else NULL */
    const char *when;            /* its guard: SQL that says whether there is anything to do; NULL: none */
    struct schedule schedule;
    const struct zone *zone;     /* whose clocks its calendar and its window are about; never NULL */
    const struct window *window; /* its runs begin only while that is open; NULL: at any time */
    enum outside_window outside;
    enum window_end window_end;
    const struct after *after; /* NULL: it does not wait for others; else its schedule has no instants */
    const struct wake *wake;   /* the channels that make it due, beside its schedule; NULL: none */
    int64_t patience_us;       /* how late a run may start before a further session is opened for it */
    int64_t expect_us;         /* how long a run takes, until that was learned */
    int64_t timeout_us;        /* from token to end; 0: none */
    int64_t start_deadline_us; /* what could not start for this long is skipped; 0: none */
    /* what follows a failure: scheduler/core/retry.h */
    uint32_t conflict_retries; /* at once, when two transactions met */
    bool retry_lock;           /* 55P03 counts as that */
    uint32_t retries;          /* after any other failure */
    struct range retry_delay;
    uint32_t hold_after; /* failures in a row; 0: never */
    struct range hold;
    enum repeat repeat;
    uint32_t repeat_most; /* bites of a run; 0: any number */
    uint32_t tokens;      /* its weight; for SQL at least 1, which is its own session */
    enum priority priority;
    enum overlap overlap;
    enum catch_up catch_up;
    uint32_t catch_up_count; /* bounds of CATCH_UP_ALL: so many, and not older; the rest is skipped */
    int64_t catch_up_age_us;
    enum session_care session;
    bool transaction;
    bool enabled;
};

struct pool_settings {
    const char *name;
    uint32_t line;
    uint32_t conninfo_line, pooler_conninfo_line;
    const char *conninfo; /* libpq's: key=value or URI; "" means libpq's environment and defaults */
    const char *place;    /* which server and database that is, however it is written; NULL: not known */
    const char *pooler_conninfo; /* of PgBouncer's admin console, when one is in between; "": none */
    uint32_t size;               /* tokens */
    int64_t connect_timeout_us;
    int64_t statement_timeout_us; /* per statement, enforced by the server; 0: none */
    int64_t recycle_us;           /* a session older than this is replaced when it falls idle */
    int64_t idle_us;              /* a session unused for this long is closed */
    int64_t ping_us;              /* a session unused for this long is asked before it is handed on */
    int64_t leak_warning_us;      /* a token taken for longer is worth a line in the log; 0: never */
    int64_t linger_us;            /* how long a closed session's token waits for the server's word */
    /* admission: pool/budget/headroom.h and pool/budget/limit.h */
    uint32_t reserve; /* slots left to the application; at least a tenth of all, whatever it says */
    int64_t burst_window_us;
    int64_t sample_us;      /* how often the database is looked at while something waits or runs */
    int64_t sample_idle_us; /* and while nothing does */
    int64_t stale_us;       /* a sample older than this is not good enough to open sessions by */
    int64_t cool_down_us;
    uint32_t high_samples, clear_samples;
    uint32_t active_high, lock_waiters_high, round_trip_high, pooler_waiting_high, low_watermark;
    int64_t replica_lag_high_us;
    /* sharing: scheduler/core/crew.h */
    int64_t short_us;    /* a run learned to be shorter may share a session with others */
    int64_t max_wait_us; /* a run that waited for longer is passed by nobody */
    /* the record of runs in the database: etc/history */
    bool history;
    int64_t history_keep_us; /* older rows are deleted */
    uint32_t history_rows;   /* and what is beyond so many; 0: by age alone */
};

/* Tasks of which only so many runs may be under way at once, in whatever pools. */
struct group_settings {
    const char *name;
    uint32_t line;
    uint32_t limit;
    uint32_t task_count; /* that are in it */
};

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

struct daemon_settings {
    enum log_level log_level;
    const char *name;        /* daemons of the same name share their tasks' occurrences */
    const char *control;     /* path of the control socket; "" means derived from the ini file's path */
    const char *status_file; /* "" means the dump goes to the log */
    int64_t drain_timeout_us;
    const char *spool; /* directory of what does not fit in memory; "" means $TMPDIR, or /tmp */
    uint32_t children; /* that hold no token: how many may run at once */
    const char *zone_name;
    const struct zone *zone; /* of tasks that name none */
};

/* Of a task, a pool or the file: it fits into inih's 49 bytes of a section's name with its kind before it,
 * and into the 63 bytes of PostgreSQL's application_name with what stands around it. */
#define NAME_BYTES_MAX 40
#define AFTER_MOST     100     /* tasks that one comes after, each of which its row in the history names */
#define TASKS_MAX      1000000 /* measured up to there: tests/bench/README.md, "core" */
#define POOLS_MAX      64   /* one file's databases; a server with more of them wants more than one daemon */
#define GROUPS_MAX     1000 /* of tasks that keep out of each other's way: more is a mistake of who writes the file */
#define POOL_SIZE_MAX  1000 /* sessions of one pool, beyond what a server does well with */
#define SQL_BYTES_MAX  (4 * 1024 * 1024) /* of one text, which each of its runs sends */

#endif
