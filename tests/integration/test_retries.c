/*
 * What is tried again, and what is not done twice for it: transactions that meet, sessions that are lost in each stage,
 * a server that is away when the work is done; and how a task that goes on failing is left in peace.
 */
#include "one_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sleeps while the gate is shut. */
#define AT_GATE "SELECT CASE WHEN NOT open THEN pg_sleep(600) END FROM gate"

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=40 deadlock_timeout=50ms");
    query(conninfo, "CREATE TABLE written (task text, id int, at timestamptz DEFAULT clock_timestamp())");
    query(conninfo, "CREATE TABLE pair (id int PRIMARY KEY, n bigint NOT NULL DEFAULT 0)");
    query(conninfo, "CREATE TABLE gate (open boolean); INSERT INTO gate VALUES (false)");
    return 0;
}

/* Of a file that the work adds a line to each time it starts. */
static long start_count(const struct process *process, const char *task) {
    const char *output;
    shell(&output, "cat $(dirname %s)/starts.%s 2>/dev/null | wc -l", process->ini, task);
    return strtol(output, NULL, 10);
}

static long written_count(const char *task) {
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM written WHERE task = '%s'", task);
    return query_number(conninfo, sql);
}

/* Each row of the five once. */
static void assert_written_once(const char *task) {
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT count(DISTINCT id) FROM written WHERE task = '%s'", task);
    assert_int_equal(query_number(conninfo, sql), 5);
    assert_int_equal(written_count(task), 5);
}

/* --- transactions that meet --- */

/* Runs of each of t0, t1 ..., none of which failed; how many attempts had to be repeated for it. */
static long wait_for_three_each(struct process *process, int task_count) {
    long retried = 0;
    for (int i = 0; i < task_count; i++) {
        char name[8];
        snprintf(name, sizeof name, "t%d", i);
        WAIT_UNTIL(process, task_number(process, name, "ok") >= 3);
        assert_int_equal(task_number(process, name, "failed"), 0);
        retried += task_number(process, name, "retried");
    }
    return retried;
}

static void retries_deadlocks_in_pairs_are_done_in_the_end(void **state) {
    (void)state;
    struct process process;
    char tasks[4096] = "";
    query(conninfo, "TRUNCATE pair, written; INSERT INTO pair SELECT generate_series(1, 6)");
    for (int i = 0; i < 6; i++) {
        int first = i / 2 * 2 + 1 + i % 2, second = i / 2 * 2 + 2 - i % 2;
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task t%d]\nevery = 400ms\nphase = 0\nconflict_retries = 20\nsql =\n"
                 "    UPDATE pair SET n = n + 1 WHERE id = %d; SELECT pg_sleep(0.1);\n"
                 "    UPDATE pair SET n = n + 1 WHERE id = %d; INSERT INTO written VALUES ('t%d')\n",
                 i, first, second, i);
    }
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 6\nlock_waiters_high = 0\n%s", conninfo, tasks);
    daemon_start(&process);
    WAIT_UNTIL(&process, server_log_count(&server, "deadlock detected") >= 6);
    WAIT_UNTIL(&process, task_number(&process, "t0", "retried") + task_number(&process, "t1", "retried") >= 2);
    wait_for_three_each(&process, 6);
    assert_true(daemon_log_count(&process, "event=retrying") >= 6);
    assert_int_equal(daemon_log_count(&process, "event=failed"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(query_number(conninfo, "SELECT sum(n) - 2 * (SELECT count(*) FROM written) FROM pair"), 0);
}

static void retries_serializable_collisions_are_done_in_the_end(void **state) {
    (void)state;
    struct process process;
    char tasks[4096] = "";
    query(conninfo, "TRUNCATE pair, written; INSERT INTO pair VALUES (1)");
    for (int i = 0; i < 8; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task t%d]\nevery = 1s\nphase = 0\nconflict_retries = 50\nsql =\n"
                 "    WITH up AS (UPDATE pair SET n = n + 1 RETURNING n)\n"
                 "    INSERT INTO written SELECT 't%d' FROM up, pg_sleep(0.02)\n",
                 i, i);
    ini_write(&process,
              "[pool p]\nconninfo = %s options='-c default_transaction_isolation=serializable'\nsize = 8\n"
              "lock_waiters_high = 0\n%s",
              conninfo, tasks);
    daemon_start(&process);
    long retried = 0;
    WAIT_UNTIL(&process, (retried = wait_for_three_each(&process, 8)) > 0);
    assert_true(server_log_count(&server, "could not serialize") >= retried);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(query_number(conninfo, "SELECT sum(n) - (SELECT count(*) FROM written) FROM pair"), 0);
}

