#include "pool/session/session.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "pool/login/login.h"
#include "pool/session/cancel.h"
#include "pool/session/cleaning.h"
#include "pool/session/connect.h"
#include "pool/session/intake.h"
#include "pool/session/internal.h"
#include "pool/session/linger.h"
#include "pool/session/listening.h"
#include "pool/session/ring.h"
#include "pool/session/script.h"
#include "pool/session/session_pool.h"
#include "pool/session/tell.h"
#include "pool/session/wire.h"

static void take_in(struct session *session);

struct session *session_open(struct session_pool *pool, struct handle handle) {
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        abort();
    session->pool = pool;
    session->handle = handle;
    session->lingering_fd = session->left_fd = -1;
    session->take_in = take_in;
    session_pool_enter(pool, session);
    connect_start(session);
    return session;
}

/* --- working --- */

/* Sends what is queued, or breaks the session. */
static void flush(struct session *session) {
    int unsent = cleaning_flush(session) ? PQflush(session->conn) : -1;
    if (unsent < 0) {
        wire_break(session, PQerrorMessage(session->conn));
        return;
    }
    wire_want_more(session, script_has_more(session)); /* a send that had to wait has read meanwhile */
    wire_watch(session, unsent ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

void session_pool_flush(struct session_pool *pool) {
    struct session *session;
    while (pool && (session = TAILQ_FIRST(&pool->unsent))) {
        TAILQ_REMOVE(&pool->unsent, session, in_unsent);
        session->unsent = false;
        if (!session->broken)
            flush(session);
    }
}

static void read_idle(struct session *session) {
    if (intake_has_ended(session))
        wire_break(session, *session->last_words ? session->last_words : PQerrorMessage(session->conn));
}

static void take_in(struct session *session) {
    if (session->state == SESSION_IDLE) {
        read_idle(session);
        if (!session->broken)
            wire_watch(session, UV_READABLE);
        return;
    }
    assert(session->state == SESSION_WORKING);
    bool usable = script_read(session);
    if (session->broken)
        return;
    if (usable)
        flush(session);
    else
        wire_break(session, PQerrorMessage(session->conn));
}

/* --- what is asked of it --- */

/* Queued: it goes out with the pool's next flush, many in one piece. */
static void queued(struct session *session, bool usable) {
    struct session_pool *pool = session->pool;
    session->state = SESSION_WORKING;
    session->idle_bytes_count = 0;
    if (!usable)
        wire_break(session, PQerrorMessage(session->conn));
    if (session->unsent || session->broken)
        return;
    if (pool->released) { /* nobody flushes it any more */
        flush(session);
        return;
    }
    session->unsent = true;
    TAILQ_INSERT_TAIL(&pool->unsent, session, in_unsent);
}

static void assert_open(const struct session *session) {
    assert(session->state == SESSION_IDLE || session->state == SESSION_WORKING);
    assert(session->script.asked == ASKED_NOTHING);
}

void session_run(struct session *session, const struct session_work *work) {
    if (session->state == SESSION_IDLE && !session->broken) /* its end may wait there unread */
        read_idle(session);
    if (session->broken) { /* or was noticed in the same turn of the loop */
        tell_report(session, (struct report){.kind = REPORT_RUN_UNSENT, .run = work->run}, NULL);
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
    assert(!ring_is_busy(&session->script));
    queued(session, script_add_sample(session));
    if (!session->broken)
        flush(session);
}

void session_history(struct session *session, const struct history_question *question) {
    if (session->broken)
        return;
    assert_open(session);
    assert(!ring_is_busy(&session->script));
    queued(session, script_add_history(session, question));
}

void session_listen(struct session *session) {
    if (session->broken)
        return;
    assert_open(session);
    assert(!ring_is_busy(&session->script));
    queued(session, script_add_listening(session));
}

void session_cancel(struct session *session) {
    cancel_start(session);
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
    listening_leave(session);
    wire_end_flights(session, why);
    wire_want_more(session, false);
    wire_unwatch(session);
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
