/*
 * Windows on a real server, under the daemon's own clock, which the test sets to just before an opening or a closing: what
 * falls due outside waits or is skipped, what a person triggers does not, and what is under way when the window closes.
 */
#include "one_server.h"
#include "host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S   INT64_C(1000000)
#define DAY (86400 * S)

/* From 22:00 to 22:02 in UTC, of any day. */
#define WINDOW "window = 22:00-22:02\n"
#define INSIDE "(started AT TIME ZONE 'UTC')::time BETWEEN '22:00' AND '22:02'"

static struct host host;

static int start(void **state) {
    (void)state;
    hosts_open();
    host_open(&host, "daemon");
    server_start(&server, "max_connections=40");
    return 0;
}

static int stop_all(void **state) {
    stop(state);
    hosts_close();
    return 0;
}

static int64_t machine_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * S + now.tv_nsec / 1000;
}

/* The daemon's clock, to a time of the day after the machine's. */
static void set_clock(int hour, int minute, int second) {
    int64_t now_us = machine_us(), midnight_us = (now_us / DAY + 1) * DAY;
    *host.offset_us = midnight_us + ((hour * 60 + minute) * 60 + second) * S - now_us;
}

/* "2027-03-28 00:59:56", in UTC. */
static void set_date(const char *date) {
    struct tm tm = {0};
    assert_non_null(strptime(date, "%Y-%m-%d %H:%M:%S", &tm));
    *host.offset_us = timegm(&tm) * S - machine_us();
}

/* At once for one that runs: what it does next it does by that clock. */
static void step_clock(const struct process *process, int hour, int minute, int second) {
    long before = daemon_log_count(process, "event=clock_stepped");
    set_clock(hour, minute, second);
    WAIT_UNTIL(process, daemon_log_count(process, "event=clock_stepped") > before);
}

static void start_daemon(struct process *process) {
    host_enter(&host);
    daemon_start(process);
    host_leave();
}

static void write_ini(struct process *process, const char *tasks) {
    query(conninfo, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS headgate CASCADE");
    ini_write(process, "[pool p]\nconninfo = %s\nsize = 2\nhistory = on\n%s", conninfo, tasks);
}

/* The time is set, too. */
static void begin(struct process *process, const char *tasks, int hour, int minute, int second) {
    write_ini(process, tasks);
    set_clock(hour, minute, second);
    start_daemon(process);
    WAIT_UNTIL(process, history_is_on(process));
}

static long runs(const char *condition) {
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM headgate.history WHERE %s", condition);
    return query_number(conninfo, sql);
}

/* How many occurrences the run answers that waits for the window; 0: none does. */
static long held(const struct process *process) {
    const char *dump = dump_of(process), *closed = strstr(dump, "window closed until ");
    const char *answers = closed ? strstr(closed, "answers ") : NULL;
    return answers ? strtol(answers + strlen("answers "), NULL, 10) : 0;
}

/* The window opens by itself some seconds after the start: nothing begins before that, and all that was due is answered. */
static void what_falls_due_outside_waits_for_the_opening(void **state) {
    struct process process;
    (void)state;
    begin(&process, "[task t]\nevery = 1s\nsql = SELECT 1\n" WINDOW, 21, 59, 54);
    WAIT_UNTIL(&process, dump_has(&process, " 22:00 +0000 (UTC)"));
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 3);
    step_clock(&process, 22, 1, 57);
    WAIT_UNTIL(&process, held(&process) > 1); /* it has closed */
    long ok = task_number(&process, "t", "ok"), more = held(&process) + 2;
    WAIT_UNTIL(&process, held(&process) > more);
    assert_int_equal(task_number(&process, "t", "ok"), ok);
    daemon_stop(&process);
    assert_int_equal(runs("started IS NOT NULL AND NOT " INSIDE), 0);
    assert_true(runs("outcome = 'ok' AND occurrences > 1") >= 1); /* the first one inside answers what waited */
}

static void trigger_begins_at_any_time(void **state) {
    struct process process;
    const char *answer;
    (void)state;
    begin(&process, "[task t]\nevery = 1s\nsql = SELECT 1\n" WINDOW, 12, 0, 0);
    WAIT_UNTIL(&process, held(&process) > 1);
    assert_int_equal(shell(&answer, "headgate trigger %s t", process.ini), 0);
    assert_non_null(strstr(answer, "its window is closed until "));
    assert_non_null(strstr(answer, " 22:00 +0000 (UTC), which does not keep what is triggered"));
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") == 1);
    WAIT_UNTIL(&process, held(&process) > 1); /* the next ones wait again */
    assert_int_equal(task_number(&process, "t", "ok"), 1);
    daemon_stop(&process);
    assert_int_equal(runs("outcome = 'ok' AND occurrences >= 2"), 1);
}

