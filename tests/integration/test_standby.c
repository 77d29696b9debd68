/*
 * A synchronous standby that does not answer: pg_receivewal, stopped by SIGSTOP. What is in its COMMIT then is done on
 * this server, and waits; what ends that wait is said.
 */
#include "one_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static pid_t standby;

static void receive_wal(void) {
    const char *output;
    char program[256], target[640], directory[128];
    shell(&output, "%s/etc/lib/private-postgres bin", getenv("HEADGATE_SOURCE_ROOT"));
    snprintf(program, sizeof program, "%.*s/pg_receivewal", (int)strcspn(output, "\n"), output);
    snprintf(target, sizeof target, "%s application_name=frozen", conninfo);
    make_directory(directory, sizeof directory);
    standby = fork();
    if (standby == 0) {
        execl(program, program, "-D", directory, "-d", target, "--synchronous", (char *)NULL);
        _exit(127);
    }
}

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=40 synchronous_commit=on wal_level=replica max_wal_senders=4 wal_sender_timeout=0");
    query(conninfo, "CREATE TABLE done (task text)");
    receive_wal();
    WAIT_UNTIL(NULL, query_number(conninfo, "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'frozen'"
                                            " AND state = 'streaming'") == 1);
    query(conninfo, "ALTER SYSTEM SET synchronous_standby_names = 'frozen'");
    query(conninfo, "SELECT pg_reload_conf()");
    WAIT_UNTIL(NULL, query_number(conninfo, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == 1);
    return 0;
}

static int stop_all(void **state) {
    (void)state;
    kill(standby, SIGKILL);
    waitpid(standby, NULL, 0);
    server_destroy(&server);
    return 0;
}

static int thaw_and_tidy(void **state) {
    kill(standby, SIGCONT);
    return tidy(state);
}

static long count_of(const char *what, const char *task) {
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s'%s'", what, task);
    return query_number(conninfo, sql);
}

