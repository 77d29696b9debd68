#include "pool/budget/look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tasks/instant.h"
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
    " extract(epoch FROM pg_catalog.clock_timestamp()),"
    " pg_catalog.current_setting('synchronous_standby_names') OPERATOR(pg_catalog.<>) '',"
    " extract(epoch FROM pg_catalog.current_setting('statement_timeout')::interval)"
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
    SYNCHRONOUS,
    STATEMENT_TIMEOUT,
    FACTS,
};

/*
 * As in all that is sent on a session of the tasks, every name is given in full: its search_path is the
 * role's own, and in it somebody else may have a function or an operator of the same name.
 *
 * $1 our backends, $2 the application names of our commands. A backend of a role whose activity we may not
 * see has no type, so everything with a user and a database counts: too much rather than too little. STARTED
 * is there for backends that may be of an earlier daemon, and for the one that answers.
 *
 * To ask who blocks whom takes all locks of the lock manager: it is asked for ours that wait, and of nobody
 * else. Of several the one is told that does not wait itself.
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
    " extract(epoch FROM pg_catalog.now() OPERATOR(pg_catalog.-) pg_catalog.min(xact_start)),"
    " CASE WHEN wait_event_type OPERATOR(pg_catalog.=) 'Lock' AND pid OPERATOR(pg_catalog.=) ANY ($1::int[])"
    " THEN (SELECT pg_catalog.concat_ws(pg_catalog.chr(10), ours.pid, holder,"
    " coalesce(extract(epoch FROM pg_catalog.now() OPERATOR(pg_catalog.-) its.state_change)::int, 0),"
    " coalesce(its.state, ''), CASE WHEN its.application_name OPERATOR(pg_catalog.<>) ''"
    " THEN its.application_name WHEN its.backend_type OPERATOR(pg_catalog.<>) 'client backend'"
    " THEN its.backend_type ELSE '' END)"
    " FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(ours.pid)) AS holders(holder)"
    " LEFT JOIN LATERAL pg_catalog.pg_stat_get_activity(holder) AS its ON true"
    " ORDER BY CASE WHEN its.wait_event_type OPERATOR(pg_catalog.=) 'Lock' THEN 1 ELSE 0 END LIMIT 1) END"
    " FROM pg_catalog.pg_stat_get_activity(NULL) AS ours WHERE backend_type OPERATOR(pg_catalog.=) 'client "
    "backend'"
    " OR (backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL)"
    " GROUP BY 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14";

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
    WAIT, /* lines: its pid, its holder's, for how many seconds that is in its state, that state, its name */
    BACKEND_COLUMNS,
};

/* --- the answer --- */

/* What began after us is 0 old. */
static int64_t age_us(struct answer *answer, int row, int column) {
    double age = answer_seconds(answer, row, column);
    return age > 0 ? (int64_t)(age * 1e6) : 0;
}

static int32_t slots(struct answer *answer, int row, int column, int32_t least) {
    return (int32_t)answer_number(answer, row, column, least, ANSWER_BACKENDS_MOST);
}

/* --- what changes rarely --- */

/* Superusers may take every slot; limits of a role or a database do not hold for them. */
static int32_t usable_of(struct answer *answer, enum scope scope) {
    bool superuser = answer_flag(answer, 0, SUPERUSER);
    int64_t limit =
        scope == SCOPE_SERVER
            ? slots(answer, 0, MAX_CONNECTIONS, 1)
            : answer_number(answer, 0, scope == SCOPE_ROLE ? ROLE_LIMIT : DB_LIMIT, INT32_MIN, INT32_MAX);
    if (scope != SCOPE_SERVER)
        return superuser || limit < 0 ? SLOTS_UNLIMITED : (int32_t)limit;
    int32_t reserved = superuser ? 0 : slots(answer, 0, SUPERUSER_RESERVED, 0);
    if (!superuser && !answer_flag(answer, 0, MAY_USE_RESERVED))
        reserved += slots(answer, 0, RESERVED, 0);
    if (reserved > limit)
        answer_refuse(answer, "the server says that %d of its %d slots are reserved", reserved, (int)limit);
    return (int32_t)limit - reserved;
}

