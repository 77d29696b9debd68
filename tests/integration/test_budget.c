/*
 * The promise that headgate is for: whatever happens, the server never counts more sessions than there are tokens.
 * Each test makes one kind of trouble and looks at the most that a sampler saw.
 */
#include "one_server.h"
#include "sampler.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=40");
    query(conninfo, "CREATE DATABASE other");
    query(conninfo, "CREATE TABLE done (task text, at timestamptz DEFAULT clock_timestamp())");
    query(conninfo, "CREATE TABLE gate (open boolean); INSERT INTO gate VALUES (false)");
    return 0;
}

static void watch(void) {
    sampler_start(conninfo, COUNT_OURS);
}

/* Never more than that, up to now. */
static void assert_never_more_than(const struct process *process, long sessions) {
    long before = sampler_count();
    WAIT_UNTIL(process, sampler_count() > before);
    assert_in_range(sampler_most(), 1, sessions);
}

/* What a command that was killed left in a statement goes when the server notices. */
static void end_well(struct process *process) {
    kill(process->pid, SIGINT);
    assert_int_equal(daemon_end(process, SIGTERM), 0);
    WAIT_UNTIL(NULL, query_number(conninfo, COUNT_OURS) == 0);
}

/* A backend that has these to drop takes its time to end. */
static const char temporary[] = "DO $$ BEGIN FOR i IN 1..100 LOOP EXECUTE 'CREATE TEMP TABLE t' || i || ' (x int PRIMARY KEY)';"
                                " END LOOP; END $$; COMMIT; SELECT pg_sleep(60)";

static void budget_cancelled_runs_give_back_sessions_before_others_open(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 2\n"
              "[task late]\nevery = 100ms\ntimeout = 500ms\nhold_after = 0\ntransaction = off\nsql =\n    %s\n"
              "[task copy]\nevery = 100ms\nhold_after = 0\nsql = COPY done TO STDOUT\n"
              "[task beat]\nevery = 100ms\nsql = SELECT 1\n",
              conninfo, temporary);
    watch();
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "late", "failed") >= 10 && task_number(&process, "copy", "failed") >= 20 &&
                             task_number(&process, "beat", "ok") >= 20);
    assert_true(pool_number(&process, "p", "opened") >= 30); /* each cancel and each COPY costs a session */
    assert_never_more_than(&process, 2);
    end_well(&process);
}

static void budget_killed_and_terminated_backends_are_replaced_within_size(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 3\n"
              "[task a]\nevery = 100ms\nsql = SELECT pg_sleep(0.2)\n[task b]\nevery = 100ms\nsql = SELECT pg_sleep(0.2)\n"
              "[task c]\nevery = 100ms\nsql = SELECT pg_sleep(0.2)\n[task d]\nevery = 100ms\nsql = SELECT pg_sleep(0.2)\n",
              conninfo);
    watch();
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "d", "ok") >= 1);
    for (int i = 0; i < 10; i++) {
        long opened = pool_number(&process, "p", "opened");
        query(conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'"
                        " ORDER BY random() LIMIT 2");
        WAIT_UNTIL(&process, pool_number(&process, "p", "opened") > opened);
    }
    assert_never_more_than(&process, 3);
    for (int i = 0; i < 2; i++) { /* the server ends them all and starts again */
        long victim = query_number(conninfo, "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'");
        kill((pid_t)victim, SIGKILL);
        WAIT_UNTIL(&process, daemon_log_count(&process, "after_failures=") > i || pool_tokens(&process, "p", "held") == 3);
        WAIT_UNTIL(&process, PQping(conninfo) == PQPING_OK);
        long ok = task_number(&process, "a", "ok");
        WAIT_UNTIL(&process, task_number(&process, "a", "ok") > ok + 2);
    }
    assert_never_more_than(&process, 3);
    end_well(&process);
}

