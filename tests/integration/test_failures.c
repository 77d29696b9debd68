/*
 * A database that dies, is full, refuses or does not answer: the daemon goes on by itself, and no run is spent on it.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

static struct server server;
static const char *conninfo = server.conninfo;

#define OURS "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'"

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=12 log_connections=on superuser_reserved_connections=2");
    query(conninfo, "CREATE ROLE app LOGIN; CREATE TABLE beat (at timestamptz DEFAULT now()); GRANT ALL ON beat TO app");
    return 0;
}

static int stop(void **state) {
    (void)state;
    server_destroy(&server);
    return 0;
}

static void beat_file(struct process *process, const char *more) {
    ini_write(process, "[pool p]\nconninfo = %s user=app\nsize = 3\n[task beat]\nevery = 100ms\nsql = INSERT INTO beat VALUES (now())\n%s",
              conninfo, more);
}

static long all_of(const struct process *process, const char *task) {
    return task_number(process, task, "ok") + task_number(process, task, "failed") + task_number(process, task, "skipped") +
           task_number(process, task, "merged");
}

static void failures_terminated_backend_is_replaced(void **state) {
    (void)state;
    struct process process;
    beat_file(&process, "[task slow]\nevery = 500ms\nsql = SELECT pg_sleep(0.3)\n");
    daemon_start(&process);
    for (int i = 1; i <= 5; i++) {
        WAIT_UNTIL(&process, task_number(&process, "slow", "running") == 1);
        query(conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'");
        WAIT_UNTIL(&process, task_number(&process, "slow", "failed") >= i);
    }
    WAIT_UNTIL(&process, strstr(task_text(&process, "slow", "last"), "ok"));
    assert_int_equal(daemon_log_count(&process, "sqlstate=57P01") >= 1, 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void failures_killed_backend_leaves_the_run_unknown(void **state) {
    (void)state;
    struct process process;
    beat_file(&process, "[task slow]\nevery = 1h\nphase = 0\noverlap = skip\nsql = SELECT pg_sleep(60)\n");
    query(conninfo, "CREATE TABLE IF NOT EXISTS nothing (x int)");
    ini_rewrite(&process, "[pool p]\nconninfo = %s user=app\nsize = 3\n[task slow]\nevery = 300ms\nsql = SELECT pg_sleep(60)\n"
                          "[task beat]\nevery = 100ms\nsql = INSERT INTO beat VALUES (now())\n", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%task=slow%pg_sleep(60)' AND state = 'active'") == 1);
    char line[256];
    snprintf(line, sizeof line, "kill -9 %ld",
             query_number(conninfo, "SELECT pid FROM pg_stat_activity WHERE query LIKE '%task=slow%pg_sleep(60)' AND state = 'active'"));
    shell(NULL, "%s", line);
    WAIT_UNTIL(&process, task_number(&process, "slow", "failed") == 1);
    assert_int_equal(daemon_log_count(&process, "event=unknown task=slow"), 1);
    long ok = task_number(&process, "beat", "ok");
    WAIT_UNTIL(&process, task_number(&process, "beat", "ok") > ok + 5);
    kill(process.pid, SIGINT);
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
    WAIT_UNTIL(&process, strcmp(task_text(&process, "beat", "last"), "ok") == 0 &&
                             strcmp(task_text(&process, "beat", "state"), "idle") == 0);
    assert_int_equal(task_number(&process, "beat", "failed"), failed);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void failures_full_server_is_waited_for_once_a_second(void **state) {
    (void)state;
    struct process process;
    PGconn *others[10];
    char app[640];
    snprintf(app, sizeof app, "%s user=app", conninfo);
    for (int i = 0; i < 10; i++)
        others[i] = PQconnectdb(app);
    beat_file(&process, "");
    daemon_start(&process);
    WAIT_UNTIL(&process, daemon_log_count(&process, "sqlstate=53300") >= 1);
    long before = server_log_count(&server, "remaining connection slots") + server_log_count(&server, "too many clients");
    int64_t since_us = clock_us();
    WAIT_UNTIL(&process, clock_us() - since_us > 4000000);
    long tries = server_log_count(&server, "remaining connection slots") + server_log_count(&server, "too many clients") - before;
    assert_in_range(tries, 1, 5);
    assert_int_equal(task_number(&process, "beat", "failed") + task_number(&process, "beat", "ok"), 0);
    assert_int_equal(task_number(&process, "beat", "skipped"), 0);
    assert_non_null(strstr(task_text(&process, "beat", "note"), "no connection for"));
    for (int i = 0; i < 10; i++)
        PQfinish(others[i]);
    WAIT_UNTIL(&process, task_number(&process, "beat", "ok") >= 5);
    assert_int_equal(task_number(&process, "beat", "failed"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void failures_missing_database_is_tried_less_and_less(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s dbname=nowhere\n[task t]\nevery = 100ms\nsql = SELECT 1\n", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, daemon_log_count(&process, "sqlstate=3D000") == 1);
    int64_t since_us = clock_us();
    WAIT_UNTIL(&process, clock_us() - since_us > 6000000);
    long tries = server_log_count(&server, "\"nowhere\" does not exist");
    assert_in_range(tries, 2, 4); /* after 1, 2, 4 s */
    assert_int_equal(task_number(&process, "t", "failed"), 0);
    query(conninfo, "CREATE DATABASE nowhere");
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void failures_timeouts_end_runs(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 3\nstatement_timeout = 300ms\n"
              "[task ours]\nevery = 400ms\ntimeout = 100ms\nsql = SELECT pg_sleep(60)\n"
              "[task servers]\nevery = 400ms\nsql = SELECT pg_sleep(60)\n"
              "[task both]\nevery = 400ms\ntimeout = 100ms\nsql = SELECT 1; SELECT pg_sleep(60)\n",
              conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "ours", "failed") >= 3 && task_number(&process, "servers", "failed") >= 3 &&
                             task_number(&process, "both", "failed") >= 3);
    assert_string_equal(task_text(&process, "ours", "last"), "timeout");
    assert_string_equal(task_text(&process, "both", "last"), "timeout");
    assert_string_equal(task_text(&process, "servers", "last"), "failed");
    assert_int_equal(daemon_log_count(&process, "task=servers") >= 1 && daemon_log_count(&process, "sqlstate=57014") >= 1, 1);
    assert_true(pool_number(&process, "p", "peak") <= 3);
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

