#include "pool/session/connect.h"

#include <string.h>

#include "pool/login/login.h"
#include "pool/session/intake.h"
#include "pool/session/session_pool.h"
#include "pool/session/tell.h"
#include "pool/session/wire.h"

static void connect_failed(struct session *session, const struct login_failure *refusal) {
    struct failure failure = {.message = refusal->message};
    struct report report = {.kind = REPORT_SESSION_FAILED, .connect_failure = refusal->kind};
    memcpy(failure.sqlstate, refusal->sqlstate, SQLSTATE_BYTES);
    if (report.connect_failure == CONNECT_OPTIONS && !session->optioned)
        report.connect_failure = CONNECT_NEEDS_PERSON;
    else if (report.connect_failure == CONNECT_OPTIONS)
        session->pool->plain_options = true;
    failure.advice = connect_failure_advice(report.connect_failure, failure.sqlstate);
    session->broken = true;
    tell_report(session, report, &failure);
}

static void connected(struct session *session) {
    session->backend_pid = PQbackendPID(session->conn);
    session->pool->checks_clients = session->optioned && PQserverVersion(session->conn) >= 140000;
    PQsetNoticeReceiver(session->conn, intake_notice, session);
    if (PQsetnonblocking(session->conn, 1) != 0 || PQenterPipelineMode(session->conn) != 1) {
        connect_failed(session,
                       &(struct login_failure){CONNECT_UNREACHABLE, "", PQerrorMessage(session->conn)});
        return;
    }
    session->state = SESSION_IDLE;
    wire_watch(session, UV_READABLE);
    tell_kind(session, REPORT_SESSION_OPENED, NULL);
}

static void on_login(void *context, PGconn *conn, const struct login_failure *failure, int fd) {
    struct session *session = context;
    session->login = NULL;
    session->conn = conn;
    session->left_fd = fd;
    if (conn)
        connected(session);
    else
        connect_failed(session, failure);
}

void connect_start(struct session *session) {
    static const char *const before[][2] = {{"keepalives_idle", "5"},
                                            {"keepalives_interval", "2"},
                                            {"keepalives_count", "3"},
                                            {"tcp_user_timeout", "10000"},
                                            {NULL, NULL}};
    const struct session_pool *pool = session->pool;
    struct text options = {0};
    session->optioned = !pool->plain_options;
    if (session->optioned)
        login_options(&pool->conninfo, pool->statement_timeout_us, &options);
    const char *const behind[][2] = {
        {"application_name", pool->application_name}, {"options", options.bytes}, {NULL, NULL}};
    struct login_request request = {.conninfo = &pool->conninfo,
                                    .text = pool->conninfo_text,
                                    .before = before,
                                    .behind = behind,
                                    .timeout_us = pool->connect_timeout_us};
    session->login = login_start(pool->loop, pool->logins, &request, on_login, session);
    text_finish(&options);
}