static void budget_recycled_and_idle_sessions_go_before_others_come(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 3\nidle = 30ms\nrecycle = 1s\n"
              "[task a]\nevery = 50ms\nsql = SELECT 1\n[task b]\nevery = 70ms\nsql = SELECT 1; SELECT 2\n"
              "[task c]\nevery = 110ms\nsql = SELECT pg_sleep(0.05)\n[task d]\nevery = 130ms\nsql = SELECT pg_sleep(0.05)\n",
              conninfo);
    watch();
    daemon_start(&process);
    WAIT_UNTIL(&process, pool_number(&process, "p", "opened") >= 60);
    assert_int_equal(task_number(&process, "a", "failed") + task_number(&process, "b", "failed") +
                         task_number(&process, "c", "failed") + task_number(&process, "d", "failed"),
                     0);
    assert_never_more_than(&process, 3);
    end_well(&process);
}

static void write_sleepers(const struct process *process, const char *dbname, int size) {
    char tasks[2048] = "";
    for (int i = 0; i < 8; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task s%d]\nevery = 300ms\nsql = SELECT pg_sleep(0.4)\n", i);
    ini_rewrite(process, "[pool p]\nconninfo = %s dbname=%s\nsize = %d\n%s", conninfo, dbname, size, tasks);
}

static void budget_reload_goes_over_within_size(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "%s", "");
    write_sleepers(&process, "postgres", 4);
    watch();
    daemon_start(&process);
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "taken") == 4);
    write_sleepers(&process, "other", 4); /* sessions are replaced as they fall idle */
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, query_number(conninfo, COUNT_OURS " AND datname = 'other'") == 4);
    assert_never_more_than(&process, 4);
    write_sleepers(&process, "other", 2);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "size") == 2 && pool_tokens(&process, "p", "held") == 2);
    sampler_most();
    long ok = task_number(&process, "s7", "ok");
    WAIT_UNTIL(&process, task_number(&process, "s7", "ok") >= ok + 3);
    assert_never_more_than(&process, 2);
    write_sleepers(&process, "other", 5);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "taken") == 5);
    assert_never_more_than(&process, 5);
    end_well(&process);
}

/* It ends when the backends of its sessions are gone. */
static void write_heavy(const struct process *process) {
    assert_int_equal(shell(NULL,
                           "cat >$(dirname %s)/heavy.sh <<'END'\n"
                           "for i in 1 2 3; do psql -XAtqc 'SELECT pg_backend_pid()' -c 'SELECT pg_sleep(0.2)' >backend.$i & done\n"
                           "wait\n"
                           "for i in 1 2 3; do\n"
                           "    read -r pid <backend.$i || exit 1\n"
                           "    while [ -d /proc/$pid ]; do sleep 0.02; done\n"
                           "done\nEND",
                           process->ini),
                     0);
}

static void budget_commands_and_sessions_share_the_tokens(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 4\n"
              "[task a]\nevery = 100ms\nphase = 0s\nsql = SELECT pg_sleep(0.05)\n[task b]\nevery = 100ms\nphase = 0s\nsql = SELECT pg_sleep(0.05)\n"
              "[task c]\nevery = 100ms\nphase = 0s\nsql = SELECT pg_sleep(0.05)\n[task d]\nevery = 100ms\nphase = 0s\nsql = SELECT pg_sleep(0.05)\n"
              "[task heavy]\nevery = 500ms\ntokens = 3\ncommand = sh heavy.sh\n",
              conninfo);
    write_heavy(&process);
    watch();
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "heavy", "ok") >= 8 && task_number(&process, "d", "ok") >= 8);
    assert_int_equal(task_number(&process, "heavy", "failed"), 0);
    assert_never_more_than(&process, 4);
    end_well(&process);
}

/* Looks away when it is cancelled, and does not notice that its client has gone, until the gate is open. */
static const char stubborn[] = "DO $$ BEGIN PERFORM set_config('client_connection_check_interval', '0', false);\n"
                               "    WHILE NOT (SELECT open FROM gate) LOOP BEGIN PERFORM pg_sleep(0.1);\n"
                               "    EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$";

