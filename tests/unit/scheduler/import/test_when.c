#include "tests/unit/helper.h"

#include <string.h>

#include "scheduler/import/when.h"

typedef bool printer(struct text *page, const char *schedule, struct text *why);

/* of cron's, pg_cron's and pg_timetable's: what is printed, or a piece of why not behind a '!'. */
static void when_is_a_key_or_a_reason(void **state) {
    (void)state;
    static const struct {
        printer *print;
        const char *schedule, *expected;
    } rows[] = {
        {when_print, " 0\t6  * * mon-fri ", "cron = 0 6 * * mon-fri\n"},
        {when_print, "@daily", "cron = @daily\n"},
        {when_print, "@reboot", "!no clock says when the machine starts"},
        {when_print, "@REBOOT", "!no clock says when the machine starts"},
        {when_print, "0~9 * * * *", "!it lets cron draw a time"},
        {when_print, "0 0 30 2 *", "!it never comes true"},
        {when_print, "0 0 * *", "!"},
        {when_print, "", "!"},
        {when_print, "5/10 * * * *", "!has a step behind a single number"},
        {when_print_pg_cron, "30 seconds", "every = 30s\n"},
        {when_print_pg_cron, " 1   Second ", "every = 1s\n"},
        {when_print_pg_cron, "60 seconds", "!"},
        {when_print_pg_cron, "0 seconds", "!"},
        {when_print_pg_cron, "-5 seconds", "!"},
        {when_print_pg_cron, "5 secondss", "!"},
        {when_print_pg_cron, "0 12 $ * *", "cron = 0 12 L * *\n"},
        {when_print_pg_cron, "0 12 1,$ * *", "cron = 0 12 1,L * *\n"},
        {when_print_pg_timetable, "5/20 1/2 * * *", "cron = 5-59/20 1-23/2 * * *\n"},
        {when_print_pg_timetable, "0 0 10/5 3/3 *", "cron = 0 0 10-31/5 3-12/3 *\n"},
        {when_print_pg_timetable, "0 0 1 * 1", "!have to fit both"},
        {when_print_pg_timetable, "0 0 */2 * 1", "cron = 0 0 */2 * 1\n"}, /* to cron, too */
        {when_print_pg_timetable, "0 0", "!"},
        {when_print_pg_timetable, "@reboot", "!no clock says"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text page = {0}, why = {0};
        const char *expected = rows[i].expected;
        bool printed = rows[i].print(&page, rows[i].schedule, &why);
        if (*expected != '!')
            helper_expect_text(rows[i].schedule, printed ? page.bytes : why.bytes, expected);
        else if (printed || page.bytes_count || !strstr(why.bytes, expected + 1) || why.bytes[why.bytes_count - 1] != '.')
            fail_msg("%s: %s%s", rows[i].schedule, page.bytes ? page.bytes : "", why.bytes ? why.bytes : "");
        text_finish(&page);
        text_finish(&why);
    }
}

static void when_zone_is_utc_by_each_of_its_names(void **state) {
    (void)state;
    assert_true(when_zone_is_utc("GMT") && when_zone_is_utc("Etc/UTC") && when_zone_is_utc(""));
    assert_false(when_zone_is_utc("Europe/London"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_is_a_key_or_a_reason),
        cmocka_unit_test(when_zone_is_utc_by_each_of_its_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
