/*
 * Many tasks and few sessions: what shares one, who waits for whom when a lock is in the way, that nobody starves, and what
 * a run that leaves something behind costs. What was measured is printed.
 */
#include "harness.h"
#include "sampler.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct server server;
static const char *conninfo = server.conninfo;
static struct sampler sampler; /* static: its thread outlives a test that fails */
static bool sampling;

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=40");
    query(conninfo, "CREATE TABLE done (task text, at timestamptz DEFAULT clock_timestamp())");
    query(conninfo, "CREATE TABLE held (task text, at timestamptz DEFAULT clock_timestamp())");
    return 0;
}

static int stop(void **state) {
    (void)state;
    server_destroy(&server);
    return 0;
}

/* A teardown: the thread does not go on into the next test. */
static int leave(void **state) {
    if (sampling)
        sampler_stop(&sampler);
    sampling = false;
    query(conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'");
    query(conninfo, "TRUNCATE done, held");
    return tidy(state);
}

static double seconds_since(int64_t since_us) {
    return (double)(clock_us() - since_us) / 1e6;
}

static long sum_of(const struct process *process, const char *prefix, int count, const char *field) {
    char name[16];
    long sum = 0;
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s%d", prefix, i);
        sum += task_number(process, name, field);
    }
    return sum;
}

static bool all_ran(const struct process *process, const char *prefix, int count, long ok) {
    char name[16];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s%d", prefix, i);
        if (task_number(process, name, "ok") < ok)
            return false;
    }
    return true;
}

static void end_well(struct process *process) {
    kill(process->pid, SIGINT);
    assert_int_equal(daemon_end(process, SIGTERM), 0);
}

/* cmocka's messages are cut at 1 KB. */
static void print_dump(const char *dump) {
    fputs(dump, stdout);
    fflush(stdout);
}

/* --- a table that somebody holds --- */

static PGconn *holder;

static void hold(void) {
    char line[640];
    snprintf(line, sizeof line, "%s application_name=holder", conninfo);
    holder = PQconnectdb(line);
    PGresult *result = PQexec(holder, "BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE");
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
}

static void let_go(void) {
    PQclear(PQexec(holder, "COMMIT"));
    PQfinish(holder);
}

/* The longest time in which a task with such a name did not run, from one second after the lock on until now, in ms over
 * its interval. Instants are the server's own. */
static long largest_gap_ms(const char *name, const char *from, long every_ms) {
    char sql[800];
    snprintf(sql, sizeof sql,
             "SELECT ceil(1000 * extract(epoch FROM max(gap))) - %ld FROM (SELECT at - lag(at) OVER (PARTITION BY task ORDER BY at) AS gap"
             " FROM (SELECT task, at FROM done WHERE at > timestamptz '%s' + interval '1 s'"
             " UNION ALL SELECT DISTINCT task, clock_timestamp() FROM done"
             " UNION ALL SELECT DISTINCT task, timestamptz '%s' + interval '1 s' FROM done) AS runs WHERE task LIKE '%s') AS gaps",
             every_ms, from, from, name);
    return query_number(conninfo, sql);
}

static void instant_of(char *ret, size_t bytes) {
    PGconn *conn = PQconnectdb(conninfo);
    PGresult *result = PQexec(conn, "SELECT clock_timestamp()");
    snprintf(ret, bytes, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    PQfinish(conn);
}

/* Ten short tasks: five touch the table that will be held. */
static void write_ten(struct process *process) {
    char tasks[4096] = "";
    for (int i = 0; i < 5; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task free%d]\nevery = 500ms\nsql = INSERT INTO done VALUES ('free%d')\n"
                 "[task held%d]\nevery = 700ms\nsql = INSERT INTO held VALUES ('held%d')\n", i, i, i, i);
    ini_write(process, "[pool p]\nconninfo = %s\nsize = 4\n%s", conninfo, tasks);
}

/* What each blocked task reports ok is in its table, once. */
static void assert_none_lost_or_twice(struct process *process) {
    char name[16], sql[160];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "held%d", i);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM held WHERE task = 'held%d'", i);
        WAIT_UNTIL(process, task_number(process, name, "ok") == query_number(conninfo, sql));
    }
}

