/*
 * Tasks that are due by calendar, on a daemon and its history: what runs, what was missed, what has no record, and two
 * daemons of one service. The calendar's seconds lie on no grid; SQL says by itself which they are.
 */
#include "one_server.h"

#include <signal.h>
#include <stdio.h>

#define SECONDS     "*/2,1-59/5"
#define IS_DUE(at)  "(extract(second FROM " at ")::int % 2 = 0 OR extract(second FROM " at ")::int % 5 = 1)"
#define CRON        "cron = " SECONDS " * * * * *\n"
#define SQL_TASK    "[task sql]\n" CRON "sql = INSERT INTO done VALUES ('sql')\n"
#define ALL_TASKS                                                                                                      \
    SQL_TASK "[task off]\n" CRON "transaction = off\nsql = INSERT INTO done VALUES ('off')\n"                         \
             "[task command]\n" CRON "command = psql -XAqtc \"INSERT INTO done VALUES ('command')\"\n"                \
             "[task staged]\n" CRON "read = SELECT 1 AS id\nwork = cat\n"                                             \
             "write = INSERT INTO done SELECT 'staged' WHERE $1::jsonb ? 'id'\n"

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=40");
    query(conninfo, "CREATE TABLE done (task text, at timestamptz DEFAULT clock_timestamp())");
    return 0;
}

static void write_file(struct process *process, const char *tasks) {
    ini_write(process, "[headgate]\nname = shop\nspool = %s\n[pool p]\nconninfo = %s\nsize = 4\nhistory = on\n%s",
              server.directory, conninfo, tasks);
}

