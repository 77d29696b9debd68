#include "tests/unit/helper.h"

#include <string.h>

#include "scheduler/import/crontab.h"

#define TASK(name, when, command) "\n[task " name "]\ncron = " when "\ncommand = " command "\ntokens = 0\n"

/* What stands behind the head, whose last line is the pool's size. */
static const char *jobs_of(const char *page) {
    const char *size = strstr(page, "size = 4\n");
    assert_non_null(size);
    return size + strlen("size = 4\n");
}

static bool knows_zone(const char *name) {
    return strcmp(name, "Europe/Berlin") == 0;
}

static void expect(const char *crontab, enum crontab_kind kind, const char *jobs, uint32_t tasks, uint32_t left) {
    struct text page = {0};
    struct import_count count;
    crontab_print(crontab, kind, "", knows_zone, &page, &count);
    helper_expect_text(crontab, jobs_of(page.bytes), jobs);
    assert_int_equal(count.task_count, tasks);
    assert_int_equal(count.left_count, left);
    text_finish(&page);
}

static void crontab_lines_of_a_user_are_tasks(void **state) {
    (void)state;
    static const struct {
        const char *line, *when, *name, *command;
    } rows[] = {
        {"*/5 * * * * true", "*/5 * * * *", "job", "/bin/sh -c 'cd; true'"},
        {"  0\t6  * *   mon-fri\t/usr/bin/a  b\n", "0 6 * * mon-fri", "a", "/bin/sh -c 'cd; /usr/bin/a  b'"},
        {"@daily /usr/bin/a", "@daily", "a", "/bin/sh -c 'cd; /usr/bin/a'"},
        {"@midnight /usr/bin/a", "@midnight", "a", "/bin/sh -c 'cd; /usr/bin/a'"},
        {"@annually   /usr/bin/a", "@annually", "a", "/bin/sh -c 'cd; /usr/bin/a'"},
        {"-*/5 * * * * /usr/bin/a", "*/5 * * * *", "a", "/bin/sh -c 'cd; /usr/bin/a'"},
        {"0 0 * * 7 /usr/bin/a\r\n", "0 0 * * 7", "a", "/bin/sh -c 'cd; /usr/bin/a'"},
        {"0 0 * * * cd /srv && ./a", "0 0 * * *", "a", "/bin/sh -c 'cd /srv && ./a'"},
        {"0 0 * * * a $(date +\\%F)", "0 0 * * *", "a", "/bin/sh -c 'cd; a $(date +%F)'"},
        {"0 0 * * * a \\\\b \\x", "0 0 * * *", "a", "/bin/sh -c 'cd; a \\\\b \\x'"},
        {"0 0 * * * a%b%%c", "0 0 * * *", "a", "/bin/sh -c 'printf \"%s\\n\" \"$1\" \"$2\" \"$3\" | /bin/sh -c \"$0\"' 'cd; a' b '' c"},
        {"0 0 * * * a%b%", "0 0 * * *", "a", "/bin/sh -c 'printf \"%s\\n\" \"$1\" | /bin/sh -c \"$0\"' 'cd; a' b"},
        {"0 0 * * * a%", "0 0 * * *", "a", "/bin/sh -c 'cd; a'"},
        {"0 0 * * * A=b c", "0 0 * * *", "c", "/bin/sh -c 'cd; A=b c'"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text jobs = {0};
        text_add(&jobs, TASK("%s", "%s", "%s"), rows[i].name, rows[i].when, rows[i].command);
        expect(rows[i].line, CRONTAB_USER, jobs.bytes, 1, 0);
        text_finish(&jobs);
    }
}

static void crontab_user_and_client_are_remarked(void **state) {
    (void)state;
    expect("0 0 * * * www-data /usr/bin/a\n@hourly root psql -c x\n", CRONTAB_SYSTEM,
           "\n# cron ran it as www-data; headgate runs it as the daemon's user."
           TASK("a", "0 0 * * *", "/bin/sh -c 'cd; /usr/bin/a'")
           "\n# cron ran it as root; headgate runs it as the daemon's user.\n"
           "# It calls psql. Its sessions are in no budget until tokens says how many they are, and its pool where."
           TASK("psql", "@hourly", "/bin/sh -c 'cd; psql -c x'"),
           2, 0);
}

static void crontab_variables_hold_for_what_follows(void **state) {
    (void)state;
    expect("0 0 * * * a\nPATH = /bin:/sbin \nSHELL=/bin/bash\nX=\"a  b\"\n0 0 * * * a\n'X'=c\nCRON_TZ=Europe/Berlin\n@daily a\n",
           CRONTAB_USER,
           TASK("a", "0 0 * * *", "/bin/sh -c 'cd; a'")
           TASK("a-2", "0 0 * * *", "env PATH=/bin:/sbin 'X=a  b' /bin/bash -c 'cd; a'")
           TASK("a-3", "@daily\nzone = Europe/Berlin", "env PATH=/bin:/sbin X=c /bin/bash -c 'cd; a'"),
           3, 0);
    expect("-S=x\n1A=b\nSHELL=zsh -f\n@daily a", CRONTAB_USER,
           "\n# NOT CARRIED OVER, line 1: -S has no name of a variable, is too long for a line, or is one too many.\n"
           "# NOT CARRIED OVER, line 2: 1A has no name of a variable, is too long for a line, or is one too many.\n"
           "# NOT CARRIED OVER, line 3: SHELL=zsh -f is no path of a shell; the tasks below have /bin/sh."
           TASK("a", "@daily", "/bin/sh -c 'cd; a'"), 1, 0);
    expect("MAILTO=ops@example.org\nMAILTO=\"\"\n@daily a", CRONTAB_USER,
           "\n# NOT CARRIED OVER, line 1: MAILTO=ops@example.org. headgate sends no mail: what a command that fails has said\n"
           "# is in the log." TASK("a", "@daily", "/bin/sh -c 'cd; a'"), 1, 0);
}

static void crontab_what_cannot_be_carried_over_is_kept(void **state) {
    (void)state;
    expect("@reboot /usr/bin/a\n0~59 0 * * * b\n@fortnightly c\n0 0 * * *\nnonsense\n0 0 * * * %x\n0 0 31 4 * a", CRONTAB_USER,
           "\n# NOT CARRIED OVER, line 1: no clock says when the machine starts; a systemd unit with\n"
           "# WantedBy=multi-user.target does that.\n#     @reboot /usr/bin/a\n"
           "\n# NOT CARRIED OVER, line 2: it lets cron draw a time; write one, and spread = 10min, say.\n#     0~59 0 * * * b\n"
           "\n# NOT CARRIED OVER, line 3: it is none of @hourly, @daily (or @midnight), @weekly, @monthly and @yearly (or\n# @annually).\n#     @fortnightly c\n"
           "\n# NOT CARRIED OVER, line 4: this is no line of a crontab.\n#     0 0 * * *\n"
           "\n# NOT CARRIED OVER, line 5: this is no line of a crontab.\n#     nonsense\n"
           "\n# NOT CARRIED OVER, line 6: there is no command.\n#     0 0 * * * %x\n"
           "\n# NOT CARRIED OVER, line 7: it never comes true: no month that it names has such a day.\n#     0 0 31 4 * a\n",
           0, 7);
}

static void crontab_zone_that_is_not_known_leaves_its_jobs(void **state) {
    (void)state;
    expect("CRON_TZ=Europe/Nowhere\n@daily a\nCRON_TZ=Europe/Berlin\n@daily a", CRONTAB_USER,
           "\n# NOT CARRIED OVER, line 2: CRON_TZ=Europe/Nowhere is no time zone of this machine.\n#     @daily a\n"
           TASK("a", "@daily\nzone = Europe/Berlin", "/bin/sh -c 'cd; a'"), 1, 1);
}

static void crontab_comments_stay_where_they_are(void **state) {
    (void)state;
    expect("# head\n\n# about a\n  # more ;x\n0 0 * * * a\n# behind\n", CRONTAB_USER,
           "\n# head\n\n# about a\n# more ;x" TASK("a", "0 0 * * *", "/bin/sh -c 'cd; a'") "\n# behind\n", 1, 0);
}

static void crontab_zone_is_the_machines(void **state) {
    (void)state;
    struct text page = {0};
    struct import_count count;
    crontab_print("@daily a", CRONTAB_USER, "Europe/Berlin", knows_zone, &page, &count);
    assert_non_null(strstr(page.bytes, "\n[headgate]\nzone = Europe/Berlin\n\n"));
    text_clear(&page);
    crontab_print("@daily a", CRONTAB_USER, "", knows_zone, &page, &count);
    assert_null(strstr(page.bytes, "[headgate]"));
    assert_non_null(strstr(page.bytes, "this file goes by UTC"));
    text_finish(&page);
}

static bool is_known(const char *name) {
    return strcmp(name, "root") == 0 || strcmp(name, "www-data") == 0 || strcmp(name, "sync") == 0;
}

static void crontab_kind_is_seen_by_its_sixth_column(void **state) {
    (void)state;
    static const struct {
        const char *crontab;
        enum crontab_kind kind;
    } rows[] = {
        {"", CRONTAB_USER},
        {"# x\nA=b\n", CRONTAB_USER},
        {"0 0 * * * www-data a\n@daily root b", CRONTAB_SYSTEM},
        {"0 0 * * * www-data a", CRONTAB_SYSTEM},
        {"0 0 * * * sync", CRONTAB_USER}, /* a user's name, and nothing behind it */
        {"0 0 * * * sync -f\n0 0 * * * ls -l", CRONTAB_USER},
        {"0 0 * * * deploy a\n0 0 * * * root b", CRONTAB_SYSTEM}, /* of another machine */
        {"0 0 * * * deploy a", CRONTAB_USER},
        {"0 0 * * * root a\n0 0 * * * /usr/bin/b c", CRONTAB_USER},
        {"@daily cd /x && y", CRONTAB_USER},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (crontab_kind_of(rows[i].crontab, is_known) != rows[i].kind)
            fail_msg("%s", rows[i].crontab);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crontab_lines_of_a_user_are_tasks),
        cmocka_unit_test(crontab_user_and_client_are_remarked),
        cmocka_unit_test(crontab_variables_hold_for_what_follows),
        cmocka_unit_test(crontab_what_cannot_be_carried_over_is_kept),
        cmocka_unit_test(crontab_zone_that_is_not_known_leaves_its_jobs),
        cmocka_unit_test(crontab_comments_stay_where_they_are),
        cmocka_unit_test(crontab_zone_is_the_machines),
        cmocka_unit_test(crontab_kind_is_seen_by_its_sixth_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
