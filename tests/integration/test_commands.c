/*
 * Children: what they are given, what they cannot do to the daemon, and what they cost in tokens.
 */
#include "harness.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct server server;
static const char *conninfo = server.conninfo;

static int start(void **state) {
    (void)state;
    setenv("SECRET_OF_THE_DAEMON", "x", 1);
    setenv("PGPASSWORD", "secret", 1);
    server_start(&server, "max_connections=20");
    return 0;
}

static int stop(void **state) {
    (void)state;
    server_destroy(&server);
    return 0;
}

static void commands_environment_is_clean_and_reaches_the_database(void **state) {
    (void)state;
    struct process process;
    const char *output;
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 2\n[task show]\nevery = 200ms\ncommand = sh -c 'env > env.new && mv env.new env'\n"
                        "[task files]\nevery = 200ms\ncommand = sh -c 'ls /proc/$$/fd > fds.new && mv fds.new fds'\n"
                        "[task login]\nevery = 200ms\ncommand = psql -XAtc 'SELECT 41 + 1'\n", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "show", "ok") >= 1 && task_number(&process, "files", "ok") >= 1 &&
                             task_number(&process, "login", "ok") >= 1);
    shell(&output, "cd $(dirname %s) && cut -d= -f1 env | sort | tr '\\n' ' '", process.ini);
    for (char *name = strtok(strdup(output), " \n"); name; name = strtok(NULL, " \n"))
        if (!strstr(" PATH HOME LANG TZ PGHOST PGPORT PGUSER PGDATABASE PGPASSFILE PGAPPNAME HEADGATE_TASK HEADGATE_RUN"
                    " HEADGATE_DUE PWD _ SHLVL OLDPWD ", name))
            fail_msg("%s is in the child's environment", name);
    assert_int_equal(shell(NULL, "cd $(dirname %s) && grep -q '^PGAPPNAME=headgate/show$' env && grep -q '^HEADGATE_TASK=show$' env "
                                 "&& grep -Eq '^HEADGATE_DUE=[0-9-]+T[0-9:.]+Z$' env && ! grep -q secret env", process.ini), 0);
    shell(&output, "cd $(dirname %s) && tr '\\n' ' ' < fds", process.ini);
    assert_string_equal(output, "0 1 10 2 "); /* 10 is sh's own */
    assert_int_equal(sched_getscheduler(process.pid), SCHED_BATCH); /* the README says that its children inherit it */
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void commands_failure_keeps_the_end_of_the_output(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\n[task fails]\nevery = 200ms\ncommand = sh -c 'seq 1 100000; echo the end >&2; exit 3'\n"
                        "[task missing]\nevery = 200ms\ncommand = /no/such/program\n"
                        "[task dies]\nevery = 200ms\ncommand = sh -c 'kill -SEGV $$'\n"
                        "[task much]\nevery = 200ms\ncommand = sh -c 'head -c 10000000 /dev/zero'\n", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "fails", "failed") >= 1 && task_number(&process, "missing", "failed") >= 1 &&
                             task_number(&process, "dies", "failed") >= 1 && task_number(&process, "much", "ok") >= 1);
    WAIT_UNTIL(&process, strcmp(task_text(&process, "fails", "note"), "failed: exited with 3: the end") == 0);
    WAIT_UNTIL(&process, strstr(task_text(&process, "missing", "note"), "/no/such/program: no such file"));
    WAIT_UNTIL(&process, strstr(task_text(&process, "dies", "note"), "signal 11"));
    assert_int_equal(daemon_log_count(&process, "100000\\nthe end"), 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void commands_timeout_ends_the_whole_group(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\n"
                        "[task stubborn]\nevery = 500ms\ntimeout = 200ms\ncommand = sh -c 'trap \"\" TERM; sleep 1000.%d & while :; do sleep 0.1; done'\n"
                        "[task kind]\nevery = 300ms\ntimeout = 100ms\ncommand = sleep 1001.%d\n", conninfo, getpid(), getpid());
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "kind", "failed") >= 2 && task_number(&process, "stubborn", "failed") >= 1);
    assert_string_equal(task_text(&process, "kind", "last"), "timeout");
    assert_string_equal(task_text(&process, "stubborn", "last"), "timeout");
    assert_true(task_number(&process, "stubborn", "last_took") > 5000000); /* TERM, 5 s, KILL */
    kill(process.pid, SIGINT);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(shell(NULL, "! cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -q 'sleep 100[01].%d'", getpid()), 0);
}

static void commands_grandchild_does_not_hold_the_run(void **state) {
    (void)state;
    struct process process;
    const char *output;
    ini_write(&process, "[pool p]\nconninfo = %s\n[task parent]\nevery = 200ms\ncommand = sh -c 'sleep 1002.%d & echo started'\n"
                        "[task escapes]\nevery = 200ms\ncommand = sh -c 'setsid sleep 3 & echo started'\n", conninfo, getpid());
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "parent", "ok") >= 3 && task_number(&process, "escapes", "ok") >= 3);
    shell(&output, "cat /proc/[0-9]*/stat 2>/dev/null | awk '$4 == %d && $3 == \"Z\"' | wc -l", (int)process.pid);
    assert_string_equal(output, "0\n");
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(shell(NULL, "! cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -q 'sleep 100[2].%d'", getpid()), 0);
}

static void commands_weight_is_taken_from_warm_sessions(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 3\n[task a]\nevery = 200ms\nsql = SELECT pg_sleep(0.05)\n"
                        "[task b]\nevery = 200ms\nsql = SELECT pg_sleep(0.05)\n"
                        "[task heavy]\nevery = 1s\ntokens = 3\ncommand = sh -c 'for i in 1 2 3; do psql -XAtc \"SELECT pg_sleep(0.3)\" & done; wait; sleep 0.5'\n"
                        "[task light]\nevery = 300ms\ntokens = 0\ncommand = sleep 0.1\n", conninfo);
    daemon_start(&process);
    long most = 0;
    PGconn *conn = PQconnectdb(conninfo);
    WAIT_UNTIL(&process, ({
                   PGresult *result = PQexec(conn, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'");
                   long now = strtol(PQgetvalue(result, 0, 0), NULL, 10);
                   PQclear(result);
                   most = now > most ? now : most;
                   task_number(&process, "heavy", "ok") >= 3 && task_number(&process, "a", "ok") >= 5;
               }));
    PQfinish(conn);
    assert_int_equal(most, 3);
    assert_int_equal(pool_number(&process, "p", "peak"), 3);
    assert_true(task_number(&process, "light", "ok") >= 3);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_environment_is_clean_and_reaches_the_database),
        cmocka_unit_test(commands_failure_keeps_the_end_of_the_output),
        cmocka_unit_test(commands_timeout_ends_the_whole_group),
        cmocka_unit_test(commands_grandchild_does_not_hold_the_run),
        cmocka_unit_test(commands_weight_is_taken_from_warm_sessions),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
