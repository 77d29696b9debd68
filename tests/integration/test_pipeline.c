/*
 * Many runs in flight on one session: each fails alone, they end in order, and nothing is left behind unseen.
 */
#include "one_server.h"
#include "driver.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static struct driver d;

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=30 autovacuum=off"); /* which would have plans made anew */
    query(conninfo, "CREATE TABLE done (id int, note text)");
    query(conninfo, "CREATE TABLE planned (at timestamptz)");
    query(conninfo, "CREATE FUNCTION planned_at() RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE AS"
                    " 'BEGIN RETURN clock_timestamp(); END'"); /* evaluated when its caller is planned */
    query(conninfo, "CREATE PROCEDURE plan() LANGUAGE plpgsql AS"
                    " 'BEGIN INSERT INTO planned SELECT planned_at(); END'");
    query(conninfo, "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent"
                    " DEFERRABLE INITIALLY DEFERRED)");
    return 0;
}

static int before(void **state) {
    (void)state;
    query(conninfo, "TRUNCATE done");
    driver_start(&d, conninfo);
    return 0;
}

static void assert_ended_in_order(void) {
    uint32_t before_it = 0;
    for (uint32_t i = 0; i < d.note_count; i++)
        if (d.notes[i].kind == REPORT_RUN_ENDED) {
            assert_int_equal(d.notes[i].run, before_it + 1);
            before_it = d.notes[i].run;
        }
    assert_int_equal(before_it, d.run_count);
}

static void assert_all_ok_but(uint32_t failed_run) {
    for (uint32_t run = 1; run <= d.run_count; run++)
        assert_int_equal(driver_run_note(&d, run)->outcome, run == failed_run ? OUTCOME_FAILED : OUTCOME_OK);
}

static const char *last_message(void) {
    return d.notes[d.note_count - 1].message;
}

/* --- runs --- */

static void thirty_two_with(const char *failing, int failing_flags, int flags, const char *sqlstate) {
    struct session *session = driver_open(&d);
    char sql[40][80];
    for (int i = 1; i <= SESSION_RUNS_MAX; i++) {
        snprintf(sql[i], sizeof sql[i], "INSERT INTO done VALUES (%d)", i);
        driver_run(&d, session, i == 7 ? failing : sql[i], i == 7 ? failing_flags : flags);
    }
    if (flags & CLEAN) {
        driver_wait_run(&d, SESSION_RUNS_MAX);
        driver_turn(&d);
        assert_int_equal(driver_count(&d, REPORT_SESSION_READY), 0);
        session_verify(session);
    }
    driver_wait(&d, REPORT_SESSION_READY);
    assert_int_equal(driver_count(&d, REPORT_SESSION_READY), 1);
    assert_int_equal(d.notes[d.note_count - 1].kind, REPORT_SESSION_READY);
    assert_ended_in_order();
    assert_all_ok_but(7);
    assert_string_equal(driver_run_note(&d, 7)->sqlstate, sqlstate);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM done"), SESSION_RUNS_MAX - 1);
    driver_finish(&d, session, NULL);
}

static void pipeline_seventh_fails_alone(void **state) {
    (void)state;
    thirty_two_with("SELECT 1/0", PROVEN | TRANSACTION, PROVEN | TRANSACTION, "22012");
}

static void pipeline_seventh_fails_alone_without_cleaning(void **state) {
    (void)state;
    thirty_two_with("SELECT 1/0", PROVEN | CLEAN, PROVEN | CLEAN, "22012");
}

static void pipeline_transaction_that_fails_does_not_reach_the_next(void **state) {
    (void)state;
    thirty_two_with("DO $$ BEGIN INSERT INTO done VALUES (0); RAISE EXCEPTION 'no'; END $$",
                    PROVEN | TRANSACTION | CLEAN, PROVEN | CLEAN, "P0001");
}

