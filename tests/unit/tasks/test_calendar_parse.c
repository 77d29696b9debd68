#include "tests/unit/helper.h"

#include <string.h>

#include "tasks/calendar_parse.h"

static struct calendar parsed(const char *text) {
    struct calendar calendar;
    struct text wrong = {0};
    if (!calendar_parse(text, &calendar, &wrong))
        fail_msg("%s: %s", text, wrong.bytes);
    return calendar;
}

static void expect_wrong(const char *text, const char *expected) {
    struct calendar calendar, untouched;
    struct text wrong = {0};
    memset(&calendar, 0x55, sizeof calendar);
    untouched = calendar;
    if (calendar_parse(text, &calendar, &wrong))
        fail_msg("%s is an expression", text);
    helper_expect_text(text, wrong.bytes, expected);
    assert_memory_equal(&calendar, &untouched, sizeof calendar);
    text_finish(&wrong);
}

/* Pairs that say the same. */
static void calendar_parse_of_names_ranges_steps_and_lists(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"0 6 * * mon-fri", "0 6 * * 1-5"},
        {"0 6 * * MON,Wed", "0 6 * * 1,3"},
        {"0 6 * * fri-sun", "0 6 * * 5-7"},
        {"0 6 * * sat-7", "0 6 * * 0,6"},
        {"0 6 * * 7", "0 6 * * sun"},
        {"0 6 * jan,mar-may *", "0 6 * 1,3,4,5 *"},
        {"0 6 * DEC *", "0 6 * 12 *"},
        {"5-20/5,50 6 * * *", "5,10,15,20,50 6 * * *"},
        {"0 0-23/6 1 * *", "0 0,6,12,18 1 * *"},
        {"0 6 1-31/10 * *", "0 6 1,11,21,31 * *"},
        {"0 6 * * 1-7/3", "0 6 * * 1,4,7"},
        {"0 0 6 * * *", "0 6 * * *"},
        {"  0\t6  * * *  ", "0 6 * * *"},
        {"0 6 l * *", "0 6 L * *"},
        {"0 6 lw,15w * *", "0 6 15W,LW * *"},
        {"0 6 * * FRI#2,5l", "0 6 * * friL,5#2"},
        {"0 6 * * 7#1", "0 6 * * sun#1"},
        {"007 06 * * *", "7 6 * * *"},
        {"@hourly", "0 * * * *"},
        {"@daily", "0 0 * * *"},
        {"@midnight", "0 0 * * *"},
        {"@weekly", "0 0 * * sun"},
        {"@monthly", "0 0 1 * *"},
        {"@yearly", "0 0 1 jan *"},
        {"@Annually", "0 0 1 1 *"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct calendar a = parsed(rows[i][0]), b = parsed(rows[i][1]);

        if (!calendar_is_same(&a, &b))
            fail_msg("%s and %s", rows[i][0], rows[i][1]);
    }
}

static void calendar_parse_gives_sets(void **state) {
    (void)state;
    struct calendar calendar = parsed("1,58-59 */20 5 L,3-5,31W,LW 2,11 sun,fri#2,monL");
    assert_true(calendar.seconds == ((UINT64_C(1) << 58 | UINT64_C(1) << 59) | 2));
    assert_true(calendar.minutes == (1 | 1 << 20 | UINT64_C(1) << 40));
    assert_int_equal(calendar.hours, 1 << 5);
    assert_int_equal(calendar.days, 1 | 7 << 3);
    assert_true(calendar.nearest == (1 | 1U << 31));
    assert_int_equal(calendar.months, 1 << 2 | 1 << 11);
    assert_int_equal(calendar.weekdays, 1);
    assert_int_equal(calendar.weekdays_last, 1 << 1);
    assert_int_equal(calendar.weekdays_nth[1], 1 << 5);
    assert_false(calendar.both_days);
    assert_true(calendar.real_time);
    assert_int_equal(calendar.times_a_day, 9);
}

/* As Debian's cron: what begins with * counts as not restricted, whatever follows. */
static void calendar_parse_of_a_field_that_begins_with_an_asterisk(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool both_days, real_time;
    } rows[] = {
        {"0 6 1 * mon", false, false},  {"0 6 1 * *", true, false},        {"0 6 * * mon", true, false},
        {"0 6 */2 * mon", true, false}, {"0 6 1 * */2", true, false},      {"0 6 1,*/2 * mon", false, false},
        {"*/5 6 1 * mon", false, true}, {"0 */2 1 * mon", false, true},    {"0-59 0-23 1 * *", true, false},
        {"* 0 6 * * *", true, true},    {"0 0 6 1 */2 mon", false, false}, {"0 6 1,*/2 * *", true, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct calendar calendar = parsed(rows[i].text);
        if (calendar.both_days != rows[i].both_days || calendar.real_time != rows[i].real_time)
            fail_msg("%s", rows[i].text);
    }
}

