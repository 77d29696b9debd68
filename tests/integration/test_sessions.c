/*
 * What runs on sessions: never more of them than tokens, never a dirty one, each kind of text in its protocol.
 */
#include "one_server.h"
#include "sampler.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void sessions_forty_sleepers_stay_within_size(void **state) {
    (void)state;
    char tasks[8192] = "";
    for (int i = 0; i < 40; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task t%d]\nevery = 1s\nsql = SELECT pg_sleep(0.3)\n", i);
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 4\n%s", conninfo, tasks);
    sampler_start(conninfo, COUNT_OURS);
    daemon_start(&process);
    WAIT_UNTIL(&process, tasks_sum(&process, "t", "ok") >= 40 && sampler_seen() >= 4);
    const char *dump;
    WAIT_UNTIL(&process, strstr(dump = dump_of(&process), "no token: 4 of 4 taken, longest t"));
    assert_non_null(strstr(dump, "in line"));
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    WAIT_UNTIL(NULL, query_number(conninfo, COUNT_OURS) == 0);
    assert_int_equal(sampler_stop(), 4);
}

static void sessions_size_one_runs_every_task(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 1\n[task a]\nevery = 100ms\nsql = SELECT 1\n[task b]\nevery = 200ms\n"
              "sql = SELECT 1; SELECT 2\n[task c]\nevery = 300ms\ncommand = true\n",
              conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, tasks_least(&process, "", "ok") >= 5);
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
    WAIT_UNTIL(&process, tasks_least(&process, "", "ok") >= 5 && task_number(&process, "look", "ok") >= 10);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM done WHERE note <> ''"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void sessions_transaction_holds_or_says_which_key(void **state) {
    (void)state;
    struct process process;
    static const char *const tasks[][3] = {
        {"half", "INSERT INTO done VALUES ('half'); SELECT 1/0", "22012"},
        {"vacuum_on", "VACUUM done", "transaction = off"},
        {"call_on", "CALL commits()", "transaction = off"},
        {"deferred", "INSERT INTO child VALUES (1)", "23503"},
        {"leak", "BEGIN\ntransaction = off", "transaction command"},
        {"leaks", "SELECT 1; BEGIN\ntransaction = off", "leaves a transaction open"},
        {"commits", "SELECT 1; COMMIT", "ended the transaction"},
        {"vacuum_off", "VACUUM done\ntransaction = off", NULL},
        {"call_off", "CALL commits()\ntransaction = off", NULL},
    };
    char text[4096] = "";
    query(conninfo, "TRUNCATE done");
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "[task %s]\n%ssql = %s\n", tasks[i][0], never_due(), tasks[i][1]);
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 2\n%s", conninfo, text);
    daemon_start(&process);
    for (long round = 1; round <= 3; round++) {
        for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
            trigger(&process, tasks[i][0]);
        for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
            WAIT_UNTIL(&process, task_number(&process, tasks[i][0], tasks[i][2] ? "failed" : "ok") == round);
            assert_int_equal(task_number(&process, tasks[i][0], tasks[i][2] ? "ok" : "failed"), 0);
            if (tasks[i][2] && !strstr(task_text(&process, tasks[i][0], "note"), tasks[i][2]))
                fail_msg("%s: %s", tasks[i][0], task_text(&process, tasks[i][0], "note"));
        }
    }
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM done WHERE task = 'half'"), 0);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM child"), 0);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM done WHERE task = 'commits'"), 3);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void sessions_failure_is_told_once_and_its_end_too(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "DROP TABLE IF EXISTS comes_later");
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 1\n[task t]\n%ssql =\n    SELECT 1,\n    2\n    FROM comes_later\n", conninfo,
              never_due());
    daemon_start(&process);
    for (long i = 1; i <= 5; i++) {
        trigger(&process, "t");
        WAIT_UNTIL(&process, task_number(&process, "t", "failed") == i);
    }
    assert_int_equal(daemon_log_count(&process, "event=failed"), 1);
    assert_int_equal(daemon_log_count(&process, "sqlstate=42P01"), 1);
    assert_int_equal(daemon_log_count(&process, "line=3"), 1);
    query(conninfo, "CREATE TABLE comes_later (x int)");
    trigger(&process, "t");
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") == 1);
    assert_int_equal(daemon_log_count(&process, "event=recovered"), 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static long beats(const struct process *process) {
    return task_number(process, "beat", "ok");
}

/* What is freed is free again: the address sanitizer would keep the last 256 MB of it. */
static void let_memory_go(void) {
    const char *given = getenv("ASAN_OPTIONS");
    char options[512];
    snprintf(options, sizeof options, "%s%squarantine_size_mb=1", given ? given : "", given ? ":" : "");
    setenv("ASAN_OPTIONS", options, 1);
}

/* Whatever these do, the heartbeat goes on. */
static void sessions_hostile_texts_leave_others_alone(void **state) {
    (void)state;
    struct process process;
    static const char *const tasks[][3] = {
        {"copy_out", "COPY (SELECT generate_series(1, 100000)) TO STDOUT", "COPY"},
        {"copy_in", "COPY done FROM STDIN", "COPY"},
        {"copy_later", "SELECT 1; COPY done FROM STDIN", "COPY"},
        {"flood", "DO $$ BEGIN FOR i IN 1..20000 LOOP RAISE NOTICE 'notice %', i; END LOOP; END $$", NULL},
        {"rows", "SELECT i, repeat('x', 8000) FROM generate_series(1, 20000) i", NULL},
        {"slow", "SELECT 1; DO $$ BEGIN RAISE NOTICE 'x'; END $$; SELECT pg_sleep(3600)", NULL},
    };
    char text[4096] = "";
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "[task %s]\n%ssql =\n    %s\n", tasks[i][0], never_due(), tasks[i][1]);
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 4\n[task beat]\nevery = 200ms\nsql = SELECT 1\n%s", conninfo, text);
    let_memory_go();
    daemon_start(&process);
    trigger(&process, "slow");
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 1);
    for (int round = 1; round <= 2; round++)
        for (int i = 0; i < 3; i++) {
            trigger(&process, tasks[i][0]);
            WAIT_UNTIL(&process, task_number(&process, tasks[i][0], "failed") == round);
            assert_non_null(strstr(task_text(&process, tasks[i][0], "note"), tasks[i][2]));
        }
    trigger(&process, "flood");
    trigger(&process, "rows");
    WAIT_UNTIL(&process, task_number(&process, "flood", "ok") == 1 && task_number(&process, "rows", "ok") == 1);
    long before = beats(&process);
    WAIT_UNTIL(&process, beats(&process) >= before + 5);
    assert_int_equal(task_number(&process, "slow", "running"), 1);
    assert_int_equal(task_number(&process, "beat", "failed"), 0);
    const char *output;
    shell(&output, "awk '/VmHWM/ {print $2}' /proc/%d/status", (int)process.pid);
    assert_in_range(strtol(output, NULL, 10), 1, 100000); /* KiB; the rows are 160000 */
    daemon_stop(&process);
}