/* The work is as slow as can be: it must not be done again for a write that met another one. */
static void retries_collisions_of_writes_do_not_repeat_the_work(void **state) {
    (void)state;
    struct process process;
    char tasks[4096] = "";
    query(conninfo, "TRUNCATE pair, written; INSERT INTO pair VALUES (1)");
    for (int i = 0; i < 4; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task t%d]\nevery = 1s\nphase = 0\nconflict_retries = 50\nread = SELECT 1 AS id\n"
                 "work = sh -c 'echo x >>starts.t%d && cat'\n"
                 "write =\n    WITH up AS (UPDATE pair SET n = n + 1 RETURNING n)\n"
                 "    INSERT INTO written SELECT 't%d', ($1::jsonb->>'id')::int FROM up, pg_sleep(0.05)\n",
                 i, i, i);
    ini_write(&process,
              "[pool p]\nconninfo = %s options='-c default_transaction_isolation=serializable'\nsize = 4\n"
              "lock_waiters_high = 0\n%s",
              conninfo, tasks);
    daemon_start(&process);
    wait_for_three_each(&process, 4);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=retrying") >= 3);
    assert_int_equal(daemon_log_count(&process, "event=failed"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    long starts = 0;
    for (int i = 0; i < 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "t%d", i);
        starts += start_count(&process, name);
    }
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM written"), starts);
    assert_int_equal(query_number(conninfo, "SELECT sum(n) - (SELECT count(*) FROM written) FROM pair"), 0);
}

/* --- sessions that are lost --- */

static const char read_at_gate[] = "read =\n    SELECT i AS id, (" AT_GATE ") AS slept FROM generate_series(1, 5) i\n"
                                   "write = INSERT INTO written VALUES ('t', ($1::jsonb->>'id')::int)\n";
static const char write_at_gate[] =
    "read = SELECT i AS id FROM generate_series(1, 5) i\n"
    "write =\n    INSERT INTO written SELECT 't', ($1::jsonb->>'id')::int FROM gate\n"
    "     WHERE open OR $1::jsonb->>'id' <> '3' OR pg_sleep(600)::text = ''\n";

/* SQL or a shell command that ends the backend of a pid. */
static void lose_session_in(const char *stages, const char *how, bool is_shell) {
    struct process process;
    query(conninfo, "TRUNCATE written; UPDATE gate SET open = false");
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 2\n[task t]\n%s"
              "work = sh -c 'echo x >>starts.t && cat'\n%s",
              conninfo, never_due(), stages);
    daemon_start(&process);
    trigger(&process, "t");
    static const char *const sleeper =
        "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%task=t%'";
    WAIT_UNTIL(&process, query_number(conninfo, sleeper) > 0);
    long pid = query_number(conninfo, sleeper);
    query(conninfo, "UPDATE gate SET open = true");
    query(conninfo, "CHECKPOINT"); /* this server may lose what a crash comes right behind */
    char command[128];
    snprintf(command, sizeof command, how, pid);
    if (is_shell)
        shell(NULL, "%s", command);
    else
        query(conninfo, command);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") + task_number(&process, "t", "failed") == 1);
    assert_string_equal(task_text(&process, "t", "last"), "ok");
    assert_int_equal(task_number(&process, "t", "retried"), 1);
    assert_int_equal(start_count(&process, "t"), 1);
    assert_written_once("t");
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void retries_terminated_read_is_read_again(void **state) {
    (void)state;
    lose_session_in(read_at_gate, "SELECT pg_terminate_backend(%ld)", false);
}

static void retries_terminated_write_is_written_again(void **state) {
    (void)state;
    lose_session_in(write_at_gate, "SELECT pg_terminate_backend(%ld)", false);
}

static void retries_killed_read_is_read_again(void **state) {
    (void)state;
    lose_session_in(read_at_gate, "kill -9 %ld", true);
}

static void retries_killed_write_is_written_again(void **state) {
    (void)state;
    lose_session_in(write_at_gate, "kill -9 %ld", true);
}

