/*
 * Children, more closely: exactly what they inherit, how much of their output is kept, and how they end with the daemon.
 */
#include "one_server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=20");
    return 0;
}

static void children_inherit_nothing_but_a_null_stdin(void **state) {
    (void)state;
    struct process process;
    static const char *const tasks[] = {"group", "descriptor", "stdin", "sigpipe", "directory", "session"};
    int fd = fcntl(STDERR_FILENO, F_DUPFD, 50); /* the daemon inherits it, its children must not */
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 6\n"
              "[task group]\nevery = 200ms\ncommand = sh -c 'test \"$(cut -d \" \" -f 5 /proc/$$/stat)\" = $$'\n"
              "[task descriptor]\nevery = 200ms\ncommand = sh -c 'test ! -e /proc/$$/fd/%d'\n"
              "[task stdin]\nevery = 200ms\ncommand = sh -c 'test \"$(readlink /proc/$$/fd/0)\" = /dev/null'\n"
              "[task sigpipe]\nevery = 200ms\n"
              "command = sh -c 'test $((0x$(sed -n s/SigIgn:.//p /proc/$$/status) & 0x1000)) = 0'\n"
              "[task directory]\nevery = 200ms\ncommand = sh -c 'test -e t.ini'\n"
              "[task session]\nevery = 200ms\nsql = SELECT 1\n",
              conninfo, fd);
    daemon_start(&process);
    close(fd);
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        WAIT_UNTIL(&process, task_number(&process, tasks[i], "ok") + task_number(&process, tasks[i], "failed") >= 3);
        if (task_number(&process, tasks[i], "failed"))
            fail_msg("%s: %s", tasks[i], task_text(&process, tasks[i], "note"));
    }
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void children_environment_is_exactly_what_is_promised(void **state) {
    (void)state;
    struct process process;
    const char *output;
    ini_write(&process,
              "[pool p]\nconninfo = %s password=sesame sslmode=disable passfile=/nowhere/passfile\n"
              "[task show]\nevery = 1d\ncommand = env\n",
              conninfo);
    assert_int_equal(shell(NULL, "chmod 600 %s", process.ini), 0);
    assert_int_equal(shell(&output, "env -i PATH=\"$PATH\" HOME=/nowhere LANG=C.UTF-8 TZ=UTC ASAN_OPTIONS=\"$ASAN_OPTIONS\""
                                    " PGPASSWORD=sesame OTHER=1 LD_LIBRARY_PATH=/nowhere"
                                    " \"$HEADGATE\" run %s --once show > %s.out; cat %s.out", process.ini, process.ini, process.ini), 0);
    assert_null(strstr(output, "sesame"));
    assert_non_null(strstr(output, "\nPGAPPNAME=headgate/show\n"));
    assert_non_null(strstr(output, "\nPGPASSFILE=/nowhere/passfile\n"));
    assert_non_null(strstr(output, "\nPGSSLMODE=disable\n"));
    assert_non_null(strstr(output, "\nPGOPTIONS=-c client_connection_check_interval=2s\n"));
    shell(&output, "sed -n 's/=.*//p' %s.out | sort | tr '\\n' ' '", process.ini);
    assert_string_equal(output, "HEADGATE_DUE HEADGATE_RUN HEADGATE_TASK HOME LANG PATH PGAPPNAME PGDATABASE PGHOST"
                                " PGOPTIONS PGPASSFILE PGSSLMODE PGUSER TZ ");
}

