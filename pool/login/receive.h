/*
 * How much libpq takes in at once. PQconsumeInput reads on for as long as the server keeps sending, a row of
 * 100 MB in one go: no bound of its own, in bytes or in time. Every byte, TLS or not, reaches it through
 * recv(), so the program defines that function and counts there.
 */
#ifndef POOL_LOGIN_RECEIVE_H
#define POOL_LOGIN_RECEIVE_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

/* PQconsumeInput of at most most_bytes; the rest stays on the socket, which remains readable. Whether the
 * connection is of use; *ret_bytes is what came in, set in either case. */
bool receive_some(PGconn *conn, size_t most_bytes, size_t *ret_bytes);

/* PQconnectPoll, likewise. */
PostgresPollingStatusType receive_login(PGconn *conn, size_t most_bytes, size_t *ret_bytes);

#endif