static void sharing_lock_keeps_only_those_that_need_it(void **state) {
    (void)state;
    struct process process;
    char from[64];
    const char *dump;
    write_ten(&process);
    daemon_start(&process);
    WAIT_UNTIL(&process, all_ran(&process, "free", 5, 5) && all_ran(&process, "held", 5, 5));
    long opened = pool_number(&process, "p", "opened");
    hold();
    instant_of(from, sizeof from);
    int64_t since_us = clock_us();
    WAIT_UNTIL(&process, seconds_since(since_us) > 5);
    /* One of them may be about to start, or wait for a token for the first time. */
    WAIT_UNTIL(&process, shell(&dump, "headgate status %s", process.ini) == 0 &&
                             strstr(dump, "it kept others waiting (a lock?): starts when it leaves them a token"));
    print_dump(dump);
    int held_s = getenv("HEADGATE_LONG") ? 60 : 10;
    for (int s = 10; s <= held_s; s += 10)
        WAIT_UNTIL(&process, seconds_since(since_us) > s);
    long late_ms = largest_gap_ms("free%", from, 500);
    print_message("largest lateness of the free ones beside a lock of %d s: %ld ms over their interval\n", held_s, late_ms);
    print_message("%ld cancels and %ld logins meanwhile\n", daemon_log_count(&process, "event=cancelling"),
                  pool_number(&process, "p", "opened") - opened);
    assert_true(daemon_log_count(&process, "event=cancelling") <= 5 + held_s);
    long waiting = sum_of(&process, "held", 5, "ok");
    let_go();
    since_us = clock_us();
    WAIT_UNTIL(&process, sum_of(&process, "held", 5, "ok") >= waiting + 5 && all_ran(&process, "held", 5, 6));
    print_message("all of the blocked ran %.1f s after the release\n", seconds_since(since_us));
    assert_true(late_ms > -450 && late_ms < 50 + 1000);
    assert_none_lost_or_twice(&process);
    assert_int_equal(sum_of(&process, "held", 5, "failed") + sum_of(&process, "free", 5, "failed"), 0);
    assert_int_equal(sum_of(&process, "free", 5, "skipped"), 0);
    end_well(&process);
}

/* Ten that are due together and share one session; the fifth touches the table that will be held. */
static void write_row(struct process *process, const char *pool) {
    char tasks[4096] = "";
    for (int i = 0; i < 10; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task r%d]\nevery = 1s\nphase = 0s\npatience = 200ms\nsql = INSERT INTO %s VALUES ('r%d')\n", i,
                 i == 4 ? "held" : "done", i);
    ini_write(process, "[pool p]\nconninfo = %s\nsize = 4\nidle = 2s\n%s%s", conninfo, pool, tasks);
}

static void sharing_run_that_is_blocked_lets_those_behind_it_go_on(void **state) {
    (void)state;
    struct process process;
    char from[64];
    write_row(&process, "");
    daemon_start(&process);
    WAIT_UNTIL(&process, all_ran(&process, "r", 10, 5) && pool_tokens(&process, "p", "held") == 1);
    hold();
    instant_of(from, sizeof from);
    long ok[10], opened = pool_number(&process, "p", "opened");
    char name[16];
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "r%d", i);
        ok[i] = task_number(&process, name, "ok");
    }
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "r%d", i);
        WAIT_UNTIL(&process, i == 4 || task_number(&process, name, "ok") >= ok[i] + 5);
    }
    long late_ms = largest_gap_ms("r%", from, 1000);
    print_message("largest lateness of the nine others: %ld ms over their interval, %ld sessions opened for it\n", late_ms,
                  pool_number(&process, "p", "opened") - opened);
    assert_true(late_ms > -900 && late_ms < 200 + 1000);
    assert_int_equal(task_number(&process, "r4", "ok"), ok[4]);
    let_go();
    WAIT_UNTIL(&process, task_number(&process, "r4", "ok") >= ok[4] + 3);
    assert_int_equal(sum_of(&process, "r", 10, "failed"), 0);
    end_well(&process);
}

/* --- one session --- */

