/*
 * Groups on a real server: tasks of SQL in two pools, a command and a staged task, of which one is under way at a time.
 */
#include "one_server.h"

#include <signal.h>
#include <string.h>

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=40");
    query(conninfo, "CREATE TABLE span (id serial, task text, began timestamptz, ended timestamptz)");
    return 0;
}

#define POOLS                                                                                                          \
    "[pool p]\nconninfo = %1$s\nsize = 4\nhistory = on\n[pool q]\nconninfo = %1$s\nsize = 4\nhistory = on\n"
#define NOTES(task, length)                                                                                            \
    "WITH s AS (SELECT clock_timestamp() AS began, pg_sleep(" length ")) INSERT INTO span (task, began, ended) SELECT '" task \
    "', began, clock_timestamp() FROM s"

/* Each would run all the time. */
#define MEMBERS(group)                                                                                                 \
    "[task a]\nevery = 50ms\npool = p\n" group "sql = " NOTES("a", "0.03") "\n"                                       \
    "[task b]\nevery = 50ms\npool = q\n" group "sql = " NOTES("b", "0.03") "\n"                                       \
    "[task c]\nevery = 50ms\npool = q\n" group "command = psql -qc \"" NOTES("c", "0.03") "\"\n"                      \
    "[task d]\nevery = 50ms\npool = p\n" group                                                                         \
    "read = INSERT INTO span (task, began) VALUES ('d', clock_timestamp()) RETURNING id\nwork = cat\n"                  \
    "write = UPDATE span SET ended = clock_timestamp() WHERE id = ($1::jsonb->>'id')::int\n"

static long overlaps(void) {
    return query_number(conninfo, "SELECT count(*) FROM span x JOIN span y ON x.id < y.id AND x.began < y.ended "
                                  "AND y.began < x.ended");
}

static void one_is_under_way_at_a_time_over_two_pools(void **state) {
    struct process process;
    (void)state;
    ini_write(&process, POOLS "[group g]\nlimit = 1\n" MEMBERS("group = g\n"), conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "a", "ok") >= 8 && task_number(&process, "b", "ok") >= 8 &&
                             task_number(&process, "c", "ok") >= 8 && task_number(&process, "d", "ok") >= 8);
    assert_int_equal(overlaps(), 0);
    ini_rewrite(&process, POOLS MEMBERS(""), conninfo); /* without it they do: the test can fail */
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, overlaps() > 0);
    daemon_stop(&process);
}

#define SLEEPS(task, pool) "[task " task "]\n%2$spool = " pool "\ngroup = g\nsql = SELECT pg_sleep(3600)\n"

static void end_sleeper(void) {
    query(conninfo, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
}

static void who_waits_says_who_is_in_the_way(void **state) {
    struct process process;
    const char *output;
    (void)state;
    ini_write(&process, POOLS "[group g]\nlimit = 1\n" SLEEPS("monthly", "p") SLEEPS("weekly", "q"), conninfo,
              never_due());
    daemon_start(&process);
    trigger(&process, "monthly");
    WAIT_UNTIL(&process, strcmp(task_text(&process, "monthly", "state"), "running") == 0);
    trigger(&process, "weekly");
    WAIT_UNTIL(&process, dump_has(&process, "waits for group g (1 of 1): monthly runs for"));
    assert_true(dump_has(&process, "group g         limit 1    running 1    waiting 1    monthly runs for"));
    assert_int_equal(pool_tokens(&process, "q", "taken"), 0);
    assert_int_equal(pool_number(&process, "q", "waiting"), 0);
    assert_int_equal(shell(&output, "headgate status %s --metrics", process.ini), 0);
    assert_non_null(strstr(output, "headgate_group_limit{group=\"g\"} 1\n"));
    assert_non_null(strstr(output, "headgate_group_running{group=\"g\"} 1\n"));
    assert_non_null(strstr(output, "headgate_group_waiting{group=\"g\"} 1\n"));
    end_sleeper();
    WAIT_UNTIL(&process, strcmp(task_text(&process, "weekly", "state"), "running") == 0);
    daemon_stop(&process);
}

/* The limit is raised while one is under way: the next one goes at once. */
static void reload_of_the_limit_lets_the_next_one_go(void **state) {
    struct process process;
    (void)state;
    ini_write(&process, POOLS "[group g]\nlimit = 1\n" SLEEPS("monthly", "p") SLEEPS("weekly", "q"), conninfo,
              never_due());
    daemon_start(&process);
    trigger(&process, "monthly");
    WAIT_UNTIL(&process, strcmp(task_text(&process, "monthly", "state"), "running") == 0);
    trigger(&process, "weekly");
    WAIT_UNTIL(&process, dump_has(&process, "waits for group g (1 of 1)"));
    ini_rewrite(&process, POOLS "[group g]\nlimit = 2\n" SLEEPS("monthly", "p") SLEEPS("weekly", "q"), conninfo,
                never_due());
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, strcmp(task_text(&process, "weekly", "state"), "running") == 0);
    assert_string_equal(task_text(&process, "monthly", "state"), "running");
    daemon_stop(&process);
}

/* A pool whose server is away keeps nobody of the group from his turn. */
static void a_dead_pool_stops_no_other(void **state) {
    struct process process;
    (void)state;
    ini_write(&process,
              "[pool dead]\nconninfo = host=/nowhere dbname=postgres\n[pool p]\nconninfo = %s\n"
              "[group g]\nlimit = 1\n"
              "[task gone]\nevery = 100ms\npool = dead\ngroup = g\nsql = SELECT 1\n"
              "[task goes]\nevery = 100ms\npool = p\ngroup = g\nsql = SELECT 1\n",
              conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "goes", "ok") >= 20);
    assert_int_equal(task_number(&process, "gone", "ok"), 0);
    daemon_stop(&process);
}

static void check_tells_of_groups(void **state) {
    struct process process;
    const char *output;
    (void)state;
    ini_write(&process,
              "[pool p]\nconninfo = %s\n[group g]\nlimit = 2\n[group h]\nlimit = 1\n"
              "[task a]\nevery = 1s\nsql = SELECT 1\ngroup = g\n",
              conninfo);
    assert_int_equal(shell(&output, "headgate check %s", process.ini), 0);
    assert_non_null(strstr(output, "group g: never more than 2 runs at a time; 1 task\n"));
    assert_non_null(strstr(output, "group h: WARNING, it limits nothing: no task has group = h\n"));
    assert_int_equal(shell(&output, "headgate simulate %s --for 1h", process.ini), 0);
    assert_non_null(strstr(output, "group g: 2 at a time, 0.0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(one_is_under_way_at_a_time_over_two_pools, tidy),
        cmocka_unit_test_teardown(who_waits_says_who_is_in_the_way, tidy),
        cmocka_unit_test_teardown(reload_of_the_limit_lets_the_next_one_go, tidy),
        cmocka_unit_test_teardown(a_dead_pool_stops_no_other, tidy),
        cmocka_unit_test_teardown(check_tells_of_groups, tidy),
    };
    return run_all(tests, start, stop);
}
