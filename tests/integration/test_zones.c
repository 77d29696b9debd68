/*
 * Tasks that are due by calendar, on a real server, under the daemon's own clock, which the test sets to just before the
 * clocks of Berlin are set, or to a week later.
 */
#include "host.h"
#include "one_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S INT64_C(1000000)

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

/* To an instant of UTC, "2027-03-28 00:59:57". */
static void set_clock(const char *utc) {
    struct tm tm = {0};
    struct timespec now;
    assert_non_null(strptime(utc, "%Y-%m-%d %H:%M:%S", &tm));
    clock_gettime(CLOCK_REALTIME, &now);
    *host.offset_us = timegm(&tm) * S - (now.tv_sec * S + now.tv_nsec / 1000);
}

static void start_daemon(struct process *process) {
    host_enter(&host);
    daemon_start(process);
    host_leave();
    WAIT_UNTIL(process, history_is_on(process));
}

static void begin(struct process *process, const char *utc, const char *tasks) {
    query(conninfo, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS headgate CASCADE");
    ini_write(process, "[headgate]\nzone = Europe/Berlin\n[pool p]\nconninfo = %s\nsize = 2\nhistory = on\nhistory_keep = 3653d\n%s",
              conninfo, tasks); /* the server's clock stands elsewhere */
    set_clock(utc);
    start_daemon(process);
}

static long runs(const char *condition) {
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM headgate.history WHERE %s", condition);
    return query_number(conninfo, sql);
}

#define HOURLY "[task hourly]\ncron = @hourly\nsql = SELECT 1\n[task steady]\ncron = * * * * * *\nsql = SELECT 1\n"

/* From 02:00 to 03:00 at 01:00 UTC: what stands at 02:15 and 02:30 is due then, once. */
static void what_the_gap_skips_runs_at_once_after_it(void **state) {
    struct process process;
    (void)state;
    begin(&process, "2027-03-28 00:59:56", "[task fixed]\ncron = 15,30 2 * * *\nsql = SELECT 1\n" HOURLY);
    WAIT_UNTIL(&process, task_number(&process, "fixed", "ok") == 1 && task_number(&process, "hourly", "ok") == 1);
    WAIT_UNTIL(&process, task_number(&process, "steady", "ok") > 6);
    assert_int_equal(task_number(&process, "fixed", "ok"), 1);
    daemon_stop(&process);
    assert_int_equal(runs("task = 'fixed' AND due = '2027-03-28 01:00:00+00' AND occurrences = 1"), 1);
    assert_int_equal(runs("task = 'hourly' AND due = '2027-03-28 01:00:00+00' AND occurrences = 1"), 1);
    assert_int_equal(runs("task IN ('fixed', 'hourly')"), 2);
}

/* From 03:00 back to 02:00 at 01:00 UTC: 02:00 comes at 00:00 UTC and again. */
static void what_comes_twice_runs_once(void **state) {
    struct process process;
    (void)state;
    begin(&process, "2026-10-24 23:59:56", "[task fixed]\ncron = 0 2 * * *\nsql = SELECT 1\n" HOURLY);
    WAIT_UNTIL(&process, task_number(&process, "fixed", "ok") == 1 && task_number(&process, "hourly", "ok") == 1);
    set_clock("2026-10-25 00:59:57");
    WAIT_UNTIL(&process, task_number(&process, "hourly", "ok") == 2);
    long steady = task_number(&process, "steady", "ok");
    WAIT_UNTIL(&process, task_number(&process, "steady", "ok") > steady + 1);
    assert_int_equal(task_number(&process, "fixed", "ok"), 1);
    daemon_stop(&process);
    assert_int_equal(runs("task = 'fixed' AND due = '2026-10-25 00:00:00+00'"), 1);
    assert_int_equal(runs("task = 'hourly' AND due IN ('2026-10-25 00:00:00+00', '2026-10-25 01:00:00+00')"), 2);
    assert_int_equal(runs("task IN ('fixed', 'hourly')"), 3);
}

/* Six mornings at 06:00, of which two were an hour of UTC before the others. */
static void week_off_is_one_run(void **state) {
    struct process process;
    (void)state;
    begin(&process, "2026-10-22 03:59:57", "[task t]\ncron = 0 6 * * *\nsql = SELECT 1\n");
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") == 1);
    daemon_stop(&process);
    set_clock("2026-10-29 04:30:00");
    start_daemon(&process);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") == 1);
    daemon_kill(&process);
    start_daemon(&process);
    daemon_stop(&process);
    assert_int_equal(runs("outcome = 'ok' AND occurrences = 6 AND due = '2026-10-23 04:00:00+00' "
                          "AND due_until = '2026-10-28 05:00:00+00'"),
                     1);
    assert_int_equal(runs("outcome = 'ok' AND occurrences = 1 AND due = '2026-10-22 04:00:00+00'"), 1);
    assert_int_equal(runs("true"), 2);
}

/* The zone's file is replaced by that of clocks an hour ahead. */
static void reload_takes_a_new_tzdata(void **state) {
    struct process process;
    const char *output;
    char folder[128];
    (void)state;
    make_directory(folder, sizeof folder);
    assert_int_equal(shell(&output, "mkdir %s/Own && cp /usr/share/zoneinfo/Etc/GMT-1 %s/Own/Zone", folder, folder), 0);
    setenv("TZDIR", folder, 1);
    ini_write(&process, "[pool p]\nconninfo = %s\n[task t]\ncron = 0 0 1 1 *\nzone = Own/Zone\nsql = SELECT 1\n", conninfo);
    daemon_start(&process);
    long due_us = task_number(&process, "t", "due");
    assert_int_equal(due_us / S % 86400, 23 * 3600);
    assert_int_equal(shell(&output, "cp /usr/share/zoneinfo/Etc/GMT-2 %s/Own/Zone", folder), 0);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, task_number(&process, "t", "due") == due_us - 3600 * S);
    assert_int_equal(shell(&output, "echo nonsense >%s/Own/Zone", folder), 0); /* a fault: what runs stays */
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "/Own/Zone is no time zone (TZif)") == 1);
    assert_int_equal(shell(&output, "rm %s/Own/Zone", folder), 0);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "there is no file") == 1);
    assert_int_equal(task_number(&process, "t", "due"), due_us - 3600 * S);
    daemon_stop(&process);
    unsetenv("TZDIR");
    assert_int_equal(shell(&output, "rm -r %s", folder), 0);
}

