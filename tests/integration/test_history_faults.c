/*
 * A history that cannot be written: tasks go on, the dump says that their runs are not recorded and why, and when the
 * cause is gone they are again, without a hand on the daemon.
 */
#include "one_server.h"
#include "certainty.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

static char app_conninfo[640];

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=40 synchronous_commit=on");
    query(conninfo, "CREATE ROLE app LOGIN; CREATE ROLE other; GRANT pg_monitor TO app");
    snprintf(app_conninfo, sizeof app_conninfo, "%s user=app", conninfo);
    return 0;
}

/* Who holds the table locked; closed by the teardown if the test has failed. */
static PGconn *holder;

static void lock_table(void) {
    holder = PQconnectdb(conninfo);
    PQclear(PQexec(holder, "BEGIN; LOCK TABLE headgate.run IN ACCESS EXCLUSIVE MODE"));
    assert_int_equal(PQtransactionStatus(holder), PQTRANS_INTRANS);
}

static void unlock_table(void) {
    PQfinish(holder);
    holder = NULL;
}

static int tidy_lock(void **state) {
    unlock_table();
    return tidy(state);
}

static void begin(struct certainty *trial, struct process *process, const char *top) {
    *trial = (struct certainty){.conninfo = conninfo, .first = process};
    query(conninfo, "GRANT CREATE ON DATABASE postgres TO app");
    certainty_reset(trial);
    query(conninfo, "GRANT ALL ON ALL TABLES IN SCHEMA public TO app");
    certainty_ini(trial, process, app_conninfo, top);
}

static void start_recorded(struct certainty *trial, struct process *process) {
    const long none[CERTAINTY_TASKS] = {0};
    begin(trial, process, "");
    daemon_start(process);
    WAIT_UNTIL(process, certainty_goes_on(process, none, 2));
}

/* What a person reads. */
static bool dump_says(const struct process *process, const char *text) {
    return shell(NULL, "headgate status %s | grep -q '%s'", process->ini, text) == 0;
}

#define NOT_RECORDED "not recorded"

static void wait_until_tasks_go_on(const struct process *process) {
    long since[CERTAINTY_TASKS];
    certainty_counts(process, since);
    WAIT_UNTIL(process, certainty_goes_on(process, since, 5));
}

/* No task failed for what is no fault of its own. */
static void assert_none_failed(const struct process *process) {
    const char *output;
    for (int i = 0; i < CERTAINTY_TASKS; i++) {
        long failed_count;
        WAIT_UNTIL(process, (failed_count = task_number(process, certainty_tasks[i], "failed")) >= 0); /* it answers */
        if (failed_count == 0)
            continue;
        shell(&output, "grep 'event=failed task=%s ' %s | head -n 5", certainty_tasks[i], process->log);
        fail_msg("%s has failed: %s", certainty_tasks[i], output);
    }
}

/* Runs of each task are on record that started from now on. */
static void wait_until_recorded_again(const struct process *process) {
    char sql[512];
    long now = query_number(conninfo, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint");
    WAIT_UNTIL(process, query_number(conninfo, "SELECT (to_regclass('headgate.run') IS NOT NULL)::int") == 1);
    snprintf(sql, sizeof sql,
             "SELECT min(n) FROM (SELECT count(started) AS n FROM watched LEFT JOIN headgate.run ON run.task = watched.task"
             " AND outcome = 'ok' AND started > to_timestamp(%ld / 1000.0) GROUP BY watched.task) AS counts",
             now);
    WAIT_UNTIL(process, query_number(conninfo, sql) >= 3);
    WAIT_UNTIL(process, !dump_says(process, NOT_RECORDED));
}

/* What is on record is right, whatever is not. */
static void end_right(const struct certainty *trial, struct process *process) {
    assert_none_failed(process);
    assert_int_equal(daemon_end(process, SIGTERM), 0);
    static const char *const names[] = {"every run has ended", "a range holds its occurrences",
                                        "no due instant started a command twice", "no message is answered twice",
                                        "the due instants of a task are one row of instants",
                                        "the view shows what the table holds"};
    long faults = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        faults += certainty_faults(trial, names[i]);
    assert_int_equal(faults, 0);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM (SELECT due, lag(due_until) OVER (PARTITION BY task ORDER BY due)"
                                            " AS before FROM headgate.run WHERE occurrences > 0) AS rows WHERE due <= before"), 0);
}