static void sessions_idle_and_old_ones_are_closed(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 4\nidle = 300ms\nrecycle = 1s\n[task a]\nevery = 100ms\nsql = SELECT 1\n"
              "[task b]\n%spatience = 0\nsql = SELECT pg_sleep(1)\n",
              conninfo, never_due());
    daemon_start(&process);
    trigger(&process, "b");
    WAIT_UNTIL(&process, task_number(&process, "b", "ok") == 1 && pool_tokens(&process, "p", "held") == 1);
    long opened = pool_number(&process, "p", "opened"), ok = task_number(&process, "a", "ok");
    WAIT_UNTIL(&process, pool_number(&process, "p", "opened") >= opened + 3); /* replaced by age */
    WAIT_UNTIL(&process, task_number(&process, "a", "ok") >= ok + 5);
    assert_int_equal(task_number(&process, "a", "failed"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(sessions_forty_sleepers_stay_within_size, tidy),
        cmocka_unit_test_teardown(sessions_size_one_runs_every_task, tidy),
        cmocka_unit_test_teardown(sessions_dirty_run_is_cleaned_before_the_next, tidy),
        cmocka_unit_test_teardown(sessions_transaction_holds_or_says_which_key, tidy),
        cmocka_unit_test_teardown(sessions_failure_is_told_once_and_its_end_too, tidy),
        cmocka_unit_test_teardown(sessions_hostile_texts_leave_others_alone, tidy),
        cmocka_unit_test_teardown(sessions_idle_and_old_ones_are_closed, tidy),
    };
    return run_all(tests, start, stop);
}
