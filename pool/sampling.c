/*
 * The look at the database: one query over the server's own list of its backends, and its answer as a sample.
 * It reads no table of the user's, and is planned anew each time, as DISCARD ALL takes prepared statements.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "pool/session_parts.h"

/*
 * $1 our application_name, $2 those of our commands, $3 since when we sample, in seconds since 1970, $4 our
 * backends. A backend of a role whose activity we may not see has no type, so everything with a user and a
 * database counts: too much rather than too little. Half of its cost is the planning; OFFSET 0 is a fence:
 * pulled up, each flag would be planned and evaluated many times.
 */
static const char sample_sql[] =
    "/* headgate sample */ WITH me AS MATERIALIZED (SELECT r.oid AS role, r.rolsuper AS super,"
    " r.rolconnlimit AS role_limit, d.oid AS db, d.datconnlimit AS db_limit,"
    " coalesce(to_timestamp(nullif($3, '')::float8),"
    " (SELECT backend_start FROM pg_stat_get_activity(pg_backend_pid()))) AS since"
    " FROM pg_roles r, pg_database d WHERE r.rolname = session_user AND d.datname = current_database()),"
    " seen AS (SELECT count(*) AS used, count(*) FILTER (WHERE ours) AS ours,"
    " count(*) FILTER (WHERE of_role) AS role_used, count(*) FILTER (WHERE of_role AND ours) AS role_ours,"
    " count(*) FILTER (WHERE of_db) AS db_used, count(*) FILTER (WHERE of_db AND ours) AS db_ours,"
    " count(*) FILTER (WHERE of_role AND (named OR command) AND NOT listed AND backend_start < since)"
    " AS leftover,"
    " count(*) FILTER (WHERE command AND backend_start >= since) AS commands," /* the others are left over */
    " left(string_agg(substr(application_name, 10), ',') FILTER (WHERE command), 511) AS command_tasks, "
    "count(*) FILTER (WHERE unseen) AS invisible,"
    " count(*) FILTER (WHERE state = 'active' AND NOT ours) AS active,"
    " count(*) FILTER (WHERE locked AND NOT ours) AS lock_waiters,"
    " count(*) FILTER (WHERE idle AND NOT ours) AS idle,"
    " min(state_change) FILTER (WHERE idle AND NOT ours) AS idle_since,"
    " min(ARRAY[to_char(state_change AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), application_name])"
    " FILTER (WHERE idle AND NOT ours) AS idle_name, min(xact_start) FILTER (WHERE NOT ours) AS oldest"
    " FROM (SELECT *, coalesce(listed OR (of_role AND named) OR command, false) AS ours"
    " FROM (SELECT state, state_change, xact_start, backend_start, application_name, since,"
    " backend_type IS NULL AS unseen, usesysid = role AS of_role, datid = db AS of_db,"
    " application_name = $1 AS named, application_name = ANY ($2::text[]) AS command,"
    " pid = ANY ($4::int[]) OR pid = pg_backend_pid() AS listed, wait_event_type = 'Lock' AS locked,"
    " state LIKE 'idle in transaction%' AS idle FROM me, pg_stat_get_activity(NULL)"
    " WHERE backend_type = 'client backend'"
    " OR (backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL)"
    " OFFSET 0) backend OFFSET 0) backend)"
    " SELECT current_setting('max_connections'), current_setting('superuser_reserved_connections'),"
    " coalesce(current_setting('reserved_connections', true), '0')," /* from 16 on, with the role */
    " CASE WHEN current_setting('server_version_num')::int >= 160000"
    " THEN pg_has_role(session_user, 'pg_use_reserved_connections', 'USAGE') ELSE false END,"
    " super, role_limit, db_limit, used, ours, role_used, role_ours, db_used, db_ours, leftover, commands,"
    " invisible, active, lock_waiters, idle, extract(epoch FROM now() - idle_since), left(idle_name[2], 39),"
    " extract(epoch FROM now() - oldest), extract(epoch FROM CASE WHEN NOT pg_is_in_recovery()"
    " THEN (SELECT replay_lag FROM pg_stat_get_wal_senders() ORDER BY replay_lag DESC NULLS LAST LIMIT 1)"
    " WHEN pg_last_wal_receive_lsn() <> pg_last_wal_replay_lsn()"
    " THEN now() - pg_last_xact_replay_timestamp() END),"
    " pg_is_in_recovery(), pg_backend_pid(), extract(epoch FROM since), command_tasks,"
    " extract(epoch FROM clock_timestamp()) FROM seen, me";

