/*
 * How much libpq takes in at once. PQconsumeInput reads on while the server keeps sending and its buffer has
 * room, and once a message's length is known there is room for all of it: libpq has no bound of its own, in
 * bytes or in time, and none can be set. What the socket offers is none, either: of a row of 100 MB that
 * PostgreSQL 15 sends on the same machine, one call took 45 MB over TCP (6 MB over a Unix socket), where
 * FIONREAD had told of 0.9 MB; 31 MB with an SO_RCVBUF of 64 KiB; and with 16 KiB the row did not come within
 * a minute. Every byte, TLS or not, reaches libpq through recv(), so the program defines that function and
 * counts there.
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
