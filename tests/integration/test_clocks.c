/*
 * Wall clocks that are set, on the host of the daemon or of the database, and a machine that sleeps: each occurrence is
 * accounted once, what was missed becomes one run, timeouts do not notice, and the log says what happened.
 */
#include "one_server.h"
#include "certainty.h"
#include "host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define S INT64_C(1000000)
#define H (3600 * S)
#define Y (365 * 24 * H)

static struct host daemon_host, database_host;

static int start(void **state) {
    (void)state;
    hosts_open();
    host_open(&daemon_host, "daemon");
    host_open(&database_host, "database");
    host_enter(&database_host);
    server_start(&server, "max_connections=40");
    host_leave();
    return 0;
}

static int stop_all(void **state) {
    (void)state;
    server_destroy(&server);
    hosts_close();
    return 0;
}

/* --- what is watched --- */

/* 31 years: the server's clock, which pg_sleep() goes by, is set forward while it sleeps. */
#define HANGS                                                                                                          \
    "[task hangs]\nevery = 1s\ntimeout = 200ms\nhold_after = 0\nsql = SELECT pg_sleep(1e9)\n"

static void begin_trial(struct certainty *trial, struct process *process) {
    *daemon_host.offset_us = *database_host.offset_us = 0;
    *trial = (struct certainty){.conninfo = server.conninfo, .first = process};
    certainty_reset(trial);
    certainty_ini(trial, process, server.conninfo, HANGS);
    host_enter(&daemon_host);
    certainty_start(trial, process);
    host_leave();
}

static void wait_until_it_goes_on(const struct process *process) {
    long since[CERTAINTY_TASKS];
    certainty_counts(process, since);
    WAIT_UNTIL(process, certainty_goes_on(process, since, 2));
}

/* The daemon's clock, for the nth time. */
static void step(const struct process *process, int64_t by_us, long nth) {
    *daemon_host.offset_us += by_us;
    WAIT_UNTIL(process, daemon_log_count(process, "event=clock_stepped") == nth);
}

