/*
 * Guards on the real thing: what `when` answers, that a no starts no work and leaves no row, whatever the work is, and
 * what two daemons and a kill do to it.
 */
#include "one_server.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=30 log_statement=all");
    query(conninfo, "CREATE TABLE open (yes bool, gate int)");
    query(conninfo, "INSERT INTO open VALUES (false, 0)");
    query(conninfo, "CREATE TABLE done (task text)");
    query(conninfo, "CREATE TABLE shut (began timestamptz, ended timestamptz)");
    return 0;
}

#define YES "when = SELECT yes FROM open\n"
#define EVERY "every = 50ms\n"

static void say(bool yes) {
    query(conninfo, yes ? "UPDATE open SET yes = true; UPDATE shut SET ended = clock_timestamp() WHERE ended IS NULL"
                        : "UPDATE open SET yes = false; INSERT INTO shut VALUES (clock_timestamp())");
}

/* The row of a run that answers all of a time in which the guard said no. */
#define ANSWERS_A_NO " EXISTS (SELECT FROM shut WHERE due < began AND due_until > ended)"

static long done_count(const char *task) {
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM done WHERE task = '%s'", task);
    return query_number(conninfo, sql);
}

static long row_count(const char *task) {
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM headgate.run WHERE task = '%s'", task);
    return query_number(conninfo, sql);
}

static bool has_file(const struct process *process, const char *name) {
    return shell(NULL, "test -e $(dirname %s)/%s", process->ini, name) == 0;
}

/* --- one question, as a person would try it --- */

struct question {
    const char *name, *when;
    int code;
    const char *told; /* in the words of `run --once` */
    bool works;
};

static const struct question questions[] = {
    /* yes, and the ways to say no */
    {"exists", "SELECT EXISTS (SELECT 1)", 0, "exists: ok", true},
    {"exists_not", "SELECT EXISTS (SELECT WHERE false)", 0, "exists_not: nothing", false},
    {"of_null", "SELECT NULL::bool", 0, ": when said no", false},
    {"no_row", "SELECT true WHERE false", 0, ": when said no", false},
    {"values", "VALUES (true)", 0, "values: ok", true},
    {"more_columns", "SELECT true, 2", 0, "more_columns: ok", true},
    {"domain", "SELECT 't'::bool", 0, "domain: ok", true},
    /* what is no answer */
    {"int", "SELECT 1", 1, "when must return boolean; it returned integer", false},
    {"int_of_none", "SELECT 1 WHERE false", 1, "when must return boolean; it returned integer", false},
    {"text", "SELECT 't'::text", 1, "when must return boolean; it returned text", false},
    {"odd", "SELECT '(1,2)'::point", 1, "when must return boolean; it returned a type of oid 600", false},
    {"bare", "SELECT FROM open", 1, "when must return boolean; it returned no column", false},
    {"rows", "SELECT i > 5 FROM generate_series(1, 100000) i", 1, "more than one row", false},
    {"several", "SELECT true; SELECT true", 1, "cannot insert multiple commands", false},
    {"empty", "-- nobody asks", 1, "when must return boolean; it was empty", false},
    {"wrong", "SELECT yeah FROM open", 1, "yeah", false},
    /* what it may not do */
    {"writes", "INSERT INTO done VALUES ('by a guard') RETURNING true", 1, "read-only transaction", false},
    {"opens", "SELECT set_config('transaction_read_only', 'off', true) = 'off'", 1, "read-write mode", false},
    {"commits", "COMMIT", 1, "transaction command", false},
    {"calls", "CALL nobody()", 1, "does not exist", false},
};

static void guards_say_yes_or_no_or_fail_and_write_nothing(void **state) {
    (void)state;
    const size_t count = sizeof questions / sizeof *questions;
    struct process process;
    char tasks[8192];
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(tasks + used, sizeof tasks - used, "[task %s]\nwhen = %s\nsql = INSERT INTO done VALUES ('%s')\n",
                                   questions[i].name, questions[i].when, questions[i].name);
    ini_write(&process, "[pool p]\nconninfo = %s\n%s", conninfo, tasks);
    for (size_t i = 0; i < count; i++) {
        const struct question *question = &questions[i];
        const char *told;
        int code = shell(&told, "headgate run %s --once %s 2>&1", process.ini, question->name);
        if (code != question->code || !strstr(told, question->told))
            fail_msg("%s: %d, %s", question->name, code, told);
        assert_int_equal(done_count(question->name), question->works);
    }
    assert_int_equal(done_count("by a guard"), 0);
}

