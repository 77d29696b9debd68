/* A pool of sessions as applications have one (SQLAlchemy's, say), not as headgate has one: it opens on
 * demand up to its most, and a job that finds none waits in line. A job is a few statements on one session,
 * which it may hold in between. One thread, never blocks. Time is wall-clock microseconds, always a
 * parameter. */
#ifndef BENCH_LOAD_POOL_H
#define BENCH_LOAD_POOL_H

#include <libpq-fe.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_SESSIONS_MOST 128
#define LOAD_NOBODY        SIZE_MAX

enum load_outcome {
    LOAD_OK,
    LOAD_REFUSED,    /* its session could not be opened */
    LOAD_SQL_ERROR,  /* a statement failed, or the session broke */
    LOAD_TOO_LATE,   /* its deadline passed */
    LOAD_NO_SESSION, /* it waited in line for longer than the pool lets wait */
    LOAD_OUTCOME_COUNT
};

/* What a job does at a step. */
enum load_step {
    LOAD_SENT,     /* a statement */
    LOAD_NOT_SENT, /* it could not be sent */
    LOAD_HOLD,     /* nothing with its session for a while, which it keeps */
    LOAD_OVER      /* nothing: there is no such step */
};

struct load_pool_options {
    const char *conninfo;
    int keep;            /* sessions that stay open once they were opened */
    int most;            /* keep and the overflow */
    int64_t surplus_us;  /* an idle session beyond keep is closed after this; 0: when it is given back */
    int64_t wait_us;     /* a job waits in line for at most this; 0: no limit */
    int64_t deadline_us; /* a job has this long from its arrival; 0: no limit */
    /* ret_until_us: for LOAD_HOLD */
    enum load_step (*step)(void *context, PGconn *conn, size_t job, int step, int64_t now_us,
                           int64_t *ret_until_us);
    void (*result)(void *context, size_t job, int step, const PGresult *result); /* of a statement; or NULL */
    void (*finished)(void *context, size_t job, enum load_outcome outcome, int64_t now_us);
    void *context;
};

enum load_state { LOAD_CLOSED, LOAD_CONNECTING, LOAD_IDLE, LOAD_BUSY, LOAD_HELD };

struct load_session {
    PGconn *conn;
    enum load_state state;
    short events;       /* that it polls for */
    size_t job;         /* LOAD_NOBODY: idle, or its job's deadline passed meanwhile */
    int64_t arrived_us; /* its job's */
    int step;
    bool failed;
    int64_t until_us; /* while it is held */
    int64_t idle_since_us;
};

struct load_waiter {
    size_t job;
    int64_t arrived_us, since_us;
};

struct load_pool {
    struct load_pool_options options;
    struct load_session sessions[LOAD_SESSIONS_MOST];
    int open_count, idle_count, peak_count;
    struct load_waiter *line; /* owned; [head, tail) wait */
    size_t head, tail;
    char first_error[160];
};

/* At most job_count jobs are ever submitted; their numbers are the caller's. */
void load_pool_init(struct load_pool *pool, const struct load_pool_options *options, size_t job_count);
void load_pool_finish(struct load_pool *pool);

void load_pool_submit(struct load_pool *pool, size_t job, int64_t arrived_us, int64_t now_us);

/* Ends what is overdue and closes what is surplus; returns when to call again at the latest. */
int64_t load_pool_tick(struct load_pool *pool, int64_t now_us);

/* Fills in up to LOAD_SESSIONS_MOST descriptors, returns how many; after the poll hand the array back. */
int load_pool_poll_set(const struct load_pool *pool, struct pollfd *ret_fds, int *ret_places);
void load_pool_polled(struct load_pool *pool, const struct pollfd *fds, const int *places, int count,
                      int64_t now_us);

/* Nothing waits and nothing is under way. */
bool load_pool_quiet(const struct load_pool *pool);

#endif