static long hanging(void) {
    return query_number(server.conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
}

/*
 * Not while one hangs: a server whose clock was set back looks whether a client is still there that much later, and the
 * schema could not be dropped before.
 */
static void kill_and_start(struct process *process) {
    WAIT_UNTIL(process, hanging() == 0);
    daemon_kill(process);
    host_enter(&daemon_host);
    daemon_start(process);
    host_leave();
    wait_until_it_goes_on(process);
}

static long runs(const char *condition) {
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM headgate.history WHERE %s", condition);
    return query_number(server.conninfo, sql);
}

/* Each of its runs, on whatever day, was ended by its timeout, when that had passed. */
#define HELD "outcome = 'failed' AND reason = 'timeout' AND finished - started BETWEEN '190ms' AND '30min'" /* steps are an hour */
#define SHORT_OF_IT "task = 'hangs' AND started IS NOT NULL AND outcome <> 'lost' AND (" HELD ") IS NOT TRUE"

static void assert_timeouts_held(long least) {
    const char *output;
    assert_true(runs("task = 'hangs' AND " HELD) >= least);
    if (runs(SHORT_OF_IT) == 0)
        return;
    shell(&output, "psql -XAtd '%s' -c \"SELECT * FROM headgate.history WHERE %s\"", server.conninfo, SHORT_OF_IT);
    fail_msg("not ended by its timeout when that had passed: %s", output);
}

/* What was missed, and no more, is answered by one run of each task. */
static void assert_one_run_answered(long occurrences_least) {
    char condition[64];
    for (int i = 0; i < CERTAINTY_TASKS; i++) {
        snprintf(condition, sizeof condition, "task = '%s' AND occurrences > %ld", certainty_tasks[i], occurrences_least);
        assert_int_equal(runs(condition), 1);
    }
}

/* --- the daemon's host --- */

static void clocks_set_forward_and_back_account_each_occurrence_once(void **state) {
    (void)state;
    struct process process;
    struct certainty trial;
    begin_trial(&trial, &process);
    static const int64_t steps_us[] = {S, -S, H, -S, S};
    for (size_t i = 0; i < sizeof steps_us / sizeof *steps_us; i++) {
        step(&process, steps_us[i], (long)i + 1);
        wait_until_it_goes_on(&process);
    }
    certainty_stop(&trial, &process, 1);
    assert_one_run_answered(8000);
    assert_timeouts_held(3);
}

/* An hour that is not on record is due; what is on record is not run again when its time comes. */
static void clocks_set_back_an_hour_go_by_the_new_time(void **state) {
    (void)state;
    struct process process;
    struct certainty trial;
    begin_trial(&trial, &process);
    query(server.conninfo, "UPDATE span SET set_back = '1 hour'"); /* what was due just before it starts by the new time */
    step(&process, -H, 1);
    wait_until_it_goes_on(&process);
    step(&process, H - 5 * S, 2);
    query(server.conninfo, "UPDATE span SET ended = clock_timestamp()");
    for (int i = 0; i < CERTAINTY_TASKS; i++) {
        char condition[128];
        snprintf(condition, sizeof condition, "task = '%s' AND due > (SELECT ended FROM span)", certainty_tasks[i]);
        WAIT_UNTIL(&process, runs(condition) >= 2);
    }
    *database_host.offset_us = *daemon_host.offset_us; /* which says until when all must be there */
    certainty_stop(&trial, &process, 1);
    assert_timeouts_held(3);
}

/* Nothing waits ten years for a clock that was wrong for a moment. */
static void clocks_set_ten_years_forward_and_back_stop_nothing(void **state) {
    (void)state;
    struct process process;
    struct certainty trial;
    begin_trial(&trial, &process);
    for (int i = 0; i < 2; i++) {
        step(&process, i ? -10 * Y : 10 * Y, i + 1);
        wait_until_it_goes_on(&process);
    }
    kill_and_start(&process);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_one_run_answered(100000);
    assert_int_equal(runs("task = 'counter' AND outcome = 'ok'"), query_number(server.conninfo, "SELECT n FROM counter"));
    assert_int_equal(runs("outcome = 'running'"), 0);
    assert_timeouts_held(1);
}

/* What a daemon whose clock was an hour ahead has left says nothing of the time before: its tasks go on, and no row is made up. */
static void clocks_an_hour_ahead_for_one_life_stop_nothing(void **state) {
    (void)state;
    struct process process;
    *database_host.offset_us = 0;
    *daemon_host.offset_us = H;
    query(server.conninfo, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS headgate CASCADE");
    ini_write(&process, "[pool p]\nconninfo = %s\nhistory = on\n[task tick]\nevery = 2s\nsql = SELECT 1\n"
                        "[task hourly]\nevery = 1h\nphase = %lds\nsql = SELECT 1\n",
              server.conninfo, (long)(time(NULL) + 1800) % 3600); /* in half an hour, whenever this runs */
    host_enter(&daemon_host);
    daemon_start(&process);
    host_leave();
    WAIT_UNTIL(&process, history_is_on(&process) && runs("task = 'tick' AND outcome = 'ok'") >= 2);
    query(server.conninfo, "INSERT INTO headgate.run (service, task, due, due_until, started, finished, occurrences, outcome, daemon)"
                           " SELECT service, name, d, d, d, d, 1, 'ok', 'of an hour ahead' FROM headgate.task,"
                           " LATERAL (SELECT to_timestamp(3600 * ceil((extract(epoch FROM now()) - phase_us / 1e6) / 3600) + phase_us / 1e6) AS d) t"
                           " WHERE name = 'hourly'");
    daemon_kill(&process);
    *daemon_host.offset_us = 0;
    host_enter(&daemon_host);
    daemon_start(&process);
    host_leave();
    WAIT_UNTIL(&process, runs("task = 'tick' AND outcome = 'ok' AND due < now() + interval '10 min'") >= 3);
    assert_int_equal(runs("reason = 'no record of it was kept'"), 0);
    assert_true(daemon_log_count(&process, "event=record_ahead task=tick") >= 1);
    /* the hourly one waits for what is on record, and says so */
    WAIT_UNTIL(&process, strcmp(task_text(&process, "hourly", "state"), "waiting") == 0);
    assert_non_null(strstr(task_text(&process, "hourly", "note"), "is answered already"));
    assert_int_equal(daemon_log_count(&process, "event=kept_waiting task=hourly"), 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(runs("occurrences > 100"), 0);
}

/* Two daemons, one ten minutes ahead: it has all, and the dump of the other says why it has nothing. */
static void clocks_of_two_daemons_ten_minutes_apart_are_told(void **state) {
    (void)state;
    struct process ahead, right;
    *database_host.offset_us = 0;
    *daemon_host.offset_us = 600 * S;
    query(server.conninfo, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS headgate CASCADE");
#define TICK "[pool p]\nconninfo = %s\nhistory = on\n[task tick]\nevery = 1s\nphase = 0\nsql = SELECT 1\n"
    ini_write(&ahead, TICK, server.conninfo);
    ini_write(&right, TICK, server.conninfo);
    host_enter(&daemon_host);
    daemon_start(&ahead);
    host_leave();
    WAIT_UNTIL(&ahead, history_is_on(&ahead));
    /* as if it had been there for ten minutes */
    query(server.conninfo, "INSERT INTO headgate.run (service, task, due, due_until, started, occurrences, outcome, daemon)"
                           " SELECT 't', 'tick', d, d, d, 1, 'ok', 'ahead' FROM (SELECT min(due) AS first FROM headgate.run) r,"
                           " generate_series(date_trunc('second', now()) - interval '1 min', coalesce(first, now() + interval '10 min')"
                           " - interval '1 s', '1 s') d ON CONFLICT DO NOTHING");
    daemon_start(&right);
    WAIT_UNTIL(&right, strcmp(task_text(&right, "tick", "state"), "waiting") == 0);
    assert_non_null(strstr(task_text(&right, "tick", "note"), "is answered already"));
    assert_int_equal(daemon_log_count(&right, "event=kept_waiting task=tick"), 1);
    assert_int_equal(daemon_end(&right, SIGTERM), 0);
    assert_int_equal(daemon_end(&ahead, SIGTERM), 0);
}

/* --- the database's host --- */

static void clocks_of_the_database_an_hour_off_change_nothing(void **state) {
    (void)state;
    static const int64_t offsets_us[] = {H, -H, 0};
    struct process process;
    struct certainty trial;
    const char *output;
    begin_trial(&trial, &process);
    for (size_t i = 0; i < sizeof offsets_us / sizeof *offsets_us; i++) {
        bool apart = offsets_us[i] != 0;
        *database_host.offset_us = offsets_us[i];
        WAIT_UNTIL(&process, (shell(&output, "headgate status %s", process.ini) == 0) &&
                                 (strstr(output, "  clock       the database's is ") != NULL) == apart &&
                                 (!apart || strstr(output, i ? "behind ours" : "ahead of ours")));
        wait_until_it_goes_on(&process);
        kill_and_start(&process);
    }
    certainty_stop(&trial, &process, 1);
    assert_int_equal(daemon_log_count(&process, "event=clocks_differ"), 3);
    assert_int_equal(daemon_log_count(&process, "event=clocks_agree"), 1);
    assert_int_equal(daemon_log_count(&process, "event=clock_stepped"), 0);
    assert_timeouts_held(3);
}

/* --- a machine that sleeps, with all that is on it --- */

static void signal_all(const struct process *process, int signal) {
    kill(process->pid, signal);
    assert_int_equal(shell(NULL, "main=$(head -n 1 %s/data/postmaster.pid); kill -%d $main && for backend in $(pgrep -P $main); do"
                                 " kill -%d $backend 2>/dev/null || ! kill -0 $backend 2>/dev/null; done", server.directory, signal, signal), 0);
}

static void clocks_of_a_machine_that_slept_eight_hours(void **state) {
    (void)state;
    struct process process;
    struct certainty trial;
    begin_trial(&trial, &process);
    WAIT_UNTIL(&process, hanging() == 1);
    signal_all(&process, SIGSTOP);
    *daemon_host.offset_us += 8 * H;
    *database_host.offset_us += 8 * H;
    signal_all(&process, SIGCONT);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=clock_stepped") == 1);
    wait_until_it_goes_on(&process);
    certainty_stop(&trial, &process, 1);
    assert_one_run_answered(70000);
    assert_timeouts_held(2);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(clocks_set_forward_and_back_account_each_occurrence_once, tidy),
        cmocka_unit_test_teardown(clocks_set_back_an_hour_go_by_the_new_time, tidy),
        cmocka_unit_test_teardown(clocks_set_ten_years_forward_and_back_stop_nothing, tidy),
        cmocka_unit_test_teardown(clocks_an_hour_ahead_for_one_life_stop_nothing, tidy),
        cmocka_unit_test_teardown(clocks_of_two_daemons_ten_minutes_apart_are_told, tidy),
        cmocka_unit_test_teardown(clocks_of_the_database_an_hour_off_change_nothing, tidy),
        cmocka_unit_test_teardown(clocks_of_a_machine_that_slept_eight_hours, tidy),
    };
    if (argc > 1) /* only those of this name; * and ? stand for others */
        cmocka_set_test_filter(argv[1]);
    return run_all(tests, start, stop_all);
}
