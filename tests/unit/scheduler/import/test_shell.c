/* A command comes out of the ini file as it went in: this runs both, and compares what they say. */
#include "tests/unit/helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scheduler/import/shell.h"
#include "tasks/inifile.h"
#include "tasks/words.h"

/* What a program says, its exit code behind it. */
static char *output_of(char *const *argv) {
    struct text text = {0};
    char chunk[4096];
    int ends[2], status;
    ssize_t got;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(ends[1]);
    while ((got = read(ends[0], chunk, sizeof chunk)) > 0)
        text_add_bytes(&text, chunk, (size_t)got);
    close(ends[0]);
    waitpid(pid, &status, 0);
    text_add(&text, "exit %d", status);
    return text.bytes;
}

/* The command of the page, as the daemon splits it. */
static char **words_of(const char *page, struct arena *arena) {
    struct text text = {0}, wrong = {0};
    struct faults faults = {0};
    struct inifile file;
    text_add(&text, "[task t]\n%s", page);
    inifile_read(text.bytes, text.bytes_count, arena, arena, &faults, &file);
    helper_expect_no_fault(page, &faults);
    char **argv = words_split(file.sections[0].entries[0].value, arena, &wrong);
    assert_non_null(argv);
    text_finish(&text);
    return argv;
}

static void expect_same(const struct shell_job *job, const char *plainly) {
    struct arena arena = {0};
    struct text page = {0};
    char shell[100];
    snprintf(shell, sizeof shell, "%s", job->shell);
    char *sh[] = {shell, (char *)"-c", text_copy(plainly), NULL};
    if (!shell_print(&page, job))
        fail_msg("'%s' is not written", job->command);
    char *printed = output_of(words_of(page.bytes, &arena)), *expected = output_of(sh);
    helper_expect_text(page.bytes, printed, expected);
    free(printed);
    free(expected);
    free(sh[2]);
    text_finish(&page);
    arena_finish(&arena);
}

#define WORDS "one 'two  three' \"four; five\" six\\ seven "
#define MANY  WORDS WORDS WORDS WORDS WORDS WORDS WORDS WORDS

static const char *const commands[] = {
    "true",
    "exit 3",
    "printf '<%s>' a b",
    "printf '<%s>' \"it's\" 'a ; b' a\\;b # done",
    "echo a ; echo b ;echo c",
    "printf '<%s>' " MANY,
    "printf '<%s>' " MANY MANY "; exit 5",
    "printf '<%s>' " MANY MANY MANY MANY MANY MANY, /* more than ten pieces */
    "printf '<%s>' {1..3} " MANY, /* not the same to every shell */
    "printf '<%s>' '" X100 X100 X100 "'",
    "printf '<%s>' '" X100 "'\\''" X100 "' \"\\\"$((1 + 1))\\\"\" `echo x` \"$(echo \"y  ; z\")\"",
    "printf '<%s>' '\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4" X100 "\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC" X50 "'",
    "echo $0 $#",
    "if true; then echo yes ; else echo no ; fi ; exit 7",
};

static void shell_commands_come_out_as_they_went_in(void **state) {
    (void)state;
    static const char *const shells[] = {"/bin/sh", "/bin/bash"};
    for (size_t i = 0; i < COUNT(commands); i++)
        for (size_t j = 0; j < COUNT(shells); j++)
            expect_same(&(struct shell_job){.shell = shells[j], .command = commands[i]}, commands[i]);
}

static void shell_input_and_environment_are_given(void **state) {
    (void)state;
    static const char *const environment[] = {"A=a b", "PATH=/bin:/usr/bin", "Q=it's"};
    static const char *const input[] = {"one", "", "it's  two; $HOME", X100 X100};
    expect_same(&(struct shell_job){.shell = "/bin/sh", .environment = environment, .environment_count = 3,
                                    .command = "echo $A $Q $PATH; exit 2"},
                "echo a b \"it's\" /bin:/usr/bin; exit 2");
    expect_same(&(struct shell_job){.shell = "/bin/bash", .command = "cat; exit 4", .input = input, .input_count = 4},
                "printf 'one\\n\\nit'\\''s  two; $HOME\\n" X100 X100 "\\n'; exit 4");
    expect_same(&(struct shell_job){.shell = "/bin/sh", .command = "cat # " MANY, .input = input, .input_count = 1}, "echo one");
}

static void shell_what_does_not_fit_is_refused(void **state) {
    (void)state;
    struct text page = {0};
    char *long_one = calloc(1, 20001);
    memset(long_one, 'x', 20000);
    static const char *const environment[] = {"A=" X100 X100};
    assert_false(shell_print(&page, &(struct shell_job){.shell = "/bin/sh", .command = long_one}));
    assert_false(shell_print(&page, &(struct shell_job){.shell = "/bin/sh", .command = "a\nb"}));
    assert_false(shell_print(&page, &(struct shell_job){.shell = "/bin/sh", .command = "a", .environment = environment,
                                                        .environment_count = 1}));
    assert_int_equal(page.bytes_count, 0);
    free(long_one);
}

static void shell_name_is_the_programs(void **state) {
    (void)state;
    static const struct {
        const char *command, *name;
    } rows[] = {
        {"/usr/bin/certbot -q renew", "certbot"},
        {"/usr/bin/certbot renew -q", "certbot-renew"},
        {"cd / && run-parts --report /etc/cron.hourly", "cron.hourly"},
        {"test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )", "cron.daily"},
        {"[ -x /usr/lib/php/sessionclean ] && if [ ! -d /run/systemd/system ]; then /usr/lib/php/sessionclean; fi", "sessionclean"},
        {"php /var/www/artisan schedule:run >> /dev/null 2>&1", "artisan-schedule:run"},
        {"python3 -u /srv/app/report.py", "report"},
        {"/srv/app/venv/bin/python manage.py clearsessions", "manage-clearsessions"},
        {"flock -n /run/lock/x.lock nice -n 19 /usr/local/bin/backup.sh", "backup"},
        {"sudo -u www-data /opt/bin/thumbs", "thumbs"},
        {"RAILS_ENV=production bundle exec rake db:trim", "rake-db:trim"},
        {"timeout 300 curl -fsS https://example.org/cron", "curl"},
        {"bash -c 'sync-mail now'", "sync-mail-now"},
        {"flock -w 10 /run/x nice -n 5 ionice -c 3 timeout 1h /opt/y", "y"},
        {"find /tmp -mtime +7 -delete", "find"},
        {"", ""},
        {"$(", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text name = {0};
        text_add(&name, "%s", "");
        shell_name(&name, rows[i].command);
        helper_expect_text(rows[i].command, name.bytes, rows[i].name);
        text_finish(&name);
    }
}

static void shell_clients_of_the_database_are_found(void **state) {
    (void)state;
    assert_string_equal(shell_find_client("cd /x && /usr/lib/postgresql/15/bin/pg_dump -Fc app | gzip > y"), "pg_dump");
    assert_string_equal(shell_find_client("sudo -u postgres psql -c 'SELECT 1'"), "psql");
    assert_null(shell_find_client("echo psqlx"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shell_commands_come_out_as_they_went_in),
        cmocka_unit_test(shell_input_and_environment_are_given),
        cmocka_unit_test(shell_what_does_not_fit_is_refused),
        cmocka_unit_test(shell_name_is_the_programs),
        cmocka_unit_test(shell_clients_of_the_database_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