enum column {
    MAX_CONNECTIONS,
    SUPERUSER_RESERVED,
    RESERVED,
    MAY_USE_RESERVED,
    SUPERUSER,
    ROLE_LIMIT,
    DB_LIMIT,
    USED,
    OURS,
    ROLE_USED,
    ROLE_OURS,
    DB_USED,
    DB_OURS,
    LEFTOVER,
    COMMANDS,
    INVISIBLE,
    ACTIVE,
    LOCK_WAITERS,
    IDLE,
    IDLE_AGE,
    IDLE_NAME,
    OLDEST_AGE,
    LAG,
    STANDBY,
    BACKEND_PID,
    SINCE,
    COMMAND_TASKS,
    CLOCK,
    COLUMNS,
};

/* --- asking --- */

/* Closed ones count until the server has let go of them, so they stay in the list as long. */
static const char *compose_pids(struct session *asking) {
    struct text *text = &asking->script.text;
    const struct session *session;
    text_clear(text);
    text_add(text, "{");
    TAILQ_FOREACH(session, &asking->pool->sessions, in_pool)
    if (session->backend_pid)
        text_add(text, "%s%d", text->bytes_count > 1 ? "," : "", session->backend_pid);
    text_add(text, "}");
    return text->bytes;
}

bool sampling_send(struct session *session) {
    const struct session_pool *pool = session->pool;
    const char *values[] = {pool->application_name, pool->command_names, pool->sampled_since,
                            compose_pids(session)};
    session->script.sample = (struct sample){0};
    session->script.sample_sent_ns = uv_hrtime();
    return PQsendQueryParams(session->conn, sample_sql, 4, NULL, values, NULL, NULL, 0) == 1;
}

/* --- the answer --- */

static int64_t number(const PGresult *result, enum column column) {
    return strtoll(PQgetvalue(result, 0, column), NULL, 10); /* NULL reads as 0 */
}

/* What began after us is 0 old. */
static int64_t age_us(const PGresult *result, enum column column) {
    double seconds = strtod(PQgetvalue(result, 0, column), NULL);
    return seconds > 0 ? (int64_t)(seconds * 1e6) : 0;
}

static bool is_true(const PGresult *result, enum column column) {
    return *PQgetvalue(result, 0, column) == 't';
}

/* Superusers may take every slot; limits of a role or a database do not hold for them. */
static int32_t usable_of(const PGresult *result, enum scope scope) {
    bool superuser = is_true(result, SUPERUSER);
    int64_t limit = number(result, scope == SCOPE_ROLE ? ROLE_LIMIT : DB_LIMIT);
    if (scope != SCOPE_SERVER)
        return superuser || limit < 0 ? SLOTS_UNLIMITED : (int32_t)limit;
    int64_t reserved = superuser ? 0 : number(result, SUPERUSER_RESERVED);
    if (!superuser && !is_true(result, MAY_USE_RESERVED))
        reserved += number(result, RESERVED);
    return (int32_t)(number(result, MAX_CONNECTIONS) - reserved);
}

static struct sample_scope scope_of(const PGresult *result, enum scope scope) {
    enum column used = scope == SCOPE_SERVER ? USED : scope == SCOPE_ROLE ? ROLE_USED : DB_USED;
    return (struct sample_scope){usable_of(result, scope), (int32_t)number(result, used),
                                 (int32_t)number(result, used + 1)};
}

