#include "pool/session/wire.h"

#include <stdlib.h>

#include "pool/session/cancel.h"
#include "pool/session/flight.h"
#include "pool/session/session_pool.h"
#include "pool/session/tell.h"

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

void wire_unwatch(struct session *session) {
    if (session->poll)
        uv_close((uv_handle_t *)session->poll, free_handle);
    session->poll = NULL;
    session->poll_events = 0;
}

static void on_socket(uv_poll_t *poll, int status, int events) {
    struct session *session = poll->data;
    (void)events;
    if (status < 0) /* libuv has stopped; libpq tells better what is wrong, and may hold the last words */
        session->poll_events = 0;
    session->take_in(session);
}

void wire_watch(struct session *session, int events) {
    if (events == 0)
        wire_unwatch(session);
    if (events == 0 || session->poll_events == events)
        return;
    if (!session->poll) {
        int fd = session->state == SESSION_LINGERING ? session->lingering_fd : PQsocket(session->conn);
        session->poll = malloc(sizeof *session->poll);
        if (!session->poll)
            abort();
        int error = uv_poll_init(session->pool->loop, session->poll, fd);
        if (error) {
            free(session->poll);
            session->poll = NULL;
            wire_break(session, uv_strerror(error));
            return;
        }
        session->poll->data = session;
    }
    session->poll_events = events;
    uv_poll_start(session->poll, events, on_socket);
}

static void on_more(uv_idle_t *idle) {
    struct session *session = idle->data;
    session->take_in(session);
}

void wire_want_more(struct session *session, bool wanted) {
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

void wire_end_flights(struct session *session, const char *why) {
    const struct script *script = &session->script;
    const struct flight *flight = flight_first(&session->script);
    if (flight && script->begun != BEGUN_NONE)
        flight_end(session, OUTCOME_UNKNOWN, why);
    while (flight_first(&session->script))
        if (script->begun != BEGUN_ANY)
            flight_unsent(session);
        else
            flight_end(session, OUTCOME_UNKNOWN, why);
}

void wire_break(struct session *session, const char *why) {
    if (session->broken)
        return;
    session->broken = true;
    char line[512];
    tell_first_line(why ? why : "", line, sizeof line);
    struct failure failure = {.message = why ? line : NULL};
    wire_end_flights(session, line);
    wire_want_more(session, false);
    wire_unwatch(session);
    tell_kind(session, REPORT_SESSION_BROKEN, &failure);
}

bool wire_refuse(struct session *session, const char *message, const char *advice) {
    struct flight *flight = flight_first(&session->script);
    if (flight) {
        flight_forget(flight); /* whatever it failed of before */
        flight_fail(flight, "", message, advice);
        cancel_start(session);
        flight_end(session, OUTCOME_FAILED, NULL);
    }
    wire_break(session, NULL);
    return false;
}