static void pipeline_deferred_constraint_fails_at_commit(void **state) {
    (void)state;
    thirty_two_with("INSERT INTO child VALUES (1)", PROVEN | CLEAN, PROVEN | CLEAN, "23503");
}

static void pipeline_deferred_constraint_fails_at_commit_of_a_transaction(void **state) {
    (void)state;
    thirty_two_with("DO $$ BEGIN INSERT INTO child VALUES (1); END $$", PROVEN | TRANSACTION, PROVEN, "23503");
}

static void pipeline_proven_text_with_a_syntax_error_fails_alone(void **state) {
    (void)state;
    thirty_two_with("SELECT 1; SELECT 2", PROVEN, PROVEN, "42601");
}

static void pipeline_rows_are_counted(void **state) {
    (void)state;
    struct session *session = driver_open(&d);
    static const char *const sqls[] = {"SELECT generate_series(1, 5000)", "SELECT 1 WHERE false",
                                       "INSERT INTO done SELECT generate_series(1, 3) RETURNING id",
                                       "UPDATE done SET note = 'x'", "SELECT generate_series(1, 40)"};
    static const uint64_t rows[] = {5000, 0, 3, 3, 40};
    for (int pass = 0; pass < 2; pass++) {
        query(conninfo, "TRUNCATE done");
        for (size_t i = 0; i < 5; i++)
            driver_run(&d, session, sqls[i], pass ? PROVEN : PROVEN | CLEAN | TRANSACTION);
        driver_wait_run(&d, d.run_count);
    }
    for (uint32_t i = 0; i < 10; i++) {
        const struct note *note = driver_run_note(&d, i + 1);
        assert_int_equal(note->outcome, OUTCOME_OK);
        assert_int_equal(note->row_count, rows[i % 5]);
    }
    driver_finish(&d, session, NULL);
}

static void pipeline_unproven_text_is_tried_again_simple(void **state) {
    (void)state;
    struct session *session = driver_open(&d);
    uint32_t run = driver_run(&d, session, "INSERT INTO done VALUES (1); SELECT 2", TRANSACTION);
    driver_wait(&d, REPORT_SESSION_READY);
    assert_int_equal(driver_run_note(&d, run)->outcome, OUTCOME_OK);
    assert_true(driver_run_note(&d, run)->simple);
    run = driver_run(&d, session, "INSERT INTO done VALUES (1); SELECT 2", CLEAN);
    assert_true(driver_wait_run(&d, run)->simple);
    run = driver_run(&d, session, "SELEC 1", CLEAN);
    assert_string_equal(driver_wait_run(&d, run)->sqlstate, "42601");
    run = driver_run(&d, session, "SELECT 1; SELECT 2", CLEAN | SIMPLE);
    assert_int_equal(driver_wait_run(&d, run)->outcome, OUTCOME_OK);
    assert_int_equal(driver_count(&d, REPORT_SESSION_READY), 1);
    run = driver_run(&d, session, "SELECT 1", PROVEN);
    driver_wait(&d, REPORT_SESSION_READY);
    assert_false(driver_run_note(&d, run)->simple);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM done"), 2);
    driver_finish(&d, session, NULL);
}

static void pipeline_transaction_command_does_not_reach_the_next(void **state) {
    (void)state;
    struct session *session = driver_open(&d);
    for (int flags = 0; flags <= CLEAN; flags += CLEAN) {
        uint32_t run = driver_run(&d, session, "BEGIN", flags);
        assert_int_equal(driver_wait_run(&d, run)->outcome, OUTCOME_FAILED);
        run = driver_run(&d, session, "INSERT INTO done VALUES (1)", PROVEN);
        driver_wait(&d, REPORT_SESSION_READY);
        assert_int_equal(driver_run_note(&d, run)->outcome, OUTCOME_OK);
    }
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM done"), 2);
    driver_finish(&d, session, NULL);
}

