#include "tests/unit/helper.h"

#include "tasks/calendar_parse.h"
#include "tasks/schedule_words.h"

static void expect(const struct schedule *schedule, const char *words, const char *nexts) {
    struct text text = {0};
    schedule_words(schedule, &text);
    helper_expect_text(words, text.bytes, words);
    text_clear(&text);
    struct wall after = {INT64_C(1796600000) * US_PER_S}; /* Sunday, 2026-12-06 23:33:20 */
    schedule_add_nexts(schedule, zone_utc(), after, 3, &text);
    helper_expect_text(words, text.bytes, nexts);
    text_finish(&text);
}

static void schedule_words_of_each_kind(void **state) {
    (void)state;
    struct calendar calendar;
    struct text wrong = {0};
    assert_true(calendar_parse("30 6 * * mon-fri", &calendar, &wrong));
    expect(&(struct schedule){.kind = SCHEDULE_EVERY, .every_us = US_PER_H, .every_most_us = US_PER_H}, "every 1h",
           "Mon 2026-12-07 00:00 +0000, Mon 2026-12-07 01:00 +0000, Mon 2026-12-07 02:00 +0000");
    expect(&(struct schedule){.kind = SCHEDULE_EVERY, .every_us = 15 * US_PER_S, .every_most_us = 20 * US_PER_S},
           "every 15s..20s",
           "Sun 2026-12-06 23:33:30 +0000, Sun 2026-12-06 23:33:45 +0000, Sun 2026-12-06 23:34 +0000");
    expect(&(struct schedule){.kind = SCHEDULE_NONE}, "when it is triggered", "never");
    struct schedule schedule = {.kind = SCHEDULE_CALENDAR, .calendar = &calendar, .zone = zone_utc()};
    expect(&schedule, "06:30 on weekdays, UTC",
           "Mon 2026-12-07 06:30 +0000, Tue 2026-12-08 06:30 +0000, Wed 2026-12-09 06:30 +0000");
    schedule.phase_us = 65 * US_PER_S;
    expect(&schedule, "06:30 on weekdays, put off by 1min5s, UTC",
           "Mon 2026-12-07 06:31:05 +0000, Tue 2026-12-08 06:31:05 +0000, Wed 2026-12-09 06:31:05 +0000");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule_words_of_each_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