static void children_output_is_counted_and_its_end_kept(void **state) {
    (void)state;
    struct process process;
    const char *output;
    ini_write(&process,
              "[pool p]\nconninfo = %s\n"
              "[task much]\nevery = 1d\ncommand = sh -c 'yes 0123456789 | head -c 11534336; echo the end'\n"
              "[task broken]\nevery = 100ms\nhold_after = 0\ncommand = sh -c 'printf \"\\\\377\\\\000\\\\001 not a text\"; exit 4'\n",
              conninfo);
    assert_int_equal(shell(&output, "headgate run %s --once much", process.ini), 0);
    assert_non_null(strstr(output, "\nthe end\nmuch: ok after"));
    assert_non_null(strstr(output, ", 11534344 bytes of output\n"));
    assert_in_range(strlen(output), 4000, 4096 + 200);
    daemon_start(&process);
    WAIT_UNTIL(&process, strstr(task_text(&process, "broken", "note"), "exited with 4") && /* so the JSON can be read */
                             strstr(task_text(&process, "broken", "note"), "not a text"));
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void children_may_finish_when_the_daemon_drains(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\n[task t]\nevery = 200ms\ncommand = sh -c 'touch began; sleep 1; touch finished'\n",
              conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, shell(NULL, "test -e $(dirname %s)/began", process.ini) == 0);
    shell(NULL, "cd $(dirname %s) && rm -f began finished", process.ini);
    WAIT_UNTIL(&process, shell(NULL, "test -e $(dirname %s)/began", process.ini) == 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(shell(NULL, "test -e $(dirname %s)/finished", process.ini), 0);
}

static void children_are_told_to_end_when_time_is_up(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[headgate]\ndrain_timeout = 300ms\n[pool p]\nconninfo = %s\n[task t]\nevery = 200ms\n"
              "command = sh -c 'trap \"touch told; exit 1\" TERM; sleep 1000 & echo $! > began; wait'\n",
              conninfo);
    daemon_start(&process);
    WAIT_UNTIL(&process, shell(NULL, "test -s $(dirname %s)/began", process.ini) == 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(shell(NULL, "test -e $(dirname %s)/told", process.ini), 0); /* it did not need the KILL */
    assert_int_equal(shell(NULL, "! grep -q sleep /proc/$(cat $(dirname %s)/began)/cmdline", process.ini), 0);
    assert_int_equal(daemon_log_count(&process, "event=cancelled task=t"), 1);
}

static void children_without_tokens_are_limited_too(void **state) {
    (void)state;
    struct process process;
    static char tasks[16384];
    *tasks = '\0';
    for (int i = 0; i < 70; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task t%d]\nevery = 500ms\ntokens = 0\ncommand = cat gate\n", i);
    ini_write(&process, "[pool p]\nconninfo = %s\n%s", conninfo, tasks);
    assert_int_equal(shell(NULL, "mkfifo $(dirname %s)/gate", process.ini), 0); /* each waits until it is opened from here */
    daemon_start(&process);
    const char *output;
    WAIT_UNTIL(&process, (shell(&output, "headgate status %s", process.ini), strstr(output, "64 of 64 children that hold no token run")));
    shell(&output, "cat /proc/[0-9]*/stat 2>/dev/null | awk '$4 == %d' | wc -l", (int)process.pid);
    assert_in_range(strtol(output, NULL, 10), 1, 64);
    for (int i = 0; i < 70; i += 23) {
        char task[8];
        snprintf(task, sizeof task, "t%d", i);
        WAIT_UNTIL(&process, (shell(NULL, ": >$(dirname %s)/gate", process.ini), task_number(&process, task, "ok") >= 1));
    }
    assert_int_equal(pool_number(&process, "p", "opened"), 0);
    daemon_stop(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(children_inherit_nothing_but_a_null_stdin, tidy),
        cmocka_unit_test_teardown(children_environment_is_exactly_what_is_promised, tidy),
        cmocka_unit_test_teardown(children_output_is_counted_and_its_end_kept, tidy),
        cmocka_unit_test_teardown(children_may_finish_when_the_daemon_drains, tidy),
        cmocka_unit_test_teardown(children_are_told_to_end_when_time_is_up, tidy),
        cmocka_unit_test_teardown(children_without_tokens_are_limited_too, tidy),
    };
    return run_all(tests, start, stop);
}
