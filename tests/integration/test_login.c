/*
 * From a conninfo to a login: what `check` says of it, and what the daemon makes of servers that refuse, lie or hang.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server server;
static const char *conninfo = server.conninfo;

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=30");
    return 0;
}

static int stop(void **state) {
    (void)state;
    server_destroy(&server);
    return 0;
}

static const char *check_of(const struct process *process, const char *text, int code) {
    const char *output;
    ini_rewrite(process, "[pool p]\nconninfo = %s\n[task t]\nevery = 1s\nsql = SELECT 1\n", text);
    shell(NULL, "chmod 600 %s", process->ini);
    int got = shell(&output, "headgate check %s 2>&1", process->ini);
    if (got != code)
        fail_msg("%s: %d, %s", text, got, output);
    return output;
}

static void login_conninfo_that_libpq_refuses_is_told_with_its_cause(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "#\n");
    static const char *const cases[][2] = {
        {"postgresql://u:secr%et@host/x", "write %25 for a %"},
        {"postgresql://u:secret@host/x?nonsense=1", "a parameter behind its ? that libpq does not know"},
        {"postgresql://u:secret@host/x?sslmode", "is not key=value"},
        {"postgresql://u:secret@host/x?sslmode=a=b", "a second ="},
        {"postgresql://u:secret@[::1/x", "without a ] behind it"},
        {"host=a secret", "is not key=value pairs or a postgresql:// URI"},
        {"host=a password='secret", "a quote that is not closed"},
        {"host=a password=secret hots=b", "a keyword that libpq does not know"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *output = check_of(&process, cases[i][0], 1);
        if (!strstr(output, cases[i][1]) || strstr(output, "secret") || strstr(output, "secr%et"))
            fail_msg("%s: %s", cases[i][0], output);
    }
}

static void login_password_that_a_liar_would_get_in_clear_is_warned_of(void **state) {
    (void)state;
    char passfile[700];
    struct process process;
    ini_write(&process, "#\n");
    static const struct {
        const char *text;
        bool warned;
    } cases[] = {
        {"host=db.example password=x", true},
        {"postgresql://u:x@db.example/a", true},
        {"host=db.example password=x sslmode=disable", true},
        {"host=db.example password=x sslmode=allow", true},
        {"host=/tmp,db.example password=x", true},
        {"hostaddr=192.0.2.1 password=x", true},
        {"host=localhost hostaddr=192.0.2.1 password=x", true},
        {"host=db.example password=x sslmode=require", false},
        {"host=db.example password=x sslmode=verify-full", false},
        {"host=db.example", false},
        {"host=localhost password=x", false},
        {"host=127.0.0.1 password=x", false},
        {"hostaddr=::1 password=x", false},
        {"host=/tmp password=x", false},
        {"password=x", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *output = check_of(&process, cases[i].text, 0);
        if (!strstr(output, "in clear") == cases[i].warned || !strstr(output, "verify-full") == cases[i].warned)
            fail_msg("%s: %s", cases[i].text, output);
    }
    snprintf(passfile, sizeof passfile, "%s/pass", server.directory);
    shell(NULL, "echo '*:*:*:*:x' >%s && chmod 600 %s", passfile, passfile);
    snprintf(passfile, sizeof passfile, "host=db.example passfile=%s/pass", server.directory);
    assert_non_null(strstr(check_of(&process, passfile, 0), "in clear"));
    setenv("PGPASSWORD", "x", 1);
    assert_non_null(strstr(check_of(&process, "host=db.example", 0), "in clear"));
    unsetenv("PGPASSWORD");
}

static void login_sql_file_with_a_byte_order_mark_runs(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "[pool p]\nconninfo = %s\n[task t]\nevery = 200ms\nsql_file = t.sql\n", conninfo);
    shell(NULL, "printf '\\357\\273\\277SELECT 1' >$(dirname %s)/t.sql", process.ini);
    assert_int_equal(shell(NULL, "headgate run --once t %s", process.ini), 0);
    const char *output;
    shell(NULL, "printf '\\357\\273\\277 ' >$(dirname %s)/t.sql", process.ini);
    assert_int_equal(shell(&output, "headgate check %s 2>&1", process.ini), 1);
    assert_non_null(strstr(output, "is empty"));
}

static void login_program_without_an_interpreter_is_not_given_to_a_shell(void **state) {
    (void)state;
    struct process process;
    static const char *const names[] = {"./a", "b", "c", "d"};
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 4\n[task a]\nevery = 200ms\ncommand = ./a\n"
              "[task b]\nevery = 200ms\ncommand = b\n[task c]\nevery = 200ms\ncommand = sh ./a\n"
              "[task d]\nevery = 200ms\nread = SELECT 1 AS id\nwork = ./a\n",
              conninfo);
    shell(NULL, "cd $(dirname %s) && echo 'echo ran >>ran' >a && chmod +x a && ln -s a b", process.ini);
    char path[2048], directory[200];
    snprintf(directory, sizeof directory, "%s", process.ini);
    *strrchr(directory, '/') = '\0';
    snprintf(path, sizeof path, "%s:%s", getenv("PATH"), directory);
    setenv("PATH", path, 1);
    daemon_start(&process);
    for (int i = 0; i < 4; i++) {
        const char *task = names[i] + (i == 0 ? 2 : 0), *wanted = i == 2 ? "ok" : "failed";
        WAIT_UNTIL(&process, task_number(&process, task, wanted) >= 1);
        assert_int_equal(task_number(&process, task, i == 2 ? "failed" : "ok"), 0);
    }
    assert_true(daemon_log_count(&process, "without a #! line") >= 3);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(login_conninfo_that_libpq_refuses_is_told_with_its_cause, tidy),
        cmocka_unit_test_teardown(login_password_that_a_liar_would_get_in_clear_is_warned_of, tidy),
        cmocka_unit_test_teardown(login_sql_file_with_a_byte_order_mark_runs, tidy),
        cmocka_unit_test_teardown(login_program_without_an_interpreter_is_not_given_to_a_shell, tidy),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
