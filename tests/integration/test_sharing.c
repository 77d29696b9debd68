/*
 * Many tasks and few sessions: what shares one, who waits for whom when a lock is in the way, that nobody starves, and what
 * a run that leaves something behind costs.
 */
#include "one_server.h"
#include "sampler.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=40");
    query(conninfo, "CREATE TABLE done (task text, at timestamptz DEFAULT clock_timestamp())");
    query(conninfo, "CREATE TABLE held (task text, at timestamptz DEFAULT clock_timestamp())");
    return 0;
}

/* A teardown: the thread does not go on into the next test. */
static int leave(void **state) {
    query(conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'");
    query(conninfo, "TRUNCATE done, held");
    return tidy(state);
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

/* What is in the table that is held, by the session that holds it. */
static long held_rows(const char *task) {
    char sql[120];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM held WHERE task LIKE '%s%%'", task);
    PGresult *result = PQexec(holder, sql);
    long count = PQresultStatus(result) == PGRES_TUPLES_OK ? strtol(PQgetvalue(result, 0, 0), NULL, 10) : -1;
    PQclear(result);
    return count;
}

/* Short, however slow the machine is. */
#define SHORT "short = 1s\n"

/* Ten short tasks: five touch the table that will be held. */
static void write_ten(struct process *process) {
    char tasks[4096] = "";
    for (int i = 0; i < 5; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task free%d]\nevery = 500ms\nsql = INSERT INTO done VALUES ('free%d')\n"
                 "[task held%d]\nevery = 700ms\nsql = INSERT INTO held VALUES ('held%d')\n", i, i, i, i);
    ini_write(process, "[pool p]\nconninfo = %s\nsize = 4\n" SHORT "%s", conninfo, tasks);
}

/* What each blocked task reports ok is in its table, once; they are paused, so that nothing comes between the questions. */
static void assert_none_lost_or_twice(struct process *process) {
    char name[16], sql[160];
    assert_int_equal(shell(NULL, "headgate pause %s held0 held1 held2 held3 held4", process->ini), 0);
    WAIT_UNTIL(process, tasks_sum(process, "held", "running") == 0);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "held%d", i);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM held WHERE task = 'held%d'", i);
        assert_int_equal(task_number(process, name, "ok"), query_number(conninfo, sql));
    }
}

static void sharing_lock_keeps_only_those_that_need_it(void **state) {
    (void)state;
    struct process process;
    const char *dump;
    write_ten(&process);
    daemon_start(&process);
    WAIT_UNTIL(&process, tasks_least(&process, "", "ok") >= 3);
    hold();
    long held = held_rows("held"), free_ok = tasks_least(&process, "free", "ok");
    WAIT_UNTIL(&process, tasks_sum(&process, "held", "ok") == held);
    int more = getenv("HEADGATE_LONG") ? 100 : 8;
    WAIT_UNTIL(&process, tasks_least(&process, "free", "ok") >= free_ok + more);
    /* One of them may be about to start, or wait for a token for the first time. */
    WAIT_UNTIL(&process, strstr(dump = dump_of(&process), "it kept others waiting (a lock?): starts when it leaves them a token"));
    print_dump(dump);
    assert_int_equal(tasks_sum(&process, "held", "ok"), held);
    let_go();
    WAIT_UNTIL(&process, tasks_sum(&process, "held", "ok") >= held + 10);
    assert_none_lost_or_twice(&process);
    assert_int_equal(tasks_sum(&process, "", "failed"), 0);
    daemon_stop(&process);
}

/* Ten that are due together and share one session; the fifth touches the table that will be held. */
static void write_row(struct process *process) {
    char tasks[4096] = "";
    for (int i = 0; i < 10; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task r%d]\nevery = 1s\nphase = 0s\npatience = 200ms\nsql = INSERT INTO %s VALUES ('r%d')\n", i,
                 i == 4 ? "held" : "done", i);
    ini_write(process, "[pool p]\nconninfo = %s\nsize = 4\nidle = 2s\n" SHORT "%s", conninfo, tasks);
}

static void sharing_run_that_is_blocked_lets_those_behind_it_go_on(void **state) {
    (void)state;
    struct process process;
    char name[16];
    write_row(&process);
    daemon_start(&process);
    WAIT_UNTIL(&process, tasks_least(&process, "r", "ok") >= 5);
    hold();
    long blocked = held_rows("r4"), ok[10];
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "r%d", i);
        ok[i] = task_number(&process, name, "ok");
    }
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "r%d", i);
        WAIT_UNTIL(&process, i == 4 || task_number(&process, name, "ok") >= ok[i] + 5);
    }
    assert_int_equal(task_number(&process, "r4", "ok"), blocked);
    let_go();
    WAIT_UNTIL(&process, task_number(&process, "r4", "ok") >= blocked + 3);
    assert_int_equal(tasks_sum(&process, "r", "failed"), 0);
    daemon_stop(&process);
}

/* --- one session --- */

/* All ten at one instant: the daemon finds them when it may go on. */
static void trigger_together(const struct process *process) {
    kill(process->pid, SIGSTOP);
    assert_int_equal(shell(NULL, "for i in 0 1 2 3 4 5 6 7 8 9; do headgate trigger %s r$i & done; sleep 1; kill -CONT %d; wait",
                           process->ini, (int)process->pid), 0);
}