static void pipeline_joins_while_earlier_runs_end(void **state) {
    (void)state;
    struct session *session = driver_open(&d);
    uint32_t started = 0;
    for (int64_t since_us = clock_us(); driver_count(&d, REPORT_RUN_ENDED) < 200;) {
        for (; started < 200 && started - driver_count(&d, REPORT_RUN_ENDED) < 20; started++)
            driver_run(&d, session, started % 5 ? "INSERT INTO done VALUES (1)" : "SELECT generate_series(1, 3)",
                       PROVEN | (started % 3 ? CLEAN : 0));
        driver_turn(&d);
        assert_false(deadline_passed(since_us));
    }
    assert_ended_in_order();
    assert_all_ok_but(0);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM done"), 160);
    driver_finish(&d, session, NULL);
}

/* --- mishaps --- */

static void sleep_ahead(struct session *session, int flags) {
    driver_run(&d, session, "SELECT pg_sleep(1800)", PROVEN | flags);
    for (int i = 0; i < 4; i++)
        driver_run(&d, session, "INSERT INTO done VALUES (1)", PROVEN | flags);
    driver_turn(&d);
    while (!query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))
        breathe();
}

/* The postmaster signals the backend and then its process group: the second one may hit one more of them. */
static void pipeline_cancel_hits_the_head(void **state) {
    (void)state;
    for (int flags = 0; flags <= CLEAN; flags += CLEAN) {
        uint32_t first = d.run_count + 1, cancelled = 0;
        struct session *session = driver_open(&d);
        sleep_ahead(session, flags);
        session_cancel(session);
        driver_wait_run(&d, first + 4);
        assert_true(driver_run_note(&d, first)->cancelled);
        for (uint32_t run = first; run < first + 5; run++) {
            const struct note *note = driver_run_note(&d, run);
            assert_int_equal(note->outcome, note->cancelled ? OUTCOME_FAILED : OUTCOME_OK);
            cancelled += note->cancelled;
        }
        assert_in_range(cancelled, 1, 2);
        session_forget(session);
    }
    driver_finish(&d, NULL);
}

/* Where a cancel lands is luck; wherever that is, every run ends, and none sees what the one before it left. */
static void pipeline_cancel_anywhere_leaves_no_run_dirty_or_without_end(void **state) {
    (void)state;
    struct session *session = driver_open(&d);
    uint32_t cancelled = 0, failed = 0;
    for (int round = 0; round < 40; round++) {
        uint32_t first = d.run_count + 1;
        d.note_count = 0;
        for (int i = 0; i < 8; i++)
            driver_run(&d, session, "SELECT 1 / (current_setting('work_mem') <> '1MB')::int,"
                                    " set_config('work_mem', '1MB', false)", PROVEN);
        session_cancel(session);
        driver_wait(&d, REPORT_SESSION_READY);
        for (uint32_t run = first; run < first + 8; run++) {
            assert_non_null(driver_run_note(&d, run));
            cancelled += driver_run_note(&d, run)->cancelled;
            failed += driver_run_note(&d, run)->outcome != OUTCOME_OK;
        }
    }
    assert_int_equal(cancelled, failed);
    assert_int_equal(driver_count(&d, REPORT_SESSION_BROKEN), 0);
    driver_finish(&d, session, NULL);
}

