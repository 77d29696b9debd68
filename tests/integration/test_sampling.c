/*
 * The look at the database, by roles that may see and do different things, while others do things to be seen.
 */
#include "one_server.h"
#include "driver.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct driver d;

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=30 superuser_reserved_connections=4");
    query(conninfo, "CREATE TABLE t (x int); INSERT INTO t VALUES (1); GRANT ALL ON t TO public");
    query(conninfo, "CREATE ROLE three LOGIN CONNECTION LIMIT 3; CREATE ROLE watcher LOGIN IN ROLE pg_monitor");
    query(conninfo, "CREATE DATABASE narrow CONNECTION LIMIT 5");
    return 0;
}

static const char *with(const char *more) {
    static char text[4][600];
    static int next;
    char *to = text[next++ % 4];
    snprintf(to, sizeof text[0], "%s %s", conninfo, more);
    return to;
}

static PGconn *connect_as(const char *more, const char *sql) {
    PGconn *conn = PQconnectdb(with(more));
    if (PQstatus(conn) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(conn));
    PQclear(PQexec(conn, sql));
    return conn;
}

static long others_left(void) {
    return query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
                                  " AND pid <> pg_backend_pid()");
}

/* Closed ones of an earlier test go. */
static void wait_for_others(long count) {
    WAIT_UNTIL(NULL, others_left() == count);
}

static struct session *open_as(const char *more) {
    wait_for_others(0);
    driver_start(&d, with(more));
    return driver_open(&d);
}

static const struct sample *look(struct session *session) {
    const struct note *note = driver_sample(&d, session);
    if (!note->sample.known)
        fail_msg("%s", note->message);
    return &note->sample;
}

/* A session that was closed takes its slot for a moment more. */
static const struct sample *look_until_used(struct session *session, int count) {
    int64_t since_us = clock_us();
    const struct sample *sample;
    while ((sample = look(session))->scopes[SCOPE_SERVER].used != count) {
        assert_false(deadline_passed(since_us));
        d.note_count = 0;
        breathe();
    }
    return sample;
}

static void assert_scope(const struct sample_scope *scope, int usable, int used, int ours) {
    assert_int_equal(scope->usable, usable);
    assert_int_equal(scope->used, used);
    assert_int_equal(scope->ours, ours);
}

/* --- limits --- */

static void sampling_superuser_may_use_every_slot(void **state) {
    (void)state;
    struct session *session = open_as("dbname=narrow");
    PGconn *other = connect_as("user=three", "SELECT 1");
    const struct sample *sample = look(session);
    assert_int_equal(sample->max_connections, 30);
    assert_scope(&sample->scopes[SCOPE_SERVER], 30, 2, 1);
    assert_scope(&sample->scopes[SCOPE_ROLE], SLOTS_UNLIMITED, 1, 1);
    assert_scope(&sample->scopes[SCOPE_DATABASE], SLOTS_UNLIMITED, 1, 1);
    assert_int_equal(sample->invisible_count, 0);
    assert_int_equal(sample->active_count, 0);
    assert_int_equal(sample->core_count, uv_available_parallelism());
    assert_false(sample->standby || sample->pooled);
    assert_true(sample->round_trip_us > 0);
    assert_int_equal(sample->replica_lag_us, 0);
    depart(other);
    driver_finish(&d, session, NULL);
}

static void sampling_limits_of_role_and_database_hold_for_others(void **state) {
    (void)state;
    struct session *session = open_as("user=three dbname=narrow");
    PGconn *other = connect_as("user=three", "SELECT 1");
    const struct sample *sample = look(session);
    assert_scope(&sample->scopes[SCOPE_SERVER], 26, 2, 1);
    assert_scope(&sample->scopes[SCOPE_ROLE], 3, 2, 1);
    assert_scope(&sample->scopes[SCOPE_DATABASE], 5, 1, 1);
    depart(other);
    driver_finish(&d, session, NULL);
}

