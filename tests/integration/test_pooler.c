/*
 * PgBouncer in front of the database: what its console tells, what happens when it does not, and that the
 * daemon's tasks run through it.
 */
#include "one_server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "pool/ask/pooler.h"

static struct pgbouncer pgbouncer;

#define SLOTS "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"

static int start(void **state) {
    (void)state;
    /* A cancel that comes before its statement does nothing: the sleeper ends with its client's connection then. */
    server_start(&server, "max_connections=20 client_connection_check_interval=100ms");
    query(conninfo, "CREATE ROLE other LOGIN; CREATE TABLE done (task text)");
    pgbouncer_start(&pgbouncer, &server, "stats_users = watcher");
    return 0;
}

static int stop_all(void **state) {
    (void)state;
    pgbouncer_stop(&pgbouncer);
    server_destroy(&server);
    return 0;
}

/* --- one pooler on a loop of its own --- */

struct asker {
    uv_loop_t loop;
    struct pooler *pooler;
    struct pooler_load load; /* the last answer */
    char error[256];
    int answer_count;
    int ask_again_count; /* from within the callback */
    bool close;          /* so, too */
};

static void on_answer(void *context, const struct pooler_load *load) {
    struct asker *asker = context;
    asker->load = *load;
    assert_true(load->known == (load->error == NULL));
    snprintf(asker->error, sizeof asker->error, "%s", load->error ? load->error : "");
    asker->load.error = NULL;
    asker->answer_count++;
    if (asker->close) {
        pooler_close(asker->pooler);
        asker->pooler = NULL;
    } else if (asker->ask_again_count-- > 0) {
        pooler_ask(asker->pooler);
    }
}

static void asker_open(struct asker *asker, const char *console, const char *database) {
    memset(asker, 0, sizeof *asker);
    assert_int_equal(uv_loop_init(&asker->loop), 0);
    asker->pooler = pooler_open(&asker->loop, console, database, on_answer, asker);
}

/* The loop ends when nothing is under way: the answer is there, and no handle was left active. */
static void asker_ask(struct asker *asker) {
    int before = asker->answer_count;
    pooler_ask(asker->pooler);
    pooler_ask(asker->pooler); /* ignored */
    assert_int_equal(asker->answer_count, before);
    uv_run(&asker->loop, UV_RUN_DEFAULT);
    assert_true(asker->answer_count > before);
}

static void asker_close(struct asker *asker) {
    pooler_close(asker->pooler);
    uv_run(&asker->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&asker->loop), 0);
}

/* On a slow machine an answer may come too late, and is unknown: then again. */
static void asker_learn(struct asker *asker) {
    for (int64_t since_us = clock_us(); asker_ask(asker), !asker->load.known;)
        if (!strstr(asker->error, "within") || deadline_passed(since_us))
            fail_msg("%s", asker->error);
}

static void ask_once(const char *console, const char *database, struct pooler_load *ret_load) {
    struct asker asker;
    asker_open(&asker, console, database);
    asker_learn(&asker);
    *ret_load = asker.load;
    asker_close(&asker);
}

/* --- clients of PgBouncer that hold on to a server connection, or wait for one --- */

static PGconn *client(const char *user, const char *sql) {
    char text[512];
    snprintf(text, sizeof text, "%s user=%s", pgbouncer.conninfo, user);
    PGconn *conn = PQconnectdb(text);
    if (PQstatus(conn) != CONNECTION_OK || PQsendQuery(conn, sql) != 1)
        fail_msg("%s", PQerrorMessage(conn));
    return conn;
}

static void finish(PGconn *conn) {
    PGcancel *cancel = PQgetCancel(conn);
    char error[256];
    PQcancel(cancel, error, sizeof error);
    PQfreeCancel(cancel);
    PQfinish(conn);
}

static void pooler_five_clients_on_two_connections_leave_three_waiting(void **state) {
    (void)state;
    PGconn *clients[5];
    struct pooler_load load;
    for (int i = 0; i < 5; i++)
        clients[i] = client("postgres", "SELECT pg_sleep(1800)");
    WAIT_UNTIL(NULL, (ask_once(pgbouncer.console, "app", &load), load.waiting_count == 3));
    ask_once(pgbouncer.console, "postgres", &load); /* the server's name for it */
    assert_int_equal(load.waiting_count, 0);
    for (int i = 0; i < 5; i++)
        finish(clients[4 - i]);
    WAIT_UNTIL(NULL, (ask_once(pgbouncer.console, "app", &load), load.waiting_count == 0));
}

