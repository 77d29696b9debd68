/*
 * What runs that are known to leave nothing behind left behind after all: asked of the server in words,
 * before DISCARD ALL takes it away. Settings of one's own (a.b) are in no list of the server's and go unseen.
 */
#include <stdlib.h>
#include <string.h>

#include "pool/session_parts.h"

/*
 * role is in no list of the server's either, so its effect is looked for, where neither the role's nor the
 * database's settings (nor $1, our options) bring it about. Temporary schemas outlive their tables.
 */
static const char verify_sql[] =
    "/* headgate verify */ SELECT left(string_agg(what, ', '), 400) FROM ("
    "SELECT DISTINCT 'advisory lock' AS what FROM pg_locks"
    " WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    " UNION ALL SELECT 'temporary table ' || relname FROM pg_class WHERE pg_my_temp_schema() <> 0"
    " AND relnamespace = pg_my_temp_schema() AND relkind NOT IN ('i', 'I', 't', 'c')"
    " UNION ALL SELECT 'prepared statement ' || name FROM pg_prepared_statements WHERE name <> ''"
    " UNION ALL SELECT 'setting ' || name FROM pg_settings WHERE source = 'session'"
    " UNION ALL SELECT 'setting role' WHERE current_user <> session_user AND NOT $1::bool AND NOT EXISTS"
    " (SELECT FROM pg_db_role_setting s WHERE array_to_string(s.setconfig, ',') ~ '(^|,)role=')"
    " UNION ALL SELECT 'listening on ' || channel FROM pg_listening_channels() channel"
    " UNION ALL SELECT 'cursor ' || name FROM pg_cursors WHERE is_holdable AND name <> '') found";

bool verify_send(struct session *session) {
    bool role_given = strstr(conninfo_get(&session->pool->conninfo, "options"), "role=") != NULL;
    const char *values[] = {role_given ? "t" : "f"};
    return PQsendQueryParams(session->conn, verify_sql, 1, NULL, values, NULL, NULL, 0) == 1;
}

void verify_take(struct session *session, const PGresult *result) {
    char **breach = &session->script.breach;
    if (PQntuples(result) != 1 || PQgetisnull(result, 0, 0))
        return;
    free(*breach);
    *breach = strdup(PQgetvalue(result, 0, 0));
}