static void calendar_parse_names_field_value_and_cure(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"61 * * * *", "the minute '61' is out of bounds; it goes from 0 to 59"},
        {"0 24 * * *", "the hour '24' is out of bounds; it goes from 0 to 23"},
        {"0 0 0 * *", "the day of the month '0' is out of bounds; it goes from 1 to 31"},
        {"0 0 1-32 * *", "the day of the month '1-32' is out of bounds; it goes from 1 to 31"},
        {"0 0 * 13 *", "the month '13' is out of bounds; it goes from 1 to 12"},
        {"0 0 * * 8", "the day of the week '8' is out of bounds; it goes from 0 to 7"},
        {"99999999999999999999 * * * *",
         "the minute '99999999999999999999' is out of bounds; it goes from 0 to 59"},
        {"60 0 0 * * *", "the second '60' is out of bounds; it goes from 0 to 59"},
        {"0 0 32W * *", "the day of the month '32W' is out of bounds; it goes from 1 to 31"},
        {"0 0 * * foo",
         "the day of the week 'foo' is no number from 0 to 7 and no name of three letters such as "
         "mon; write one, * for all, a list as in 1,3 or a range as in 1-3"},
        {"x 0 * * *",
         "the minute 'x' is no number from 0 to 59; write one, * for all, a list as in 1,3 or a range "
         "as in 1-3"},
        {"1,,2 0 * * *",
         "the minute '' is no number from 0 to 59; write one, * for all, a list as in 1,3 or a "
         "range as in 1-3"},
        {"0 0 * * monday",
         "the day of the week 'monday' is not understood behind its beginning; a list is written "
         "as in 1,3, a range as in 1-3"},
        {"0 0 L-3 * *",
         "the day of the month 'L-3' is not understood behind its beginning; a list is written as "
         "in 1,3, a range as in 1-3"},
        {"0 0 ? * mon",
         "the day of the month '?' is no number from 1 to 31; write one, * for all, a list as in "
         "1,3 or a range as in 1-3"},
        {"0 22-5 * * *", "the hour '22-5' ends before it begins; write it as two, as in 22-23,0-5"},
        {"0 0 * * sat-mon", "the day of the week 'sat-mon' ends before it begins; write it as two, as in "
                            "22-23,0-5"},
        {"5- * * * *", "the minute '5-' is a range without its end; write both, as in 1-5"},
        {"* * * * mon-fry", "the day of the week 'mon-fry' is a range whose end is no such number or name; write both, as in 1-5"},
        {"*/0 * * * *", "the minute '*/0' has a step of 0; write 1 or more, or no step"},
        {"*/ * * * *",
         "the minute '*/' has no number behind /; write how many steps each is apart, as in */5"},
        {"*/60 * * * *", "the minute '*/60' has a step beyond all that there are, so it would be the first "
                         "alone; write that"},
        {"5/10 * * * *",
         "the minute '5/10' has a step behind a single number; a step stands behind * or a range, as "
         "in 5-59/10"},
        {"0 0 * * fri#6",
         "the day of the week 'fri#6' counts to no week of a month; write #1 to #5, or L for the last"},
        {"0 0 * * fri#",
         "the day of the week 'fri#' counts to no week of a month; write #1 to #5, or L for the last"},
        {"30 2 *",
         "it has 3 fields; cron has five, minute hour day-of-month month day-of-week, or six with seconds "
         "before them"},
        {"", "it has 0 fields; cron has five, minute hour day-of-month month day-of-week, or six with "
             "seconds before "
             "them"},
        {"* * * * * * *",
         "it has 7 fields; cron has five, minute hour day-of-month month day-of-week, or six with "
         "seconds before them"},
        {"30 seconds",
         "it is an interval, and no expression of cron; write every = 30s, say, instead of cron"},
        {"@every 5m",
         "it is an interval, and no expression of cron; write every = 30s, say, instead of cron"},
        {"@reboot",
         "@reboot is no instant that a restart and a second daemon agree on; leave cron away, and have "
         "the machine's start call headgate trigger FILE TASK, or headgate run FILE --once TASK"},
        {"@dayly",
         "it is none of @hourly, @daily (or @midnight), @weekly, @monthly and @yearly (or @annually)"},
        {"0 0 30 2 *", "it never comes true: no month that it names has such a day"},
        {"0 0 31 2,4,6,9,11 *", "it never comes true: no month that it names has such a day"},
        {"0 0 31W 4 *", "it never comes true: no month that it names has such a day"},
        {"0 0 */31 2 mon#2", "it never comes true: no month that it names has such a day"},
        {X100 X100 X100 X100 X100 X100 X100 X100 X100 X100 "x", "it has more than 1000 bytes"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_wrong(rows[i][0], rows[i][1]);
}

/* What is rare comes true all the same. */
static void calendar_parse_of_what_seldom_comes_true(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int days_apart_most;
    } rows[] = {
        {"0 0 29 2 *", 8 * 365 + 1},
        {"0 0 29 2 */7", 40 * 365 + 9},
        {"0 0 31 * *", 61},
        {"0 0 * * mon#5", 119},
        {"0 0 */30 * *", 30},
        {"0 0 L 2 *", 366},
        {"0 0 * * *", 1},
        {"0 0 * * mon,thu", 4},
        {"0 0 1-31 * mon", 1},
        {"0 0 1 * mon", 7},
        {"0 0 LW * *", 33},
        {"0 0 1 1 *", 366},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct calendar calendar = parsed(rows[i].text);
        if (calendar.days_apart_most != rows[i].days_apart_most)
            fail_msg("%s: %d", rows[i].text, calendar.days_apart_most);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calendar_parse_of_names_ranges_steps_and_lists),
        cmocka_unit_test(calendar_parse_gives_sets),
        cmocka_unit_test(calendar_parse_of_a_field_that_begins_with_an_asterisk),
        cmocka_unit_test(calendar_parse_names_field_value_and_cure),
        cmocka_unit_test(calendar_parse_of_what_seldom_comes_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
