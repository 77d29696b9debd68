#include "pool/ask/pooler.h"

#include <assert.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool/answer.h"
#include "pool/conninfo.h"
#include "pool/login/login.h"
#include "pool/login/receive.h"
#include "tasks/instant.h"

#define AT_ONCE_BYTES     ((size_t)16 * 1024)
#define UNREAD_BYTES_MOST ((size_t)256 * 1024)

#define LOGIN_THREADS_MAX 2 /* of which one may hang */

enum pooler_state {
    POOLER_IDLE, /* with a connection or without */
    POOLER_CONNECTING,
    POOLER_ASKING,
    POOLER_FAILED, /* reported in the next turn of the loop */
    POOLER_CLOSED,
};

struct pooler {
    enum pooler_state state;
    uv_loop_t *loop;
    char *conninfo_text, *database, *user;
    pooler_callback *callback;
    void *context;
    uv_timer_t timer; /* runs while an ask is under way */
    struct aside *logins;
    struct login *login; /* under way */
    PGconn *conn;
    uv_poll_t *poll;
    bool kept; /* the connection is from an earlier ask: it may have been lost since */
    struct pooler_load load;
    size_t unread_bytes_count; /* came in since the last row */
    char error[256];
};

/* --- the end of an ask --- */

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

static void unwatch(struct pooler *pooler) {
    if (pooler->poll)
        uv_close((uv_handle_t *)pooler->poll, free_handle);
    pooler->poll = NULL;
}

static void disconnect(struct pooler *pooler) {
    int fd = pooler->login ? login_leave(pooler->login) : -1;
    if (fd >= 0) /* the console has no backend */
        close(fd);
    pooler->login = NULL;
    unwatch(pooler);
    PQfinish(pooler->conn);
    pooler->conn = NULL;
}

/* Last in whoever calls it: the callback may ask again, or close. */
static void tell(struct pooler *pooler) {
    uv_timer_stop(&pooler->timer);
    unwatch(pooler); /* nothing is expected until the next ask, which notices if the connection is gone */
    pooler->state = POOLER_IDLE;
    struct pooler_load load = pooler->load;
    load.error = load.known ? NULL : pooler->error;
    pooler->callback(pooler->context, &load);
}

static void on_timer(uv_timer_t *timer) {
    struct pooler *pooler = timer->data;
    if (pooler->state != POOLER_FAILED) {
        snprintf(pooler->error, sizeof pooler->error, "the console did not %s within %d ms",
                 pooler->state == POOLER_ASKING ? "answer" : "let us in", POOLER_DEADLINE_MS);
        disconnect(pooler);
    }
    pooler->load = (struct pooler_load){.known = false};
    tell(pooler);
}

/* libpq explains on further lines what a person at a terminal could do. */
static void fail(struct pooler *pooler, const char *message) {
    snprintf(pooler->error, sizeof pooler->error, "%s", message);
    pooler->error[strcspn(pooler->error, "\n")] = '\0';
    disconnect(pooler);
    pooler->state = POOLER_FAILED;
    uv_timer_start(&pooler->timer, on_timer, 0, 0);
}

/* --- the answer --- */

/* 0 where this version has no such column, or more than a count can be. False: this is no count. */
static bool read_count(const PGresult *row, const char *column, int32_t *ret) {
    int field = PQfnumber(row, column);
    int64_t number = 0;
    if (field >= 0 && !answer_parse(PQgetvalue(row, 0, field), 0, INT64_MAX, &number))
        return false;
    *ret = number < INT32_MAX ? (int32_t)number : INT32_MAX;
    return true;
}

static void add(int32_t *sum, int32_t count) {
    *sum = count < INT32_MAX - *sum ? *sum + count : INT32_MAX;
}

static bool is_text_at(const PGresult *row, const char *column, const char *text) {
    int field = PQfnumber(row, column);
    return field >= 0 && strcmp(PQgetvalue(row, 0, field), text) == 0;
}

static void take_pool_mode(struct pooler_load *load, const PGresult *row) {
    int field = PQfnumber(row, "pool_mode");
    const char *mode = field >= 0 ? PQgetvalue(row, 0, field) : "";
    if (load->pool_count == 1)
        snprintf(load->pool_mode, sizeof load->pool_mode, "%s", mode);
    else if (strcmp(load->pool_mode, mode) != 0)
        load->pool_mode[0] = '\0';
}

