/* The sessions of an application. Knows no clock and no load; the caller polls. */
#include "load_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void load_pool_init(struct load_pool *pool, const struct load_pool_options *options, size_t job_count) {
    *pool = (struct load_pool){.options = *options};
    pool->line = calloc(job_count + 1, sizeof *pool->line);
    if (!pool->line || options->most > LOAD_SESSIONS_MOST)
        abort();
    for (int i = 0; i < LOAD_SESSIONS_MOST; i++)
        pool->sessions[i].job = LOAD_NOBODY;
}

void load_pool_finish(struct load_pool *pool) {
    for (int i = 0; i < pool->options.most; i++)
        PQfinish(pool->sessions[i].conn);
    free(pool->line);
    *pool = (struct load_pool){0};
}

static void note_error(struct load_pool *pool, const PGconn *conn) {
    if (pool->first_error[0])
        return;
    snprintf(pool->first_error, sizeof pool->first_error, "%s", PQerrorMessage(conn));
    pool->first_error[strcspn(pool->first_error, "\n")] = 0;
}

static void end_job(struct load_pool *pool, struct load_session *session, enum load_outcome outcome,
                    int64_t now_us) {
    size_t job = session->job;
    session->job = LOAD_NOBODY;
    if (job != LOAD_NOBODY)
        pool->options.finished(pool->options.context, job, outcome, now_us);
}

static void close_session(struct load_pool *pool, struct load_session *session) {
    PQfinish(session->conn);
    *session = (struct load_session){.job = LOAD_NOBODY};
    pool->open_count--;
}

static void broken(struct load_pool *pool, struct load_session *session, enum load_outcome outcome,
                   int64_t now_us) {
    note_error(pool, session->conn);
    end_job(pool, session, outcome, now_us);
    close_session(pool, session);
}

static void flush(struct load_pool *pool, struct load_session *session, int64_t now_us) {
    int left = PQflush(session->conn);
    if (left < 0)
        broken(pool, session, LOAD_SQL_ERROR, now_us);
    else
        session->events = left ? POLLIN | POLLOUT : POLLIN;
}

static void give_back(struct load_pool *pool, struct load_session *session, int64_t now_us);

static void take_step(struct load_pool *pool, struct load_session *session, int64_t now_us) {
    session->state = LOAD_BUSY;
    switch (pool->options.step(pool->options.context, session->conn, session->job, session->step, now_us,
                               &session->until_us)) {
    case LOAD_SENT: flush(pool, session, now_us); return;
    case LOAD_NOT_SENT: broken(pool, session, LOAD_SQL_ERROR, now_us); return;
    case LOAD_HOLD:
        session->state = LOAD_HELD;
        session->events = POLLIN;
        return;
    case LOAD_OVER:
        end_job(pool, session, LOAD_OK, now_us);
        give_back(pool, session, now_us);
        return;
    }
}

/* A job whose deadline passed goes no further. */
static void step_done(struct load_pool *pool, struct load_session *session, int64_t now_us) {
    if (session->failed)
        end_job(pool, session, LOAD_SQL_ERROR, now_us);
    if (session->job == LOAD_NOBODY) {
        give_back(pool, session, now_us);
        return;
    }
    session->step++;
    take_step(pool, session, now_us);
}

static void begin_job(struct load_pool *pool, struct load_session *session, const struct load_waiter *waiter,
                      int64_t now_us) {
    session->job = waiter->job;
    session->arrived_us = waiter->arrived_us;
    session->step = 0;
    session->failed = false;
    take_step(pool, session, now_us);
}

/* To whoever waits longest, else it stays, else it is closed. */
static void give_back(struct load_pool *pool, struct load_session *session, int64_t now_us) {
    if (pool->head < pool->tail) {
        begin_job(pool, session, &pool->line[pool->head++], now_us);
    } else if (pool->idle_count < pool->options.keep || pool->options.surplus_us) {
        session->state = LOAD_IDLE;
        session->events = POLLIN;
        session->idle_since_us = now_us;
        pool->idle_count++;
    } else {
        close_session(pool, session);
    }
}

