#include "certainty.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const certainty_tasks[CERTAINTY_TASKS] = {"counter", "off", "command", "staged"};
static const int usual_every_ms[CERTAINTY_TASKS] = {200, 300, 400, 300};

static int every_ms(const struct certainty *certainty, int task) {
    return certainty->every_ms ? certainty->every_ms : usual_every_ms[task];
}

void certainty_reset(const struct certainty *certainty) {
    query(certainty->conninfo,
          "SET client_min_messages = warning;"
          "DROP SCHEMA IF EXISTS headgate CASCADE;"
          "DROP TABLE IF EXISTS counter, off_run, command_start, message, answer, watched, span;"
          "CREATE TABLE counter (n bigint NOT NULL); INSERT INTO counter VALUES (0);"
          "CREATE TABLE off_run (at timestamptz DEFAULT clock_timestamp());"
          "CREATE TABLE command_start (due timestamptz);"
          "CREATE TABLE message (id bigint PRIMARY KEY, answered_at timestamptz);"
          "CREATE INDEX ON message (id) WHERE answered_at IS NULL;"
          "INSERT INTO message SELECT generate_series(1, 50000);"
          "CREATE TABLE answer (message bigint, due timestamptz, at timestamptz DEFAULT clock_timestamp());"
          "CREATE TABLE watched (task text, every interval);"
          "CREATE TABLE span (began timestamptz, ended timestamptz, set_back interval DEFAULT '0'); INSERT INTO span DEFAULT VALUES");
    for (int i = 0; i < CERTAINTY_TASKS; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "INSERT INTO watched VALUES ('%s', '%d ms')", certainty_tasks[i], every_ms(certainty, i));
        query(certainty->conninfo, sql);
    }
}

static const char *folder(const struct process *process) {
    static char path[sizeof process->ini];
    strcpy(path, process->ini);
    *strrchr(path, '/') = '\0';
    return path;
}

/* The write takes a message as a task's author would who trusts that it is done once. */
void certainty_ini(const struct certainty *certainty, struct process *process, const char *conninfo, const char *top) {
    char dues[200];
    ini_write(process, "%s", "");
    snprintf(dues, sizeof dues, "%s/dues", folder(certainty->first));
    ini_rewrite(process,
                "%s[pool p]\nconninfo = %s\nsize = 4\nhistory = on\nlock_waiters_high = 0\n"
                "[task counter]\nevery = %dms\nhold_after = 0\nsql = UPDATE counter SET n = n + 1\n"
                "[task off]\nevery = %dms\nhold_after = 0\ntransaction = off\nsql = INSERT INTO off_run DEFAULT VALUES\n"
                "[task command]\nevery = %dms\nhold_after = 0\ncommand = sh -c 'echo $HEADGATE_DUE >>%s'\n"
                "[task staged]\nevery = %dms\nhold_after = 0\n"
                "read = SELECT id FROM message WHERE answered_at IS NULL ORDER BY id LIMIT 3\nwork = sh work.sh\n"
                "write =\n    WITH taken AS (UPDATE message SET answered_at = clock_timestamp()\n"
                "     WHERE id = ($1::jsonb->'row'->>'id')::bigint RETURNING id)\n"
                "    INSERT INTO answer SELECT id, ($1::jsonb->>'due')::timestamptz FROM taken\n",
                top, conninfo, every_ms(certainty, 0), every_ms(certainty, 1), every_ms(certainty, 2), dues,
                every_ms(certainty, 3));
    assert_int_equal(shell(NULL,
                           "cat >%s/work.sh <<'END'\nwhile read -r row; do\n"
                           "    printf '{\"due\": \"%%s\", \"row\": %%s}\\n' \"$HEADGATE_DUE\" \"$row\"\ndone\nEND",
                           folder(process)),
                     0);
}

void certainty_begin(const struct certainty *certainty) {
    query(certainty->conninfo, "UPDATE span SET began = clock_timestamp()");
}

void certainty_counts(const struct process *process, long ret[CERTAINTY_TASKS]) {
    for (int i = 0; i < CERTAINTY_TASKS; i++)
        ret[i] = task_number(process, certainty_tasks[i], "ok");
}

bool certainty_goes_on(const struct process *process, const long since[CERTAINTY_TASKS], long count) {
    long now[CERTAINTY_TASKS];
    certainty_counts(process, now);
    for (int i = 0; i < CERTAINTY_TASKS; i++)
        if (now[i] < since[i] + count)
            return false;
    return true;
}

void certainty_start(const struct certainty *certainty, struct process *process) {
    const long none[CERTAINTY_TASKS] = {0};
    daemon_start(process);
    certainty_begin(certainty);
    WAIT_UNTIL(process, certainty_goes_on(process, none, 2));
}

static long find_faults(const struct certainty *certainty, const char *only, int daemon_count);