static void pipeline_cancelled_cleaning_keeps_the_next_run_from_a_dirty_session(void **state) {
    (void)state;
    struct session *session = driver_open(&d);
    /* a cleaning that waits for a lock: another one holds the temporary table that it wants to drop */
    driver_run(&d, session, "CREATE TEMP TABLE held AS SELECT 1 AS x", PROVEN | CLEAN);
    driver_wait_run(&d, 1);
    char lock[200];
    PGconn *other = PQconnectdb(conninfo);
    snprintf(lock, sizeof lock, "BEGIN; LOCK TABLE pg_temp_%ld.held IN ACCESS SHARE MODE",
             query_number(conninfo, "SELECT substr(nspname, 9) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
                                    " WHERE relname = 'held'"));
    PQclear(PQexec(other, lock));
    driver_run(&d, session, "SELECT 1", PROVEN);
    driver_run(&d, session, "SELECT 2", PROVEN | CLEAN);
    driver_wait_run(&d, 2);
    while (!query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        breathe();
    session_cancel(session);
    driver_wait_run(&d, 3);
    PQfinish(other);
    driver_wait(&d, REPORT_SESSION_READY);
    assert_all_ok_but(3);
    assert_true(driver_run_note(&d, 3)->cancelled);
    assert_int_equal(driver_count(&d, REPORT_SESSION_READY), 1);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM pg_class WHERE relname = 'held'"), 0);
    driver_finish(&d, session, NULL);
}

static void pipeline_terminated_backend_ends_all_in_order(void **state) {
    (void)state;
    struct session *session = driver_open(&d);
    driver_run(&d, session, "INSERT INTO done VALUES (1)", PROVEN);
    sleep_ahead(session, 0);
    query(conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    driver_wait(&d, REPORT_SESSION_BROKEN);
    assert_int_equal(d.notes[d.note_count - 1].kind, REPORT_SESSION_BROKEN);
    assert_int_equal(driver_run_note(&d, 1)->outcome, OUTCOME_OK);
    assert_int_equal(driver_run_note(&d, 2)->outcome, OUTCOME_FAILED); /* the server said so with its last words */
    assert_string_equal(driver_run_note(&d, 2)->sqlstate, "57P01");
    for (uint32_t run = 3; run <= d.run_count; run++) /* and began nothing behind them */
        assert_int_equal(driver_run_note(&d, run)->kind, REPORT_RUN_UNSENT);
    uint32_t late = driver_run(&d, session, "SELECT 1", PROVEN);
    assert_int_equal(driver_run_note(&d, late)->kind, REPORT_RUN_UNSENT);
    driver_finish(&d, session, NULL);
}

static void pipeline_closed_session_ends_all_in_order(void **state) {
    (void)state;
    struct session *session = driver_open(&d);
    sleep_ahead(session, CLEAN);
    session_close(session, "test");
    assert_ended_in_order();
    for (uint32_t run = 1; run <= d.run_count; run++)
        assert_int_equal(driver_run_note(&d, run)->outcome, OUTCOME_UNKNOWN);
    driver_wait(&d, REPORT_SESSION_GONE);
    driver_finish(&d, session, NULL);
}

static void wait_until_gone(const char *which) {
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%%' AND %s",
             which);
    for (int64_t since_us = clock_us(); query_number(conninfo, sql);) {
        assert_false(deadline_passed(since_us));
        breathe();
    }
}

/* The loop does not turn between the session's end and the run. */
static void pipeline_run_for_a_session_whose_end_is_unread_is_unsent(void **state) {
    (void)state;
    char as_impatient[600];
    struct session *session = driver_open(&d);
    query(conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'");
    wait_until_gone("true");
    uint32_t run = driver_run(&d, session, "INSERT INTO done VALUES (1)", 0);
    assert_int_equal(driver_run_note(&d, run)->kind, REPORT_RUN_UNSENT);
    assert_non_null(strstr(d.notes[d.note_count - 2].message, "administrator command"));
    driver_finish(&d, session, NULL);
    snprintf(as_impatient, sizeof as_impatient, "%s options='-c idle_session_timeout=300ms'", conninfo);
    driver_start(&d, as_impatient);
    session = driver_open(&d);
    wait_until_gone("true");
    run = driver_run(&d, session, "INSERT INTO done VALUES (1)", PROVEN | TRANSACTION);
    assert_int_equal(driver_run_note(&d, run)->kind, REPORT_RUN_UNSENT);
    driver_finish(&d, session, NULL);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM done"), 0);
}

/* They are on their way to a backend that is stopped, until its patience with an idle client is over. */
static void pipeline_run_that_meets_the_end_of_an_idle_session_is_unsent(void **state) {
    (void)state;
    char as_impatient[600];
    driver_finish(&d, NULL);
    snprintf(as_impatient, sizeof as_impatient, "%s options='-c idle_session_timeout=1s'", conninfo);
    driver_start(&d, as_impatient);
    struct session *session = driver_open(&d);
    kill(session_backend_pid(session), SIGSTOP);
    int64_t stopped_us = clock_us();
    for (int i = 0; i < 2; i++)
        driver_run(&d, session, "INSERT INTO done VALUES (1)", PROVEN | TRANSACTION);
    driver_turn(&d);
    while (clock_us() - stopped_us < 1500000)
        breathe();
    kill(session_backend_pid(session), SIGCONT);
    driver_wait(&d, REPORT_SESSION_BROKEN);
    for (uint32_t run = 1; run <= 2; run++)
        assert_int_equal(driver_run_note(&d, run)->kind, REPORT_RUN_UNSENT);
    driver_finish(&d, session, NULL);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM done"), 0);
}

/* --- cleaning --- */

static void clean_after(struct session *session, const char *sql, const char *expected) {
    driver_run(&d, session, sql, PROVEN | CLEAN);
    session_verify(session); /* queues behind the run */
    const struct note *ready = driver_wait(&d, REPORT_SESSION_READY);
    assert_string_equal(ready->message, expected);
    assert_int_equal(ready->breach, *expected != '\0');
    assert_int_equal(driver_run_note(&d, d.run_count)->outcome, OUTCOME_OK);
}

static void clean_finds_what_was_left_behind(void **state) {
    (void)state;
    struct session *session = driver_open(&d);
    clean_after(session, "INSERT INTO done VALUES (1)", "");
    clean_after(session, "SELECT pg_advisory_lock(1), pg_advisory_lock(2)", "advisory lock");
    clean_after(session, "SELECT 1", "");
    clean_after(session, "CREATE TEMP TABLE t1 (x int PRIMARY KEY, t text)", "temporary table t1");
    clean_after(session, "SELECT 1", "");
    clean_after(session, "PREPARE p AS SELECT 1", "prepared statement p");
    clean_after(session, "SET work_mem = '1MB'", "setting work_mem");
    clean_after(session, "SELECT set_config('work_mem', '1MB', true)", "");
    clean_after(session, "SET ROLE pg_monitor", "setting role");
    clean_after(session, "LISTEN news", "listening on news");
    clean_after(session, "DECLARE c CURSOR WITH HOLD FOR SELECT 1", "cursor c");
    clean_after(session, "SELECT pg_advisory_lock(1), set_config('work_mem', '1MB', false)",
                "advisory lock, setting work_mem");
    clean_after(session, "SELECT 1", "");
    driver_finish(&d, session, NULL);
}

static void clean_without_a_look_cleans_all_the_same(void **state) {
    (void)state;
    struct session *session = driver_open(&d);
    driver_run(&d, session, "SELECT pg_advisory_lock(1)", PROVEN | CLEAN);
    session_clean(session);
    assert_false(driver_wait(&d, REPORT_SESSION_READY)->breach);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0);
    clean_after(session, "SELECT 1", "");
    driver_finish(&d, session, NULL);
}

static void clean_that_cannot_verify_cleans_all_the_same(void **state) {
    (void)state;
    query(conninfo, "CREATE ROLE blind LOGIN; REVOKE SELECT ON pg_settings FROM public");
    char as_blind[600];
    snprintf(as_blind, sizeof as_blind, "%s user=blind", conninfo);
    driver_finish(&d, NULL);
    driver_start(&d, as_blind);
    struct session *session = driver_open(&d);
    clean_after(session, "SELECT pg_advisory_lock(1)", "");
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0);
    query(conninfo, "GRANT SELECT ON pg_settings TO public");
    driver_finish(&d, session, NULL);
}

