/*
 * The look at the database: the server's own list of its backends, in groups of those that are alike, and now
 * and then what changes rarely. It reads no table of the user's. Both are planned anew each time, as DISCARD
 * ALL takes prepared statements, and most of what a look costs is that planning: so the sums are made here.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "pool/session_parts.h"

/* Limits, what a standby lags, the clock. */
#define FACTS_EVERY_US (10 * US_PER_S)

static const char facts_sql[] =
    "/* headgate sample */ SELECT current_setting('max_connections'),"
    " current_setting('superuser_reserved_connections'),"
    " coalesce(current_setting('reserved_connections', true), '0')," /* from 16 on, with the role */
    " CASE WHEN current_setting('server_version_num')::int >= 160000"
    " THEN pg_has_role(session_user, 'pg_use_reserved_connections', 'USAGE') ELSE false END,"
    " rolsuper, rolconnlimit, datconnlimit, pg_is_in_recovery(),"
    " extract(epoch FROM CASE WHEN NOT pg_is_in_recovery()"
    " THEN (SELECT max(replay_lag) FROM pg_stat_get_wal_senders())"
    " WHEN pg_last_wal_receive_lsn() <> pg_last_wal_replay_lsn()"
    " THEN now() - pg_last_xact_replay_timestamp() END), extract(epoch FROM clock_timestamp())"
    " FROM pg_roles, pg_database WHERE rolname = session_user AND datname = current_database()";

enum fact {
    MAX_CONNECTIONS,
    SUPERUSER_RESERVED,
    RESERVED,
    MAY_USE_RESERVED,
    SUPERUSER,
    ROLE_LIMIT,
    DB_LIMIT,
    STANDBY,
    LAG,
    CLOCK,
};

/*
 * $1 our backends, $2 the application names of our commands. A backend of a role whose activity we may not
 * see has no type, so everything with a user and a database counts: too much rather than too little. STARTED
 * is there for backends that may be of an earlier daemon, and for the one that answers.
 */
static const char backends_sql[] =
    "/* headgate sample */ SELECT count(*), usesysid, datid, application_name, state,"
    " wait_event_type = 'Lock', backend_type IS NULL, pid = ANY ($1::int[]),"
    " application_name = ANY ($2::text[]), CASE WHEN pid = pg_backend_pid() THEN pid END,"
    " CASE WHEN pid = pg_backend_pid() OR application_name LIKE 'headgate/%'"
    " THEN extract(epoch FROM backend_start) END,"
    " extract(epoch FROM now() - min(state_change)), extract(epoch FROM now() - min(xact_start))"
    " FROM pg_stat_get_activity(NULL) WHERE backend_type = 'client backend'"
    " OR (backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL)"
    " GROUP BY 2, 3, 4, 5, 6, 7, 8, 9, 10, 11";

