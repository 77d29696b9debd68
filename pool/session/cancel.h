/*
 * A cancel travels on a connection of its own, and libpq before 17 waits for its end without a limit: so it
 * has a thread, one of a few of its pool. Where they all hang, what else is to be cancelled waits until its
 * session is closed instead.
 */
#ifndef POOL_SESSION_CANCEL_H
#define POOL_SESSION_CANCEL_H

#include "pool/session/internal.h"

void cancel_start(struct session *session); /* as session_cancel() */

/* What is under way may go on, beside a session that is closed. */
void cancel_leave(struct session *session);

#endif
