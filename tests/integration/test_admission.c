/*
 * The application comes first: a foreground beside the daemon jumps, takes every slot, hides what it does and goes away.
 * Each test is one situation on a real server, and looks at the sessions that the server counts and at the words of the
 * dump. What was measured is printed.
 */
#include "foreground.h"
#include "one_server.h"
#include "sampler.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 23 /* for whoever is no superuser */
#define SIZE 8
#define RESERVE 10
#define OF_ROLE "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%' AND usename = 'tasks'"

static struct foreground foreground; /* its sessions are the application's, and the sampler's is one, too */

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=26 superuser_reserved_connections=3 log_lock_waits=off");
    query(conninfo, "CREATE ROLE web LOGIN");
    query(conninfo, "CREATE ROLE tasks LOGIN IN ROLE pg_monitor");
    query(conninfo, "CREATE ROLE blind LOGIN");
    query(conninfo, "CREATE ROLE few LOGIN IN ROLE pg_monitor CONNECTION LIMIT 3");
    query(conninfo, "CREATE TABLE done (task text, at timestamptz DEFAULT clock_timestamp())");
    query(conninfo, "GRANT ALL ON done TO PUBLIC");
    query(conninfo, "CREATE PROCEDURE stay() LANGUAGE plpgsql AS"
                    " $$ BEGIN WHILE to_regclass('staying') IS NOT NULL LOOP PERFORM pg_sleep(0.05); COMMIT; END LOOP; END $$");
    return 0;
}

/* A teardown: neither thread goes on into the next test. */
static int leave(void **state) {
    if (foreground.running)
        foreground_stop(&foreground);
    query(conninfo, "DROP TABLE IF EXISTS staying");
    return tidy(state);
}

static void watch(const char *sql) {
    sampler_start(conninfo, sql);
}

static long stop_watching(void) {
    return sampler_stop();
}

/* No other pressure than for slots: how fast a busy machine answers is not the matter here. */
#define SLOTS_ONLY "round_trip_high = 0\nactive_high = 0\nlock_waiters_high = 0\n"

/* Eight tasks that keep eight tokens busy; `pool` is lines for [pool p]. */
static void write_sleepers(struct process *process, const char *role, const char *pool) {
    char tasks[2048] = "";
    for (int i = 0; i < 8; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task s%d]\nevery = 300ms\noverlap = queue\nsql = SELECT pg_sleep(0.3)\n", i);
    ini_write(process, "[pool p]\nconninfo = %s user=%s\n" SLOTS_ONLY "%s\n%s", conninfo, role, pool, tasks);
}

static double seconds_since(int64_t since_us) {
    return (double)(clock_us() - since_us) / 1e6;
}

struct sum {
    int usable, application, ours, reserve, rest;
};

/* The first sum of the dump, added up: what is too many is below zero. */
static struct sum sum_of_dump(const char *dump, const char *scope) {
    struct sum sum;
    char sign, format[160];
    snprintf(format, sizeof format, "pool p %%d usable%s = %%d application + %%d ours + %%d reserve %%c %%d", scope);
    if (sscanf(strstr(dump, "pool p"), format, &sum.usable, &sum.application, &sum.ours, &sum.reserve, &sign, &sum.rest) != 6)
        fail_msg("no sum in\n%s", dump);
    sum.rest = sign == '-' ? -sum.rest : sum.rest;
    assert_int_equal(sum.usable, sum.application + sum.ours + sum.reserve + sum.rest);
    return sum;
}

/* A message of cmocka is cut at 1 KB. */
static void print_dump(const char *dump) {
    fputs(dump, stdout);
    fflush(stdout);
}

/* --- the foreground jumps --- */

/* Exactly the reserve is free when it jumps, and that is exactly what it takes. */
static void jump_by_the_reserve(struct process *process) {
    WAIT_UNTIL(process, pool_tokens(process, "p", "taken") == SIZE);
    foreground_wait(&foreground, 4 + RESERVE);
    assert_int_equal(foreground_refused(&foreground), 0);
}

