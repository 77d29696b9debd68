#include "pool/session/verify.h"

#include <stdlib.h>
#include <string.h>

#include "pool/answer.h"
#include "pool/session/listening.h"
#include "pool/session/session_pool.h"

/*
 * role is in no list of the server's either, so its effect is looked for, where neither the role's nor the
 * database's settings (nor $1, our options) bring it about. Temporary schemas outlive their tables.
 */
static const char verify_sql[] =
    "/* headgate verify */ SELECT pg_catalog.left(pg_catalog.string_agg(what, ', '), 400) FROM ("
    "SELECT DISTINCT 'advisory lock' AS what FROM pg_catalog.pg_locks"
    " WHERE locktype OPERATOR(pg_catalog.=) 'advisory'"
    " AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()"
    " UNION ALL SELECT pg_catalog.concat('temporary table ', relname) FROM pg_catalog.pg_class"
    " WHERE pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0"
    " AND relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()"
    " AND relkind OPERATOR(pg_catalog.<>) ALL ('{i,I,t,c}')"
    " UNION ALL SELECT pg_catalog.concat('prepared statement ', name) FROM pg_catalog.pg_prepared_statements"
    " WHERE name OPERATOR(pg_catalog.<>) ''"
    " UNION ALL SELECT pg_catalog.concat('setting ', name) FROM pg_catalog.pg_settings"
    " WHERE source OPERATOR(pg_catalog.=) 'session'"
    " AND name OPERATOR(pg_catalog.<>) 'transaction_read_only'" /* a guard's, which ended with it: begin.c */
    " UNION ALL SELECT 'setting role' WHERE current_user OPERATOR(pg_catalog.<>) session_user"
    " AND NOT $1::pg_catalog.bool AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s"
    " WHERE pg_catalog.array_to_string(s.setconfig, ',') OPERATOR(pg_catalog.~) '(^|,)role=')"
    " UNION ALL SELECT pg_catalog.concat('listening on ', channel)"
    " FROM pg_catalog.pg_listening_channels() channel WHERE NOT $2::pg_catalog.bool"
    " UNION ALL SELECT pg_catalog.concat('cursor ', name) FROM pg_catalog.pg_cursors"
    " WHERE is_holdable AND name OPERATOR(pg_catalog.<>) '') found";

bool verify_send(struct session *session) {
    bool role_given = strstr(conninfo_get(&session->pool->conninfo, "options"), "role=") != NULL;
    const char *values[] = {role_given ? "t" : "f", listening_is_on(session) ? "t" : "f"};
    return PQsendQueryParams(session->conn, verify_sql, 2, NULL, values, NULL, NULL, 0) == 1;
}

void verify_take(struct session *session, const PGresult *result) {
    char **breach = &session->script.breach;
    struct answer answer;
    bool right = answer_open(&answer, result, 1, 1, 1);
    if (right && answer_is_null(&answer, 0, 0))
        return;
    free(*breach);
    *breach = text_taken(right ? answer_text(&answer, 0, 0) : answer.wrong);
}