static void clean_run_waits_for_it_and_others_do_not(void **state) {
    (void)state;
    struct session *session = driver_open(&d);
    driver_run(&d, session, "SELECT 1", PROVEN | CLEAN);
    driver_wait_run(&d, 1);
    for (int i = 0; i < 10; i++)
        driver_turn(&d), breathe();
    assert_int_equal(driver_count(&d, REPORT_SESSION_READY), 0);
    driver_run(&d, session, "SELECT 1", PROVEN);
    assert_false(driver_wait(&d, REPORT_SESSION_READY)->breach);
    session_check(session);
    driver_wait(&d, REPORT_SESSION_READY);
    driver_run(&d, session, "SELECT pg_advisory_lock(1)", PROVEN | CLEAN);
    driver_wait_run(&d, d.run_count);
    session_check(session);
    assert_true(driver_wait(&d, REPORT_SESSION_READY)->breach);
    driver_finish(&d, session, NULL);
}

static long plans_made(int flags) {
    query(conninfo, "TRUNCATE planned");
    struct session *session = driver_open(&d);
    for (uint32_t i = 1; i <= 4; i++) {
        driver_run(&d, session, "CALL plan()", flags);
        if (i % 2 == 0) /* the one before it was cleaned in its segment */
            driver_wait(&d, REPORT_SESSION_READY);
    }
    assert_all_ok_but(0);
    driver_finish(&d, session, NULL);
    return query_number(conninfo, "SELECT count(DISTINCT at) FROM planned");
}