static void pooler_users_are_added_up(void **state) {
    (void)state;
    PGconn *clients[6];
    struct pooler_load load;
    for (int i = 0; i < 6; i++)
        clients[i] = client(i % 2 ? "postgres" : "other", "SELECT pg_sleep(1800)");
    WAIT_UNTIL(NULL, (ask_once(pgbouncer.console, "app", &load), load.waiting_count == 2));
    for (int i = 0; i < 6; i++)
        finish(clients[5 - i]);
}

static void pooler_reader_of_statistics_may_ask_and_takes_no_slot(void **state) {
    (void)state;
    char console[512];
    struct asker asker;
    pgbouncer_restart(&pgbouncer); /* without server connections of earlier tests */
    WAIT_UNTIL(NULL, query_number(conninfo, SLOTS) == 0);
    snprintf(console, sizeof console, "host=%s port=6432 user=watcher", pgbouncer.directory); /* no dbname */
    asker_open(&asker, console, "app");
    asker.ask_again_count = 3;
    asker_ask(&asker);
    assert_int_equal(asker.answer_count, 4);
    asker_learn(&asker);
    assert_int_equal(query_number(conninfo, SLOTS), 0);
    asker_close(&asker);
}

static void pooler_restarted_between_asks_is_asked_anew(void **state) {
    (void)state;
    struct asker asker;
    asker_open(&asker, pgbouncer.console, "app");
    for (int i = 0; i < 3; i++) {
        asker_learn(&asker);
        pgbouncer_restart(&pgbouncer);
    }
    asker_learn(&asker);
    asker_close(&asker);
}

/* --- when it does not tell --- */

static void assert_refused(const char *console, const char *piece) {
    struct asker asker;
    asker_open(&asker, console, "app");
    for (int i = 0; i < 2; i++) { /* the next ask tries again */
        asker_ask(&asker);
        assert_false(asker.load.known);
        if (!strstr(asker.error, piece) || strchr(asker.error, '\n'))
            fail_msg("'%s' is not one line with '%s'", asker.error, piece);
    }
    asker_close(&asker);
}

