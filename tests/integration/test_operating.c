/*
 * What an operator does: check, run once, reload, ask, stop, start a second one by mistake, suspend the machine.
 */
#include "one_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=20");
    query(conninfo, "CREATE TABLE done (task text, at timestamptz DEFAULT clock_timestamp())");
    query(conninfo, "CREATE DATABASE other");
    return 0;
}

static void operating_check_tells_every_fault_with_its_line(void **state) {
    (void)state;
    struct process process;
    const char *output;
    ini_write(&process, "[pool p]\nconninfo = %s\nsiez = 3\n[task a]\nevery = 0s\nsql = SELECT 1 ; DROP TABLE x\n[task b]\nevery = 20s..15s\n", conninfo);
    assert_int_equal(shell(&output, "headgate check %s", process.ini), 1);
    static const char *const expected[] = {":3: [pool p] has no key 'siez'; did you mean 'size'?", ":5: every = '0s'",
                                           ":6: a blank before ';'", ":7: [task b] has no work", ":8: every = '20s..15s' ends before it begins"};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        if (!strstr(output, expected[i]))
            fail_msg("%s is not in\n%s", expected[i], output);
    assert_int_equal(shell(NULL, "headgate run %s", process.ini), 1);
    assert_int_equal(shell(NULL, "headgate check /no/such/file"), 1);
    ini_rewrite(&process, "[pool p]\nconninfo = %s password=x\n[task a]\nevery = 1s\nsql = SELECT 1\n", conninfo);
    chmod(process.ini, 0644);
    assert_int_equal(shell(&output, "headgate check %s", process.ini), 1);
    assert_non_null(strstr(output, ":2: conninfo holds a password"));
    chmod(process.ini, 0600);
    assert_int_equal(shell(&output, "headgate check %s", process.ini), 0);
    chmod(process.ini, 0666);
    assert_int_equal(shell(&output, "headgate check %s", process.ini), 1);
    assert_non_null(strstr(output, "can be written by everybody"));
}

static void operating_check_connect_adds_up_the_budget(void **state) {
    (void)state;
    struct process process;
    const char *output;
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 4\n[task a]\nevery = 1s\nsql = SELECT 1\n", conninfo);
    assert_int_equal(shell(&output, "headgate check %s --connect", process.ini), 0);
    assert_non_null(strstr(output, "20 usable - 2 reserve - 4 for [pool p] = 14 for the rest"));
    ini_rewrite(&process, "[pool p]\nconninfo = %s\nsize = 19\n[task a]\nevery = 1s\nsql = SELECT 1\n", conninfo);
    assert_int_equal(shell(&output, "headgate check %s --connect", process.ini), 1);
    assert_non_null(strstr(output, "DOES NOT FIT"));
    ini_rewrite(&process, "[pool p]\nconninfo = %s dbname=nowhere\n[task a]\nevery = 1s\nsql = SELECT 1\n", conninfo);
    assert_int_equal(shell(&output, "headgate check %s --connect", process.ini), 1);
    assert_non_null(strstr(output, "does not exist"));
}

