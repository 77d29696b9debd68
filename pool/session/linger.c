#include "pool/session/linger.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pool/session/tell.h"
#include "pool/session/wire.h"

void linger_stop(struct session *session) {
    wire_unwatch(session);
    wire_want_more(session, false);
    if (session->lingering_fd >= 0)
        close(session->lingering_fd);
    session->lingering_fd = -1;
}

static void gone(struct session *session) {
    linger_stop(session);
    tell_kind(session, REPORT_SESSION_GONE, NULL);
}

/* Reads and drops what still arrives. After an error libuv no longer watches the socket, which counts as the
 * end. */
static void take_in(struct session *session) {
    char rest[16384];
    bool watched = session->poll && session->poll_events;
    ssize_t got = watched ? recv(session->lingering_fd, rest, sizeof rest, MSG_DONTWAIT) : 0;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        gone(session);
}

void linger_start(struct session *session, int fd) {
    assert(!session->poll && !session->more);
    session->lingering_fd = fd;
    session->take_in = take_in;
    if (fd >= 0) {
        shutdown(fd, SHUT_WR); /* a backend that is busy can see this while it works */
        wire_watch(session, UV_READABLE | UV_DISCONNECT);
    }
    wire_want_more(session, !session->poll);
}
