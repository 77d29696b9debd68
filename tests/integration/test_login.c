/*
 * From a conninfo to a login: what `check` says of it, and what the daemon makes of servers that refuse, lie or hang.
 */
#include "one_server.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=30");
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

/* --- servers that are away, silent or frozen --- */

/* A port of 127.0.0.1 behind which the kernel says yes and nobody anything. */
static int silent_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 64), 0);
    getsockname(listener, (struct sockaddr *)&address, &bytes);
    return ntohs(address.sin_port);
}

static const char *value_of(const char *text, const char *keyword, char *value, size_t bytes) {
    PQconninfoOption *options = PQconninfoParse(text, NULL);
    for (PQconninfoOption *option = options; option && option->keyword; option++)
        if (strcmp(option->keyword, keyword) == 0)
            snprintf(value, bytes, "%s", option->val ? option->val : "5432");
    PQconninfoFree(options);
    return value;
}

static void login_silent_first_host_leaves_the_second_its_share(void **state) {
    (void)state;
    struct process process;
    char host[256], port[16];
    value_of(conninfo, "host", host, sizeof host);
    value_of(conninfo, "port", port, sizeof port);
    ini_write(&process,
              "[pool p]\nconninfo = %s host=127.0.0.1,%s port=%d,%s\nsize = 2\nconnect_timeout = 1s\n"
              "[task t]\nevery = 200ms\nsql = SELECT 1\n",
              conninfo, host, silent_port(), port);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 2);
    assert_int_equal(daemon_log_count(&process, "connect_failed"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void login_failure_names_each_hosts_reason_and_frees_its_token(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = host=127.0.0.1,127.0.0.1,nowhere.invalid port=%d,1,5 dbname=x\nsize = 1\n"
              "connect_timeout = 1s\nlinger = 1h\n[task t]\nevery = 200ms\nsql = SELECT 1\n",
              silent_port());
    daemon_start(&process);
    WAIT_UNTIL(&process, daemon_log_count(&process, "no answer within connect_timeout") >= 1 &&
                             daemon_log_count(&process, "Connection refused") >= 1 &&
                             daemon_log_count(&process, "nowhere.invalid") >= 1);
    WAIT_UNTIL(&process, daemon_log_count(&process, "in_a_row=2") + daemon_log_count(&process, "in_a_row=10") >= 1 ||
                             pool_number(&process, "p", "connect_failures") >= 2 ||
                             strstr(task_text(&process, "t", "note"), "attempt"));
    assert_int_equal(pool_tokens(&process, "p", "closing"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

#define SLEEPERS 20

/* Its postmaster and all that it has begun are stopped: what is sent to it is taken by the kernel, and not answered. */
static void signal_server(const struct server *which, const char *name) {
    shell(NULL, "p=$(head -1 %s/data/postmaster.pid); kill -%s $p $(pgrep -P $p)", which->directory, name);
}

/* Seconds by the program's own clock between the first lines of its log that have these words. */
static double log_seconds(const struct process *process, const char *from, const char *to) {
    const char *output;
    assert_int_equal(shell(&output, "at() { date -d $(grep -m 1 -e \"$1\" %s | cut -d ' ' -f 1) +%%s.%%N; }\n"
                                    "echo \"$(at '%s') $(at '%s')\" | awk '{ printf \"%%.3f\", $2 - $1 }'", process->log, from, to), 0);
    return strtod(output, NULL);
}

/* The drain has its second and ten more, and a busy machine what it needs: with one hung cancel it took 77. */
#define STOP_MOST_S 40

static void login_frozen_server_keeps_neither_another_pool_nor_the_stop(void **state) {
    (void)state;
    struct process process;
    struct server frozen;
    char tasks[4096] = "", spool[200];
    server_start(&frozen, "max_connections=40");
    for (int i = 0; i < SLEEPERS; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks),
                 "[task s%d]\npool = sick\nevery = 1s\ntimeout = 3s\nhold_after = 0\nsql = SELECT pg_sleep(60)\n", i);
    ini_write(&process,
              "[headgate]\ndrain_timeout = 1s\n[pool sick]\nconninfo = %s\nsize = %d\nhistory = on\n[pool well]\nconninfo = %s\n"
              "[task beat]\npool = well\nevery = 200ms\nsql = SELECT 1\n%s",
              frozen.conninfo, SLEEPERS, conninfo, tasks);
    snprintf(spool, sizeof spool, "%s.spool", process.ini);
    assert_int_equal(shell(NULL, "mkdir %s && sed -i '1a spool = %s' %s", spool, spool, process.ini), 0);
    daemon_start(&process);
    WAIT_UNTIL(&process, query_number(frozen.conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = "
                                                       "'PgSleep'") >= 8);
    signal_server(&frozen, "STOP");
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=cancelling") >= 8);
    long before = task_number(&process, "beat", "ok"), opened = pool_number(&process, "well", "opened");
    query(conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'");
    WAIT_UNTIL(&process, task_number(&process, "beat", "ok") >= before + 10);
    assert_true(pool_number(&process, "well", "opened") > opened); /* it could log in beside the hung cancels */
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=timeout task=s") + daemon_log_count(&process, "event=unknown task=s") +
                                 daemon_log_count(&process, "event=failed task=s") >= 1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    double took_s = log_seconds(&process, "event=stopping", "event=stopped");
    if (took_s < 0 || took_s > STOP_MOST_S)
        fail_msg("it stopped within %.1f s", took_s);
    /* its records are of a database that did not take them */
    assert_int_equal(daemon_log_count(&process, "event=history_spooled pool=sick"), 1);
    assert_int_equal(shell(NULL, "grep -q '\"outcome\"' %s/*.history", spool), 0);
    signal_server(&frozen, "CONT");
    server_destroy(&frozen);
}

/* --- a server that lies --- */

static void send_message(int fd, char type, const char *body, size_t bytes) {
    char message[1024];
    uint32_t length = htonl((uint32_t)bytes + 4);
    message[0] = type;
    memcpy(message + 1, &length, 4);
    memcpy(message + 5, body, bytes);
    send(fd, message, bytes + 5, MSG_NOSIGNAL);
}

/* A NOTICE and no more, or SCRAM with a count of rounds that takes half an hour. */
static void lie(int fd, bool with_notice) {
    static const char notice[] = "SNOTICE\0VNOTICE\0C00000\0Mforged\nlevel=error event=forged\0\0";
    char bytes[1024], first[512];
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof bytes, 0)) == 8) /* it asks for TLS */
        send(fd, "N", 1, MSG_NOSIGNAL);
    if (got <= 0)
        return;
    if (with_notice) {
        send_message(fd, 'R', "\0\0\0\0", 4);
        send_message(fd, 'N', notice, sizeof notice - 1);
        recv(fd, bytes, sizeof bytes, 0);
        return;
    }
    send_message(fd, 'R', "\0\0\0\12SCRAM-SHA-256\0", 19);
    got = recv(fd, bytes, sizeof bytes - 1, 0);
    if (got <= 0)
        return;
    const char *nonce = memmem(bytes, (size_t)got, "r=", 2);
    if (!nonce)
        return;
    int count = snprintf(first, sizeof first, "%c%c%c%c%.*sxyz,s=c2FsdHNhbHQ=,i=2000000000", 0, 0, 0, 11,
                         (int)(bytes + got - nonce), nonce);
    send_message(fd, 'R', first, (size_t)count);
    recv(fd, bytes, sizeof bytes, 0);
}

/* What `check` and `history` say of a server that does not let them in, long before anybody gives up. */
static const char *ask_in_time(const struct process *process, const char *before) {
    static char said[4096];
    const char *output;
    int code = shell(&output, "%s timeout -s KILL 60 \"$HEADGATE\" check %s --connect 2>&1", before, process->ini);
    snprintf(said, sizeof said, "%s", output);
    assert_int_equal(code, 1);
    code = shell(&output, "%s timeout -s KILL 60 \"$HEADGATE\" history %s 2>&1", before, process->ini);
    snprintf(said + strlen(said), sizeof said - strlen(said), "%s", output);
    assert_int_equal(code, 1);
    return said;
}

static void login_of_a_command_ends_although_the_resolver_hangs(void **state) {
    (void)state;
    struct process process;
    char before[512];
    snprintf(before, sizeof before, "ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 LD_PRELOAD=%s", getenv("RESOLVER"));
    ini_write(&process,
              "[pool p]\nconninfo = host=server.hangs dbname=x user=x\nconnect_timeout = 1s\nhistory = on\n"
              "[task t]\nevery = 1h\nsql = SELECT 1\n");
    const char *output = strstr(ask_in_time(&process, before), "\"server.hangs\" to address within connect_timeout (1.0s)");
    assert_non_null(output);
    assert_non_null(strstr(output + 1, "\"server.hangs\" to address within connect_timeout (1.0s)"));
}

static void login_of_a_command_ends_although_the_server_is_silent(void **state) {
    (void)state;
    struct process process;
    ini_write(&process,
              "[pool p]\nconninfo = host=127.0.0.1 port=%d dbname=x user=x\nconnect_timeout = 1s\nhistory = on\n"
              "[task t]\nevery = 1h\nsql = SELECT 1\n", silent_port());
    assert_non_null(strstr(ask_in_time(&process, ""), "no answer within connect_timeout (1.0s)"));
}

static void login_liar_has_no_way_to_the_log_nor_to_the_loop(void **state) {
    (void)state;
    struct process process;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    listen(listener, 64);
    getsockname(listener, (struct sockaddr *)&address, &bytes);
    pid_t liar = fork();
    if (liar == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGCHLD, SIG_IGN);
        for (bool with_notice = true;; with_notice = !with_notice) {
            int fd = accept(listener, NULL, NULL);
            if (fork() == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                lie(fd, with_notice);
                _exit(0);
            }
            close(fd);
        }
    }
    ini_write(&process,
              "[pool liar]\nconninfo = host=127.0.0.1 port=%d user=a dbname=a password=x gssencmode=disable\n"
              "connect_timeout = 1s\nlinger = 1s\nhistory = on\n[pool well]\nconninfo = %s\n"
              "[task lied]\npool = liar\nevery = 200ms\nsql = SELECT 1\n"
              "[task beat]\npool = well\nevery = 200ms\nsql = SELECT 1\n",
              ntohs(address.sin_port), conninfo);
    shell(NULL, "chmod 600 %s", process.ini);
    daemon_start(&process);
    WAIT_UNTIL(&process, daemon_log_count(&process, "failed: no answer within connect_timeout") >= 1 &&
                             daemon_log_count(&process, "in libpq or behind earlier attempts") >= 1);
    long before = task_number(&process, "beat", "ok");
    WAIT_UNTIL(&process, task_number(&process, "beat", "ok") >= before + 10);
    assert_int_equal(daemon_log_count(&process, "forged"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    /* Four times, as every other one is told the other lie. */
    bool rounds = false;
    for (int i = 0; i < 4; i++) {
        const char *output = ask_in_time(&process, "");
        assert_null(strstr(output, "forged"));
        rounds |= strstr(output, "in libpq or behind earlier attempts") != NULL;
    }
    assert_true(rounds);
    kill(liar, SIGKILL);
    waitpid(liar, NULL, 0);
    close(listener);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(login_conninfo_that_libpq_refuses_is_told_with_its_cause, tidy),
        cmocka_unit_test_teardown(login_password_that_a_liar_would_get_in_clear_is_warned_of, tidy),
        cmocka_unit_test_teardown(login_sql_file_with_a_byte_order_mark_runs, tidy),
        cmocka_unit_test_teardown(login_program_without_an_interpreter_is_not_given_to_a_shell, tidy),
        cmocka_unit_test_teardown(login_silent_first_host_leaves_the_second_its_share, tidy),
        cmocka_unit_test_teardown(login_failure_names_each_hosts_reason_and_frees_its_token, tidy),
        cmocka_unit_test_teardown(login_frozen_server_keeps_neither_another_pool_nor_the_stop, tidy),
        cmocka_unit_test_teardown(login_of_a_command_ends_although_the_resolver_hangs, tidy),
        cmocka_unit_test_teardown(login_of_a_command_ends_although_the_server_is_silent, tidy),
        cmocka_unit_test_teardown(login_liar_has_no_way_to_the_log_nor_to_the_loop, tidy),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