static struct load_session *find(struct load_pool *pool, enum load_state state) {
    struct load_session *found = NULL;
    for (int i = 0; i < pool->options.most; i++) {
        struct load_session *session = &pool->sessions[i];
        if (session->state == state && (!found || session->idle_since_us > found->idle_since_us))
            found = session;
    }
    return found;
}

static void open_session(struct load_pool *pool, const struct load_waiter *waiter, int64_t now_us) {
    struct load_session *session = find(pool, LOAD_CLOSED);
    *session = (struct load_session){.conn = PQconnectStart(pool->options.conninfo),
                                     .state = LOAD_CONNECTING,
                                     .events = POLLOUT,
                                     .job = waiter->job,
                                     .arrived_us = waiter->arrived_us};
    if (!session->conn)
        abort();
    PQsetErrorVerbosity(session->conn, PQERRORS_SQLSTATE);
    if (++pool->open_count > pool->peak_count)
        pool->peak_count = pool->open_count;
    if (PQstatus(session->conn) == CONNECTION_BAD || PQsetnonblocking(session->conn, 1) != 0)
        broken(pool, session, LOAD_REFUSED, now_us);
}

void load_pool_submit(struct load_pool *pool, size_t job, int64_t arrived_us, int64_t now_us) {
    struct load_waiter waiter = {.job = job, .arrived_us = arrived_us, .since_us = now_us};
    if (pool->idle_count) {
        pool->idle_count--;
        begin_job(pool, find(pool, LOAD_IDLE), &waiter, now_us); /* the one used last: the others may age */
    } else if (pool->open_count < pool->options.most) {
        open_session(pool, &waiter, now_us);
    } else {
        pool->line[pool->tail++] = waiter;
    }
}

/* --- time --- */

static int64_t sooner(int64_t a_us, int64_t b_us) {
    return a_us < b_us ? a_us : b_us;
}

/* The instant at which waiting ends, and as what. */
static int64_t give_up_us(const struct load_pool *pool, const struct load_waiter *waiter,
                          enum load_outcome *ret_as) {
    int64_t deadline_us =
        pool->options.deadline_us ? waiter->arrived_us + pool->options.deadline_us : INT64_MAX;
    int64_t wait_us = pool->options.wait_us ? waiter->since_us + pool->options.wait_us : INT64_MAX;
    *ret_as = deadline_us <= wait_us ? LOAD_TOO_LATE : LOAD_NO_SESSION;
    return sooner(deadline_us, wait_us);
}

static int64_t tick_line(struct load_pool *pool, int64_t now_us) {
    while (pool->head < pool->tail) {
        struct load_waiter *waiter = &pool->line[pool->head];
        enum load_outcome as;
        int64_t until_us = give_up_us(pool, waiter, &as);
        if (until_us > now_us && pool->open_count == pool->options.most)
            return until_us;
        pool->head++;
        if (until_us <= now_us)
            pool->options.finished(pool->options.context, waiter->job, as, now_us);
        else
            open_session(pool, waiter, now_us); /* a session broke: its slot is the first waiter's */
    }
    return INT64_MAX;
}

static int64_t tick_deadline(struct load_pool *pool, struct load_session *session, int64_t now_us) {
    if (session->job == LOAD_NOBODY || !pool->options.deadline_us)
        return INT64_MAX;
    int64_t deadline_us = session->arrived_us + pool->options.deadline_us;
    if (deadline_us > now_us)
        return deadline_us;
    end_job(pool, session, LOAD_TOO_LATE, now_us); /* the statement under way still ends by itself */
    return INT64_MAX;
}

