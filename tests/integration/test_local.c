/*
 * Other processes of the same machine: a second daemon on the same file, and users who are up to no good where all may
 * write. No database is needed: none is reached.
 */
#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define REST    "[pool p]\nconninfo = host=/nowhere user=nobody\n[task t]\nevery = 1h\nsql = SELECT 1\n"
#define STRANGER 54321

static struct process process;
static char folder[160];
static const char *output;

/* A folder that all may write, with an ini file in it. */
static void begin(const char *daemon_keys) {
    ini_write(&process, "%s%s%s", *daemon_keys ? "[headgate]\n" : "", daemon_keys, REST);
    snprintf(folder, sizeof folder, "%s", process.ini);
    *strrchr(folder, '/') = '\0';
    chmod(folder, 01777);
}

static void assert_told(const char *what) {
    if (!strstr(output, what))
        fail_msg("'%s' is not in: %s", what, output);
}

static void assert_second_is_refused(const char *file) {
    assert_int_equal(shell(&output, "headgate run %s", file), 1);
    assert_told("already runs this file");
    assert_int_equal(shell(&output, "headgate status %s", file), 0);
}

/* --- a second daemon --- */

static void local_second_daemon_is_refused_whatever_happened_to_the_file(void **state) {
    (void)state;
    begin("");
    daemon_start(&process);
    assert_second_is_refused(process.ini);
    assert_int_equal(shell(NULL, "cd %s && cp t.ini new && mv new t.ini", folder), 0); /* as editors do */
    assert_second_is_refused(process.ini);
    assert_int_equal(shell(NULL, "cd %s && ln -s t.ini link.ini && ln -s . here", folder), 0);
    char name[256];
    snprintf(name, sizeof name, "%s/link.ini", folder);
    assert_second_is_refused(name);
    snprintf(name, sizeof name, "%s/here/t.ini", folder);
    assert_second_is_refused(name);
    assert_int_equal(shell(&output, "cd %s && headgate run t.ini", folder), 1);
    assert_told("already runs this file");
    assert_int_equal(shell(NULL, "cd %s/.. && mv %s %s.old && cp -r %s.old %s", folder, folder, folder, folder, folder), 0);
    assert_second_is_refused(process.ini); /* a deployment replaced the folder */
    assert_int_equal(shell(NULL, "rm -r %s.old", folder), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void local_lock_follows_neither_control_nor_its_folder(void **state) {
    (void)state;
    begin("");
    daemon_start(&process);
    ini_rewrite(&process, "[headgate]\ncontrol = %s/there/socket\n%s", folder, REST);
    assert_second_is_refused(process.ini); /* before the reload */
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reload_refused") == 1); /* no such folder */
    assert_second_is_refused(process.ini);
    assert_int_equal(shell(NULL, "mkdir %s/there", folder), 0);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, shell(NULL, "test -S %s/there/socket", folder) == 0);
    assert_second_is_refused(process.ini);
    assert_int_equal(shell(NULL, "rm %s/there/socket", folder), 0);
    assert_second_is_refused(process.ini);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, shell(NULL, "test -S %s/there/socket", folder) == 0);
    assert_second_is_refused(process.ini);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(shell(NULL, "test -e %s/there/socket", folder), 1);
}

