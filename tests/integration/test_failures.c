/*
 * A database that dies, is full, refuses or does not answer: the daemon goes on by itself, and no run is spent on it.
 */
#include "one_server.h"
#include "sampler.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static PGconn *others[10]; /* all that are left to the role app */

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=12 log_connections=on superuser_reserved_connections=2");
    query(conninfo, "CREATE ROLE app LOGIN; CREATE TABLE beat (at timestamptz DEFAULT now()); GRANT ALL ON beat TO app");
    query(conninfo, "CREATE TABLE nap (seconds float8); INSERT INTO nap VALUES (600); GRANT SELECT ON nap TO app");
    query(conninfo, "CREATE TABLE killed (at timestamptz)"); /* the daemon, and when */
    return 0;
}

/* Runs that take as long as the test wants: what begins after the change goes by it. */
#define NAP "SELECT pg_sleep(seconds) FROM nap"

static void nap_for(const char *seconds) {
    char sql[64];
    snprintf(sql, sizeof sql, "UPDATE nap SET seconds = %s", seconds);
    query(conninfo, sql);
}

static long napping(void) {
    return query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND application_name LIKE 'headgate/%'");
}

/* What a killed daemon left stays when it is stopped: it does not even notice that its client is gone. */
static void signal_leftovers(const char *signal) {
    shell(NULL, "kill -%s $(psql -XAtq '%s' -c \"SELECT pid FROM pg_stat_activity, killed WHERE backend_start < killed.at"
                " AND application_name LIKE 'headgate/%%'\")", signal, conninfo);
}

static void close_others(void) {
    for (int i = 0; i < 10; i++) {
        if (others[i])
            depart(others[i]);
        others[i] = NULL;
    }
}

/* A teardown: neither thread, session nor daemon goes on into the next test, and the server is there for it. */
static int leave(void **state) {
    close_others();
    if (PQping(conninfo) != PQPING_OK)
        server_do(&server, "restart", "fast");
    signal_leftovers("CONT");
    return tidy(state);
}

static void beat_file(struct process *process, const char *more) {
    ini_write(process, "[pool p]\nconninfo = %s user=app\nsize = 3\n[task beat]\nevery = 100ms\nsql = INSERT INTO beat VALUES (now())\n%s",
              conninfo, more);
}

