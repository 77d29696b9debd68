/*
 * Work in bites on a real server: a purge that goes on until nothing is left, one row of history for it, others that get
 * their turn in between, and its ends: repeat_most, a failure, a pause, a reload, a stop, a kill.
 */
#include "one_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PURGE "DELETE FROM old WHERE ctid = ANY (ARRAY (SELECT ctid FROM old LIMIT 100))"

/* The same, but from the fourth bite on each waits until the gate is open; a row of `bitten` for each that is committed. */
#define GATED                                                                                                          \
    "WITH b AS (INSERT INTO bitten SELECT pg_sleep(CASE WHEN open OR (SELECT count(*) FROM bitten) < 3 THEN 0"         \
    " ELSE 600 END)::text FROM gate RETURNING 1)\n"                                                                    \
    "    DELETE FROM old WHERE ctid = ANY (ARRAY (SELECT ctid FROM old LIMIT 100)) AND EXISTS (SELECT FROM b)"

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=40 synchronous_commit=on"); /* a crash of it loses nothing */
    query(conninfo, "CREATE TABLE old (id int, poison bool); CREATE TABLE bitten (t text);"
                    "CREATE TABLE gate (open bool); INSERT INTO gate VALUES (true); CREATE TABLE seen (left_count bigint)");
    return 0;
}

static void fill(int row_count) {
    char sql[160];
    snprintf(sql, sizeof sql, "TRUNCATE old, bitten, seen; INSERT INTO old SELECT g, false FROM generate_series(1, %d) g",
             row_count);
    query(conninfo, sql);
}

static void open_gate(bool open) {
    query(conninfo, open ? "UPDATE gate SET open = true" : "UPDATE gate SET open = false");
}

static long left_count(void) {
    return query_number(conninfo, "SELECT count(*) FROM old");
}

static long bite_count(const struct process *process) {
    const char *output;
    shell(&output, "headgate status %s --metrics | sed -n 's/^headgate_task_bites_total.*} //p'", process->ini);
    return strtol(output, NULL, 10);
}

/* Of the only row of the task that ran. */
static bool history_says(const char *task, const char *condition) {
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT (count(*) = 1 AND bool_and(%s))::int FROM headgate.history WHERE task = '%s' AND outcome <> 'skipped'",
             condition, task);
    return query_number(conninfo, sql) == 1;
}