static void check_says_what_it_means_and_when_it_is_next(void **state) {
    struct process process;
    const char *output;
    (void)state;
    ini_write(&process,
              "[headgate]\nzone = Europe/Berlin\n[pool p]\nconninfo = %s\n"
              "[task import]\ncron = 30 6 * * mon-fri\nsql = SELECT 1\n"
              "[task leap]\ncron = 0 12 29 2 *\nzone = America/Santiago\nspread = 10min\nsql = SELECT 1\n",
              conninfo);
    set_clock("2026-12-04 12:00:00");
    host_enter(&host);
    int code = shell(&output, "headgate check %s", process.ini);
    host_leave();
    assert_int_equal(code, 0);
    assert_non_null(strstr(output, "\ntask import: 06:30 on weekdays, Europe/Berlin: next Mon 2026-12-07 06:30 +0100, "
                                   "Tue 2026-12-08 06:30 +0100, Wed 2026-12-09 06:30 +0100\n"));
    assert_non_null(strstr(output, "\ntask leap: 12:00 on the 29th of February, put off by "));
    assert_non_null(strstr(output, ", America/Santiago: next Tue 2028-02-29 12:0"));
    ini_rewrite(&process, "[pool p]\nconninfo = %s\n[task t]\ncron = 30 2 30 2 *\nzone = Europe/Berlni\nsql = SELECT 1\n", conninfo);
    assert_int_equal(shell(&output, "headgate check %s", process.ini), 1);
    assert_non_null(strstr(output, ":4: cron = '30 2 30 2 *': it never comes true"));
    assert_non_null(strstr(output, ":5: zone = 'Europe/Berlni': there is no file "));
}

/* 96 hours from the midnight of 26 March 2027; on the 28th the clocks go from 02:00 to 03:00. */
static void simulate_goes_over_a_change_of_the_clocks(void **state) {
    struct process process;
    const char *output;
    (void)state;
    ini_write(&process, "[headgate]\nzone = Europe/Berlin\n[pool p]\nsize = 2\n"
                        "[task fixed]\ncron = 30 2 * * *\nsql = SELECT 1\n"
                        "[task hourly]\ncron = 0 * * * *\nsql = SELECT 1\n"
                        "[task steady]\ncron = */30 2 * * *\nsql = SELECT 1\n"
                        "[task behind]\nafter = fixed\nsql = SELECT 1\n");
    assert_int_equal(shell(&output, "headgate simulate %s --for 96h --from 2027-03-26", process.ini), 0);
    assert_non_null(strstr(output, "\nbegins       Fri 2027-03-26 00:00 +0100\n"));
    assert_int_equal(shell(&output, "headgate simulate %s --for 96h --from 2027-03-26 | awk '/^(fixed|hourly|steady|behind)/ {print $1, $2}'",
                           process.ini), 0);
    assert_string_equal(output, "fixed 4/4\nhourly 96/96\nsteady 6/6\nbehind 4/4\n");
    assert_int_equal(shell(&output, "headgate simulate %s --from 2027-13-26", process.ini), 2);
    assert_non_null(strstr(output, "--from '2027-13-26' "));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_the_gap_skips_runs_at_once_after_it, tidy),
        cmocka_unit_test_teardown(what_comes_twice_runs_once, tidy),
        cmocka_unit_test_teardown(week_off_is_one_run, tidy),
        cmocka_unit_test_teardown(reload_takes_a_new_tzdata, tidy),
        cmocka_unit_test_teardown(simulate_goes_over_a_change_of_the_clocks, tidy),
        cmocka_unit_test_teardown(check_says_what_it_means_and_when_it_is_next, tidy),
    };
    return run_all(tests, start, stop_all);
}