static void clean_keeps_plans_where_asked(void **state) {
    (void)state;
    assert_int_equal(plans_made(PROVEN | TRANSACTION), 4);
    driver_start(&d, conninfo);
    assert_int_equal(plans_made(PROVEN | TRANSACTION | KEEPS_PLANS), 1);
    driver_start(&d, conninfo); /* such a text could leave a transaction open */
    assert_int_equal(plans_made(PROVEN | KEEPS_PLANS), 4);
}

#define DIRTY                                                                                                          \
    "SELECT pg_advisory_lock(1), set_config('work_mem', '1MB', false), set_config('role', 'pg_monitor', false)"

static void clean_that_keeps_plans_leaves_nothing_else(void **state) {
    (void)state;
    static const char *const texts[] = {
        "SELECT pg_advisory_lock(1), pg_advisory_lock(2)", "CREATE TEMP TABLE t1 (x int)", "PREPARE p AS SELECT 1",
        "SET work_mem = '1MB'", "SET ROLE pg_monitor", "SET SESSION AUTHORIZATION pg_monitor", "LISTEN news",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1", "SET default_transaction_read_only = on",
        "SET default_transaction_isolation = serializable"};
    struct session *session = driver_open(&d);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        driver_run(&d, session, texts[i], PROVEN | TRANSACTION | KEEPS_PLANS);
        clean_after(session, "SELECT 1", "");
    }
    query(conninfo, "DROP SEQUENCE IF EXISTS s; CREATE SEQUENCE s CACHE 10");
    for (int i = 0; i < 2; i++)
        driver_run(&d, session, "INSERT INTO done VALUES (nextval('s'))", PROVEN | TRANSACTION | KEEPS_PLANS);
    driver_wait(&d, REPORT_SESSION_READY);
    assert_int_equal(query_number(conninfo, "SELECT max(id) FROM done"), 11); /* what it had cached is gone */
    assert_false(d.pool->discards_plans);
    driver_finish(&d, session, NULL);
}

static void clean_is_not_undone_by_a_failure_behind_it(void **state) {
    (void)state;
    struct session *session = driver_open(&d);
    driver_run(&d, session, DIRTY, PROVEN | TRANSACTION | KEEPS_PLANS);
    driver_run(&d, session, "SELECT 1/0", PROVEN | TRANSACTION | CLEAN);
    clean_after(session, "SELECT 1", "");
    assert_all_ok_but(2);
    assert_string_equal(driver_run_note(&d, 2)->sqlstate, "22012");
    driver_finish(&d, session, NULL);
}

