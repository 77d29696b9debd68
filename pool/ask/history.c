#include "pool/ask/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/ask/inquiry.h"
#include "pool/history_steps.h"
#include "tasks/duration.h"

/* --- rows --- */

/* The newest ones of the service $5, oldest first: of task $1 ('': of all), not older than $2 us (0: all),
 * failed ones only if $3. */
static const char rows_sql[] =
    "SELECT task, outcome, reason, message, daemon,"
    " (extract(epoch FROM due) * 1000000)::int8,"
    " (extract(epoch FROM due_until) * 1000000)::int8,"
    " (extract(epoch FROM started) * 1000000)::int8,"
    " (extract(epoch FROM finished) * 1000000)::int8,"
    " (extract(epoch FROM lateness) * 1000000)::int8,"
    " (extract(epoch FROM took) * 1000000)::int8,"
    " (extract(epoch FROM outside) * 1000000)::int8,"
    " attempts, rows, occurrences, tokens,"
    " (to_jsonb(newest)->>'bites')::int8" /* before step 2 of the schema there is none */
    " FROM (SELECT * FROM headgate.history"
    " WHERE service = $5 AND ($1 = '' OR task = $1)"
    " AND ($2::int8 = 0 OR due_until > now() - $2::int8 * interval '1 microsecond')"
    " AND (NOT $3::bool OR outcome IN ('failed', 'lost', 'unknown', 'missed'))"
    " ORDER BY due DESC, task DESC LIMIT $4::int8) newest ORDER BY due, task";

enum column {
    TASK,
    OUTCOME,
    REASON,
    MESSAGE,
    DAEMON,
    DUE,
    DUE_UNTIL,
    STARTED,
    FINISHED,
    LATENESS,
    TOOK,
    OUTSIDE,
    ATTEMPTS,
    ROWS,
    OCCURRENCES,
    TOKENS,
    BITES,
    COLUMNS
};

/* Instants and durations of 3000 years: what is beyond nobody meant. */
#define US_MOST (INT64_C(100000) * 1000000 * 1000000)

static int64_t number(struct answer *answer, int row, enum column column) {
    bool is_us = column >= DUE && column <= OUTSIDE;
    if (answer_is_null(answer, row, (int)column))
        return HISTORY_NULL;
    return answer_number(answer, row, (int)column, is_us ? -US_MOST : 0, is_us ? US_MOST : INT64_MAX);
}

static struct history_row read_row(struct answer *answer, int row) {
    return (struct history_row){
        .task = answer_text(answer, row, TASK),
        .outcome = answer_text(answer, row, OUTCOME),
        .reason = answer_text(answer, row, REASON),
        .message = answer_text(answer, row, MESSAGE),
        .daemon = answer_text(answer, row, DAEMON),
        .due_us = number(answer, row, DUE),
        .due_until_us = number(answer, row, DUE_UNTIL),
        .started_us = number(answer, row, STARTED),
        .finished_us = number(answer, row, FINISHED),
        .lateness_us = number(answer, row, LATENESS),
        .took_us = number(answer, row, TOOK),
        .outside_us = number(answer, row, OUTSIDE),
        .attempts = number(answer, row, ATTEMPTS),
        .rows = number(answer, row, ROWS),
        .occurrences = number(answer, row, OCCURRENCES),
        .tokens = number(answer, row, TOKENS),
        .bites = number(answer, row, BITES),
    };
}

struct history_row history_get(const struct history *history, uint32_t index) {
    struct answer answer = history->answer;
    /* one more than was asked for: it says that there are older ones */
    return read_row(&answer, (int)index + history->is_cut);
}

void history_finish(struct history *history) {
    PQclear(history->result);
    *history = (struct history){0};
}

/* Nothing in the schema is called before it is known that it is ours. */
static bool is_trusted(PGconn *conn, struct text *text) {
    PGresult *result = inquiry(conn, history_trust(), 0, NULL);
    char *said = text_taken(PQerrorMessage(conn));
    struct answer answer;
    bool right = answer_open(&answer, result, 2, 0, ANSWER_BACKENDS_MOST);
    bool trusted = right && answer_rows(&answer) == 0;
    if (!right)
        text_add(text, "%.*s", (int)strcspn(*said ? said : answer.wrong, "\n"), *said ? said : answer.wrong);
    else if (!trusted)
        text_add(text, "%s; type as a superuser: %s", answer_text(&answer, 0, 0), answer_text(&answer, 0, 1));
    free(said);
    PQclear(result);
    return trusted;
}