/* A deferred trigger keeps the write in its COMMIT. Lost there without a word it may be committed: it is not written again. */
static void retries_write_lost_in_its_commit_is_unknown(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE written; CREATE TABLE slow_commit (id int);"
                    "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NULL; END';"
                    "CREATE CONSTRAINT TRIGGER stays AFTER INSERT ON slow_commit DEFERRABLE INITIALLY DEFERRED"
                    " FOR EACH ROW EXECUTE FUNCTION stay()");
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 2\n[task t]\n%sread = SELECT 1 AS id\nretries = 3\nretry_delay = 10ms\n"
              "work = sh -c 'echo x >>starts.t && cat'\nwrite = INSERT INTO slow_commit SELECT ($1::jsonb->>'id')::int\n",
              conninfo, never_due());
    daemon_start(&process);
    trigger(&process, "t");
    static const char committing[] = "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query = 'COMMIT'";
    long pid = 0;
    WAIT_UNTIL(&process, (pid = query_number(conninfo, committing)) > 0);
    query(conninfo, "CHECKPOINT"); /* this server may lose what a crash comes right behind */
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0); /* asked to end, it would say that nothing was committed */
    WAIT_UNTIL(&process, task_number(&process, "t", "failed") == 1);
    assert_string_equal(task_text(&process, "t", "last"), "unknown");
    assert_int_equal(task_number(&process, "t", "retried"), 0);
    assert_int_equal(start_count(&process, "t"), 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* It ends the session between the write's line and its COMMIT, which the stopped daemon could not send. */
static void retries_write_ended_by_any_last_word_is_written_again(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE written");
    PGconn *holder = PQconnectdb(conninfo);
    PQclear(PQexec(holder, "SELECT pg_advisory_lock(5)"));
    ini_write(&process,
              "[pool p]\nconninfo = %s options='-c idle_in_transaction_session_timeout=1s'\nsize = 1\n"
              "[task t]\n%sread = SELECT 1 AS id\nwork = sh -c 'echo x >>starts.t && cat'\n"
              "write = INSERT INTO written SELECT 't', ($1::jsonb->>'id')::int FROM (SELECT pg_advisory_xact_lock_shared(5)) l\n",
              conninfo, never_due());
    daemon_start(&process);
    trigger(&process, "t");
    static const char waiting[] = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'"
                                  " AND wait_event = 'advisory'";
    WAIT_UNTIL(&process, query_number(conninfo, waiting) == 1);
    kill(process.pid, SIGSTOP);
    PQfinish(holder);
    for (int64_t since_us = clock_us();
         query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'");) {
        assert_false(deadline_passed(since_us));
        breathe();
    }
    kill(process.pid, SIGCONT);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") + task_number(&process, "t", "failed") == 1);
    assert_string_equal(task_text(&process, "t", "last"), "ok");
    assert_true(task_number(&process, "t", "retried") >= 1);
    assert_int_equal(start_count(&process, "t"), 1);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM written"), 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* A child waits for the file "go" in its folder. */
#define WORK_UNTIL_GO "work = sh -c 'echo x >>starts.t; while [ ! -e go ]; do sleep 0.05; done; cat'\n"

static void let_go(const struct process *process) {
    assert_int_equal(shell(NULL, "touch $(dirname %s)/go", process->ini), 0);
}

static void retries_sessions_that_end_during_the_work_cost_nothing(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE written; UPDATE gate SET open = true");
    ini_write(&process, "[pool p]\nconninfo = %s\n[task t]\n%s" WORK_UNTIL_GO "%s", conninfo, never_due(), read_at_gate);
    daemon_start(&process);
    trigger(&process, "t");
    WAIT_UNTIL(&process, strstr(task_text(&process, "t", "note"), "outside for"));
    long opened = pool_number(&process, "p", "opened");
    query(conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'");
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "held") == 0 || pool_number(&process, "p", "opened") > opened);
    let_go(&process);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") == 1);
    assert_int_equal(task_number(&process, "t", "retried"), 0);
    assert_int_equal(start_count(&process, "t"), 1);
    assert_written_once("t");
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void retries_output_waits_for_a_server_that_is_away(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE written; UPDATE gate SET open = true");
    ini_write(&process, "[pool p]\nconninfo = %s\n[task t]\n%s" WORK_UNTIL_GO "%s", conninfo, never_due(), read_at_gate);
    daemon_start(&process);
    trigger(&process, "t");
    WAIT_UNTIL(&process, strstr(task_text(&process, "t", "note"), "outside for"));
    server_do(&server, "stop", "fast");
    let_go(&process);
    WAIT_UNTIL(&process, strstr(task_text(&process, "t", "note"), "to write 5 lines for") &&
                             strstr(task_text(&process, "t", "note"), "no connection for"));
    assert_string_equal(task_text(&process, "t", "state"), "waiting");
    server_do(&server, "restart", "fast");
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") == 1);
    assert_int_equal(start_count(&process, "t"), 1);
    assert_written_once("t");
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* --- what may have committed a part of it --- */

static void retries_nothing_that_committed_by_itself_is_done_again(void **state) {
    static const struct {
        const char *name, *keys;
        long written;
    } tasks[] = {
        {"commits", "sql = INSERT INTO written VALUES ('commits', 1); COMMIT; CALL met()", 1},
        {"ends", "retries = 3\nsql = INSERT INTO written VALUES ('ends', 1); COMMIT", 1},
        {"rolls", "retries = 3\nsql = SELECT 1; ROLLBACK; INSERT INTO written VALUES ('rolls', 1)", 1},
        {"begins", "sql = INSERT INTO written VALUES ('begins', 1); COMMIT; BEGIN; CALL met()", 1},
        {"copies", "retries = 3\nsql = INSERT INTO written VALUES ('copies', 1); COMMIT; COPY written FROM STDIN", 1},
        {"off", "retries = 3\ntransaction = off\nsql = INSERT INTO written VALUES ('off', 1); COMMIT; CALL met()", 1},
        {"calls", "retries = 3\ntransaction = off\nsql = CALL writes_then('calls', '40001')", 1},
        {"does",
         "retries = 3\ntransaction = off\n"
         "sql = DO $$BEGIN INSERT INTO written VALUES ('does', 1); COMMIT; EXECUTE 'selec'; END$$",
         1},
        {"whole", "sql = INSERT INTO written VALUES ('whole', 1); CALL met()", 0},
    };
    char all[4096] = "";
    struct process process;
    (void)state;
    query(conninfo, "TRUNCATE written; CREATE PROCEDURE met() LANGUAGE plpgsql AS"
                    " $$BEGIN RAISE 'met' USING ERRCODE = '40001'; END$$;"
                    "CREATE PROCEDURE writes_then(task text, code text) LANGUAGE plpgsql AS"
                    " $$BEGIN INSERT INTO written VALUES (task, 1); COMMIT; RAISE 'met' USING ERRCODE = code; END$$");
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all),
                 "[task %s]\n%sretry_delay = 50ms\n%s\n", tasks[i].name, never_due(), tasks[i].keys);
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 2\nhistory = on\n%s", conninfo, all);
    daemon_start(&process);
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        trigger(&process, tasks[i].name);
        WAIT_UNTIL(&process, task_number(&process, tasks[i].name, "failed") == 1);
        assert_int_equal(written_count(tasks[i].name), tasks[i].written);
        assert_int_equal(task_number(&process, tasks[i].name, "retried"), tasks[i].written ? 0 : 5);
    }
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM headgate.history WHERE outcome = 'failed'") == 9);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM headgate.history WHERE task IN ('commits', 'off',"
                                            " 'begins') AND message LIKE 'after a COMMIT of its own%: met'"), 3);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* --- what goes on failing --- */

