#include "pool/session_parts.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- reporting --- */

static void tell(struct session *session, struct report report, const struct failure *failure) {
    report.session = session->handle;
    session->pool->report(session->pool->context, &report, failure);
}

void session_report(struct session *session, enum report_kind kind, const struct failure *failure) {
    tell(session, (struct report){.kind = kind}, failure);
}

static void want_more(struct session *session, bool wanted);

/* libpq explains on further lines, indented, what a person at a terminal could do. */
static void first_line(const char *message, char *line, size_t bytes) {
    snprintf(line, bytes, "%s", message);
    line[strcspn(line, "\n")] = '\0';
}

void session_break(struct session *session, const char *why) {
    if (session->broken)
        return;
    session->broken = true;
    char line[512];
    first_line(why ? why : "", line, sizeof line);
    struct failure failure = {.message = why ? line : NULL};
    script_end_run(session, OUTCOME_UNKNOWN, line);
    want_more(session, false);
    session_watch(session, 0);
    session_report(session, REPORT_SESSION_BROKEN, &failure);
}

/* --- watching the socket --- */

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

static void unwatch(struct session *session) {
    if (session->poll)
        uv_close((uv_handle_t *)session->poll, free_handle);
    session->poll = NULL;
    session->poll_events = 0;
}

static void on_socket(uv_poll_t *poll, int status, int events);

/* The socket may be another one after each PQconnectPoll, so the handle is made anew while connecting. */
void session_watch(struct session *session, int events) {
    if (events == 0 || session->state == SESSION_CONNECTING)
        unwatch(session);
    if (events == 0 || session->poll_events == events)
        return;
    if (!session->poll) {
        session->poll = malloc(sizeof *session->poll);
        if (!session->poll)
            abort();
        int error = uv_poll_init(session->pool->loop, session->poll, PQsocket(session->conn));
        if (error) {
            free(session->poll);
            session->poll = NULL;
            session_break(session, uv_strerror(error));
            return;
        }
        session->poll->data = session;
    }
    session->poll_events = events;
    uv_poll_start(session->poll, events, on_socket);
}

/* --- connecting --- */

/* libpq's verbose message carries the SQLSTATE as "FATAL:  53300: text" and the place in the server's source.
 */
static void read_connect_error(const char *message, char sqlstate[static SQLSTATE_BYTES], char *text,
                               size_t bytes) {
    *sqlstate = '\0';
    for (const char *at = message; (at = strstr(at, ":  ")) && !*sqlstate; at += 3) {
        const char *code = at + 3;
        if (strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && code[5] == ':')
            memcpy(sqlstate, code, 5), sqlstate[5] = '\0';
    }
    first_line(message, text, bytes);
}

static void connect_failed(struct session *session, const char *message) {
    char text[1024];
    struct failure failure = {.message = text};
    read_connect_error(message, failure.sqlstate, text, sizeof text);
    struct report report = {.kind = REPORT_SESSION_FAILED};
    report.connect_failure = connect_failure_of(failure.sqlstate);
    if (report.connect_failure == CONNECT_OPTIONS && !session->optioned)
        report.connect_failure = CONNECT_NEEDS_PERSON;
    else if (report.connect_failure == CONNECT_OPTIONS)
        session->pool->plain_options = true;
    failure.advice = connect_failure_advice(report.connect_failure, failure.sqlstate);
    session->broken = true;
    session_watch(session, 0);
    tell(session, report, &failure);
}

static void drop_notice(void *context, const PGresult *result) {
    struct session *session = context;
    (void)result;
    session->script.notice_count++;
}

static void connected(struct session *session) {
    unwatch(session);
    session->backend_pid = PQbackendPID(session->conn);
    PQsetErrorVerbosity(session->conn, PQERRORS_DEFAULT);
    PQsetNoticeReceiver(session->conn, drop_notice, session);
    if (PQsetnonblocking(session->conn, 1) != 0 || PQenterPipelineMode(session->conn) != 1) {
        connect_failed(session, PQerrorMessage(session->conn));
        return;
    }
    session->state = SESSION_IDLE;
    session_watch(session, UV_READABLE);
    session_report(session, REPORT_SESSION_OPENED, NULL);
}

static void connect_more(struct session *session) {
    unwatch(session);
    switch (PQconnectPoll(session->conn)) {
    case PGRES_POLLING_READING: session_watch(session, UV_READABLE); break;
    case PGRES_POLLING_WRITING: session_watch(session, UV_WRITABLE); break;
    case PGRES_POLLING_OK: connected(session); break;
    default: connect_failed(session, PQerrorMessage(session->conn)); break;
    }
}

/* What the user gave stays first, so that on the same setting ours decides. */
static void compose_options(const struct session_pool *pool, struct text *text) {
    text_add(text, "%s -c client_connection_check_interval=2s", conninfo_get(&pool->conninfo, "options"));
    if (pool->statement_timeout_us)
        text_add(text, " -c statement_timeout=%" PRId64, (pool->statement_timeout_us + 999) / 1000);
}