/* What the server can tell without asking them. */
static void check_connect_names_the_guards_that_cannot_be_asked(void **state) {
    (void)state;
    struct process process;
    const char *told;
    ini_write(&process,
                "[pool p]\nconninfo = %s\nsize = 2\n"
                "[task fine]\nwhen = SELECT yes FROM open\nsql = SELECT 1\n"
                "[task int]\nwhen = SELECT 1\nsql = SELECT 1\n"
                "[task none]\nwhen = SELECT FROM open\nsql = SELECT 1\n"
                "[task two]\nwhen = SELECT true; SELECT true\nsql = SELECT 1\n"
                "[task lost]\nwhen = SELECT true FROM nowhere\ncommand = true\n"
                "[task off]\nwhen = SELECT 1\ncommand = true\nenabled = off\n",
                conninfo);
    assert_int_equal(shell(&told, "headgate check %s --connect 2>&1", process.ini), 1);
    static const char *const lines[] = {"GUARD        [task int]: when must return boolean; it returned integer; write SELECT EXISTS",
                                        "GUARD        [task none]: when must return boolean; it returned no column",
                                        "GUARD        [task two]: ERROR:  cannot insert multiple commands",
                                        "GUARD        [task lost]: ERROR:  relation \"nowhere\" does not exist"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(told, lines[i]))
            fail_msg("%s is not in:\n%s", lines[i], told);
    assert_true(!strstr(told, "[task fine]:") && !strstr(told, "[task off]:"));
}

/* What it leaves in its session is cleaned after; what only lasts for its transaction is no more. */
static void guards_leave_nothing_to_the_next_run(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE done");
    ini_write(&process,
                "[pool p]\nconninfo = %s\nsize = 1\n[task t]\n" EVERY "when = SELECT set_config('work_mem', '99kB', false) = '99kB'\n"
                "sql = INSERT INTO done SELECT current_setting('work_mem') || current_setting('transaction_read_only')\n",
                conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 20);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM done WHERE task <> '4MBoff'"), 0);
    assert_true(query_number(conninfo, "SELECT count(*) FROM done") >= 20);
}

/* Through PgBouncer in transaction mode: each has a transaction of its own, all in one segment, and a guard that fails leaves none
 * open. */
static void guards_behind_a_pooler_read_only_too(void **state) {
    (void)state;
    struct process process;
    struct pgbouncer pgbouncer;
    pgbouncer_start(&pgbouncer, &server, "");
    say(true);
    query(conninfo, "TRUNCATE done");
    ini_write(&process,
                "[pool p]\nconninfo = %s\nsize = 2\n[task t]\n" EVERY YES "sql = INSERT INTO done VALUES ('t')\n"
                "[task writes]\n" EVERY "hold_after = 0\nwhen = INSERT INTO done VALUES ('by a guard') RETURNING true\nsql = SELECT 1\n"
                "[task int]\n" EVERY "hold_after = 0\nwhen = SELECT 1\nsql = SELECT 1\n"
                "[task no]\n" EVERY "when = SELECT set_config('work_mem', '99kB', false) IS NULL\nsql = SELECT 1\n",
                pgbouncer.conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 20);
    WAIT_UNTIL(&process, task_number(&process, "no", "nothing") >= 20);
    WAIT_UNTIL(&process, task_number(&process, "writes", "failed") >= 20);
    WAIT_UNTIL(&process, task_number(&process, "int", "failed") >= 20);
    WAIT_UNTIL(&process, strstr(task_text(&process, "writes", "note"), "read-only transaction"));
    WAIT_UNTIL(&process, strstr(task_text(&process, "int", "note"), "it returned integer"));
    assert_int_equal(done_count("by a guard"), 0);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    pgbouncer_stop(&pgbouncer);
}