static bool is_loopback(const struct sockaddr_storage *peer) {
    const struct sockaddr_in *four = (const struct sockaddr_in *)peer;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
    switch (peer->ss_family) {
    case AF_UNIX: return true;
    case AF_INET: return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    case AF_INET6: return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    default: return false;
    }
}

/* A server on this machine has this machine's cores. */
static int32_t core_count_of(const struct session *session) {
    struct sockaddr_storage peer = {0};
    socklen_t bytes = sizeof peer;
    bool here = getpeername(PQsocket(session->conn), (struct sockaddr *)&peer, &bytes) == 0 &&
                is_loopback(&peer) && !session->pool->pooled;
    return here ? (int32_t)uv_available_parallelism() : 0;
}

static void take_pool_facts(struct session *session, const PGresult *result) {
    struct session_pool *pool = session->pool;
    pool->pooled = number(result, BACKEND_PID) != session->backend_pid;
    if (*pool->sampled_since == '\0')
        snprintf(pool->sampled_since, sizeof pool->sampled_since, "%s", PQgetvalue(result, 0, SINCE));
}

static void take_foreground(struct sample *sample, const PGresult *result) {
    sample->invisible_count = (int32_t)number(result, INVISIBLE);
    sample->active_count = (int32_t)number(result, ACTIVE);
    sample->lock_waiter_count = (int32_t)number(result, LOCK_WAITERS);
    sample->idle_in_transaction_count = (int32_t)number(result, IDLE);
    sample->idle_in_transaction_us = age_us(result, IDLE_AGE);
    snprintf(sample->command_tasks, sizeof sample->command_tasks, "%s", PQgetvalue(result, 0, COMMAND_TASKS));
    snprintf(sample->idle_in_transaction_name, sizeof sample->idle_in_transaction_name, "%s",
             PQgetvalue(result, 0, IDLE_NAME));
    sample->oldest_transaction_us = age_us(result, OLDEST_AGE);
}

static int64_t ahead_us(const PGresult *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double ours = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    return (int64_t)((strtod(PQgetvalue(result, 0, CLOCK), NULL) - ours) * 1e6);
}

/* What a pooler keeps open under our name is no earlier daemon's. */
static void take_answer(struct session *session, const PGresult *result) {
    struct sample *sample = &session->script.sample;
    take_pool_facts(session, result);
    sample->known = true;
    for (enum scope scope = 0; scope < SCOPES; scope++)
        sample->scopes[scope] = scope_of(result, scope);
    sample->max_connections = (int32_t)number(result, MAX_CONNECTIONS);
    sample->pooled = session->pool->pooled;
    sample->leftover_count = sample->pooled ? 0 : (int32_t)number(result, LEFTOVER);
    sample->command_count = (int32_t)number(result, COMMANDS);
    take_foreground(sample, result);
    sample->replica_lag_us = age_us(result, LAG);
    sample->standby = is_true(result, STANDBY);
    sample->core_count = core_count_of(session);
    sample->ahead_us = ahead_us(result);
}

void sampling_take(struct session *session, const PGresult *result) {
    struct script *script = &session->script;
    script->sample.round_trip_us = (int64_t)((uv_hrtime() - script->sample_sent_ns) / 1000);
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
        take_answer(session, result);
        return;
    }
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    free(script->sample_error);
    script->sample_error = strdup(message ? message : "the sample's answer has no row");
}

void sampling_report(struct session *session) {
    struct script *script = &session->script;
    struct failure failure = {.message = script->sample_error,
                              .advice = "the database cannot be looked at; nothing is known of its load"};
    struct report report = {.kind = REPORT_SAMPLED, .sample = &script->sample};
    session_tell(session, report, script->sample.known ? NULL : &failure);
    free(script->sample_error);
    script->sample_error = NULL;
}