static void sampling_limits_are_read_again(void **state) {
    (void)state;
    struct session *session = open_as("user=three");
    assert_scope(&look(session)->scopes[SCOPE_ROLE], 3, 1, 1);
    query(conninfo, "ALTER ROLE three CONNECTION LIMIT 2");
    int64_t since_us = clock_us();
    const struct sample_scope *role;
    while ((role = &look(session)->scopes[SCOPE_ROLE])->usable != 2) {
        assert_false(deadline_passed(since_us));
        assert_scope(role, 3, 1, 1); /* what it was */
        d.note_count = 0;
        breathe();
    }
    query(conninfo, "ALTER ROLE three CONNECTION LIMIT 3");
    driver_finish(&d, session, NULL);
}

static void sampling_roles_that_may_not_see_count_what_they_cannot(void **state) {
    (void)state;
    for (int monitor = 0; monitor < 2; monitor++) {
        struct session *session = open_as(monitor ? "user=watcher" : "user=three");
        PGconn *busy = connect_as("", "BEGIN");
        const struct sample *sample = look(session);
        assert_int_equal(sample->scopes[SCOPE_SERVER].used, 2);
        assert_int_equal(sample->scopes[SCOPE_SERVER].ours, 1);
        assert_int_equal(sample->invisible_count, monitor ? 0 : 1);
        assert_int_equal(sample->idle_in_transaction_count, monitor ? 1 : 0);
        depart(busy);
        driver_finish(&d, session, NULL);
    }
}

/* --- the foreground --- */

static void sampling_idle_in_transaction_has_a_name_and_an_age(void **state) {
    (void)state;
    struct session *session = open_as("");
    int64_t since_us = clock_us();
    PGconn *older = connect_as("application_name='the shop'", "BEGIN; SELECT x FROM t");
    breathe();
    PGconn *newer = connect_as("application_name=other", "BEGIN; SELECT x FROM t");
    const struct sample *sample = look(session);
    assert_int_equal(sample->idle_in_transaction_count, 2);
    assert_string_equal(sample->idle_in_transaction_name, "the shop");
    int64_t most_us = clock_us() - since_us;
    assert_in_range(sample->idle_in_transaction_us, 10000, most_us);
    assert_in_range(sample->oldest_transaction_us, sample->idle_in_transaction_us, most_us);
    depart(older);
    depart(newer);
    driver_finish(&d, session, NULL);
}

static void sampling_sessions_that_are_alike_count_each(void **state) {
    (void)state;
    struct session *session = open_as("user=watcher dbname=narrow");
    PGconn *alike[6];
    for (int i = 0; i < 6; i++)
        alike[i] = connect_as(i < 3 ? "user=watcher application_name=alike" : "application_name=headgate/c",
                              i < 3 ? "BEGIN" : "SELECT 1");
    const struct sample *sample = look(session);
    assert_int_equal(sample->scopes[SCOPE_SERVER].used, 7);
    assert_int_equal(sample->scopes[SCOPE_SERVER].ours, 4);
    assert_scope(&sample->scopes[SCOPE_ROLE], SLOTS_UNLIMITED, 4, 1);
    assert_scope(&sample->scopes[SCOPE_DATABASE], 5, 1, 1);
    assert_int_equal(sample->idle_in_transaction_count, 3);
    assert_string_equal(sample->idle_in_transaction_name, "alike");
    assert_int_equal(sample->command_count, 3);
    assert_string_equal(sample->command_tasks, "c,c,c");
    for (int i = 0; i < 6; i++)
        depart(alike[i]);
    driver_finish(&d, session, NULL);
}

static void sampling_lock_waiters_are_counted(void **state) {
    (void)state;
    struct session *session = open_as("");
    PGconn *holder = connect_as("", "BEGIN; UPDATE t SET x = 2");
    PGconn *waiter = connect_as("", "SELECT 1");
    PQsendQuery(waiter, "UPDATE t SET x = 3");
    for (int64_t since_us = clock_us(); look(session)->lock_waiter_count != 1;) {
        assert_false(deadline_passed(since_us));
        d.note_count = 0;
    }
    assert_int_equal(look(session)->active_count, 1);
    depart(holder);
    depart(waiter);
    driver_finish(&d, session, NULL);
}

