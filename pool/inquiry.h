/*
 * What a command asks by itself (`check --connect`, `history`), on a connection of its own, and waits for.
 */
#ifndef POOL_INQUIRY_H
#define POOL_INQUIRY_H

#include <libpq-fe.h>

/*
 * One statement that changes nothing, in whose text each name means what it means in pg_catalog, whatever the
 * role's search_path is. Its transaction stays open until the next one, or the end of the connection; it is
 * local to that, as a pooler may hand the server's session on. PQclear() the answer. It is NULL where it did
 * not come, or does not come to an end: one that lies is not waited for.
 */
PGresult *inquiry(PGconn *conn, const char *sql, int count, const char *const *values);

#endif