static int64_t ahead_us(struct answer *answer) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double ours = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    if (answer_is_null(answer, 0, CLOCK))
        answer_refuse(answer, "the server does not say what its clock is");
    return (int64_t)((answer_seconds(answer, 0, CLOCK) - ours) * 1e6);
}

void look_read_facts(const PGresult *result, struct answer *answer, struct sample *facts) {
    *facts = (struct sample){0};
    if (!answer_open(answer, result, FACTS, 0, 1))
        return;
    if (answer_rows(answer) == 0)
        answer_refuse(answer, "the server's list of roles or databases does not have our own");
    for (enum scope scope = 0; scope < SCOPES; scope++)
        facts->scopes[scope].usable = usable_of(answer, scope);
    facts->max_connections = slots(answer, 0, MAX_CONNECTIONS, 1);
    facts->replica_lag_us = age_us(answer, 0, LAG);
    facts->standby = answer_flag(answer, 0, STANDBY);
    facts->ahead_us = ahead_us(answer);
    facts->synchronous = answer_flag(answer, 0, SYNCHRONOUS);
    facts->statement_timeout_us = age_us(answer, 0, STATEMENT_TIMEOUT);
    facts->known = !*answer->wrong;
}

/* --- who is there --- */

bool look_find_answering(const PGresult *result, struct answer *answer, struct look_answering *ret) {
    int row = 0;
    if (!answer_open(answer, result, BACKEND_COLUMNS, 0, ANSWER_BACKENDS_MOST))
        return false;
    while (row < answer_rows(answer) && answer_is_null(answer, row, ANSWERS))
        row++;
    if (row == answer_rows(answer))
        return answer_refuse(answer, "the server's list of backends does not have our own");
    *ret = (struct look_answering){row, (int)answer_number(answer, row, ANSWERS, 1, INT32_MAX),
                                   answer_seconds(answer, row, STARTED)};
    return !*answer->wrong;
}

static bool is_same(const struct answer *answer, int row, int other, int column) {
    return strcmp(answer_text(answer, row, column), answer_text(answer, other, column)) == 0;
}

/* Backends that are alike. */
struct group {
    int row;
    int32_t count;
    bool of_role, of_database, listed, named, command, ours;
};

static struct group group_of(struct answer *answer, int row, int answers, const char *session_name) {
    struct group group = {
        .row = row,
        .count = slots(answer, row, COUNT, 1),
        .of_role = is_same(answer, row, answers, ROLE),
        .of_database = is_same(answer, row, answers, DATABASE),
        .listed = row == answers || answer_flag(answer, row, LISTED),
        .named = strcmp(answer_text(answer, row, NAME), session_name) == 0,
        .command = answer_flag(answer, row, COMMAND),
    };
    group.ours = group.listed || (group.of_role && group.named) || group.command;
    return group;
}

static void count_scope(struct sample_scope *scope, const struct group *group) {
    scope->used += group->count;
    scope->ours += group->ours ? group->count : 0;
}

/* Its own task's word for it, where its name says so: others may have any name. */
static void count_command(struct sample *sample, const struct group *group, const char *name) {
    const char *slash = strchr(name, '/');
    size_t end = strlen(sample->command_tasks);
    sample->command_count += group->count;
    for (int32_t i = 0; i < group->count && end < sizeof sample->command_tasks; i++)
        end += (size_t)snprintf(sample->command_tasks + end, sizeof sample->command_tasks - end, "%s%s",
                                end ? "," : "", slash ? slash + 1 : name);
}

static void count_ours(struct sample *sample, const struct group *group, struct answer *answer,
                       double since) {
    if (answer_is_null(answer, group->row, STARTED))
        return;
    bool before = answer_seconds(answer, group->row, STARTED) < since;
    if (before && group->of_role && !group->listed)
        sample->leftover_count += group->count;
    if (group->command && !before)
        count_command(sample, group, answer_text(answer, group->row, NAME));
}