/* It gets every slot but the sampler's and our floor's. */
static void take_all_that_is_left(struct process *process) {
    foreground_wait(&foreground, SLOTS - 2);
    WAIT_UNTIL(process, pool_tokens(process, "p", "held") == 1);
}

static void look_at_the_dump(struct process *process) {
    const char *dump;
    WAIT_UNTIL(process, strstr(dump = dump_of(process), "needs 1 of 23 slots: 22 are the application's, 10 kept for it, 1 ours"));
    print_dump(dump);
    struct sum sum = sum_of_dump(dump, "");
    assert_int_equal(sum.usable, SLOTS);
    assert_int_equal(sum.application, SLOTS - 1);
    assert_int_equal(sum.ours, 1);
    assert_int_equal(sum.reserve, RESERVE);
    assert_non_null(strstr(dump, "10 too many"));
    assert_non_null(strstr(dump, "no headroom: needs 1 of 23 slots"));
}

static void go_on_by_the_floor(struct process *process) {
    long opened = pool_number(process, "p", "opened"), ok = tasks_sum(process, "s", "ok");
    sampler_most();
    WAIT_UNTIL(process, tasks_sum(process, "s", "ok") >= ok + 16 && sampler_seen() >= 1);
    assert_int_equal(sampler_most(), 1);
    assert_int_equal(pool_number(process, "p", "opened"), opened);
    assert_int_equal(pool_tokens(process, "p", "held"), 1);
}

static void admission_foreground_that_jumps_gets_every_slot_and_tasks_come_back(void **state) {
    (void)state;
    struct process process;
    write_sleepers(&process, "tasks", "size = 8\nreserve = 10");
    foreground_start(&foreground, conninfo, "web", 4);
    watch(OF_ROLE);
    daemon_start(&process);
    jump_by_the_reserve(&process);
    take_all_that_is_left(&process);
    look_at_the_dump(&process);
    go_on_by_the_floor(&process);
    foreground_wait(&foreground, 4);
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "taken") > 1);
    assert_int_equal(tasks_sum(&process, "s", "failed"), 0);
    assert_int_equal(daemon_log_count(&process, "53300"), 0);
    daemon_stop(&process);
    stop_watching();
    foreground_stop(&foreground);
}

static void admission_full_server_leaves_the_floor_that_runs_every_task(void **state) {
    (void)state;
    struct process process;
    write_sleepers(&process, "tasks", "size = 8");
    foreground_start(&foreground, conninfo, "web", SLOTS - 1);
    daemon_start(&process);
    WAIT_UNTIL(&process, tasks_sum(&process, "s", "ok") >= 1); /* the last slot is its floor */
    foreground_want(&foreground, FOREGROUND_MOST);
    WAIT_UNTIL(&process, foreground_refused(&foreground) > 0);
    int64_t since_us = clock_us();
    int rounds = 3, least_s = getenv("HEADGATE_LONG") ? 600 : 0;
    WAIT_UNTIL(&process, tasks_least(&process, "s", "ok") >= rounds);
    while (seconds_since(since_us) < least_s) {
        rounds++;
        WAIT_UNTIL(&process, tasks_least(&process, "s", "ok") >= rounds);
    }
    print_message("each of 8 tasks ran %d times on the floor in %.1f s, the foreground was refused %ld times\n", rounds,
                  seconds_since(since_us), foreground_refused(&foreground));
    assert_int_equal(foreground_held(&foreground), SLOTS - 1);
    assert_int_equal(pool_number(&process, "p", "opened"), 1);
    assert_int_equal(pool_number(&process, "p", "peak"), 1);
    assert_int_equal(tasks_sum(&process, "s", "failed"), 0);
    assert_int_equal(daemon_log_count(&process, "53300") + daemon_log_count(&process, "connect_failed"), 0);
    daemon_stop(&process);
    foreground_stop(&foreground);
}

/* --- roles --- */