/* It is taken at its task's word, and is no breach of that by itself. */
static void guards_keep_the_word_of_a_clean_task(void **state) {
    (void)state;
    struct process process;
    say(true);
    ini_write(&process,
                "[pool p]\nconninfo = %s\nsize = 1\n[task t]\n" EVERY YES "sql = SELECT 1\nsession = clean\n"
                "[task u]\n" EVERY "when = SELECT set_config('work_mem', '99kB', false) = '99kB'\nsql = SELECT 1\nsession = clean\n",
                conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, daemon_log_count(&process, "left=\"setting work_mem\"") >= 1);
    WAIT_UNTIL(&process, strstr(task_text(&process, "u", "note"), "write session = discard"));
    long ok = task_number(&process, "t", "ok");
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= ok + 60);
    assert_int_equal(daemon_log_count(&process, "read_only"), 0);
    assert_null(strstr(task_text(&process, "t", "note"), "session = discard"));
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* --- no, and then yes --- */

static void a_no_starts_nothing_and_leaves_no_row(const char *history) {
    struct process process;
    bool kept = strcmp(history, "on") == 0;
    say(false);
    query(conninfo, "TRUNCATE done; SET client_min_messages = error; DROP SCHEMA IF EXISTS headgate CASCADE");
    ini_write(&process,
                "[headgate]\nlog_level = info\n[pool p]\nconninfo = %s\nhistory = %s\n"
                "[task of_sql]\n" EVERY YES "sql = INSERT INTO done VALUES ('of_sql')\n"
                "[task apart]\n" EVERY YES "sql = INSERT INTO done VALUES ('apart')\ntransaction = off\n"
                "[task of_command]\n" EVERY YES "command = touch command\ntokens = 0\n"
                "[task heavy]\n" EVERY YES "command = touch heavy\ntokens = 2\n"
                "[task staged]\n" EVERY YES "read = SELECT 1 AS id\nwork = sh -c 'touch work; cat'\n"
                "write = INSERT INTO done SELECT 'staged' WHERE $1::text > ''\n"
                "[task outside]\n" EVERY YES "work = sh -c 'touch outside; echo 1'\nwrite = INSERT INTO done SELECT 'outside' WHERE $1::text > ''\n",
                conninfo, history);
    daemon_start(&process);
    static const char *const tasks[] = {"of_sql", "apart", "of_command", "heavy", "staged", "outside"};
    static const char *const files[] = {"command", "heavy", "work", "outside"};
    for (size_t i = 0; i < 6; i++)
        WAIT_UNTIL(&process, task_number(&process, tasks[i], "nothing") >= 20);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(task_number(&process, tasks[i], "ok") + task_number(&process, tasks[i], "failed"), 0);
    for (size_t i = 0; i < 4; i++)
        assert_false(has_file(&process, files[i]));
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM done"), 0);
    if (kept)
        assert_int_equal(query_number(conninfo, "SELECT count(*) FROM headgate.run WHERE outcome <> 'skipped'"), 0);
    assert_string_equal(task_text(&process, "of_sql", "last"), "nothing");
    assert_true(dump_has(&process, "when said no "));
    assert_int_equal(daemon_log_count(&process, " nothing "), 0);
    say(true);
    for (size_t i = 0; i < 6; i++)
        WAIT_UNTIL(&process, task_number(&process, tasks[i], "ok") >= 3);
    for (size_t i = 0; i < 4; i++)
        assert_true(has_file(&process, files[i]));
    if (kept)
        for (size_t i = 0; i < 6; i++)
            WAIT_UNTIL(&process, row_count(tasks[i]) >= 3);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void a_no_starts_nothing_without_a_history(void **state) {
    (void)state;
    a_no_starts_nothing_and_leaves_no_row("off");
}

static void a_no_starts_nothing_and_leaves_no_row_of_history(void **state) {
    (void)state;
    a_no_starts_nothing_and_leaves_no_row("on");
}

/* Of what was due between two rows nothing is said, neither by the next start nor once the guard has left the file. */
static void what_a_guard_said_no_to_is_no_hole(void **state) {
    (void)state;
    struct process process;
    static const char *const file =
        "[pool p]\nconninfo = %s\nhistory = on\n[task t]\n" EVERY "catch_up = %s\n%ssql = INSERT INTO done VALUES ('t')\n";
    say(true);
    query(conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS headgate CASCADE");
    ini_write(&process, file, conninfo, "once", YES);
    daemon_start(&process);
    for (int i = 1; i <= 2; i++) {
        WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 3 * i);
        say(false);
        long said_no = task_number(&process, "t", "nothing");
        WAIT_UNTIL(&process, task_number(&process, "t", "nothing") >= said_no + 20);
        say(true);
    }
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 9);
    static const char *const catch_ups[] = {"once", "skip", "skip"};
    for (int i = 0; i < 3; i++) {
        daemon_kill(&process);
        ini_rewrite(&process, file, conninfo, catch_ups[i], i < 2 ? YES : "");
        daemon_start(&process);
        WAIT_UNTIL(&process, history_is_on(&process));
        WAIT_UNTIL(&process, row_count("t") >= 15 + 3 * i);
        assert_int_equal(query_number(conninfo, "SELECT count(*) FROM headgate.run WHERE reason = 'no record of it was kept'"), 0);
        if (i < 2)
            assert_int_equal(query_number(conninfo, "SELECT count(*) FROM headgate.run WHERE outcome = 'missed' OR" ANSWERS_A_NO), 0);
    }
    daemon_stop(&process);
}

