/*
 * The socket of a session: watched while there is something to read or to send, and given up when the
 * connection is of no more use.
 */
#ifndef POOL_SESSION_WIRE_H
#define POOL_SESSION_WIRE_H

#include "pool/session/internal.h"

/* events: of uv_poll; 0: none. When one comes the session's take_in is called. */
void wire_watch(struct session *session, int events);
void wire_unwatch(struct session *session);

/* Calls take_in between turns of the loop, for what libpq has already read from the socket. */
void wire_want_more(struct session *session, bool wanted);

/* Ends the runs on their way, in their order. Unless the server has said that it ends, which of them it
 * finished is for none to know. why: NULL when that was said already. */
void wire_end_flights(struct session *session, const char *why);

/* The session is of no more use, and its undecided runs are unknown. */
void wire_break(struct session *session, const char *why);

/* The first run has failed of this, and with it the connection, whose query is cancelled. Returns false. */
bool wire_refuse(struct session *session, const char *message, const char *advice);

#endif