static void note_idle(struct sample *sample, const struct group *group, struct answer *answer) {
    int64_t idle_us = age_us(answer, group->row, STATE_AGE);
    bool oldest = sample->idle_in_transaction_count == 0 || idle_us > sample->idle_in_transaction_us;
    sample->idle_in_transaction_count += group->count;
    if (!oldest)
        return;
    sample->idle_in_transaction_us = idle_us;
    snprintf(sample->idle_in_transaction_name, sizeof sample->idle_in_transaction_name, "%s",
             answer_text(answer, group->row, NAME));
}

static void count_foreground(struct sample *sample, const struct group *group, struct answer *answer) {
    const char *state = answer_text(answer, group->row, STATE);
    int64_t transaction_us = age_us(answer, group->row, TRANSACTION_AGE);
    if (strcmp(state, "active") == 0)
        sample->active_count += group->count;
    if (answer_flag(answer, group->row, LOCKED))
        sample->lock_waiter_count += group->count;
    if (strncmp(state, "idle in transaction", strlen("idle in transaction")) == 0)
        note_idle(sample, group, answer);
    if (transaction_us > sample->oldest_transaction_us)
        sample->oldest_transaction_us = transaction_us;
}

static void count_group(struct sample *sample, const struct group *group, struct answer *answer,
                        double since) {
    count_scope(&sample->scopes[SCOPE_SERVER], group);
    if (group->of_role)
        count_scope(&sample->scopes[SCOPE_ROLE], group);
    if (group->of_database)
        count_scope(&sample->scopes[SCOPE_DATABASE], group);
    if (answer_flag(answer, group->row, UNSEEN))
        sample->invisible_count += group->count;
    if (group->ours)
        count_ours(sample, group, answer, since);
    else
        count_foreground(sample, group, answer);
}

/* The next line, cut to what there is place for. */
static void take_line(const char **at, char *line, size_t bytes) {
    size_t length = strcspn(*at, "\n");
    snprintf(line, bytes, "%.*s", (int)(length < bytes ? length : bytes - 1), *at);
    *at += length + ((*at)[length] == '\n');
}

static void note_wait(struct sample *sample, int row, struct answer *answer) {
    const char *at = answer_text(answer, row, WAIT);
    struct sample_wait wait = {0};
    int64_t numbers[3];
    if (answer_is_null(answer, row, WAIT) || sample->wait_count == SAMPLE_WAITS_MAX)
        return;
    for (int i = 0; i < 3; i++) {
        char line[24];
        take_line(&at, line, sizeof line);
        if (!answer_parse(line, i < 2 ? 0 : INT32_MIN, INT32_MAX, &numbers[i])) {
            answer_refuse(answer, "the server does not say well who holds the lock that a session waits for");
            return;
        }
    }
    wait.pid = (int32_t)numbers[0];
    wait.holder_pid = (int32_t)numbers[1];
    wait.holder_state_us = numbers[2] > 0 ? numbers[2] * US_PER_S : 0;
    take_line(&at, wait.holder_state, sizeof wait.holder_state);
    take_line(&at, wait.holder_name, sizeof wait.holder_name);
    sample->waits[sample->wait_count++] = wait;
}

void look_read_backends(struct answer *answer, const struct look_answering *answering,
                        const char *session_name, double since, struct sample *sample) {
    for (int row = 0; row < answer_rows(answer); row++) {
        struct group group = group_of(answer, row, answering->row, session_name);
        if (group.count > ANSWER_BACKENDS_MOST - sample->scopes[SCOPE_SERVER].used)
            answer_refuse(answer, "the server lists more backends than a server can have");
        else
            count_group(sample, &group, answer, since);
        note_wait(sample, row, answer);
    }
    sample->known = !*answer->wrong;
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