static void sharing_short_tasks_due_together_take_one_session(void **state) {
    (void)state;
    struct process process;
    char tasks[4096] = "";
    for (int i = 0; i < 10; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task r%d]\nevery = 1s\nphase = 0s\npatience = 200ms\nsql = SELECT pg_sleep(0.005)\n", i);
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 4\nidle = 2s\n%s", conninfo, tasks);
    daemon_start(&process);
    WAIT_UNTIL(&process, all_ran(&process, "r", 10, 3) && pool_tokens(&process, "p", "held") == 1);
    long ok = task_number(&process, "r9", "ok"), opened = pool_number(&process, "p", "opened");
    sampler_start(&sampler, conninfo, COUNT_OURS);
    sampling = true;
    WAIT_UNTIL(&process, all_ran(&process, "r", 10, ok + 7));
    sampling = false;
    print_message("peak before learning %ld, opened after %ld\n", pool_number(&process, "p", "peak"),
                  pool_number(&process, "p", "opened") - opened);
    assert_int_equal(sampler_stop(&sampler), 1);
    assert_int_equal(pool_number(&process, "p", "opened"), opened);
    assert_int_equal(sum_of(&process, "r", 10, "merged") + sum_of(&process, "r", 10, "skipped"), 0);
    end_well(&process);
}

/* --- a crowd --- */

/* count tasks of took_ms, due together once an interval; the largest wait is twice the fair share at most. */
static void crowd(int count, int took_ms, int every_s, int size) {
    struct process process;
    char tasks[200 * 120] = "";
    long phase = (time(NULL) + 2) % every_s;
    for (int i = 0; i < count; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task r%d]\nevery = %ds\nphase = %lds\nsql = INSERT INTO done SELECT 'r%d' FROM pg_sleep(%d.%03d)\n", i, every_s, phase,
                 i, took_ms / 1000, took_ms % 1000);
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = %d\n%s", conninfo, size, tasks);
    daemon_start(&process);
    for (long rows = 1; rows <= 2 * count; rows++)
        WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM done") >= rows);
    char sql[240];
    snprintf(sql, sizeof sql, "SELECT max(mod(floor(extract(epoch FROM at) * 1000)::bigint - %ld, %d)) FROM done", phase * 1000,
             every_s * 1000);
    long wait_ms = query_number(conninfo, sql) - took_ms, share_ms = (long)count * took_ms / size;
    print_message("%d tasks of %d ms on %d tokens: the largest wait %ld ms, the fair share is %ld ms\n", count, took_ms, size, wait_ms,
                  share_ms);
    assert_true(wait_ms <= 2 * share_ms);
    assert_int_equal(query_number(conninfo, "SELECT count(DISTINCT task) FROM done"), count);
    assert_int_equal(query_number(conninfo, "SELECT min(n) FROM (SELECT count(*) AS n FROM done GROUP BY task) AS counts"), 2);
    assert_int_equal(sum_of(&process, "r", count, "failed") + sum_of(&process, "r", count, "merged"), 0);
    end_well(&process);
}

static void sharing_crowd_waits_its_share_and_nobody_starves(void **state) {
    (void)state;
    crowd(60, 200, 8, 4);
    if (!getenv("HEADGATE_LONG"))
        return;
    query(conninfo, "TRUNCATE done");
    crowd(200, 1000, 105, 4);
}

/* --- session = clean --- */

static void sharing_task_that_breaks_its_word_is_named_and_no_other(void **state) {
    (void)state;
    struct process process;
    char tasks[4096] = "";
    for (int i = 0; i < 4; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task r%d]\nevery = 500ms\nphase = 0s\nsession = clean\nsql = SELECT %d\n", i, i);
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 2\n%s"
              "[task leaks]\nevery = 500ms\nphase = 0s\nsession = clean\nsql = SELECT pg_advisory_lock(7)\n",
              conninfo, tasks);
    daemon_start(&process);
    WAIT_UNTIL(&process, strstr(task_text(&process, "leaks", "note"), "it left something in its session: write session = discard"));
    long ok = task_number(&process, "r0", "ok");
    WAIT_UNTIL(&process, all_ran(&process, "r", 4, ok + 5));
    const char *output;
    shell(&output, "grep event=left_behind %s", process.log);
    print_message("%s", output);
    assert_non_null(strstr(output, "level=error event=left_behind"));
    assert_int_equal(shell(NULL, "grep -q 'level=error event=left_behind.*task=leaks ' %s", process.log), 0);
    assert_int_equal(shell(NULL, "grep 'level=error event=left_behind' %s | grep -qv 'task=leaks '", process.log), 1);
    char name[16];
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "r%d", i);
        assert_null(strstr(task_text(&process, name, "note"), "session = discard"));
    }
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0);
    end_well(&process);
}

/* --- the numbers --- */

