/*
 * Tasks that notifications wake. Each NOTIFY counts up a number in its own transaction, and each run writes down what it
 * saw: whatever happens to sessions, server and daemon meanwhile, the last number is seen.
 */
#include "one_server.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SEE "sql = INSERT INTO saw SELECT 'see', n FROM number\n"

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=40");
    query(conninfo, "CREATE TABLE number (n int8)");
    query(conninfo, "INSERT INTO number VALUES (0)");
    query(conninfo, "CREATE TABLE saw (task text, n int8)");
    query(conninfo, "CREATE FUNCTION mail(times int, channel text DEFAULT 'new_mail') RETURNS void LANGUAGE plpgsql AS $$"
                    " BEGIN UPDATE number SET n = n + times; PERFORM pg_notify(channel, i::text) FROM generate_series(1, times) i;"
                    " END $$");
    return 0;
}

static int begin(void **state) {
    (void)state;
    query(conninfo, "UPDATE number SET n = 0");
    query(conninfo, "TRUNCATE saw");
    return 0;
}

static bool saw_all(void) {
    return query_number(conninfo, "SELECT count(*) FROM saw WHERE n = (SELECT n FROM number)") > 0;
}


static bool listens(const struct process *process) {
    return !dump_has(process, "not listening") && daemon_log_count(process, "event=listening ") > 0;
}

/* --- at ease --- */

static void wake_makes_due_at_once_without_a_session_more(void **state) {
    struct process process;
    (void)state;
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 4\n[task see]\nwake = new_mail, Other\nwake_most_every = 0\n" SEE, conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "see", "ok") == 1); /* the look of who begins to listen */
    assert_true(dump_has(&process, "waits for new_mail, Other"));
    query(conninfo, "SELECT mail(1)");
    WAIT_UNTIL(&process, saw_all());
    query(conninfo, "SELECT mail(1, 'Other')");
    WAIT_UNTIL(&process, saw_all());
    query(conninfo, "SELECT mail(1, 'other')"); /* none of its channels */
    query(conninfo, "SELECT mail(1000)");        /* many are one */
    WAIT_UNTIL(&process, saw_all());
    WAIT_UNTIL(&process, dump_has(&process, "waits for new_mail, Other"));
    assert_true(task_number(&process, "see", "ok") >= 4 && task_number(&process, "see", "ok") < 12); /* read in pieces */
    assert_int_equal(pool_number(&process, "p", "opened"), 1);
    assert_int_equal(task_number(&process, "see", "woken"), task_number(&process, "see", "ok"));
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void wake_while_it_runs_makes_one_further_run(void **state) {
    struct process process;
    (void)state;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 2\n[task see]\nwake = new_mail\noverlap = skip\n"
              "sql = SELECT pg_advisory_xact_lock(7); INSERT INTO saw SELECT 'see', n FROM number\n",
              conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "see", "ok") == 1);
    PGconn *lock = PQconnectdb(conninfo);
    PQclear(PQexec(lock, "SELECT pg_advisory_lock(7)"));
    query(conninfo, "SELECT mail(1)");
    WAIT_UNTIL(&process, task_number(&process, "see", "running") == 1);
    for (int i = 0; i < 5; i++)
        query(conninfo, "SELECT mail(1)");
    WAIT_UNTIL(&process, dump_has(&process, "it was woken meanwhile"));
    depart(lock);
    WAIT_UNTIL(&process, saw_all());
    WAIT_UNTIL(&process, task_number(&process, "see", "ok") == 3 && task_number(&process, "see", "running") == 0);
    assert_true(dump_has(&process, "waits for new_mail"));
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void wake_is_heard_while_the_listener_is_at_a_long_run(void **state) {
    struct process process;
    (void)state;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 3\n[task see]\nwake = new_mail\n" SEE
              "[task long]\n%ssql = SELECT pg_advisory_xact_lock(8)\n",
              conninfo, never_due());
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "see", "ok") == 1);
    PGconn *lock = PQconnectdb(conninfo);
    PQclear(PQexec(lock, "SELECT pg_advisory_lock(8)"));
    trigger(&process, "long");
    WAIT_UNTIL(&process, task_number(&process, "long", "running") == 1);
    query(conninfo, "SELECT mail(1)");
    WAIT_UNTIL(&process, saw_all());
    query(conninfo, "SELECT mail(1)");
    WAIT_UNTIL(&process, saw_all());
    assert_int_equal(task_number(&process, "long", "running"), 1);
    depart(lock);
    WAIT_UNTIL(&process, task_number(&process, "long", "ok") == 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void wake_waits_out_a_pause_and_follows_a_reload(void **state) {
    struct process process;
    (void)state;
    ini_write(&process, "[pool p]\nconninfo = %s\n[task see]\nwake = new_mail\n" SEE, conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "see", "ok") == 1);
    shell(NULL, "headgate pause %s see", process.ini);
    query(conninfo, "SELECT mail(1)");
    query(conninfo, "SELECT mail(1)");
    assert_int_equal(task_number(&process, "see", "ok"), 1);
    shell(NULL, "headgate resume %s see", process.ini);
    WAIT_UNTIL(&process, saw_all());
    ini_rewrite(&process, "[pool p]\nconninfo = %s\n[task see]\nwake = newer\n" SEE, conninfo);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, task_number(&process, "see", "ok") == 3); /* the look of a channel that is new */
    query(conninfo, "SELECT mail(1)");
    query(conninfo, "SELECT mail(1, 'newer')");
    WAIT_UNTIL(&process, saw_all());
    ini_rewrite(&process, "[pool p]\nconninfo = %s\n[task see]\nevery = 1d\n" SEE, conninfo);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reloaded") == 2 && !dump_has(&process, "waits for"));
    assert_int_equal(daemon_log_count(&process, "event=listening "), 2);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* --- what disturbs a listener --- */