static void admission_role_limit_is_kept_and_named(void **state) {
    (void)state;
    struct process process;
    write_sleepers(&process, "few", "size = 8");
    watch("SELECT count(*) FROM pg_stat_activity WHERE usename = 'few'");
    daemon_start(&process);
    WAIT_UNTIL(&process, tasks_least(&process, "s", "ok") >= 3 && sampler_seen() >= 3);
    const char *dump;
    WAIT_UNTIL(&process, strstr(dump = dump_of(&process), "of 3 slots of the role: 0 are the application's, 0 kept for it, 3 ours"));
    print_dump(dump);
    struct sum sum = sum_of_dump(dump, " by the role's limit");
    assert_int_equal(sum.usable, 3);
    assert_int_equal(sum.ours, 3);
    assert_non_null(strstr(dump, "no headroom: needs"));
    assert_int_equal(tasks_sum(&process, "s", "failed"), 0);
    assert_int_equal(daemon_log_count(&process, "53300"), 0);
    assert_int_equal(server_log_count(&server, "too many connections for role \"few\""), 0);
    daemon_stop(&process);
    assert_int_equal(stop_watching(), 3);
}

static void check_says(const struct process *process, int code, const char *words) {
    const char *output;
    int got = shell(&output, "headgate check %s --connect", process->ini);
    if (got != code || !strstr(output, words))
        fail_msg("exit %d instead of %d, or no \"%s\" in\n%s", got, code, words, output);
    WAIT_UNTIL(process, query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'headgate check'") == 0);
}

static void admission_check_adds_up_as_the_gate_does(void **state) {
    (void)state;
    struct process process;
    write_sleepers(&process, "few", "size = 4\nreserve = 10");
    check_says(&process, 1, "size = 4 is more than the 3 slots by the role's limit; write size = 3");
    write_sleepers(&process, "few", "size = 3\nreserve = 10");
    check_says(&process, 0, "3 usable by the role's limit - 0 reserve - 3 for [pool p] = 0 for the rest");
    foreground_start(&foreground, conninfo, "few", 1); /* who is there now makes it tight, and is no fault of the file */
    check_says(&process, 0, "3 usable by the role's limit - 1 reserve - 1 in use by others = 1 for [pool p]\n"
                            "  TIGHT: at present only the floor");
    foreground_stop(&foreground);
    foreground_start(&foreground, conninfo, "web", 2);
    write_sleepers(&process, "tasks", "size = 4\nreserve = 10");
    daemon_start(&process);
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "taken") == 4);
    check_says(&process, 0, "- 2 in use by others = 11 for [pool p]\n  fits\n"); /* the daemon's own are none of them */
    foreground_wait(&foreground, 11);
    check_says(&process, 0, "TIGHT: at present the gate would hold back 2 of the 4 tokens");
    foreground_wait(&foreground, 13);
    check_says(&process, 0, "= 0 for [pool p]\n  TIGHT: at present only the floor");
    daemon_stop(&process);
    foreground_stop(&foreground);
    write_sleepers(&process, "tasks", "size = 4\nreserve = 23");
    check_says(&process, 1, "reserve = 23 leaves nothing of the 23 usable slots");
    write_sleepers(&process, "postgres", "size = 4\nreserve = 10");
    check_says(&process, 0, "26 usable - 10 reserve - 4 for [pool p] = 12 for the rest");
}

static void admission_blind_role_gets_half_until_it_may_see(void **state) {
    (void)state;
    struct process process;
    const char *output;
    write_sleepers(&process, "blind", "size = 8\nsample = 250ms");
    foreground_start(&foreground, conninfo, "web", 3);
    assert_int_equal(shell(&output, "headgate check %s --connect", process.ini), 0);
    assert_non_null(strstr(output, "BLIND        the state of 3 sessions cannot be seen, so half of the size is the most in force;"
                                   " GRANT pg_monitor TO blind"));
    print_message("%s", output);
    daemon_start(&process);
    WAIT_UNTIL(&process, tasks_least(&process, "s", "ok") >= 1 && pool_tokens(&process, "p", "limit") == SIZE / 2);
    watch(COUNT_OURS);
    WAIT_UNTIL(&process, tasks_least(&process, "s", "ok") >= 5 && sampler_seen() >= SIZE / 2);
    assert_int_equal(stop_watching(), SIZE / 2);
    /* the sampler's session was one, too, until its end is seen */
    const char *dump;
    WAIT_UNTIL(&process, strstr(dump = dump_of(&process), "the state of 3 sessions cannot be seen; GRANT pg_monitor to this pool's role"));
    print_dump(dump);
    assert_non_null(strstr(dump, "4 of 8 tokens in force: what 3 application sessions do cannot be seen"));
    query(conninfo, "GRANT pg_monitor TO blind");
    WAIT_UNTIL(&process, !dump_has(&process, "GRANT pg_monitor"));
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "taken") == SIZE);
    assert_int_equal(pool_tokens(&process, "p", "limit"), SIZE);
    daemon_stop(&process);
    foreground_stop(&foreground);
}