static void retries_failures_are_tried_again_as_often_as_told(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE written; DROP TABLE IF EXISTS later");
    const char *rarely = never_due();
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 2\n"
              "[task third]\n%sretries = 5\nretry_delay = 50ms..100ms\nread = SELECT 1 AS id\n"
              "work = sh -c 'echo x >>starts.third; [ $(wc -l <starts.third) -ge 3 ] && cat'\n"
              "write = INSERT INTO written VALUES ('third', ($1::jsonb->>'id')::int)\n"
              "[task never]\n%sretries = 2\nretry_delay = 50ms\nsql = SELECT 1 / 0\n"
              "[task later]\n%sretries = 1000\nretry_delay = 50ms..1s\n"
              "work = sh -c 'echo x >>starts.later; echo 1'\nwrite = INSERT INTO later VALUES ($1::int)\n",
              conninfo, rarely, rarely, rarely);
    daemon_start(&process);
    trigger(&process, "third");
    trigger(&process, "never");
    trigger(&process, "later");
    WAIT_UNTIL(&process, task_number(&process, "third", "ok") == 1);
    assert_int_equal(task_number(&process, "third", "retried"), 2);
    assert_int_equal(start_count(&process, "third"), 3);
    assert_int_equal(written_count("third"), 1);
    WAIT_UNTIL(&process, task_number(&process, "never", "failed") == 1);
    assert_int_equal(task_number(&process, "never", "retried"), 2);
    WAIT_UNTIL(&process, task_number(&process, "later", "retried") >= 3);
    query(conninfo, "CREATE TABLE later (x int)");
    WAIT_UNTIL(&process, task_number(&process, "later", "ok") == 1);
    assert_int_equal(start_count(&process, "later"), 1);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM later"), 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void retries_task_that_fails_again_and_again_is_held(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "DROP TABLE IF EXISTS later");
    ini_write(&process,
              "[pool p]\nconninfo = %s\n[task t]\nevery = 100ms\nhold_after = 3\nhold = 500ms..2s\n"
              "work = echo 1\nwrite = INSERT INTO later VALUES ($1::int)\n",
              conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, strstr(task_text(&process, "t", "note"), " times in a row, skipped for another"));
    WAIT_UNTIL(&process, strcmp(task_text(&process, "t", "state"), "on hold") == 0);
    WAIT_UNTIL(&process, task_number(&process, "t", "failed") >= 5 && task_number(&process, "t", "skipped") >= 4);
    assert_int_equal(daemon_log_count(&process, "event=on_hold"), 3); /* 500ms, 1s, 2s */
    query(conninfo, "CREATE TABLE later (x int)");
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 3);
    assert_null(strstr(task_text(&process, "t", "note"), "failed"));
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void retries_start_deadline_skips_what_is_too_late(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE written; UPDATE gate SET open = false");
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 1\n[task long]\n%spatience = 0\nsql = " AT_GATE "\n"
              "[task t]\nevery = 1s\npatience = 0\nstart_deadline = 300ms\nsql = INSERT INTO written VALUES ('t')\n",
              conninfo, never_due());
    daemon_start(&process);
    trigger(&process, "long"); /* it has the only token, and keeps it */
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 1);
    long written = written_count("t"), skipped = task_number(&process, "t", "skipped");
    WAIT_UNTIL(&process, task_number(&process, "t", "skipped") >= skipped + 3);
    assert_true(daemon_log_count(&process, "it could not start within start_deadline") >= 1);
    assert_int_equal(written_count("t"), written);
    query(conninfo, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    WAIT_UNTIL(&process, written_count("t") > written);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(retries_deadlocks_in_pairs_are_done_in_the_end, tidy),
        cmocka_unit_test_teardown(retries_serializable_collisions_are_done_in_the_end, tidy),
        cmocka_unit_test_teardown(retries_collisions_of_writes_do_not_repeat_the_work, tidy),
        cmocka_unit_test_teardown(retries_terminated_read_is_read_again, tidy),
        cmocka_unit_test_teardown(retries_terminated_write_is_written_again, tidy),
        cmocka_unit_test_teardown(retries_killed_read_is_read_again, tidy),
        cmocka_unit_test_teardown(retries_killed_write_is_written_again, tidy),
        cmocka_unit_test_teardown(retries_write_lost_in_its_commit_is_unknown, tidy),
        cmocka_unit_test_teardown(retries_write_ended_by_any_last_word_is_written_again, tidy),
        cmocka_unit_test_teardown(retries_sessions_that_end_during_the_work_cost_nothing, tidy),
        cmocka_unit_test_teardown(retries_output_waits_for_a_server_that_is_away, tidy),
        cmocka_unit_test_teardown(retries_nothing_that_committed_by_itself_is_done_again, tidy),
        cmocka_unit_test_teardown(retries_failures_are_tried_again_as_often_as_told, tidy),
        cmocka_unit_test_teardown(retries_task_that_fails_again_and_again_is_held, tidy),
        cmocka_unit_test_teardown(retries_start_deadline_skips_what_is_too_late, tidy),
    };
    return run_all(tests, start, stop);
}
