#include "pool/ask/inquiry.h"

#include <stdlib.h>

#include "pool/login/attempt.h"
#include "pool/login/login.h"
#include "pool/login/receive.h"
#include "tasks/taskset.h"

/* Without a byte; and all of an answer: a hundred thousand rows of the history with a message each. */
#define SILENCE_MOST_US   (30 * US_PER_S)
#define ANSWER_BYTES_MOST ((size_t)512 * 1024 * 1024)
#define AT_ONCE_BYTES     ((size_t)256 * 1024)

/* Until libpq has a result whole. */
static bool wait_for_result(PGconn *conn, size_t *bytes_sum) {
    while (PQisBusy(conn)) {
        size_t bytes_count;
        if (!attempt_wait(PQsocket(conn), PGRES_POLLING_READING, attempt_clock_us() + SILENCE_MOST_US) ||
            !receive_some(conn, AT_ONCE_BYTES, &bytes_count))
            return false;
        *bytes_sum += bytes_count;
        if (*bytes_sum > ANSWER_BYTES_MOST)
            return false;
    }
    return true;
}

/* The last result of what was sent, or the first error. NULL: it did not come, or has no end. */
static PGresult *wait_for_answer(PGconn *conn, int sent) {
    PGresult *answer = NULL;
    size_t bytes_sum = 0;
    bool came = sent == 1;
    while (came && (came = wait_for_result(conn, &bytes_sum))) {
        PGresult *next = PQgetResult(conn);
        if (!next)
            return answer;
        bool is_echo = PQresultStatus(answer) == PGRES_FATAL_ERROR && answer;
        PQclear(is_echo ? next : answer);
        answer = is_echo ? answer : next;
        ExecStatusType status = PQresultStatus(answer);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
            return answer;
    }
    PQclear(answer);
    return NULL;
}

static PGresult *run(PGconn *conn, const char *sql) {
    return wait_for_answer(conn, PQsendQuery(conn, sql));
}

PGresult *inquiry_plain(PGconn *conn, const char *sql) {
    return wait_for_answer(conn, PQsendQueryParams(conn, sql, 0, NULL, NULL, NULL, NULL, 0));
}

PGresult *inquiry(PGconn *conn, const char *sql, int count, const char *const *values) {
    if (PQtransactionStatus(conn) != PQTRANS_IDLE)
        PQclear(run(conn, "ROLLBACK"));
    PGresult *begun = run(conn, "BEGIN READ ONLY; SET LOCAL search_path = pg_catalog, pg_temp");
    if (PQresultStatus(begun) != PGRES_COMMAND_OK)
        return begun;
    PQclear(begun);
    return wait_for_answer(conn, PQsendQueryParams(conn, sql, count, NULL, values, NULL, NULL, 0));
}

PGresult *inquiry_describe(PGconn *conn, const char *sql) {
    if (PQtransactionStatus(conn) != PQTRANS_IDLE)
        PQclear(run(conn, "ROLLBACK"));
    PQclear(run(conn, "BEGIN READ ONLY"));
    PGresult *prepared = wait_for_answer(conn, PQsendPrepare(conn, "", sql, 0, NULL));
    if (PQresultStatus(prepared) != PGRES_COMMAND_OK)
        return prepared;
    PQclear(prepared);
    return wait_for_answer(conn, PQsendDescribePrepared(conn, ""));
}

static PGconn *log_in(const struct pool_settings *pool, const struct conninfo *conninfo,
                      const char *application_name, const char *options, struct text *error) {
    const char *const behind[][2] = {{"application_name", application_name},
                                     {"client_encoding", "UTF8"},
                                     {"options", options},
                                     {NULL, NULL}};
    struct login_request request = {.conninfo = conninfo,
                                    .text = pool->conninfo,
                                    .behind = behind,
                                    .timeout_us = pool->connect_timeout_us};
    enum connect_failure kind;
    struct text why = {0};
    PGconn *conn = login_now(&request, &why, &kind);
    if (!conn && options && kind == CONNECT_OPTIONS)
        conn = log_in(pool, conninfo, application_name, NULL, error);
    else if (!conn)
        text_add(error, "%s", why.bytes);
    text_finish(&why);
    return conn;
}

PGconn *inquiry_log_in(const struct pool_settings *pool, const char *application_name, bool with_options,
                       struct text *error) {
    struct conninfo conninfo = {0};
    struct text options = {0};
    char *why = NULL;
    PGconn *conn = NULL;
    bool resolved = conninfo_resolve(pool->conninfo, &conninfo, &why);
    if (resolved && with_options)
        login_options(&conninfo, pool->statement_timeout_us, &options);
    if (resolved)
        conn = log_in(pool, &conninfo, application_name, options.bytes, error);
    else
        text_add(error, "%s", why);
    free(why);
    text_finish(&options);
    conninfo_finish(&conninfo);
    return conn;
}