static void failures_black_hole_leaves_the_other_pool_on_time(void **state) {
    (void)state;
    struct process process;
    int port, fd = black_hole(&port);
    ini_write(&process,
              "[pool hole]\nconninfo = host=localhost port=%d dbname=x user=x\nconnect_timeout = 500ms\nlinger = 1s\n"
              "[pool p]\nconninfo = %s\n[task lost]\npool = hole\nevery = 100ms\nsql = SELECT 1\n"
              "[task beat]\npool = p\nevery = 100ms\nsql = SELECT 1\n",
              port, conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, daemon_log_count(&process, "no answer within connect_timeout") >= 1);
    WAIT_UNTIL(&process, task_number(&process, "beat", "ok") >= 30);
    assert_int_equal(task_number(&process, "beat", "failed"), 0);
    assert_in_range(task_number(&process, "beat", "skipped"), 0, 5); /* a busy machine may be 100 ms late */
    assert_int_equal(task_number(&process, "lost", "failed"), 0);
    assert_true(pool_tokens(&process, "hole", "held") <= 4);
    close(fd);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void failures_leftovers_of_a_killed_daemon_are_counted(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 3\n[task a]\nevery = 200ms\nsql = SELECT pg_sleep(3)\noverlap = allow\n",
              conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "taken") == 3);
    assert_int_equal(daemon_end(&process, SIGKILL), 1000 + SIGKILL);
    daemon_start(&process);
    long most = 0;
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=leftover_sessions") >= 1);
    WAIT_UNTIL(&process, (most = query_number(conninfo, OURS) > most ? query_number(conninfo, OURS) : most,
                          task_number(&process, "a", "ok") >= 3));
    assert_true(most <= 4); /* the one that asks may be one too many */
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "leftover") == 0); /* as soon as somebody looks again */
    kill(process.pid, SIGINT);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void failures_every_occurrence_is_accounted_for(void **state) {
    (void)state;
    struct process process;
    beat_file(&process, "[task slow]\nevery = 150ms\nsql = SELECT pg_sleep(0.2)\n");
    daemon_start(&process);
    WAIT_UNTIL(&process, all_of(&process, "slow") > 0);
    int64_t since_us = clock_us();
    long from = all_of(&process, "slow");
    server_do(&server, "restart", "immediate");
    kill(process.pid, SIGSTOP);
    WAIT_UNTIL(NULL, clock_us() - since_us > 3000000);
    kill(process.pid, SIGCONT);
    WAIT_UNTIL(&process, clock_us() - since_us > 6000000);
    long due = (clock_us() - since_us) / 150000, told = all_of(&process, "slow") - from;
    assert_in_range(told, due - 4, due + 3); /* what waits and runs is not in the counts yet */
    assert_true(task_number(&process, "slow", "merged") >= 10);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_terminated_backend_is_replaced),
        cmocka_unit_test(failures_killed_backend_leaves_the_run_unknown),
        cmocka_unit_test(failures_restart_and_outage_spend_no_run),
        cmocka_unit_test(failures_full_server_is_waited_for_once_a_second),
        cmocka_unit_test(failures_missing_database_is_tried_less_and_less),
        cmocka_unit_test(failures_timeouts_end_runs),
        cmocka_unit_test(failures_black_hole_leaves_the_other_pool_on_time),
        cmocka_unit_test(failures_leftovers_of_a_killed_daemon_are_counted),
        cmocka_unit_test(failures_every_occurrence_is_accounted_for),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
