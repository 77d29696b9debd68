/*
 * Two files on one database: of one service, which share what is due, or of two, which have nothing of each
 * other's.
 */
#include "one_server.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static int set_up(void **state) {
    (void)state;
    server_start(&server, "max_connections=40");
    query(conninfo, "CREATE TABLE done (who text, at timestamptz DEFAULT clock_timestamp())");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    server_destroy(&server);
    return 0;
}

static int fresh(void **state) {
    (void)state;
    query(conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS headgate CASCADE; TRUNCATE done");
    return 0;
}

#define POOL "[pool p]\nconninfo = %s\nhistory = on\n"
#define TASK "[task cleanup]\nevery = 200ms\nphase = 0s\nsql = INSERT INTO done VALUES ('%s')\n"

/* By the name that its path has, unless it says one itself. */
static void write_file(struct process *process, const char *base, const char *top, const char *who) {
    char path[200];
    ini_write(process, "%s" POOL TASK, top, conninfo, who);
    snprintf(path, sizeof path, "%.*s/%s", (int)(strrchr(process->ini, '/') - process->ini), process->ini, base);
    assert_int_equal(rename(process->ini, path), 0);
    snprintf(process->ini, sizeof process->ini, "%s", path);
}

static long number(const char *format, const char *who) {
    char sql[600];
    snprintf(sql, sizeof sql, format, who);
    if (!query_number(conninfo, "SELECT (to_regclass('headgate.history') IS NOT NULL)::int"))
        return -1; /* not made yet */
    return query_number(conninfo, sql);
}

static bool prints(const struct process *file, const char *command, const char *piece) {
    const char *output;
    shell(&output, "headgate %s %s %s", command, file->ini, strcmp(command, "check") == 0 ? "--connect" : "");
    return strstr(output, piece) != NULL;
}

/* Occurrences of one service that more than one row answers. */
#define TWICE                                                                                                          \
    "SELECT count(*) FROM (SELECT 1 FROM headgate.run WHERE occurrences > 0 GROUP BY service, task, due"               \
    " HAVING count(*) > 1) r"

static void services_of_two_names_share_nothing(void **state) {
    (void)state;
    struct process a, b;
    write_file(&a, "a.ini", "", "a");
    write_file(&b, "b.ini", "", "b");
    daemon_start(&a);
    daemon_start(&b);
    WAIT_UNTIL(&a, number("SELECT count(*) FROM headgate.history WHERE service = '%s' AND outcome = 'ok'", "a") >= 10);
    WAIT_UNTIL(&b, number("SELECT count(*) FROM headgate.history WHERE service = '%s' AND outcome = 'ok'", "b") >= 10);
    assert_int_equal(daemon_end(&a, SIGTERM), 0);
    assert_int_equal(daemon_end(&b, SIGTERM), 0);
    /* each occurrence between the first and the last is on record for each of them */
    for (const char *who = "a"; *who; who = *who == 'a' ? "b" : "") {
        assert_int_equal(number("SELECT sum(occurrences) - (extract(epoch FROM max(due_until) - min(due)) * 5)::int - 1"
                                " FROM headgate.history WHERE service = '%s'", who), 0);
        assert_int_equal(number("SELECT (SELECT count(*) FROM done WHERE who = '%1$s') - count(*) FROM headgate.history"
                                " WHERE service = '%1$s' AND outcome = 'ok'", who), 0);
    }
    assert_int_equal(daemon_log_count(&a, "name_shared") + daemon_log_count(&b, "name_shared"), 0);
    assert_int_equal(number("SELECT count(*) FROM headgate.run WHERE outcome IN ('lost', 'running')%s", ""), 0);
    assert_true(prints(&a, "history", "cleanup  ok"));
    query(conninfo, "DELETE FROM headgate.run WHERE service = 'b'");
    assert_true(prints(&a, "history", "cleanup  ok"));
    assert_true(prints(&b, "history", "nothing on record"));
    assert_true(prints(&a, "check", "kept by the name a\n"));
    assert_false(prints(&a, "check", "NAME"));
}

static void services_of_one_file_on_two_hosts_share_what_is_due(void **state) {
    (void)state;
    struct process a, b;
    write_file(&a, "shop.ini", "", "x");
    write_file(&b, "shop.ini", "", "x");
    daemon_start(&a);
    daemon_start(&b);
    WAIT_UNTIL(&a, number("SELECT count(*) FROM headgate.history WHERE service = '%s' AND outcome = 'ok'", "shop") >= 20);
    assert_int_equal(daemon_end(&a, SIGTERM), 0);
    assert_int_equal(daemon_end(&b, SIGTERM), 0);
    assert_int_equal(query_number(conninfo, TWICE), 0);
    assert_int_equal(number("SELECT count(*) FROM headgate.run WHERE service <> '%s'", "shop"), 0);
    assert_int_equal(number("SELECT (SELECT count(*) FROM done) - count(*) FROM headgate.history WHERE outcome = 'ok'%s", ""), 0);
    assert_int_equal(daemon_log_count(&a, "name_shared") + daemon_log_count(&b, "name_shared"), 0);
    assert_false(prints(&a, "check", "NAME"));
}

/* Whether the file says the name or its path does. */
static void services_of_one_name_and_other_tasks_are_told(void **state) {
    (void)state;
    struct process a, b;
    write_file(&a, "shop.ini", "", "a");
    write_file(&b, "other.ini", "[headgate]\nname = shop\n", "b");
    daemon_start(&a);
    daemon_start(&b);
    WAIT_UNTIL(&a, daemon_log_count(&a, "event=name_shared pool=p name=shop by=") == 1);
    WAIT_UNTIL(&b, daemon_log_count(&b, "event=name_shared pool=p name=shop by=") == 1);
    assert_int_equal(daemon_log_count(&a, b.ini), 1);
    WAIT_UNTIL(&a, prints(&a, "status", "  history     the name shop is also that of ") && prints(&a, "status", b.ini));
    assert_true(prints(&b, "check", "  NAME         shop is also that of "));
    assert_int_equal(daemon_end(&a, SIGTERM), 0);
    assert_int_equal(daemon_end(&b, SIGTERM), 0);
}

/* It stays the daemon's own under a new name: what it left running is found, what is due begins anew. */
static void services_name_may_change(void **state) {
    (void)state;
    struct process a;
    write_file(&a, "a.ini", "", "a");
    daemon_start(&a);
    WAIT_UNTIL(&a, number("SELECT count(*) FROM headgate.history WHERE service = '%s' AND outcome = 'ok'", "a") >= 3);
    ini_rewrite(&a, "[headgate]\nname = shop-2\n" POOL TASK, conninfo, "a");
    kill(a.pid, SIGHUP);
    WAIT_UNTIL(&a, number("SELECT count(*) FROM headgate.history WHERE service = '%s' AND outcome = 'ok'", "shop-2") >= 3);
    assert_int_equal(daemon_end(&a, SIGTERM), 0);
    assert_int_equal(number("SELECT count(*) FROM headgate.run WHERE outcome IN ('lost', 'running')%s", ""), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(services_of_two_names_share_nothing, fresh, tidy),
        cmocka_unit_test_setup_teardown(services_of_one_file_on_two_hosts_share_what_is_due, fresh, tidy),
        cmocka_unit_test_setup_teardown(services_of_one_name_and_other_tasks_are_told, fresh, tidy),
        cmocka_unit_test_setup_teardown(services_name_may_change, fresh, tidy),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