/* One session gets to them all within their patience, so there is never a second one. */
static void sharing_short_tasks_due_together_take_one_session(void **state) {
    (void)state;
    struct process process;
    char tasks[4096] = "";
    for (int i = 0; i < 10; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks), "[task r%d]\n%spatience = 1h\nsql = SELECT pg_sleep(0.005)\n", i,
                 never_due());
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 4\n" SHORT "%s", conninfo, tasks);
    sampler_start(conninfo, COUNT_OURS);
    daemon_start(&process);
    for (int round = 1; round <= 3; round++) {
        trigger_together(&process);
        WAIT_UNTIL(&process, tasks_least(&process, "r", "ok") == round && tasks_sum(&process, "r", "ok") == 10 * round);
    }
    WAIT_UNTIL(&process, sampler_seen() > 0);
    assert_int_equal(sampler_stop(), 1);
    assert_int_equal(pool_number(&process, "p", "opened"), 1);
    assert_int_equal(pool_number(&process, "p", "peak"), 1);
    daemon_stop(&process);
}

/* --- a crowd --- */

/* count tasks that are due together, an interval in which not all of them can run: at any moment nobody has run twice more often
 * than somebody else, and beside what is under way. */
static void crowd(int count, int took_ms, int every_s, int size, int rounds) {
    struct process process;
    char tasks[200 * 120] = "";
    for (int i = 0; i < count; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task r%d]\nevery = %ds\nphase = 0s\nsql = INSERT INTO done SELECT 'r%d' FROM pg_sleep(%d.%03d)\n", i, every_s, i,
                 took_ms / 1000, took_ms % 1000);
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = %d\n%s", conninfo, size, tasks);
    daemon_start(&process);
    for (int round = 1; round <= rounds; round++) {
        WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(DISTINCT task) FROM done") == count);
        WAIT_UNTIL(&process, query_number(conninfo, "SELECT min(n) FROM (SELECT count(*) AS n FROM done GROUP BY task) AS t") >= round);
        assert_in_range(query_number(conninfo, "SELECT max(n) - min(n) FROM (SELECT count(*) AS n FROM done GROUP BY task) AS t"), 0, 2);
    }
    assert_int_equal(tasks_sum(&process, "r", "failed"), 0);
    daemon_stop(&process);
}

static void sharing_crowd_shares_and_nobody_starves(void **state) {
    (void)state;
    crowd(60, 200, 1, 4, 4);
    if (!getenv("HEADGATE_LONG"))
        return;
    query(conninfo, "TRUNCATE done");
    crowd(200, 1000, 20, 4, 3);
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
    long ok = tasks_least(&process, "r", "ok");
    WAIT_UNTIL(&process, tasks_least(&process, "r", "ok") >= ok + 5);
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
    assert_int_equal(shell(NULL, "headgate pause %s leaks", process.ini), 0);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0);
    daemon_stop(&process);
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

/* The same numbers in both: each was run once, by hand, and nothing is under way. */
static bool tokens_agree(const struct process *process, const char *metrics) {
    static const char *const parts[] = {"taken", "warm", "opening", "closing", "free"};
    char line[160];
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(line, sizeof line, "\nheadgate_pool_tokens{pool=\"p\",state=\"%s\"} %ld\n", parts[i],
                 pool_tokens(process, "p", parts[i]));
        if (!strstr(metrics, line))
            return false;
    }
    return true;
}

static void sharing_metrics_are_prometheus_text_and_agree_with_json(void **state) {
    (void)state;
    struct process process;
    char tasks[1024] = "", copy[65536], line[160], name[8];
    const char *output;
    for (int i = 0; i < 4; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks), "[task r%d]\n%ssql = SELECT %d / %d\n", i, never_due(), i, i);
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 3\nidle = 1h\n%s", conninfo, tasks);
    daemon_start(&process);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "r%d", i);
        trigger(&process, name);
        WAIT_UNTIL(&process, task_number(&process, name, i == 0 ? "failed" : "ok") == 1);
    }
    WAIT_UNTIL(&process, shell(&output, "headgate status %s --metrics", process.ini) == 0 &&
                             snprintf(copy, sizeof copy, "%s", output) > 0 && tokens_agree(&process, copy));
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "r%d", i);
        snprintf(line, sizeof line, "\nheadgate_task_runs_total{task=\"%s\",outcome=\"ok\"} %ld\n", name, task_number(&process, name, "ok"));
        assert_non_null(strstr(copy, line));
    }
    assert_in_range(parse_metrics(copy), 40, 200);
    daemon_stop(&process);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(sharing_lock_keeps_only_those_that_need_it, leave),
        cmocka_unit_test_teardown(sharing_run_that_is_blocked_lets_those_behind_it_go_on, leave),
        cmocka_unit_test_teardown(sharing_short_tasks_due_together_take_one_session, leave),
        cmocka_unit_test_teardown(sharing_crowd_shares_and_nobody_starves, leave),
        cmocka_unit_test_teardown(sharing_task_that_breaks_its_word_is_named_and_no_other, leave),
        cmocka_unit_test_teardown(sharing_metrics_are_prometheus_text_and_agree_with_json, leave),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return run_all(tests, start, stop);
}
