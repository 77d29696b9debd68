/*
 * The session of a pool that listens for its tasks (`wake`). It takes runs like any other, so nothing that
 * goes between them may cost it a notification:
 *
 *   - its cleaning is all that DISCARD ALL does but for UNLISTEN: the listening goes on throughout, so there
 *     is no gap to be closed and no look that would make a task due by its own run, for ever;
 *   - in the same segment it asks to what it listens, so that a text's own LISTEN or UNLISTEN is noticed;
 *   - LISTEN itself goes out as UNLISTEN * and a LISTEN for each channel in one transaction. The server does
 *     both together at its end and keeps the session's place in the queue of notifications: what it listened
 *     to before it goes on hearing. A channel that it did not listen to then counts as heard once, as nobody
 *     knows what was missed.
 */
#ifndef POOL_SESSION_LISTENING_H
#define POOL_SESSION_LISTENING_H

#include "pool/session/internal.h"

bool listening_is_on(const struct session *session);

/* LISTEN, in a segment that wants its sync; and what it comes to. */
bool listening_send(struct session *session);
void listening_take_error(struct session *session, const PGresult *result);
void listening_report(struct session *session);

/* Asks to what the session listens. */
bool listening_send_check(struct session *session);
void listening_take_check(struct session *session, const PGresult *result);

/* What is no listener any more; its next cleaning ends what it still listens to. */
void listening_leave(struct session *session);

/* What is sent next ends the LISTEN, as nothing else will do on this server. */
void listening_end(struct session *session);

/* A notification. False: of a channel that no task is woken by. */
bool listening_hear(struct session *session, const char *channel);

#endif