static void what_falls_due_outside_is_skipped_in_one_row(void **state) {
    struct process process;
    (void)state;
    begin(&process, "[task t]\nevery = 500ms\nsql = SELECT 1\noutside = skip\n" WINDOW, 12, 0, 0);
    WAIT_UNTIL(&process, task_number(&process, "t", "skipped") >= 5);
    assert_int_equal(task_number(&process, "t", "ok"), 0);
    assert_true(dump_has(&process, "window closed until "));
    step_clock(&process, 22, 0, 1);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 2);
    daemon_stop(&process);
    assert_int_equal(runs("reason = 'its window is closed (outside = skip)' AND occurrences >= 5"), 1);
    assert_int_equal(runs("reason = 'its window is closed (outside = skip)'"), 1);
    assert_int_equal(runs("started IS NOT NULL AND NOT " INSIDE), 0);
}

/* Both take ten minutes. */
static void run_under_way_is_cancelled_or_finishes(void **state) {
    struct process process;
    (void)state;
    PGconn *holder = PQconnectdb(conninfo);
    PQclear(PQexec(holder, "SELECT pg_advisory_lock(1)"));
    begin(&process,
          "[task cancelled]\nevery = 1s\nsql = SELECT pg_sleep(600)\nhold_after = 1\nwindow_end = cancel\n" WINDOW
          "[task finishes]\nevery = 1s\nsql = SELECT pg_advisory_lock(1)\n" WINDOW,
          22, 0, 10);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 1);
    WAIT_UNTIL(&process, task_number(&process, "finishes", "running") == 1);
    step_clock(&process, 22, 2, 0);
    WAIT_UNTIL(&process, task_number(&process, "cancelled", "failed") == 1);
    assert_true(daemon_log_count(&process, "reason=\"its window has closed\"") >= 1);
    assert_int_equal(daemon_log_count(&process, "event=on_hold"), 0);
    assert_int_equal(task_number(&process, "finishes", "running"), 1);
    depart(holder);
    WAIT_UNTIL(&process, task_number(&process, "finishes", "ok") >= 1);
    daemon_stop(&process);
    assert_int_equal(runs("task = 'cancelled' AND reason = 'cancelled: its window has closed'"), 1);
    assert_int_equal(runs("started IS NOT NULL AND NOT " INSIDE), 0);
}

/* A daemon that is killed while a run waits for its window: the next one has that wait, and each occurrence is answered. */
static void restart_waits_as_before(void **state) {
    struct process process;
    (void)state;
    begin(&process, "[task t]\nevery = 1s\nphase = 0s\nsql = SELECT 1\n" WINDOW, 22, 0, 10);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 1);
    step_clock(&process, 22, 2, 0);
    WAIT_UNTIL(&process, held(&process) > 1);
    daemon_kill(&process);
    start_daemon(&process);
    WAIT_UNTIL(&process, dump_has(&process, "window closed until "));
    long ok = task_number(&process, "t", "ok");
    *host.offset_us += DAY - 60 * S; /* within the window of the next day */
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") > ok);
    daemon_stop(&process);
    assert_int_equal(runs("started IS NOT NULL AND NOT " INSIDE), 0);
    assert_int_equal(runs("outcome IN ('missed', 'lost')"), 0);
    assert_true(runs("outcome = 'ok' AND occurrences >= 80000") == 1); /* of the day */
}

static void reload_judges_what_waits_anew(void **state) {
    struct process process;
    (void)state;
    begin(&process, "[task t]\nevery = 1s\nsql = SELECT 1\n" WINDOW, 12, 0, 0);
    WAIT_UNTIL(&process, held(&process) > 1);
    ini_rewrite(&process, "[pool p]\nconninfo = %s\nhistory = on\n[task t]\nevery = 1s\nsql = SELECT 1\nwindow = 11:00-13:00\n",
                conninfo);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 2);
    ini_rewrite(&process, "[pool p]\nconninfo = %s\nhistory = on\n[task t]\nevery = 1s\nsql = SELECT 1\nexcept = 01-01..12-30\n",
                conninfo);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, dump_has(&process, "window closed until "));
    WAIT_UNTIL(&process, dump_has(&process, "-12-31 00:00 +0000 (UTC)") || dump_has(&process, "00:00 +0000 (UTC)"));
    daemon_stop(&process);
}

#define BERLIN "[task t]\nevery = 1s\nsql = SELECT 1\nzone = Europe/Berlin\n"

/* In the night of 2027-03-28 the clocks of Berlin go from 02:00 to 03:00, and what begins between opens with that. */
static void window_in_the_hour_that_is_left_out_opens_with_its_end(void **state) {
    struct process process;
    (void)state;
    write_ini(&process, BERLIN "window = sun 02:30-05:00\n");
    set_date("2027-03-28 00:59:54");
    start_daemon(&process);
    WAIT_UNTIL(&process, dump_has(&process, "window closed until Sun 03:00 +0200 (Europe/Berlin)"));
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 2);
    daemon_stop(&process);
    assert_int_equal(runs("started < '2027-03-28 01:00Z'"), 0);
}