static void clean_that_is_refused_is_done_the_other_way(void **state) {
    (void)state;
    query(conninfo, "CREATE ROLE barred LOGIN IN ROLE pg_monitor; GRANT INSERT ON done TO barred;"
                    " REVOKE EXECUTE ON FUNCTION pg_advisory_unlock_all() FROM public");
    char as_barred[600];
    snprintf(as_barred, sizeof as_barred, "%s user=barred", conninfo);
    driver_finish(&d, NULL);
    driver_start(&d, as_barred);
    struct session *session = driver_open(&d);
    for (int i = 0; i < 2; i++) {
        driver_run(&d, session, DIRTY, PROVEN | TRANSACTION | KEEPS_PLANS);
        driver_wait(&d, REPORT_SESSION_READY);
        assert_true(d.pool->discards_plans);
        assert_int_equal(query_number(conninfo, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0);
    }
    driver_run(&d, session, DIRTY, PROVEN | TRANSACTION | KEEPS_PLANS);
    driver_run(&d, session, "INSERT INTO done VALUES (1)", PROVEN | TRANSACTION);
    driver_wait(&d, REPORT_SESSION_READY);
    assert_all_ok_but(0);
    query(conninfo, "GRANT EXECUTE ON FUNCTION pg_advisory_unlock_all() TO public");
    driver_finish(&d, session, NULL);
}

/* In the run's own segment; a cleaning of its own would hit another backend. */
static void clean_session_that_is_known_to_be_pooled_is_cleaned_with_the_run(void **state) {
    (void)state;
    struct session *session = driver_open(&d);
    d.pool->pooled = true;
    driver_run(&d, session, "SELECT pg_advisory_lock(77)", PROVEN);
    driver_wait(&d, REPORT_SESSION_READY);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0);
    session_verify(session);
    assert_false(driver_wait(&d, REPORT_SESSION_READY)->breach);
    assert_string_equal(last_message(), "");
    driver_finish(&d, session, NULL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, before)
    const struct CMUnitTest tests[] = {
        TEST(pipeline_seventh_fails_alone),
        TEST(pipeline_seventh_fails_alone_without_cleaning),
        TEST(pipeline_transaction_that_fails_does_not_reach_the_next),
        TEST(pipeline_deferred_constraint_fails_at_commit),
        TEST(pipeline_deferred_constraint_fails_at_commit_of_a_transaction),
        TEST(pipeline_proven_text_with_a_syntax_error_fails_alone),
        TEST(pipeline_rows_are_counted),
        TEST(pipeline_unproven_text_is_tried_again_simple),
        TEST(pipeline_transaction_command_does_not_reach_the_next),
        TEST(pipeline_joins_while_earlier_runs_end),
        TEST(pipeline_cancel_hits_the_head),
        TEST(pipeline_cancel_anywhere_leaves_no_run_dirty_or_without_end),
        TEST(pipeline_cancelled_cleaning_keeps_the_next_run_from_a_dirty_session),
        TEST(pipeline_terminated_backend_ends_all_in_order),
        TEST(pipeline_closed_session_ends_all_in_order),
        TEST(pipeline_run_for_a_session_whose_end_is_unread_is_unsent),
        TEST(pipeline_run_that_meets_the_end_of_an_idle_session_is_unsent),
        TEST(clean_finds_what_was_left_behind),
        TEST(clean_without_a_look_cleans_all_the_same),
        TEST(clean_keeps_plans_where_asked),
        TEST(clean_that_keeps_plans_leaves_nothing_else),
        TEST(clean_is_not_undone_by_a_failure_behind_it),
        TEST(clean_that_is_refused_is_done_the_other_way),
        TEST(clean_that_cannot_verify_cleans_all_the_same),
        TEST(clean_run_waits_for_it_and_others_do_not),
        TEST(clean_session_that_is_known_to_be_pooled_is_cleaned_with_the_run),
    };
    return run_all(tests, start, stop);
}
