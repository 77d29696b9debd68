#include "pool/budget.h"

#include <inttypes.h>
#include <stdlib.h>

#include "pool/conninfo.h"
#include "pool/history_read.h"

/* reserved_connections came with PostgreSQL 16; asked with missing_ok it is NULL before. A row with a user
 * and a database and no backend_type is one that we may not see into. */
static const char budget_sql[] =
    "SELECT current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,"
    " coalesce(current_setting('reserved_connections', true)::int, 0), r.rolconnlimit, d.datconnlimit, "
    "r.rolsuper,"
    " a.used, current_setting('server_version'), r.rolname, d.datname, a.invisible, pg_backend_pid(),"
    " pg_is_in_recovery()"
    " FROM pg_roles r, pg_database d, (SELECT count(*) FILTER (WHERE coalesce(backend_type = 'client "
    "backend', true))"
    " AS used, count(*) FILTER (WHERE backend_type IS NULL) AS invisible FROM pg_stat_get_activity(NULL)"
    " WHERE datid IS NOT NULL AND usesysid IS NOT NULL AND pid <> pg_backend_pid()) a"
    " WHERE r.rolname = current_user AND d.datname = current_database()";

enum column {
    MAX,
    SUPERUSER,
    RESERVED,
    ROLE_LIMIT,
    DATABASE_LIMIT,
    IS_SUPERUSER,
    USED,
    VERSION,
    ROLE,
    DATABASE,
    INVISIBLE,
    PID,
    STANDBY
};

struct slots {
    int64_t max, superuser, reserved, role, database, used, invisible;
    bool is_superuser;
};

static int64_t number(const PGresult *result, enum column column) {
    return strtoll(PQgetvalue(result, 0, (int)column), NULL, 10);
}

static int64_t usable_of(const struct slots *slots) {
    int64_t usable = slots->max - slots->superuser - slots->reserved;
    if (!slots->is_superuser && slots->role >= 0 && slots->role < usable)
        usable = slots->role;
    if (!slots->is_superuser && slots->database >= 0 && slots->database < usable)
        usable = slots->database;
    return usable;
}

static void say_slots(const struct slots *slots, const PGresult *result, struct text *text) {
    text_add(text, "  server       PostgreSQL %s%s, %" PRId64 " slots", PQgetvalue(result, 0, VERSION),
             *PQgetvalue(result, 0, STANDBY) == 't' ? " (standby)" : "", slots->max);
    text_add(text, " - %" PRId64 " for superusers", slots->superuser);
    if (slots->reserved)
        text_add(text, " - %" PRId64 " reserved", slots->reserved);
    text_add(text, " = %" PRId64 "\n", slots->max - slots->superuser - slots->reserved);
    if (slots->role >= 0)
        text_add(text, "  role         %s may have %" PRId64 " connections\n", PQgetvalue(result, 0, ROLE),
                 slots->role);
    if (slots->database >= 0)
        text_add(text, "  database     %s may have %" PRId64 " connections\n",
                 PQgetvalue(result, 0, DATABASE), slots->database);
}

static void say_notes(const struct slots *slots, const PGresult *result, bool pooled, struct text *text) {
    const char *role = PQgetvalue(result, 0, ROLE);
    if (slots->is_superuser)
        text_add(text, "  note         %s is a superuser: role and database limits do not hold for it\n",
                 role);
    if (slots->invisible)
        text_add(text,
                 "  BLIND        the state of %" PRId64
                 " sessions cannot be seen, so half of the size is the most in "
                 "force; GRANT pg_monitor TO %s\n",
                 slots->invisible, role);
    if (pooled)
        text_add(
            text,
            "  pooler       a connection pooler is in between: sessions are not shared, and what is promised "
            "of sessions holds for its clients\n");
}

static bool say_verdict(const struct pool_settings *pool, const struct slots *slots, struct text *text) {
    int64_t usable = usable_of(slots), reserve = pool->reserve > usable / 10 ? pool->reserve : usable / 10;
    int64_t rest = usable - reserve - pool->size;
    text_add(text,
             "  budget       %" PRId64 " usable - %" PRId64 " reserve - %u for [pool %s] = %" PRId64
             " for the rest of the application\n",
             usable, reserve, pool->size, pool->name, rest);
    text_add(text, "  at present   %" PRId64 " in use by others\n", slots->used);
    if (reserve >= usable)
        text_add(text,
                 "  DOES NOT FIT: reserve = %u leaves nothing of the %" PRId64
                 " usable slots; only the floor, one session, would ever run\n",
                 pool->reserve, usable);
    else if (rest < 0)
        text_add(text,
                 "  DOES NOT FIT: size = %u is more than the %" PRId64
                 " slots that the reserve leaves; write size = %" PRId64 "\n",
                 pool->size, usable - reserve, usable - reserve);
    else if (slots->used > rest)
        text_add(text, "  TIGHT: at present the gate would hold back %" PRId64 " of the %u tokens\n",
                 slots->used - rest < (int64_t)pool->size ? slots->used - rest : (int64_t)pool->size,
                 pool->size);
    else
        text_add(text, "  fits\n");
    return rest >= 0 && reserve < usable;
}

static bool say_budget(const struct pool_settings *pool, const PGresult *result, const PGconn *conn,
                       struct text *text) {
    struct slots slots = {number(result, MAX),
                          number(result, SUPERUSER),
                          number(result, RESERVED),
                          number(result, ROLE_LIMIT),
                          number(result, DATABASE_LIMIT),
                          number(result, USED),
                          number(result, INVISIBLE),
                          *PQgetvalue(result, 0, IS_SUPERUSER) == 't'};
    say_slots(&slots, result, text);
    say_notes(&slots, result, number(result, PID) != PQbackendPID(conn), text);
    return say_verdict(pool, &slots, text);
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
    if (!fits) {
        text_add(text, "  %s", PQerrorMessage(conn));
    } else {
        fits = say_budget(pool, result, conn, text);
        if (pool->history)
            fits &= history_check(conn, text);
    }
    PQclear(result);
    PQfinish(conn);
    conninfo_finish(&conninfo);
    free(error);
    text_finish(&where);
    text_finish(&timeout);
    return fits;
}