static void pooler_refusal_is_unknown_with_its_reason(void **state) {
    (void)state;
    char console[512];
    assert_refused("host=/no/such/path port=6432 user=postgres", "No such file");
    assert_refused("host=no-such-host.invalid user=postgres", "no-such-host.invalid");
    assert_refused("host=127.0.0.1,127.0.0.1 port=1 user=postgres", "refused");
    assert_refused("service=no_such_service", "no_such_service");
    snprintf(console, sizeof console, "host=%s port=6432 user=other", pgbouncer.directory);
    assert_refused(console, "not allowed");
    snprintf(console, sizeof console, "host=%s port=6432 user=nobody", pgbouncer.directory);
    assert_refused(console, "FATAL");
    snprintf(console, sizeof console, "host=%s port=6432 user=watcher options='-c geqo=off'", pgbouncer.directory);
    assert_refused(console, "options");
    assert_refused(conninfo, "pools"); /* this is PostgreSQL itself */
    WAIT_UNTIL(NULL, query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'headgate'") == 0);
}

static int listen_silently(char *directory, size_t bytes) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(directory, bytes, "%s/hg.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(directory));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.6432", directory);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static void count_turn(uv_timer_t *timer) {
    int *turns = timer->data;
    ++*turns;
}

static void pooler_silence_is_unknown_after_the_deadline_while_the_loop_turns(void **state) {
    (void)state;
    char directory[100], console[200];
    int fd = listen_silently(directory, sizeof directory), turns = 0;
    snprintf(console, sizeof console, "host=%s port=6432 user=postgres", directory);
    struct asker asker;
    uv_timer_t timer = {.data = &turns};
    asker_open(&asker, console, "app");
    uv_timer_init(&asker.loop, &timer);
    uv_timer_start(&timer, count_turn, 10, 10);
    uv_unref((uv_handle_t *)&timer);
    int64_t since_us = clock_us();
    asker_ask(&asker);
    int64_t took_us = clock_us() - since_us;
    assert_false(asker.load.known);
    assert_non_null(strstr(asker.error, "within 3000 ms"));
    assert_true(took_us >= 2990000);
    assert_true(turns > 2); /* and not one at the beginning and one at the end */
    uv_close((uv_handle_t *)&timer, NULL);
    asker_close(&asker);
    close(fd);
    shell(NULL, "rm -r %s", directory);
}

/* Stopped after it let us in: the answer does not come, and the next ask finds it again. */
static void pooler_console_that_stops_answering_is_unknown_until_it_goes_on(void **state) {
    (void)state;
    struct asker asker;
    asker_open(&asker, pgbouncer.console, "app");
    asker_learn(&asker);
    kill(pgbouncer.pid, SIGSTOP);
    asker_ask(&asker);
    assert_false(asker.load.known);
    assert_non_null(strstr(asker.error, "did not answer within"));
    kill(pgbouncer.pid, SIGCONT);
    asker_learn(&asker);
    asker_close(&asker);
}

static void pooler_closed_at_any_point_leaves_nothing(void **state) {
    (void)state;
    struct asker asker;
    asker_open(&asker, pgbouncer.console, "app"); /* from within the callback */
    asker.close = true;
    asker_ask(&asker);
    asker_close(&asker);
    asker_open(&asker, "service=no_such_service", "app"); /* while the failure waits to be told */
    pooler_ask(asker.pooler);
    asker_close(&asker);
    asker_open(&asker, "host=localhost user=x", "app"); /* while the name is looked up */
    pooler_ask(asker.pooler);
    asker_close(&asker);
    for (int turns = 0; turns < 8; turns++) {
        asker_open(&asker, pgbouncer.console, "app");
        pooler_ask(asker.pooler);
        for (int i = 0; i < turns; i++)
            uv_run(&asker.loop, UV_RUN_NOWAIT);
        asker_close(&asker);
    }
    pooler_close(NULL);
}

/* --- the daemon --- */

static void pooler_conninfo_is_checked_like_conninfo(void **state) {
    (void)state;
    struct process process;
    const char *output;
    static const char *const form = "[pool p]\nconninfo = %s\npooler_conninfo = %s %s\n[task a]\nevery = 1s\nsql = SELECT 1\n";
    ini_write(&process, form, conninfo, pgbouncer.console, "password=x");
    chmod(process.ini, 0644);
    assert_int_equal(shell(&output, "headgate check %s", process.ini), 1);
    assert_non_null(strstr(output, ":3: pooler_conninfo holds a password"));
    chmod(process.ini, 0600);
    assert_int_equal(shell(&output, "headgate check %s", process.ini), 0);
    ini_rewrite(&process, form, conninfo, pgbouncer.console, "prot=1");
    assert_int_equal(shell(&output, "headgate check %s", process.ini), 1);
    assert_non_null(strstr(output, ":3: pooler_conninfo of [pool p]: has a keyword that libpq does not know"));
    ini_rewrite(&process, form, conninfo, pgbouncer.console, "");
    assert_int_equal(shell(&output, "headgate check %s", process.ini), 0);
}

/* Six clients on two connections, so four wait at any moment; the daemon's own sessions get their turn among them. */
static void *crowd(void *stopping) {
    PGconn *conns[6];
    for (int i = 0; i < 6; i++)
        assert_int_equal(PQstatus(conns[i] = PQconnectdb(pgbouncer.conninfo)), CONNECTION_OK);
    while (!atomic_load((atomic_bool *)stopping)) {
        for (int i = 0; i < 6; i++)
            PQsendQuery(conns[i], "SELECT pg_sleep(0.05)");
        for (int i = 0; i < 6; i++)
            for (PGresult *result; (result = PQgetResult(conns[i]));)
                PQclear(result);
    }
    for (int i = 0; i < 6; i++)
        PQfinish(conns[i]);
    return NULL;
}

static void pooler_clients_that_wait_push_the_limit_down(void **state) {
    (void)state;
    struct process process;
    static atomic_bool stopping;
    pthread_t thread;
    ini_write(&process,
              "[pool p]\nconninfo = %s\npooler_conninfo = %s\nsize = 3\nsample = 200ms\nround_trip_high = 0\n"
              "[task one]\nevery = 100ms\nsql = SELECT 1\n",
              pgbouncer.conninfo, pgbouncer.console);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "one", "ok") >= 5);
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "limit") == 3);
    pthread_create(&thread, NULL, crowd, &stopping);
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "limit") == 1);
    WAIT_UNTIL(&process, dump_has(&process, "clients waited in the connection pooler"));
    assert_true(dump_has(&process, "a connection pooler is in between"));
    atomic_store(&stopping, true);
    pthread_join(thread, NULL);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* The server connections are handed back and forth between the daemon and the application, which finds them clean. */
