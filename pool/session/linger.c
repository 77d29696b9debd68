/*
 * A closed session keeps its token until the server's backend is gone, and the other end of the socket says
 * when: the kernel closes it when the backend's process has given back its slot and exits.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pool/session/internal.h"

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

void linger_stop(struct session *session) {
    if (session->poll)
        uv_close((uv_handle_t *)session->poll, free_handle);
    session->poll = NULL;
    if (session->more)
        uv_close((uv_handle_t *)session->more, free_handle);
    session->more = NULL;
    if (session->lingering_fd >= 0)
        close(session->lingering_fd);
    session->lingering_fd = -1;
}

static void gone(struct session *session) {
    linger_stop(session);
    session_report(session, REPORT_SESSION_GONE, NULL);
}

static void on_lingering(uv_poll_t *poll, int status, int events) {
    struct session *session = poll->data;
    char rest[16384];
    (void)events;
    ssize_t got = status < 0 ? 0 : recv(session->lingering_fd, rest, sizeof rest, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        gone(session);
}

static void on_never_there(uv_idle_t *idle) {
    gone(idle->data);
}

/* fd: -1 when no backend is at its other end; then it is gone in the next turn of the loop. */
void linger_start(struct session *session, int fd) {
    assert(!session->poll && !session->more);
    session->lingering_fd = fd;
    if (fd >= 0) {
        shutdown(fd, SHUT_WR); /* a backend that is busy can see this while it works */
        session->poll = malloc(sizeof *session->poll);
        if (!session->poll)
            abort();
        if (uv_poll_init(session->pool->loop, session->poll, fd) == 0) {
            session->poll->data = session;
            uv_poll_start(session->poll, UV_READABLE | UV_DISCONNECT, on_lingering);
            return;
        }
        free(session->poll);
        session->poll = NULL;
    }
    session->more = malloc(sizeof *session->more);
    if (!session->more)
        abort();
    uv_idle_init(session->pool->loop, session->more);
    session->more->data = session;
    uv_idle_start(session->more, on_never_there);
}