static void begin_connect(struct session *session, const struct address_list *list) {
    const struct session_pool *pool = session->pool;
    struct text options = {0};
    const char *keywords[8], *values[8];
    int count = 0;
    const char *const given[][2] = {{"dbname", *pool->conninfo_text ? pool->conninfo_text : NULL},
                                    {"host", list->host},
                                    {"hostaddr", list->hostaddr},
                                    {"port", list->port},
                                    {"application_name", pool->application_name}};
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

struct session *session_open(struct session_pool *pool, struct handle handle) {
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        abort();
    session->pool = pool;
    session->handle = handle;
    session->lingering_fd = -1;
    pool->session_count++;
    session->lookup = address_lookup(pool->loop, &pool->conninfo, on_address, session);
    return session;
}

/* --- working --- */

static void on_more(uv_idle_t *idle);

/* Between turns of the loop, for what libpq has already read from the socket. */
static void want_more(struct session *session, bool wanted) {
    if (wanted && !session->more) {
        session->more = malloc(sizeof *session->more);
        if (!session->more)
            abort();
        uv_idle_init(session->pool->loop, session->more);
        session->more->data = session;
        uv_idle_start(session->more, on_more);
    } else if (!wanted && session->more) {
        uv_close((uv_handle_t *)session->more, free_handle);
        session->more = NULL;
    }
}

static void read_and_flush(struct session *session) {
    bool usable = script_read(session);
    int unsent = usable && !session->broken ? PQflush(session->conn) : 0;
    if (session->broken)
        return;
    if (!usable || unsent < 0) {
        session_break(session, PQerrorMessage(session->conn));
        return;
    }
    want_more(session, session->script.at < session->script.count && PQisBusy(session->conn) == 0);
    session_watch(session, unsent ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static void on_more(uv_idle_t *idle) {
    read_and_flush(idle->data);
}

/* Nothing is expected on an idle session but notices, parameter changes, and its end. */
static void read_idle(struct session *session) {
    if (PQconsumeInput(session->conn) == 0 || PQstatus(session->conn) == CONNECTION_BAD) {
        session_break(session, PQerrorMessage(session->conn));
        return;
    }
    while (!PQisBusy(session->conn)) {
        PGresult *result = PQgetResult(session->conn);
        if (!result)
            break;
        PQclear(result);
    }
    for (PGnotify *notify = PQnotifies(session->conn); notify; notify = PQnotifies(session->conn))
        PQfreemem(notify);
    if (PQstatus(session->conn) == CONNECTION_BAD)
        session_break(session, PQerrorMessage(session->conn));
}

static void on_socket(uv_poll_t *poll, int status, int events) {
    struct session *session = poll->data;
    (void)events;
    bool stopped =
        status < 0; /* what is wrong, libpq tells better; it may also hold the server's last words */
    if (stopped)
        session->poll_events = 0;
    switch (session->state) {
    case SESSION_CONNECTING: connect_more(session); break;
    case SESSION_IDLE:
        read_idle(session);
        if (stopped && !session->broken)
            session_watch(session, UV_READABLE);
        break;
    case SESSION_WORKING: read_and_flush(session); break;
    case SESSION_ADDRESS:
    case SESSION_LINGERING: assert(!"a socket without a connection was watched"); break;
    }
}

void session_idle(struct session *session) {
    session->state = SESSION_IDLE;
    script_forget(&session->script);
}

static void start(struct session *session) {
    session->state = SESSION_WORKING;
    int unsent = PQflush(session->conn);
    if (unsent < 0)
        session_break(session, PQerrorMessage(session->conn));
    else
        session_watch(session, unsent ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

void session_run(struct session *session, const struct session_work *work) {
    if (session->broken) { /* its end was noticed in the same turn of the loop */
        tell(session, (struct report){.kind = REPORT_RUN_UNSENT, .run = work->run}, NULL);
        return;
    }
    assert(session->state == SESSION_IDLE);
    script_start_run(session, work);
    start(session);
}

bool session_was_simple(const struct session *session) {
    return session->script.simple;
}

void session_check(struct session *session) {
    if (session->broken)
        return;
    script_start_check(session);
    start(session);
}

void session_survey(struct session *session) {
    if (session->broken)
        return;
    script_start_survey(session);
    start(session);
}

struct handle session_handle(const struct session *session) {
    return session->handle;
}

int session_backend_pid(const struct session *session) {
    return session->backend_pid;
}

/* --- cancelling: PQcancel blocks, so it has a thread --- */

struct cancel {
    uv_work_t request;
    PGcancel *cancel;
    char error[256];
};

static void cancel_work(uv_work_t *request) {
    struct cancel *cancel = request->data;
    PQcancel(cancel->cancel, cancel->error, sizeof cancel->error);
}

static void cancel_done(uv_work_t *request, int status) {
    struct cancel *cancel = request->data;
    (void)status;
    PQfreeCancel(cancel->cancel);
    free(cancel);
}

void session_cancel(struct session *session) {
    struct cancel *cancel = calloc(1, sizeof *cancel);
    if (!cancel)
        abort();
    cancel->cancel = session->conn ? PQgetCancel(session->conn) : NULL;
    cancel->request.data = cancel;
    if (!cancel->cancel ||
        uv_queue_work(session->pool->loop, &cancel->request, cancel_work, cancel_done) != 0)
        cancel_done(&cancel->request, 0);
}

/* --- closing --- */

/* A copy of the socket that outlives PQfinish; -1 when there is no backend at its other end. */
static int keep_socket(const struct session *session) {
    struct sockaddr_storage peer;
    socklen_t bytes = sizeof peer;
    int fd = session->conn ? PQsocket(session->conn) : -1;
    if (fd < 0 || getpeername(fd, (struct sockaddr *)&peer, &bytes) != 0)
        return -1;
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

void session_close(struct session *session, const char *why) {
    if (session->state == SESSION_LINGERING)
        return;
    session->broken = true;
    if (session->lookup)
        address_cancel(session->lookup);
    session->lookup = NULL;
    script_end_run(session, OUTCOME_UNKNOWN, why);
    want_more(session, false);
    unwatch(session);
    int fd = keep_socket(session);
    PQfinish(session->conn);
    session->conn = NULL;
    session->state = SESSION_LINGERING;
    linger_start(session, fd);
}

void session_forget(struct session *session) {
    if (!session)
        return;
    session_close(session, "the daemon lets go of it");
    linger_stop(session);
    script_forget(&session->script);
    session_pool_left(session->pool);
    free(session);
}
