/*
 * A session's way from a name to a login that is usable for pipelines: the address looked up off the loop,
 * our options, and what a server or a pooler says when it refuses.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/session_parts.h"

/* libpq's verbose message has the SQLSTATE as "FATAL:  53300: text" and the place in the server's source. */
static void read_connect_error(const char *message, char sqlstate[static SQLSTATE_BYTES], char *text,
                               size_t bytes) {
    *sqlstate = '\0';
    for (const char *at = message; (at = strstr(at, ":  ")) && !*sqlstate; at += 3) {
        const char *code = at + 3;
        if (strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && code[5] == ':')
            memcpy(sqlstate, code, 5), sqlstate[5] = '\0';
    }
    session_first_line(message, text, bytes);
}

static void connect_failed(struct session *session, const char *message) {
    char text[1024];
    struct failure failure = {.message = text};
    read_connect_error(message, failure.sqlstate, text, sizeof text);
    struct report report = {.kind = REPORT_SESSION_FAILED};
    report.connect_failure = connect_failure_of(failure.sqlstate, text);
    if (report.connect_failure == CONNECT_OPTIONS && !session->optioned)
        report.connect_failure = CONNECT_NEEDS_PERSON;
    else if (report.connect_failure == CONNECT_OPTIONS)
        session->pool->plain_options = true;
    failure.advice = connect_failure_advice(report.connect_failure, failure.sqlstate);
    session->broken = true;
    session_watch(session, 0);
    session_tell(session, report, &failure);
}

static void connected(struct session *session) {
    session_unwatch(session);
    session->backend_pid = PQbackendPID(session->conn);
    PQsetErrorVerbosity(session->conn, PQERRORS_DEFAULT);
    PQsetNoticeReceiver(session->conn, intake_notice, session);
    if (PQsetnonblocking(session->conn, 1) != 0 || PQenterPipelineMode(session->conn) != 1) {
        connect_failed(session, PQerrorMessage(session->conn));
        return;
    }
    session->state = SESSION_IDLE;
    session_watch(session, UV_READABLE);
    session_report(session, REPORT_SESSION_OPENED, NULL);
}

void connect_more(struct session *session) {
    session_unwatch(session);
    switch (PQconnectPoll(session->conn)) {
    case PGRES_POLLING_READING: session_watch(session, UV_READABLE); break;
    case PGRES_POLLING_WRITING: session_watch(session, UV_WRITABLE); break;
    case PGRES_POLLING_OK: connected(session); break;
    default: connect_failed(session, PQerrorMessage(session->conn)); break;
    }
}

/* A line that says nothing any more: the server lets go of the locks of a host that is gone within seconds,
 * as we do of a server. What the user gave stays first, so that on the same setting ours decides. */
static void compose_options(const struct session_pool *pool, struct text *text) {
    text_add(text,
             "%s -c client_connection_check_interval=2s -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2"
             " -c tcp_keepalives_count=3 -c tcp_user_timeout=10s",
             conninfo_get(&pool->conninfo, "options"));
    if (pool->statement_timeout_us)
        text_add(text, " -c statement_timeout=%" PRId64, (pool->statement_timeout_us + 999) / 1000);
}

static void begin_connect(struct session *session, const struct address_list *list) {
    const struct session_pool *pool = session->pool;
    struct text options = {0};
    const char *keywords[12], *values[12];
    int count = 0;
    const char *const given[][2] = {
        {"keepalives_idle", "5"}, /* before dbname, which may say otherwise */
        {"keepalives_interval", "2"},  {"keepalives_count", "3"},
        {"tcp_user_timeout", "10000"}, {"dbname", *pool->conninfo_text ? pool->conninfo_text : NULL},
        {"host", list->host},          {"hostaddr", list->hostaddr},
        {"port", list->port},          {"application_name", pool->application_name}};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (given[i][1])
            keywords[count] = given[i][0], values[count++] = given[i][1];
    session->optioned = !pool->plain_options;
    if (session->optioned) {
        compose_options(pool, &options);
        keywords[count] = "options", values[count++] = options.bytes;
    }
    keywords[count] = values[count] = NULL;
    session->conn = PQconnectStartParams(keywords, values, 1);
    text_finish(&options);
    if (!session->conn)
        abort();
    PQsetErrorVerbosity(session->conn, PQERRORS_VERBOSE);
}

static void on_address(void *context, const struct address_list *list, const char *error) {
    struct session *session = context;
    session->lookup = NULL;
    session->state = SESSION_CONNECTING;
    if (error) {
        connect_failed(session, error);
        return;
    }
    begin_connect(session, list);
    if (PQstatus(session->conn) == CONNECTION_BAD)
        connect_failed(session, PQerrorMessage(session->conn));
    else
        session_watch(session, UV_WRITABLE);
}

void connect_start(struct session *session) {
    session->lookup = address_lookup(session->pool->loop, &session->pool->conninfo, on_address, session);
}
