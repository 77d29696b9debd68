#include "pool/ask/pooler.h"

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/answer.h"
#include "pool/conninfo.h"
#include "pool/login/attempt.h"
#include "pool/login/login.h"
#include "pool/login/receive.h"
#include "tasks/instant.h"

/* A row of SHOW POOLS has some hundred bytes: what came since the last one, and at once. */
#define UNREAD_BYTES_MOST ((size_t)256 * 1024)
#define AT_ONCE_BYTES     ((size_t)16 * 1024)

/* The loop keeps the time of an ask; its thread stops by itself a little later. */
#define THREAD_US ((POOLER_DEADLINE_MS + 500) * US_PER_MS)

#define THREADS_MAX 2 /* of which one may hang */

/* One ask: its thread's until it is done, then the loop's; it may outlive the pooler. */
struct ask {
    struct pooler *pooler; /* for the loop only */
    char *conninfo_text, *database;
    PGconn *conn; /* kept from one ask to the next, while it serves; NULL */
    atomic_bool let_in;
    bool known;
    int32_t waiting_count;
    char error[256];
};

struct pooler {
    char *conninfo_text, *database;
    pooler_callback *callback;
    void *context;
    uv_timer_t timer; /* runs while an ask is under way */
    struct aside *aside;
    struct aside_job *job; /* with its ask; NULL: none is under way, or it could not be started */
    struct ask *ask;
    PGconn *conn;
};

/* --- on the thread --- */

/* libpq explains on further lines what a person at a terminal could do. */
static void fail(struct ask *ask, const char *message) {
    snprintf(ask->error, sizeof ask->error, "%s", message);
    ask->error[strcspn(ask->error, "\n")] = '\0';
    ask->known = false;
}

/* Of two entries for one keyword libpq takes the later. The console can't be asked whether it is a standby.
 */
static void log_in(struct ask *ask) {
    const char *const before[][2] = {{"fallback_application_name", "headgate"}, {NULL, NULL}};
    /* the user's own word; libpq would else fill in PGDATABASE, or the user's name */
    bool named =
        conninfo_gives(ask->conninfo_text, "dbname") || conninfo_gives(ask->conninfo_text, "service");
    const char *const behind[][2] = {
        {"dbname", named ? NULL : "pgbouncer"}, {"target_session_attrs", "any"}, {NULL, NULL}};
    struct conninfo conninfo = {0};
    struct text why = {0};
    enum connect_failure kind;
    char *error = NULL;
    if (conninfo_resolve(ask->conninfo_text, &conninfo, &error)) {
        struct login_request request = {.conninfo = &conninfo,
                                        .text = ask->conninfo_text,
                                        .before = before,
                                        .behind = behind,
                                        .timeout_us = THREAD_US};
        ask->conn = login_now(&request, &why, &kind);
    }
    if (!ask->conn)
        fail(ask, error ? error : why.bytes);
    ask->let_in = ask->conn != NULL;
    free(error);
    text_finish(&why);
    conninfo_finish(&conninfo);
}

/*
 * A row, or the end of them. Columns by name: their number and order differ between versions. PgBouncer has a
 * row for each user of a database, and only once somebody has logged in. False: this is no answer.
 */
static bool take_result(struct ask *ask, const PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    int database = PQfnumber(result, "database"), waiting = PQfnumber(result, "cl_waiting");
    int64_t count = 0;
    if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK)
        fail(ask, *PQresultErrorMessage(result) ? PQresultErrorMessage(result) : "no table came");
    else if (database < 0 || waiting < 0)
        fail(ask, "the answer to SHOW POOLS has no column cl_waiting; this is not PgBouncer's console");
    else if (status == PGRES_TUPLES_OK || strcmp(PQgetvalue(result, 0, database), ask->database) != 0)
        ask->known = true;
    else if (!answer_parse(PQgetvalue(result, 0, waiting), 0, INT64_MAX, &count))
        fail(ask, "the answer to SHOW POOLS has no counts where they should be; this is not PgBouncer's "
                  "console");
    else {
        int32_t left = INT32_MAX - ask->waiting_count;
        ask->waiting_count += count < left ? (int32_t)count : left;
        ask->known = true;
    }
    return ask->known;
}

