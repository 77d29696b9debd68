#include "pool/look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tasks/text.h"

const char look_facts_sql[] =
    "/* headgate sample */ SELECT pg_catalog.current_setting('max_connections'),"
    " pg_catalog.current_setting('superuser_reserved_connections')," /* the next from 16 on, with the role */
    " coalesce(pg_catalog.current_setting('reserved_connections', true), '0'),"
    " CASE WHEN pg_catalog.current_setting('server_version_num')::int OPERATOR(pg_catalog.>=) 160000"
    " THEN pg_catalog.pg_has_role(session_user, 'pg_use_reserved_connections', 'USAGE') ELSE false END,"
    " rolsuper, rolconnlimit, datconnlimit, pg_catalog.pg_is_in_recovery(),"
    " extract(epoch FROM CASE WHEN NOT pg_catalog.pg_is_in_recovery()"
    " THEN (SELECT pg_catalog.max(replay_lag) FROM pg_catalog.pg_stat_get_wal_senders())"
    " WHEN pg_catalog.pg_last_wal_receive_lsn() OPERATOR(pg_catalog.<>)"
    " pg_catalog.pg_last_wal_replay_lsn()"
    " THEN pg_catalog.now() OPERATOR(pg_catalog.-) pg_catalog.pg_last_xact_replay_timestamp() END),"
    " extract(epoch FROM pg_catalog.clock_timestamp())"
    " FROM pg_catalog.pg_roles, pg_catalog.pg_database WHERE rolname OPERATOR(pg_catalog.=) session_user"
    " AND datname OPERATOR(pg_catalog.=) pg_catalog.current_database()";

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
 * As in all that is sent on a session of the tasks, every name is given in full: its search_path is the
 * role's own, and in it somebody else may have a function or an operator of the same name.
 *
 * $1 our backends, $2 the application names of our commands. A backend of a role whose activity we may not
 * see has no type, so everything with a user and a database counts: too much rather than too little. STARTED
 * is there for backends that may be of an earlier daemon, and for the one that answers.
 */
const char look_backends_sql[] =
    "/* headgate sample */ SELECT pg_catalog.count(*), usesysid, datid, application_name, state,"
    " wait_event_type OPERATOR(pg_catalog.=) 'Lock', backend_type IS NULL,"
    " pid OPERATOR(pg_catalog.=) ANY ($1::int[]),"
    " application_name OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.text[]),"
    " CASE WHEN pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() THEN pid END,"
    " CASE WHEN pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()"
    " OR application_name OPERATOR(pg_catalog.~~) 'headgate/%'"
    " THEN extract(epoch FROM backend_start) END,"
    " extract(epoch FROM pg_catalog.now() OPERATOR(pg_catalog.-) pg_catalog.min(state_change)),"
    " extract(epoch FROM pg_catalog.now() OPERATOR(pg_catalog.-) pg_catalog.min(xact_start))"
    " FROM pg_catalog.pg_stat_get_activity(NULL) WHERE backend_type OPERATOR(pg_catalog.=) 'client backend'"
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

void look_read_facts(const PGresult *result, struct sample *facts) {
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

bool look_find_answering(const PGresult *result, struct look_answering *ret) {
    int row = 0;
    while (row < PQntuples(result) && PQgetisnull(result, row, ANSWERS))
        row++;
    if (row == PQntuples(result))
        return false;
    *ret = (struct look_answering){row, (int)number(result, row, ANSWERS), seconds(result, row, STARTED)};
    return true;
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

static struct group group_of(const PGresult *result, int row, int answers, const char *session_name) {
    struct group group = {
        .row = row,
        .count = (int32_t)number(result, row, COUNT),
        .of_role = is_same(result, row, answers, ROLE),
        .of_database = is_same(result, row, answers, DATABASE),
        .listed = row == answers || is_true(result, row, LISTED),
        .named = strcmp(PQgetvalue(result, row, NAME), session_name) == 0,
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

void look_read_backends(const PGresult *result, const struct look_answering *answering,
                        const char *session_name, double since, struct sample *sample) {
    for (int row = 0; row < PQntuples(result); row++) {
        struct group group = group_of(result, row, answering->row, session_name);
        count_group(sample, &group, result, since);
    }
}

/* --- the names of what is ours --- */

void look_name_sessions(const char *pool, uint32_t identity, char ret_name[LOOK_NAME_BYTES]) {
    snprintf(ret_name, LOOK_NAME_BYTES, "headgate/%s %08" PRIx32, pool, identity);
}

/* Names hold letters, digits, '_', '-' and '.' only: nothing to escape. */
char *look_name_commands(const struct taskset *set, uint32_t pool) {
    struct text names = {0};
    text_add(&names, "{");
    for (uint32_t i = 0; i < set->task_count; i++)
        if (set->tasks[i].work == WORK_COMMAND && set->tasks[i].pool == pool)
            text_add(&names, "%sheadgate/%s", names.bytes_count > 1 ? "," : "", set->tasks[i].name);
    text_add(&names, "}");
    return names.bytes;
}
