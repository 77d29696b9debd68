/*
 * How much a session takes in from a server that may send anything, for ever: libpq keeps a message until it
 * is complete, notifications until they are asked for, and every parameter's status that it ever heard of.
 * What exceeds a bound ends the session with the reason; rows, of which each is dropped at once, have none.
 */
#ifndef POOL_SESSION_INTAKE_H
#define POOL_SESSION_INTAKE_H

#include "pool/session/internal.h"

/*
 * Takes in a bounded piece of what the socket holds. False: the connection is of no more use; and the session
 * is broken if that exceeds a bound.
 */
bool intake_more(struct session *session);

/* What PQgetResult() gave: a result, or NULL, the end of a query's. False: much else came beside it, and the
 * session is broken. */
bool intake_took(struct session *session, const PGresult *result);
void intake_notice(void *session, const PGresult *result);

/* Of the values in a row. */
size_t intake_row_bytes(const PGresult *result, int row);

/* Whether a row of a read can have so many bytes; else the read has failed of it. */
bool intake_row_fits(struct session *session, uint64_t bytes_count);

/* All that was sent is answered. Whether the server's end of the session, said or not, is there to be read.
 */
bool intake_has_ended(struct session *session);

#endif
