/*
 * The office with its intervals divided by ten, for half a minute, and what `headgate simulate` says of the same file by
 * the durations that the daemon has learned: both see the same peak of sessions, within one. What its model says
 * outside is written once, though it fails now and then.
 */
#include "harness.h"
#include "sampler.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server server;
static struct sampler sampler; /* static: its thread outlives a test that fails */

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

static int stop(void **state) {
    (void)state;
    server_destroy(&server);
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
    assert_true(query_number(office, "SELECT count(reply) FROM office.messages") > 0);
    assert_true(query_number(office, "SELECT count(comment) FROM office.reviews") > 0);
    assert_true(query_number(office, "SELECT count(key) FROM office.messages") > 0);
    assert_int_equal(query_number(office, "SELECT count(reply) - (SELECT count(*) FROM office.notifications"
                                          " WHERE body LIKE '% answered your message') FROM office.messages"), 0);
    assert_int_equal(query_number(office, "SELECT count(minutes) - (SELECT count(*) FROM office.activity"
                                          " WHERE kind = 'meeting') FROM office.meetings"), 0);
}

static void office_peak_is_what_simulate_says(void **state) {
    (void)state;
    struct process process;
    const char *output;
    ini_write(&process, "%s", "");
    assert_int_equal(shell(&output, "cp -R \"$HEADGATE_SOURCE_ROOT/etc/office\" $(dirname %s)/office && %s \"$HEADGATE_SOURCE_ROOT/etc/office.ini\" > %s",
                           process.ini, faster, process.ini), 0);
    daemon_start(&process);
    sampler_start(&sampler, server.conninfo, COUNT_OURS);
    WAIT_UNTIL(&process, task_number(&process, "tick", "ok") >= 12); /* learned */
    sampler_most(&sampler);
    long ok = task_number(&process, "tick", "ok");
    WAIT_UNTIL(&process, task_number(&process, "tick", "ok") >= ok + 36); /* half a minute */
    long peak = sampler_stop(&sampler);
    assert_int_equal(shell(&output, "headgate simulate %s --for 30s --json", process.ini), 0);
    json_t *all = json_loads(output, 0, NULL), *pool = json_array_get(json_object_get(all, "pools"), 0);
    long forecast = (long)json_integer_value(json_object_get(pool, "sessions_peak"));
    print_message("peak: %ld sessions, simulate says %ld (%s)\n", peak, forecast, json_string_value(json_object_get(all, "durations")));
    assert_true(simulated(all, "messages", "outside") > 2 * simulated(all, "messages", "session"));
    assert_int_equal(simulated(all, "tick", "outside"), 0);
    json_decref(all);
    shell(&output, "headgate status %s", process.ini);
    fputs(output, stdout);
    fflush(stdout);
    assert_in_range(peak, forecast > 1 ? forecast - 1 : 1, forecast + 1);
    assert_int_equal(task_number(&process, "tick", "failed"), 0);
    assert_true(task_number(&process, "messages", "ok") > 0);
    assert_written_once();
    kill(process.pid, SIGINT);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(office_peak_is_what_simulate_says, tidy),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