static int64_t tick_surplus(struct load_pool *pool, struct load_session *session, int64_t now_us) {
    if (session->state != LOAD_IDLE || !pool->options.surplus_us || pool->open_count <= pool->options.keep)
        return INT64_MAX;
    int64_t close_us = session->idle_since_us + pool->options.surplus_us;
    if (close_us > now_us)
        return close_us;
    pool->idle_count--;
    close_session(pool, session);
    return INT64_MAX;
}

/* What it does after it was held may be due to end sooner than all else: the caller comes again at once. */
static int64_t tick_held(struct load_pool *pool, struct load_session *session, int64_t now_us) {
    if (session->state != LOAD_HELD)
        return INT64_MAX;
    if (session->until_us > now_us)
        return session->until_us;
    step_done(pool, session, now_us);
    return now_us;
}

static int64_t tick_session(struct load_pool *pool, struct load_session *session, int64_t now_us) {
    int64_t next_us = tick_deadline(pool, session, now_us);
    next_us = sooner(next_us, tick_surplus(pool, session, now_us));
    return sooner(next_us, tick_held(pool, session, now_us));
}

int64_t load_pool_tick(struct load_pool *pool, int64_t now_us) {
    int64_t next_us = tick_line(pool, now_us);
    for (int i = 0; i < pool->options.most; i++)
        next_us = sooner(next_us, tick_session(pool, &pool->sessions[i], now_us));
    return next_us;
}

/* --- what libpq has to say --- */

static void go_on_connecting(struct load_pool *pool, struct load_session *session, int64_t now_us) {
    PostgresPollingStatusType status = PQconnectPoll(session->conn);
    if (status == PGRES_POLLING_FAILED) {
        broken(pool, session, LOAD_REFUSED, now_us);
    } else if (status != PGRES_POLLING_OK) {
        session->events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    } else if (session->job == LOAD_NOBODY) {
        give_back(pool, session, now_us);
    } else {
        struct load_waiter waiter = {.job = session->job, .arrived_us = session->arrived_us};
        begin_job(pool, session, &waiter, now_us);
    }
}

static void take_results(struct load_pool *pool, struct load_session *session, int64_t now_us) {
    if (!PQconsumeInput(session->conn))
        return broken(pool, session, LOAD_SQL_ERROR, now_us);
    while (!PQisBusy(session->conn)) {
        PGresult *result = PQgetResult(session->conn);
        if (!result)
            return step_done(pool, session, now_us);
        if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
            session->failed = true;
            note_error(pool, session->conn);
        } else if (session->job != LOAD_NOBODY && pool->options.result) {
            pool->options.result(pool->options.context, session->job, session->step, result);
        }
        PQclear(result);
    }
    flush(pool, session, now_us);
}

int load_pool_poll_set(const struct load_pool *pool, struct pollfd *ret_fds, int *ret_places) {
    int count = 0;
    for (int i = 0; i < pool->options.most; i++) {
        if (pool->sessions[i].state == LOAD_CLOSED)
            continue;
        ret_fds[count].fd = PQsocket(pool->sessions[i].conn);
        ret_fds[count].events = pool->sessions[i].events;
        ret_places[count++] = i;
    }
    return count;
}

void load_pool_polled(struct load_pool *pool, const struct pollfd *fds, const int *places, int count,
                      int64_t now_us) {
    for (int i = 0; i < count; i++) {
        struct load_session *session = &pool->sessions[places[i]];
        if (!fds[i].revents)
            continue;
        if (session->state == LOAD_CONNECTING) {
            go_on_connecting(pool, session, now_us);
        } else if (session->state == LOAD_BUSY) {
            take_results(pool, session, now_us);
        } else if (!PQconsumeInput(session->conn)) {
            pool->idle_count -= session->state == LOAD_IDLE;
            broken(pool, session, LOAD_SQL_ERROR, now_us);
        }
    }
}

bool load_pool_quiet(const struct load_pool *pool) {
    for (int i = 0; i < pool->options.most; i++)
        if (pool->sessions[i].job != LOAD_NOBODY)
            return false;
    return pool->head == pool->tail;
}