static void budget_backend_that_will_not_end_keeps_its_token(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 2\n[task stubborn]\n%stimeout = 200ms\nsql =\n    %s\n"
              "[task a]\nevery = 100ms\nsql = SELECT pg_sleep(0.05)\n[task b]\nevery = 100ms\nsql = SELECT pg_sleep(0.05)\n",
              conninfo, never_due(), stubborn);
    query(conninfo, "UPDATE gate SET open = false");
    watch();
    daemon_start(&process);
    trigger(&process, "stubborn");
    WAIT_UNTIL(&process, task_number(&process, "stubborn", "failed") == 1); /* cancelled, 5 s later closed */
    assert_int_equal(pool_tokens(&process, "p", "closing"), 1);
    long ok = task_number(&process, "a", "ok");
    WAIT_UNTIL(&process, task_number(&process, "a", "ok") >= ok + 5);
    query(conninfo, "UPDATE gate SET open = true");
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "closing") == 0 && pool_tokens(&process, "p", "held") == 2);
    assert_never_more_than(&process, 2);
    end_well(&process);
}

static void budget_leftovers_of_a_killed_daemon_hold_tokens(void **state) {
    (void)state;
    struct process process;
    char tasks[2048] = "";
    for (int i = 0; i < 3; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task s%d]\nevery = 100ms\nsql =\n    %s\n", i, stubborn);
    query(conninfo, "UPDATE gate SET open = false");
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 4\n%s", conninfo, tasks);
    watch();
    daemon_start(&process);
    WAIT_UNTIL(&process, query_number(conninfo, COUNT_OURS " AND wait_event = 'PgSleep'") == 3);
    assert_int_equal(daemon_end(&process, SIGKILL), 1000 + SIGKILL);
    daemon_start(&process);
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "leftover") == 3);
    query(conninfo, "UPDATE gate SET open = true");
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "leftover") == 0 && task_number(&process, "s2", "ok") >= 1);
    assert_never_more_than(&process, 4);
    end_well(&process);
}

static void budget_another_daemon_is_no_leftover(void **state) {
    (void)state;
    struct process processes[2];
    watch();
    for (int i = 0; i < 2; i++) {
        ini_write(&processes[i],
                  "[pool p]\nconninfo = %s\nsize = 2\n[task a]\nevery = 100ms\nsql = SELECT pg_sleep(0.3)\n"
                  "[task b]\nevery = 100ms\nsql = SELECT pg_sleep(0.3)\n[task c]\nevery = 100ms\nsql = SELECT pg_sleep(0.3)\n",
                  conninfo);
        daemon_start(&processes[i]);
        WAIT_UNTIL(&processes[i], pool_tokens(&processes[i], "p", "taken") == 2);
    }
    WAIT_UNTIL(&processes[1], task_number(&processes[1], "c", "ok") >= 3);
    assert_int_equal(pool_tokens(&processes[1], "p", "leftover"), 0);
    assert_int_equal(daemon_log_count(&processes[1], "event=leftover_sessions"), 0);
    assert_never_more_than(&processes[1], 4);
    assert_int_equal(daemon_end(&processes[0], SIGTERM), 0);
    assert_int_equal(daemon_end(&processes[1], SIGTERM), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(budget_cancelled_runs_give_back_sessions_before_others_open, tidy),
        cmocka_unit_test_teardown(budget_killed_and_terminated_backends_are_replaced_within_size, tidy),
        cmocka_unit_test_teardown(budget_recycled_and_idle_sessions_go_before_others_come, tidy),
        cmocka_unit_test_teardown(budget_reload_goes_over_within_size, tidy),
        cmocka_unit_test_teardown(budget_commands_and_sessions_share_the_tokens, tidy),
        cmocka_unit_test_teardown(budget_backend_that_will_not_end_keeps_its_token, tidy),
        cmocka_unit_test_teardown(budget_leftovers_of_a_killed_daemon_hold_tokens, tidy),
        cmocka_unit_test_teardown(budget_another_daemon_is_no_leftover, tidy),
    };
    return run_all(tests, start, stop);
}