enum backends {
    COUNT,
    ROLE,
    DATABASE,
    NAME,
    STATE,
    LOCKED,
    UNSEEN,
    LISTED,
    COMMAND,
    ANSWERS, /* its pid, of the one that does */
    STARTED,
    STATE_AGE,
    TRANSACTION_AGE,
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

static bool send_facts_if_due(struct session *session) {
    struct session_pool *pool = session->pool;
    uint64_t now_ns = session->script.sample_sent_ns;
    if (pool->facts.known && now_ns - pool->facts_asked_ns < FACTS_EVERY_US * 1000)
        return true;
    pool->facts_asked_ns = now_ns;
    return script_send_query(session, STEP_FACTS, facts_sql);
}

bool sampling_send(struct session *session) {
    struct script *script = &session->script;
    const char *values[] = {compose_pids(session), session->pool->command_names};
    script->sample = (struct sample){0};
    script->sample_sent_ns = uv_hrtime();
    if (!send_facts_if_due(session))
        return false;
    int sent = PQsendQueryParams(session->conn, backends_sql, 2, NULL, values, NULL, NULL, 0);
    return script_push(script, STEP_SAMPLE, sent);
}

/* --- the answer --- */

static int64_t number(const PGresult *result, int row, int column) {
    return strtoll(PQgetvalue(result, row, column), NULL, 10); /* NULL reads as 0, below too */
}

static double seconds(const PGresult *result, int row, int column) {
    return strtod(PQgetvalue(result, row, column), NULL);
}

/* What began after us is 0 old. */
static int64_t age_us(const PGresult *result, int row, int column) {
    double age = seconds(result, row, column);
    return age > 0 ? (int64_t)(age * 1e6) : 0;
}

static bool is_true(const PGresult *result, int row, int column) {
    return *PQgetvalue(result, row, column) == 't';
}

/* --- what changes rarely --- */

/* Superusers may take every slot; limits of a role or a database do not hold for them. */
static int32_t usable_of(const PGresult *result, enum scope scope) {
    bool superuser = is_true(result, 0, SUPERUSER);
    int64_t limit = number(result, 0, scope == SCOPE_ROLE ? ROLE_LIMIT : DB_LIMIT);
    if (scope != SCOPE_SERVER)
        return superuser || limit < 0 ? SLOTS_UNLIMITED : (int32_t)limit;
    int64_t reserved = superuser ? 0 : number(result, 0, SUPERUSER_RESERVED);
    if (!superuser && !is_true(result, 0, MAY_USE_RESERVED))
        reserved += number(result, 0, RESERVED);
    return (int32_t)(number(result, 0, MAX_CONNECTIONS) - reserved);
}

static int64_t ahead_us(const PGresult *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double ours = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    return (int64_t)((seconds(result, 0, CLOCK) - ours) * 1e6);
}

void sampling_take_facts(struct session *session, const PGresult *result) {
    struct sample *facts = &session->pool->facts;
    *facts = (struct sample){.known = PQntuples(result) == 1};
    if (!facts->known)
        return;
    for (enum scope scope = 0; scope < SCOPES; scope++)
        facts->scopes[scope].usable = usable_of(result, scope);
    facts->max_connections = (int32_t)number(result, 0, MAX_CONNECTIONS);
    facts->replica_lag_us = age_us(result, 0, LAG);
    facts->standby = is_true(result, 0, STANDBY);
    facts->ahead_us = ahead_us(result);
}

/* --- who is there --- */

static int row_that_answers(const PGresult *result) {
    int row = 0;
    while (row < PQntuples(result) && PQgetisnull(result, row, ANSWERS))
        row++;
    return row < PQntuples(result) ? row : -1;
}

static bool is_same(const PGresult *result, int row, int other, int column) {
    return strcmp(PQgetvalue(result, row, column), PQgetvalue(result, other, column)) == 0;
}

/* Backends that are alike. */
struct group {
    int row;
    int32_t count;
    bool of_role, of_database, listed, named, command, ours;
};

static struct group group_of(const struct session_pool *pool, const PGresult *result, int row, int answers) {
    struct group group = {
        .row = row,
        .count = (int32_t)number(result, row, COUNT),
        .of_role = is_same(result, row, answers, ROLE),
        .of_database = is_same(result, row, answers, DATABASE),
        .listed = row == answers || is_true(result, row, LISTED),
        .named = strcmp(PQgetvalue(result, row, NAME), pool->application_name) == 0,
        .command = is_true(result, row, COMMAND),
    };
    group.ours = group.listed || (group.of_role && group.named) || group.command;
    return group;
}

static void count_scope(struct sample_scope *scope, const struct group *group) {
    scope->used += group->count;
    scope->ours += group->ours ? group->count : 0;
}

static void count_command(struct sample *sample, const struct group *group, const char *name) {
    size_t end = strlen(sample->command_tasks);
    sample->command_count += group->count;
    for (int32_t i = 0; i < group->count && end < sizeof sample->command_tasks; i++)
        end += (size_t)snprintf(sample->command_tasks + end, sizeof sample->command_tasks - end, "%s%s",
                                end ? "," : "", strchr(name, '/') + 1);
}

static void count_ours(struct sample *sample, const struct group *group, const PGresult *result,
                       double since) {
    if (PQgetisnull(result, group->row, STARTED))
        return;
    bool before = seconds(result, group->row, STARTED) < since;
    if (before && group->of_role && !group->listed)
        sample->leftover_count += group->count;
    if (group->command && !before)
        count_command(sample, group, PQgetvalue(result, group->row, NAME));
}

static void note_idle(struct sample *sample, const struct group *group, const PGresult *result) {
    int64_t idle_us = age_us(result, group->row, STATE_AGE);
    bool oldest = sample->idle_in_transaction_count == 0 || idle_us > sample->idle_in_transaction_us;
    sample->idle_in_transaction_count += group->count;
    if (!oldest)
        return;
    sample->idle_in_transaction_us = idle_us;
    snprintf(sample->idle_in_transaction_name, sizeof sample->idle_in_transaction_name, "%s",
             PQgetvalue(result, group->row, NAME));
}

static void count_foreground(struct sample *sample, const struct group *group, const PGresult *result) {
    const char *state = PQgetvalue(result, group->row, STATE);
    int64_t transaction_us = age_us(result, group->row, TRANSACTION_AGE);
    if (strcmp(state, "active") == 0)
        sample->active_count += group->count;
    if (is_true(result, group->row, LOCKED))
        sample->lock_waiter_count += group->count;
    if (strncmp(state, "idle in transaction", strlen("idle in transaction")) == 0)
        note_idle(sample, group, result);
    if (transaction_us > sample->oldest_transaction_us)
        sample->oldest_transaction_us = transaction_us;
}

static void count_group(struct sample *sample, const struct group *group, const PGresult *result,
                        double since) {
    count_scope(&sample->scopes[SCOPE_SERVER], group);
    if (group->of_role)
        count_scope(&sample->scopes[SCOPE_ROLE], group);
    if (group->of_database)
        count_scope(&sample->scopes[SCOPE_DATABASE], group);
    if (is_true(result, group->row, UNSEEN))
        sample->invisible_count += group->count;
    if (group->ours)
        count_ours(sample, group, result, since);
    else
        count_foreground(sample, group, result);
}

/* --- all of it --- */

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

/* What a pooler keeps open under our name is no earlier daemon's. */
static void take_backends(struct session *session, const PGresult *result, int answers) {
    struct session_pool *pool = session->pool;
    struct sample *sample = &session->script.sample;
    *sample = pool->facts;
    pool->pooled = number(result, answers, ANSWERS) != session->backend_pid;
    if (pool->sampled_since == 0)
        pool->sampled_since = seconds(result, answers, STARTED);
    for (int row = 0; row < PQntuples(result); row++) {
        struct group group = group_of(pool, result, row, answers);
        count_group(sample, &group, result, pool->sampled_since);
    }
    sample->pooled = pool->pooled;
    sample->leftover_count = sample->pooled ? 0 : sample->leftover_count;
    sample->core_count = core_count_of(session);
}

static void fail(struct script *script, const char *message) {
    if (!script->sample_error) /* the first one is the cause */
        script->sample_error = strdup(message ? message : "the sample failed");
}

void sampling_take_error(struct session *session, const PGresult *result) {
    session->pool->facts.known = false;
    fail(&session->script, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
}

void sampling_take(struct session *session, const PGresult *result) {
    struct script *script = &session->script;
    int answers = row_that_answers(result);
    if (!session->pool->facts.known)
        fail(script, "the server's list of roles or databases does not have our own");
    else if (answers < 0)
        fail(script, "the server's list of backends does not have our own");
    else
        take_backends(session, result, answers);
    script->sample.round_trip_us = (int64_t)((uv_hrtime() - script->sample_sent_ns) / 1000);
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