/* Made by SQL, and made good by SQL. */
static void live_through(const char *fault, const char *cure) {
    struct process process;
    struct certainty trial;
    start_recorded(&trial, &process);
    query(conninfo, fault);
    wait_until_tasks_go_on(&process);
    WAIT_UNTIL(&process, dump_says(&process, NOT_RECORDED));
    wait_until_tasks_go_on(&process);
    assert_int_equal(shell(NULL, "headgate status %s --json >/dev/null", process.ini), 0);
    query(conninfo, cure);
    wait_until_recorded_again(&process);
    end_right(&trial, &process);
}

static void history_locked_table_holds_no_task(void **state) {
    (void)state;
    struct process process;
    struct certainty trial;
    start_recorded(&trial, &process);
    lock_table();
    int64_t since_us = clock_us();
    wait_until_tasks_go_on(&process);
    WAIT_UNTIL(&process, dump_says(&process, NOT_RECORDED));
    WAIT_UNTIL(&process, clock_us() - since_us > 5000000);
    wait_until_tasks_go_on(&process);
    unlock_table();
    wait_until_recorded_again(&process);
    end_right(&trial, &process);
}

static void history_dropped_schema_is_made_again(void **state) {
    (void)state;
    struct process process;
    struct certainty trial;
    start_recorded(&trial, &process);
    query(conninfo, "SET client_min_messages = warning; DROP SCHEMA headgate CASCADE");
    wait_until_tasks_go_on(&process);
    wait_until_recorded_again(&process);
    end_right(&trial, &process);
}

static void history_dropped_table_is_told(void **state) {
    (void)state;
    live_through("DROP TABLE headgate.run CASCADE", "DROP SCHEMA headgate CASCADE");
}

static void history_read_only_table_is_told(void **state) {
    (void)state;
    live_through("REVOKE INSERT, UPDATE, DELETE ON headgate.run FROM app", "GRANT INSERT, UPDATE, DELETE ON headgate.run TO app");
}

#define ENDS_ITS_SESSION                                                                                               \
    "CREATE OR REPLACE FUNCTION ends_its_session() RETURNS trigger LANGUAGE plpgsql AS"                                \
    " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$; "

/* A session that each record ends is as good as a refusal. */
static void history_whose_records_end_the_session_is_told(void **state) {
    (void)state;
    live_through(ENDS_ITS_SESSION "CREATE TRIGGER ends BEFORE UPDATE ON headgate.run FOR EACH ROW"
                                  " WHEN (NEW.finished IS NOT NULL) EXECUTE FUNCTION ends_its_session()",
                 "DROP TRIGGER ends ON headgate.run");
}

/* The same while it is read, before anything may start. */
static void history_whose_reading_ends_the_session_is_told(void **state) {
    (void)state;
    struct process process;
    struct certainty trial;
    start_recorded(&trial, &process);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    query(conninfo, ENDS_ITS_SESSION "CREATE TRIGGER ends BEFORE INSERT ON headgate.task FOR EACH ROW"
                                     " EXECUTE FUNCTION ends_its_session()");
    daemon_start(&process);
    wait_until_tasks_go_on(&process);
    assert_true(dump_says(&process, NOT_RECORDED));
    assert_true(dump_says(&process, "the connection is lost each time that it is asked"));
    query(conninfo, "DROP TRIGGER ends ON headgate.task");
    wait_until_recorded_again(&process);
    end_right(&trial, &process);
}