static void failures_terminated_backend_is_replaced(void **state) {
    (void)state;
    struct process process;
    nap_for("600");
    beat_file(&process, "[task slow]\nevery = 500ms\nsql = " NAP "\n");
    daemon_start(&process);
    for (int i = 1; i <= 5; i++) {
        WAIT_UNTIL(&process, napping() == 1);
        if (i == 5)
            nap_for("0");
        query(conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
        WAIT_UNTIL(&process, task_number(&process, "slow", "failed") == i);
    }
    WAIT_UNTIL(&process, task_number(&process, "slow", "ok") >= 1);
    assert_int_equal(task_number(&process, "slow", "failed"), 5);
    query(conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'");
    long ok = tasks_least(&process, "", "ok");
    WAIT_UNTIL(&process, tasks_least(&process, "", "ok") >= ok + 2);
    assert_true(daemon_log_count(&process, "sqlstate=57P01") >= 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* It takes the whole server down for a moment: a run that is due in it could meet the same end. */
static void failures_killed_backend_leaves_the_run_unknown(void **state) {
    (void)state;
    struct process process;
    char slow[160];
    nap_for("600");
    snprintf(slow, sizeof slow, "[task slow]\n%ssql = " NAP "\n", never_due());
    beat_file(&process, slow);
    daemon_start(&process);
    trigger(&process, "slow");
    WAIT_UNTIL(&process, napping() == 1);
    long pid = query_number(conninfo, "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
    WAIT_UNTIL(&process, task_number(&process, "slow", "failed") == 1);
    assert_string_equal(task_text(&process, "slow", "last"), "unknown");
    assert_int_equal(daemon_log_count(&process, "event=unknown task=slow"), 1);
    long ok = task_number(&process, "beat", "ok");
    WAIT_UNTIL(&process, task_number(&process, "beat", "ok") > ok + 5);
    assert_int_equal(task_number(&process, "slow", "failed"), 1);
    assert_int_equal(task_number(&process, "slow", "running"), 0); /* it is not repeated */
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void failures_restart_and_outage_spend_no_run(void **state) {
    (void)state;
    struct process process;
    beat_file(&process, "");
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "beat", "ok") >= 5);
    server_do(&server, "restart", "immediate");
    long ok = task_number(&process, "beat", "ok");
    WAIT_UNTIL(&process, task_number(&process, "beat", "ok") >= ok + 5);
    server_do(&server, "stop", "fast");
    WAIT_UNTIL(&process, strcmp(task_text(&process, "beat", "state"), "waiting") == 0 &&
                             strstr(task_text(&process, "beat", "note"), "no connection for"));
    long failed = task_number(&process, "beat", "failed"), skipped = task_number(&process, "beat", "skipped");
    long merged = task_number(&process, "beat", "merged");
    WAIT_UNTIL(&process, task_number(&process, "beat", "merged") >= merged + 20);
    assert_int_equal(task_number(&process, "beat", "failed"), failed);
    assert_int_equal(task_number(&process, "beat", "skipped"), skipped);
    server_do(&server, "restart", "fast");
    ok = task_number(&process, "beat", "ok");
    WAIT_UNTIL(&process, task_number(&process, "beat", "ok") >= ok + 5);
    assert_int_equal(task_number(&process, "beat", "failed"), failed);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* The least time between such lines of the server's log, of which there are more than `index`; in ms, by the server's clock. */
static long gap_ms(const char *text, int index) {
    const char *output;
    shell(&output, "grep -e '%s' %s/server.log | cut -d ' ' -f 2 | awk -F '[:.]' '{ at = ($1 * 3600 + $2 * 60 + $3) * 1000 + $4 }"
                   " NR == %d { print (at - before + 86400000) %% 86400000 } { before = at }'", text, server.directory, index + 2);
    return strtol(output, NULL, 10);
}

/* Between two attempts is the delay that follows a failure, and never less: it begins when the server has said no. */
static void assert_waited(const char *text, int count, const long *least_ms) {
    for (int i = 0; i < count; i++)
        if (gap_ms(text, i) < least_ms[i])
            fail_msg("attempt %d came after %ld ms, not %ld", i + 2, gap_ms(text, i), least_ms[i]);
}

static void failures_full_server_is_waited_for_a_second_each_time(void **state) {
    (void)state;
    struct process process;
    char app[640];
    static const long a_second_ms[] = {1000, 1000, 1000};
    static const char refused[] = "FATAL:  remaining connection slots";
    snprintf(app, sizeof app, "%s user=app", conninfo);
    for (int i = 0; i < 10; i++) {
        others[i] = PQconnectdb(app);
        assert_int_equal(PQstatus(others[i]), CONNECTION_OK);
    }
    beat_file(&process, "");
    daemon_start(&process);
    WAIT_UNTIL(&process, server_log_count(&server, refused) >= 4);
    assert_waited(refused, 3, a_second_ms);
    assert_true(daemon_log_count(&process, "sqlstate=53300") >= 1);
    WAIT_UNTIL(&process, strstr(task_text(&process, "beat", "note"), "no connection for"));
    assert_int_equal(task_number(&process, "beat", "failed") + task_number(&process, "beat", "ok"), 0);
    assert_int_equal(task_number(&process, "beat", "skipped"), 0);
    close_others();
    WAIT_UNTIL(&process, task_number(&process, "beat", "ok") >= 5);
    assert_int_equal(task_number(&process, "beat", "failed"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void failures_missing_database_is_tried_less_and_less(void **state) {
    (void)state;
    struct process process;
    static const long doubling_ms[] = {1000, 2000, 4000};
    ini_write(&process, "[pool p]\nconninfo = %s dbname=nowhere\n[task t]\nevery = 100ms\nsql = SELECT 1\n", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, server_log_count(&server, "\"nowhere\" does not exist") >= 4);
    assert_waited("\"nowhere\" does not exist", 3, doubling_ms);
    assert_int_equal(daemon_log_count(&process, "sqlstate=3D000"), 1);
    assert_int_equal(task_number(&process, "t", "failed"), 0);
    query(conninfo, "CREATE DATABASE nowhere");
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* The server's limit is in another pool: on a busy machine it could come before ours. */
static void failures_timeouts_end_runs(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 3\n[pool q]\nconninfo = %s\nsize = 1\nstatement_timeout = 300ms\n"
              "[task ours]\npool = p\nevery = 400ms\ntimeout = 100ms\nhold_after = 0\nsql = SELECT pg_sleep(600)\n"
              "[task both]\npool = p\nevery = 400ms\ntimeout = 100ms\nhold_after = 0\nsql = SELECT 1; SELECT pg_sleep(600)\n"
              "[task servers]\npool = q\nevery = 400ms\nhold_after = 0\nsql = SELECT pg_sleep(600)\n",
              conninfo, conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, tasks_least(&process, "", "failed") >= 3);
    assert_string_equal(task_text(&process, "ours", "last"), "timeout");
    assert_string_equal(task_text(&process, "both", "last"), "timeout");
    assert_string_equal(task_text(&process, "servers", "last"), "failed");
    assert_true(shell(NULL, "grep 'task=servers ' %s | grep -q sqlstate=57014", process.log) == 0);
    assert_in_range(pool_number(&process, "p", "peak"), 1, 3);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* A socket that accepts and never says a word. */
static int black_hole(int *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 64), 0);
    getsockname(fd, (struct sockaddr *)&address, &bytes);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* One pool waits for an answer as long as the test takes, one gives up again and again, and the third does its work. */
static void failures_black_hole_leaves_the_other_pool_alone(void **state) {
    (void)state;
    struct process process;
    int port, fd = black_hole(&port);
    ini_write(&process,
              "[pool deep]\nconninfo = host=localhost port=%d dbname=x user=x\nconnect_timeout = 1h\n"
              "[pool hole]\nconninfo = host=localhost port=%d dbname=x user=x\nconnect_timeout = 500ms\nlinger = 1s\n"
              "[pool p]\nconninfo = %s\n[task waits]\npool = deep\nevery = 100ms\nsql = SELECT 1\n"
              "[task lost]\npool = hole\nevery = 100ms\nsql = SELECT 1\n"
              "[task beat]\npool = p\nevery = 100ms\nsql = SELECT 1\n",
              port, port, conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, pool_tokens(&process, "deep", "opening") == 1);
    WAIT_UNTIL(&process, daemon_log_count(&process, "no answer within connect_timeout") >= 1);
    long ok = task_number(&process, "beat", "ok");
    WAIT_UNTIL(&process, task_number(&process, "beat", "ok") >= ok + 30);
    assert_int_equal(pool_tokens(&process, "deep", "opening"), 1);
    assert_int_equal(tasks_sum(&process, "", "failed"), 0);
    assert_in_range(pool_tokens(&process, "hole", "held"), 0, 4);
    close(fd);
    daemon_stop(&process);
}

static void failures_leftovers_of_a_killed_daemon_are_counted(void **state) {
    (void)state;
    struct process process;
    nap_for("600");
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 3\n[task a]\nevery = 200ms\nsql = " NAP "\noverlap = allow\n", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, napping() == 3);
    query(conninfo, "INSERT INTO killed VALUES (clock_timestamp())");
    signal_leftovers("STOP");
    assert_int_equal(daemon_end(&process, SIGKILL), 1000 + SIGKILL);
    nap_for("0.2");
    sampler_start(conninfo, COUNT_OURS);
    daemon_start(&process);
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "leftover") == 3);
    assert_int_equal(daemon_log_count(&process, "event=leftover_sessions"), 1);
    WAIT_UNTIL(&process, task_number(&process, "a", "ok") >= 3 && sampler_seen() >= 4);
    assert_int_equal(pool_tokens(&process, "p", "leftover"), 3);
    assert_int_equal(sampler_stop(), 4); /* the one that asks is one too many */
    signal_leftovers("CONT");
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "leftover") == 0); /* as soon as somebody looks again */
    daemon_stop(&process);
}

/* At an instant at which nothing of the task waits or runs: what is next, and all that was answered; by one answer. */
static bool accounts(const struct process *process, int64_t *ret_due_us, int64_t *ret_count) {
    const char *output;
    static const char *const fields[] = {"ok", "failed", "skipped", "merged"};
    size_t i;
    json_t *task;
    if (shell(&output, "headgate status %s --json", process->ini) != 0)
        return false;
    json_t *all = json_loads(output, 0, NULL);
    bool idle = false;
    json_array_foreach(json_object_get(all, "tasks"), i, task) {
        if (strcmp(json_string_value(json_object_get(task, "name")), "slow") != 0)
            continue;
        idle = strcmp(json_string_value(json_object_get(task, "state")), "idle") == 0;
        *ret_due_us = json_integer_value(json_object_get(task, "due"));
        *ret_count = 0;
        for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
            *ret_count += json_integer_value(json_object_get(task, fields[f]));
    }
    json_decref(all);
    return idle;
}

#define EVERY_US 500000

static void failures_every_occurrence_is_accounted_for(void **state) {
    (void)state;
    struct process process;
    int64_t due_us[2], count[2];
    nap_for("0");
    beat_file(&process, "[task slow]\nevery = 500ms\nsql = " NAP "\n");
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "slow", "ok") >= 1 && accounts(&process, &due_us[0], &count[0]));
    nap_for("0.7"); /* longer than the interval: some are skipped */
    WAIT_UNTIL(&process, task_number(&process, "slow", "skipped") >= 2);
    server_do(&server, "restart", "immediate");
    kill(process.pid, SIGSTOP);
    int64_t since_us = clock_us();
    WAIT_UNTIL(NULL, clock_us() - since_us > 10 * EVERY_US);
    kill(process.pid, SIGCONT);
    WAIT_UNTIL(&process, task_number(&process, "slow", "merged") + task_number(&process, "slow", "skipped") >= 10);
    nap_for("0");
    WAIT_UNTIL(&process, accounts(&process, &due_us[1], &count[1]));
    assert_int_equal((due_us[1] - due_us[0]) % EVERY_US, 0);
    assert_int_equal(count[1] - count[0], (due_us[1] - due_us[0]) / EVERY_US);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(failures_terminated_backend_is_replaced, leave),
        cmocka_unit_test_teardown(failures_killed_backend_leaves_the_run_unknown, leave),
        cmocka_unit_test_teardown(failures_restart_and_outage_spend_no_run, leave),
        cmocka_unit_test_teardown(failures_full_server_is_waited_for_a_second_each_time, leave),
        cmocka_unit_test_teardown(failures_missing_database_is_tried_less_and_less, leave),
        cmocka_unit_test_teardown(failures_timeouts_end_runs, leave),
        cmocka_unit_test_teardown(failures_black_hole_leaves_the_other_pool_alone, leave),
        cmocka_unit_test_teardown(failures_leftovers_of_a_killed_daemon_are_counted, leave),
        cmocka_unit_test_teardown(failures_every_occurrence_is_accounted_for, leave),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return run_all(tests, start, stop);
}