void certainty_stop(const struct certainty *certainty, struct process *processes, int count) {
    static const char unresolved[] =
        "SELECT count(*) FROM headgate.run WHERE task = 'counter' AND outcome = 'unknown'"
        " OR outcome = 'running' AND started < clock_timestamp() - interval '2 s'"; /* of a daemon that was killed */
    static const char not_begun[] = /* of the instants up to the end a daemon may be behind, and leaves those to the next */
        "SELECT count(*) FROM watched, span WHERE NOT EXISTS"
        " (SELECT FROM headgate.run WHERE run.task = watched.task AND due > ended)";
    long since[CERTAINTY_TASKS];
    certainty_counts(processes, since);
    if (count == 1) /* of two, either may be the quicker one */
        WAIT_UNTIL(processes, certainty_goes_on(processes, since, 3));
    WAIT_UNTIL(processes, query_number(certainty->conninfo, unresolved) == 0);
    query(certainty->conninfo, "UPDATE span SET ended = clock_timestamp()");
    WAIT_UNTIL(processes, query_number(certainty->conninfo, not_begun) == 0);
    for (int i = 0; i < count; i++)
        kill(processes[i].pid, SIGTERM);
    for (int i = 0; i < count; i++)
        assert_int_equal(daemon_end(&processes[i], 0), 0);
    if (find_faults(certainty, NULL, count) > 0) {
        const char *output;
        shell(&output, "tail -n 40 %s", processes[0].log);
        fprintf(stderr, "%s\n", output);
        fail_msg("what was done and what is on record are not the same, see above");
    }
}

/* --- the checks --- */

/* Each gives a row of text for each fault. */
#define COUNTED "FROM headgate.run JOIN watched USING (task) WHERE occurrences > 0"
static const struct check {
    const char *name, *sql;
} checks[] = {
    {"every run has ended", "SELECT format('%s %s %s of %s, started %s', task, due, outcome, daemon, started) FROM headgate.run"
                            " WHERE occurrences IS NOT NULL AND outcome NOT IN ('ok', 'failed', 'lost', 'unknown', 'skipped', 'missed')"},
    {"what was not ok has a reason", "SELECT format('%s %s %s', task, due, outcome) FROM headgate.run"
                                     " WHERE occurrences IS NOT NULL AND outcome <> 'ok' AND coalesce(reason, '') || coalesce(message, '') = ''"},
    {"what started says when", "SELECT format('%s %s %s %s', task, due, outcome, started) FROM headgate.run, span"
                               " WHERE outcome IN ('ok', 'lost', 'unknown') AND reason IS DISTINCT FROM 'no record of it was kept'"
                               " AND (started IS NULL OR started + set_back < due - interval '50 ms' OR finished < started - set_back)"},
    {"a range holds its occurrences", "SELECT format('%s %s to %s: %s', task, due, due_until, occurrences) " COUNTED
                                      " AND due + (occurrences - 1) * every <> due_until"},
    {"no occurrence is in two rows or in none",
     "SELECT format('%s %s (%s) after %s', task, due, outcome, before) FROM"
     " (SELECT *, lag(due_until) OVER (PARTITION BY task ORDER BY due, due_until) AS before " COUNTED ") AS rows"
     " WHERE due <> before + every"},
    {"each further occurrence of a range has its key",
     "SELECT format('%s %s: %s, and %s keys', row.task, row.due, row.occurrences, count(key.due))"
     " FROM headgate.run AS row LEFT JOIN headgate.run AS key ON key.task = row.task AND key.occurrences IS NULL"
     " AND key.due > row.due AND key.due <= row.due_until WHERE row.occurrences > 0"
     " GROUP BY row.task, row.due, row.occurrences HAVING count(key.due) <> least(row.occurrences - 1, 10000)"
     " UNION ALL SELECT format('%s %s: the key of no row', task, due) FROM headgate.run AS key WHERE occurrences IS NULL"
     " AND NOT EXISTS (SELECT FROM headgate.run AS row WHERE row.task = key.task AND row.occurrences > 0"
     " AND key.due > row.due AND key.due <= row.due_until)"},
    {"the due instants of a task are one row of instants",
     "SELECT format('%s: %s phases', task, count(DISTINCT phase)) FROM (SELECT task,"
     " extract(epoch FROM due)::numeric % extract(epoch FROM every)::numeric AS phase " COUNTED ") AS phases"
     " GROUP BY task HAVING count(DISTINCT phase) > 1"},
    {"the first and the last are there",
     "SELECT format('%s: %s to %s, not %s to %s', watched.task, min(due), max(due_until), began, ended)"
     " FROM watched CROSS JOIN span LEFT JOIN headgate.run ON run.task = watched.task AND occurrences > 0"
     " GROUP BY watched.task, every, began, ended"
     " HAVING count(due) = 0 OR min(due) > began + every OR max(due_until) + every <= ended"},
    {"the counter is the number of its ok rows",
     "SELECT format('%s, and %s ok', n, ok) FROM counter,"
     " (SELECT count(*) AS ok FROM headgate.run WHERE task = 'counter' AND outcome = 'ok') AS run WHERE n <> ok"},
    {"no transaction is left unknown", "SELECT format('%s %s', due, message) FROM headgate.run"
                                       " WHERE task = 'counter' AND outcome = 'unknown'"},
    {"what has no transaction was done for each ok row, and at most once for the others",
     "SELECT format('%s done, %s ok, %s lost or unknown', done, ok, open) FROM (SELECT count(*) AS done FROM off_run) AS done,"
     " (SELECT count(*) FILTER (WHERE outcome = 'ok') AS ok, count(*) FILTER (WHERE outcome IN ('lost', 'unknown')) AS open"
     " FROM headgate.run WHERE task = 'off') AS run WHERE done NOT BETWEEN ok AND ok + open"},
    {"no due instant started a command twice",
     "SELECT format('%s: %s times', due, count(*)) FROM command_start GROUP BY due HAVING count(*) > 1"},
    {"a command's start is in one row, and each ok row has one",
     "SELECT format('%s %s: %s starts', run.due, outcome, count(c.due)) FROM headgate.run"
     " LEFT JOIN command_start AS c ON c.due BETWEEN run.due AND due_until WHERE task = 'command'"
     " GROUP BY run.due, outcome HAVING count(c.due) > (outcome NOT IN ('skipped', 'missed'))::int"
     " OR count(c.due) < (outcome = 'ok')::int"
     " UNION ALL SELECT format('%s: in no row', c.due) FROM command_start AS c WHERE NOT EXISTS"
     " (SELECT FROM headgate.run WHERE task = 'command' AND c.due BETWEEN run.due AND due_until)"},
    {"no message is answered twice",
     "SELECT format('message %s: by %s', message, array_agg(due)) FROM answer GROUP BY message HAVING count(*) > 1"},
    {"an ok row wrote all its answers, the others all or none",
     "SELECT format('%s %s: %s answers', run.due, outcome, count(answer.message)) FROM headgate.run"
     " LEFT JOIN answer ON answer.due BETWEEN run.due AND due_until WHERE task = 'staged' GROUP BY run.due, outcome"
     " HAVING count(answer.message) <> 3 AND (outcome = 'ok' OR count(answer.message) > 0)"
     " OR count(answer.message) > 0 AND outcome NOT IN ('ok', 'lost', 'unknown')"
     " UNION ALL SELECT format('answer of %s: in no row', due) FROM answer WHERE NOT EXISTS"
     " (SELECT FROM headgate.run WHERE task = 'staged' AND answer.due BETWEEN run.due AND due_until)"},
    {"the view shows what the table holds",
     "SELECT format('%s %s %s', task, due, outcome) FROM (SELECT task, due, due_until, outcome, occurrences FROM headgate.run"
     " WHERE occurrences IS NOT NULL EXCEPT ALL SELECT task, due, due_until, outcome, occurrences FROM headgate.history) AS missing"},
};

