/*
 * What a person does with a running daemon: pause, resume, trigger; and what is left of a pause after the daemon.
 */
#include "one_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char state_file[200];

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=20");
    query(conninfo, "CREATE TABLE done (task text, at timestamptz DEFAULT clock_timestamp()); CREATE TABLE nap (seconds float8)");
    return 0;
}

/* The control socket is where the test can see what is beside it. */
static void begin(struct process *process, const char *tasks) {
    static int count;
    query(conninfo, "TRUNCATE done");
    ini_write(process, "[headgate]\ncontrol = %s/ctl%d\n[pool p]\nconninfo = %s\nsize = 2\n%s", server.directory, ++count,
              conninfo, tasks);
    snprintf(state_file, sizeof state_file, "%s/ctl%d.paused", server.directory, count);
    daemon_start(process);
}

static const char *told; /* by the last command */

static int headgate(const struct process *process, const char *verb, const char *tasks) {
    return shell(&told, "SUDO_USER=alice headgate %s %s %s 2>&1", verb, process->ini, tasks);
}

static void assert_told(const char *text) {
    if (!strstr(told, text))
        fail_msg("'%s' is not in\n%s", text, told);
}

static void assert_shown(const struct process *process, const char *text) {
    shell(&told, "headgate status %s", process->ini);
    assert_told(text);
}

#define TICK  "[task tick]\nevery = 200ms\nsql = INSERT INTO done VALUES ('tick')\n"
#define NAP   "SELECT pg_sleep(seconds) FROM nap"
#define OTHER "[task other]\nevery = 200ms\nsql = SELECT 1\n"

static long done_count(void) {
    return query_number(conninfo, "SELECT count(*) FROM done");
}