static void begin(struct process *process, const char *tasks) {
    query(conninfo, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS headgate CASCADE; TRUNCATE done");
    write_file(process, tasks);
    daemon_start(process);
    WAIT_UNTIL(process, history_is_on(process));
}

static long rows(const char *condition) {
    char sql[1024];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM headgate.history WHERE %s", condition);
    return query_number(conninfo, sql);
}

/* Of the rows that are to be none. */
static void assert_none(const char *what, const char *from) {
    const char *output;
    char sql[2048];
    snprintf(sql, sizeof sql, "SELECT count(*) %s", from);
    if (query_number(conninfo, sql) == 0)
        return;
    shell(&output, "psql -Xd '%s' -c 'SET timezone = UTC' -c \"SELECT * %s LIMIT 10\" -c 'SELECT task, due, due_until,"
                   " occurrences, outcome, reason FROM headgate.history ORDER BY task, due'",
          conninfo, from);
    fail_msg("%s: %s", what, output);
}

/* Each instant of the calendar between a task's first row and its last is in one row, and no other; and rows count them. */
static void assert_accounted(void) {
    assert_none("rows that do not count what they hold",
                "FROM headgate.history WHERE occurrences <> (SELECT count(*) FROM generate_series(due, due_until, '1 second')"
                " at WHERE " IS_DUE("at") ") OR NOT " IS_DUE("due"));
    assert_none("instants in two rows", "FROM (SELECT due, lag(due_until) OVER (PARTITION BY task ORDER BY due) AS last"
                                        " FROM headgate.history) h WHERE last >= due");
    assert_none("instants in no row",
                "FROM (SELECT task, min(due) AS first, max(due_until) AS last, sum(occurrences) AS count FROM headgate.history"
                " GROUP BY task) t WHERE count <> (SELECT count(*) FROM generate_series(first, last, '1 second') at WHERE " IS_DUE(
                    "at") ")");
}

static void calendars_of_each_kind_are_run_and_on_record(void **state) {
    (void)state;
    struct process process;
    static const char *const kinds[] = {"sql", "off", "command", "staged"};
    begin(&process, ALL_TASKS);
    for (size_t i = 0; i < 4; i++) {
        char condition[64];
        snprintf(condition, sizeof condition, "task = '%s' AND outcome = 'ok'", kinds[i]);
        WAIT_UNTIL(&process, rows(condition) >= 3);
    }
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_accounted();
    assert_none("runs and rows differ", "FROM (SELECT task, count(*) FROM done GROUP BY task EXCEPT SELECT task, count(*)"
                                        " FROM headgate.history WHERE outcome = 'ok' GROUP BY task) d");
    assert_none("rows that are not as they should be", "FROM headgate.history WHERE outcome NOT IN ('ok', 'skipped')");
}

static void calendars_that_were_missed_are_one_run(void **state) {
    (void)state;
    struct process process;
    begin(&process, SQL_TASK);
    WAIT_UNTIL(&process, rows("outcome = 'ok'") >= 2);
    daemon_kill(&process);
    /* a week before, with 300 000 instants and more */
    query(conninfo, "UPDATE headgate.task SET known = known - interval '7 days', checked = checked - interval '7 days';"
                    "DELETE FROM headgate.run WHERE occurrences IS NULL;"
                    "UPDATE headgate.run SET due = due - interval '7 days', due_until = due_until - interval '7 days'");
    daemon_start(&process);
    WAIT_UNTIL(&process, rows("outcome = 'ok' AND occurrences > 300000") == 1 && rows("outcome = 'ok' AND occurrences = 1") >= 4);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_accounted();
}

/* It answers one occurrence, and there are rows before and behind it. */
#define AMONG_OTHERS                                                                                                   \
    "outcome = 'ok' AND occurrences = 1 AND due > (SELECT min(due) FROM headgate.history)"                             \
    " AND due < (SELECT max(due) FROM headgate.history)"

static void calendars_without_a_record_have_a_row_that_says_so(void **state) {
    (void)state;
    struct process process;
    begin(&process, SQL_TASK);
    WAIT_UNTIL(&process, rows(AMONG_OTHERS) >= 1);
    daemon_kill(&process);
    query(conninfo, "DELETE FROM headgate.run WHERE due = (SELECT min(due) FROM headgate.history WHERE " AMONG_OTHERS ")");
    daemon_start(&process);
    WAIT_UNTIL(&process, rows("outcome = 'lost' AND reason = 'no record of it was kept'") == 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_accounted();
    assert_int_equal(rows("outcome = 'lost'"), 1);
}

static void calendars_of_two_daemons_run_once(void **state) {
    (void)state;
    struct process one, two;
    begin(&one, ALL_TASKS);
    write_file(&two, ALL_TASKS);
    daemon_start(&two);
    WAIT_UNTIL(&two, history_is_on(&two));
    long before = rows("outcome = 'ok'");
    WAIT_UNTIL(&two, rows("outcome = 'ok'") >= before + 20);
    daemon_kill(&one);
    before = rows("outcome = 'ok'");
    WAIT_UNTIL(&two, rows("outcome = 'ok'") >= before + 8);
    daemon_start(&one);
    WAIT_UNTIL(&one, history_is_on(&one));
    before = rows("outcome = 'ok'");
    WAIT_UNTIL(&two, rows("outcome = 'ok'") >= before + 8);
    assert_int_equal(daemon_end(&one, SIGTERM), 0);
    assert_int_equal(daemon_end(&two, SIGTERM), 0);
    assert_accounted();
    assert_none("transactions without their row",
                "FROM (SELECT count(*) FROM done WHERE task = 'sql' EXCEPT SELECT count(*) FROM headgate.history"
                " WHERE task = 'sql' AND outcome = 'ok') d");
}

/* A file that says another calendar has other instants from then on; the same one goes on. */
static void calendars_of_another_file_begin_anew(void **state) {
    (void)state;
    struct process process;
    begin(&process, SQL_TASK);
    WAIT_UNTIL(&process, rows("outcome = 'ok'") >= 2);
    ini_rewrite(&process, "[headgate]\nname = shop\nspool = %s\n[pool p]\nconninfo = %s\nsize = 4\nhistory = on\n"
                          "[task sql]\ncron = */2 * * * * *\nsql = INSERT INTO done VALUES ('other')\n",
                server.directory, conninfo);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    daemon_start(&process);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM done WHERE task = 'other'") >= 2);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_none("instants of a calendar that was not in force", "FROM headgate.history WHERE outcome = 'lost'");
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM headgate.task WHERE calendar = '*/2 * * * * * UTC'"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(calendars_of_each_kind_are_run_and_on_record, tidy),
        cmocka_unit_test_teardown(calendars_that_were_missed_are_one_run, tidy),
        cmocka_unit_test_teardown(calendars_without_a_record_have_a_row_that_says_so, tidy),
        cmocka_unit_test_teardown(calendars_of_two_daemons_run_once, tidy),
        cmocka_unit_test_teardown(calendars_of_another_file_begin_anew, tidy),
    };
    return run_all(tests, start, stop);
}