static void local_link_turned_to_another_file_keeps_both_locked(void **state) {
    (void)state;
    char target[256];
    begin("");
    snprintf(target, sizeof target, "%s/second.ini", folder);
    assert_int_equal(shell(NULL, "cd %s && mv t.ini first.ini && cp first.ini second.ini && ln -s first.ini t.ini", folder), 0);
    daemon_start(&process);
    assert_int_equal(shell(NULL, "cd %s && ln -sfn second.ini t.ini", folder), 0);
    assert_second_is_refused(process.ini);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reloaded") == 1);
    assert_second_is_refused(target);
    struct process other = process;
    snprintf(other.ini, sizeof other.ini, "%s/first.ini", folder);
    daemon_start(&other);
    assert_int_equal(shell(NULL, "cd %s && ln -sfn first.ini t.ini", folder), 0);
    kill(process.pid, SIGHUP); /* to a file that another daemon runs */
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reload_refused") == 1);
    assert_int_equal(daemon_end(&other, SIGTERM), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void local_what_is_paused_follows_control(void **state) {
    (void)state;
    begin("");
    ini_rewrite(&process, "[headgate]\ncontrol = %s/a\n%s", folder, REST);
    daemon_start(&process);
    assert_int_equal(shell(NULL, "headgate pause %s t", process.ini), 0);
    ini_rewrite(&process, "[headgate]\ncontrol = %s/b\n%s", folder, REST);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reloaded") == 1);
    WAIT_UNTIL(&process, shell(NULL, "cd %s && test ! -e a && test ! -e a.paused && grep -q ^t b.paused", folder) == 0);
    daemon_kill(&process);
    daemon_start(&process);
    assert_string_equal(task_text(&process, "t", "state"), "paused");
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void local_two_files_cannot_have_one_socket(void **state) {
    (void)state;
    begin("");
    ini_rewrite(&process, "[headgate]\ncontrol = %s/socket\n%s", folder, REST);
    daemon_start(&process);
    assert_int_equal(shell(&output, "cd %s && cp t.ini other.ini && headgate run other.ini", folder), 1);
    assert_told("somebody listens on");
    assert_int_equal(shell(NULL, "test -S %s/socket", folder), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* --- another user --- */

static bool can_be_others(void) {
    if (geteuid() == 0)
        return true;
    print_message("not root: nobody else can be\n");
    return false;
}

/* The program as it is called by the stranger, who may not enter where it was built. */
static const char *as_stranger(void) {
    static char command[512];
    assert_int_equal(shell(NULL, "cp \"$HEADGATE\" %s/program && chmod 755 %s/program", folder, folder), 0);
    snprintf(command, sizeof command, "setpriv --reuid %d --regid %d --clear-groups %s/program", STRANGER, STRANGER, folder);
    return command;
}

static void local_another_user_is_refused_and_told_who(void **state) {
    (void)state;
    if (!can_be_others())
        return;
    begin("");
    chmod(process.ini, 0644);
    daemon_start(&process);
    const char *stranger = as_stranger();
    assert_int_equal(shell(&output, "%s run %s", stranger, process.ini), 1);
    assert_told("already runs this file (uid 0)");
    assert_int_equal(shell(&output, "%s pause %s t", stranger, process.ini), 1);
    assert_told("gave no answer; ask as the user that it runs as");
    assert_string_not_equal(task_text(&process, "t", "state"), "paused");
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* What a liar's answer would be believed as; it ends with the test. Writes what it was asked to `folder`/asked. */
static pid_t sit_on(const struct sockaddr_un *address, socklen_t bytes, uid_t uid, const char *answer, bool endless) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (setuid(uid) != 0 || chdir(folder) != 0)
            _exit(1);
        int listener = socket(AF_UNIX, SOCK_STREAM, 0), asked = open("asked", O_WRONLY | O_CREAT | O_APPEND, 0666);
        if (bind(listener, (const struct sockaddr *)address, bytes) != 0 || listen(listener, 8) != 0)
            _exit(1);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        signal(SIGPIPE, SIG_IGN);
        for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
            char request[256];
            ssize_t got = read(fd, request, sizeof request);
            if (got > 0 && write(asked, request, (size_t)got) != got)
                _exit(1);
            do
                got = write(fd, answer, strlen(answer));
            while (endless && got > 0);
        }
        _exit(1);
    }
    char byte;
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static pid_t sit_at(const char *path, uid_t uid, const char *answer, bool endless) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return sit_on(&address, sizeof address, uid, answer, endless);
}

static void stand_up(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void local_strangers_answer_is_not_believed(void **state) {
    (void)state;
    char path[256];
    if (!can_be_others())
        return;
    begin("");
    snprintf(path, sizeof path, "%s/socket", folder);
    ini_rewrite(&process, "[headgate]\ncontrol = %s\n%s", path, REST);
    pid_t liar = sit_at(path, STRANGER, "ok\nall is well\n", false);
    static const char *const commands[] = {"status %s", "status %s --json", "pause %s t", "trigger %s t"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char command[256];
        snprintf(command, sizeof command, commands[i], process.ini);
        assert_int_equal(shell(&output, "headgate %s", command), 1);
        assert_told("which belongs to another user (uid 54321)");
        assert_null(strstr(output, "all is well"));
    }
    assert_int_equal(shell(NULL, "test -s %s/asked", folder), 1); /* nor is anything told to it */
    assert_int_equal(shell(NULL, "headgate simulate %s --for 1h", process.ini), 0);
    assert_int_equal(shell(NULL, "chown %d %s", STRANGER, process.ini), 0); /* whose file it is, is believed */
    assert_int_equal(shell(&output, "headgate status %s", process.ini), 0);
    assert_told("all is well");
    stand_up(liar);
}

static void local_answer_that_does_not_end_is_cut(void **state) {
    (void)state;
    char path[256];
    begin("");
    snprintf(path, sizeof path, "%s/socket", folder);
    ini_rewrite(&process, "[headgate]\ncontrol = %s\n%s", path, REST);
    static char piece[65536];
    memset(piece, 'x', sizeof piece - 1);
    pid_t liar = sit_at(path, geteuid(), piece, true);
    assert_int_equal(shell(&output, "headgate status %s | wc -c", process.ini), 0);
    assert_told("does not end");
    stand_up(liar);
}

/* --- what lies around in /tmp --- */

static void local_planted_folder_keeps_no_daemon_from_starting(void **state) {
    (void)state;
    if (!can_be_others() || access("/run/headgate", F_OK) == 0)
        return;
    begin("");
    assert_int_equal(chown(process.ini, STRANGER, STRANGER), 0);
    assert_int_equal(shell(NULL, "rm -rf /tmp/headgate-%d && echo gold >/tmp/headgate-%d", STRANGER, STRANGER), 0);
    const char *stranger = as_stranger();
    assert_int_equal(shell(NULL, "%s run %s >%s/log 2>&1 & echo $! >%s/pid", stranger, process.ini, folder, folder), 0);
    WAIT_UNTIL(&process, shell(&output, "headgate status %s", process.ini) == 0);
    assert_int_equal(daemon_log_count(&process, "event=no_control_socket"), 1);
    assert_int_equal(shell(&output, "headgate pause %s t", process.ini), 1); /* it could not be kept */
    assert_told("no folder to keep it in");
    assert_int_equal(shell(NULL, "grep -q gold /tmp/headgate-%d && rm /tmp/headgate-%d", STRANGER, STRANGER), 0);
    assert_int_equal(shell(NULL, "kill -HUP $(cat %s/pid)", folder), 0);
    WAIT_UNTIL(&process, shell(NULL, "test -S /tmp/headgate-%d/*.sock", STRANGER) == 0);
    assert_int_equal(shell(&output, "stat -c %%a /tmp/headgate-%d", STRANGER), 0);
    assert_string_equal(output, "700\n");
    assert_int_equal(shell(NULL, "headgate pause %s t", process.ini), 0);
    assert_int_equal(shell(NULL, "kill $(cat %s/pid)", folder), 0);
    WAIT_UNTIL(NULL, shell(NULL, "headgate status %s", process.ini) == 1);
    assert_int_equal(shell(NULL, "rm -r /tmp/headgate-%d", STRANGER), 0);
}

static void local_status_file_follows_no_link_and_is_private(void **state) {
    (void)state;
    begin("");
    ini_rewrite(&process, "[headgate]\nstatus_file = %s/status\n%s", folder, REST);
    assert_int_equal(shell(NULL, "cd %s && echo gold >precious && ln -s precious status.new && ln -s precious status", folder), 0);
    daemon_start(&process);
    kill(process.pid, SIGUSR1);
    WAIT_UNTIL(&process, shell(NULL, "cd %s && test -f status -a ! -L status", folder) == 0);
    assert_int_equal(shell(&output, "cd %s && stat -c %%a status && cat precious && grep -c '^pool p' status", folder), 0);
    assert_string_equal(output, "600\ngold\n1\n");
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(local_second_daemon_is_refused_whatever_happened_to_the_file, tidy),
        cmocka_unit_test_teardown(local_lock_follows_neither_control_nor_its_folder, tidy),
        cmocka_unit_test_teardown(local_link_turned_to_another_file_keeps_both_locked, tidy),
        cmocka_unit_test_teardown(local_what_is_paused_follows_control, tidy),
        cmocka_unit_test_teardown(local_two_files_cannot_have_one_socket, tidy),
        cmocka_unit_test_teardown(local_another_user_is_refused_and_told_who, tidy),
        cmocka_unit_test_teardown(local_strangers_answer_is_not_believed, tidy),
        cmocka_unit_test_teardown(local_answer_that_does_not_end_is_cut, tidy),
        cmocka_unit_test_teardown(local_planted_folder_keeps_no_daemon_from_starting, tidy),
        cmocka_unit_test_teardown(local_status_file_follows_no_link_and_is_private, tidy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
