/*
 * What is on record after the daemon did its work: each kind of task, what ended badly, what was not run, what was
 * due while no daemon ran, and what became of runs whose server went away. The table is read as a stranger would.
 */
#include "one_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A commit is durable, since servers are killed here; one that waits for a standby waits for ever, there is none. */
static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=30 synchronous_commit=local synchronous_standby_names=nobody");
    query(conninfo, "CREATE TABLE done (task text, at timestamptz DEFAULT clock_timestamp())");
    query(conninfo, "CREATE TABLE mode (commit text)");
    return 0;
}

/* --- what is on record --- */

static long runs(const char *format, ...) __attribute__((format(printf, 1, 2)));

static long runs(const char *format, ...) {
    char condition[1024], sql[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(condition, sizeof condition, format, arguments);
    va_end(arguments);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM headgate.run WHERE occurrences IS NOT NULL AND (%s)", condition);
    return query_number(conninfo, sql);
}

static long done(const char *task) {
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM done WHERE task = '%s'", task);
    return query_number(conninfo, sql);
}

static void assert_no_runs(const char *what) {
    const char *output;
    if (runs("%s", what) == 0)
        return;
    shell(&output, "psql -Xd '%s' -c 'SET timezone = UTC' -c \"SELECT * FROM headgate.run WHERE occurrences IS NOT NULL AND (%s) LIMIT 10\"", conninfo, what);
    fail_msg("rows that must not be: %s\n%s", what, output);
}

/* Each occurrence is in one row's range: a row begins where the one before it ended, and counts what it holds. */
static void assert_accounted(void) {
    const char *output;
    static const char gaps[] =
        " FROM (SELECT r.*, t.every_us * interval '1 microsecond' AS every,"
        " lag(r.due_until) OVER (PARTITION BY r.task ORDER BY r.due) AS last"
        " FROM headgate.run r JOIN headgate.task t ON t.name = r.task WHERE r.occurrences > 0) h"
        " WHERE due <> coalesce(last + every, due) OR due_until - due <> (occurrences - 1) * every";
    char sql[700];
    snprintf(sql, sizeof sql, "SELECT count(*)%s", gaps);
    if (query_number(conninfo, sql) == 0)
        return;
    shell(&output, "psql -Xd '%s' -c \"SELECT task, last, due, due_until, occurrences, outcome, reason%s\"", conninfo, gaps);
    fail_msg("occurrences that are in no row, or in two:\n%s", output);
}

static void begin_with(struct process *process, int size, const char *tasks) {
    query(conninfo, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS headgate CASCADE");
    query(conninfo, "TRUNCATE done");
    ini_write(process, "[pool p]\nconninfo = %s\nsize = %d\nhistory = on\n%s", conninfo, size, tasks);
    daemon_start(process);
    WAIT_UNTIL(process, history_is_on(process));
}

/* Of files with several pools, or none that is made yet: there is a table to look at. */
static bool has_table(void) {
    return query_number(conninfo, "SELECT count(*) FROM pg_tables WHERE schemaname = 'headgate' AND tablename = 'run'") == 1;
}

static void begin(struct process *process, const char *tasks) {
    begin_with(process, 4, tasks);
}

static void end_and_check(struct process *process) {
    assert_int_equal(daemon_end(process, SIGTERM), 0);
    assert_accounted();
    assert_no_runs("outcome IN ('running', 'unknown')");
    assert_no_runs("reason = 'no record of it was kept'");
}

/* --- each kind --- */

#define EVERY "every = 300ms\n"
#define TRANSACTIONAL "[task transactional]\n" EVERY "sql = INSERT INTO done VALUES ('transactional')\n"
#define COMMAND "[task command]\n" EVERY "command = psql -XAqtc \"INSERT INTO done VALUES ('command')\"\n"
#define OFF "[task off]\n" EVERY "transaction = off\nsql = INSERT INTO done SELECT 'off' FROM generate_series(1, 2)\n"
#define SEVERAL "[task several]\n" EVERY "sql =\n    INSERT INTO done VALUES ('several');\n    SELECT 1\n"
#define STAGED                                                                                                       \
    "[task staged]\n" EVERY "read = SELECT 1 AS id\nwork = sh -c 'sleep 0.05; cat'\n"                                \
    "write = INSERT INTO done SELECT 'staged' WHERE $1::jsonb ? 'id'\n"

static void history_has_every_kind_of_run(void **state) {
    (void)state;
    struct process process;
    static const char *const kinds[] = {"transactional", "command", "off", "several", "staged"};
    begin(&process, TRANSACTIONAL COMMAND OFF SEVERAL STAGED);
    for (size_t i = 0; i < 5; i++)
        WAIT_UNTIL(&process, runs("task = '%s' AND outcome = 'ok' AND finished IS NOT NULL", kinds[i]) >= 3);
    end_and_check(&process);
    for (size_t i = 0; i < 5; i++) {
        long ok = runs("task = '%s' AND outcome = 'ok'", kinds[i]);
        assert_int_equal(done(kinds[i]), strcmp(kinds[i], "off") == 0 ? 2 * ok : ok);
    }
    assert_no_runs("outcome NOT IN ('ok', 'skipped')");
    query(conninfo, "DELETE FROM headgate.run WHERE outcome = 'skipped'"); /* by overlap, on a slow machine */
    assert_no_runs("reason IS NOT NULL OR message IS NOT NULL OR attempts <> 1 OR tokens <> 1");
    assert_no_runs("daemon NOT LIKE '%/t.ini (%)'");
    assert_no_runs("(lateness_us >= 0 AND started - due BETWEEN '0' AND '1h') IS NOT TRUE");
    assert_no_runs("(finished - started BETWEEN '0' AND '1h') IS NOT TRUE");
    assert_no_runs("rows IS DISTINCT FROM CASE task WHEN 'command' THEN NULL WHEN 'off' THEN 2 ELSE 1 END AND task <> 'several'");
    assert_no_runs("(task = 'staged') <> (outside_us > 40000) OR (session_us > 0) IS NOT TRUE");
    assert_no_runs("finished - started < (session_us + outside_us - 1000) * interval '1 microsecond'");
}

static void history_of_what_cannot_share_a_transaction(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "CREATE OR REPLACE PROCEDURE twice() LANGUAGE plpgsql AS"
                    " 'BEGIN INSERT INTO done VALUES (''call''); COMMIT; INSERT INTO done VALUES (''call''); END'");
    begin(&process, "[task vacuum]\n" EVERY "transaction = off\nsql = VACUUM done\n"
                    "[task call]\n" EVERY "transaction = off\nsql = CALL twice()\n");
    WAIT_UNTIL(&process, runs("task = 'vacuum' AND outcome = 'ok'") >= 3 && runs("task = 'call' AND outcome = 'ok'") >= 3);
    end_and_check(&process);
    assert_no_runs("outcome NOT IN ('ok', 'skipped')");
    assert_int_equal(done("call"), 2 * runs("task = 'call' AND outcome = 'ok'"));
}

/* Four occurrences that are still to come; false: the daemon was there first, with one of them. */
static bool claim_as_another(void) {
    PGconn *conn = PQconnectdb(conninfo);
    PGresult *result =
        PQexec(conn, "INSERT INTO headgate.run (service, task, due, due_until, occurrences, started, finished, outcome,"
                     " daemon) SELECT 't', 'off', at, at, 1, at, at, 'ok', 'another'"
                     " FROM (SELECT max(due_until) AS last FROM headgate.run) AS r,"
                     " generate_series(last + interval '900ms', last + interval '1800ms', '300ms') AS at");
    bool claimed = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    depart(conn);
    return claimed;
}

/* Its text is sent behind its claim, and the server skips it. */
static void history_of_what_another_daemon_has_claimed_runs_nothing(void **state) {
    (void)state;
    struct process process;
    begin(&process, OFF "phase = 0s\n");
    WAIT_UNTIL(&process, runs("outcome = 'ok'") >= 2);
    WAIT_UNTIL(&process, claim_as_another());
    WAIT_UNTIL(&process, runs("outcome = 'ok' AND due > (SELECT max(due) FROM headgate.run WHERE daemon = 'another')") >= 2);
    end_and_check(&process);
    assert_int_equal(runs("daemon = 'another'"), 4);
    assert_int_equal(done("off"), 2 * runs("outcome = 'ok' AND daemon <> 'another'"));
}

static void history_says_why_a_run_failed_or_was_skipped(void **state) {
    (void)state;
    struct process process;
    begin(&process, "[task fails]\n" EVERY "sql = SELECT 1/0\n"
                    "[task exits]\n" EVERY "command = sh -c 'echo no paper >&2; exit 3'\n"
                    "[task hangs]\nevery = 1s\ntimeout = 200ms\nsql = SELECT pg_sleep(1000)\n"
                    "[task long]\n" EVERY "sql = SELECT pg_sleep(0.8)\n");
    WAIT_UNTIL(&process, runs("task = 'fails' AND outcome = 'failed' AND message = 'division by zero'") >= 2);
    WAIT_UNTIL(&process, runs("task = 'exits' AND outcome = 'failed' AND message LIKE '%%3%%'") >= 2);
    WAIT_UNTIL(&process, runs("task = 'hangs' AND outcome = 'failed' AND reason = 'timeout'"
                              " AND finished - started >= '190ms'") >= 2);
    WAIT_UNTIL(&process, runs("task = 'long' AND outcome = 'skipped' AND started IS NULL"
                              " AND reason = 'its own run is under way (overlap = skip)'") >= 2);
    end_and_check(&process);
    assert_no_runs("outcome = 'ok' AND task <> 'long'");
}

/* The occurrence goes into the environment, and it is the one on record. */
static void history_names_the_occurrence_that_a_command_was_told(void **state) {
    (void)state;
    struct process process;
    begin(&process, "[task told]\n" EVERY "command = sh -c 'psql -XAqtc \"INSERT INTO done VALUES (\\$\\$told\\$\\$, \\$\\$$HEADGATE_DUE\\$\\$)\"'\n");
    WAIT_UNTIL(&process, runs("task = 'told' AND outcome = 'ok'") >= 3);
    end_and_check(&process);
    assert_no_runs("outcome NOT IN ('ok', 'skipped')"); /* a slow machine skips by overlap */
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM (SELECT due FROM headgate.run WHERE outcome = 'ok') AS r"
                                            " FULL JOIN done d ON d.at = r.due WHERE d.at IS NULL OR r.due IS NULL"), 0);
}