/* --- two daemons --- */

static void of_two_daemons_both_ask_and_one_works(void **state) {
    (void)state;
    struct process one, other;
    static const char *const file = "[headgate]\nname = two\n[pool p]\nconninfo = %s\nhistory = on\n[task t]\nevery = 20ms\n"
                                    "when = SELECT yes FROM open\ncommand = true\n";
    say(false);
    query(conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS headgate CASCADE");
    ini_write(&one, file, conninfo);
    ini_write(&other, file, conninfo);
    daemon_start(&one);
    daemon_start(&other);
    WAIT_UNTIL(&one, task_number(&one, "t", "nothing") >= 20);
    WAIT_UNTIL(&other, task_number(&other, "t", "nothing") >= 20);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM headgate.run WHERE outcome <> 'skipped'"), 0);
    say(true);
    WAIT_UNTIL(&one, row_count("t") >= 200);
    daemon_kill(&one);
    long rows = row_count("t");
    WAIT_UNTIL(&other, row_count("t") >= rows + 20);
    assert_int_equal(daemon_end(&other, SIGTERM), 0);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM headgate.history a JOIN headgate.history b USING (service, task)"
                                            " WHERE a.due < b.due AND a.due_until >= b.due"),
                     0);
}

/* --- a kill in between --- */