static void hands_pause_skips_until_resume_in_one_record(void **state) {
    struct process process;
    (void)state;
    begin(&process, TICK OTHER);
    WAIT_UNTIL(&process, task_number(&process, "tick", "ok") >= 2);
    assert_int_equal(headgate(&process, "pause", "tick"), 0);
    assert_told("tick is paused since ");
    assert_told(" by alice");
    assert_told("skipped until: headgate resume ");
    WAIT_UNTIL(&process, task_number(&process, "tick", "running") == 0);
    long ok = done_count(), skipped = task_number(&process, "tick", "skipped");
    WAIT_UNTIL(&process, task_number(&process, "tick", "skipped") >= skipped + 5);
    assert_int_equal(done_count(), ok);
    assert_string_equal(task_text(&process, "tick", "state"), "paused");
    assert_string_not_equal(task_text(&process, "other", "state"), "paused");
    assert_non_null(strstr(task_text(&process, "tick", "note"), " by alice"));
    assert_shown(&process, "tick   paused");
    shell(&told, "headgate status %s --metrics", process.ini);
    assert_told("headgate_task_paused{task=\"tick\"} 1\nheadgate_task_paused{task=\"other\"} 0\n");
    shell(&told, "headgate status %s --json", process.ini);
    assert_told("\"by\":\"alice\"");
    assert_int_equal(headgate(&process, "pause", "tick"), 0);
    assert_told("tick is paused already, since ");
    assert_int_equal(daemon_log_count(&process, "its task is paused"), 0);
    assert_int_equal(headgate(&process, "resume", "tick other"), 0);
    assert_told("tick  goes on, due ");
    assert_told("other was not paused");
    WAIT_UNTIL(&process, done_count() > ok);
    assert_int_equal(daemon_log_count(&process, "its task is paused"), 1);
    assert_int_equal(daemon_log_count(&process, "event=paused task=tick by=alice uid="), 1);
    assert_int_equal(daemon_log_count(&process, "event=resumed task=tick by=alice uid="), 1);
    assert_int_equal(access(state_file, F_OK), -1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void hands_pause_outlives_stop_kill_and_reload(void **state) {
    static const int signals[] = {SIGTERM, SIGKILL};
    struct process process;
    (void)state;
    begin(&process, TICK OTHER);
    assert_int_equal(headgate(&process, "pause", "tick"), 0);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        daemon_end(&process, signals[i]);
        query(conninfo, "TRUNCATE done");
        daemon_start(&process);
        assert_string_equal(task_text(&process, "tick", "state"), "paused");
        WAIT_UNTIL(&process, task_number(&process, "other", "ok") >= 5);
        kill(process.pid, SIGHUP);
        WAIT_UNTIL(&process, daemon_log_count(&process, "event=reloaded") == (long)i + 1);
        assert_string_equal(task_text(&process, "tick", "state"), "paused");
        assert_non_null(strstr(task_text(&process, "tick", "note"), " by alice"));
        assert_int_equal(done_count(), 0);
    }
    assert_int_equal(headgate(&process, "resume", "tick"), 0);
    WAIT_UNTIL(&process, done_count() > 0);
    daemon_end(&process, SIGKILL);
    daemon_start(&process);
    long before = done_count();
    WAIT_UNTIL(&process, done_count() > before);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* Kept while the task is not in the file; and taken off by its name all the same. */
static void hands_pause_waits_for_a_task_that_left_the_file(void **state) {
    struct process process;
    (void)state;
    begin(&process, TICK OTHER);
    assert_int_equal(headgate(&process, "pause", "tick other"), 0);
    WAIT_UNTIL(&process, task_number(&process, "tick", "running") == 0);
    query(conninfo, "TRUNCATE done");
    assert_int_equal(shell(NULL, "cp %s %s.all && sed -i '/task tick/,$d' %s && printf '[task third]\\nevery = 1h\\nsql = SELECT 1\\n' >>%s"
                           " && kill -HUP %d", process.ini, process.ini, process.ini, process.ini, (int)process.pid), 0);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reloaded") == 1);
    daemon_end(&process, SIGKILL);
    daemon_start(&process);
    assert_int_equal(headgate(&process, "resume", "other"), 0);
    assert_told("if it comes back into the file");
    assert_int_equal(headgate(&process, "pause", "other"), 1);
    assert_int_equal(shell(NULL, "cp %s.all %s && kill -HUP %d", process.ini, process.ini, (int)process.pid), 0);
    WAIT_UNTIL(&process, task_number(&process, "other", "ok") >= 3);
    assert_string_equal(task_text(&process, "tick", "state"), "paused");
    assert_int_equal(done_count(), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void hands_trigger_runs_a_paused_task_once(void **state) {
    struct process process;
    (void)state;
    char tasks[256];
    snprintf(tasks, sizeof tasks, "[task rare]\n%ssql = INSERT INTO done VALUES ('rare')\n", never_due());
    begin(&process, tasks);
    assert_int_equal(headgate(&process, "pause", "rare"), 0);
    assert_int_equal(headgate(&process, "trigger", "rare"), 0);
    assert_told("run 1 of rare ");
    assert_told("stays paused");
    WAIT_UNTIL(&process, task_number(&process, "rare", "ok") == 1);
    assert_int_equal(done_count(), 1);
    assert_string_equal(task_text(&process, "rare", "state"), "paused");
    assert_int_equal(daemon_log_count(&process, "event=triggered task=rare run=1 by=alice uid="), 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* The runs under way stay so until the test lets them go. */
static void hands_trigger_is_refused_or_waits_and_says_why(void **state) {
    struct process process;
    char tasks[1024];
    (void)state;
    const char *rarely = never_due();
    query(conninfo, "INSERT INTO nap VALUES (600)");
    snprintf(tasks, sizeof tasks, "[task skips]\n%ssql = " NAP "\n[task queues]\n%soverlap = queue\nsql = " NAP "\n"
             "[task waits]\n%ssql = SELECT 1\n[task off]\nenabled = off\n%ssql = SELECT 1\n", rarely, rarely, rarely, rarely);
    begin(&process, tasks);
    assert_int_equal(headgate(&process, "trigger", "skips"), 0);
    assert_int_equal(headgate(&process, "trigger", "queues"), 0);
    WAIT_UNTIL(&process, query_number(conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 2);
    assert_int_equal(headgate(&process, "trigger", "skips"), 1);
    assert_told("run 1 of skips is under way, and overlap = skip");
    assert_int_equal(headgate(&process, "trigger", "queues"), 0);
    assert_told("run 3 of queues waits: its own run comes first");
    assert_int_equal(headgate(&process, "trigger", "queues"), 1);
    assert_told("run 3 of queues waits already");
    assert_int_equal(headgate(&process, "trigger", "waits"), 0);
    assert_told("run 4 of waits waits: no token: 2 of 2 taken");
    assert_int_equal(headgate(&process, "trigger", "off"), 1);
    assert_told("off is disabled");
    query(conninfo, "UPDATE nap SET seconds = 0");
    query(conninfo, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    WAIT_UNTIL(&process, task_number(&process, "queues", "ok") == 1 && task_number(&process, "waits", "ok") == 1);
    assert_int_equal(task_number(&process, "skips", "failed") + task_number(&process, "queues", "failed"), 2);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void hands_name_what_is_wrong(void **state) {
    struct process process;
    (void)state;
    static const char *const wrong[] = {"pause", "pause x.ini", "resume x.ini", "trigger x.ini", "trigger x.ini a b", "pause x.ini --all"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(shell(NULL, "headgate %s", wrong[i]), 2);
    assert_int_equal(shell(NULL, "headgate pause --help && headgate resume --help && headgate trigger --help"), 0);
    begin(&process, TICK OTHER);
    assert_int_equal(headgate(&process, "pause", "other tikc"), 1);
    assert_told("has no [task tikc]; did you mean 'tick'?");
    assert_told("nothing is paused");
    assert_int_equal(access(state_file, F_OK), -1);
    assert_string_not_equal(task_text(&process, "other", "state"), "paused");
    assert_int_equal(headgate(&process, "trigger", "tikc"), 1);
    assert_told("did you mean 'tick'?");
    assert_int_equal(headgate(&process, "resume", "elsewhere"), 1);
    assert_told("has no [task elsewhere]");
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(headgate(&process, "pause", "tick"), 1);
    assert_told("no daemon runs this file");
    assert_told("start it: headgate run ");
}

static void hands_pause_that_cannot_be_kept_is_none(void **state) {
    struct process process;
    (void)state;
    begin(&process, TICK);
    assert_int_equal(shell(NULL, "prlimit --pid %d --fsize=1:", process.pid), 0); /* root writes into what is read-only, too */
    assert_int_equal(headgate(&process, "pause", "tick"), 1);
    assert_told("nothing is paused: cannot write ");
    long ok = task_number(&process, "tick", "ok");
    WAIT_UNTIL(&process, task_number(&process, "tick", "ok") > ok + 2);
    assert_int_equal(shell(NULL, "prlimit --pid %d --fsize=unlimited:", process.pid), 0);
    assert_int_equal(headgate(&process, "pause", "tick"), 0);
    assert_int_equal(shell(NULL, "rm %s && mkdir %s", state_file, state_file), 0);
    assert_int_equal(headgate(&process, "resume", "tick"), 1);
    assert_told("nothing is resumed: ");
    assert_int_equal(shell(NULL, "rmdir %s", state_file), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void hands_garbage_in_the_state_file_is_told_and_kept(void **state) {
    struct process process;
    (void)state;
    begin(&process, TICK);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(shell(NULL, "head -c 100000 /dev/urandom >%s", state_file), 0);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "tick", "ok") >= 2);
    assert_int_equal(daemon_log_count(&process, "event=pauses_unreadable"), 1);
    assert_int_equal(headgate(&process, "pause", "tick"), 1);
    assert_told("move it away");
    assert_int_equal(shell(NULL, "test $(wc -c <%s) = 100000 && mv %s %s.away", state_file, state_file, state_file), 0);
    assert_int_equal(headgate(&process, "pause", "tick"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(shell(NULL, "echo 'not a pause' >>%s", state_file), 0);
    daemon_start(&process);
    assert_string_equal(task_text(&process, "tick", "state"), "paused");
    assert_int_equal(daemon_log_count(&process, "event=pauses_unreadable"), 2);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(hands_pause_skips_until_resume_in_one_record, tidy),
        cmocka_unit_test_teardown(hands_pause_outlives_stop_kill_and_reload, tidy),
        cmocka_unit_test_teardown(hands_pause_waits_for_a_task_that_left_the_file, tidy),
        cmocka_unit_test_teardown(hands_trigger_runs_a_paused_task_once, tidy),
        cmocka_unit_test_teardown(hands_trigger_is_refused_or_waits_and_says_why, tidy),
        cmocka_unit_test_teardown(hands_name_what_is_wrong, tidy),
        cmocka_unit_test_teardown(hands_pause_that_cannot_be_kept_is_none, tidy),
        cmocka_unit_test_teardown(hands_garbage_in_the_state_file_is_told_and_kept, tidy),
    };
    return run_all(tests, start, stop);
}