static void history_has_what_was_triggered_by_hand(void **state) {
    (void)state;
    struct process process;
    begin(&process, "[task yearly]\nevery = 365d\nsql = INSERT INTO done VALUES ('yearly')\n"
                    "[task backup]\nevery = 365d\ncommand = true\n");
    assert_int_equal(shell(NULL, "headgate trigger %s yearly && headgate trigger %s backup", process.ini, process.ini), 0);
    WAIT_UNTIL(&process, runs("occurrences = 0 AND outcome = 'ok' AND finished IS NOT NULL") == 2);
    assert_int_equal(shell(NULL, "headgate trigger %s yearly", process.ini), 0);
    WAIT_UNTIL(&process, runs("task = 'yearly' AND occurrences = 0 AND outcome = 'ok'") == 2);
    end_and_check(&process);
    assert_int_equal(done("yearly"), 2);
    assert_no_runs("due <> due_until OR occurrences <> 0");
}

/* --- the daemon goes and comes --- */

static void history_turned_on_by_a_reload(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS headgate CASCADE");
    query(conninfo, "TRUNCATE done");
    ini_write(&process, "[pool p]\nconninfo = %s\n" TRANSACTIONAL COMMAND, conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, done("transactional") >= 2 && done("command") >= 2);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM pg_namespace WHERE nspname = 'headgate'"), 0);
    ini_rewrite(&process, "[pool p]\nconninfo = %s\nhistory = on\n" TRANSACTIONAL COMMAND, conninfo);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM pg_tables WHERE schemaname = 'headgate' AND tablename = 'run'") == 1);
    WAIT_UNTIL(&process, runs("outcome = 'ok' AND task = 'transactional'") >= 3 && runs("outcome = 'ok' AND task = 'command'") >= 3);
    end_and_check(&process);
}