/* Killed with its guard's question on the way, or after the yes: the row tells, and the next start looks again. */
static void killed_before_the_claim_leaves_no_row(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS headgate CASCADE; TRUNCATE done");
    ini_write(&process,
                "[pool p]\nconninfo = %s\nhistory = on\n[task t]\n%swhen = SELECT true FROM (SELECT pg_advisory_lock(7)) l\n"
                "sql = INSERT INTO done VALUES ('t')\n",
                conninfo, never_due());
    PGconn *conn = PQconnectdb(conninfo);
    PQclear(PQexec(conn, "SELECT pg_advisory_lock(7)"));
    daemon_start(&process);
    trigger(&process, "t");
    WAIT_UNTIL(&process, strcmp(task_text(&process, "t", "state"), "asking") == 0);
    daemon_kill(&process);
    depart(conn);
    assert_int_equal(row_count("t") + done_count("t"), 0);
    daemon_start(&process);
    trigger(&process, "t");
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") == 1);
    assert_int_equal(done_count("t"), 1);
    WAIT_UNTIL(&process, row_count("t") == 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* --- failures --- */

static void a_guard_that_fails_is_tried_again_and_held(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS headgate CASCADE; UPDATE open SET gate = 0");
    ini_write(&process,
                "[pool p]\nconninfo = %s\nhistory = on\n[task t]\n" EVERY "retries = 1\nretry_delay = 1ms\nhold_after = 3\nhold = 1h\n"
                "when = SELECT 1 / gate = 1 FROM open\ncommand = touch started\n",
                conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, strcmp(task_text(&process, "t", "state"), "on hold") == 0);
    assert_int_equal(task_number(&process, "t", "failed"), 3);
    assert_int_equal(task_number(&process, "t", "retried"), 3);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM headgate.history WHERE outcome = 'failed' AND attempts = 2"
                                                " AND message LIKE '%division by zero%'") == 3);
    query(conninfo, "UPDATE open SET gate = 1");
    const char *told;
    assert_int_equal(shell(&told, "headgate trigger %s t", process.ini), 0);
    assert_non_null(strstr(told, "its guard (when) is asked first"));
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 1);
    assert_true(has_file(&process, "started"));
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* The second attempt asks anew. What has failed once is on record, whatever the guard says then. */
static void a_second_attempt_asks_again(void **state) {
    (void)state;
    struct process process;
    say(true);
    query(conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS headgate CASCADE");
    ini_write(&process,
                "[pool p]\nconninfo = %s\nhistory = on\n[task t]\n%s" YES "retries = 5\nretry_delay = 1ms\n"
                "command = sh -c 'echo x >> tries; psql -qc \"UPDATE open SET yes = false\" && exit 3'\n",
                conninfo, never_due());
    daemon_start(&process);
    trigger(&process, "t");
    WAIT_UNTIL(&process, task_number(&process, "t", "nothing") == 1);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM headgate.history WHERE outcome = 'ok' AND attempts = 2"
                                                " AND reason = 'its guard (when) said no'") == 1);
    assert_int_equal(shell(NULL, "test $(wc -l <$(dirname %s)/tries) = 1", process.ini), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* A command's guard is cancelled on its session, and its session closed when it does not answer. */
static void a_guard_has_the_timeout_of_its_task(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\n[task t]\n%stimeout = 100ms\nwhen = SELECT pg_sleep(1000) IS NULL\ncommand = true\n",
                conninfo, never_due());
    daemon_start(&process);
    trigger(&process, "t");
    WAIT_UNTIL(&process, task_number(&process, "t", "failed") == 1);
    assert_string_equal(task_text(&process, "t", "last"), "timeout");
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* Many that say no need no more sessions than one. */
static void guards_share_one_session(void **state) {
    (void)state;
    struct process process;
    say(false);
    ini_write(&process, "[pool p]\nconninfo = %s\n", conninfo);
    for (int i = 0; i < 40; i++)
        assert_int_equal(shell(NULL, "printf '[task t%d]\\nevery = 100ms\\n" "when = SELECT yes FROM open\\ncommand = touch started\\n' >>%s", i, process.ini), 0);
    daemon_start(&process);
    WAIT_UNTIL(&process, tasks_least(&process, "t", "nothing") >= 30);
    assert_false(has_file(&process, "started"));
    assert_true(pool_number(&process, "p", "opened") <= 4);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(guards_say_yes_or_no_or_fail_and_write_nothing, tidy),
        cmocka_unit_test_teardown(check_connect_names_the_guards_that_cannot_be_asked, tidy),
        cmocka_unit_test_teardown(guards_leave_nothing_to_the_next_run, tidy),
        cmocka_unit_test_teardown(guards_behind_a_pooler_read_only_too, tidy),
        cmocka_unit_test_teardown(guards_keep_the_word_of_a_clean_task, tidy),
        cmocka_unit_test_teardown(a_no_starts_nothing_without_a_history, tidy),
        cmocka_unit_test_teardown(a_no_starts_nothing_and_leaves_no_row_of_history, tidy),
        cmocka_unit_test_teardown(what_a_guard_said_no_to_is_no_hole, tidy),
        cmocka_unit_test_teardown(of_two_daemons_both_ask_and_one_works, tidy),
        cmocka_unit_test_teardown(killed_before_the_claim_leaves_no_row, tidy),
        cmocka_unit_test_teardown(a_guard_that_fails_is_tried_again_and_held, tidy),
        cmocka_unit_test_teardown(a_second_attempt_asks_again, tidy),
        cmocka_unit_test_teardown(a_guard_has_the_timeout_of_its_task, tidy),
        cmocka_unit_test_teardown(guards_share_one_session, tidy),
    };
    return run_all(tests, start, stop);
}