/* --- what a command opens itself --- */

/* By the name that it was given for its sessions. They stay until the test lets them go. */
static void admission_command_that_is_heavier_than_it_said_is_told(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "CREATE TABLE staying ()");
    ini_write(&process,
              "[pool p]\nconninfo = %s user=tasks\nsize = 6\nsample = 200ms\n" SLOTS_ONLY
              "[task beat]\nevery = 200ms\nsql = SELECT 1\n[task three]\n%stokens = 1\n"
              "command = sh -c 'for i in 1 2 3; do psql -Xqc \"CALL stay()\" >/dev/null & done; wait'\n",
              conninfo, never_due());
    daemon_start(&process);
    trigger(&process, "three");
    WAIT_UNTIL(&process, strstr(task_text(&process, "three", "note"), "it had 3 sessions: write tokens = 3"));
    const char *output;
    shell(&output, "grep event=heavier_than_declared %s", process.log);
    print_message("%s", output);
    assert_non_null(strstr(output, "task=three"));
    assert_non_null(strstr(output, "sessions=3"));
    query(conninfo, "DROP TABLE staying");
    WAIT_UNTIL(&process, task_number(&process, "three", "ok") == 1);
    assert_non_null(strstr(task_text(&process, "three", "note"), "it had 3 sessions: write tokens = 3"));
    daemon_stop(&process);
}

/* --- an outage --- */

/* One look lets one session go, and each further look that works one more: so the log has every number in its turn. */
static void assert_one_more_by_each_look(const struct process *process) {
    const char *output;
    shell(&output, "grep event=limit %s | sed -n '/could not be looked at/,$ s/.* tokens=\\([0-9]*\\).*/\\1/p' | tr '\\n' ' '", process->log);
    assert_string_equal(output, "1 2 3 4 5 6 7 8 ");
}

static void admission_sessions_come_back_one_by_one_after_an_outage(void **state) {
    (void)state;
    struct process process;
    write_sleepers(&process, "tasks", "size = 8");
    daemon_start(&process);
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "taken") == SIZE);
    server_do(&server, "stop", "immediate");
    WAIT_UNTIL(&process, dump_has(&process, "no connection for") && pool_tokens(&process, "p", "held") == 0);
    long ok = tasks_sum(&process, "s", "ok");
    server_do(&server, "restart", "immediate");
    WAIT_UNTIL(&process, pool_tokens(&process, "p", "taken") == SIZE);
    assert_one_more_by_each_look(&process);
    WAIT_UNTIL(&process, tasks_sum(&process, "s", "ok") >= ok + 32 && tasks_least(&process, "s", "ok") >= 2);
    daemon_stop(&process);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(admission_foreground_that_jumps_gets_every_slot_and_tasks_come_back, leave),
        cmocka_unit_test_teardown(admission_full_server_leaves_the_floor_that_runs_every_task, leave),
        cmocka_unit_test_teardown(admission_role_limit_is_kept_and_named, leave),
        cmocka_unit_test_teardown(admission_check_adds_up_as_the_gate_does, leave),
        cmocka_unit_test_teardown(admission_blind_role_gets_half_until_it_may_see, leave),
        cmocka_unit_test_teardown(admission_command_that_is_heavier_than_it_said_is_told, leave),
        cmocka_unit_test_teardown(admission_sessions_come_back_one_by_one_after_an_outage, leave),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return run_all(tests, start, stop);
}
