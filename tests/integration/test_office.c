/*
 * The office with its intervals divided by ten, and what `headgate simulate` says of the same file: it goes by the durations
 * that the daemon has learned, and neither goes beyond the pool's size. What its model says outside is written once, though
 * it fails now and then. How near the forecast comes is for tests/bench.
 */
#include "one_server.h"
#include "sampler.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 8
#define MODEL_LEAST_US 200000 /* for one row */

/* `phase` goes: it says when within the interval, as it was. */
static const char faster[] =
    "awk 'function ms(t, u) { u = t; sub(/^[0-9]+/, \"\", u); t += 0;"
    " return (u == \"s\" ? t * 1000 : u == \"min\" ? t * 60000 : u == \"h\" ? t * 3600000 : t * 86400000) / 10 \"ms\" }"
    " /^phase *=/ { next } /^every *=/ { sub(/^every *= */, \"\"); n = split($0, b, /\\.\\./);"
    " print \"every = \" ms(b[1]) (n > 1 ? \"..\" ms(b[2]) : \"\"); next } { print }'";

static int start(void **state) {
    (void)state;
    const char *output, *root = getenv("HEADGATE_SOURCE_ROOT");
    server_start(&server, "max_connections=100");
    setenv("PGHOST", server.directory, 1);
    setenv("PGPORT", "5432", 1);
    if (shell(&output,
              "cd %s/etc/office && psql -Xqv ON_ERROR_STOP=1 -U postgres -d postgres -c 'CREATE ROLE office LOGIN IN ROLE pg_monitor'"
              " -c 'CREATE DATABASE office_db OWNER office' && psql -Xqv ON_ERROR_STOP=1 -v employees=200 -U office -d office_db"
              " -f schema.sql -f procedures.sql -f generate.sql",
              root) != 0)
        fail_msg("the office does not load: %s", output);
    setenv("PGUSER", "office", 1);
    setenv("PGDATABASE", "office_db", 1);
    return 0;
}

static json_int_t simulated(const json_t *all, const char *task, const char *key) {
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(all, "tasks"), i, one) {
        if (strcmp(json_string_value(json_object_get(one, "name")), task) == 0)
            return json_integer_value(json_object_get(one, key));
    }
    fail_msg("the forecast has no task %s", task);
    return 0;
}

static const char office[] = "dbname=office_db user=office";

/* Of every answer its sender has one notification, and of every meeting that ended the feed has one line. */
static void assert_written_once(void) {
    assert_int_equal(query_number(office, "SELECT count(reply) - (SELECT count(*) FROM office.notifications"
                                          " WHERE body LIKE '% answered your message') FROM office.messages"), 0);
    assert_int_equal(query_number(office, "SELECT count(minutes) - (SELECT count(*) FROM office.activity"
                                          " WHERE kind = 'meeting') FROM office.meetings"), 0);
}

/* Of tasks that are paused, so that nothing is learned between the two answers. */
static void assert_forecast_goes_by_what_was_learned(const struct process *process) {
    const char *output;
    assert_int_equal(shell(NULL, "headgate pause %s tick messages", process->ini), 0);
    WAIT_UNTIL(process, task_number(process, "tick", "running") + task_number(process, "messages", "running") == 0);
    assert_int_equal(shell(&output, "headgate simulate %s --for 30s --json", process->ini), 0);
    json_t *all = json_loads(output, 0, NULL), *pool = json_array_get(json_object_get(all, "pools"), 0);
    print_message("simulate says %ld sessions at peak (%s)\n", (long)json_integer_value(json_object_get(pool, "sessions_peak")),
                  json_string_value(json_object_get(all, "durations")));
    assert_in_range(json_integer_value(json_object_get(pool, "sessions_peak")), 1, SIZE);
    assert_int_equal(simulated(all, "tick", "took"), task_number(process, "tick", "expected"));
    assert_int_equal(simulated(all, "tick", "outside"), 0);
    assert_int_equal(simulated(all, "messages", "took_outside"), task_number(process, "messages", "expected_outside"));
    assert_true(simulated(all, "messages", "took_outside") >= MODEL_LEAST_US);
    assert_true(simulated(all, "messages", "outside") > 0);
    json_decref(all);
}

static void office_works_within_its_size_as_simulate_says(void **state) {
    (void)state;
    struct process process;
    const char *output;
    ini_write(&process, "%s", "");
    assert_int_equal(shell(&output, "cp -R \"$HEADGATE_SOURCE_ROOT/etc/office\" $(dirname %s)/office && %s \"$HEADGATE_SOURCE_ROOT/etc/office.ini\" > %s",
                           process.ini, faster, process.ini), 0);
    sampler_start(server.conninfo, COUNT_OURS);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "tick", "ok") >= 24);
    WAIT_UNTIL(&process, query_number(office, "SELECT count(reply) FROM office.messages") > 0);
    WAIT_UNTIL(&process, query_number(office, "SELECT count(key) FROM office.messages") > 0);
    WAIT_UNTIL(&process, query_number(office, "SELECT count(comment) FROM office.reviews") > 0);
    WAIT_UNTIL(&process, task_number(&process, "messages", "ok") > 0 && sampler_seen() > 0);
    assert_forecast_goes_by_what_was_learned(&process);
    assert_in_range(sampler_stop(), 1, SIZE);
    assert_in_range(pool_number(&process, "office", "peak"), 1, SIZE);
    fputs(dump_of(&process), stdout); /* a message of cmocka is cut at 1 KB */
    fflush(stdout);
    assert_int_equal(task_number(&process, "tick", "failed"), 0);
    assert_written_once();
    daemon_stop(&process);
}

/* Tasks by calendar, a chain and a window, on days of 23, 25 and 24 hours on the clocks of Berlin. */
static void office_day_is_simulated_over_a_change_of_the_clocks(void **state) {
    (void)state;
    struct process process;
    static const struct {
        const char *from;
        int in_the_window; /* from 01:00 to 04:00, each ten minutes */
    } days[] = {{"2027-03-28T00:00:00+01:00", 12}, {"2027-10-31T00:00:00+02:00", 24}, {"2027-06-01T00:00:00+02:00", 18}};
    ini_write(&process, "[headgate]\nzone = Europe/Berlin\n[pool p]\nconninfo = dbname=x\nsize = 4\n"
                        "[task nightly]\ncron = 30 2 * * *\nsql = SELECT 1\n[task hourly]\ncron = 0 * * * *\nsql = SELECT 1\n"
                        "[task digest]\nafter = nightly, hourly\nsql = SELECT 1\n"
                        "[task purge]\ncron = */10 * * * *\nwindow = 01:00-04:00\noutside = skip\nsql = SELECT 1\n");
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        const char *output;
        assert_int_equal(shell(&output, "headgate simulate %s --from %s --for 24h --json", process.ini, days[i].from), 0);
        json_t *all = json_loads(output, 0, NULL);
        assert_non_null(all);
        assert_int_equal(simulated(all, "nightly", "runs"), 1); /* skipped by the clocks, or shown twice */
        assert_int_equal(simulated(all, "hourly", "runs"), 24);
        assert_int_equal(simulated(all, "digest", "runs"), 1);
        assert_int_equal(simulated(all, "purge", "runs"), days[i].in_the_window);
        assert_int_equal(simulated(all, "purge", "skipped"), 144 - days[i].in_the_window);
        json_decref(all);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(office_day_is_simulated_over_a_change_of_the_clocks, tidy),
        cmocka_unit_test_teardown(office_works_within_its_size_as_simulate_says, tidy),
    };
    return run_all(tests, start, stop);
}