/* What the commands appended becomes a table. */
static void load_command_starts(const struct certainty *certainty) {
    char path[200], line[64], sql[160];
    snprintf(path, sizeof path, "%s/dues", folder(certainty->first));
    FILE *file = fopen(path, "r");
    if (!file)
        return;
    PGconn *conn = PQconnectdb(certainty->conninfo);
    PQclear(PQexec(conn, "TRUNCATE command_start"));
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        snprintf(sql, sizeof sql, "INSERT INTO command_start VALUES ('%s')", line);
        PGresult *result = PQexec(conn, sql);
        assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
        PQclear(result);
    }
    PQfinish(conn);
    fclose(file);
}

#define SHOWN_MOST 5

static bool holds(PGconn *conn, const struct check *check) {
    PGresult *result = PQexec(conn, check->sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", check->name, PQerrorMessage(conn));
    int count = PQntuples(result);
    for (int i = 0; i < count && i < SHOWN_MOST; i++)
        fprintf(stderr, "%s: %s\n", check->name, PQgetvalue(result, i, 0));
    if (count > SHOWN_MOST)
        fprintf(stderr, "%s: ... %d in all\n", check->name, count);
    PQclear(result);
    return count == 0;
}

static void show_outcomes(PGconn *conn) {
    PGresult *result = PQexec(conn, "SELECT format('%s: %s %s, %s occurrences', task, count(*), outcome, sum(occurrences))"
                                    " FROM headgate.history GROUP BY task, outcome ORDER BY task, outcome");
    for (int i = 0; i < PQntuples(result); i++)
        fprintf(stderr, "    %s\n", PQgetvalue(result, i, 0));
    PQclear(result);
}

/* Of several daemons each has its own overlap: a staged run of one may read what a run of another works on. */
static long find_faults(const struct certainty *certainty, const char *only, int daemon_count) {
    long faults = 0;
    if (!certainty->has_schema)
        load_command_starts(certainty);
    PGconn *conn = PQconnectdb(certainty->conninfo);
    if (!certainty->has_schema && !only)
        show_outcomes(conn);
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (only ? strcmp(only, checks[i].name) == 0
                 : daemon_count == 1 || strcmp(checks[i].name, "no message is answered twice") != 0)
            faults += !holds(conn, &checks[i]);
    PQfinish(conn);
    return faults;
}

long certainty_faults(const struct certainty *certainty, const char *only) {
    return find_faults(certainty, only, 1);
}