static void operating_usage_is_told_with_exit_2(void **state) {
    (void)state;
    static const char *const wrong[] = {"", "rnu x.ini", "run", "run a b", "run x --nonce", "status", "run x --once"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(shell(NULL, "headgate %s", wrong[i]), 2);
    static const char *const right[] = {"--help", "--version", "run --help", "check --help", "status --help",
                                        "simulate --help", "history --help"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        assert_int_equal(shell(NULL, "headgate %s", right[i]), 0);
    assert_int_equal(shell(NULL, "headgate status %s/etc/minimal.ini", getenv("HEADGATE_SOURCE_ROOT")), 1);
}

/* The files in the README are, together, one that runs, and the commands and options that it names are there. */
static void operating_readme_is_true(void **state) {
    (void)state;
    struct process process;
    const char *output, *root = getenv("HEADGATE_SOURCE_ROOT");
    ini_write(&process, "%s", "");
    assert_int_equal(shell(&output, "awk '/^```ini/ {on = 1; next} /^```/ {on = 0} on' %s/README.md >%s && headgate check %s",
                           root, process.ini, process.ini), 0);
    assert_non_null(strstr(output, "4 tasks in 1 pool, nothing wrong"));
    assert_non_null(strstr(output, "2 SQL tasks, 1 staged, 1 command;"));
    assert_int_equal(shell(&output, "headgate simulate %s --for 24h", process.ini), 0);
    assert_non_null(strstr(output, "288/288"));
    assert_int_equal(shell(&output, "headgate --help >%s.help; grep -oE 'headgate (run|check|status|simulate|[a-z]+) [a-z.]+ini( --[a-z]+)*' %s/README.md |"
                                    " while read -r program command file options; do for word in $command $options; do"
                                    " grep -q -e \"$word\" %s.help || echo \"$word\"; done; done", process.ini, root, process.ini), 0);
    assert_string_equal(output, "");
}

static void operating_once_runs_once_and_tells_how_it_went(void **state) {
    (void)state;
    struct process process;
    const char *output;
    query(conninfo, "TRUNCATE done");
    ini_write(&process, "[pool p]\nconninfo = %s\n[task good]\nevery = 1d\nsql = INSERT INTO done VALUES ('good')\n"
                        "[task bad]\nevery = 1d\nsql = SELECT 1/0\n[task program]\nevery = 1d\ncommand = echo hello\n", conninfo);
    assert_int_equal(shell(&output, "headgate run %s --once good", process.ini), 0);
    assert_non_null(strstr(output, "good: ok after"));
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM done"), 1);
    assert_int_equal(shell(&output, "headgate run %s --once bad", process.ini), 1);
    assert_non_null(strstr(output, "22012"));
    assert_int_equal(shell(&output, "headgate run %s --once program", process.ini), 0);
    assert_non_null(strstr(output, "hello"));
    assert_int_equal(shell(&output, "headgate run %s --once goood", process.ini), 1);
    assert_non_null(strstr(output, "did you mean 'good'"));
    ini_rewrite(&process, "[pool p]\nconninfo = host=/nowhere\n[task good]\nevery = 1d\nsql = SELECT 1\n");
    assert_int_equal(shell(&output, "headgate run %s --once good", process.ini), 1);
}

static void operating_reload_is_all_or_nothing(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 2\n[task keeps]\nevery = 200ms\nsql = SELECT 1\n[task goes]\nevery = 200ms\nsql = SELECT 1\n", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "keeps", "ok") >= 3);
    ini_rewrite(&process, "[pool p]\nconninfo = %s\n[task keeps]\nevery = 200\nsql = SELECT 1\n", conninfo);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reload_refused") == 1);
    assert_int_equal(daemon_log_count(&process, ":4: every = '200' has no unit"), 1);
    long ok = task_number(&process, "goes", "ok");
    WAIT_UNTIL(&process, task_number(&process, "goes", "ok") > ok);
    ok = task_number(&process, "keeps", "ok");
    ini_rewrite(&process, "[pool p]\nconninfo = %s dbname=other\nsize = 2\n[task keeps]\nevery = 200ms\nsql = SELECT 1\n"
                          "[task comes]\nevery = 200ms\nsql_file = comes.sql\n", conninfo);
    assert_int_equal(shell(NULL, "echo 'SELECT 1/(current_database() = $$other$$)::int' > $(dirname %s)/comes.sql", process.ini), 0);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, task_number(&process, "comes", "ok") >= 1);
    assert_int_equal(task_number(&process, "comes", "failed"), 0);
    WAIT_UNTIL(&process, ({ /* it is gone with the first reload at which it does not run */
                   kill(process.pid, SIGHUP);
                   task_number(&process, "goes", "ok") == -1;
               }));
    assert_true(task_number(&process, "keeps", "ok") >= ok);
    assert_int_equal(shell(NULL, "echo 'SELECT 1/0' > $(dirname %s)/comes.sql", process.ini), 0);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, task_number(&process, "comes", "failed") >= 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void operating_removed_task_finishes_its_run(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE done");
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 2\n[task long]\nevery = 300ms\nsql =\n    SELECT pg_sleep(1.5); INSERT INTO done VALUES ('long')\n[task t]\nevery = 1s\nsql = SELECT 1\n", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "long", "running") == 1);
    ini_rewrite(&process, "[pool q]\nconninfo = %s\n[task t]\nevery = 1s\nsql = SELECT 1\n", conninfo);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM done") >= 1);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 1);
    WAIT_UNTIL(&process, ({ /* the first one that comes when it has ended takes it away */
                   kill(process.pid, SIGHUP);
                   pool_number(&process, "p", "peak") == -1 && task_number(&process, "long", "ok") == -1;
               }));
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void operating_dump_goes_to_log_or_file(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\n[task t]\nevery = 1s\nsql = SELECT 1\n", conninfo);
    daemon_start(&process);
    kill(process.pid, SIGUSR1);
    WAIT_UNTIL(&process, daemon_log_count(&process, "late p50/p99 ms") == 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    char file[256];
    snprintf(file, sizeof file, "%s.status", process.ini);
    ini_rewrite(&process, "[headgate]\nstatus_file = %s\n[pool p]\nconninfo = %s\n[task t]\nevery = 1s\nsql = SELECT 1\n", file, conninfo);
    daemon_start(&process);
    kill(process.pid, SIGUSR1);
    WAIT_UNTIL(&process, access(file, R_OK) == 0);
    assert_int_equal(shell(NULL, "grep -q '^pool p' %s", file), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void operating_drain_lets_runs_finish_and_a_second_one_cancels(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE done");
    ini_write(&process, "[pool p]\nconninfo = %s\n[task t]\nevery = 300ms\nsql =\n    SELECT pg_sleep(1); INSERT INTO done VALUES ('t')\n", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 1);
    long ok = task_number(&process, "t", "ok");
    WAIT_UNTIL(&process, task_number(&process, "t", "running") == 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_true(query_number(conninfo, "SELECT count(*) FROM done") > ok);
    ini_rewrite(&process, "[headgate]\ndrain_timeout = 1h\n[pool p]\nconninfo = %s\n[task t]\nevery = 300ms\nsql = SELECT pg_sleep(1000)\n", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "t", "running") == 1);
    kill(process.pid, SIGTERM);
    WAIT_UNTIL(&process, daemon_log_count(&process, "what runs may finish") == 2);
    assert_int_equal(daemon_end(&process, SIGINT), 0);
    assert_int_equal(daemon_log_count(&process, "event=cancelled"), 1);
}

static void operating_second_daemon_is_refused_and_a_stale_socket_is_not(void **state) {
    (void)state;
    struct process process;
    const char *output;
    ini_write(&process, "[pool p]\nconninfo = %s\n[task t]\nevery = 1s\nsql = SELECT 1\n", conninfo);
    daemon_start(&process);
    assert_int_equal(shell(&output, "headgate run %s", process.ini), 1);
    assert_non_null(strstr(output, "already runs this file"));
    assert_int_equal(shell(&output, "headgate run %s --once t", process.ini), 1);
    assert_int_equal(daemon_end(&process, SIGKILL), 1000 + SIGKILL);
    assert_int_equal(shell(NULL, "headgate status %s", process.ini), 1);
    daemon_start(&process);
    assert_int_equal(shell(NULL, "headgate status %s", process.ini), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void operating_overlap_is_skipped_queued_or_allowed(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 8\n[task skips]\nevery = 200ms\nsql = SELECT pg_sleep(0.5)\n"
                        "[task queues]\nevery = 200ms\noverlap = queue\nsql = SELECT pg_sleep(0.5)\n"
                        "[task allows]\nevery = 200ms\noverlap = allow\nsql = SELECT pg_sleep(0.5)\n", conninfo);
    daemon_start(&process);
    long most = 0, running;
    WAIT_UNTIL(&process, ({
                   running = task_number(&process, "allows", "running");
                   most = running > most ? running : most;
                   task_number(&process, "skips", "ok") >= 4 && task_number(&process, "skips", "skipped") >= 4 &&
                       task_number(&process, "queues", "ok") >= 4 && task_number(&process, "queues", "merged") >= 2 && most >= 2;
               }));
    assert_int_equal(task_number(&process, "queues", "skipped"), 0);
    assert_int_equal(task_number(&process, "allows", "skipped"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void operating_stalled_daemon_answers_with_one_run(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\n[task t]\nevery = 100ms\nsql = SELECT 1\n", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 3);
    long merged = task_number(&process, "t", "merged");
    kill(process.pid, SIGSTOP);
    int64_t since_us = clock_us();
    WAIT_UNTIL(NULL, clock_us() - since_us > 3000000);
    kill(process.pid, SIGCONT);
    WAIT_UNTIL(&process, task_number(&process, "t", "merged") >= merged + 25);
    assert_int_equal(task_number(&process, "t", "failed"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void operating_two_pools_are_two_databases(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool a]\nconninfo = %s\nsize = 1\n[pool b]\nconninfo = %s dbname=other\nsize = 1\n"
                        "[task in_a]\npool = a\nevery = 200ms\nsql = SELECT 1/(current_database() = 'postgres')::int\n"
                        "[task in_b]\npool = b\nevery = 200ms\nsql = SELECT 1/(current_database() = 'other')::int\n", conninfo, conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "in_a", "ok") >= 3 && task_number(&process, "in_b", "ok") >= 3);
    assert_int_equal(task_number(&process, "in_a", "failed") + task_number(&process, "in_b", "failed"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void operating_control_never_replaces_a_file(void **state) {
    (void)state;
    struct process process;
    const char *output;
    ini_write(&process, "[headgate]\ncontrol = %s/precious\n[pool p]\nconninfo = %s\n[task t]\nevery = 1s\nsql = SELECT 1\n", server.directory, conninfo);
    shell(NULL, "echo gold > %s/precious", server.directory);
    assert_int_equal(shell(&output, "headgate run %s", process.ini), 1);
    assert_non_null(strstr(output, "is not a socket"));
    assert_int_equal(shell(NULL, "cd %s && grep -q gold precious && rm precious", server.directory), 0);
}

static void operating_many_askers_are_all_answered(void **state) {
    (void)state;
    struct process process;
    const char *output;
    ini_write(&process, "[pool p]\nconninfo = %s\n[task t]\nevery = 1s\nsql = SELECT 1\n", conninfo);
    daemon_start(&process);
    shell(&output, "for i in $(seq 100); do { headgate status %s | grep -c '^pool p'; } & done; wait", process.ini);
    for (int i = 0; i < 100; i++)
        assert_int_equal(strncmp(output + 2 * i, "1\n", 2), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void operating_closed_stdio_is_survived(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[headgate]\nlog_level = debug\n[pool p]\nconninfo = %s\n[task t]\nevery = 100ms\ncommand = echo hello\n[task s]\nevery = 100ms\nsql = SELECT 1\n", conninfo);
    shell(NULL, "cd $(dirname %s); \"$HEADGATE\" run %s 0<&- 1>&- 2>&- & echo $! > %s.pid", process.ini, process.ini, process.ini);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 3 && task_number(&process, "s", "ok") >= 3);
    assert_int_equal(task_number(&process, "t", "failed"), 0);
    assert_int_equal(shell(NULL, "kill $(cat %s.pid)", process.ini), 0);
    WAIT_UNTIL(NULL, shell(NULL, "headgate status %s", process.ini) == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(operating_check_tells_every_fault_with_its_line, tidy),
        cmocka_unit_test_teardown(operating_check_connect_adds_up_the_budget, tidy),
        cmocka_unit_test_teardown(operating_usage_is_told_with_exit_2, tidy),
        cmocka_unit_test_teardown(operating_readme_is_true, tidy),
        cmocka_unit_test_teardown(operating_once_runs_once_and_tells_how_it_went, tidy),
        cmocka_unit_test_teardown(operating_reload_is_all_or_nothing, tidy),
        cmocka_unit_test_teardown(operating_removed_task_finishes_its_run, tidy),
        cmocka_unit_test_teardown(operating_dump_goes_to_log_or_file, tidy),
        cmocka_unit_test_teardown(operating_drain_lets_runs_finish_and_a_second_one_cancels, tidy),
        cmocka_unit_test_teardown(operating_second_daemon_is_refused_and_a_stale_socket_is_not, tidy),
        cmocka_unit_test_teardown(operating_overlap_is_skipped_queued_or_allowed, tidy),
        cmocka_unit_test_teardown(operating_stalled_daemon_answers_with_one_run, tidy),
        cmocka_unit_test_teardown(operating_two_pools_are_two_databases, tidy),
        cmocka_unit_test_teardown(operating_control_never_replaces_a_file, tidy),
        cmocka_unit_test_teardown(operating_many_askers_are_all_answered, tidy),
        cmocka_unit_test_teardown(operating_closed_stdio_is_survived, tidy),
    };
    return run_all(tests, start, stop);
}