static void ini_of(struct process *process, const char *history, const char *task) {
    query(conninfo, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS headgate CASCADE");
    ini_write(process, "[pool p]\nconninfo = %s\nsize = 1\nhistory = %s\n%s", conninfo, history, task);
    daemon_start(process);
    if (strcmp(history, "on") == 0)
        WAIT_UNTIL(process, history_is_on(process));
}

static void task_of(char *text, size_t bytes, const char *name, const char *sql, const char *more) {
    snprintf(text, bytes, "[task %s]\n%srepeat = rows\nsql = %s\n%s", name, never_due(), sql, more);
}

static long sleeper(void) {
    return query_number(conninfo, "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
}

/* The fourth bite of a gated purge waits. */
static void start_purge_up_to_the_gate(struct process *process, const char *more) {
    char task[1024];
    fill(2000);
    open_gate(false);
    task_of(task, sizeof task, "purge", GATED, more);
    ini_of(process, "on", task);
    trigger(process, "purge");
    WAIT_UNTIL(process, sleeper() != 0);
    assert_int_equal(left_count(), 1700);
    open_gate(true);
}

static void end_the_sleep(void) {
    query(conninfo, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
}

static void bites_go_on_until_nothing_is_left_and_are_one_row(void **state) {
    struct process process;
    char task[1024];
    const char *output;
    (void)state;
    fill(30000);
    task_of(task, sizeof task, "purge", PURGE, "");
    ini_of(&process, "on", task);
    trigger(&process, "purge");
    WAIT_UNTIL(&process, task_number(&process, "purge", "ok") == 1);
    assert_int_equal(left_count(), 0);
    assert_int_equal(bite_count(&process), 301);
    WAIT_UNTIL(&process, history_says("purge", "outcome = 'ok' AND rows = 30000 AND bites = 301 AND reason IS NULL"));
    assert_int_equal(shell(&output, "headgate history %s purge", process.ini), 0);
    assert_non_null(strstr(output, "triggered by hand, 301 bites\n"));
    assert_int_equal(shell(&output, "headgate history %s purge --json | grep -q '\"bites\": 301,'", process.ini), 0);
    daemon_stop(&process);
}

/* One token; a run of the other one sees the purge half done. */
static void bites_let_others_have_their_turn(void **state) {
    struct process process;
    char tasks[2048], *end;
    (void)state;
    fill(30000);
    task_of(tasks, sizeof tasks, "purge", PURGE, "priority = low\n");
    end = tasks + strlen(tasks);
    snprintf(end, sizeof tasks - (size_t)(end - tasks),
             "[task other]\nevery = 20ms\nsql = INSERT INTO seen SELECT count(*) FROM old\n");
    ini_of(&process, "off", tasks);
    trigger(&process, "purge");
    WAIT_UNTIL(&process, task_number(&process, "purge", "ok") == 1);
    daemon_stop(&process);
    assert_int_equal(left_count(), 0);
    assert_true(query_number(conninfo, "SELECT count(DISTINCT left_count) FROM seen WHERE left_count BETWEEN 1 AND 29999") >= 3);
}

static void bites_show_how_far_they_are(void **state) {
    struct process process;
    (void)state;
    start_purge_up_to_the_gate(&process, "");
    assert_true(dump_has(&process, "bite 4, 300 rows, "));
    assert_true(dump_has(&process, " rows/s, gave way "));
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM headgate.history WHERE outcome = 'running'"), 1);
    end_the_sleep(); /* that bite fails, and what was done stays */
    WAIT_UNTIL(&process, task_number(&process, "purge", "failed") == 1);
    WAIT_UNTIL(&process, history_says("purge", "outcome = 'failed' AND rows = 300 AND bites = 3"));
    assert_int_equal(left_count(), 1700);
    daemon_stop(&process);
}

static void bites_of_a_killed_daemon_are_lost_and_the_next_run_goes_on(void **state) {
    struct process process;
    (void)state;
    start_purge_up_to_the_gate(&process, "");
    daemon_kill(&process);
    end_the_sleep();
    assert_int_equal(left_count(), 1700);
    daemon_start(&process);
    WAIT_UNTIL(&process, history_says("purge", "outcome = 'lost' AND bites IS NULL"));
    trigger(&process, "purge");
    WAIT_UNTIL(&process, left_count() == 0);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM headgate.history WHERE outcome = 'ok' AND bites > 1") == 1);
    daemon_stop(&process);
}

/* Whether the bite that was lost is done or not, a further one is right. */
static void bites_survive_the_crash_of_their_server(void **state) {
    struct process process;
    (void)state;
    start_purge_up_to_the_gate(&process, "");
    assert_int_equal(kill((pid_t)sleeper(), SIGKILL), 0);
    WAIT_UNTIL(&process, task_number(&process, "purge", "ok") == 1);
    assert_int_equal(left_count(), 0);
    WAIT_UNTIL(&process, history_says("purge", "outcome = 'ok' AND rows = 2000 AND bites = 21 AND attempts > 1"));
    daemon_stop(&process);
}

static void bites_have_retries_each(void **state) {
    struct process process;
    (void)state;
    start_purge_up_to_the_gate(&process, "retries = 1\nretry_delay = 1ms..1ms\n");
    query(conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    WAIT_UNTIL(&process, task_number(&process, "purge", "ok") == 1);
    assert_int_equal(left_count(), 0);
    WAIT_UNTIL(&process, history_says("purge", "outcome = 'ok' AND rows = 2000 AND bites = 21 AND attempts = 2"));
    daemon_stop(&process);
}

static void bites_end_after_repeat_most(void **state) {
    struct process process;
    char task[1024];
    (void)state;
    fill(2000);
    task_of(task, sizeof task, "purge", PURGE, "repeat_most = 5\n");
    ini_of(&process, "on", task);
    trigger(&process, "purge");
    WAIT_UNTIL(&process, task_number(&process, "purge", "ok") == 1);
    assert_int_equal(left_count(), 1500);
    WAIT_UNTIL(&process, history_says("purge", "outcome = 'ok' AND rows = 500 AND bites = 5 AND reason LIKE '%repeat_most%'"));
    assert_int_equal(daemon_log_count(&process, "repeat_most"), 1);
    daemon_stop(&process);
}

static void bites_end_at_a_failure_and_keep_what_was_done(void **state) {
    struct process process;
    char task[1024];
    (void)state;
    fill(1000);
    query(conninfo, "UPDATE old SET poison = true WHERE id = 750; "
                    "CREATE OR REPLACE FUNCTION bite() RETURNS trigger LANGUAGE plpgsql AS "
                    "$$ BEGIN IF old.poison THEN RAISE 'poison'; END IF; RETURN old; END $$; "
                    "CREATE OR REPLACE TRIGGER bite BEFORE DELETE ON old FOR EACH ROW EXECUTE FUNCTION bite()");
    task_of(task, sizeof task, "purge", "DELETE FROM old WHERE id IN (SELECT id FROM old ORDER BY id LIMIT 100)",
            "retries = 2\nretry_delay = 1ms..1ms\n");
    ini_of(&process, "on", task);
    trigger(&process, "purge");
    WAIT_UNTIL(&process, task_number(&process, "purge", "failed") == 1);
    query(conninfo, "DROP TRIGGER bite ON old");
    assert_int_equal(left_count(), 300);
    WAIT_UNTIL(&process, history_says("purge", "outcome = 'failed' AND rows = 700 AND bites = 7 AND attempts = 3 AND message = 'poison'"));
    daemon_stop(&process);
}

static void bites_end_at_a_pause_a_reload_and_a_stop(void **state) {
    struct process process;
    char task[1024];
    const char *output;
    (void)state;
    fill(20000);
    task_of(task, sizeof task, "purge", PURGE, "");
    query(conninfo, "CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
                    "$$ BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END $$; "
                    "CREATE OR REPLACE TRIGGER slow AFTER DELETE ON old FOR EACH STATEMENT EXECUTE FUNCTION slow()");
    ini_of(&process, "on", task);
    trigger(&process, "purge");
    WAIT_UNTIL(&process, left_count() < 20000);
    assert_int_equal(shell(&output, "headgate pause %s purge", process.ini), 0);
    WAIT_UNTIL(&process, task_number(&process, "purge", "ok") == 1);
    WAIT_UNTIL(&process, history_says("purge", "outcome = 'ok' AND bites > 0 AND rows = 100 * bites AND reason LIKE '%paused'"));
    assert_int_equal(shell(&output, "headgate resume %s purge", process.ini), 0);
    long left = left_count();
    assert_true(left > 0);
    trigger(&process, "purge");
    WAIT_UNTIL(&process, left_count() < left);
    ini_rewrite(&process, "[pool p]\nconninfo = %s\nsize = 1\nhistory = on\n[task purge]\n%ssql = SELECT 1\n", conninfo, never_due());
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM headgate.history WHERE reason LIKE '%reload%' AND bites > 0") == 1);
    ini_rewrite(&process, "[pool p]\nconninfo = %s\nsize = 1\nhistory = on\n%s", conninfo, task);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reloaded") == 2);
    left = left_count();
    trigger(&process, "purge");
    WAIT_UNTIL(&process, left_count() < left);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM headgate.history WHERE outcome = 'ok' AND bites > 0 AND reason LIKE '%told to stop'"), 1);
    assert_true(left_count() > 0);
    query(conninfo, "DROP TRIGGER slow ON old");
}

/* What is given back, or written elsewhere, is no change; what comes back of a change is one. */
static void bites_are_counted_by_what_the_server_says_was_changed(void **state) {
    static const struct {
        const char *name, *sql;
        int bites;
    } rows[] = {
        {"select", "SELECT 'delete' FROM old", 1},
        {"copy", "COPY (SELECT 'delete' FROM old) TO '/dev/null'", 1},
        {"returning", PURGE " RETURNING id", 4},
        {"several", "SELECT 1; " PURGE "; SELECT count(*) FROM old", 4},
        {"nothing", "UPDATE old SET id = id WHERE false", 1},
    };
    struct process process;
    char tasks[4096] = "", words[64];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        task_of(tasks + strlen(tasks), sizeof tasks - strlen(tasks), rows[i].name, rows[i].sql, "");
    ini_of(&process, "on", tasks);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fill(300);
        trigger(&process, rows[i].name);
        WAIT_UNTIL(&process, task_number(&process, rows[i].name, "ok") == 1);
        snprintf(words, sizeof words, "outcome = 'ok' AND bites = %d", rows[i].bites);
        WAIT_UNTIL(&process, history_says(rows[i].name, words));
    }
    daemon_stop(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(bites_go_on_until_nothing_is_left_and_are_one_row, tidy),
        cmocka_unit_test_teardown(bites_let_others_have_their_turn, tidy),
        cmocka_unit_test_teardown(bites_show_how_far_they_are, tidy),
        cmocka_unit_test_teardown(bites_of_a_killed_daemon_are_lost_and_the_next_run_goes_on, tidy),
        cmocka_unit_test_teardown(bites_survive_the_crash_of_their_server, tidy),
        cmocka_unit_test_teardown(bites_have_retries_each, tidy),
        cmocka_unit_test_teardown(bites_end_after_repeat_most, tidy),
        cmocka_unit_test_teardown(bites_end_at_a_failure_and_keep_what_was_done, tidy),
        cmocka_unit_test_teardown(bites_end_at_a_pause_a_reload_and_a_stop, tidy),
        cmocka_unit_test_teardown(bites_are_counted_by_what_the_server_says_was_changed, tidy),
    };
    return run_all(tests, start, stop);
}