static void history_of_another_owner_is_told(void **state) {
    (void)state;
    live_through("DO $$ DECLARE r record; BEGIN ALTER SCHEMA headgate OWNER TO other;"
                 " FOR r IN SELECT oid::regclass AS name FROM pg_class WHERE relnamespace = 'headgate'::regnamespace"
                 " AND relkind IN ('r', 'v', 'p') LOOP EXECUTE format('ALTER TABLE %s OWNER TO other', r.name); END LOOP;"
                 " END $$",
                 "DO $$ DECLARE r record; BEGIN ALTER SCHEMA headgate OWNER TO app;"
                 " FOR r IN SELECT oid::regclass AS name FROM pg_class WHERE relnamespace = 'headgate'::regnamespace"
                 " AND relkind IN ('r', 'v', 'p') LOOP EXECUTE format('ALTER TABLE %s OWNER TO app', r.name); END LOOP;"
                 " END $$");
}

static void history_of_a_role_that_may_not_names_the_grants(void **state) {
    (void)state;
    struct process process;
    struct certainty trial;
    const char *output;
    begin(&trial, &process, "");
    query(conninfo, "REVOKE CREATE ON DATABASE postgres FROM app");
    shell(&output, "headgate check %s --connect", process.ini);
    if (!strstr(output, "GRANT CREATE ON DATABASE"))
        fail_msg("check --connect: %s", output);
    daemon_start(&process);
    wait_until_tasks_go_on(&process);
    assert_true(daemon_log_count(&process, "GRANT CREATE ON DATABASE") >= 1);
    WAIT_UNTIL(&process, dump_says(&process, NOT_RECORDED));
    query(conninfo, "GRANT CREATE ON DATABASE postgres TO app");
    wait_until_recorded_again(&process);
    end_right(&trial, &process);
}

/* Records wait in a file while the table is locked, and there is no room for it. */
static void history_full_disk_under_the_spool_is_told(void **state) {
    (void)state;
    struct process place, process;
    struct certainty trial;
    char spool[200], top[256];
    ini_write(&place, "x");
    snprintf(spool, sizeof spool, "%s", place.ini);
    strcpy(strrchr(spool, '/'), "/spool");
    shell(NULL, "mkdir %s", spool);
    if (!mount_disk(spool, "size=1m")) {
        fprintf(stderr, "no file system can be mounted here\n");
        skip();
    }
    const long none[CERTAINTY_TASKS] = {0};
    snprintf(top, sizeof top, "[headgate]\nspool = %s\n", spool);
    begin(&trial, &process, top);
    daemon_start(&process);
    WAIT_UNTIL(&process, certainty_goes_on(&process, none, 2));
    assert_int_equal(shell(NULL, "! head -c 2M /dev/zero >%s/filler", spool), 0);
    lock_table();
    wait_until_tasks_go_on(&process);
    WAIT_UNTIL(&process, dump_says(&process, NOT_RECORDED));
    wait_until_tasks_go_on(&process);
    unlock_table();
    shell(NULL, "rm %s/filler", spool);
    wait_until_recorded_again(&process);
    end_right(&trial, &process);
    assert_int_equal(umount(spool), 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(history_locked_table_holds_no_task, tidy_lock),
        cmocka_unit_test_teardown(history_dropped_schema_is_made_again, tidy),
        cmocka_unit_test_teardown(history_dropped_table_is_told, tidy),
        cmocka_unit_test_teardown(history_read_only_table_is_told, tidy),
        cmocka_unit_test_teardown(history_whose_records_end_the_session_is_told, tidy),
        cmocka_unit_test_teardown(history_whose_reading_ends_the_session_is_told, tidy),
        cmocka_unit_test_teardown(history_of_another_owner_is_told, tidy),
        cmocka_unit_test_teardown(history_of_a_role_that_may_not_names_the_grants, tidy),
        cmocka_unit_test_teardown(history_full_disk_under_the_spool_is_told, tidy_lock),
    };
    if (argc > 1) /* only those of this name; * and ? stand for others */
        cmocka_set_test_filter(argv[1]);
    return run_all(tests, start, stop);
}
