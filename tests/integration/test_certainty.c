/*
 * The history of runs against everything that ends a daemon, a server or a line in the middle of something: what is on
 * record is what was done, each occurrence once.
 */
#include "one_server.h"
#include "certainty.h"
#include "netns.h"
#include "proxy.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static unsigned seed;
static bool is_long;

static int start(void **state) {
    (void)state;
    const char *given = getenv("HEADGATE_SEED");
    seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    is_long = getenv("HEADGATE_LONG") != NULL;
    fprintf(stderr, "HEADGATE_SEED=%u\n", seed);
    /* what the server said is committed has to be there after a crash */
    server_start(&server, "--tcp max_connections=40 synchronous_commit=on");
    return 0;
}

/* Random moments are what is tested here, not hoped for. */
static void pass(int64_t us) {
    nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}

static void begin_trial(struct certainty *trial, struct process *process, const char *daemon_conninfo) {
    *trial = (struct certainty){.conninfo = conninfo, .first = process, .every_ms = trial->every_ms};
    certainty_reset(trial);
    certainty_ini(trial, process, daemon_conninfo, "");
}

/* --- the daemon is killed --- */

/* Until shortly after the task's next due instant, as far as its runs tell when that is. */
static void pass_until_due(const char *task, int64_t and_us) {
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT coalesce((SELECT (every_us - (extract(epoch FROM clock_timestamp()) * 1000000"
             " - extract(epoch FROM due) * 1000000)::bigint %% every_us)"
             " FROM (SELECT due, extract(epoch FROM every)::bigint * 1000000 + extract(milliseconds FROM every)::bigint"
             " %% 1000 * 1000 AS every_us FROM headgate.run JOIN watched USING (task) WHERE task = '%s' LIMIT 1) AS run), 0)",
             task);
    int64_t us = query_number(conninfo, "SELECT (to_regclass('headgate.run') IS NOT NULL)::int") ? query_number(conninfo, sql) : 0;
    pass(us + and_us);
}

/* The run of one task after the other, as it starts; every fifth time at any moment, its start included. */
static void pass_to_a_bad_moment(int i) {
    static const int under_way_us[CERTAINTY_TASKS] = {8000, 8000, 20000, 40000};
    int task = i % (CERTAINTY_TASKS + 1);
    if (task == CERTAINTY_TASKS)
        pass(rand_r(&seed) % 600000);
    else
        pass_until_due(certainty_tasks[task], rand_r(&seed) % under_way_us[task]);
}

static void certainty_daemon_killed_at_any_moment_loses_and_repeats_nothing(void **state) {
    (void)state;
    struct process process;
    struct certainty trial = {0};
    const long none[CERTAINTY_TASKS] = {0};
    begin_trial(&trial, &process, conninfo);
    certainty_start(&trial, &process);
    for (int i = 0; i < (is_long ? 200 : 6); i++) {
        pass_to_a_bad_moment(i);
        daemon_kill(&process);
        daemon_start(&process);
        if (i % 10 == 9)
            WAIT_UNTIL(&process, certainty_goes_on(&process, none, 1));
    }
    certainty_stop(&trial, &process, 1);
}

/* The dead daemon's backend goes on with what it was sent. */
static void certainty_write_that_outlives_its_daemon_is_not_done_again(void **state) {
    (void)state;
    struct process process;
    struct certainty trial = {0};
    begin_trial(&trial, &process, conninfo);
    query(conninfo, "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS"
                    " 'BEGIN PERFORM pg_sleep(0.4); RETURN NEW; END'");
    query(conninfo, "CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON answer DEFERRABLE INITIALLY DEFERRED"
                    " FOR EACH ROW EXECUTE FUNCTION slowly()"); /* in COMMIT */
    certainty_start(&trial, &process);
    for (int i = 0; i < (is_long ? 10 : 2); i++) {
        WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") > 0);
        daemon_kill(&process);
        daemon_start(&process);
        const long none[CERTAINTY_TASKS] = {0};
        WAIT_UNTIL(&process, certainty_goes_on(&process, none, 1));
    }
    query(conninfo, "DROP TRIGGER slowly ON answer; DROP FUNCTION slowly");
    certainty_stop(&trial, &process, 1);
}

/* --- the server is --- */

static void certainty_server_stopped_at_once_is_told_right(void **state) {
    (void)state;
    struct process process;
    struct certainty trial = {0};
    begin_trial(&trial, &process, conninfo);
    certainty_start(&trial, &process);
    for (int i = 0; i < (is_long ? 50 : 2); i++) {
        long since[CERTAINTY_TASKS];
        certainty_counts(&process, since);
        WAIT_UNTIL(&process, certainty_goes_on(&process, since, 1));
        pass(rand_r(&seed) % 400000);
        server_do(&server, "restart", "immediate");
    }
    certainty_stop(&trial, &process, 1);
}

static void certainty_server_and_daemon_killed_together_lose_and_repeat_nothing(void **state) {
    (void)state;
    struct process process;
    struct certainty trial = {0};
    begin_trial(&trial, &process, conninfo);
    certainty_start(&trial, &process);
    for (int i = 0; i < (is_long ? 30 : 2); i++) {
        const long none[CERTAINTY_TASKS] = {0};
        WAIT_UNTIL(&process, certainty_goes_on(&process, none, 1));
        server_do(&server, "stop", "immediate");
        pass(rand_r(&seed) % 1500000); /* what ended meanwhile waits to be recorded */
        daemon_kill(&process);
        if (i % 2)
            daemon_start(&process);
        server_do(&server, "restart", "fast");
        if (!process.pid)
            daemon_start(&process);
    }
    certainty_stop(&trial, &process, 1);
}

/* --- the line is cut --- */

static void certainty_line_cut_in_a_transaction_is_told_right(void **state) {
    (void)state;
    struct process process;
    struct proxy proxy;
    struct certainty trial = {0};
    char socket_path[256], through[256];
    snprintf(socket_path, sizeof socket_path, "%s/.s.PGSQL.%ld", server.directory,
             query_number(conninfo, "SELECT setting FROM pg_settings WHERE name = 'port'"));
    proxy_start(&proxy, socket_path, seed);
    snprintf(through, sizeof through, "host=127.0.0.1 port=%d user=postgres dbname=postgres", proxy.port);
    begin_trial(&trial, &process, through);
    certainty_start(&trial, &process);
    for (int i = 0; i < (is_long ? 300 : 10); i++) {
        proxy_arm(&proxy);
        WAIT_UNTIL(&process, proxy_cut_count(&proxy) == i + 1);
        pass(rand_r(&seed) % 300000);
    }
    fprintf(stderr, "%ld of %ld cuts on the way back\n", proxy_late_cut_count(&proxy), proxy_cut_count(&proxy));
    certainty_stop(&trial, &process, 1);
    proxy_stop(&proxy);
}

/* --- two hosts --- */

/* On the address of each host's link, too. */
static void listen_for(const struct netns hosts[2]) {
    char sql[256];
    snprintf(sql, sizeof sql, "ALTER SYSTEM SET listen_addresses = '127.0.0.1,%s,%s'", hosts[0].address, hosts[1].address);
    query(conninfo, sql);
    assert_int_equal(shell(NULL, "printf 'host all all %s/29 trust\\n' >>%s/data/pg_hba.conf", hosts[0].address, server.directory), 0);
    server_do(&server, "restart", "fast");
}

#define TWO_EVERY_MS 500

struct two_hosts {
    struct netns hosts[2];
    struct process processes[2];
    char through[2][256];
};

static struct two_hosts two; /* closed by the teardown, whatever became of the test */

static bool two_hosts_open(void) {
    memset(&two, 0, sizeof two);
    if (!netns_open(&two.hosts[0], 0) || !netns_open(&two.hosts[1], 1))
        return false;
    listen_for(two.hosts);
    for (int i = 0; i < 2; i++)
        snprintf(two.through[i], sizeof two.through[i], "host=%s port=%ld user=postgres dbname=postgres",
                 two.hosts[i].address, query_number(conninfo, "SELECT setting FROM pg_settings WHERE name = 'port'"));
    return true;
}

static int tidy_hosts(void **state) {
    tidy(state);
    netns_close(&two.hosts[0]);
    netns_close(&two.hosts[1]);
    return 0;
}

static void note(const char *what, int host) {
    char line[64];
    time_t now = time(NULL);
    strftime(line, sizeof line, "%H:%M:%S", gmtime(&now));
    fprintf(stderr, "%s host %d %s\n", line, host, what);
}

/* Cut off for a while, killed, brought back; what the other one does meanwhile. */
static void cut_off(int gone) {
    struct process *cut = &two.processes[gone], *other = &two.processes[!gone];
    long since[CERTAINTY_TASKS];
    pass(rand_r(&seed) % 500000);
    int64_t cut_us = clock_us(), for_us = (is_long ? 60 : 5) * INT64_C(1000000);
    certainty_counts(other, since);
    note("is cut off", gone);
    netns_set_link(&two.hosts[gone], false);
    WAIT_UNTIL(other, certainty_goes_on(other, since, 4));
    int64_t left_us = cut_us + for_us - clock_us();
    pass(left_us > 0 ? left_us : 0);
    daemon_kill(cut);
    certainty_counts(other, since);
    WAIT_UNTIL(other, certainty_goes_on(other, since, 4));
    note("is back", gone);
    netns_set_link(&two.hosts[gone], true);
    netns_daemon_start(&two.hosts[gone], cut);
    WAIT_UNTIL(cut, history_is_on(cut)); /* it is there: from now on the other one may be gone */
}

static void certainty_two_hosts_start_each_occurrence_once(void **state) {
    (void)state;
    struct certainty trial = {.every_ms = TWO_EVERY_MS};
    if (!two_hosts_open())
        skip();
    begin_trial(&trial, &two.processes[0], two.through[0]);
    certainty_ini(&trial, &two.processes[1], two.through[1], "");
    for (int i = 0; i < 2; i++)
        netns_daemon_start(&two.hosts[i], &two.processes[i]);
    certainty_begin(&trial);
    WAIT_UNTIL(two.processes, query_number(conninfo, "SELECT count(*) FROM headgate.run WHERE outcome = 'ok'") >= 20);
    for (int i = 0; i < (is_long ? 4 : 2); i++) /* one, then the other */
        cut_off(i % 2);
    certainty_stop(&trial, two.processes, 2);
}

/* Its backend waits for what will never be sent, and has locked what the other one needs. */
static void certainty_transaction_of_a_host_that_is_gone_ends(void **state) {
    (void)state;
    struct certainty trial = {.conninfo = conninfo};
    if (!two_hosts_open())
        skip();
    certainty_reset(&trial);
    for (int i = 0; i < 2; i++)
        ini_write(&two.processes[i],
                  "[pool p]\nconninfo = %s\nsize = 4\nhistory = on\n[task counter]\nevery = 1s\nsql =\n"
                  "    UPDATE counter SET n = n + 1;\n    SELECT pg_sleep(0.5)\n", /* the simple protocol: COMMIT is sent later */
                  two.through[i]);
    netns_daemon_start(&two.hosts[0], &two.processes[0]);
    WAIT_UNTIL(two.processes, task_number(two.processes, "counter", "ok") >= 1);
    WAIT_UNTIL(two.processes, query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 1);
    netns_set_link(&two.hosts[0], false);
    WAIT_UNTIL(two.processes, query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 0);
    long gone_n = query_number(conninfo, "SELECT n FROM counter");
    netns_daemon_start(&two.hosts[1], &two.processes[1]);
    WAIT_UNTIL(&two.processes[1], query_number(conninfo, "SELECT n FROM counter") >= gone_n + 3);
    daemon_kill(two.processes);
    assert_int_equal(daemon_end(&two.processes[1], SIGTERM), 0);
}

/* --- the checks themselves --- */

/* Ten runs of each task, all as it should be; without the key that keeps wrong ones out. */
static void make_a_right_history(const struct certainty *trial) {
    const char *output;
    certainty_reset(trial);
    if (shell(&output, "cat %s/etc/history/*.sql | psql -q -v ON_ERROR_STOP=1 '%s' -f -", getenv("HEADGATE_SOURCE_ROOT"), conninfo) != 0)
        fail_msg("etc/history: %s", output);
    query(conninfo, "ALTER TABLE headgate.run DROP CONSTRAINT run_pkey");
    query(conninfo,
          "INSERT INTO headgate.run (service, task, due, due_until, occurrences, started, finished, outcome, daemon)"
          " SELECT 't', task, due, due, 1, due + interval '1 ms', due + interval '3 ms', 'ok', 'd'"
          " FROM (SELECT task, '2030-01-01 00:00Z'::timestamptz + i * every AS due FROM watched, generate_series(0, 9) AS i) AS r");
    query(conninfo,
          "UPDATE span SET began = '2030-01-01 00:00Z', ended = '2030-01-01 00:00:04.9Z';"
          "UPDATE counter SET n = 10; INSERT INTO off_run SELECT now() FROM generate_series(1, 10);"
          "INSERT INTO command_start SELECT due FROM headgate.run WHERE task = 'command';"
          "INSERT INTO answer SELECT 3 * row_number() OVER () + i, due FROM headgate.run, generate_series(0, 2) AS i"
          " WHERE task = 'staged'");
    query(conninfo, "UPDATE answer SET message = numbered.n FROM (SELECT ctid AS at, row_number() OVER () AS n FROM answer)"
                    " AS numbered WHERE answer.ctid = numbered.at");
}

#define FIFTH " AND run.due = '2030-01-01 00:00:02.5Z'"
#define KEYS "each further occurrence of a range has its key"
#define PAIR "no occurrence is in two rows or in none"
static const struct {
    const char *wrong, *found_by;
} wrongs[] = {
    {"UPDATE headgate.run SET outcome = 'running' WHERE task = 'off'" FIFTH, "every run has ended"},
    {"UPDATE headgate.run SET outcome = 'failed' WHERE task = 'off'" FIFTH, "what was not ok has a reason"},
    {"UPDATE headgate.run SET started = NULL WHERE task = 'off'" FIFTH, "what started says when"},
    {"UPDATE headgate.run SET finished = started - interval '1 s' WHERE task = 'off'" FIFTH, "what started says when"},
    {"UPDATE headgate.run SET occurrences = 2 WHERE task = 'off'" FIFTH, "a range holds its occurrences"},
    {"DELETE FROM headgate.run WHERE task = 'off'" FIFTH, PAIR},
    {"INSERT INTO headgate.run SELECT * FROM headgate.run WHERE task = 'off'" FIFTH, PAIR},
    {"UPDATE headgate.run SET due_until = due + interval '500 ms', occurrences = 2 WHERE task = 'off'" FIFTH
     "; INSERT INTO headgate.run (service, task, due, due_until, outcome, daemon) SELECT service, task, due_until, due_until, 'within', daemon"
     " FROM headgate.run WHERE task = 'off'" FIFTH, PAIR},
    {"DELETE FROM headgate.run WHERE task = 'off' AND due = '2030-01-01 00:00:03Z';"
     "DELETE FROM off_run WHERE ctid = (SELECT min(ctid) FROM off_run);"
     "UPDATE headgate.run SET due_until = due + interval '500 ms', occurrences = 2 WHERE task = 'off'" FIFTH, KEYS},
    {"INSERT INTO headgate.run (service, task, due, due_until, outcome, daemon) SELECT service, task, due, due, 'within', daemon"
     " FROM headgate.run WHERE task = 'off'" FIFTH, KEYS},
    {"UPDATE headgate.run SET due = due + interval '1 ms', due_until = due + interval '1 ms' WHERE task = 'off'" FIFTH,
     "the due instants of a task are one row of instants"},
    {"DELETE FROM headgate.run WHERE task = 'off' AND due < '2030-01-01 00:00:01Z'", "the first and the last are there"},
    {"DELETE FROM headgate.run WHERE task = 'off' AND due > '2030-01-01 00:00:04Z'", "the first and the last are there"},
    {"DELETE FROM headgate.run WHERE task = 'off'", "the first and the last are there"},
    {"UPDATE counter SET n = n - 1", "the counter is the number of its ok rows"},
    {"UPDATE counter SET n = n + 1", "the counter is the number of its ok rows"},
    {"UPDATE headgate.run SET outcome = 'lost', reason = 'x' WHERE task = 'counter'" FIFTH,
     "the counter is the number of its ok rows"},
    {"UPDATE counter SET n = 9; UPDATE headgate.run SET outcome = 'unknown', reason = 'x' WHERE task = 'counter'" FIFTH,
     "no transaction is left unknown"},
    {"DELETE FROM off_run WHERE ctid = (SELECT min(ctid) FROM off_run)",
     "what has no transaction was done for each ok row, and at most once for the others"},
    {"INSERT INTO off_run DEFAULT VALUES", "what has no transaction was done for each ok row, and at most once for the others"},
    {"INSERT INTO command_start VALUES ('2030-01-01 00:00:02.5Z')", "no due instant started a command twice"},
    {"DELETE FROM command_start WHERE due = '2030-01-01 00:00:02.5Z'",
     "a command's start is in one row, and each ok row has one"},
    {"INSERT INTO command_start VALUES ('2031-01-01 00:00Z')", "a command's start is in one row, and each ok row has one"},
    {"INSERT INTO answer SELECT * FROM answer WHERE message = 5", "no message is answered twice"},
    {"DELETE FROM answer WHERE message = 5", "an ok row wrote all its answers, the others all or none"},
    {"UPDATE headgate.run SET outcome = 'failed', reason = 'x' WHERE task = 'staged'" FIFTH,
     "an ok row wrote all its answers, the others all or none"},
    {"UPDATE answer SET due = due + interval '1 ms' WHERE message = 5", "an ok row wrote all its answers, the others all or none"},
    {"DROP VIEW headgate.history; CREATE VIEW headgate.history AS SELECT * FROM headgate.run WHERE due > '2030-01-01 00:00:01Z'",
     "the view shows what the table holds"},
};

static void certainty_checks_find_what_is_wrong(void **state) {
    (void)state;
    struct certainty trial = {.conninfo = conninfo, .every_ms = 500, .has_schema = true};
    make_a_right_history(&trial);
    assert_int_equal(certainty_faults(&trial, NULL), 0);
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        make_a_right_history(&trial);
        query(conninfo, wrongs[i].wrong);
        if (certainty_faults(&trial, wrongs[i].found_by) != 1)
            fail_msg("not found: %s", wrongs[i].wrong);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(certainty_checks_find_what_is_wrong, tidy),
        cmocka_unit_test_teardown(certainty_daemon_killed_at_any_moment_loses_and_repeats_nothing, tidy),
        cmocka_unit_test_teardown(certainty_write_that_outlives_its_daemon_is_not_done_again, tidy),
        cmocka_unit_test_teardown(certainty_server_stopped_at_once_is_told_right, tidy),
        cmocka_unit_test_teardown(certainty_server_and_daemon_killed_together_lose_and_repeat_nothing, tidy),
        cmocka_unit_test_teardown(certainty_line_cut_in_a_transaction_is_told_right, tidy),
        cmocka_unit_test_teardown(certainty_two_hosts_start_each_occurrence_once, tidy_hosts),
        cmocka_unit_test_teardown(certainty_transaction_of_a_host_that_is_gone_ends, tidy_hosts),
    };
    if (argc > 1) /* only those of this name; * and ? stand for others */
        cmocka_set_test_filter(argv[1]);
    return run_all(tests, start, stop);
}
