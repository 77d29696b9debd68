#include "pool/budget.h"

#include <inttypes.h>
#include <stdlib.h>

#include "pool/conninfo.h"

/* reserved_connections came with PostgreSQL 16; asked with missing_ok it is NULL before. */
static const char budget_sql[] =
    "SELECT current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,"
    " coalesce(current_setting('reserved_connections', true)::int, 0), r.rolconnlimit, d.datconnlimit, "
    "r.rolsuper,"
    " (SELECT count(*) FROM pg_stat_get_activity(NULL) a WHERE a.datid IS NOT NULL AND a.pid <> "
    "pg_backend_pid()),"
    " current_setting('server_version'), r.rolname, d.datname"
    " FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()";

struct slots {
    int64_t max, superuser, reserved, role, database, used;
    bool is_superuser;
};

static int64_t number(const PGresult *result, int column) {
    return strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

static int64_t usable_of(const struct slots *slots) {
    int64_t usable = slots->max - slots->superuser - slots->reserved;
    if (!slots->is_superuser && slots->role >= 0 && slots->role < usable)
        usable = slots->role;
    if (!slots->is_superuser && slots->database >= 0 && slots->database < usable)
        usable = slots->database;
    return usable;
}

static bool say_budget(const struct pool_settings *pool, const PGresult *result, struct text *text) {
    struct slots slots = {number(result, 0),
                          number(result, 1),
                          number(result, 2),
                          number(result, 3),
                          number(result, 4),
                          number(result, 6),
                          *PQgetvalue(result, 0, 5) == 't'};
    int64_t usable = usable_of(&slots), rest = usable - pool->size;
    text_add(text, "  server       PostgreSQL %s, %" PRId64 " slots", PQgetvalue(result, 0, 7), slots.max);
    text_add(text, " - %" PRId64 " for superusers", slots.superuser);
    if (slots.reserved)
        text_add(text, " - %" PRId64 " reserved", slots.reserved);
    text_add(text, " = %" PRId64 "\n", slots.max - slots.superuser - slots.reserved);
    if (slots.role >= 0)
        text_add(text, "  role         %s may have %" PRId64 " connections\n", PQgetvalue(result, 0, 8),
                 slots.role);
    if (slots.database >= 0)
        text_add(text, "  database     %s may have %" PRId64 " connections\n", PQgetvalue(result, 0, 9),
                 slots.database);
    text_add(text, "  budget       %" PRId64 " usable - %u for [pool %s] = %" PRId64 " for everybody else\n",
             usable, pool->size, pool->name, rest);
    text_add(text, "  at present   %" PRId64 " in use by others\n", slots.used);
    if (slots.is_superuser)
        text_add(text, "  note         %s is a superuser: role and database limits do not hold for it\n",
                 PQgetvalue(result, 0, 8));
    if (rest < 0)
        text_add(text,
                 "  DOES NOT FIT: size = %u is more than the %" PRId64 " usable slots; write size = %" PRId64
                 "\n",
                 pool->size, usable, usable > 1 ? usable / 2 : 1);
    else if (slots.used > rest)
        text_add(text,
                 "  TIGHT: with all tokens held, %" PRId64 " of the present connections would find no slot\n",
                 slots.used - rest);
    else
        text_add(text, "  fits\n");
    return rest >= 0;
}

bool budget_check(const struct pool_settings *pool, struct text *text) {
    struct text where = {0}, timeout = {0};
    struct conninfo conninfo = {0};
    char *error = NULL;
    if (conninfo_resolve(pool->conninfo, &conninfo, &error))
        conninfo_describe(&conninfo, &where);
    text_add(text, "pool %s: %s\n", pool->name, where.bytes ? where.bytes : error);
    text_add(&timeout, "%" PRId64, (pool->connect_timeout_us + 999999) / 1000000);
    const char *keywords[] = {"connect_timeout", "application_name", *pool->conninfo ? "dbname" : NULL, NULL};
    const char *values[] = {timeout.bytes, "headgate check", pool->conninfo, NULL};
    PGconn *conn = PQconnectdbParams(keywords, values, 1);
    PGresult *result = PQstatus(conn) == CONNECTION_OK ? PQexec(conn, budget_sql) : NULL;
    bool fits = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    if (fits)
        fits = say_budget(pool, result, text);
    else
        text_add(text, "  %s", PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
    conninfo_finish(&conninfo);
    free(error);
    text_finish(&where);
    text_finish(&timeout);
    return fits;
}
