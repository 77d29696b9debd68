/*
 * What goes between the runs on a session: DISCARD ALL, or all that it does without DISCARD PLANS. Where
 * statements are planned anew after each cleaning, a procedure of a few of them costs the server half as much
 * again.
 */
#ifndef POOL_SESSION_CLEANING_H
#define POOL_SESSION_CLEANING_H

#include "pool/session/internal.h"

/* The cleaning that was wanted last is due, until it is sent. */
void cleaning_want(struct session *session, enum cleaning cleaning);
void cleaning_want_after(struct session *session, const struct session_work *work);

/* Sends what is due in the segment of the run that comes next: where the cleaning fails, the server skips the
 * run, and none begins on a dirty session. */
bool cleaning_send_due(struct session *session);

/* Sends what is due in a segment of its own, as no further run came to take it along. */
bool cleaning_flush(struct session *session);
void cleaning_take_error(struct script *script, const PGresult *result);

/* The cleaning failed. Sends ROLLBACK and a full DISCARD ALL; breaks the session after three failures. */
bool cleaning_repeat(struct session *session);

#endif
