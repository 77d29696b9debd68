/*
 * Tasks that come after others, on the real daemon and server: each link of a chain runs once for each release,
 * whatever is killed, restarted, paused or run elsewhere. What a link saw it writes in its own transaction: what
 * its row in the history says that it answers.
 */
#include "one_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static unsigned seed;
static bool is_long;
static char second[600]; /* conninfo of the second pool's database */

/* What a link writes: its release, from its own row, which is in its transaction. */
#define SAW                                                                                                            \
    "CREATE TABLE seen (number serial, task text, due timestamptz, released jsonb);"                                   \
    "CREATE FUNCTION see(name text) RETURNS void LANGUAGE sql AS $$"                                                   \
    " INSERT INTO public.seen (task, due, released) SELECT r.task, r.due, r.released FROM headgate.run r"              \
    " WHERE r.task = name AND r.occurrences IS NOT NULL ORDER BY r.due DESC LIMIT 1 $$;"                                \
    "CREATE TABLE switch (fails bool); INSERT INTO switch VALUES (false);"

static int start(void **state) {
    const char *given = getenv("HEADGATE_SEED");
    (void)state;
    seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    is_long = getenv("HEADGATE_LONG") != NULL;
    fprintf(stderr, "HEADGATE_SEED=%u\n", seed);
    server_start(&server, "max_connections=40 synchronous_commit=on");
    query(conninfo, "CREATE DATABASE second");
    snprintf(second, sizeof second, "%s dbname=second", conninfo);
    return 0;
}

/* Random moments are what is tested here, not hoped for. */
static void pass(int64_t us) {
    nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}

static void reset(const char *where) {
    query(where, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS headgate CASCADE;"
                 "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
                 "SET check_function_bodies = off;" SAW);
}

static void reset_both(void) {
    reset(conninfo);
    reset(second);
}

/* The links of the long chain: odd ones in the first database, even ones in the second. */
#define LINKS 5

/* when: of the first. */
static void write_chain(struct process *process, const char *top, const char *when) {
    ini_write(process,
              "%s[pool x]\nconninfo = %s\nsize = 3\nhistory = on\n[pool y]\nconninfo = %s\nsize = 3\nhistory = on\n"
              "[task l1]\n%spool = x\nsql = SELECT see('l1')\n"
              "[task l2]\nafter = l1\npool = y\nsql = SELECT see('l2')\n"
              "[task l3]\nafter = l2\npool = x\nsql = SELECT see('l3')\n"
              "[task l4]\nafter = l3\npool = y\nsql = SELECT see('l4')\n"
              "[task l5]\nafter = l4\npool = x\nsql = SELECT see('l5')\n",
              top, conninfo, second, when);
}

static const char *database_of(int link) {
    return link % 2 ? conninfo : second;
}

static long number(const char *where, const char *format, ...) __attribute__((format(printf, 2, 3)));

