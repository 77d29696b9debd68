/*
 * A read, whose rows go into the run's cargo, or a write, which runs once for each line of it. Alone on its
 * session, in a transaction whose COMMIT is sent when all else is answered: so what does not fit is rolled
 * back, and a session that is lost before leaves nothing done.
 */
#ifndef POOL_SESSION_TRANSFER_H
#define POOL_SESSION_TRANSFER_H

#include "pool/session/internal.h"

/* These return false when the connection is of no more use. */
bool transfer_begin(struct session *session);
bool transfer_take_row(struct session *session, const PGresult *result);

/* A part of it is answered: the next lines follow, or its COMMIT or ROLLBACK. */
bool transfer_go_on(struct session *session);

#endif
