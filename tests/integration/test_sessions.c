/*
 * What runs on sessions: never more of them than tokens, never a dirty one, each kind of text in its protocol.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static struct server server;
static const char *conninfo = server.conninfo;

#define OURS "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'"

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=30");
    query(conninfo, "CREATE TABLE done (task text, note text, at timestamptz DEFAULT clock_timestamp())");
    query(conninfo, "CREATE PROCEDURE commits() LANGUAGE plpgsql AS"
                    " $$ BEGIN INSERT INTO done VALUES ('commits', '1'); COMMIT; END $$");
    query(conninfo, "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent"
                    " DEFERRABLE INITIALLY DEFERRED)");
    return 0;
}

static int stop(void **state) {
    (void)state;
    server_destroy(&server);
    return 0;
}

static void sessions_forty_sleepers_stay_within_size(void **state) {
    (void)state;
    char tasks[8192] = "";
    for (int i = 0; i < 40; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task t%d]\nevery = 1s\nsql = SELECT pg_sleep(0.3)\n", i);
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 4\n%s", conninfo, tasks);
    daemon_start(&process);
    PGconn *conn = PQconnectdb(conninfo);
    long most = 0;
    for (int64_t since_us = clock_us(); clock_us() - since_us < 4000000;) {
        PGresult *result = PQexec(conn, OURS);
        long now = strtol(PQgetvalue(result, 0, 0), NULL, 10);
        most = now > most ? now : most;
        PQclear(result);
    }
    PQfinish(conn);
    assert_int_equal(most, 4);
    const char *output;
    assert_int_equal(shell(&output, "headgate status %s", process.ini), 0);
    assert_non_null(strstr(output, "no token: 4 of 4 taken, longest t"));
    assert_non_null(strstr(output, "in line"));
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(query_number(conninfo, OURS), 0);
}

static void sessions_size_one_runs_every_task(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 1\n[task a]\nevery = 100ms\nsql = SELECT 1\n[task b]\nevery = 200ms\n"
              "sql = SELECT 1; SELECT 2\n[task c]\nevery = 300ms\ncommand = true\n",
              conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "a", "ok") >= 5 && task_number(&process, "b", "ok") >= 5 &&
                             task_number(&process, "c", "ok") >= 5);
    assert_int_equal(pool_number(&process, "p", "peak"), 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void sessions_dirty_run_is_cleaned_before_the_next(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE done");
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 1\n[task dirty]\nevery = 100ms\nsql =\n"
              "    CREATE TEMP TABLE left_behind (x int);\n"
              "    LISTEN left_behind;\n"
              "    PREPARE left_behind AS SELECT 1;\n"
              "    SELECT set_config('headgate.left', 'x', false), pg_advisory_lock(42)\n"
              "[task quiet]\nevery = 100ms\nsql =\n"
              "    SELECT set_config('headgate.left', 'x', false), pg_advisory_lock(43)\n"
              "[task look]\nevery = 100ms\nsql =\n"
              "    INSERT INTO done SELECT 'look', concat(nullif(current_setting('headgate.left', true), ''),\n"
              "    (SELECT string_agg(objid::text, ',') FROM pg_locks WHERE locktype = 'advisory'),\n"
              "    (SELECT string_agg(relname, ',') FROM pg_class WHERE relnamespace = pg_my_temp_schema()),\n"
              "    (SELECT string_agg(c, ',') FROM pg_listening_channels() c),\n"
              "    (SELECT string_agg(name, ',') FROM pg_prepared_statements WHERE from_sql))\n",
              conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "look", "ok") >= 10);
    assert_true(task_number(&process, "dirty", "ok") >= 5);
    assert_true(task_number(&process, "quiet", "ok") >= 5);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM done WHERE note <> ''"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void sessions_transaction_holds_or_says_which_key(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE done");
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 2\n"
              "[task half]\nevery = 200ms\nsql = INSERT INTO done VALUES ('half'); SELECT 1/0\n"
              "[task vacuum_on]\nevery = 200ms\nsql = VACUUM done\n"
              "[task vacuum_off]\nevery = 200ms\nsql = VACUUM done\ntransaction = off\n"
              "[task call_on]\nevery = 200ms\nsql = CALL commits()\n"
              "[task call_off]\nevery = 200ms\nsql = CALL commits()\ntransaction = off\n"
              "[task deferred]\nevery = 200ms\nsql = INSERT INTO child VALUES (1)\n"
              "[task leak]\nevery = 200ms\nsql = BEGIN\ntransaction = off\n"
              "[task leaks]\nevery = 200ms\nsql = SELECT 1; BEGIN\ntransaction = off\n"
              "[task commits]\nevery = 200ms\nsql = SELECT 1; COMMIT\n",
              conninfo);
    daemon_start(&process);
    static const char *const failing[][2] = {
        {"half", "22012"},       {"vacuum_on", "transaction = off"}, {"call_on", "transaction = off"},
        {"deferred", "23503"},   {"leak", "transaction command"},    {"leaks", "leaves a transaction open"},
        {"commits", "ended the transaction"},
    };
    for (size_t i = 0; i < sizeof failing / sizeof *failing; i++) {
        WAIT_UNTIL(&process, task_number(&process, failing[i][0], "failed") >= 3 &&
                                 strstr(task_text(&process, failing[i][0], "note"), failing[i][1]));
        assert_int_equal(task_number(&process, failing[i][0], "ok"), 0);
    }
    WAIT_UNTIL(&process, task_number(&process, "vacuum_off", "ok") >= 3 && task_number(&process, "call_off", "ok") >= 3);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM done WHERE task = 'half'"), 0);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM child"), 0);
    assert_true(query_number(conninfo, "SELECT count(*) FROM done WHERE task = 'commits'") >= 3);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void sessions_failure_is_told_once_and_its_end_too(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "DROP TABLE IF EXISTS comes_later");
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 1\n[task t]\nevery = 100ms\nsql =\n    SELECT 1,\n    2\n    FROM comes_later\n",
              conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "t", "failed") >= 5);
    assert_int_equal(daemon_log_count(&process, "event=failed"), 1);
    assert_int_equal(daemon_log_count(&process, "sqlstate=42P01"), 1);
    assert_int_equal(daemon_log_count(&process, "line=3"), 1);
    query(conninfo, "CREATE TABLE comes_later (x int)");
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=recovered") == 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* Whatever these do, the heartbeat goes on. */
static void sessions_hostile_texts_leave_others_on_time(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 4\n[task beat]\nevery = 200ms\nsql = SELECT 1\n"
              "[task copy_out]\nevery = 1s\nsql = COPY (SELECT generate_series(1, 1000000)) TO STDOUT\n"
              "[task copy_in]\nevery = 1s\nsql = COPY done FROM STDIN\n"
              "[task copy_later]\nevery = 1s\nsql = SELECT 1; COPY done FROM STDIN\n"
              "[task flood]\nevery = 1h\nphase = %lds\nsql =\n"
              "    DO $$ BEGIN FOR i IN 1..1000000 LOOP RAISE NOTICE 'notice %%', i; END LOOP; END $$\n"
              "[task slow]\nevery = 1h\nphase = %lds\nsql =\n"
              "    SELECT 1; DO $$ BEGIN RAISE NOTICE 'x'; END $$; SELECT pg_sleep(60)\n"
              "[task rows]\nevery = 1h\nphase = %lds\nsql = SELECT i, repeat('x', 200) FROM generate_series(1, 3000000) i\n",
              conninfo, query_number(conninfo, "SELECT (extract(epoch FROM now())::bigint + 3) % 3600"),
              query_number(conninfo, "SELECT (extract(epoch FROM now())::bigint + 2) % 3600"),
              query_number(conninfo, "SELECT (extract(epoch FROM now())::bigint + 3) % 3600"));
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "slow", "running") == 1);
    WAIT_UNTIL(&process, task_number(&process, "flood", "ok") == 1 && task_number(&process, "rows", "ok") == 1);
    WAIT_UNTIL(&process, task_number(&process, "copy_out", "failed") >= 2 && task_number(&process, "copy_in", "failed") >= 2 &&
                             task_number(&process, "copy_later", "failed") >= 2);
    assert_non_null(strstr(task_text(&process, "copy_out", "note"), "COPY"));
    assert_non_null(strstr(task_text(&process, "copy_later", "note"), "COPY"));
    assert_int_equal(task_number(&process, "slow", "running"), 1);
    assert_int_equal(task_number(&process, "beat", "failed"), 0);
    assert_in_range(task_number(&process, "beat", "skipped"), 0, 5); /* a busy machine may be 200 ms late */
    assert_true(task_number(&process, "beat", "late_p99") < 1000000);
    char memory[64];
    snprintf(memory, sizeof memory, "awk '/VmHWM/ {print $2}' /proc/%d/status", (int)process.pid);
    const char *output;
    shell(&output, "%s", memory);
    assert_in_range(strtol(output, NULL, 10), 1, 600000); /* KiB, the sanitizers' own included; 3 million rows are more */
    kill(process.pid, SIGINT);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void sessions_idle_and_old_ones_are_closed(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 4\nidle = 300ms\nrecycle = 1s\n[task a]\nevery = 100ms\nsql = SELECT 1\n"
              "[task b]\nevery = 1h\nphase = %lds\nsql = SELECT pg_sleep(0.2)\n",
              conninfo, query_number(conninfo, "SELECT (extract(epoch FROM now())::bigint + 2) % 3600"));
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "b", "ok") == 1 && pool_tokens(&process, "p", "held") <= 1);
    WAIT_UNTIL(&process, pool_number(&process, "p", "opened") >= 4); /* replaced by age */
    assert_int_equal(task_number(&process, "a", "failed"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_forty_sleepers_stay_within_size),
        cmocka_unit_test(sessions_size_one_runs_every_task),
        cmocka_unit_test(sessions_dirty_run_is_cleaned_before_the_next),
        cmocka_unit_test(sessions_transaction_holds_or_says_which_key),
        cmocka_unit_test(sessions_failure_is_told_once_and_its_end_too),
        cmocka_unit_test(sessions_hostile_texts_leave_others_on_time),
        cmocka_unit_test(sessions_idle_and_old_ones_are_closed),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