static PGresult *ask(PGconn *conn, const struct history_request *request) {
    char since[24], most[24];
    snprintf(since, sizeof since, "%" PRId64, request->since_us);
    snprintf(most, sizeof most, "%" PRIu64, (uint64_t)request->most + 1);
    const char *values[] = {request->task, since, request->failed ? "on" : "off", most, request->service};
    return inquiry(conn, rows_sql, 5, values);
}

/* --- what is missing --- */

static char *identifier(PGconn *conn, const char *name) {
    bool plain = *name && strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(name) &&
                 (*name < '0' || *name > '9') && strcmp(name, "user") != 0;
    char *quoted = plain ? NULL : PQescapeIdentifier(conn, name, strlen(name));
    char *mine = text_copy(quoted ? quoted : name);
    PQfreemem(quoted);
    return mine;
}

static void say_why_not(PGconn *conn, const PGresult *result, struct text *error) {
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    char *role = identifier(conn, PQuser(conn) ? PQuser(conn) : "");
    char *said = text_taken(PQerrorMessage(conn));
    if (state && (strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0))
        text_add(
            error,
            "there is no history in database %s yet: the daemon makes it when it starts; `headgate check "
            "FILE --connect` says whether it may",
            PQdb(conn));
    else if (state && strcmp(state, "42501") == 0)
        text_add(
            error,
            "%s may not read the history; type as its owner: GRANT USAGE ON SCHEMA headgate TO %s; GRANT "
            "SELECT ON headgate.history TO %s;",
            PQuser(conn), role, role);
    else
        text_add_bytes(error, said, strcspn(said, "\n"));
    free(role);
    free(said);
}

bool history_read(const struct pool_settings *pool, const struct history_request *request,
                  struct history *ret, struct text *error) {
    PGconn *conn = inquiry_log_in(pool, "headgate history", false, error);
    struct answer answer;
    bool connected = conn != NULL;
    bool trusted = !connected || is_trusted(conn, error);
    PGresult *result = connected && trusted ? ask(conn, request) : NULL;
    bool came = PQresultStatus(result) == PGRES_TUPLES_OK;
    bool right = came && answer_open(&answer, result, COLUMNS, 0, (int)request->most + 1);
    for (int row = 0; right && row < answer_rows(&answer); row++)
        read_row(&answer, row); /* each is checked before any is shown */
    right = right && !*answer.wrong;
    if (right) {
        uint32_t count = (uint32_t)PQntuples(result);
        bool is_cut = count > request->most;
        *ret = (struct history){result, answer, count - is_cut, is_cut};
    } else if (came) {
        text_add(error, "this is no history of headgate's: %s", answer.wrong);
        PQclear(result);
    } else {
        if (connected && trusted)
            say_why_not(conn, result, error);
        PQclear(result);
    }
    PQfinish(conn);
    return right;
}

/* --- before it is needed --- */

/*
 * One row: the role, the database, whether the schema is there, what is missing as words of GRANT, or NULL;
 * then the step, and what it holds. Functions may be called by everybody; who owns a table needs no right.
 */
static const char check_sql[] =
    "SELECT quote_ident(current_user), quote_ident(current_database()), n.oid IS NOT NULL, r.oid IS NOT NULL,"
    " CASE WHEN n.oid IS NULL THEN CASE WHEN NOT has_database_privilege(current_database(), 'CREATE') THEN"
    " format('GRANT CREATE ON DATABASE %I TO %I;', current_database(), current_user) END"
    " WHEN r.oid IS NULL THEN CASE WHEN NOT has_schema_privilege(n.oid, 'CREATE')"
    " OR NOT has_schema_privilege(n.oid, 'USAGE') THEN"
    " format('GRANT USAGE, CREATE ON SCHEMA headgate TO %I;', current_user) END"
    " ELSE (SELECT string_agg(format('GRANT %s ON %s TO %I;', needed.what, needed.word, current_user), ' '"
    " ORDER BY needed.place) FROM"
    " (SELECT 0 AS place, 'USAGE' AS what, 'SCHEMA headgate' AS word WHERE NOT has_schema_privilege(n.oid, "
    "'USAGE')"
    " UNION ALL SELECT 1, string_agg(u, ', ' ORDER BY u), 'headgate.' || c.relname"
    " FROM pg_class c, LATERAL unnest(CASE c.relname::text WHEN 'version' THEN '{SELECT}'::text[]"
    " WHEN 'task' THEN '{SELECT,INSERT,UPDATE}'"
    " ELSE '{SELECT,INSERT,UPDATE,DELETE}' END) u"
    " WHERE c.relnamespace = n.oid AND c.relname IN ('version', 'task', 'daemon', 'run') AND NOT "
    "has_table_privilege(c.oid, u)"
    " GROUP BY c.oid, c.relname) needed) END,"
    " pg_is_in_recovery(), greatest(r.reltuples, 0)::int8, pg_size_pretty(pg_total_relation_size(r.oid))"
    " FROM (SELECT to_regnamespace('headgate')::oid AS oid) n"
    " LEFT JOIN pg_class r ON r.relnamespace = n.oid AND r.relname = 'run'";