/* Behind a lock that a waiter has asked for before, too: told is the one that does not wait itself. */
static void sampling_ours_that_waits_for_a_lock_names_its_holder(void **state) {
    (void)state;
    static const struct {
        const char *user, *name, *state;
    } rows[] = {{"", "psql", "idle in transaction"}, {"user=watcher", "psql", "idle in transaction"}, {"user=three", "psql", ""}};
    for (size_t i = 0; i < 3; i++) {
        struct session *session = open_as(rows[i].user), *second = driver_open(&d);
        assert_int_equal(look(session)->wait_count, 0);
        PGconn *holder = connect_as("application_name=psql", "BEGIN; LOCK TABLE t");
        PGconn *waiter = connect_as("application_name=waiter", "SELECT 1");
        PQsendQuery(waiter, "BEGIN; LOCK TABLE t");
        WAIT_UNTIL(NULL, query_number(conninfo, "SELECT count(*) FROM pg_locks WHERE NOT granted") == 1);
        driver_run(&d, second, "UPDATE t SET x = 3", PROVEN);
        for (int64_t since_us = clock_us(); look(session)->wait_count != 1; d.note_count = 0)
            assert_false(deadline_passed(since_us));
        const struct sample_wait *wait = &look(session)->waits[0];
        assert_int_equal(wait->pid, session_backend_pid(second));
        assert_true(handle_is(wait->session, session_handle(second)));
        assert_int_equal(wait->holder_pid, PQbackendPID(holder));
        assert_string_equal(wait->holder_name, rows[i].name);
        assert_string_equal(wait->holder_state, rows[i].state);
        depart(holder);
        depart(waiter);
        driver_wait_run(&d, 1);
        d.note_count = 0;
        assert_int_equal(look(session)->wait_count, 0);
        driver_finish(&d, session, second, NULL);
    }
}

/* From the session to the dump. */
static void sampling_run_that_waits_for_a_lock_says_for_whose(void **state) {
    struct process process;
    const char *output;
    char words[160];
    (void)state;
    PGconn *holder = connect_as("application_name=psql", "BEGIN; LOCK TABLE t");
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 3\n[task wants]\n%ssql = UPDATE t SET x = 4\n[task other]\nevery = 100ms\nsql = SELECT 1\n",
              conninfo, never_due());
    daemon_start(&process);
    trigger(&process, "wants");
    snprintf(words, sizeof words, "waits for a lock that psql (pid %d, idle in transaction for ", PQbackendPID(holder));
    WAIT_UNTIL(&process, strstr(task_text(&process, "wants", "note"), words) != NULL);
    assert_int_equal(shell(&output, "headgate status --json %s", process.ini), 0);
    snprintf(words, sizeof words, "\"lock_of\":{\"pid\":%d,\"name\":\"psql\",\"state\":\"idle in transaction\",", PQbackendPID(holder));
    assert_non_null(strstr(output, words));
    PQclear(PQexec(holder, "COMMIT"));
    WAIT_UNTIL(&process, task_number(&process, "wants", "ok") == 1);
    assert_null(strstr(dump_of(&process), "waits for a lock"));
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    depart(holder);
}

static void sampling_busy_session_of_ours_is_no_foreground(void **state) {
    (void)state;
    struct session *session = open_as(""), *second = driver_open(&d);
    driver_run(&d, second, "SELECT pg_sleep(60)", PROVEN);
    driver_turn(&d);
    PGconn *command = connect_as("application_name=headgate/c", "BEGIN");
    const struct sample *sample = look(session);
    assert_int_equal(sample->scopes[SCOPE_SERVER].used, 3);
    assert_int_equal(sample->scopes[SCOPE_SERVER].ours, 3);
    assert_int_equal(sample->command_count, 1);
    assert_int_equal(sample->active_count, 0);
    assert_int_equal(sample->idle_in_transaction_count, 0);
    assert_int_equal(sample->leftover_count, 0); /* of after our first look */
    depart(command);
    driver_finish(&d, session, second, NULL);
}

/* --- ours --- */

