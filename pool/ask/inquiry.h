/*
 * What a command asks by itself (`check --connect`, `history`), on a connection of its own, and waits for.
 */
#ifndef POOL_ASK_INQUIRY_H
#define POOL_ASK_INQUIRY_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "tasks/text.h"

struct pool_settings;

/*
 * One statement that changes nothing, in whose text each name means what it means in pg_catalog, whatever the
 * role's search_path is. Its transaction stays open until the next one, or the end of the connection; it is
 * local to that, as a pooler may hand the server's session on. PQclear() the answer. It is NULL where it did
 * not come, or does not come to an end: one that lies is not waited for.
 */
PGresult *inquiry(PGconn *conn, const char *sql, int count, const char *const *values);

/* The same as it is, without a transaction around it. */
PGresult *inquiry_plain(PGconn *conn, const char *sql);

/* The columns of one statement's answer, which is not run, with names as the role's search_path has them. As
 * above of a transaction, and of an answer that is NULL. */
PGresult *inquiry_describe(PGconn *conn, const char *sql);

/*
 * Logs in as the pool does, and waits for it; NULL with each host's reason. What the server notes is dropped.
 * with_options: with the daemon's startup options, and as it does without them where they are refused.
 */
PGconn *inquiry_log_in(const struct pool_settings *pool, const char *application_name, bool with_options,
                       struct text *error);

#endif