static bool is_of_ours(const struct pooler *pooler, const PGresult *row) {
    return is_text_at(row, "database", pooler->database) &&
           (!*pooler->user || is_text_at(row, "user", pooler->user));
}

/* Columns by name: their number and order differ between versions. maxwait_us is the part below a second.
 * False: one of them holds no count. */
static bool take_row(struct pooler *pooler, const PGresult *row) {
    enum { CL_WAITING, CL_ACTIVE, MAXWAIT, MAXWAIT_US, SV_ACTIVE };
    static const char *const names[] = {"cl_waiting", "cl_active",        "maxwait", "maxwait_us",
                                        "sv_active",  "sv_idle",          "sv_used", "sv_tested",
                                        "sv_login",   "sv_being_canceled"};
    struct pooler_load *load = &pooler->load;
    int32_t counts[sizeof names / sizeof *names];
    if (!is_of_ours(pooler, row))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!read_count(row, names[i], &counts[i]))
            return false;
    add(&load->pool_count, 1);
    add(&load->waiting_count, counts[CL_WAITING]);
    add(&load->client_active_count, counts[CL_ACTIVE]);
    add(&load->server_active_count, counts[SV_ACTIVE]);
    for (size_t i = SV_ACTIVE; i < sizeof names / sizeof *names; i++)
        add(&load->server_count, counts[i]);
    int64_t wait_us = counts[MAXWAIT] * INT64_C(1000000) + counts[MAXWAIT_US];
    if (wait_us > load->longest_wait_us)
        load->longest_wait_us = wait_us;
    take_pool_mode(load, row);
    return true;
}

/* A row, or the end of them. NULL, or why this is no answer: borrowed of the result. */
static const char *take_result(struct pooler *pooler, const PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK)
        return *PQresultErrorMessage(result) ? PQresultErrorMessage(result) : "no table came";
    if (PQfnumber(result, "database") < 0 || PQfnumber(result, "cl_waiting") < 0)
        return "the answer to SHOW POOLS has no column cl_waiting; this is not PgBouncer's console";
    if (status == PGRES_SINGLE_TUPLE && !take_row(pooler, result))
        return "the answer to SHOW POOLS has no counts where they should be; this is not PgBouncer's console";
    pooler->load.known = true;
    return NULL;
}

/* --- asking --- */

static void connect_start(struct pooler *pooler);

/* A kept connection may have been lost long ago, which is no answer: try a new one, by the same deadline. */
static void lost(struct pooler *pooler, const char *message) {
    if (!pooler->kept) {
        fail(pooler, message);
        return;
    }
    disconnect(pooler);
    connect_start(pooler);
}

static void on_socket(uv_poll_t *poll, int status, int events);

static void watch(struct pooler *pooler, int events) {
    if (!pooler->poll) {
        pooler->poll = malloc(sizeof *pooler->poll);
        if (!pooler->poll)
            abort();
        int error = uv_poll_init(pooler->loop, pooler->poll, PQsocket(pooler->conn));
        if (error) {
            free(pooler->poll);
            pooler->poll = NULL;
            fail(pooler, uv_strerror(error));
            return;
        }
        pooler->poll->data = pooler;
    }
    uv_poll_start(pooler->poll, events, on_socket);
}

/* Row by row, so that the memory needed does not depend on what is at the other end. */
static void question_start(struct pooler *pooler) {
    pooler->state = POOLER_ASKING;
    pooler->unread_bytes_count = 0;
    pooler->load = (struct pooler_load){.known = false};
    snprintf(pooler->error, sizeof pooler->error, "the console answered nothing");
    if (PQsendQuery(pooler->conn, "SHOW POOLS") != 1 || PQsetSingleRowMode(pooler->conn) != 1)
        lost(pooler, PQerrorMessage(pooler->conn));
    else
        watch(pooler, UV_READABLE | UV_WRITABLE);
}

