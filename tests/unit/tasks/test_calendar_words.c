#include "tests/unit/helper.h"

#include "tasks/calendar_parse.h"
#include "tasks/calendar_words.h"

static void calendar_words_say_what_the_sets_hold(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"30 6 * * mon-fri", "06:30 on weekdays"},
        {"@daily", "00:00 every day"},
        {"@hourly", "every hour"},
        {"@weekly", "00:00 on Sundays"},
        {"@monthly", "00:00 on the 1st of each month"},
        {"@yearly", "00:00 on the 1st of January"},
        {"* * * * *", "every minute"},
        {"*/5 * * * *", "every 5 minutes"},
        {"2-59/5 * * * *", "every 5 minutes from :02 on"},
        {"*/15 9-17 * * *", "every 15 minutes from 09:00 to 17:45"},
        {"*/15 9-17 * * 1-5", "every 15 minutes from 09:00 to 17:45 on weekdays"},
        {"*/7 * * * *", "at the minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56"},
        {"17 * * * *", "every hour at :17"},
        {"30 9-17 * * *", "every hour from 09:30 to 17:30"},
        {"0 */2 * * *", "every 2 hours from 00:00 on"},
        {"15 1-23/3 * * *", "every 3 hours from 01:15 on"},
        {"0 0,12 * * *", "00:00 and 12:00 every day"},
        {"0,30 8,20 * * sat,sun", "08:00, 08:30, 20:00 and 20:30 on weekends"},
        {"5 1,2,3,9,11,13,17 * * *", "at minute 5 of the hours 1 to 3, 9, 11, 13 and 17"},
        {"* 3,9 * * *", "every minute of the hours 3 and 9"},
        {"* * * * * *", "every second"},
        {"*/10 * * * * *", "every 10 seconds"},
        {"*/10 30 6 * * *", "every 10 seconds of 06:30 every day"},
        {"5,7 * * * * *", "at the seconds 5 and 7"},
        {"*/30 */5 * * * *", "every 30 seconds of these minutes: every 5 minutes"},
        {"15 30 6 * * *", "06:30:15 every day"},
        {"15 */5 * * * *", "every 5 minutes, 15 s later"},
        {"0 6 1,15 * *", "06:00 on the 1st and 15th of each month"},
        {"0 6 1-3,11,12,13,22,23 * *", "06:00 on the 1st to 3rd, 11th to 13th, 22nd and 23rd of each month"},
        {"0 6 */10 * *", "06:00 on the 1st, 11th, 21st and 31st of each month"},
        {"0 6 L * *", "06:00 on the last day of each month"},
        {"0 6 LW * *", "06:00 on the last working day of each month"},
        {"0 6 15W,L * *", "06:00 on the working day nearest to the 15th and last day of each month"},
        {"0 6 * * fri#2", "06:00 on the second Friday"},
        {"0 6 * * friL,mon", "06:00 on Mondays and the last Friday"},
        {"0 6 * * 1,4", "06:00 on Mondays and Thursdays"},
        {"0 6 * jan-mar *", "06:00 every day in January to March"},
        {"0 6 * 7,12 mon", "06:00 on Mondays in July and December"},
        {"0 6 24 12 *", "06:00 on the 24th of December"},
        {"0 6 1 * mon", "06:00 on the 1st of each month, and on Mondays"},
        {"0 6 1 1 mon", "06:00 on the 1st of January, and on Mondays in January"},
        {"0 6 */15 * mon", "06:00 on Mondays, if they are the 1st, 16th and 31st of a month"},
        {"0 6 */2 * *", "06:00 on every 2nd day from the 1st to the 31st of each month"},
        {"0 6 */2 * mon", "06:00 on Mondays, if they are every 2nd day from the 1st to the 31st of a month"},
        {"0 6 2-20/3,L 1 *", "06:00 on every 3rd day from the 2nd to the 20th and the last day of January"},
        {"0 6 1-31 * mon", "06:00 every day"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct calendar calendar;
        struct text wrong = {0}, words = {0};
        assert_true(calendar_parse(rows[i][0], &calendar, &wrong));
        calendar_words(&calendar, &words);
        helper_expect_text(rows[i][0], words.bytes, rows[i][1]);
        text_finish(&words);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calendar_words_say_what_the_sets_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
