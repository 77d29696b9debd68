/*
 * The SQL of the history (etc/history) against a real server: each function and each of its branches, and two
 * daemons that meet.
 */
#include "one_server.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/history_steps.h"

static PGconn *a, *b; /* two daemons' sessions */

/* --- asking --- */

static PGconn *connect_as(const char *role) {
    char as_role[600];
    snprintf(as_role, sizeof as_role, "%s %s%s", server.conninfo, role ? "user=" : "", role ? role : "");
    PGconn *conn = PQconnectdb(as_role);
    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    PQclear(PQexec(conn, "SET TimeZone = 'UTC'; SET client_min_messages = error"));
    return conn;
}

/* Every value of the answer, columns joined by blanks, rows by commas; or the SQLSTATE. Static buffer. */
static const char *take(PGresult *result) {
    static char answer[8192];
    size_t used = 0;
    *answer = '\0';
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (state)
        snprintf(answer, sizeof answer, "%s", state);
    for (int row = 0; !state && row < PQntuples(result); row++)
        for (int column = 0; column < PQnfields(result) && used < sizeof answer; column++)
            used += (size_t)snprintf(answer + used, sizeof answer - used, "%s%s",
                                     column ? " "
                                     : row  ? ","
                                            : "",
                                     PQgetvalue(result, row, column));
    PQclear(result);
    return answer;
}