static void pooler_daemon_leaves_nothing_behind_for_others(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 3\n"
              "[task sets]\nevery = 10ms\npatience = 0\nsql = SELECT set_config('work_mem', '1111kB', false)\n"
              "[task fails]\nevery = 10ms\npatience = 0\nhold_after = 0\nsql = SELECT set_config('work_mem', '1111kB', false), 1 / 0\n"
              "[task off]\nevery = 10ms\npatience = 0\ntransaction = off\nsql = SET work_mem = '1111kB'\n",
              pgbouncer.conninfo);
    daemon_start(&process);
    PGconn *conn = PQconnectdb(pgbouncer.conninfo);
    long dirty = 0;
    WAIT_UNTIL(&process, task_number(&process, "sets", "ok") >= 1);
    while (task_number(&process, "sets", "ok") < 150 || task_number(&process, "off", "ok") < 150 ||
           task_number(&process, "fails", "failed") < 50) {
        for (int i = 0; i < 200; i++) {
            PGresult *result = PQexec(conn, "SELECT current_setting('work_mem') = '1111kB'");
            assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
            dirty += *PQgetvalue(result, 0, 0) == 't';
            PQclear(result);
        }
    }
    PQfinish(conn);
    assert_int_equal(dirty, 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void pooler_daemon_runs_its_tasks_through_pgbouncer(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = %s\npooler_conninfo = %s\nsize = 3\n"
              "[task one]\nevery = 100ms\nsql = INSERT INTO done VALUES ('one')\n"
              "[task several]\nevery = 100ms\nsql = INSERT INTO done VALUES ('several'); SELECT pg_sleep(0.02)\n"
              "[task alone]\nevery = 200ms\nsql = VACUUM done\ntransaction = off\n"
              "[task wrong]\nevery = 200ms\nsql = SELECT 1/0\n",
              pgbouncer.conninfo, pgbouncer.console);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "one", "ok") >= 20 && task_number(&process, "several", "ok") >= 20 &&
                             task_number(&process, "alone", "ok") >= 5 &&
                             task_number(&process, "wrong", "failed") >= 5);
    static const char *const right[] = {"one", "several", "alone"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        assert_int_equal(task_number(&process, right[i], "failed"), 0);
    assert_int_equal(task_number(&process, "wrong", "ok"), 0);
    assert_int_equal(daemon_log_count(&process, "sqlstate=08P01"), 1); /* our startup options; then without them */
    assert_int_equal(daemon_log_count(&process, "event=connect_failed"), 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* Whoever drops the startup options and whoever refuses them: the same. */
static void pooler_that_has_no_timeout_come_through_is_told_by_check(void **state) {
    struct pgbouncer drops;
    struct process process;
    const char *output;
    (void)state;
    pgbouncer_start(&drops, &server, "ignore_startup_parameters = options,extra_float_digits");
    const char *const ways[] = {drops.conninfo, pgbouncer.conninfo, conninfo};
    for (size_t i = 0; i < 3; i++) {
        const char *form = "[pool p]\nconninfo = %s\nstatement_timeout = 1s\n[task on]\nevery = 1d\nsql = SELECT 1\n%s";
        ini_write(&process, form, ways[i],
                  "[task vacuums]\nevery = 1d\ntransaction = off\nsql = VACUUM done\n"
                  "[task analyzes]\nevery = 1d\ntransaction = off\nsql = ANALYZE done\n");
        assert_int_equal(shell(&output, "headgate check --connect %s", process.ini), 0);
        if (i == 2)
            assert_null(strstr(output, "  timeout  "));
        else if (!strstr(output, "  timeout      statement_timeout = 1.0s does not come through with the login: transactions "
                                 "set it, and it is not in force for vacuums, analyzes (transaction = off); ALTER ROLE postgres"))
            fail_msg("%s", output);
        ini_rewrite(&process, form, ways[i], "");
        assert_int_equal(shell(&output, "headgate check --connect %s", process.ini), 0);
        assert_true((strstr(output, "set it, and no task here is without one\n") != NULL) == (i < 2));
    }
    pgbouncer_stop(&drops);
}

/* PgBouncer takes the startup options and drops them. */
static void pooler_that_drops_options_has_the_timeout_all_the_same(void **state) {
    struct pgbouncer drops;
    struct process process;
    const char *output;
    (void)state;
    pgbouncer_start(&drops, &server, "ignore_startup_parameters = options,extra_float_digits");
    ini_write(&process,
              "[pool p]\nconninfo = %s\nstatement_timeout = 1s\n"
              "[task one]\nevery = 1d\nphase = 0s\nsql = SELECT pg_sleep(60)\n"
              "[task several]\nevery = 1d\nphase = 0s\nsql = SELECT 1; SELECT pg_sleep(60)\n"
              "[task write]\nevery = 1d\nphase = 0s\nwork = echo 1\nwrite = SELECT pg_sleep(60 * $1::int)\n",
              drops.conninfo);
    daemon_start(&process);
    static const char *const names[] = {"one", "several", "write"};
    for (size_t i = 0; i < 3; i++)
        shell(NULL, "headgate trigger %s %s", process.ini, names[i]);
    for (size_t i = 0; i < 3; i++) {
        WAIT_UNTIL(&process, task_number(&process, names[i], "failed") == 1);
        assert_non_null(strstr(task_text(&process, names[i], "note"), "57014"));
    }
    WAIT_UNTIL(&process, shell(&output, "headgate status %s", process.ini) == 0 &&
                             strstr(output, "statement_timeout is in force with transaction = on only"));
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    pgbouncer_stop(&drops);
}

static void pooler_in_statement_mode_is_refused_by_check_and_lived_with(void **state) {
    struct pgbouncer statements;
    struct process process;
    const char *output;
    (void)state;
    pgbouncer_start(&statements, &server, "pool_mode = statement");
    ini_write(&process, "[pool p]\nconninfo = %s\nhistory = on\n[task t]\nevery = 1s\nsql = SELECT 1\n",
              statements.conninfo);
    assert_int_equal(shell(&output, "headgate check --connect %s", process.ini), 1);
    assert_non_null(strstr(output, "behind a pooler in statement mode no task can run"));
    daemon_start(&process); /* all the same: the history cannot be had, and the rest goes on */
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=history_broken") == 1);
    WAIT_UNTIL(&process, dump_has(&process, "runs are not recorded for"));
    long ok = task_number(&process, "t", "ok");
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= ok + 3);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    pgbouncer_stop(&statements);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(pooler_that_drops_options_has_the_timeout_all_the_same, tidy),
        cmocka_unit_test_teardown(pooler_that_has_no_timeout_come_through_is_told_by_check, tidy),
        cmocka_unit_test_teardown(pooler_in_statement_mode_is_refused_by_check_and_lived_with, tidy),
        cmocka_unit_test(pooler_five_clients_on_two_connections_leave_three_waiting),
        cmocka_unit_test(pooler_users_are_added_up),
        cmocka_unit_test(pooler_reader_of_statistics_may_ask_and_takes_no_slot),
        cmocka_unit_test(pooler_restarted_between_asks_is_asked_anew),
        cmocka_unit_test(pooler_refusal_is_unknown_with_its_reason),
        cmocka_unit_test(pooler_silence_is_unknown_after_the_deadline_while_the_loop_turns),
        cmocka_unit_test(pooler_console_that_stops_answering_is_unknown_until_it_goes_on),
        cmocka_unit_test(pooler_closed_at_any_point_leaves_nothing),
        cmocka_unit_test_teardown(pooler_conninfo_is_checked_like_conninfo, tidy),
        cmocka_unit_test_teardown(pooler_daemon_runs_its_tasks_through_pgbouncer, tidy),
        cmocka_unit_test_teardown(pooler_clients_that_wait_push_the_limit_down, tidy),
        cmocka_unit_test_teardown(pooler_daemon_leaves_nothing_behind_for_others, tidy),
    };
    return run_all(tests, start, stop_all);
}