static long number(const char *where, const char *format, ...) {
    char sql[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    return query_number(where, sql);
}

static long seen(const char *where, const char *task) {
    return number(where, "SELECT count(*) FROM seen WHERE task = '%s'", task);
}

/* Of the link's last run that counts, in microseconds. */
static long last_end(int link) {
    return number(database_of(link),
                  "SELECT coalesce(max((extract(epoch FROM due_until) * 1000000)::int8), 0) FROM headgate.run"
                  " WHERE task = 'l%d' AND outcome = 'ok'",
                  link);
}

static long last_answered(int link) {
    return number(database_of(link), "SELECT coalesce(max((released ->> 'l%d')::int8), 0) FROM seen WHERE task = 'l%d'",
                  link - 1, link);
}

static bool all_went_on(void) {
    for (int link = 2; link <= LINKS; link++)
        if (last_answered(link) != last_end(link - 1))
            return false;
    return true;
}

/* Each release that a link saw is one that its row has, and no other row; and it is of a run that ended. */
static void assert_each_release_once(void) {
    for (int link = 1; link <= LINKS; link++) {
        const char *where = database_of(link);
        assert_int_equal(number(where, "SELECT count(*) FROM seen s WHERE task = 'l%d' AND NOT EXISTS (SELECT FROM headgate.run r"
                                       " WHERE r.task = s.task AND r.due = s.due AND r.outcome = 'ok')", link), 0);
        assert_int_equal(number(where, "SELECT count(*) FROM headgate.run r WHERE task = 'l%d' AND outcome = 'ok' AND"
                                       " (SELECT count(*) FROM seen s WHERE s.task = r.task AND s.due = r.due) <> 1", link), 0);
        if (link == 1)
            continue;
        assert_int_equal(number(where, "SELECT count(*) - count(DISTINCT released) FROM seen WHERE task = 'l%d'", link), 0);
        assert_int_equal(number(where, "SELECT count(*) FROM (SELECT (released ->> 'l%d')::int8 AS us,"
                                       " lag((released ->> 'l%d')::int8) OVER (ORDER BY number) AS before FROM seen"
                                       " WHERE task = 'l%d') s WHERE us <= before", link - 1, link - 1, link), 0);
    }
}

/* By a person, through the daemon. */
static void command(const struct process *process, const char *verb, const char *task) {
    const char *output;
    if (shell(&output, "headgate %s %s %s", verb, process->ini, task) != 0)
        fail_msg("%s", output);
}

/* --- a chain that is cut --- */

static void chain_daemon_killed_at_any_moment_runs_each_link_once_for_each_release(void **state) {
    struct process process;
    (void)state;
    reset_both();
    write_chain(&process, "", "every = 250ms\n");
    daemon_start(&process);
    WAIT_UNTIL(&process, seen(conninfo, "l5") > 0);
    for (int i = 0; i < (is_long ? 100 : 8); i++) {
        pass(rand_r(&seed) % 600000);
        daemon_kill(&process);
        daemon_start(&process);
        if (i % 10 == 9)
            WAIT_UNTIL(&process, task_number(&process, "l5", "ok") > 0);
    }
    long before = seen(conninfo, "l5");
    WAIT_UNTIL(&process, seen(conninfo, "l5") > before);
    command(&process, "pause", "l1");
    WAIT_UNTIL(&process, all_went_on());
    daemon_stop(&process);
    assert_each_release_once();
}

static void make_links_slow(int ms) {
    char sql[400];
    snprintf(sql, sizeof sql,
             "CREATE OR REPLACE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS"
             " 'BEGIN PERFORM pg_sleep(%d / 1000.0); RETURN NEW; END';"
             " CREATE TRIGGER slowly BEFORE INSERT ON seen FOR EACH ROW EXECUTE FUNCTION slowly()",
             ms);
    query(conninfo, sql);
    query(second, sql);
}

/* One release at a time, so that none is merged with the next: what is cut has to go on by itself. */
static void chain_cut_by_a_kill_goes_on_where_it_was(void **state) {
    struct process process;
    (void)state;
    reset_both();
    make_links_slow(20);
    write_chain(&process, "", "");
    daemon_start(&process);
    for (int i = 1; i <= (is_long ? 100 : 8); i++) {
        command(&process, "trigger", "l1");
        pass(rand_r(&seed) % 150000);
        daemon_kill(&process);
        daemon_start(&process);
        WAIT_UNTIL(&process, pool_number(&process, "x", "samples") > 0 && task_number(&process, "l1", "running") == 0);
        if (seen(conninfo, "l1") < i) /* it was killed before that was done */
            command(&process, "trigger", "l1");
        WAIT_UNTIL(&process, seen(conninfo, "l5") >= i);
        for (int link = 1; link <= LINKS; link++) {
            char name[8];
            snprintf(name, sizeof name, "l%d", link);
            if (seen(database_of(link), name) != i)
                fail_msg("after %d releases %s ran %ld times", i, name, seen(database_of(link), name));
        }
    }
    daemon_stop(&process);
    assert_each_release_once();
}

/* --- two daemons of one service --- */

#define ONE_SERVICE "[headgate]\nname = chains\n"

/* Either has what is due; what the other ran is learned from the history, and goes on here when the other is killed. */
static void chain_of_two_daemons_goes_on_when_one_is_killed(void **state) {
    struct process daemons[2];
    (void)state;
    reset_both();
    for (int i = 0; i < 2; i++)
        write_chain(&daemons[i], ONE_SERVICE, "every = 500ms\nphase = 0\n");
    for (int i = 0; i < 2; i++)
        daemon_start(&daemons[i]);
    WAIT_UNTIL(&daemons[0], seen(conninfo, "l5") > 0);
    for (int i = 0; i < (is_long ? 50 : 4); i++) {
        struct process *killed = &daemons[i % 2], *left = &daemons[(i + 1) % 2];
        pass(rand_r(&seed) % 900000);
        daemon_kill(killed);
        long before = seen(conninfo, "l5"), ended = last_end(1);
        WAIT_UNTIL(left, seen(conninfo, "l5") > before && last_answered(2) >= ended);
        daemon_start(killed);
    }
    for (int i = 0; i < 2; i++)
        command(&daemons[i], "pause", "l1");
    WAIT_UNTIL(&daemons[0], all_went_on());
    for (int i = 0; i < 2; i++)
        daemon_stop(&daemons[i]);
    assert_each_release_once();
}

/* The only release for a while: who is left finishes it, whoever had begun it. */
static void chain_begun_by_a_daemon_that_is_killed_is_finished_by_the_other(void **state) {
    (void)state;
    for (int i = 0; i < (is_long ? 7 : 3); i++) { /* two folders each, and a test has sixteen */
        struct process daemons[2];
        char when[64];
        reset_both();
        make_links_slow(200);
        snprintf(when, sizeof when, "every = 30s\nphase = %lds\n", (long)((time(NULL) + 5) % 30));
        for (int j = 0; j < 2; j++) {
            write_chain(&daemons[j], ONE_SERVICE, when);
            daemon_start(&daemons[j]);
        }
        WAIT_UNTIL(&daemons[0], last_end(1) > 0);
        pass(rand_r(&seed) % 1000000);
        daemon_kill(&daemons[i % 2]);
        WAIT_UNTIL(&daemons[(i + 1) % 2], seen(conninfo, "l5") > 0 && all_went_on());
        if (seen(conninfo, "l1") == 1)
            assert_int_equal(seen(second, "l2") + seen(conninfo, "l3") + seen(second, "l4") + seen(conninfo, "l5"), 4);
        daemon_stop(&daemons[(i + 1) % 2]);
        assert_each_release_once();
    }
}

/* --- what counts, and what is told --- */

static void chain_of_all_kinds_of_work_counts_the_ends_that_it_asks_for(void **state) {
    struct process process;
    (void)state;
    reset_both();
    ini_write(&process,
              "[pool x]\nconninfo = %s\nsize = 3\nhistory = on\n"
              "[task first]\nretries = 0\nhold_after = 0\n"
              "sql = SELECT 1 / (CASE WHEN fails THEN 0 ELSE 1 END) FROM switch\n"
              "[task staged]\nafter = first\nread = SELECT 1 AS one\nwork = cat\nwrite = SELECT $1\n"
              "[task program]\nafter = staged\ncommand = true\ntokens = 0\n"
              "[task last]\nafter = program, first\nsql = SELECT see('last')\n"
              "[task alarm]\nafter = first, last\nafter_any = on\nafter_outcome = failed\nsql = SELECT see('alarm')\n"
              "[task each]\nafter = first\nafter_outcome = any\nsql = SELECT see('each')\n",
              conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, dump_has(&process, "after first: runs when it is triggered"));
    trigger(&process, "first");
    WAIT_UNTIL(&process, seen(conninfo, "last") == 1 && seen(conninfo, "each") == 1);
    assert_int_equal(seen(conninfo, "alarm"), 0);
    query(conninfo, "UPDATE switch SET fails = true");
    trigger(&process, "first");
    WAIT_UNTIL(&process, seen(conninfo, "alarm") == 1 && seen(conninfo, "each") == 2);
    assert_int_equal(task_number(&process, "staged", "ok"), 1);
    query(conninfo, "UPDATE switch SET fails = false");
    trigger(&process, "program"); /* by hand: its end counts, and first has not ended ok since */
    WAIT_UNTIL(&process, task_number(&process, "program", "ok") == 2 && dump_has(&process, "after first: runs when"));
    assert_int_equal(seen(conninfo, "last"), 1);
    daemon_end(&process, SIGTERM); /* what has ended is known after a restart, too */
    daemon_start(&process);
    WAIT_UNTIL(&process, history_is_on(&process) && dump_has(&process, "after first: runs when it is triggered"));
    query(conninfo, "UPDATE switch SET fails = false");
    trigger(&process, "last"); /* answers nothing */
    WAIT_UNTIL(&process, task_number(&process, "last", "ok") == 2);
    command(&process, "pause", "staged");
    trigger(&process, "first");
    WAIT_UNTIL(&process, task_number(&process, "staged", "skipped") == 1 && seen(conninfo, "last") == 3);
    WAIT_UNTIL(&process, number(conninfo, "SELECT count(*) FROM headgate.history WHERE task = 'staged' AND outcome = 'skipped'"
                                          " AND released ? 'first'") == 1);
    command(&process, "resume", "staged");
    trigger(&process, "first");
    WAIT_UNTIL(&process, seen(conninfo, "last") == 4);
    daemon_stop(&process);
}

/* What ends while it runs makes it due once more, whether the daemon is stopped meanwhile or not. */
static void chain_end_while_it_runs_is_not_lost(void **state) {
    struct process process;
    (void)state;
    reset_both();
    ini_write(&process,
              "[pool x]\nconninfo = %s\nsize = 3\nhistory = on\n"
              "[task first]\nsql = SELECT 1\n"
              "[task then]\nafter = first\nsql = SELECT see('then'), pg_advisory_lock_shared(7), pg_advisory_unlock_all()\n",
              conninfo);
    daemon_start(&process);
    PGconn *holder = PQconnectdb(conninfo);
    PQclear(PQexec(holder, "SELECT pg_advisory_lock(7)"));
    trigger(&process, "first");
    WAIT_UNTIL(&process, task_number(&process, "then", "running") == 1);
    for (int i = 2; i < 4; i++) {
        trigger(&process, "first");
        WAIT_UNTIL(&process, task_number(&process, "first", "ok") == i);
    }
    assert_int_equal(task_number(&process, "then", "running"), 1);
    PQclear(PQexec(holder, "SELECT pg_advisory_unlock(7)"));
    WAIT_UNTIL(&process, seen(conninfo, "then") == 2);
    PQclear(PQexec(holder, "SELECT pg_advisory_lock(7)"));
    trigger(&process, "first");
    WAIT_UNTIL(&process, task_number(&process, "then", "running") == 1);
    trigger(&process, "first");
    WAIT_UNTIL(&process, task_number(&process, "first", "ok") == 5);
    daemon_stop(&process); /* cancels it */
    PQfinish(holder);
    daemon_start(&process);
    WAIT_UNTIL(&process, seen(conninfo, "then") == 3);
    assert_int_equal(number(conninfo, "SELECT count(DISTINCT released) FROM seen"), 3);
    daemon_stop(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(chain_daemon_killed_at_any_moment_runs_each_link_once_for_each_release, tidy),
        cmocka_unit_test_teardown(chain_cut_by_a_kill_goes_on_where_it_was, tidy),
        cmocka_unit_test_teardown(chain_of_two_daemons_goes_on_when_one_is_killed, tidy),
        cmocka_unit_test_teardown(chain_begun_by_a_daemon_that_is_killed_is_finished_by_the_other, tidy),
        cmocka_unit_test_teardown(chain_of_all_kinds_of_work_counts_the_ends_that_it_asks_for, tidy),
        cmocka_unit_test_teardown(chain_end_while_it_runs_is_not_lost, tidy),
    };
    return run_all(tests, start, stop);
}