static void standby_that_is_frozen_costs_no_commit_for_others(void **state) {
    struct process process;
    char tasks[1024] = "";
    (void)state;
    for (int i = 0; i < 4; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task r%d]\nevery = 1s\nphase = 0s\npatience = 100ms\nsql = INSERT INTO done VALUES ('r%d')\n", i, i);
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 2\n%s", conninfo, tasks);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "r0", "ok") >= 4 && task_number(&process, "r3", "ok") >= 4);
    kill(standby, SIGSTOP);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                                                " AND now() - query_start > '3 s'") > 0);
    assert_int_equal(daemon_log_count(&process, "event=cancelling"), 0);
    kill(standby, SIGCONT);
    long ok = task_number(&process, "r0", "ok");
    WAIT_UNTIL(&process, task_number(&process, "r0", "ok") >= ok + 3);
    for (int i = 0; i < 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "r%d", i);
        assert_int_equal(task_number(&process, name, "failed"), 0);
    }
    assert_int_equal(daemon_log_count(&process, "event=cancelling"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* SQL of one transaction, of none, of several statements, and a write. */
static void standby_that_is_frozen_makes_of_a_timeout_what_it_is(void **state) {
    static const struct {
        const char *name, *keys;
    } tasks[] = {
        {"one", "sql = INSERT INTO done VALUES ('one')"},
        {"none", "transaction = off\nsql = INSERT INTO done VALUES ('none')"},
        {"several", "sql = SELECT 1; INSERT INTO done VALUES ('several')"},
        {"write", "work = echo write\nwrite = INSERT INTO done VALUES ($1)"},
    };
    struct process process;
    char all[2048] = "";
    (void)state;
    query(conninfo, "TRUNCATE done");
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "[task %s]\nevery = 1d\nphase = 0s\ntimeout = 1s\n%s\n",
                 tasks[i].name, tasks[i].keys);
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 6\n%s", conninfo, all);
    daemon_start(&process);
    kill(standby, SIGSTOP);
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        shell(NULL, "headgate trigger %s %s", process.ini, tasks[i].name);
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        const char *name = tasks[i].name;
        WAIT_UNTIL(&process, task_number(&process, name, "failed") == 1);
        assert_string_equal(task_text(&process, name, "last"), "unknown");
        assert_non_null(strstr(task_text(&process, name, "note"), "it is committed on this server"));
        assert_int_equal(count_of("done WHERE task = ", name), 1);
    }
    kill(standby, SIGCONT);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void standby_that_is_frozen_is_on_record(void **state) {
    struct process process;
    (void)state;
    query(conninfo, "TRUNCATE done");
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 2\nhistory = on\n"
              "[task t]\nevery = 1d\nphase = 0s\ntimeout = 1s\nsql = INSERT INTO done VALUES ('t')\n",
              conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, history_is_on(&process));
    kill(standby, SIGSTOP);
    shell(NULL, "headgate trigger %s t", process.ini);
    WAIT_UNTIL(&process, task_number(&process, "t", "failed") == 1);
    kill(standby, SIGCONT);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM headgate.history WHERE task = 't' AND"
                                                " outcome = 'unknown' AND message LIKE 'it is committed on this%'") == 1);
    assert_int_equal(count_of("done WHERE task = ", "t"), 1);
    assert_int_equal(daemon_log_count(&process, "event=resolved"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void postgres_program(const struct server *on, const char *line) {
    const char *output;
    if (shell(&output,
              "cd %s && as=$([ $(id -u) != 0 ] || echo runuser -u postgres --) &&"
              " $as $(%s/etc/lib/private-postgres bin)/%s </dev/null >>output 2>&1 || { cat output; false; }",
              on->directory, getenv("HEADGATE_SOURCE_ROOT"), line))
        fail_msg("%s: %s", line, output);
}

/* Which private-postgres can stop and destroy like one of its own. */
static void replica_start(struct server *replica, const struct server *primary) {
    char line[1024];
    make_directory(replica->directory, sizeof replica->directory);
    snprintf(replica->conninfo, sizeof replica->conninfo, "host=%s port=5432 user=postgres dbname=postgres",
             replica->directory);
    shell(NULL, "cd %s && touch conninfo && { [ $(id -u) != 0 ] || chown postgres .; }", replica->directory);
    snprintf(line, sizeof line, "pg_basebackup -R -c fast -D data -d '%s'", primary->conninfo);
    postgres_program(replica, line);
    snprintf(line, sizeof line,
             "pg_ctl start -w -t 60 -s -D data -l server.log -o '-c unix_socket_directories=%s'", replica->directory);
    postgres_program(replica, line);
}

static void standby_that_takes_no_writes_spends_no_run(void **state) {
    struct server primary, replica;
    struct process process;
    (void)state;
    server_start(&primary, "max_connections=40 wal_level=replica max_wal_senders=4");
    query(primary.conninfo, "CREATE TABLE written (task text)");
    replica_start(&replica, &primary);
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 2\n"
              "[task w]\nevery = 1d\nphase = 0s\nsql = INSERT INTO written VALUES ('w')\n"
              "[task r]\nevery = 1s\nsql = SELECT 1\n"
              "[task own]\nevery = 1d\nphase = 0s\nsql = SET TRANSACTION READ ONLY; INSERT INTO written VALUES ('own')\n",
              replica.conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "r", "ok") >= 1);
    assert_int_equal(daemon_log_count(&process, "event=standby"), 0); /* who only reads has no use for another */
    shell(NULL, "headgate trigger %s w", process.ini);
    WAIT_UNTIL(&process, dump_has(&process, "no primary for") && dump_has(&process, "which takes no writes"));
    long read = task_number(&process, "r", "ok");
    WAIT_UNTIL(&process, task_number(&process, "r", "ok") >= read + 3);
    assert_int_equal(task_number(&process, "w", "failed"), 0);
    postgres_program(&replica, "pg_ctl promote -w -t 60 -s -D data");
    WAIT_UNTIL(&process, task_number(&process, "w", "ok") == 1);
    shell(NULL, "headgate trigger %s own", process.ini);
    WAIT_UNTIL(&process, task_number(&process, "own", "failed") == 1);
    assert_int_equal(task_number(&process, "w", "failed") + task_number(&process, "r", "failed"), 0);
    assert_int_equal(query_number(replica.conninfo, "SELECT count(*) FROM written"), 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    server_destroy(&replica);
    server_destroy(&primary);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(standby_that_takes_no_writes_spends_no_run, thaw_and_tidy),
        cmocka_unit_test_teardown(standby_that_is_frozen_costs_no_commit_for_others, thaw_and_tidy),
        cmocka_unit_test_teardown(standby_that_is_frozen_makes_of_a_timeout_what_it_is, thaw_and_tidy),
        cmocka_unit_test_teardown(standby_that_is_frozen_is_on_record, thaw_and_tidy),
    };
    return cmocka_run_group_tests(tests, start, stop_all);
}