/* In that of 2027-10-31 they show the hour from 02:00 to 03:00 twice, and the window is open twice. */
static void window_in_the_hour_that_comes_twice_is_open_twice(void **state) {
    struct process process;
    (void)state;
    write_ini(&process, BERLIN "window = sun 01:30-02:30\n");
    set_date("2027-10-31 00:29:55");
    start_daemon(&process);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 1);
    WAIT_UNTIL(&process, dump_has(&process, "window closed until Sun 02:00 +0100 (Europe/Berlin)"));
    WAIT_UNTIL(&process, held(&process) > 1);
    long ok = task_number(&process, "t", "ok");
    set_date("2027-10-31 00:59:56");
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") > ok + 1);
    daemon_stop(&process);
    assert_true(runs("started >= '2027-10-31 01:00Z'") >= 2);
    assert_int_equal(runs("started >= '2027-10-31 00:30Z' AND started < '2027-10-31 01:00Z'"), 0);
}

/* Two daemons of one name wait for the same opening: what was due outside is one run of one of them. */
static void two_daemons_answer_what_waited_once(void **state) {
    struct process processes[2];
    (void)state;
    query(conninfo, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS headgate CASCADE; DROP TABLE IF EXISTS done;"
                    "CREATE TABLE done (at timestamptz)");
    set_clock(21, 59, 50);
    for (int i = 0; i < 2; i++) {
        ini_write(&processes[i], "[headgate]\nname = both\n[pool p]\nconninfo = %s\nhistory = on\n[task t]\nevery = 1s\n"
                                 "phase = 0\nsql = INSERT INTO done SELECT now()\n" WINDOW
                                 "[task skips]\nevery = 300ms\nphase = 0\nsql = SELECT 1\noutside = skip\n" WINDOW,
                  conninfo);
        start_daemon(&processes[i]);
        WAIT_UNTIL(&processes[i], history_is_on(&processes[i]));
    }
    WAIT_UNTIL(&processes[0], task_number(&processes[0], "t", "ok") + task_number(&processes[1], "t", "ok") >= 4);
    WAIT_UNTIL(&processes[0], task_number(&processes[0], "skips", "ok") + task_number(&processes[1], "skips", "ok") >= 4);
    for (int i = 0; i < 2; i++)
        daemon_stop(&processes[i]);
    assert_int_equal(runs("started IS NOT NULL AND NOT " INSIDE), 0);
    assert_int_equal(runs("task = 't' AND outcome = 'ok'"), query_number(conninfo, "SELECT count(*) FROM done"));
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM headgate.history a JOIN headgate.history b USING (service, task)"
                                            " WHERE a.due < b.due AND b.due <= a.due_until"),
                     0);
    assert_true(runs("task = 't' AND occurrences >= 5") == 1);
    assert_true(query_number(conninfo, "SELECT sum(occurrences) - (extract(epoch FROM max(due_until) - min(due)) / 0.3 + 1)"
                                       " FROM headgate.history WHERE task = 'skips'") == 0);
}

static void check_prints_what_the_window_means(void **state) {
    struct process process;
    const char *output;
    (void)state;
    ini_write(&process, "[pool p]\nconninfo = %s\n[task t]\nevery = 1h\nsql = SELECT 1\n"
                        "window = fri 22:00-06:00, sat\nexcept = 12-24..12-26\n",
              conninfo);
    assert_int_equal(shell(&output, "headgate check %s", process.ini), 0);
    assert_non_null(strstr(output, "task t: begins only fri 22:00-06:00, sat all day, not on 12-24..12-26: op"));
    ini_rewrite(&process, "[pool p]\nconninfo = %s\n[task t]\nevery = 1h\nsql = SELECT 1\nwindow = fri\nexcept = 01-01..12-31\n",
                conninfo);
    assert_int_equal(shell(&output, "headgate check %s", process.ini), 1);
    assert_non_null(strstr(output, ":7: [task t] has a window that is never open"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_falls_due_outside_waits_for_the_opening, tidy),
        cmocka_unit_test_teardown(trigger_begins_at_any_time, tidy),
        cmocka_unit_test_teardown(what_falls_due_outside_is_skipped_in_one_row, tidy),
        cmocka_unit_test_teardown(run_under_way_is_cancelled_or_finishes, tidy),
        cmocka_unit_test_teardown(restart_waits_as_before, tidy),
        cmocka_unit_test_teardown(reload_judges_what_waits_anew, tidy),
        cmocka_unit_test_teardown(window_in_the_hour_that_is_left_out_opens_with_its_end, tidy),
        cmocka_unit_test_teardown(window_in_the_hour_that_comes_twice_is_open_twice, tidy),
        cmocka_unit_test_teardown(two_daemons_answer_what_waited_once, tidy),
        cmocka_unit_test_teardown(check_prints_what_the_window_means, tidy),
    };
    return run_all(tests, start, stop_all);
}