static void answer_more(struct pooler *pooler) {
    int unsent = PQflush(pooler->conn);
    size_t bytes_count = 0;
    if (unsent < 0 || !receive_some(pooler->conn, AT_ONCE_BYTES, &bytes_count)) {
        lost(pooler, PQerrorMessage(pooler->conn));
        return;
    }
    pooler->unread_bytes_count += bytes_count;
    while (!PQisBusy(pooler->conn)) {
        pooler->unread_bytes_count = 0;
        PGresult *result = PQgetResult(pooler->conn);
        if (!result) {
            pooler->kept = true;
            tell(pooler);
            return;
        }
        const char *wrong = take_result(pooler, result);
        if (wrong)
            lost(pooler, wrong);
        PQclear(result);
        if (wrong)
            return;
    }
    if (pooler->unread_bytes_count > UNREAD_BYTES_MOST)
        fail(pooler, "the console sends without end what is no row; this is not PgBouncer's console");
    else
        watch(pooler, unsent ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

/* --- connecting --- */

static void on_login(void *context, PGconn *conn, const struct login_failure *failure, int fd) {
    struct pooler *pooler = context;
    pooler->login = NULL;
    pooler->conn = conn;
    if (fd >= 0)
        close(fd);
    if (!conn) {
        fail(pooler, failure->message);
        return;
    }
    if (PQsetnonblocking(conn, 1) != 0)
        fail(pooler, PQerrorMessage(conn));
    else
        question_start(pooler);
}

static void on_socket(uv_poll_t *poll, int status, int events) {
    (void)status; /* what is wrong, libpq tells better */
    (void)events;
    answer_more(poll->data);
}

/* The user's own word; libpq would else fill in PGDATABASE, or the user's name. */
static bool names_database(const char *text) {
    bool found = false;
    PQconninfoOption *parsed = PQconninfoParse(text, NULL);
    for (const PQconninfoOption *option = parsed; option && option->keyword; option++)
        found |= option->val &&
                 (strcmp(option->keyword, "dbname") == 0 || strcmp(option->keyword, "service") == 0);
    PQconninfoFree(parsed);
    return found;
}

/*
 * Of two entries for one keyword libpq takes the later. The console can't be asked whether it is a standby.
 */
static void begin_login(struct pooler *pooler, const struct conninfo *conninfo) {
    const char *const before[][2] = {{"fallback_application_name", "headgate"}, {NULL, NULL}};
    const char *const behind[][2] = {{"dbname", names_database(pooler->conninfo_text) ? NULL : "pgbouncer"},
                                     {"target_session_attrs", "any"},
                                     {NULL, NULL}};
    struct login_request request = {.conninfo = conninfo,
                                    .text = pooler->conninfo_text,
                                    .before = before,
                                    .behind = behind,
                                    .timeout_us = POOLER_DEADLINE_MS * US_PER_MS};
    pooler->login = login_start(pooler->loop, pooler->logins, &request, on_login, pooler);
}

static void connect_start(struct pooler *pooler) {
    struct conninfo conninfo = {0};
    char *error = NULL;
    pooler->kept = false;
    pooler->unread_bytes_count = 0;
    pooler->state = POOLER_CONNECTING;
    if (conninfo_resolve(pooler->conninfo_text, &conninfo, &error))
        begin_login(pooler, &conninfo);
    else
        fail(pooler, error);
    free(error);
    conninfo_finish(&conninfo);
}

/* --- the outside --- */

void pooler_ask(struct pooler *pooler) {
    assert(pooler->state != POOLER_CLOSED);
    if (pooler->state != POOLER_IDLE)
        return;
    uv_update_time(pooler->loop);
    uv_timer_start(&pooler->timer, on_timer, POOLER_DEADLINE_MS, 0);
    if (pooler->conn)
        question_start(pooler);
    else
        connect_start(pooler);
}

struct pooler *pooler_open(uv_loop_t *loop, const char *conninfo, const char *database, const char *user,
                           pooler_callback *callback, void *context) {
    struct pooler *pooler = calloc(1, sizeof *pooler);
    if (!pooler)
        abort();
    pooler->loop = loop;
    pooler->conninfo_text = text_copy(conninfo);
    pooler->database = text_copy(database);
    pooler->user = text_copy(user ? user : "");
    pooler->callback = callback;
    pooler->context = context;
    pooler->logins = aside_open(loop, LOGIN_THREADS_MAX);
    uv_timer_init(loop, &pooler->timer);
    pooler->timer.data = pooler;
    return pooler;
}

static void on_closed(uv_handle_t *timer) {
    struct pooler *pooler = timer->data;
    explicit_bzero(pooler->conninfo_text, strlen(pooler->conninfo_text));
    free(pooler->conninfo_text);
    free(pooler->database);
    free(pooler->user);
    free(pooler);
}

void pooler_close(struct pooler *pooler) {
    if (!pooler)
        return;
    assert(pooler->state != POOLER_CLOSED);
    pooler->state = POOLER_CLOSED;
    disconnect(pooler);
    aside_close(pooler->logins);
    uv_close((uv_handle_t *)&pooler->timer, on_closed);
}
