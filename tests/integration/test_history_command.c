/*
 * `headgate history` and what `check --connect` says of the history: as an operator meets them, with and
 * without rights.
 */
#include "one_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct process file;

#define TWO_TASKS "[task tick]\nevery = 1s\nsql = SELECT 1\n[task mail]\nevery = 1min\nsql = SELECT 1\n"
#define PLAIN     "[pool p]\nconninfo = %s user=plain\nhistory = on\n" TWO_TASKS

static int set_up(void **state) {
    (void)state;
    server_start(&server, "max_connections=30");
    query(server.conninfo, "CREATE ROLE plain LOGIN");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    server_destroy(&server);
    return 0;
}

static void make_schema(void) {
    const char *output;
    query(server.conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS headgate CASCADE");
    if (shell(&output, "cat %s/etc/history/*.sql | psql '%s' -q --single-transaction -v ON_ERROR_STOP=1 -f -",
              getenv("HEADGATE_SOURCE_ROOT"), server.conninfo))
        fail_msg("%s", output);
}

/* Runs it and holds its output against a piece that must be there (or, with a ! in front, must not). */
static void history_tells(int code, const char *arguments, const char *piece) {
    const char *output;
    int got = shell(&output, "headgate history %s %s", file.ini, arguments);
    bool there = strstr(output, *piece == '!' ? piece + 1 : piece) != NULL;
    if (got != code || there == (*piece == '!'))
        fail_msg("history %s: exit %d, wanted %d and: %s\n%s", arguments, got, code, piece, output);
}

static void check_tells(int code, const char *piece) {
    const char *output;
    int got = shell(&output, "headgate check %s --connect", file.ini);
    if (got != code || !strstr(output, piece))
        fail_msg("check: exit %d, wanted %d and: %s\n%s", got, code, piece, output);
}

static void some_rows(void) {
    make_schema();
    query(server.conninfo,
          "INSERT INTO headgate.run (service, task, due, due_until, started, finished, lateness_us, rows, outside_us, "
          "occurrences,"
          " attempts, outcome, daemon, reason, message) VALUES"
          " ('t', 'tick', now() - interval '3 hours', now() - interval '3 hours', now() - interval '3 hours', "
          "now() - interval '3 hours', 1500, 7, NULL, 1, 1, 'ok', 'd', NULL, NULL),"
          " ('t', 'tick', now() - interval '2 hours', now() - interval '1 hour', NULL, NULL, NULL, NULL, NULL, "
          "3601, NULL, 'missed', 'd', 'no daemon ran', NULL),"
          " ('t', 'mail', now() - interval '2 days', now() - interval '2 days', now(), now(), 5, 0, 1500000, 1, "
          "3, 'failed', 'd', '22012', E'division\\nby \\x1b[31m z\u00e9ro'),"
          " ('t', 'gone', now() - interval '1 minute', now() - interval '1 minute', now(), NULL, 5, NULL, NULL, "
          "0, 1, 'running', 'd', NULL, NULL)");
}

static void history_is_read_by_people(void **state) {
    (void)state;
    const char *output;
    some_rows();
    ini_write(&file, "[pool p]\nconninfo = %s\nhistory = on\n" TWO_TASKS, server.conninfo);
    history_tells(0, "", "pool p\ndue                  task  outcome    late    took    rows  note\n");
    history_tells(
        0, "",
        "mail  failed    0.0ms   0.0ms       0  22012: division by  [31m z\u00e9ro, attempt 3, outside "
        "for 1.5s\n");
    history_tells(0, "", "tick  missed                           no daemon ran, 3601 occurrences, up to 20");
    history_tells(0, "", "gone  running   0.0ms                  triggered by hand\n");
    assert_int_equal(shell(&output, "headgate history %s | tail -n 1 | grep -q gone", file.ini), 0);
    history_tells(0, "tick", "!mail");
    history_tells(0, "gone", "gone  running");
    history_tells(0, "--since 150min", "! ok ");
    history_tells(0, "--since 150min", "missed");
    history_tells(0, "--failed", "missed");
    history_tells(0, "--failed", "! ok ");
    history_tells(0, "mail --since 1h", "pool p: nothing on record of mail in the last 1h\n");
    history_tells(0, "mail --since 1h --failed", "pool p: nothing failed of mail in the last 1h\n");
    history_tells(1, "tik", "has no [task tik], and nothing of it is on record; did you mean 'tick'?");
}

static void history_is_cut_to_the_newest(void **state) {
    (void)state;
    some_rows();
    query(server.conninfo, "INSERT INTO headgate.run (service, task, due, due_until, occurrences, outcome, daemon)"
                           " SELECT 't', 'tick', d, d, 1, 'ok', 'd' FROM generate_series(1, 200) i, LATERAL "
                           "(SELECT now() - i * interval '1 s' AS d) s");
    ini_write(&file, "[pool p]\nconninfo = %s\nhistory = on\n" TWO_TASKS, server.conninfo);
    history_tells(0, "", "pool p: the newest 100; --since 1d shows all of a day\n");
    history_tells(0, "--since 1d", "missed");
    history_tells(0, "--since 1d", "!newest");
}

static void history_is_json_for_programs(void **state) {
    (void)state;
    const char *output;
    some_rows();
    ini_write(&file,
              "[pool p]\nconninfo = %s\nhistory = on\n[pool q]\nconninfo = %s\n[task tick]\nevery = 1s\npool "
              "= p\nsql = x\n",
              server.conninfo, server.conninfo);
    assert_int_equal(shell(&output, "headgate history %s --json", file.ini), 0);
    json_t *all = json_loads(output, 0, NULL), *pools = json_object_get(all, "pools");
    assert_int_equal(json_array_size(pools), 2);
    assert_false(json_is_true(json_object_get(json_array_get(pools, 1), "history")));
    json_t *rows = json_object_get(json_array_get(pools, 0), "rows"), *mail = json_array_get(rows, 0);
    assert_int_equal(json_array_size(rows), 4);
    assert_string_equal(json_string_value(json_object_get(mail, "message")),
                        "division\nby \x1b[31m z\u00e9ro");
    assert_int_equal(json_integer_value(json_object_get(mail, "outside_us")), 1500000);
    assert_true(json_integer_value(json_object_get(mail, "due_us")) > 1700000000000000);
    assert_true(json_is_null(json_object_get(json_array_get(rows, 1), "reason")));
    json_decref(all);
}

static void history_off_is_said(void **state) {
    (void)state;
    ini_write(&file, "[pool p]\nconninfo = %s\n" TWO_TASKS, server.conninfo);
    history_tells(1, "", "pool p: no history is kept; write history = on into [pool p]\n");
    history_tells(1, "--json", "\"history\": false");
}

static void history_that_is_missing_is_said(void **state) {
    (void)state;
    query(server.conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS headgate CASCADE");
    ini_write(&file, PLAIN, server.conninfo);
    history_tells(1, "",
                  "pool p: there is no history in database postgres yet: the daemon makes it when it starts");
    ini_rewrite(&file, "[pool p]\nconninfo = %s dbname=nowhere\nhistory = on\n" TWO_TASKS, server.conninfo);
    history_tells(1, "--json", "does not exist");
}

static void history_without_rights_says_the_grants(void **state) {
    (void)state;
    some_rows();
    ini_write(&file, PLAIN, server.conninfo);
    history_tells(
        1, "",
        "plain may not read the history; type as its owner: GRANT USAGE ON SCHEMA headgate TO plain; "
        "GRANT SELECT ON headgate.history TO plain;");
    query(server.conninfo,
          "GRANT USAGE ON SCHEMA headgate TO plain; GRANT SELECT ON headgate.history TO plain;");
    history_tells(0, "", "missed");
}

static void history_of_a_wrong_word_is_usage(void **state) {
    (void)state;
    ini_write(&file, "[pool p]\nconninfo = %s\n" TWO_TASKS, server.conninfo);
    history_tells(2, "a b", "one FILE and one TASK are enough");
    history_tells(2, "--since yesterday", "write --since 1d, say");
    history_tells(2, "--since 0", "out of bounds");
    history_tells(2, "--sinse 1d", "there is no option --sinse");
    history_tells(0, "--help", "usage: headgate history FILE [TASK]");
}

/* --- check --connect --- */

/* Types what it says, until it says no more. */
static void type_what_check_says(void) {
    const char *output;
    assert_int_equal(shell(&output, "headgate check %s --connect | sed -n 's/.* its owner: //p'", file.ini),
                     0);
    char *grants = strdup(output);
    query(server.conninfo, grants);
    free(grants);
}

static void check_says_what_a_role_lacks(void **state) {
    (void)state;
    query(server.conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS headgate CASCADE");
    ini_write(&file, PLAIN, server.conninfo);
    check_tells(1, "can't be kept: plain may not make the schema headgate; type as a superuser or its "
                   "owner: GRANT CREATE ON DATABASE postgres TO plain;\n");
    type_what_check_says();
    check_tells(0, "is made at the first start, in the schema headgate of postgres\n");
    query(server.conninfo, "REVOKE CREATE ON DATABASE postgres FROM plain; CREATE SCHEMA headgate");
    check_tells(1, "GRANT USAGE, CREATE ON SCHEMA headgate TO plain;\n");
    type_what_check_says();
    check_tells(0, "is made at the first start");
}

static void check_says_the_grants_that_do(void **state) {
    (void)state;
    some_rows();
    ini_write(&file, PLAIN, server.conninfo);
    check_tells(1, "can't be kept: plain may not write it; type as a superuser or its owner: GRANT USAGE ON "
                   "SCHEMA headgate TO plain; GRANT ");
    type_what_check_says();
    check_tells(0, "history      step 2 of 2, about ");
    /* and they are enough for all that the daemon calls */
    char plain[600];
    snprintf(plain, sizeof plain, "%s user=plain", server.conninfo);
    query(plain, "SELECT headgate.start('s', 't', now(), now(), 1000, 1, now(), 0, 1, 1, 'running', 'd')");
    query(plain, "SELECT headgate.start('s', 't', now() - interval '1 s', now() + interval '1 s', 1000, 2001, "
                 "now(), 0, 1, 1, 'ok', 'd')");
    query(plain,
          "SELECT * FROM headgate.restore('s', 'd', '[{\"task\": \"t\", \"every_us\": 1000, \"phase_us\": 0}]')");
    query(plain, "SELECT headgate.prune('1 s', 1, 100)");
    query(plain, "SELECT headgate.record('[{\"service\": \"s\", \"task\": \"t\", \"due\": \"2026-01-01T00:00Z\", \"due_until\": "
                 "\"2026-01-01T00:00:01Z\", \"every_us\": 1000,"
                 " \"occurrences\": 1001, \"outcome\": \"missed\", \"daemon\": \"d\"}]')");
}

static void check_without_history_says_nothing_of_it(void **state) {
    (void)state;
    const char *output;
    ini_write(&file, "[pool p]\nconninfo = %s user=plain\n" TWO_TASKS, server.conninfo);
    assert_int_equal(shell(&output, "headgate check %s --connect", file.ini), 0);
    assert_null(strstr(output, "istory"));
}

static int clean(void **state) {
    query(server.conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS headgate CASCADE; REVOKE "
                           "CREATE ON DATABASE postgres FROM plain");
    return tidy(state);
}

#define UNIT(name) cmocka_unit_test_teardown(name, clean)

int main(void) {
    const struct CMUnitTest tests[] = {
        UNIT(history_is_read_by_people),        UNIT(history_is_cut_to_the_newest),
        UNIT(history_is_json_for_programs),     UNIT(history_off_is_said),
        UNIT(history_that_is_missing_is_said),  UNIT(history_without_rights_says_the_grants),
        UNIT(history_of_a_wrong_word_is_usage), UNIT(check_says_what_a_role_lacks),
        UNIT(check_says_the_grants_that_do),    UNIT(check_without_history_says_nothing_of_it),
    };
    return run_all(tests, set_up, tear_down);
}