/* A text that does UNLISTEN, and one that has a LISTEN of its own: the one is followed by a look, the other is not. */
static void wake_survives_texts_that_listen_themselves(void **state) {
    struct process process;
    (void)state;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 1\n[task see]\nwake = new_mail\n" SEE
              "[task own]\n%ssql = LISTEN mine\n[task un]\n%ssql = UNLISTEN *\n",
              conninfo, never_due(), never_due());
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "see", "ok") == 1);
    trigger(&process, "own");
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=listening_disturbed") == 1);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'") == 1);
    assert_int_equal(task_number(&process, "see", "ok"), 1);
    trigger(&process, "un");
    WAIT_UNTIL(&process, task_number(&process, "see", "ok") == 2);
    query(conninfo, "SELECT mail(1)");
    WAIT_UNTIL(&process, saw_all());
    assert_int_equal(pool_number(&process, "p", "opened"), 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static long memory_kb(pid_t pid) {
    char path[64], line[128];
    long kb = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "VmRSS: %ld", &kb);
    if (file)
        fclose(file);
    return kb;
}

static void wake_by_a_flood_is_a_few_runs_and_no_memory(void **state) {
    struct process process;
    char options[512];
    const char *before = getenv("ASAN_OPTIONS"); /* the sanitizer is not to keep what was freed */
    (void)state;
    snprintf(options, sizeof options, "%s:quarantine_size_mb=1:thread_local_quarantine_size_kb=64", before ? before : "");
    setenv("ASAN_OPTIONS", options, 1);
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 2\n[task see]\nwake = new_mail\n" SEE, conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "see", "ok") == 1);
    query(conninfo, "SELECT mail(100000)");
    WAIT_UNTIL(&process, saw_all());
    long before_kb = memory_kb(process.pid);
    query(conninfo, "SELECT mail(1000000)"); /* a hundred bytes of each were as many megabytes */
    WAIT_UNTIL(&process, saw_all());
    if (memory_kb(process.pid) - before_kb > 32 * 1024)
        fail_msg("it had %ld kB, and has %ld", before_kb, memory_kb(process.pid));
    assert_int_equal(daemon_log_count(&process, "event=session_lost"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* --- the storm: 1000 notifications in a second, in any trouble --- */

static volatile bool storm_is_over;

/* Each counts up and notifies in one transaction; when the server is away it goes on as soon as that is back. */
static void *storm(void *unused) {
    PGconn *conn = PQconnectdb(conninfo);
    (void)unused;
    for (int done = 0; done < 1000 && !storm_is_over;) {
        PGresult *result = PQexec(conn, "SELECT mail(1)");
        done += PQresultStatus(result) == PGRES_TUPLES_OK;
        PQclear(result);
        if (PQstatus(conn) == CONNECTION_BAD)
            PQreset(conn);
        nanosleep(&(struct timespec){0, 500000}, NULL);
    }
    PQfinish(conn);
    return NULL;
}

enum trouble_kind { TROUBLE_NONE, TROUBLE_TERMINATE, TROUBLE_DAEMON, TROUBLE_SERVER, TROUBLES };

static void make_trouble(struct process *process, enum trouble_kind kind) {
    switch (kind) {
    case TROUBLE_TERMINATE:
        query(conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'");
        break;
    case TROUBLE_DAEMON:
        daemon_kill(process);
        daemon_start(process);
        break;
    case TROUBLE_SERVER: server_do(&server, "restart", "immediate"); break;
    default: break;
    }
}

static void one_storm(struct process *process, enum trouble_kind kind) {
    pthread_t thread;
    storm_is_over = false;
    assert_int_equal(pthread_create(&thread, NULL, storm, NULL), 0);
    for (int i = 0; i < (kind == TROUBLE_SERVER ? 1 : 3); i++) {
        nanosleep(&(struct timespec){0, 50000000 + rand() % 200000000}, NULL);
        make_trouble(process, kind);
    }
    pthread_join(thread, NULL);
    WAIT_UNTIL(process, saw_all());
}

/* On one session, which is cleaned a hundred times a second; and on several. */
static void storms(uint32_t size) {
    struct process process;
    int rounds = getenv("HEADGATE_LONG") ? 40 : 1;
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = %u\nidle = 1s\n[task see]\nwake = new_mail\nwake_most_every = 10ms\n" SEE
              "[task busy]\nevery = 10ms\nsql = SELECT pg_sleep(0.001)\n[task many]\nevery = 20ms\nsession = clean\nsql = SELECT 1\n",
              conninfo, size);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "see", "ok") > 0);
    for (int i = 0; i < rounds; i++)
        for (enum trouble_kind kind = 0; kind < TROUBLES; kind++)
            one_storm(&process, kind);
    WAIT_UNTIL(&process, listens(&process));
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void wake_loses_nothing_in_a_storm_on_one_session(void **state) {
    (void)state;
    storms(1);
}

static void wake_loses_nothing_in_a_storm_on_several_sessions(void **state) {
    (void)state;
    storms(4);
}

/* --- two daemons that hear the same --- */

#define GATE "hashtextextended('headgate.start_woken wakes see', 0)" /* etc/history/2.sql: one claim at a time */

static void start_pair(struct process pair[2], const char *more) {
    query(conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS headgate CASCADE");
    for (int i = 0; i < 2; i++) {
        ini_write(&pair[i], "[headgate]\nname = wakes\n[pool p]\nconninfo = %s\nsize = 4\nhistory = on\n[task see]\nwake = new_mail\n%s",
                  conninfo, more);
        daemon_start(&pair[i]);
        WAIT_UNTIL(&pair[i], history_is_on(&pair[i]) && listens(&pair[i]) && task_number(&pair[i], "see", "woken") > 0);
    }
}

static long sum(const struct process pair[2], const char *field) {
    return task_number(&pair[0], "see", field) + task_number(&pair[1], "see", field);
}

static bool are_idle(const struct process pair[2]) {
    return dump_has(&pair[0], "waits for new_mail") && dump_has(&pair[1], "waits for new_mail");
}

/* Every claim that waits there was sent after now. */
static void outlast_claims(const struct process *process) {
    char sql[300];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND xact_start < to_timestamp(%.6f)",
             (double)query_number(conninfo, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8") / 1e6);
    WAIT_UNTIL(process, query_number(conninfo, sql) == 0);
}

/* Neither can begin before both have heard it: so it is known that one run answers both. */
static void notify_both(const struct process pair[2]) {
    PGconn *lock = PQconnectdb(conninfo);
    long ok = sum(pair, "ok"), woken = sum(pair, "woken");
    PQclear(PQexec(lock, "SELECT pg_advisory_lock(" GATE ")"));
    query(conninfo, "SELECT mail(1)");
    WAIT_UNTIL(pair, sum(pair, "woken") == woken + 2);
    outlast_claims(pair);
    assert_int_equal(sum(pair, "ok"), ok);
    depart(lock);
}

static void wake_of_two_daemons_is_one_run(void **state) {
    struct process pair[2];
    (void)state;
    start_pair(pair, SEE);
    WAIT_UNTIL(pair, are_idle(pair));
    for (int i = 0; i < 3; i++) {
        long ok = sum(pair, "ok");
        notify_both(pair);
        WAIT_UNTIL(pair, saw_all() && are_idle(pair));
        assert_int_equal(sum(pair, "ok"), ok + 1);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(daemon_end(&pair[i], SIGTERM), 0);
}

#define AT_9 "FROM pg_locks WHERE locktype = 'advisory' AND (classid, objid) = (0, 9) AND NOT granted"

/* The one that has the run is stopped in the middle of it, by a person who cancels it: then the other has it. */
static void wake_of_two_daemons_is_the_others_when_a_run_fails(void **state) {
    struct process pair[2];
    (void)state;
    start_pair(pair, "sql = SELECT pg_advisory_xact_lock(9); INSERT INTO saw SELECT 'see', n FROM number\n");
    WAIT_UNTIL(pair, are_idle(pair));
    PGconn *lock = PQconnectdb(conninfo);
    PQclear(PQexec(lock, "SELECT pg_advisory_lock(9)"));
    notify_both(pair);
    WAIT_UNTIL(pair, query_number(conninfo, "SELECT count(*) " AT_9) == 1);
    query(conninfo, "SELECT pg_cancel_backend(pid) " AT_9);
    WAIT_UNTIL(pair, sum(pair, "failed") == 1);
    depart(lock);
    WAIT_UNTIL(pair, saw_all() && are_idle(pair));
    for (int i = 0; i < 2; i++)
        assert_int_equal(daemon_end(&pair[i], SIGTERM), 0);
}

static void wake_loses_nothing_in_a_storm_on_two_daemons(void **state) {
    struct process pair[2];
    (void)state;
    start_pair(pair, "wake_most_every = 10ms\n" SEE);
    for (enum trouble_kind kind = 0; kind < TROUBLES; kind++)
        one_storm(&pair[kind % 2], kind);
    WAIT_UNTIL(pair, are_idle(pair));
    for (int i = 0; i < 2; i++)
        assert_int_equal(daemon_end(&pair[i], SIGTERM), 0);
}

/* --- where nobody can listen --- */

static void wake_through_a_pooler_is_refused(void **state) {
    struct pgbouncer pgbouncer;
    struct process process;
    const char *output;
    (void)state;
    pgbouncer_start(&pgbouncer, &server, "");
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 2\n[task see]\nwake = new_mail\nevery = 200ms\n" SEE, pgbouncer.conninfo);
    assert_int_equal(shell(&output, "headgate check %s --connect", process.ini), 1);
    if (!strstr(output, "DOES NOT WORK: tasks of [pool p] have wake"))
        fail_msg("%s", output);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "see", "ok") > 1); /* by its interval */
    WAIT_UNTIL(&process, dump_has(&process, "a connection pooler is in between, which gives notifications to others"));
    assert_int_equal(task_number(&process, "see", "woken"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    pgbouncer_stop(&pgbouncer);
}

int main(void) {
#define WAKE_TEST(name) cmocka_unit_test_setup_teardown(name, begin, tidy)
    const struct CMUnitTest tests[] = {
        WAKE_TEST(wake_makes_due_at_once_without_a_session_more),
        WAKE_TEST(wake_while_it_runs_makes_one_further_run),
        WAKE_TEST(wake_is_heard_while_the_listener_is_at_a_long_run),
        WAKE_TEST(wake_waits_out_a_pause_and_follows_a_reload),
        WAKE_TEST(wake_survives_texts_that_listen_themselves),
        WAKE_TEST(wake_by_a_flood_is_a_few_runs_and_no_memory),
        WAKE_TEST(wake_loses_nothing_in_a_storm_on_one_session),
        WAKE_TEST(wake_loses_nothing_in_a_storm_on_several_sessions),
        WAKE_TEST(wake_of_two_daemons_is_one_run),
        WAKE_TEST(wake_of_two_daemons_is_the_others_when_a_run_fails),
        WAKE_TEST(wake_loses_nothing_in_a_storm_on_two_daemons),
        WAKE_TEST(wake_through_a_pooler_is_refused),
    };
    return run_all(tests, start, stop);
}
