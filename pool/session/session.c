#include "pool/session/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- reporting --- */

void session_tell(struct session *session, struct report report, const struct failure *failure) {
    report.session = session->handle;
    session->pool->report(session->pool->context, &report, failure);
}

void session_report(struct session *session, enum report_kind kind, const struct failure *failure) {
    session_tell(session, (struct report){.kind = kind}, failure);
}

static void want_more(struct session *session, bool wanted);

void session_first_line(const char *message, char *line, size_t bytes) {
    snprintf(line, bytes, "%s", message);
    line[strcspn(line, "\n")] = '\0';
}

/* In their order. Unless the server has said that it ends, which of them it finished is for none to know. */
static void end_flights(struct session *session, const char *why) {
    const struct script *script = &session->script;
    const struct flight *flight = flight_first(&session->script);
    if (flight && !script->over_unbegun)
        flight_end(session, OUTCOME_UNKNOWN, why);
    while (flight_first(&session->script))
        if (script->over)
            flight_unsent(session);
        else
            flight_end(session, OUTCOME_UNKNOWN, why);
}

void session_break(struct session *session, const char *why) {
    if (session->broken)
        return;
    session->broken = true;
    char line[512];
    session_first_line(why ? why : "", line, sizeof line);
    struct failure failure = {.message = why ? line : NULL};
    end_flights(session, line);
    want_more(session, false);
    session_watch(session, 0);
    session_report(session, REPORT_SESSION_BROKEN, &failure);
}

/* --- watching the socket --- */

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

void session_unwatch(struct session *session) {
    if (session->poll)
        uv_close((uv_handle_t *)session->poll, free_handle);
    session->poll = NULL;
    session->poll_events = 0;
}

static void on_socket(uv_poll_t *poll, int status, int events);

void session_watch(struct session *session, int events) {
    if (events == 0)
        session_unwatch(session);
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

struct session *session_open(struct session_pool *pool, struct handle handle) {
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        abort();
    session->pool = pool;
    session->handle = handle;
    session->lingering_fd = session->left_fd = -1;
    session_pool_enter(pool, session);
    connect_start(session);
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

bool session_flush(struct session *session) {
    int unsent = cleaning_flush(session) ? PQflush(session->conn) : -1;
    if (unsent < 0) {
        session_break(session, PQerrorMessage(session->conn));
        return false;
    }
    want_more(session, script_has_more(session)); /* a send that had to wait has read meanwhile */
    session_watch(session, unsent ? UV_READABLE | UV_WRITABLE : UV_READABLE);
    return !session->broken;
}

static void read_and_flush(struct session *session) {
    bool usable = script_read(session);
    if (session->broken)
        return;
    if (!usable)
        session_break(session, PQerrorMessage(session->conn));
    else
        session_flush(session);
}

static void on_more(uv_idle_t *idle) {
    read_and_flush(idle->data);
}

/* Nothing is expected now but notices, parameter changes, and its end. */
bool session_has_ended(struct session *session) {
    bool usable = intake_idle(session);
    if (session->broken)
        return true;
    while (usable && !PQisBusy(session->conn)) {
        PGresult *result = PQgetResult(session->conn);
        if (!result)
            break;
        PQclear(result);
    }
    if (usable)
        (void)PQisBusy(session->conn); /* takes in what came behind the last sync */
    return !usable || *session->last_words || PQstatus(session->conn) == CONNECTION_BAD;
}

/* Before version 14 the server does not say so by itself, and neither does a pooler for it. */
bool session_is_on_standby(const struct session *session) {
    const char *told = PQparameterStatus(session->conn, "in_hot_standby");
    return told ? strcmp(told, "on") == 0 : session->pool->facts.known && session->pool->facts.standby;
}

static void read_idle(struct session *session) {
    if (session_has_ended(session))
        session_break(session, *session->last_words ? session->last_words : PQerrorMessage(session->conn));
}

static void on_socket(uv_poll_t *poll, int status, int events) {
    struct session *session = poll->data;
    (void)events;
    bool stopped =
        status < 0; /* what is wrong, libpq tells better; it may also hold the server's last words */
    if (stopped)
        session->poll_events = 0;
    switch (session->state) {
    case SESSION_IDLE:
        read_idle(session);
        if (stopped && !session->broken)
            session_watch(session, UV_READABLE);
        break;
    case SESSION_WORKING: read_and_flush(session); break;
    case SESSION_CONNECTING:
    case SESSION_LINGERING: assert(!"a socket without a connection was watched"); break;
    }
}

/* --- what is asked of it --- */

/* Queued: it goes out with the pool's next flush, many in one piece. */
static void queued(struct session *session, bool usable) {
    struct session_pool *pool = session->pool;
    session->state = SESSION_WORKING;
    session->idle_bytes_count = 0;
    if (!usable)
        session_break(session, PQerrorMessage(session->conn));
    if (session->unsent || session->broken)
        return;
    if (pool->released) { /* nobody flushes it any more */
        session_flush(session);
        return;
    }
    session->unsent = true;
    TAILQ_INSERT_TAIL(&pool->unsent, session, in_unsent);
}

static void assert_open(const struct session *session) {
    assert(session->state == SESSION_IDLE || session->state == SESSION_WORKING);
    assert(!session->script.asking);
}

void session_run(struct session *session, const struct session_work *work) {
    if (session->state == SESSION_IDLE && !session->broken) /* its end may wait there unread */
        read_idle(session);
    if (session->broken) { /* or was noticed in the same turn of the loop */
        session_tell(session, (struct report){.kind = REPORT_RUN_UNSENT, .run = work->run}, NULL);
        return;
    }
    assert_open(session);
    queued(session, script_add_run(session, work));
}

static void add_to_script(struct session *session, bool (*add)(struct session *)) {
    if (session->broken)
        return;
    assert_open(session);
    queued(session, add(session));
}

void session_check(struct session *session) {
    add_to_script(session, script_add_check);
}

void session_clean(struct session *session) {
    add_to_script(session, script_add_cleaning);
}

void session_verify(struct session *session) {
    add_to_script(session, script_add_verification);
}

void session_sample(struct session *session) {
    if (session->broken)
        return;
    assert_open(session);
    assert(!script_busy(&session->script));
    queued(session, script_add_sample(session));
    if (!session->broken)
        session_flush(session);
}

void session_history(struct session *session, const struct history_question *question) {
    if (session->broken)
        return;
    assert_open(session);
    assert(!script_busy(&session->script));
    queued(session, script_add_history(session, question));
}

struct handle session_handle(const struct session *session) {
    return session->handle;
}

int session_backend_pid(const struct session *session) {
    return session->backend_pid;
}

/* --- closing --- */

/* A copy of the socket that outlives PQfinish; -1 when there is no backend at its other end. */
static int keep_socket(struct session *session) {
    struct sockaddr_storage peer;
    socklen_t bytes = sizeof peer;
    int fd = session->login ? login_leave(session->login) : session->left_fd;
    session->login = NULL;
    session->left_fd = -1;
    if (!session->conn)
        return fd;
    fd = PQsocket(session->conn);
    if (fd < 0 || getpeername(fd, (struct sockaddr *)&peer, &bytes) != 0)
        return -1;
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

void session_close(struct session *session, const char *why) {
    if (session->state == SESSION_LINGERING)
        return;
    session->broken = true;
    end_flights(session, why);
    want_more(session, false);
    session_unwatch(session);
    cancel_leave(session);
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
    script_finish(&session->script);
    session_pool_leave(session->pool, session);
    free(session);
}