enum check_column {
    ROLE,
    DATABASE,
    HAS_SCHEMA,
    HAS_TABLE,
    MISSING,
    IS_STANDBY,
    ROW_COUNT,
    SIZE,
    CHECK_COLUMNS
};

/* Daemons by the name $1, but that of this file ($2), with other tasks than $3. */
static const char shared_sql[] =
    "SELECT name, least((extract(epoch FROM now() - seen) * 1000000)::int8, 3653 * 86400000000)"
    " FROM headgate.daemon"
    " WHERE service = $1 AND NOT starts_with(name, $2) AND tasks <> $3 AND seen > now() - interval '2 days'"
    " ORDER BY seen DESC LIMIT 3";

#define SHARED_MOST 3

/* Only a role that may read it can tell. */
static long step_made(PGconn *conn) {
    PGresult *result = inquiry(conn, "SELECT coalesce(max(version), 0) FROM headgate.version", 0, NULL);
    struct answer answer;
    long step = -1;
    if (answer_open(&answer, result, 1, 1, 1))
        step = (long)answer_number(&answer, 0, 0, 0, INT32_MAX);
    PQclear(result);
    return *answer.wrong ? -1 : step;
}

static void say_shared(PGconn *conn, const struct taskset *set, const char *daemon_name, struct text *text) {
    char tasks[17], ago[DURATION_TEXT_BYTES];
    const char *values[] = {set->daemon.name, daemon_name, tasks};
    struct answer answer;
    snprintf(tasks, sizeof tasks, "%016" PRIx64, taskset_work_hash(set));
    PGresult *result = inquiry(conn, shared_sql, 3, values);
    answer_open(&answer, result, 2, 0, SHARED_MOST);
    for (int row = 0; row < answer_rows(&answer); row++)
        text_add_line(
            text,
            "  NAME         %s is also that of %s, which has other tasks (seen %s ago): of those with the "
            "same name one of the two runs what is due; write another name into [headgate]",
            set->daemon.name, answer_text(&answer, row, 0),
            duration_glance(answer_number(&answer, row, 1, 0, INT64_MAX), ago));
    PQclear(result);
}

static bool say_check(PGconn *conn, const struct answer *answer, const char *name, struct text *text) {
    const char *role = answer_text(answer, 0, ROLE), *missing = answer_text(answer, 0, MISSING);
    bool has_table = answer_flag(answer, 0, HAS_TABLE);
    if (answer_flag(answer, 0, IS_STANDBY)) {
        text_add(text, "  HISTORY      can't be kept: this server is a standby; write history = off, or "
                       "connect to its primary\n");
        return false;
    }
    if (*missing) {
        text_add_line(text,
                      "  HISTORY      can't be kept: %s may not %s; type as a superuser or its owner: %s",
                      role, has_table ? "write it" : "make the schema headgate", missing);
        return false;
    }
    if (!has_table) {
        text_add_line(text, "  history      is made at the first start, in the schema headgate of %s",
                      answer_text(answer, 0, DATABASE));
        return true;
    }
    text_add_line(text, "  history      step %ld of %d, about %s rows, %s; kept by the name %s",
                  step_made(conn), HISTORY_VERSION, answer_text(answer, 0, ROW_COUNT),
                  answer_text(answer, 0, SIZE), name);
    return true;
}

bool history_check(PGconn *conn, const struct taskset *set, const char *daemon_name, struct text *text) {
    struct text why = {0};
    if (!is_trusted(conn, &why)) {
        text_add_line(text, "  HISTORY      can't be kept: %s", why.bytes ? why.bytes : "");
        text_finish(&why);
        return false;
    }
    PGresult *result = inquiry(conn, check_sql, 0, NULL);
    struct answer answer;
    bool right = answer_open(&answer, result, CHECK_COLUMNS, 1, 1);
    if (right)
        right = say_check(conn, &answer, set->daemon.name, text);
    else
        answer_say_error(text, "  HISTORY      ",
                         *PQerrorMessage(conn) ? PQerrorMessage(conn) : answer.wrong);
    PQclear(result);
    if (right)
        say_shared(conn, set, daemon_name, text);
    return right;
}
