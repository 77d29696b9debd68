#include "tests/unit/helper.h"

#include <time.h>

#include "tasks/civil.h"

/* The library's own calendar is the other opinion. */
static void expect_as_the_library(int64_t local_s) {
    time_t at = local_s;
    struct tm tm;
    assert_non_null(gmtime_r(&at, &tm));
    struct civil civil = civil_of(local_s);
    if (civil.year != (int64_t)tm.tm_year + 1900 || civil.month != tm.tm_mon + 1 || civil.day != tm.tm_mday ||
        civil.hour != tm.tm_hour || civil.minute != tm.tm_min || civil.second != tm.tm_sec ||
        civil.weekday != tm.tm_wday)
        fail_msg("%lld is %lld-%02d-%02d", (long long)local_s, (long long)civil.year, civil.month, civil.day);
    assert_int_equal(civil_to_s(&civil), local_s);
}

static void civil_of_each_day_of_an_era_is_the_librarys(void **state) {
    (void)state;
    for (int64_t day = -CIVIL_ERA_DAYS / 2; day < CIVIL_ERA_DAYS / 2; day++)
        expect_as_the_library(day * S_PER_DAY + (day * 7919) % S_PER_DAY);
}

static void civil_of_far_instants_is_the_librarys(void **state) {
    (void)state;
    for (int64_t at_s = -INT64_C(60000000000000); at_s < INT64_C(60000000000000); at_s += INT64_C(7777777777))
        expect_as_the_library(at_s);
    assert_int_equal(civil_of(-1).year, 1969);
    assert_int_equal(civil_of(-CIVIL_ERA_S * 5).year, -30);
}

static void civil_month_days_add_up(void **state) {
    (void)state;
    for (int64_t year = 1896; year <= 2404; year++)
        for (int month = 1; month <= 12; month++) {
            int64_t next = month == 12 ? civil_day(year + 1, 1, 1) : civil_day(year, month + 1, 1);
            assert_int_equal(civil_day(year, month, 1) + civil_month_days(year, month), next);
            assert_int_equal(civil_day(year, month, 40), civil_day(year, month, 1) + 39);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(civil_of_each_day_of_an_era_is_the_librarys),
        cmocka_unit_test(civil_of_far_instants_is_the_librarys),
        cmocka_unit_test(civil_month_days_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
