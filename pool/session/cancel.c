#include "pool/session/cancel.h"

#include <stdlib.h>

#include "pool/login/attempt.h"
#include "pool/session/session_pool.h"

struct cancelling {
    struct session *session; /* NULL once it was closed */
    struct aside_job *job;
#ifdef LIBPQ_HAS_ASYNC_CANCEL
    PGcancelConn *conn;
    int64_t timeout_us;
#else
    PGcancel *cancel;
#endif
};

#ifdef LIBPQ_HAS_ASYNC_CANCEL
static void work(void *data) {
    struct cancelling *cancelling = data;
    int64_t deadline_us = attempt_clock_us() + cancelling->timeout_us;
    PostgresPollingStatusType next =
        PQcancelStart(cancelling->conn) ? PGRES_POLLING_WRITING : PGRES_POLLING_FAILED;
    while ((next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) &&
           attempt_wait(PQcancelSocket(cancelling->conn), next, deadline_us))
        next = PQcancelPoll(cancelling->conn);
}

static bool prepare(struct cancelling *cancelling) {
    cancelling->timeout_us = cancelling->session->pool->connect_timeout_us;
    cancelling->conn = PQcancelCreate(cancelling->session->conn);
    return PQcancelStatus(cancelling->conn) != CONNECTION_BAD;
}

static void drop(void *data) {
    struct cancelling *cancelling = data;
    PQcancelFinish(cancelling->conn);
    free(cancelling);
}
#else
static void work(void *data) {
    struct cancelling *cancelling = data;
    char error[256];
    PQcancel(cancelling->cancel, error, sizeof error);
}

static bool prepare(struct cancelling *cancelling) {
    cancelling->cancel = PQgetCancel(cancelling->session->conn);
    return cancelling->cancel != NULL;
}

static void drop(void *data) {
    struct cancelling *cancelling = data;
    PQfreeCancel(cancelling->cancel);
    free(cancelling);
}
#endif

static void done(void *data) {
    struct cancelling *cancelling = data;
    cancelling->session->cancelling = NULL;
}

void cancel_start(struct session *session) {
    static const struct aside_work aside_work = {work, done, drop};
    if (!session->conn || session->cancelling) /* one that is on its way does as well */
        return;
    struct cancelling *cancelling = calloc(1, sizeof *cancelling);
    if (!cancelling)
        abort();
    cancelling->session = session;
    if (prepare(cancelling))
        cancelling->job = aside_start(session->pool->cancels, &aside_work, cancelling);
    if (cancelling->job)
        session->cancelling = cancelling;
    else
        drop(cancelling);
}

void cancel_leave(struct session *session) {
    if (session->cancelling)
        aside_leave(session->cancelling->job);
    session->cancelling = NULL;
}