struct family {
    char name[64];
    int help, type;
};

static struct family *family_of(struct family *families, int *count, const char *name, size_t bytes) {
    for (int i = 0; i < *count; i++)
        if (strlen(families[i].name) == bytes && strncmp(families[i].name, name, bytes) == 0)
            return &families[i];
    assert_true(*count < 64);
    snprintf(families[*count].name, sizeof families[*count].name, "%.*s", (int)bytes, name);
    return &families[(*count)++];
}

/* name{label="value",...} number */
static void assert_is_sample(const char *line, struct family *families, int *count) {
    size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyz_:0123456789");
    const struct family *family = family_of(families, count, line, name);
    if (family->help != 1 || family->type != 1)
        fail_msg("no HELP and TYPE, once each, before: %s", line);
    const char *at = line + name;
    if (*at == '{') {
        for (at++; *at != '}'; at += *at == ',') {
            at += strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789");
            if (strncmp(at, "=\"", 2) != 0)
                fail_msg("no label: %s", line);
            at += 2 + strcspn(at + 2, "\"\\\n") + 1;
            if (!strchr(",}", *at))
                fail_msg("no label's end: %s", line);
        }
        at++;
    }
    char *end;
    assert_true(*at == ' ');
    strtod(at + 1, &end);
    if (end == at + 1 || *end)
        fail_msg("no number: %s", line);
}

static int parse_metrics(char *text) {
    static struct family families[64];
    int count = 0, samples = 0;
    char *rest;
    memset(families, 0, sizeof families);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        bool help = strncmp(line, "# HELP ", 7) == 0, type = strncmp(line, "# TYPE ", 7) == 0;
        if (!help && !type) {
            assert_is_sample(line, families, &count);
            samples++;
            continue;
        }
        struct family *family = family_of(families, &count, line + 7, strcspn(line + 7, " "));
        *(help ? &family->help : &family->type) += 1;
        const char *what = line + 7 + strlen(family->name) + 1;
        assert_true(help || strcmp(what, "counter") == 0 || strcmp(what, "gauge") == 0);
    }
    print_message("%d families, %d samples\n", count, samples);
    return samples;
}

static void sharing_metrics_are_prometheus_text_and_agree_with_json(void **state) {
    (void)state;
    struct process process;
    char tasks[1024] = "", copy[65536], line[160];
    for (int i = 0; i < 4; i++) /* each runs a second or more from now, once */
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks), "[task r%d]\nevery = 1h\nphase = %lds\nsql = SELECT %d / %d\n", i,
                 (long)((time(NULL) + 2) % 3600), i, i);
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 3\nidle = 1h\n%s", conninfo, tasks);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "r0", "failed") == 1 && sum_of(&process, "r", 4, "ok") == 3 &&
                             pool_tokens(&process, "p", "opening") == 0);
    const char *output;
    assert_int_equal(shell(&output, "headgate status %s --metrics", process.ini), 0);
    snprintf(copy, sizeof copy, "%s", output);
    static const char *const parts[] = {"taken", "warm", "opening", "closing", "free"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(line, sizeof line, "\nheadgate_pool_tokens{pool=\"p\",state=\"%s\"} %ld\n", parts[i],
                 pool_tokens(&process, "p", parts[i]));
        if (!strstr(copy, line))
            fail_msg("no %s in\n%s", line, copy);
    }
    for (int i = 0; i < 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "r%d", i);
        snprintf(line, sizeof line, "\nheadgate_task_runs_total{task=\"%s\",outcome=\"ok\"} %ld\n", name, task_number(&process, name, "ok"));
        assert_non_null(strstr(copy, line));
    }
    assert_in_range(parse_metrics(copy), 40, 200);
    end_well(&process);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(sharing_lock_keeps_only_those_that_need_it, leave),
        cmocka_unit_test_teardown(sharing_run_that_is_blocked_lets_those_behind_it_go_on, leave),
        cmocka_unit_test_teardown(sharing_short_tasks_due_together_take_one_session, leave),
        cmocka_unit_test_teardown(sharing_crowd_waits_its_share_and_nobody_starves, leave),
        cmocka_unit_test_teardown(sharing_task_that_breaks_its_word_is_named_and_no_other, leave),
        cmocka_unit_test_teardown(sharing_metrics_are_prometheus_text_and_agree_with_json, leave),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, start, stop);
}