static void history_clean_restarts_lose_and_repeat_nothing(void **state) {
    (void)state;
    struct process process;
    begin(&process, TRANSACTIONAL COMMAND OFF STAGED);
    for (int i = 1; i <= 3; i++) {
        WAIT_UNTIL(&process, runs("outcome = 'ok' AND task = 'transactional'") >= 3 * i && runs("outcome = 'ok' AND task = 'staged'") >= 2 * i);
        assert_int_equal(daemon_end(&process, SIGTERM), 0);
        assert_accounted();
        daemon_start(&process);
    }
    WAIT_UNTIL(&process, history_is_on(&process));
    end_and_check(&process);
    assert_no_runs("outcome NOT IN ('ok', 'skipped')"); /* a slow machine skips by overlap */
#define OK_OF(task) runs("outcome = 'ok' AND task = '%s'", task)
    assert_int_equal(done("transactional"), OK_OF("transactional"));
    assert_int_equal(done("command"), OK_OF("command"));
    assert_int_equal(done("off"), 2 * OK_OF("off"));
    assert_int_equal(done("staged"), OK_OF("staged"));
}

static void history_says_what_was_missed(void **state) {
    (void)state;
    struct process process;
    static const char *const tasks[] = {"once", "each", "none"};
    begin(&process, "[task once]\n" EVERY "sql = SELECT 1\n[task each]\n" EVERY "catch_up = all\nsql = SELECT 1\n"
                    "[task none]\n" EVERY "catch_up = skip\nsql = SELECT 1\n");
    for (size_t i = 0; i < 3; i++)
        WAIT_UNTIL(&process, runs("task = '%s' AND outcome = 'ok'", tasks[i]) >= 2);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    query(conninfo, "SET client_min_messages = warning; DROP TABLE IF EXISTS ended; CREATE TABLE ended AS SELECT task, max(due_until) AS due_until FROM headgate.run GROUP BY 1");
    WAIT_UNTIL(NULL, query_number(conninfo, "SELECT (min(now() - due_until) > '1500ms')::int FROM (SELECT max(due_until) AS due_until FROM headgate.run GROUP BY task) r"));
    daemon_start(&process);
#define NEXT "task = '%s' AND due = (SELECT e.due_until FROM ended e WHERE e.task = run.task) + interval '300ms'"
    WAIT_UNTIL(&process, runs(NEXT " AND outcome = 'ok' AND occurrences >= 4", "once") == 1);
    WAIT_UNTIL(&process, runs(NEXT " AND outcome = 'missed' AND occurrences >= 4 AND reason = 'no daemon ran' AND started IS NULL", "none") == 1);
    WAIT_UNTIL(&process, runs(NEXT " AND outcome = 'ok' AND occurrences = 1", "each") == 1);
    WAIT_UNTIL(&process, runs("task = 'each' AND outcome = 'ok' AND occurrences = 1 AND started - due > '200ms'") >= 4);
    for (size_t i = 0; i < 3; i++) {
        long ok = runs("task = '%s' AND outcome = 'ok'", tasks[i]);
        WAIT_UNTIL(&process, runs("task = '%s' AND outcome = 'ok'", tasks[i]) >= ok + 2);
    }
    end_and_check(&process);
    assert_no_runs("outcome NOT IN ('ok', 'missed', 'skipped') OR (outcome = 'missed' AND task <> 'none')");
}