static const char *say(PGconn *conn, const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *say(PGconn *conn, const char *format, ...) {
    char sql[4 * 65536];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    assert_true(length < (int)sizeof sql);
    return take(PQexec(conn, sql));
}

static const char *answer_of(PGconn *conn) {
    PGresult *last = NULL, *result;
    while ((result = PQgetResult(conn))) {
        PQclear(last);
        last = result;
    }
    return take(last);
}

static bool blocked(PGconn *conn) {
    int64_t since_us = clock_us();
    while (clock_us() - since_us < 300000) {
        PQconsumeInput(conn);
        if (!PQisBusy(conn))
            return false;
        breathe();
    }
    return true;
}

/* Instants are seconds after 2026-01-01 00:00 UTC, the interval is one second. */
#define AT "(timestamptz '2026-01-01 00:00Z' + %d * interval '1 second')"

/* What is triggered by hand is due between two occurrences. */
#define HALF " + interval '0.5 second'"

/* As pool/session/claim.c chooses, where a claim was sent before: it looks. */
static const char *start_sql(const char *task, int due, int until, int occurrences, const char *outcome,
                             const char *daemon) {
    static char sql[1024];
    const char *half = occurrences ? "" : HALF;
    snprintf(sql, sizeof sql,
             "SELECT floor(extract(epoch FROM headgate.start('s', '%s', " AT "%s, " AT
             "%s, 1000000, %d, now(), 7, 1, 1, '%s', '%s') - " AT "))::int",
             task, due, half, until, half, occurrences, outcome, daemon, 0);
    return sql;
}

/* One occurrence, the first time: in the work's own transaction, or committed before it. */
static const char *start_one_sql(const char *task, int due, const char *daemon) {
    static char sql[1024];
    snprintf(sql, sizeof sql, "SELECT headgate.start_one('s', '%s', " AT ", now(), '%s')", task, due, daemon);
    return sql;
}

static const char *start_one(PGconn *conn, const char *task, int due) {
    return say(conn, "%s", start_one_sql(task, due, conn == a ? "a" : "b"));
}

static const char *claim_one(PGconn *conn, const char *task, int due) {
    return say(conn, "CALL headgate.claim_one('s', '%s', " AT ", now(), '%s')", task, due, conn == a ? "a" : "b");
}

static const char *start(PGconn *conn, const char *task, int due, int until) {
    return say(conn, "%s", start_sql(task, due, until, until - due + 1, "running", conn == a ? "a" : "b"));
}

/* One record as JSON. more: further fields, with a comma in front. */
static const char *record_json(const char *task, int due, int until, const char *outcome, const char *daemon,
                               const char *more) {
    static char json[4][1024];
    static unsigned next;
    char *to = json[next++ % 4];
    const char *half = strstr(more, "\"occurrences\": 0") ? ".5" : "";
    snprintf(to, sizeof *json,
             "{\"service\": \"s\", \"task\": \"%s\", \"due\": \"2026-01-01T%02d:%02d:%02d%sZ\", \"due_until\": "
             "\"2026-01-01T%02d:%02d:%02d%sZ\", \"every_us\": 1000000, "
             "\"occurrences\": %d, \"outcome\": \"%s\", \"daemon\": \"%s\"%s}",
             task, due / 3600, due / 60 % 60, due % 60, half, until / 3600, until / 60 % 60, until % 60, half,
             until - due + 1, outcome, daemon, more);
    return to;
}

static const char *record(PGconn *conn, const char *task, int due, int until, const char *outcome,
                          const char *more) {
    return say(conn, "SELECT outcome FROM headgate.record('[%s]')",
               record_json(task, due, until, outcome, conn == a ? "a" : "b", more));
}

/* "10-12 ok, 13 lost" */
static const char *rows(const char *task) {
    return say(a,
               "SELECT coalesce(string_agg(first || CASE WHEN last > first THEN '-' || last ELSE '' END || ' "
               "' || outcome, ', ' ORDER BY due), '')"
               " FROM (SELECT *, floor(extract(epoch FROM due - " AT
               "))::int AS first, floor(extract(epoch FROM due_until - " AT "))::int AS last"
               " FROM headgate.history WHERE task = '%s') r",
               0, 0, task);
}

/* Occurrences in two rows, rows whose range has not the occurrences they say. */
#define DISJOINT                                                                                             \
    "SELECT count(*) FROM headgate.run r WHERE occurrences > 0 AND (due_until - due <> (occurrences - 1) * " \
    "interval '1 second' OR EXISTS ("                                                                        \
    "SELECT FROM headgate.run o WHERE o.task = r.task AND o.due > r.due AND o.due <= r.due_until AND "       \
    "o.occurrences > 0))"

static int set_up(void **state) {
    (void)state;
    server_start(&server, "max_connections=30 autovacuum=off");
    a = connect_as(NULL);
    b = connect_as(NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    PQfinish(a);
    PQfinish(b);
    server_destroy(&server);
    return 0;
}

static int fresh(void **state) {
    (void)state;
    say(a, "ROLLBACK");
    say(b, "ROLLBACK");
    say(a, "DROP SCHEMA IF EXISTS headgate CASCADE");
    assert_string_equal(say(a, "%s", history_migration()), "");
    return 0;
}

/* --- the migration --- */

static void migration_twice_makes_it_once(void **state) {
    (void)state;
    assert_string_equal(say(a, "%s", history_migration()), "");
    assert_string_equal(say(a, "SELECT count(*) FROM headgate.version WHERE version <= 2"), "2");
}

static void migration_by_two_at_once_makes_it_once(void **state) {
    (void)state;
    say(a, "DROP SCHEMA headgate CASCADE");
    say(a, "BEGIN");
    assert_string_equal(say(a, "%s", history_migration()), "");
    PQsendQuery(b, history_migration());
    assert_true(blocked(b));
    say(a, "COMMIT");
    assert_string_equal(answer_of(b), "");
    assert_string_equal(say(b, "SELECT count(*) FROM headgate.version WHERE version <= 2"), "2");
}

static void migration_on_the_extended_protocol_is_one_statement(void **state) {
    (void)state;
    say(a, "DROP SCHEMA headgate CASCADE");
    assert_string_equal(take(PQexecParams(a, history_migration(), 0, NULL, NULL, NULL, NULL, 0)), "");
    assert_string_equal(say(a, "SELECT max(version) FROM headgate.version"), "2");
}

static void migration_without_rights_is_42501(void **state) {
    (void)state;
    say(a, "DROP SCHEMA headgate CASCADE; CREATE ROLE plain LOGIN");
    PGconn *plain = connect_as("plain");
    assert_string_equal(say(plain, "%s", history_migration()), "42501");
    say(a, "GRANT CREATE ON DATABASE postgres TO plain");
    assert_string_equal(say(plain, "%s", history_migration()), "");
    assert_string_equal(say(plain, "%s", start_sql("t", 1, 1, 1, "ok", "p")), "1");
    say(a, "DROP SCHEMA headgate CASCADE; REVOKE CREATE ON DATABASE postgres FROM plain; CREATE SCHEMA "
           "headgate AUTHORIZATION plain");
    assert_string_equal(say(plain, "%s", history_migration()), "");
    PQfinish(plain);
}

static void migration_as_a_file_is_the_same(void **state) {
    (void)state;
    say(a, "DROP SCHEMA headgate CASCADE");
    const char *output;
    if (shell(&output, "cat %s/etc/history/*.sql | psql '%s' -q --single-transaction -v ON_ERROR_STOP=1 -f -",
              getenv("HEADGATE_SOURCE_ROOT"), server.conninfo))
        fail_msg("%s", output);
    assert_string_equal(say(a, "SELECT max(version) FROM headgate.version"), "2");
}

/* Of a schema of step 1 that is in use. */
static void migration_goes_on_from_step_1(void **state) {
    (void)state;
    const char *output;
    say(a, "DROP SCHEMA headgate CASCADE");
    if (shell(&output, "psql '%s' -q --single-transaction -v ON_ERROR_STOP=1 -f %s/etc/history/1.sql",
              server.conninfo, getenv("HEADGATE_SOURCE_ROOT")))
        fail_msg("%s", output);
    start_one(a, "t", 10);
    assert_string_equal(say(a, "%s", history_migration()), "");
    assert_string_equal(start(b, "t", 10, 12), "11");
    assert_string_equal(rows("t"), "10 ok, 11-12 running");
}

/* --- start --- */

static void start_cuts_off_what_is_answered(void **state) {
    (void)state;
    assert_string_equal(start(a, "t", 10, 10), "10");
    assert_string_equal(start(a, "t", 10, 12), "11");
    assert_string_equal(start(b, "t", 11, 15), "13");
    assert_string_equal(start(b, "t", 16, 16), "16");
    assert_string_equal(rows("t"), "10 running, 11-12 running, 13-15 running, 16 running");
    assert_string_equal(say(a, DISJOINT), "0");
    assert_string_equal(start(b, "other", 10, 12), "10");
}

static void start_of_what_is_answered_is_hg001_or_the_key(void **state) {
    (void)state;
    start(a, "t", 10, 12);
    assert_string_equal(start(b, "t", 10, 12), "HG001");
    assert_string_equal(start(b, "t", 11, 11), "HG001");
    assert_string_equal(start(b, "t", 12, 12), "HG001");
    assert_string_equal(start(b, "t", 13, 13), "13");
    assert_string_equal(start(a, "t", 13, 13), "HG001");
    assert_string_equal(start(a, "t", 9, 9), "9");
}

static void start_of_one_needs_its_key(void **state) {
    (void)state;
    assert_string_equal(start_one(a, "t", 10), "");
    assert_string_equal(start_one(a, "t", 10), "23505");
    start(a, "t", 11, 13);
    for (int i = 11; i <= 13; i++)
        assert_string_equal(start_one(b, "t", i), "23505");
    assert_string_equal(start_one(b, "t", 14), "");
    say(a, "BEGIN");
    start(a, "t", 20, 22);
    PQsendQuery(b, start_one_sql("t", 21, "b"));
    assert_true(blocked(b));
    say(a, "COMMIT");
    assert_string_equal(answer_of(b), "23505");
    say(a, "BEGIN");
    start_one(a, "t", 31);
    PQsendQuery(b, start_sql("t", 30, 32, 3, "running", "b"));
    assert_true(blocked(b));
    say(a, "COMMIT");
    assert_string_equal(answer_of(b), "32");
    assert_string_equal(rows("t"), "10 ok, 11-13 running, 14 ok, 20-22 running, 31 ok, 32 running");
}

static void start_that_was_not_heard_of_is_found_again(void **state) {
    (void)state;
    assert_string_equal(claim_one(a, "t", 10), "");
    assert_string_equal(claim_one(a, "t", 10), "23505");
    assert_string_equal(start(a, "t", 10, 10), "10");
    assert_string_equal(start(b, "t", 10, 10), "HG001");
    start(a, "t", 11, 13);
    assert_string_equal(start(a, "t", 11, 13), "11");
    assert_string_equal(rows("t"), "10 running, 11-13 running");
}

/* One of a clock that was a day ahead guards what is due then, and nothing of today. */
static void start_of_a_long_range_guards_its_end(void **state) {
    (void)state;
    assert_string_equal(start(a, "t", 10, 86410), "10");
    assert_string_equal(say(a, "SELECT count(*) FROM headgate.run WHERE occurrences IS NULL"), "10000");
    assert_string_equal(start_one(b, "t", 11), "");
    assert_string_equal(start_one(b, "t", 86410), "23505");
    assert_string_equal(start_one(b, "t", 76411), "23505");
}

static void start_by_hand_is_not_cut(void **state) {
    (void)state;
    start(a, "t", 10, 20);
    assert_string_equal(say(a, "%s", start_sql("t", 12, 12, 0, "ok", "a")), "12");
    assert_string_equal(say(a, "%s", start_sql("t", 12, 12, 0, "ok", "a")), "23505");
    assert_string_equal(start(b, "t", 20, 21), "21");
}

/* Its claim was committed and not answered: it is claimed again, and nobody else may. */
static void start_by_hand_that_was_not_heard_of_is_found_again(void **state) {
    (void)state;
    assert_string_equal(say(a, "%s", start_sql("t", 12, 12, 0, "running", "a")), "12");
    assert_string_equal(say(a, "%s", start_sql("t", 12, 12, 0, "running", "a")), "12");
    assert_string_equal(say(b, "%s", start_sql("t", 12, 12, 0, "running", "b")), "23505");
    assert_string_equal(rows("t"), "12 running");
}

static void start_rolled_back_leaves_nothing(void **state) {
    (void)state;
    say(a, "BEGIN");
    assert_string_equal(say(a, "%s", start_sql("t", 10, 10, 1, "ok", "a")), "10");
    say(a, "ROLLBACK");
    assert_string_equal(rows("t"), "");
}

static void start_of_a_held_key_waits(void **state) {
    (void)state;
    say(a, "BEGIN");
    start(a, "t", 10, 10);
    PQsendQuery(b, start_sql("t", 10, 10, 1, "running", "b"));
    assert_true(blocked(b));
    say(a, "COMMIT");
    assert_string_equal(answer_of(b), "HG001");
    say(a, "BEGIN");
    start(a, "t", 11, 11);
    PQsendQuery(b, start_sql("t", 11, 11, 1, "running", "b"));
    assert_true(blocked(b));
    say(a, "ROLLBACK");
    assert_string_equal(answer_of(b), "11");
    say(a, "BEGIN");
    start(a, "t", 12, 12);
    assert_string_equal(start(b, "t", 12, 12), "55P03");
}

static void start_of_a_range_waits_for_what_may_lie_across(void **state) {
    (void)state;
    say(a, "BEGIN");
    start(a, "t", 10, 12);
    PQsendQuery(b, start_sql("t", 11, 13, 3, "running", "b"));
    assert_true(blocked(b));
    say(a, "COMMIT");
    assert_string_equal(answer_of(b), "13");
    say(a, "BEGIN");
    start(a, "t", 21, 21);
    PQsendQuery(b, start_sql("t", 20, 22, 3, "running", "b"));
    assert_true(blocked(b));
    say(a, "ROLLBACK");
    assert_string_equal(answer_of(b), "20");
    say(a, "BEGIN");
    start(a, "t", 30, 32);
    PQsendQuery(b, start_sql("t", 32, 32, 1, "running", "b"));
    assert_true(blocked(b));
    say(a, "COMMIT");
    assert_string_equal(answer_of(b), "HG001");
    assert_string_equal(say(a, DISJOINT), "0");
}

static void start_of_others_does_not_wait(void **state) {
    (void)state;
    say(a, "BEGIN");
    start(a, "t", 10, 10);
    assert_string_equal(start(b, "t", 11, 11), "11");
    assert_string_equal(start(b, "other", 10, 12), "10");
}

/* --- record --- */

static void record_completes_what_is_there(void **state) {
    (void)state;
    start(a, "t", 10, 10);
    start(a, "t", 11, 13);
    say(a, "SELECT headgate.record('[%s, %s]')",
        record_json("t", 10, 10, "ok", "a",
                    ", \"rows\": 5, \"session_us\": 900, \"finished\": \"2026-01-01T00:00:11Z\""),
        record_json("t", 11, 13, "failed", "a",
                    ", \"reason\": \"22012\", \"message\": \"division by zero\""));
    assert_string_equal(rows("t"), "10 ok, 11-13 failed");
    assert_string_equal(say(a, "SELECT rows, session_us, lateness_us, finished IS NOT NULL FROM headgate.run "
                               "WHERE outcome = 'ok'"),
                        "5 900 7 t");
    assert_string_equal(say(a, "SELECT message FROM headgate.run WHERE outcome = 'failed'"),
                        "division by zero");
    assert_string_equal(record(a, "t", 10, 10, "ok", ""), "");
    assert_string_equal(rows("t"), "10 ok, 11-13 failed");
}

static void record_completes_a_row_that_was_cut(void **state) {
    (void)state;
    start(b, "t", 10, 11);
    assert_string_equal(start(a, "t", 10, 13), "12");
    record(a, "t", 10, 13, "ok", "");
    assert_string_equal(rows("t"), "10-11 running, 12-13 ok");
}

static void record_of_a_run_that_answered_more_grows_its_row(void **state) {
    (void)state;
    start(a, "t", 10, 10);
    start(b, "t", 15, 15);
    record(a, "t", 10, 12, "ok", "");
    assert_string_equal(rows("t"), "10-12 ok, 15 running");
    record(a, "t", 10, 17, "ok", "");
    record(a, "t", 10, 17, "ok", "");
    assert_string_equal(rows("t"), "10-14 ok, 15 running");
    assert_string_equal(start(b, "t", 12, 12), "HG001");
    assert_string_equal(say(a, DISJOINT), "0");
}

static void record_of_a_trigger_is_apart(void **state) {
    (void)state;
    start(a, "t", 10, 10);
    say(a, "%s", start_sql("t", 12, 12, 0, "running", "a"));
    record(a, "t", 12, 12, "ok", ", \"occurrences\": 0");
    assert_string_equal(rows("t"), "10 running, 12 ok");
    record(a, "t", 14, 14, "failed", ", \"occurrences\": 0");
    assert_string_equal(rows("t"), "10 running, 12 ok, 14 failed");
    assert_string_equal(start(b, "t", 13, 14), "13");
}

static void record_inserts_what_is_free(void **state) {
    (void)state;
    record(a, "t", 10, 12, "skipped", ", \"reason\": \"paused\"");
    assert_string_equal(rows("t"), "10-12 skipped");
    assert_string_equal(start(b, "t", 11, 11), "HG001");
    start(b, "t", 15, 16);
    start(b, "t", 18, 18);
    record(a, "t", 11, 20, "missed", "");
    assert_string_equal(rows("t"),
                        "10-12 skipped, 13-14 missed, 15-16 running, 17 missed, 18 running, 19-20 missed");
    record(a, "t", 15, 18, "failed", "");
    record(a, "t", 18, 18, "failed", "");
    assert_string_equal(say(a, "SELECT count(*) FROM headgate.history"), "6");
    assert_string_equal(say(a, DISJOINT), "0");
}

static void record_takes_what_had_no_record(void **state) {
    (void)state;
    say(a,
        "INSERT INTO headgate.run (service, task, due, due_until, occurrences, outcome, daemon) VALUES ('s', 't', " AT
        ", " AT ", 11, 'lost', 'b')",
        10, 20);
    record(a, "t", 10, 10, "failed", "");
    assert_string_equal(rows("t"), "10 failed, 11-20 lost");
    record(a, "t", 14, 15, "skipped", "");
    assert_string_equal(rows("t"), "10 failed, 11-13 lost, 14-15 skipped, 16-20 lost");
    record(a, "t", 19, 22, "skipped", "");
    assert_string_equal(rows("t"), "10 failed, 11-13 lost, 14-15 skipped, 16-18 lost, 19-22 skipped");
    assert_string_equal(say(a, DISJOINT), "0");
}

static void record_of_a_held_key_says_which(void **state) {
    (void)state;
    say(b, "BEGIN");
    start(b, "t", 11, 11);
    PGresult *result = NULL;
    char sql[4096];
    snprintf(sql, sizeof sql, "SELECT headgate.record('[%s, %s]')", record_json("t", 9, 9, "failed", "a", ""),
             record_json("t", 11, 11, "skipped", "a", ""));
    result = PQexec(a, sql);
    assert_string_equal(PQresultErrorField(result, PG_DIAG_SQLSTATE), "55P03");
    assert_string_equal(PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL), "1");
    PQclear(result);
    assert_string_equal(rows("t"), "");
    say(b, "COMMIT");
    assert_string_equal(take(PQexec(a, sql)), "");
    assert_string_equal(rows("t"), "9 failed, 11 running");
}

#define UNKNOWN ", \"transactional\": true"

static void record_unknown_that_committed_is_ok(void **state) {
    (void)state;
    say(a, "%s", start_sql("t", 10, 10, 1, "ok", "a"));
    assert_string_equal(record(a, "t", 10, 10, "unknown", UNKNOWN ", \"reason\": \"connection lost\""), "ok");
    assert_string_equal(say(a, "SELECT outcome, coalesce(reason, '-') FROM headgate.run"), "ok -");
}

static void record_unknown_that_rolled_back_is_failed(void **state) {
    (void)state;
    assert_string_equal(record(a, "t", 10, 12, "unknown", UNKNOWN), "failed");
    assert_string_equal(say(a, "SELECT outcome, reason FROM headgate.history"),
                        "failed not done: its connection was lost before it was committed");
    assert_string_equal(record(a, "t", 13, 13, "unknown", ""), "");
    assert_string_equal(rows("t"), "10-12 failed, 13 unknown");
}

#define CLAIMING ", \"claiming\": true"

/* Its claim was sent, its run behind it, and neither was answered. */
static void record_unknown_without_a_claim_did_not_begin(void **state) {
    (void)state;
    assert_string_equal(record(a, "t", 10, 10, "unknown", CLAIMING), "");
    assert_string_equal(say(a, "SELECT outcome, reason FROM headgate.history"),
                        "failed not done: its connection was lost before it began");
    assert_string_equal(start_one(b, "t", 10), "23505");
    claim_one(a, "t", 11);
    record(a, "t", 11, 11, "unknown", CLAIMING ", \"reason\": \"connection lost\"");
    say(b, "BEGIN");
    say(b, "%s", start_sql("t", 12, 12, 1, "running", "a"));
    char sql[2048];
    snprintf(sql, sizeof sql, "SELECT headgate.record('[%s]')",
             record_json("t", 12, 12, "unknown", "a", CLAIMING));
    PQsendQuery(a, sql);
    assert_true(blocked(a));
    say(b, "COMMIT");
    answer_of(a);
    assert_string_equal(rows("t"), "10 failed, 11 unknown, 12 unknown");
}

static void record_unknown_waits_for_the_old_transaction(void **state) {
    (void)state;
    static const struct {
        int due, until, occurrences;
        const char *end, *became;
    } cases[] = {
        {10, 10, 1, "COMMIT", "ok"}, {11, 11, 1, "ROLLBACK", "failed"},
        {20, 22, 3, "COMMIT", "ok"}, {23, 25, 3, "ROLLBACK", "failed"},
        {30, 30, 0, "COMMIT", "ok"}, {31, 31, 0, "ROLLBACK", "failed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char more[100], sql[2048];
        snprintf(more, sizeof more, UNKNOWN ", \"occurrences\": %d", cases[i].occurrences);
        snprintf(sql, sizeof sql, "SELECT outcome FROM headgate.record('[%s]')",
                 record_json("t", cases[i].due, cases[i].until, "unknown", "a", more));
        say(b, "BEGIN"); /* the old session of the same daemon */
        say(b, "%s", start_sql("t", cases[i].due, cases[i].until, cases[i].occurrences, "ok", "a"));
        assert_string_equal(say(a, "%s", sql), "55P03");
        PQsendQuery(a, sql);
        assert_true(blocked(a));
        say(b, "%s", cases[i].end);
        assert_string_equal(answer_of(a), cases[i].became);
    }
    assert_string_equal(rows("t"), "10 ok, 11 failed, 20-22 ok, 23-25 failed, 30 ok, 31 failed");
}

/* --- restore --- */

#define RESTORE                                                                                              \
    "SELECT task, extract(epoch FROM answered_until - " AT                                                   \
    ")::int, ok_count, failed_count, skipped_count, took_us FROM headgate.restore('s', '%s', '[%s]')"
#define TASK_T "{\"task\": \"t\", \"every_us\": 1000000, \"phase_us\": 0}"

static void since(int second) {
    say(a, "SELECT headgate.restore('s', 'nobody', '[" TASK_T "]')");
    say(a, "UPDATE headgate.task SET since = " AT ", checked = " AT, second, second);
}

static void restore_ends_its_own_runs_alone(void **state) {
    (void)state;
    start(a, "t", 10, 10);
    start(b, "t", 11, 11);
    start(a, "gone", 10, 10);
    assert_string_equal(say(a, RESTORE, 0, "a", TASK_T), "t 11 0 0 0 ");
    assert_string_equal(
        say(a, "SELECT task, outcome, reason FROM headgate.run WHERE daemon = 'a' ORDER BY task"),
        "gone lost the daemon was killed while it ran,t lost the daemon was killed while it ran");
    assert_string_equal(rows("t"), "10 lost, 11 running");
}

static void restore_of_nothing_is_nothing(void **state) {
    (void)state;
    assert_string_equal(say(a, RESTORE, 0, "a", TASK_T), "t  0 0 0 ");
    assert_string_equal(say(a, RESTORE, 0, "a", ""), "");
}

static void restore_notes_when_an_interval_changed(void **state) {
    (void)state;
    since(5);
    say(a, RESTORE, 0, "a", TASK_T);
    assert_string_equal(say(a, "SELECT since = " AT " FROM headgate.task", 5), "t");
    say(a, RESTORE, 0, "a", "{\"task\": \"t\", \"every_us\": 2000000, \"phase_us\": 0}");
    assert_string_equal(say(a, "SELECT since > now() - interval '1 minute', every_us FROM headgate.task"),
                        "t 2000000");
}

static void restore_fills_holes(void **state) {
    (void)state;
    start(a, "t", 1, 1);
    since(5);
    start(a, "t", 10, 10);
    start(a, "t", 12, 13);
    start(b, "t", 17, 17);
    start(b, "t", 20, 20);
    assert_string_equal(say(a, RESTORE, 0, "a", TASK_T), "t 20 0 0 0 ");
    /* nothing before `since`; nothing yet behind what runs */
    assert_string_equal(rows("t"),
                        "1 lost, 10 lost, 11 lost, 12-13 lost, 14-16 lost, 17 running, 20 running");
    assert_string_equal(say(a, "SELECT reason FROM headgate.run WHERE started IS NULL AND occurrences = 3"),
                        "no record of it was kept");
    assert_string_equal(say(a, RESTORE, 0, "a", TASK_T), "t 20 0 0 0 ");
    assert_string_equal(say(a, DISJOINT), "0");
    assert_string_equal(start(b, "t", 15, 15), "HG001");
}

static void restore_looks_once_for_holes(void **state) {
    (void)state;
    since(5);
    for (int i = 10; i <= 15; i++)
        record(a, "t", i, i, "ok", "");
    start(b, "t", 16, 16);
    record(a, "t", 19, 19, "ok", "");
    say(a, RESTORE, 0, "a", TASK_T);
    assert_string_equal(say(a, "SELECT checked = " AT " FROM headgate.task", 16), "t");
    say(a, "DELETE FROM headgate.run WHERE due = " AT, 12);
    record(b, "t", 16, 16, "ok", "");
    say(a, RESTORE, 0, "a", TASK_T);
    assert_string_equal(rows("t"), "10 ok, 11 ok, 13 ok, 14 ok, 15 ok, 16 ok, 17-18 lost, 19 ok");
    assert_string_equal(say(a, "SELECT checked = " AT " FROM headgate.task", 19), "t");
}

static void restore_leaves_an_elastic_tasks_stretch(void **state) {
    (void)state;
    since(5);
    for (int i = 10; i <= 25; i += i < 20 ? 3 : 7)
        record(a, "t", i, i, "ok", "");
    say(a, RESTORE, 0, "a",
        "{\"task\": \"t\", \"every_us\": 1000000, \"most_us\": 3000000, \"phase_us\": 0}");
    assert_string_equal(rows("t"), "10 ok, 13 ok, 16 ok, 19 ok, 22 ok");
    record(a, "t", 29, 29, "ok", "");
    say(a, RESTORE, 0, "a",
        "{\"task\": \"t\", \"every_us\": 1000000, \"most_us\": 3000000, \"phase_us\": 0}");
    assert_string_equal(rows("t"), "10 ok, 13 ok, 16 ok, 19 ok, 22 ok, 23-28 lost, 29 ok");
}

static void restore_leaves_what_is_under_way_elsewhere(void **state) {
    (void)state;
    since(5);
    record(b, "t", 10, 10, "ok", "");
    record(b, "t", 12, 12, "ok", "");
    say(b, "BEGIN");
    start(b, "t", 11, 11);
    assert_string_equal(say(a, RESTORE, 0, "a", TASK_T), "t 12 0 0 0 ");
    assert_string_equal(rows("t"), "10 ok, 12 ok");
    say(b, "ROLLBACK");
    say(a, RESTORE, 0, "a", TASK_T);
    assert_string_equal(rows("t"), "10 ok, 11 lost, 12 ok");
}

static void restore_counts_the_last_day(void **state) {
    (void)state;
    say(a,
        "INSERT INTO headgate.run (service, task, due, due_until, occurrences, outcome, session_us, started, "
        "finished, daemon)"
        " SELECT 's', 't', d, d, 1, (ARRAY['ok', 'failed', 'skipped', 'missed', 'lost'])[1 + i %% 5], i, d, d, 'b'"
        " FROM generate_series(1, 110) i, LATERAL (SELECT date_trunc('second', now()) - i * interval '1 "
        "second' AS d) s");
    say(a, "INSERT INTO headgate.run (service, task, due, due_until, occurrences, outcome, daemon)"
           " VALUES ('s', 't', now() - interval '2 days', now() - interval '2 days', 1, 'ok', 'b')");
    /* ok: i = 5, 10, ... 110; the last 20 of them end with 100; the median is the 10th */
    assert_string_equal(say(a, "SELECT ok_count, failed_count, skipped_count, took_us, answered_until = "
                               "date_trunc('second', now()) - interval '1 second'"
                               " OR answered_until < now() FROM headgate.restore('s', 'a', '[" TASK_T "]')"),
                        "22 44 44 50 t");
}

static void restore_ignores_a_clock_that_was_years_ahead(void **state) {
    (void)state;
    start(a, "t", 10, 10);
    say(a, "INSERT INTO headgate.run (service, task, due, due_until, occurrences, outcome, daemon)"
           " VALUES ('s', 't', now() + interval '10 years', now() + interval '10 years', 1, 'ok', 'a')");
    assert_string_equal(say(a, RESTORE, 0, "a", TASK_T), "t 10 0 0 0 ");
    assert_string_equal(start(b, "t", 11, 12), "11");
}

/* --- prune --- */

static void prune_by_age_keeps_the_newest(void **state) {
    (void)state;
    for (int i = 10; i < 20; i++)
        record(a, i % 2 ? "odd" : "even", i, i, "ok", "");
    start(a, "even", 1, 1);
    assert_string_equal(say(a, "SELECT headgate.prune('100 years', 0, 100)"), "0");
    assert_string_equal(say(a, "SELECT headgate.prune('1 second', 0, 3)"), "3");
    assert_string_equal(say(a, "SELECT headgate.prune('1 second', 0, 100)"), "5");
    assert_string_equal(say(a, "SELECT headgate.prune('1 second', 0, 100)"), "0");
    assert_string_equal(rows("even"), "1 running, 18 ok");
    assert_string_equal(rows("odd"), "19 ok");
}

static void prune_by_count_takes_the_oldest(void **state) {
    (void)state;
    for (int i = 10; i < 30; i++)
        record(a, i % 2 ? "odd" : "even", i, i, "ok", "");
    assert_string_equal(say(a, "SELECT headgate.prune('100 years', 20, 100)"), "0");
    assert_string_equal(say(a, "SELECT headgate.prune('100 years', 6, 5)"), "5");
    assert_string_equal(say(a, "SELECT headgate.prune('100 years', 6, 100)"), "9");
    assert_string_equal(rows("even"), "24 ok, 26 ok, 28 ok");
    assert_string_equal(say(a, "SELECT headgate.prune('100 years', 0, 100)"), "0");
    assert_string_equal(say(a, "SELECT headgate.prune('1 second', 1, 100)"), "4");
}

/* Three quarters of its pages are read, each time others. The first look that takes the excess for less than
 * a batch ends the pruning: the fewer pages are read, the sooner that happens by chance. */
static void prune_of_a_large_table_counts_by_a_sample(void **state) {
    (void)state;
    say(a, "INSERT INTO headgate.run (service, task, due, due_until, occurrences, outcome, daemon, message)"
           " SELECT 's', 't', d, d, 1, 'ok', 'b', repeat('x', 450) FROM generate_series(1, 40000) i,"
           " LATERAL (SELECT now() - i * interval '1 second' AS d) s");
    say(a, "ANALYZE headgate.run");
    assert_string_equal(say(a, "SELECT headgate.prune('100 years', 50000, 1000)"), "0");
    long deleted = 0, last;
    do {
        last = strtol(say(a, "SELECT headgate.prune('100 years', 30000, 1000)"), NULL, 10);
        deleted += last;
    } while (last == 1000);
    assert_in_range(deleted, 8000, 12000);
    assert_string_equal(say(a, "SELECT min(due) > now() - interval '32500 seconds' FROM headgate.run"), "t");
}

/* --- two daemons, at random --- */

static uint64_t random_state = 20260101;

static int draw(int below) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (int)((random_state >> 33) % (uint64_t)below);
}

/* One step of one of them; what it gets is not looked at: whatever it is, the table is right after it. */
static void step_at_random(PGconn *conn, bool *open) {
    static const char *const outcomes[] = {"ok", "failed", "skipped", "missed", "unknown"};
    const char *task = draw(2) ? "t" : "u", *daemon = conn == a ? "a" : "b";
    int due = draw(200), until = due + (draw(3) ? 0 : draw(12));
    switch (draw(*open ? 3 : 9)) {
    case 0:
        say(conn, *open && draw(2) ? "COMMIT" : "ROLLBACK");
        *open = false;
        break;
    case 1: say(conn, "%s", start_one_sql(task, due, daemon)); break;
    case 3:
    case 4:
        say(conn, "%s", start_sql(task, due, until, until - due + 1, draw(2) ? "ok" : "running", daemon));
        break;
    case 2:
    case 5:
    case 6: record(conn, task, due, until, outcomes[draw(5)], draw(2) ? UNKNOWN : ""); break;
    case 7:
        say(conn, "BEGIN; SET LOCAL lock_timeout = '5ms'");
        *open = true;
        break;
    case 8:
        say(conn, RESTORE, 0, daemon, TASK_T ", {\"task\": \"u\", \"every_us\": 1000000, \"phase_us\": 0}");
        break;
    }
}

static void series_at_random_leaves_no_occurrence_twice(void **state) {
    (void)state;
    bool open[2] = {false, false};
    PGconn *both[2] = {a, b};
    say(a, "ALTER FUNCTION headgate.start SET lock_timeout = '5ms'; ALTER FUNCTION headgate.start_one SET "
           "lock_timeout = '5ms'; ALTER FUNCTION headgate.record SET "
           "lock_timeout = '5ms';"
           " ALTER FUNCTION headgate.restore SET lock_timeout = '5ms'");
    say(a, "INSERT INTO headgate.task SELECT 's', unnest('{t,u}'::text[]), 1000000, 0, " AT ", " AT, 0, 0);
    for (int i = 0; i < 3000; i++) {
        int who = draw(2);
        step_at_random(both[who], &open[who]);
        if (i % 50 == 49)
            assert_string_equal(say(a, "ROLLBACK; " DISJOINT), "0"), open[0] = false;
        if (i % 500 == 499)
            say(a, "SELECT headgate.delete_row(service, task, due, due_until) FROM headgate.run"
                   " WHERE occurrences > 0 AND extract(epoch FROM due)::int %% 3 = 0");
    }
    say(a, "ROLLBACK");
    say(b, "ROLLBACK");
    say(a, "UPDATE headgate.task SET checked = since"); /* rows were deleted, and written far back */
    say(a, RESTORE, 0, "a", TASK_T);
    say(a, RESTORE, 0, "b", TASK_T);
    assert_string_equal(say(a, DISJOINT), "0");
    /* after both were restored each occurrence from the first to the last is in a row */
    assert_string_equal(say(a, "SELECT count(DISTINCT task) > 0 AND bool_and(total = span) FROM (SELECT "
                               "task, sum(occurrences) AS total,"
                               " extract(epoch FROM max(due_until) - min(due)) + 1 AS span FROM headgate.run "
                               "WHERE task = 't' GROUP BY task) s"),
                        "t");
}

/* Without turns: both at once, each with its own connection, as fast as they can. */
static void both_at_once_start_each_occurrence_once(void **state) {
    (void)state;
    PGconn *both[2] = {a, b};
    for (int i = 0; i < 300; i++) {
        for (int who = 0; who < 2; who++) {
            int due = i * 3 + draw(4), until = due + draw(3);
            PQsendQuery(both[who], start_sql("t", due, until, until - due + 1, "running", who ? "b" : "a"));
        }
        answer_of(a);
        answer_of(b);
    }
    assert_string_equal(say(a, DISJOINT), "0");
    assert_true(strtol(say(a, "SELECT count(*) FROM headgate.run"), NULL, 10) > 300);
}

/* --- a calendar: its occurrences lie on no grid --- */

static const int calendar[] = {10, 11, 14, 15, 19, 30};
#define CALENDAR_T                                                                                           \
    "{\"task\": \"t\", \"every_us\": 0, \"phase_us\": 0, \"calendar\": \"c\", \"gap_us\": 1000000}"

/* Those of it in first..last, as microseconds of unix time. */
static const char *dues(int first, int last) {
    static char text[2][256];
    static unsigned next;
    char *to = text[next++ % 2];
    size_t length = (size_t)snprintf(to, sizeof *text, "{");
    for (size_t i = 0; i < sizeof calendar / sizeof *calendar; i++)
        if (calendar[i] >= first && calendar[i] <= last)
            length += (size_t)snprintf(to + length, sizeof *text - length, "%s%lld", length > 1 ? "," : "",
                                       (1767225600LL + calendar[i]) * 1000000);
    snprintf(to + length, sizeof *text - length, "}");
    return to;
}

static int count_dues(int first, int last) {
    int count = 0;
    for (size_t i = 0; i < sizeof calendar / sizeof *calendar; i++)
        count += calendar[i] >= first && calendar[i] <= last;
    return count;
}

static const char *start_calendar(PGconn *conn, int due, int until) {
    return say(conn,
               "SELECT floor(extract(epoch FROM headgate.start('s', 't', " AT ", " AT
               ", 1000000, %d, now(), 7, 1, 1, 'running', '%s', '%s') - " AT "))::int",
               due, until, count_dues(due, until), conn == a ? "a" : "b", dues(due, until), 0);
}

static void record_calendar(PGconn *conn, int due, int until, const char *outcome) {
    char json[1024];
    snprintf(json, sizeof json, "%s", record_json("t", due, until, outcome, conn == a ? "a" : "b", ""));
    char *end = strrchr(json, '}');
    snprintf(end, sizeof json - (size_t)(end - json), ", \"occurrences\": %d, \"dues\": \"%s\"}",
             count_dues(due, until), dues(due, until));
    assert_string_equal(say(conn, "SELECT outcome FROM headgate.record('[%s]')", json), "");
}

static const char *counts(void) {
    return say(a, "SELECT coalesce(string_agg(occurrences::text, ' ' ORDER BY due), '') FROM headgate.history");
}

static void calendar_start_cuts_off_what_is_answered(void **state) {
    (void)state;
    assert_string_equal(start_calendar(a, 10, 11), "10");
    assert_string_equal(start_calendar(b, 10, 15), "14");
    assert_string_equal(start_calendar(b, 10, 15), "14"); /* it has that: its connection was lost */
    assert_string_equal(start_calendar(a, 11, 15), "HG001");
    assert_string_equal(start_calendar(a, 15, 30), "19");
    assert_string_equal(rows("t"), "10-11 running, 14-15 running, 19-30 running");
    assert_string_equal(counts(), "2 2 2");
    assert_string_equal(say(a, "SELECT count(*) FROM headgate.run WHERE occurrences IS NULL"), "3");
}

static void calendar_ranges_guard_each_occurrence(void **state) {
    (void)state;
    say(a, "BEGIN");
    start_calendar(a, 10, 15);
    assert_string_equal(start_one(b, "t", 14), "55P03"); /* waits for who has it */
    say(a, "COMMIT");
    assert_string_equal(start_one(b, "t", 14), "23505");
    assert_string_equal(start_one(b, "t", 19), "");
}

static void calendar_record_fills_what_is_free(void **state) {
    (void)state;
    record_calendar(a, 14, 14, "ok");
    record_calendar(b, 10, 30, "skipped");
    assert_string_equal(rows("t"), "10-11 skipped, 14 ok, 15-30 skipped");
    assert_string_equal(counts(), "2 1 3");
    record_calendar(a, 10, 30, "skipped");
    assert_string_equal(counts(), "2 1 3");
}

static void calendar_record_takes_the_room_of_what_was_not_kept(void **state) {
    (void)state;
    record_calendar(a, 10, 19, "lost");
    record_calendar(b, 14, 15, "ok");
    assert_string_equal(rows("t"), "10-13 lost, 14-15 ok, 15-19 lost");
    assert_string_equal(counts(), "2 2 1");
}

static void calendar_record_grows_to_the_next_row(void **state) {
    (void)state;
    start_calendar(a, 10, 10);
    record_calendar(b, 15, 15, "ok");
    record_calendar(a, 10, 30, "ok");
    assert_string_equal(rows("t"), "10-14 ok, 15 ok");
    assert_string_equal(counts(), "3 1");
}

static void calendar_record_grows_where_no_row_follows(void **state) {
    (void)state;
    start_calendar(a, 10, 10);
    record_calendar(a, 10, 30, "ok");
    assert_string_equal(rows("t"), "10-30 ok");
    assert_string_equal(counts(), "6");
}

static void calendar_gaps_are_for_the_daemon_to_judge(void **state) {
    (void)state;
    say(a, "SELECT headgate.restore('s', 'nobody', '[" CALENDAR_T "]')");
    say(a, "UPDATE headgate.task SET checked = " AT, 0);
    record_calendar(a, 10, 11, "ok");
    record_calendar(a, 14, 14, "ok");
    record_calendar(a, 15, 15, "ok");
    record_calendar(a, 30, 30, "ok");
    assert_string_equal(
        say(a, "SELECT array_to_string(ARRAY(SELECT us / 1000000 - 1767225600 FROM unnest(gaps) us), ' ')"
               " FROM headgate.restore('s', 'a', '[" CALENDAR_T "]')"),
        "11 14 15 30");
    assert_string_equal(rows("t"), "10-11 ok, 14 ok, 15 ok, 30 ok");
}

/* --- chains --- */

static const char *start_after_sql(int due, const char *outcome, const char *released, bool any, const char *daemon) {
    static char sql[1024];
    snprintf(sql, sizeof sql,
             "SELECT floor(extract(epoch FROM headgate.start_after('s', 't', " AT ", now(), 7, 1, 1, '%s', '%s', '%s', %s) - " AT
             "))::int",
             due, outcome, daemon, released, any ? "true" : "false", 0);
    return sql;
}

static const char *start_after(PGconn *conn, int due, const char *released) {
    return say(conn, "%s", start_after_sql(due, "ok", released, false, conn == a ? "a" : "b"));
}

static const char *released(void) {
    return say(a, "SELECT string_agg(coalesce(released::text, '-'), '; ' ORDER BY due) FROM headgate.run WHERE task = 't'");
}

static void chain_start_is_for_what_was_not_answered(void **state) {
    (void)state;
    assert_string_equal(start_after(a, 10, "{\"x\": 5, \"y\": 6}"), "10");
    assert_string_equal(start_after(b, 11, "{\"x\": 5, \"y\": 6}"), "HG001");
    assert_string_equal(start_after(b, 11, "{\"x\": 7, \"y\": 6}"), "HG001"); /* each has to be later */
    assert_string_equal(start_after(b, 10, "{\"x\": 7, \"y\": 8}"), "HG001"); /* its key is taken */
    assert_string_equal(start_after(b, 11, "{\"x\": 7, \"y\": 8}"), "11");
    assert_string_equal(say(a, "%s", start_after_sql(12, "ok", "{\"x\": 6, \"y\": 9}", true, "a")), "12");
    assert_string_equal(say(a, "%s", start_after_sql(13, "ok", "{\"x\": 7, \"y\": 9}", true, "a")), "HG001");
    assert_string_equal(start_after(a, 13, "{\"x\": 9, \"z\": 1}"), "13"); /* the file has another list now */
    assert_string_equal(released(), "{\"x\": 5, \"y\": 6}; {\"x\": 7, \"y\": 8}; {\"x\": 7, \"y\": 9}; {\"x\": 9, \"z\": 1}");
}

static void chain_start_waits_for_another_and_then_sees_it(void **state) {
    static const char *const isolation[] = {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        char first[64], merged[64];
        snprintf(first, sizeof first, "{\"x\": %d}", 10 * i + 1);
        snprintf(merged, sizeof merged, "{\"x\": %d}", 10 * i + 1);
        say(a, "BEGIN ISOLATION LEVEL %s", isolation[i]);
        start_after(a, 10 * i + 1, first);
        say(b, "BEGIN ISOLATION LEVEL %s", isolation[i]);
        PQsendQuery(b, start_after_sql(10 * i + 2, "ok", merged, false, "b")); /* by another name */
        assert_true(blocked(b));
        say(a, "COMMIT");
        assert_string_equal(answer_of(b), i ? "40001" : "HG001");
        say(b, "ROLLBACK");
        say(a, "BEGIN");
        start_after(a, 10 * i + 5, "{\"x\": 99}");
        PQsendQuery(b, start_after_sql(10 * i + 6, "ok", "{\"x\": 99}", false, "b"));
        assert_true(blocked(b));
        say(a, "ROLLBACK");
        char key[12];
        snprintf(key, sizeof key, "%d", 10 * i + 6);
        assert_string_equal(answer_of(b), key);
        say(a, "DELETE FROM headgate.run WHERE released ->> 'x' = '99'");
    }
}

static void chain_start_that_was_not_heard_of_is_found_again(void **state) {
    (void)state;
    assert_string_equal(say(a, "%s", start_after_sql(10, "running", "{\"x\": 5}", false, "a")), "10");
    assert_string_equal(say(a, "%s", start_after_sql(10, "running", "{\"x\": 5}", false, "a")), "10");
    assert_string_equal(say(b, "%s", start_after_sql(10, "running", "{\"x\": 5}", false, "b")), "HG001");
    assert_string_equal(rows("t"), "10 running");
}

/* A run without a claim has its row by its record, which undoes nothing of what another daemon has answered since. */
static void chain_record_never_goes_back(void **state) {
    (void)state;
    start_after(a, 10, "{\"x\": 5, \"y\": 5}");
    record(b, "t", 11, 11, "failed", ", \"released\": {\"x\": 4, \"y\": 5}");
    assert_string_equal(rows("t"), "10 ok");
    record(b, "t", 11, 11, "failed", ", \"released\": {\"x\": 4, \"y\": 6}");
    assert_string_equal(rows("t"), "10 ok, 11 failed");
    assert_string_equal(released(), "{\"x\": 5, \"y\": 5}; {\"x\": 5, \"y\": 6}");
    assert_string_equal(say(a, "SELECT released IS NOT NULL FROM headgate.history ORDER BY due LIMIT 1"), "t");
}

static void chain_question_tells_what_was_answered_and_what_has_ended(void **state) {
    (void)state;
    say(a, "INSERT INTO headgate.task (service, name, every_us, phase_us, since, checked) SELECT 's', name, 0, 0, " AT ", now()"
           " FROM unnest('{t,u}'::text[]) name", 1);
    start_after(a, 10, "{\"x\": 5}");
    record(b, "t", 12, 12, "failed", ", \"started\": \"2026-01-01T00:00:12Z\", \"released\": {\"x\": 7}");
    start(b, "t", 14, 14);
    assert_string_equal(say(a, "SELECT task, (last_us - 1767225600000000) / 1000000, (since_us - 1767225600000000) / 1000000, released,"
                               " (ok_us - 1767225600000000) / 1000000, (failed_us - 1767225600000000) / 1000000, runs_elsewhere"
                               " FROM headgate.chains('s', 'a', '[\"t\", \"u\", \"v\"]') ORDER BY task"),
                        "t 14 1 {\"x\": 7} 10 12 t,u  1    f");
    assert_string_equal(say(a, "SELECT runs_elsewhere FROM headgate.chains('s', 'b', '[\"t\"]')"), "f");
}

/* --- notifications --- */

/* Heard so many seconds ago. */
static const char *start_woken_sql(int due, const char *heard_ago, const char *outcome, const char *daemon) {
    static char sql[1024];
    snprintf(sql, sizeof sql,
             "SELECT floor(extract(epoch FROM headgate.start_woken('s', 't', " AT ", %s * int8 '1000000', now(), 7, 1, 1, '%s', '%s')"
             " - " AT "))::int",
             due, heard_ago, outcome, daemon, 0);
    return sql;
}

static const char *start_woken(PGconn *conn, int due, const char *heard_ago, const char *outcome) {
    return say(conn, "%s", start_woken_sql(due, heard_ago, outcome, conn == a ? "a (1)" : "b (1)"));
}

#define JUST_NOW "0"
#define LONG_AGO "3600" /* before the test began */

static void woken_start_is_answered_by_what_began_since(void **state) {
    (void)state;
    assert_string_equal(start_woken(a, 10, LONG_AGO, "ok"), "10");
    assert_string_equal(start_woken(b, 11, LONG_AGO, "ok"), "HG001");
    assert_string_equal(start_woken(b, 11, JUST_NOW, "ok"), "11"); /* the other began before that */
    assert_string_equal(start_woken(b, 12, LONG_AGO, "ok"), "HG001"); /* by the first of them */
    assert_string_equal(rows("t"), "10 ok, 11 ok");
    say(a, "UPDATE headgate.run SET outcome = 'failed'");
    assert_string_equal(start_woken(b, 12, LONG_AGO, "ok"), "12");
    say(a, "UPDATE headgate.run SET outcome = 'ok', begun = now() + interval '1 hour'"); /* the clock was set back since */
    assert_string_equal(start_woken(a, 13, LONG_AGO, "ok"), "13");
    say(a, "UPDATE headgate.run SET begun = NULL"); /* nobody knows when */
    assert_string_equal(start_woken(b, 14, LONG_AGO, "ok"), "14");
}

static void woken_start_takes_no_row_of_its_own_daemon_for_anothers(void **state) {
    (void)state;
    assert_string_equal(start_woken(a, 10, LONG_AGO, "ok"), "10");
    assert_string_equal(start_woken(a, 11, LONG_AGO, "ok"), "11");
    assert_string_equal(start_woken(b, 11, JUST_NOW, "ok"), "23505"); /* then it goes by another name */
}

static void woken_start_waits_for_what_is_under_way(void **state) {
    static const char *const isolation[] = {"READ COMMITTED", "REPEATABLE READ"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        say(a, "DELETE FROM headgate.run");
        say(a, "BEGIN ISOLATION LEVEL %s", isolation[i]);
        start_woken(a, 10, LONG_AGO, "ok");
        PQsendQuery(b, start_woken_sql(11, LONG_AGO, "ok", "b (1)"));
        assert_true(blocked(b));
        assert_string_equal(answer_of(b), "55P03");
        PQsendQuery(b, start_woken_sql(11, LONG_AGO, "ok", "b (1)"));
        assert_true(blocked(b));
        say(a, i ? "ROLLBACK" : "COMMIT");
        assert_string_equal(answer_of(b), i ? "11" : "HG001");
    }
    say(a, "BEGIN");
    start_woken(a, 12, JUST_NOW, "ok");
    say(b, "BEGIN ISOLATION LEVEL REPEATABLE READ");
    PQsendQuery(b, start_woken_sql(13, LONG_AGO, "ok", "b (1)"));
    assert_true(blocked(b));
    say(a, "COMMIT");
    assert_string_equal(answer_of(b), "13"); /* it cannot see the other: both run, and none fails */
    say(b, "COMMIT");
}

static void woken_start_asks_again_while_another_daemon_runs_it(void **state) {
    (void)state;
    say(a, "SELECT headgate.meet('s', 'a', 'x', true)");
    assert_string_equal(start_woken(a, 10, LONG_AGO, "running"), "10");
    assert_string_equal(start_woken(a, 10, LONG_AGO, "running"), "10"); /* its answer was lost */
    assert_string_equal(start_woken(b, 11, LONG_AGO, "running"), "55P03");
    assert_string_equal(start_woken(b, 11, JUST_NOW, "running"), "11");
    say(a, "DELETE FROM headgate.run WHERE daemon = 'b (1)'");
    say(a, "UPDATE headgate.run SET outcome = 'failed'");
    assert_string_equal(start_woken(b, 11, LONG_AGO, "running"), "11");
    say(a, "DELETE FROM headgate.run WHERE daemon = 'b (1)'");
    say(a, "UPDATE headgate.run SET outcome = 'running'");
    assert_string_equal(start_woken(b, 11, LONG_AGO, "running"), "55P03");
    say(a, "UPDATE headgate.daemon SET seen = seen - interval '2 minutes'"); /* it was killed, and nobody starts it again */
    assert_string_equal(start_woken(b, 11, LONG_AGO, "running"), "11");
}

#define UNIT(name) cmocka_unit_test_setup(name, fresh)

int main(void) {
    const struct CMUnitTest tests[] = {
        UNIT(calendar_start_cuts_off_what_is_answered),
        UNIT(calendar_ranges_guard_each_occurrence),
        UNIT(calendar_record_fills_what_is_free),
        UNIT(calendar_record_takes_the_room_of_what_was_not_kept),
        UNIT(calendar_record_grows_to_the_next_row),
        UNIT(calendar_record_grows_where_no_row_follows),
        UNIT(calendar_gaps_are_for_the_daemon_to_judge),
        UNIT(chain_start_is_for_what_was_not_answered),
        UNIT(chain_start_waits_for_another_and_then_sees_it),
        UNIT(chain_start_that_was_not_heard_of_is_found_again),
        UNIT(chain_record_never_goes_back),
        UNIT(chain_question_tells_what_was_answered_and_what_has_ended),
        UNIT(woken_start_is_answered_by_what_began_since),
        UNIT(woken_start_takes_no_row_of_its_own_daemon_for_anothers),
        UNIT(woken_start_waits_for_what_is_under_way),
        UNIT(woken_start_asks_again_while_another_daemon_runs_it),
        UNIT(migration_goes_on_from_step_1),
        UNIT(migration_twice_makes_it_once),
        UNIT(migration_by_two_at_once_makes_it_once),
        UNIT(migration_on_the_extended_protocol_is_one_statement),
        UNIT(migration_without_rights_is_42501),
        UNIT(migration_as_a_file_is_the_same),
        UNIT(start_cuts_off_what_is_answered),
        UNIT(start_of_what_is_answered_is_hg001_or_the_key),
        UNIT(start_of_one_needs_its_key),
        UNIT(start_that_was_not_heard_of_is_found_again),
        UNIT(start_of_a_long_range_guards_its_end),
        UNIT(start_by_hand_is_not_cut),
        UNIT(start_by_hand_that_was_not_heard_of_is_found_again),
        UNIT(start_rolled_back_leaves_nothing),
        UNIT(start_of_a_held_key_waits),
        UNIT(start_of_a_range_waits_for_what_may_lie_across),
        UNIT(start_of_others_does_not_wait),
        UNIT(record_completes_what_is_there),
        UNIT(record_completes_a_row_that_was_cut),
        UNIT(record_of_a_run_that_answered_more_grows_its_row),
        UNIT(record_of_a_trigger_is_apart),
        UNIT(record_inserts_what_is_free),
        UNIT(record_takes_what_had_no_record),
        UNIT(record_of_a_held_key_says_which),
        UNIT(record_unknown_that_committed_is_ok),
        UNIT(record_unknown_that_rolled_back_is_failed),
        UNIT(record_unknown_without_a_claim_did_not_begin),
        UNIT(record_unknown_waits_for_the_old_transaction),
        UNIT(restore_ends_its_own_runs_alone),
        UNIT(restore_of_nothing_is_nothing),
        UNIT(restore_notes_when_an_interval_changed),
        UNIT(restore_fills_holes),
        UNIT(restore_looks_once_for_holes),
        UNIT(restore_leaves_an_elastic_tasks_stretch),
        UNIT(restore_leaves_what_is_under_way_elsewhere),
        UNIT(restore_counts_the_last_day),
        UNIT(restore_ignores_a_clock_that_was_years_ahead),
        UNIT(prune_by_age_keeps_the_newest),
        UNIT(prune_by_count_takes_the_oldest),
        UNIT(prune_of_a_large_table_counts_by_a_sample),
        UNIT(series_at_random_leaves_no_occurrence_twice),
        UNIT(both_at_once_start_each_occurrence_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
