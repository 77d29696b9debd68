/*
 * What goes wrong around the daemon, in the database, the network, the log and the control socket: it goes on, spends no
 * run on it, and ends when it is told to.
 */
#include "one_server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SLOTS 11 /* for whoever is no superuser */

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=16 superuser_reserved_connections=5");
    query(conninfo, "CREATE ROLE app LOGIN");
    query(conninfo, "CREATE TABLE done (task text, at timestamptz DEFAULT clock_timestamp())");
    return 0;
}

static void mishaps_wrong_password_is_told_and_never_shown(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "CREATE ROLE locked LOGIN PASSWORD 'right'");
    assert_int_equal(shell(NULL, "cd %s/data && { echo 'local all locked scram-sha-256'; cat pg_hba.conf; } > hba.new"
                                 " && cat hba.new > pg_hba.conf", server.directory), 0);
    query(conninfo, "SELECT pg_reload_conf()");
    ini_write(&process, "[headgate]\nlog_level = debug\n[pool p]\nconninfo = %s user=locked password=sesame\n"
                        "[task t]\nevery = 100ms\nsql = SELECT 1\n", conninfo);
    chmod(process.ini, 0600);
    daemon_start(&process);
    WAIT_UNTIL(&process, daemon_log_count(&process, "sqlstate=28P01") >= 2);
    assert_non_null(strstr(task_text(&process, "t", "note"), "password authentication failed"));
    assert_int_equal(task_number(&process, "t", "failed") + task_number(&process, "t", "skipped"), 0);
    assert_int_equal(shell(NULL, "headgate check %s --connect | grep sesame; test $? = 1", process.ini), 0);
    assert_int_equal(shell(NULL, "{ headgate status %s; headgate status %s --json; cat %s /proc/%d/cmdline; } | grep -a sesame;"
                                 " test $? = 1", process.ini, process.ini, process.log, (int)process.pid), 0);
    query(conninfo, "ALTER ROLE locked PASSWORD 'sesame'");
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 2);
    assert_int_equal(task_number(&process, "t", "failed"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void mishaps_idle_session_that_ends_costs_no_run(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 2\n[task t]\n%ssql = SELECT 1\n", conninfo, never_due());
    daemon_start(&process);
    for (int i = 1; i <= 4; i++) {
        trigger(&process, "t");
        WAIT_UNTIL(&process, task_number(&process, "t", "ok") == i);
        assert_true(pool_number(&process, "p", "opened") >= i); /* each one was ended, so each run has another one */
        query(conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'");
        WAIT_UNTIL(&process, pool_tokens(&process, "p", "held") == 0 || pool_number(&process, "p", "opened") > i);
    }
    assert_int_equal(task_number(&process, "t", "failed") + task_number(&process, "t", "skipped"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void mishaps_lock_holds_only_who_waits_for_it(void **state) {
    (void)state;
    struct process process;
    PGconn *holder = PQconnectdb(conninfo);
    PQclear(PQexec(holder, "BEGIN; LOCK TABLE done"));
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 3\n[task waits]\nevery = 300ms\nsql = INSERT INTO done VALUES ('waits')\n"
              "[task gives_up]\nevery = 300ms\ntimeout = 500ms\nhold_after = 0\nsql = INSERT INTO done VALUES ('gives_up')\n"
              "[task beat]\nevery = 200ms\nsql = SELECT 1\n",
              conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "gives_up", "failed") >= 3 && task_number(&process, "beat", "ok") >= 10);
    assert_string_equal(task_text(&process, "gives_up", "last"), "timeout");
    assert_int_equal(task_number(&process, "waits", "running"), 1);
    assert_int_equal(task_number(&process, "waits", "ok") + task_number(&process, "waits", "failed"), 0);
    assert_int_equal(task_number(&process, "beat", "failed"), 0);
    PQclear(PQexec(holder, "COMMIT"));
    WAIT_UNTIL(&process, task_number(&process, "waits", "ok") >= 1 && task_number(&process, "gives_up", "ok") >= 1);
    PQfinish(holder);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void three_tasks(struct process *process) {
    ini_write(process,
              "[pool p]\nconninfo = %s user=app\nsize = 4\nidle = 1h\n[task a]\nevery = 300ms\nphase = 0s\nsql = SELECT pg_sleep(0.1)\n"
              "[task b]\nevery = 300ms\nphase = 0s\nsql = SELECT pg_sleep(0.1)\n"
              "[task c]\nevery = 300ms\nphase = 0s\nsql = SELECT pg_sleep(0.1)\n", /* one session is not enough for them */
              conninfo);
}

static bool all_go_on(const struct process *process, const long since[3]) {
    return task_number(process, "a", "ok") >= since[0] + 4 && task_number(process, "b", "ok") >= since[1] + 4 &&
           task_number(process, "c", "ok") >= since[2] + 4;
}

static void assert_none_failed(const struct process *process) {
    assert_int_equal(task_number(process, "a", "failed") + task_number(process, "b", "failed") +
                         task_number(process, "c", "failed"), 0);
}

static void mishaps_role_limit_below_size_is_lived_with(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "ALTER ROLE app CONNECTION LIMIT 1");
    three_tasks(&process);
    daemon_start(&process);
    const long since[3] = {0};
    WAIT_UNTIL(&process, all_go_on(&process, since));
    assert_none_failed(&process);
    assert_int_equal(daemon_log_count(&process, "sqlstate=53300"), 0); /* the limit is known, so nobody runs into it */
    assert_int_equal(pool_number(&process, "p", "opened"), 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    query(conninfo, "ALTER ROLE app CONNECTION LIMIT -1");
}

static void mishaps_full_server_leaves_what_is_open(void **state) {
    (void)state;
    struct process process;
    PGconn *others[SLOTS];
    char app[640];
    int count = 0;
    snprintf(app, sizeof app, "%s user=app", conninfo);
    three_tasks(&process);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "a", "ok") >= 1);
    do
        others[count] = PQconnectdb(app);
    while (PQstatus(others[count++]) == CONNECTION_OK && count < SLOTS);
    assert_int_equal(PQstatus(others[count - 1]), CONNECTION_BAD);
    const long since[3] = {task_number(&process, "a", "ok"), task_number(&process, "b", "ok"), task_number(&process, "c", "ok")};
    WAIT_UNTIL(&process, all_go_on(&process, since));
    assert_none_failed(&process);
    while (count > 0)
        PQfinish(others[--count]);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* A socket that is connected to by the kernel's grace and never says a word. */
static int black_hole(int *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 64), 0);
    getsockname(fd, (struct sockaddr *)&address, &bytes);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* Though a connect may take an hour. */
static void mishaps_daemon_without_a_database_ends_when_told_to(void **state) {
    (void)state;
    struct process process;
    int port, fd = black_hole(&port);
    ini_write(&process, "[pool p]\nconninfo = host=/nowhere\n[task t]\nevery = 100ms\nsql = SELECT 1\n");
    daemon_start(&process);
    WAIT_UNTIL(&process, strstr(task_text(&process, "t", "note"), "no connection for"));
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    ini_rewrite(&process, "[pool p]\nconninfo = host=127.0.0.1 port=%d user=x\nconnect_timeout = 1h\n"
                          "[task t]\nevery = 100ms\nsql = SELECT 1\n", port);
    daemon_start(&process);
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "opening") == 1);
    daemon_stop(&process);
    close(fd);
}

static void mishaps_log_that_nobody_reads_does_not_hold_it(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[headgate]\nlog_level = debug\n[pool p]\nconninfo = %s\nsize = 2\n[task t]\nevery = 100ms\nsql = SELECT 1\n", conninfo);
    assert_int_equal(mkfifo(process.log, 0600), 0);
    int reader = open(process.log, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    daemon_start(&process);
    strcpy(process.log, "/dev/null"); /* to be shown if the test fails; the pipe would never end */
    int waiting_bytes = 0, before_bytes = -1;
    WAIT_UNTIL(&process, ({ /* it is full: 64 KiB, by default, less what does not fit whole */
                   kill(process.pid, SIGUSR1);
                   before_bytes = waiting_bytes;
                   ioctl(reader, FIONREAD, &waiting_bytes) == 0 && waiting_bytes > 48000 && waiting_bytes == before_bytes;
               }));
    long ok = task_number(&process, "t", "ok");
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= ok + 10);
    char bytes[4096];
    while (read(reader, bytes, sizeof bytes) > 0)
        ;
    close(reader); /* there is room, and nobody: SIGPIPE */
    ok = task_number(&process, "t", "ok");
    kill(process.pid, SIGUSR1);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= ok + 10);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static int silent_client(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void mishaps_status_is_an_answer_or_a_failure(void **state) {
    (void)state;
    struct process process;
    struct stat found;
    char path[200];
    int clients[16];
    const char *output;
    ini_write(&process, "%s", "");
    snprintf(path, sizeof path, "%s.sock", process.ini);
    ini_rewrite(&process, "[headgate]\ncontrol = %s\n[pool p]\nconninfo = %s\n[task t]\nevery = 1s\nsql = SELECT 1\n", path, conninfo);
    daemon_start(&process);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    for (int i = 0; i < 10; i++)
        clients[i] = silent_client(path);
    assert_int_equal(write(clients[0], "what?\n", 6), 6);
    assert_int_equal(shell(&output, "headgate status %s", process.ini), 0);
    assert_non_null(strstr(output, "pool p"));
    for (int i = 10; i < 16; i++)
        clients[i] = silent_client(path);
    int code = shell(&output, "headgate status %s", process.ini); /* one too many */
    assert_int_equal(code, strstr(output, "pool p") ? 0 : 1);
    assert_true(strlen(output) > 10);
    for (int i = 0; i < 16; i++)
        close(clients[i]);
    WAIT_UNTIL(&process, shell(NULL, "headgate status %s | grep -q 'pool p'", process.ini) == 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(access(path, F_OK), -1);
}

static void mishaps_suspended_daemon_replays_nothing(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE done");
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 4\n[task t]\nevery = 100ms\noverlap = allow\nsql = INSERT INTO done VALUES ('t')\n", conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 3);
    kill(process.pid, SIGSTOP);
    int64_t since_us = clock_us();
    WAIT_UNTIL(NULL, clock_us() - since_us > 5000000);
    query(conninfo, "TRUNCATE done; CREATE TABLE woken AS SELECT clock_timestamp() AS at");
    kill(process.pid, SIGCONT);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM done") >= 10);
    /* one for each 100 ms since then, the one that answers the pause, and those at both ends */
    assert_true(query_number(conninfo, "SELECT count(*) - 3 - floor(extract(epoch FROM max(done.at) - min(woken.at)) * 10)"
                                       " FROM done, woken") <= 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void mishaps_faulty_world_at_reload_changes_nothing(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[headgate]\nstatus_file = /nowhere/status\n[pool p]\nconninfo = %s\n[task t]\nevery = 100ms\nsql_file = t.sql\n"
                        "[task off]\nevery = 100ms\nenabled = off\nsql = SELECT 1\n", conninfo);
    assert_int_equal(shell(NULL, "echo 'SELECT 1' > $(dirname %s)/t.sql", process.ini), 0);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 3);
    kill(process.pid, SIGUSR1);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=status_file_failed") == 1);
    shell(NULL, "rm $(dirname %s)/t.sql", process.ini);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reload_refused") == 1);
    assert_int_equal(daemon_log_count(&process, "t.sql cannot be read"), 1);
    shell(NULL, "rm %s", process.ini);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reload_refused") == 2);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(mishaps_wrong_password_is_told_and_never_shown, tidy),
        cmocka_unit_test_teardown(mishaps_idle_session_that_ends_costs_no_run, tidy),
        cmocka_unit_test_teardown(mishaps_lock_holds_only_who_waits_for_it, tidy),
        cmocka_unit_test_teardown(mishaps_role_limit_below_size_is_lived_with, tidy),
        cmocka_unit_test_teardown(mishaps_full_server_leaves_what_is_open, tidy),
        cmocka_unit_test_teardown(mishaps_daemon_without_a_database_ends_when_told_to, tidy),
        cmocka_unit_test_teardown(mishaps_log_that_nobody_reads_does_not_hold_it, tidy),
        cmocka_unit_test_teardown(mishaps_status_is_an_answer_or_a_failure, tidy),
        cmocka_unit_test_teardown(mishaps_suspended_daemon_replays_nothing, tidy),
        cmocka_unit_test_teardown(mishaps_faulty_world_at_reload_changes_nothing, tidy),
    };
    return run_all(tests, start, stop);
}