/* A machine that is off whenever a task is due: from when the task was first known on, it is caught up. */
static void history_catches_up_what_was_due_before_the_first_run(void **state) {
    (void)state;
    struct process process;
    begin(&process, "[task nightly]\nevery = 365d\nphase = 0\nsql = INSERT INTO done VALUES ('nightly')\n");
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(runs("true"), 0);
    query(conninfo, "UPDATE headgate.task SET known = known - interval '2 years'");
    daemon_start(&process);
    WAIT_UNTIL(&process, runs("outcome = 'ok' AND occurrences = 2 AND finished IS NOT NULL") == 1);
    end_and_check(&process);
    assert_int_equal(done("nightly"), 1);
    assert_no_runs("NOT lateness_us BETWEEN (extract(epoch FROM started - due) - 1) * 1000000"
                   " AND (extract(epoch FROM started - due) + 1) * 1000000");
    daemon_start(&process);
    WAIT_UNTIL(&process, history_is_on(&process));
    end_and_check(&process);
    assert_int_equal(done("nightly"), 1);
}

/* Two pools on one database: as one of them reads its history again, a run of the other is no lost one. */
static void history_of_two_pools_under_a_reload(void **state) {
    (void)state;
    struct process process;
    char go[200];
    query(conninfo, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS headgate CASCADE");
    query(conninfo, "TRUNCATE done");
    ini_write(&process, "x");
    snprintf(go, sizeof go, "%s.go", process.ini);
    ini_rewrite(&process, "[pool p]\nconninfo = %s\nhistory = on\n[pool q]\nconninfo = %s\nhistory = on\n"
                "[task staged]\nevery = 365d\npool = p\nread = SELECT 1 AS id\nwork = sh -c 'until [ -e %s ]; do sleep 0.1; done; cat'\n"
                "write = INSERT INTO done SELECT 'staged' WHERE $1::jsonb ? 'id'\n"
                "[task other]\nevery = 300ms\npool = q\nsql = SELECT 1\n", conninfo, conninfo, go);
    daemon_start(&process);
    WAIT_UNTIL(&process, has_table());
    WAIT_UNTIL(&process, runs("task = 'other' AND outcome = 'ok'") >= 2);
    assert_int_equal(shell(NULL, "headgate trigger %s staged", process.ini), 0);
    WAIT_UNTIL(&process, runs("task = 'staged' AND outcome = 'running'") == 1 && strcmp(task_text(&process, "staged", "state"), "working") == 0);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reloaded") == 1);
    long ok = runs("task = 'other' AND outcome = 'ok'");
    WAIT_UNTIL(&process, runs("task = 'other' AND outcome = 'ok'") >= ok + 5);
    assert_int_equal(runs("task = 'staged' AND outcome = 'running'"), 1);
    shell(NULL, "touch %s", go);
    WAIT_UNTIL(&process, runs("task = 'staged' AND outcome = 'ok' AND finished IS NOT NULL") == 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(done("staged"), 1);
    assert_no_runs("outcome NOT IN ('ok', 'skipped')");
}

/* Another phase under a run: it has one row, that which it was started with. */
static void history_of_a_run_whose_phase_a_reload_changes(void **state) {
    (void)state;
    struct process process;
    char go[200];
    query(conninfo, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS headgate CASCADE");
    ini_write(&process, "x");
    snprintf(go, sizeof go, "%s.go", process.ini);
#define WAITS_FOR_GO "[pool p]\nconninfo = %s\nhistory = on\n[task waits]\nevery = 2s\nphase = %dms\n" \
                     "command = sh -c 'until [ -e %s ]; do sleep 0.1; done'\n"
    ini_rewrite(&process, WAITS_FOR_GO, conninfo, 0, go);
    daemon_start(&process);
    WAIT_UNTIL(&process, has_table());
    WAIT_UNTIL(&process, runs("outcome = 'running'") == 1);
    ini_rewrite(&process, WAITS_FOR_GO, conninfo, 1000, go);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reloaded") == 1);
    shell(NULL, "touch %s", go);
    WAIT_UNTIL(&process, runs("outcome = 'ok' AND finished IS NOT NULL") >= 3);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_no_runs("outcome NOT IN ('ok', 'skipped')");
    assert_int_equal(runs("outcome = 'ok' AND extract(epoch FROM due)::bigint %% 2 = 0"), 1);
}

/* Another database under a staged run: what it read in the first one is written there, and on record there. */
static void history_of_a_run_whose_database_a_reload_changes(void **state) {
    (void)state;
    struct process process;
    char go[200], other[700];
    query(conninfo, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS headgate CASCADE");
    query(conninfo, "TRUNCATE done");
    query(conninfo, "CREATE DATABASE other");
    snprintf(other, sizeof other, "%s dbname=other", conninfo);
    query(other, "CREATE TABLE done (task text, at timestamptz DEFAULT clock_timestamp())");
    ini_write(&process, "x");
    snprintf(go, sizeof go, "%s.go", process.ini);
#define READS_AND_WRITES "[pool p]\nconninfo = %s\nhistory = on\n" \
    "[task staged]\nevery = 365d\nread = SELECT 1 AS id\nwork = sh -c 'until [ -e %s ]; do sleep 0.1; done; cat'\n" \
    "write = INSERT INTO done SELECT 'staged' WHERE $1::jsonb ? 'id'\n" \
    "[task tick]\nevery = 300ms\nsql = INSERT INTO done VALUES ('tick')\n"
    ini_rewrite(&process, READS_AND_WRITES, conninfo, go);
    daemon_start(&process);
    WAIT_UNTIL(&process, has_table());
    WAIT_UNTIL(&process, runs("task = 'tick' AND outcome = 'ok'") >= 2);
    assert_int_equal(shell(NULL, "headgate trigger %s staged", process.ini), 0);
    WAIT_UNTIL(&process, runs("task = 'staged' AND outcome = 'running'") == 1 && strcmp(task_text(&process, "staged", "state"), "working") == 0);
    ini_rewrite(&process, READS_AND_WRITES, other, go);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, query_number(other, "SELECT count(*) FROM done WHERE task = 'tick'") >= 2);
    shell(NULL, "touch %s", go);
    WAIT_UNTIL(&process, runs("task = 'staged' AND outcome = 'ok' AND finished IS NOT NULL") == 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(done("staged"), 1);
    assert_int_equal(query_number(other, "SELECT count(*) FROM done WHERE task = 'staged'"), 0);
    assert_int_equal(query_number(other, "SELECT count(*) FROM headgate.run WHERE task = 'staged'"), 0);
    assert_int_equal(query_number(other, "SELECT count(*) FROM headgate.run WHERE outcome NOT IN ('ok', 'skipped', 'within')"), 0);
    query(conninfo, "DROP DATABASE other");
}

/* The pool has another name, then `spool` another place, in a reload and while no daemon runs: what waited in a file is found,
 * and nothing is done again. */
static void history_finds_what_was_left_in_files(void **state) {
    (void)state;
    struct process process;
    char spool[3][220];
    query(conninfo, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS headgate CASCADE");
    query(conninfo, "TRUNCATE done");
    ini_write(&process, "x");
    for (int i = 0; i < 3; i++) {
        snprintf(spool[i], sizeof spool[i], "%s.spool%d", process.ini, i);
        assert_int_equal(shell(NULL, "mkdir %s", spool[i]), 0);
    }
#define SPOOLED "[headgate]\nspool = %s\n[pool %s]\nconninfo = %s\nhistory = on\n[task transactional]\nevery = 1s\n" \
                "sql = INSERT INTO done VALUES ('transactional')\n"
    ini_rewrite(&process, SPOOLED, spool[0], "first", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, has_table());
    WAIT_UNTIL(&process, runs("outcome = 'ok'") >= 2);
    /* nothing more is recorded */
    query(conninfo, "ALTER TABLE headgate.run RENAME TO away");
    long before = done("transactional");
    WAIT_UNTIL(&process, done("transactional") >= before + 2);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(shell(NULL, "ls %s/*.history", spool[0]), 0);
    assert_true(daemon_log_count(&process, "event=history_spooled") >= 1);
    ini_rewrite(&process, SPOOLED, spool[0], "second", conninfo);
    daemon_start(&process);
    assert_int_equal(daemon_log_count(&process, "event=history_found"), 1);
    before = done("transactional");
    WAIT_UNTIL(&process, done("transactional") >= before + 2);
    ini_rewrite(&process, SPOOLED, spool[1], "second", conninfo);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reloaded") == 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(shell(NULL, "ls %s/*.history", spool[0]) != 0, 1);
    assert_int_equal(shell(NULL, "ls %s/*.history", spool[1]), 0);
    ini_rewrite(&process, SPOOLED, spool[2], "second", conninfo); /* nobody runs meanwhile */
    query(conninfo, "ALTER TABLE headgate.away RENAME TO run");
    daemon_start(&process);
    assert_int_equal(daemon_log_count(&process, "event=history_found"), 2);
    WAIT_UNTIL(&process, history_is_on(&process));
    WAIT_UNTIL(&process, runs("outcome = 'ok'") >= before + 4);
    end_and_check(&process);
    assert_int_equal(done("transactional"), runs("outcome = 'ok'"));
    assert_int_equal(shell(NULL, "ls %s/*.history", spool[1]) != 0, 1);
    /* nothing is left, so nobody misses a folder that has gone */
    assert_int_equal(shell(NULL, "rmdir %s", spool[2]), 0);
    ini_rewrite(&process, SPOOLED, spool[0], "second", conninfo);
    daemon_start(&process);
    assert_int_equal(daemon_log_count(&process, "event=history_spool_unusable"), 0);
    /* killed, it has said nothing: what it may have left is missed */
    daemon_kill(&process);
    assert_int_equal(shell(NULL, "rmdir %s", spool[0]), 0);
    ini_rewrite(&process, SPOOLED, spool[1], "second", conninfo);
    daemon_start(&process);
    assert_int_equal(daemon_log_count(&process, "records may wait there, and it cannot be read"), 1);
    end_and_check(&process);
}

static void history_ends_what_a_killed_daemon_left(void **state) {
    (void)state;
    struct process process;
    begin(&process, "[task off]\n" EVERY "transaction = off\nsql = SELECT pg_sleep(1000)\n"
                    "[task command]\n" EVERY "command = sleep 1000\n" TRANSACTIONAL);
    WAIT_UNTIL(&process, runs("outcome = 'running'") == 2 && runs("outcome = 'ok'") >= 2);
    assert_int_equal(daemon_end(&process, SIGKILL), 1000 + SIGKILL);
    daemon_start(&process);
    WAIT_UNTIL(&process, runs("outcome = 'lost' AND reason = 'the daemon was killed while it ran'") == 2);
    WAIT_UNTIL(&process, runs("outcome = 'running'") == 2 && strcmp(task_text(&process, "command", "state"), "running") == 0);
    kill(process.pid, SIGINT);
    assert_int_equal(daemon_end(&process, SIGTERM), 0); /* in a hurry: what it cancels goes to the file */
    ini_rewrite(&process, "[pool p]\nconninfo = %s\nhistory = on\n[task other]\nevery = 365d\nsql = SELECT 1\n", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, runs("outcome = 'failed' AND reason = 'cancelled: the daemon was told to stop'") == 2);
    end_and_check(&process);
    assert_int_equal(done("transactional"), runs("task = 'transactional' AND outcome = 'ok'"));
}

/* A cancelled run takes its session with it, and its token as long as that closes; what became of it is on record all the same. */
static void history_has_what_ended_last_before_a_stop(void **state) {
    (void)state;
    struct process process;
    for (int size = 1; size <= 2; size++) {
        begin_with(&process, size, "[task off]\nevery = 1h\nphase = 0\ncatch_up = skip\ntransaction = off\ntimeout = 2s\n"
                                   "hold_after = 0\nsql = SELECT pg_sleep(1000)\n");
        assert_int_equal(shell(NULL, "headgate trigger %s off", process.ini), 0);
        WAIT_UNTIL(&process, runs("started IS NOT NULL") == 1); /* and it runs, unless this took more than its timeout */
        end_and_check(&process);
        assert_int_equal(runs("outcome = 'failed' AND reason = 'timeout' AND finished IS NOT NULL"), 1);
    }
}

static void history_gives_back_what_was_learned(void **state) {
    (void)state;
    struct process process;
    begin(&process, "[task slow]\n" EVERY "sql = SELECT pg_sleep(0.1)\n[task fails]\n" EVERY "sql = SELECT 1/0\n");
    WAIT_UNTIL(&process, task_number(&process, "slow", "ok") >= 4 && task_number(&process, "fails", "failed") >= 4);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    ini_rewrite(&process, "[pool p]\nconninfo = %s\nhistory = on\n[task slow]\nevery = 365d\ncatch_up = skip\nsql = SELECT pg_sleep(0.1)\n"
                          "[task fails]\nevery = 365d\ncatch_up = skip\nsql = SELECT 1/0\n", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, history_is_on(&process));
    assert_int_equal(task_number(&process, "slow", "ok"), runs("task = 'slow' AND outcome = 'ok'"));
    assert_int_equal(task_number(&process, "fails", "failed"), runs("task = 'fails' AND outcome = 'failed'"));
    assert_true(task_number(&process, "slow", "expected") >= 100000);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* --- the server goes and comes --- */

#define NOT_DONE "not done: its connection was lost before it was committed"

static void history_of_what_ended_while_the_server_was_away(void **state) {
    (void)state;
    struct process process;
    char tasks[512];
    snprintf(tasks, sizeof tasks, "[task long]\n" EVERY "command = sh -c 'while [ ! -e %s/go ]; do sleep 0.05; done'\n" TRANSACTIONAL, server.directory);
    begin(&process, tasks);
    WAIT_UNTIL(&process, runs("task = 'long' AND outcome = 'running'") == 1 && runs("outcome = 'ok'") >= 1);
    server_do(&server, "stop", "fast");
    assert_int_equal(shell(NULL, "touch %s/go", server.directory), 0);
    WAIT_UNTIL(&process, task_number(&process, "long", "ok") == 1);
    int64_t since_us = clock_us();
    WAIT_UNTIL(NULL, clock_us() - since_us > 2000000);
    server_do(&server, "restart", "fast");
    WAIT_UNTIL(&process, runs("task = 'long' AND outcome = 'ok' AND finished IS NOT NULL") >= 3);
    WAIT_UNTIL(&process, runs("task = 'transactional' AND outcome = 'ok' AND occurrences >= 4") >= 1);
    end_and_check(&process);
    assert_int_equal(done("transactional"), runs("task = 'transactional' AND outcome = 'ok'"));
    /* It met the stop: on its way, or with an answer that says so. */
    assert_no_runs("outcome NOT IN ('ok', 'skipped') AND reason IS DISTINCT FROM '" NOT_DONE "'"
                   " AND message IS DISTINCT FROM 'terminating connection due to administrator command'");
}

#define COMMITS "[task commits]\n" EVERY "sql = INSERT INTO done SELECT 'commits' FROM set_config('synchronous_commit', (SELECT commit FROM mode), true)\n"

static void kill_server(struct process *process, const char *waits_for) {
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = '%s' AND application_name LIKE 'headgate%%'", waits_for);
    WAIT_UNTIL(process, query_number(conninfo, sql) >= 1);
    query(conninfo, "UPDATE mode SET commit = 'local'");
    server_do(&server, "restart", "immediate");
}

/* It was committed, and its answer never came: it waited for a standby. */
static void history_resolves_a_commit_whose_answer_was_lost(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE mode; INSERT INTO mode VALUES ('local')");
    begin(&process, COMMITS);
    WAIT_UNTIL(&process, done("commits") >= 1);
    query(conninfo, "UPDATE mode SET commit = 'on'");
    kill_server(&process, "SyncRep");
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=unknown") == 1 && daemon_log_count(&process, "event=resolved") == 1);
    assert_int_equal(daemon_log_count(&process, "outcome=ok"), 1);
    WAIT_UNTIL(&process, task_number(&process, "commits", "failed") == 0); /* the dump goes by what became of it */
    WAIT_UNTIL(&process, runs("outcome = 'ok' AND started > pg_postmaster_start_time()") >= 2);
    end_and_check(&process);
    assert_int_equal(done("commits"), runs("outcome = 'ok'"));
    assert_no_runs("outcome NOT IN ('ok', 'skipped')");
}

/* It was asked to commit, and did not: what it deferred took too long. */
static void history_resolves_a_commit_that_was_not_reached(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                    " IF (SELECT commit FROM mode) = 'on' THEN PERFORM pg_sleep(1000); END IF; RETURN NULL; END $$;"
                    " CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON done DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION linger();"
                    " TRUNCATE mode; INSERT INTO mode VALUES ('local')");
    begin(&process, TRANSACTIONAL);
    WAIT_UNTIL(&process, done("transactional") >= 1);
    query(conninfo, "UPDATE mode SET commit = 'on'");
    kill_server(&process, "PgSleep");
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=unknown") == 1 && daemon_log_count(&process, "event=resolved") == 1);
    assert_int_equal(daemon_log_count(&process, "outcome=failed"), 1);
    WAIT_UNTIL(&process, runs("outcome = 'ok' AND started > pg_postmaster_start_time()") >= 2);
    end_and_check(&process);
    assert_int_equal(done("transactional"), runs("outcome = 'ok'"));
    assert_int_equal(runs("outcome = 'failed' AND reason = '" NOT_DONE "'"), 1);
    assert_no_runs("outcome NOT IN ('ok', 'failed', 'skipped')");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(history_has_every_kind_of_run, tidy),
        cmocka_unit_test_teardown(history_of_what_cannot_share_a_transaction, tidy),
        cmocka_unit_test_teardown(history_of_what_another_daemon_has_claimed_runs_nothing, tidy),
        cmocka_unit_test_teardown(history_says_why_a_run_failed_or_was_skipped, tidy),
        cmocka_unit_test_teardown(history_names_the_occurrence_that_a_command_was_told, tidy),
        cmocka_unit_test_teardown(history_has_what_was_triggered_by_hand, tidy),
        cmocka_unit_test_teardown(history_turned_on_by_a_reload, tidy),
        cmocka_unit_test_teardown(history_clean_restarts_lose_and_repeat_nothing, tidy),
        cmocka_unit_test_teardown(history_says_what_was_missed, tidy),
        cmocka_unit_test_teardown(history_catches_up_what_was_due_before_the_first_run, tidy),
        cmocka_unit_test_teardown(history_of_two_pools_under_a_reload, tidy),
        cmocka_unit_test_teardown(history_of_a_run_whose_phase_a_reload_changes, tidy),
        cmocka_unit_test_teardown(history_of_a_run_whose_database_a_reload_changes, tidy),
        cmocka_unit_test_teardown(history_finds_what_was_left_in_files, tidy),
        cmocka_unit_test_teardown(history_ends_what_a_killed_daemon_left, tidy),
        cmocka_unit_test_teardown(history_has_what_ended_last_before_a_stop, tidy),
        cmocka_unit_test_teardown(history_gives_back_what_was_learned, tidy),
        cmocka_unit_test_teardown(history_of_what_ended_while_the_server_was_away, tidy),
        cmocka_unit_test_teardown(history_resolves_a_commit_whose_answer_was_lost, tidy),
        cmocka_unit_test_teardown(history_resolves_a_commit_that_was_not_reached, tidy),
    };
    return run_all(tests, start, stop);
}