static void sampling_leftovers_are_ours_of_before(void **state) {
    (void)state;
    wait_for_others(0);
    PGconn *left = connect_as("application_name='headgate/p 00001234'", "SELECT 1");
    PGconn *command = connect_as("application_name=headgate/c", "SELECT 1");
    PGconn *foreign = connect_as("application_name='headgate/p 00005678'", "SELECT 1");
    driver_start(&d, conninfo);
    struct session *session = driver_open(&d), *second = driver_open(&d);
    const struct sample *sample = look(second);
    assert_int_equal(sample->leftover_count, 2);
    assert_int_equal(sample->command_count, 0); /* it is left over, and no command of ours */
    assert_int_equal(sample->scopes[SCOPE_SERVER].used, 5);
    assert_int_equal(sample->scopes[SCOPE_SERVER].ours, 4);
    depart(left);
    depart(command);
    depart(foreign);
    wait_for_others(2);
    left = connect_as("application_name='headgate/p 00001234'", "SELECT 1");
    sample = look(session);
    assert_int_equal(sample->leftover_count, 0);
    assert_int_equal(sample->scopes[SCOPE_SERVER].ours, 3);
    depart(left);
    driver_finish(&d, session, second, NULL);
}

static void sampling_closed_session_stays_ours_while_it_lingers(void **state) {
    (void)state;
    struct session *session = open_as(""), *closing = driver_open(&d);
    PGconn *locker = connect_as("application_name=locker", "BEGIN; LOCK TABLE t");
    driver_run(&d, closing, "SELECT x FROM t", PROVEN);
    driver_turn(&d);
    WAIT_UNTIL(NULL, query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == 1);
    pid_t backend = (pid_t)query_number(conninfo, "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
    assert_int_equal(kill(backend, SIGSTOP), 0); /* it would see that its client is gone */
    session_close(closing, "test");
    const struct sample *sample = look(session);
    assert_int_equal(sample->scopes[SCOPE_SERVER].ours, 2);
    assert_int_equal(sample->leftover_count, 0);
    assert_int_equal(sample->lock_waiter_count, 0);
    assert_int_equal(kill(backend, SIGCONT), 0);
    depart(locker);
    driver_finish(&d, session, closing, NULL);
}

/* --- when it cannot be had --- */

static void sampling_refused_says_why_and_harms_nothing(void **state) {
    (void)state;
    query(conninfo, "REVOKE SELECT ON pg_roles FROM public");
    struct session *session = open_as("user=watcher");
    const struct note *note = driver_sample(&d, session);
    assert_false(note->sample.known);
    assert_non_null(strstr(note->message, "pg_roles"));
    query(conninfo, "GRANT SELECT ON pg_roles TO public");
    assert_scope(&look_until_used(session, 1)->scopes[SCOPE_SERVER], 26, 1, 1);
    driver_run(&d, session, "SELECT 1", PROVEN);
    driver_wait(&d, REPORT_SESSION_READY);
    driver_finish(&d, session, NULL);
}

static void sampling_of_an_unclean_session_leaves_it_unclean(void **state) {
    (void)state;
    struct session *session = open_as("");
    driver_run(&d, session, "SELECT pg_advisory_lock(1)", PROVEN | CLEAN);
    driver_wait_run(&d, 1);
    look(session);
    assert_int_equal(driver_count(&d, REPORT_SESSION_READY), 0);
    session_verify(session);
    assert_true(driver_wait(&d, REPORT_SESSION_READY)->breach);
    driver_finish(&d, session, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sampling_superuser_may_use_every_slot),
        cmocka_unit_test(sampling_limits_of_role_and_database_hold_for_others),
        cmocka_unit_test(sampling_limits_are_read_again),
        cmocka_unit_test(sampling_roles_that_may_not_see_count_what_they_cannot),
        cmocka_unit_test(sampling_idle_in_transaction_has_a_name_and_an_age),
        cmocka_unit_test(sampling_sessions_that_are_alike_count_each),
        cmocka_unit_test(sampling_lock_waiters_are_counted),
        cmocka_unit_test(sampling_ours_that_waits_for_a_lock_names_its_holder),
        cmocka_unit_test_teardown(sampling_run_that_waits_for_a_lock_says_for_whose, tidy),
        cmocka_unit_test(sampling_busy_session_of_ours_is_no_foreground),
        cmocka_unit_test(sampling_leftovers_are_ours_of_before),
        cmocka_unit_test(sampling_closed_session_stays_ours_while_it_lingers),
        cmocka_unit_test(sampling_refused_says_why_and_harms_nothing),
        cmocka_unit_test(sampling_of_an_unclean_session_leaves_it_unclean),
    };
    return run_all(tests, start, stop);
}
