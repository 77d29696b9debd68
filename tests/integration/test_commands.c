/*
 * Children: what they are given, what they cannot do to the daemon, and what they cost in tokens.
 */
#include "one_server.h"
#include "sampler.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int start(void **state) {
    (void)state;
    setenv("SECRET_OF_THE_DAEMON", "x", 1);
    setenv("PGPASSWORD", "secret", 1);
    server_start(&server, "max_connections=20");
    return 0;
}

/* None of the processes that the test knows by its own number is left. */
static void wait_for_the_end_of(const struct process *process, const char *sleep) {
    WAIT_UNTIL(process, shell(NULL, "! cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -q '[s]leep %s'", sleep) == 0);
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
        if (!strstr(" PATH HOME LANG TZ PGHOST PGPORT PGUSER PGDATABASE PGPASSFILE PGOPTIONS PGAPPNAME HEADGATE_TASK HEADGATE_RUN"
                    " HEADGATE_DUE PWD _ SHLVL OLDPWD ", name))
            fail_msg("%s is in the child's environment", name);
    assert_int_equal(shell(NULL, "cd $(dirname %s) && grep -q '^PGAPPNAME=headgate/show$' env && grep -q '^HEADGATE_TASK=show$' env "
                                 "&& grep -Eq '^HEADGATE_DUE=[0-9-]+T[0-9:.]+Z$' env && ! grep -q secret env", process.ini), 0);
    shell(&output, "cd $(dirname %s) && tr '\\n' ' ' < fds", process.ini);
    assert_string_equal(output, "0 1 10 2 "); /* 10 is sh's own */
    assert_int_equal(sched_getscheduler(process.pid), SCHED_BATCH); /* the README says that its children inherit it */
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void run_and_fail(const struct process *process, const char *task, long times) {
    trigger(process, task);
    WAIT_UNTIL(process, task_number(process, task, "failed") == times && task_number(process, task, "running") == 0);
}

static void commands_failure_keeps_the_end_of_the_output(void **state) {
    (void)state;
    struct process process;
    const char *rarely = never_due();
    ini_write(&process,
              "[pool p]\nconninfo = %s\n[task fails]\n%scommand = sh -c 'seq 1 100000; echo the end >&2; exit 3'\n"
              "[task missing]\n%scommand = /no/such/program\n[task dies]\n%scommand = sh -c 'kill -SEGV $$'\n"
              "[task much]\n%scommand = sh -c 'head -c 10000000 /dev/zero'\n",
              conninfo, rarely, rarely, rarely, rarely);
    daemon_start(&process);
    for (int i = 1; i <= 2; i++)
        run_and_fail(&process, "fails", i);
    run_and_fail(&process, "missing", 1);
    run_and_fail(&process, "dies", 1);
    assert_string_equal(task_text(&process, "fails", "note"), "failed: exited with 3: the end");
    assert_non_null(strstr(task_text(&process, "missing", "note"), "/no/such/program: no such file"));
    assert_non_null(strstr(task_text(&process, "dies", "note"), "signal 11"));
    assert_int_equal(daemon_log_count(&process, "100000\\nthe end"), 1); /* the second is like the first */
    trigger(&process, "much");
    WAIT_UNTIL(&process, task_number(&process, "much", "ok") == 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void commands_timeout_ends_the_whole_group(void **state) {
    (void)state;
    struct process process;
    char asleep[32];
    snprintf(asleep, sizeof asleep, "100[01].%d", getpid());
    ini_write(&process, "[pool p]\nconninfo = %s\n"
                        "[task stubborn]\nevery = 500ms\ntimeout = 500ms\nhold_after = 0\ncommand = sh -c 'trap \"\" TERM; sleep 1000.%d & while :; do sleep 0.1; done'\n"
                        "[task kind]\nevery = 300ms\ntimeout = 100ms\nhold_after = 0\ncommand = sleep 1001.%d\n", conninfo, getpid(), getpid());
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "kind", "failed") >= 2);
    assert_string_equal(task_text(&process, "kind", "last"), "timeout");
    /* TERM, 5 s, KILL; a shell that did not come to its trap in time ends at once */
    WAIT_UNTIL(&process, task_number(&process, "stubborn", "last_took") > 5000000);
    assert_string_equal(task_text(&process, "stubborn", "last"), "timeout");
    daemon_stop(&process);
    wait_for_the_end_of(NULL, asleep);
}

static void commands_grandchild_does_not_hold_the_run(void **state) {
    (void)state;
    struct process process;
    char asleep[32];
    snprintf(asleep, sizeof asleep, "100[2].%d", getpid());
    ini_write(&process, "[pool p]\nconninfo = %s\n[task parent]\nevery = 200ms\ncommand = sh -c 'sleep 1002.%d & echo started'\n"
                        "[task escapes]\nevery = 200ms\ncommand = sh -c 'setsid sleep 3 & echo started'\n", conninfo, getpid());
    daemon_start(&process);
    WAIT_UNTIL(&process, tasks_least(&process, "", "ok") >= 3);
    /* Each is one for a moment; those that stay would become ever more. */
    WAIT_UNTIL(&process, shell(NULL, "! cat /proc/[0-9]*/stat 2>/dev/null | awk '$4 == %d && $3 == \"Z\"' | grep -q .", (int)process.pid) == 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    wait_for_the_end_of(NULL, asleep);
}

/* What its tokens are for: three sessions side by side. It ends when their backends are gone: each psql tells which is its own. */
static void write_heavy(const char *path) {
    FILE *file = fopen(path, "w");
    fputs("#!/bin/sh\n"
          "for i in 1 2 3; do psql -XAtqc 'SELECT pg_backend_pid()' -c 'SELECT pg_sleep(0.3)' >backend.$i & done\n"
          "wait\n"
          "for i in 1 2 3; do\n"
          "    read -r pid <backend.$i || exit 1\n"
          "    while [ -d /proc/$pid ]; do sleep 0.02; done\n"
          "done\n",
          file);
    fclose(file);
}

static void commands_weight_is_taken_from_warm_sessions(void **state) {
    (void)state;
    struct process process;
    char script[180];
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 3\n[task a]\nevery = 200ms\nsql = SELECT pg_sleep(0.05)\n"
                        "[task b]\nevery = 200ms\nsql = SELECT pg_sleep(0.05)\n"
                        "[task heavy]\nevery = 1s\ntokens = 3\ncommand = sh heavy.sh\n"
                        "[task light]\nevery = 300ms\ntokens = 0\ncommand = sleep 0.1\n", conninfo);
    snprintf(script, sizeof script, "%.*s/heavy.sh", (int)(strrchr(process.ini, '/') - process.ini), process.ini);
    write_heavy(script);
    sampler_start(conninfo, COUNT_OURS);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "heavy", "ok") >= 3 && tasks_least(&process, "", "ok") >= 3 && sampler_seen() >= 3);
    assert_int_equal(sampler_stop(), 3);
    assert_int_equal(pool_number(&process, "p", "peak"), 3);
    assert_int_equal(tasks_sum(&process, "", "failed"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* Its psql is killed in a statement, in which the server's backend does not know of it: the notice comes from within. */
#define KILLED(task, environment, seconds) \
    "[task " task "]\nevery = 500ms\nhold_after = 0\ncommand = env " environment " sh killed.sh " seconds "\n"

static void write_killed(const struct process *process) {
    char path[180];
    snprintf(path, sizeof path, "%.*s/killed.sh", (int)(strrchr(process->ini, '/') - process->ini), process->ini);
    FILE *file = fopen(path, "w");
    fputs("#!/bin/sh\n"
          "mkfifo said.$$\n"
          "psql -Xqc \"DO \\$\\$ BEGIN RAISE NOTICE 'here'; PERFORM pg_sleep($1); END \\$\\$\" 2>said.$$ &\n"
          "read -r word <said.$$\n"
          "kill -KILL $!\n"
          "rm said.$$\n"
          "exit 1\n",
          file);
    fclose(file);
}

static long most_sessions_while_killed(struct process *process, int runs) {
    write_killed(process);
    sampler_start(conninfo, COUNT_OURS);
    daemon_start(process);
    WAIT_UNTIL(process, tasks_sum(process, "", "failed") >= runs);
    return sampler_stop();
}

static void end_backends(void) {
    query(conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'");
    WAIT_UNTIL(NULL, query_number(conninfo, COUNT_OURS) == 0);
}

/* The server looks after its clients every other second, as the children's PGOPTIONS ask it to: all three tokens at once are
 * of killed commands, and no session is opened beside what those left. */
static void commands_killed_in_statements_leave_no_more_sessions_than_tokens(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 3\n" KILLED("a", "x=", "60") KILLED("b", "x=", "60") KILLED("c", "x=", "60"),
              conninfo);
    assert_in_range(most_sessions_while_killed(&process, 9), 1, 3);
    daemon_stop(&process);
    WAIT_UNTIL(NULL, query_number(conninfo, COUNT_OURS) == 0); /* long before their minute is over */
}

/* What does not ask for that keeps its token as long as its statement takes, and the dump says so. */
static void commands_killed_in_statements_hold_their_tokens_while_the_server_has_them(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 3\n" KILLED("a", "PGOPTIONS=", "600"), conninfo);
    assert_in_range(most_sessions_while_killed(&process, 2), 1, 3);
    WAIT_UNTIL(&process, dump_has(&process, "sessions of commands that ended still hold 2 of 3 tokens"));
    WAIT_UNTIL(&process, dump_has(&process, "+ 2 of ended commands"));
    assert_int_equal(pool_tokens(&process, "p", "ended_commands"), 2);
    daemon_stop(&process);
    end_backends();
}

static void commands_keep_the_users_own_startup_options(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s options='-c client_connection_check_interval=7s -c work_mem=1MB'\n"
                        "[task a]\n%scommand = sh -c 'echo $(psql -XAtqc \"SHOW client_connection_check_interval\" -c \"SHOW work_mem\"); exit 3'\n",
              conninfo, never_due());
    daemon_start(&process);
    trigger(&process, "a");
    WAIT_UNTIL(&process, task_number(&process, "a", "failed") == 1);
    assert_string_equal(task_text(&process, "a", "note"), "failed: exited with 3: 7s 1MB");
    daemon_stop(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(commands_environment_is_clean_and_reaches_the_database, tidy),
        cmocka_unit_test_teardown(commands_failure_keeps_the_end_of_the_output, tidy),
        cmocka_unit_test_teardown(commands_timeout_ends_the_whole_group, tidy),
        cmocka_unit_test_teardown(commands_grandchild_does_not_hold_the_run, tidy),
        cmocka_unit_test_teardown(commands_weight_is_taken_from_warm_sessions, tidy),
        cmocka_unit_test_teardown(commands_killed_in_statements_leave_no_more_sessions_than_tokens, tidy),
        cmocka_unit_test_teardown(commands_killed_in_statements_hold_their_tokens_while_the_server_has_them, tidy),
        cmocka_unit_test_teardown(commands_keep_the_users_own_startup_options, tidy),
    };
    return run_all(tests, start, stop);
}