/* Row by row, so that the memory needed does not depend on what is at the other end. */
static void read_pools(struct ask *ask, int64_t deadline_us) {
    size_t unread_bytes = 0, bytes_count;
    bool sent = PQsendQuery(ask->conn, "SHOW POOLS") == 1 && PQsetSingleRowMode(ask->conn) == 1;
    ask->known = false;
    ask->waiting_count = 0;
    snprintf(ask->error, sizeof ask->error, "the console answered nothing");
    while (sent) {
        while (PQisBusy(ask->conn)) {
            if (!attempt_wait(PQsocket(ask->conn), PGRES_POLLING_READING, deadline_us) ||
                !receive_some(ask->conn, AT_ONCE_BYTES, &bytes_count)) {
                fail(ask, PQerrorMessage(ask->conn));
                return;
            }
            unread_bytes += bytes_count;
            if (unread_bytes > UNREAD_BYTES_MOST) {
                fail(ask, "the console sends without end what is no row; this is not PgBouncer's console");
                return;
            }
        }
        unread_bytes = 0;
        PGresult *result = PQgetResult(ask->conn);
        bool right = result && take_result(ask, result);
        PQclear(result);
        if (!right)
            return;
    }
    fail(ask, PQerrorMessage(ask->conn));
}

static void drop_connection(struct ask *ask) {
    PQfinish(ask->conn);
    ask->conn = NULL;
}

/* A kept connection may have been lost long ago, which is no answer: then a new one is tried. */
static void work(void *data) {
    struct ask *ask = data;
    int64_t deadline_us = attempt_clock_us() + THREAD_US;
    if (ask->conn)
        read_pools(ask, deadline_us);
    if (ask->conn && ask->known)
        return;
    drop_connection(ask);
    log_in(ask);
    if (ask->conn)
        read_pools(ask, deadline_us);
    if (!ask->known)
        drop_connection(ask);
}

static void drop(void *data) {
    struct ask *ask = data;
    drop_connection(ask);
    explicit_bzero(ask->conninfo_text, strlen(ask->conninfo_text));
    free(ask->conninfo_text);
    free(ask->database);
    free(ask);
}

/* --- on the loop --- */

/* Last in whoever calls it: the callback may ask again, or close. */
static void tell(struct pooler *pooler, const struct pooler_load *load) {
    uv_timer_stop(&pooler->timer);
    pooler->job = NULL;
    pooler->callback(pooler->context, load);
}

static void on_done(void *data) {
    struct ask *ask = data;
    struct pooler_load load = {ask->known, ask->known ? NULL : ask->error, ask->waiting_count};
    ask->pooler->conn = ask->conn;
    ask->conn = NULL;
    tell(ask->pooler, &load);
}

static void on_timer(uv_timer_t *timer) {
    struct pooler *pooler = timer->data;
    char error[256] = "no thread could be made to ask: the process may have no more (ulimit -u, TasksMax)";
    if (pooler->job) {
        snprintf(error, sizeof error, "the console did not %s within %d ms",
                 pooler->ask->let_in ? "answer" : "let us in", POOLER_DEADLINE_MS);
        aside_leave(pooler->job);
    }
    tell(pooler, &(struct pooler_load){.error = error});
}

void pooler_ask(struct pooler *pooler) {
    static const struct aside_work aside_work = {work, on_done, drop};
    if (uv_is_active((uv_handle_t *)&pooler->timer))
        return;
    struct ask *ask = calloc(1, sizeof *ask);
    if (!ask)
        abort();
    ask->pooler = pooler;
    ask->conninfo_text = text_copy(pooler->conninfo_text);
    ask->database = text_copy(pooler->database);
    ask->conn = pooler->conn;
    ask->let_in = ask->conn != NULL;
    pooler->conn = NULL;
    pooler->ask = ask;
    pooler->job = aside_start(pooler->aside, &aside_work, ask);
    if (!pooler->job)
        drop(ask);
    uv_update_time(pooler->timer.loop);
    uv_timer_start(&pooler->timer, on_timer, pooler->job ? POOLER_DEADLINE_MS : 0, 0);
}

struct pooler *pooler_open(uv_loop_t *loop, const char *conninfo, const char *database,
                           pooler_callback *callback, void *context) {
    struct pooler *pooler = calloc(1, sizeof *pooler);
    if (!pooler)
        abort();
    pooler->conninfo_text = text_copy(conninfo);
    pooler->database = text_copy(database);
    pooler->callback = callback;
    pooler->context = context;
    pooler->aside = aside_open(loop, THREADS_MAX);
    uv_timer_init(loop, &pooler->timer);
    pooler->timer.data = pooler;
    return pooler;
}

static void on_closed(uv_handle_t *timer) {
    struct pooler *pooler = timer->data;
    explicit_bzero(pooler->conninfo_text, strlen(pooler->conninfo_text));
    free(pooler->conninfo_text);
    free(pooler->database);
    free(pooler);
}

void pooler_close(struct pooler *pooler) {
    if (!pooler)
        return;
    if (pooler->job)
        aside_leave(pooler->job);
    PQfinish(pooler->conn);
    aside_close(pooler->aside);
    uv_close((uv_handle_t *)&pooler->timer, on_closed);
}
