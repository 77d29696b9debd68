#include "tests/unit/helper.h"

#include <string.h>

#include "tasks/duration.h"
#include "tasks/instant.h"

static void duration_parse_right_is_us(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {
        {"0", 0},
        {"0s", 0},
        {"1us", 1},
        {"500ms", 500 * US_PER_MS},
        {"8s", 8 * US_PER_S},
        {"15min", 15 * US_PER_MIN},
        {"15m", 15 * US_PER_MIN},
        {"1h30m", 90 * US_PER_MIN},
        {"1h30min", 90 * US_PER_MIN},
        {"2d", 2 * US_PER_DAY},
        {"90min", 90 * US_PER_MIN},
        {"1d2h3min4s5ms6us", US_PER_DAY + 2 * US_PER_H + 3 * US_PER_MIN + 4 * US_PER_S + 5 * US_PER_MS + 6},
        {"008s", 8 * US_PER_S},
        {"36525d", DURATION_MOST_US},
        {"3155760000000000us", INT64_C(3155760000000000)},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t us = -1;
        if (duration_parse(rows[i].text, &us) || us != rows[i].us)
            fail_msg("'%s' became %lld", rows[i].text, (long long)us);
    }
}

static void duration_parse_wrong_says_why(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"", "is empty"},
        {"s", "is not a number"},
        {"-5s", "is not a number"},
        {"+5s", "is not a number"},
        {" 5s", "is not a number"},
        {"soon", "is not a number"},
        {"1h ", "is not a number"},
        {"1h 30m", "is not a number"},
        {"5", "has no unit"},
        {"00", "has no unit"},
        {"1h30", "has no unit"},
        {"5 s", "has an unknown unit"},
        {"5sec", "has an unknown unit"},
        {"5S", "has an unknown unit"},
        {"5w", "has an unknown unit"},
        {"1.5h", "has an unknown unit"},
        {"5s;", "is not a number"},
        {"30m1h", "out of order"},
        {"1h1h", "out of order"},
        {"1min1m", "out of order"},
        {"1ms1s", "out of order"},
        {"15s..20s", "is a range"},
        {"15..20s", "is a range"},
        {"1h15s..2h", "is a range"},
        {"36526d", "is too large"},
        {"36525d1us", "is too large"},
        {"106751992d", "is too large"},
        {"99999999999999999999s", "is too large"},
        {"9223372036854775807us", "is too large"},
        {"106751991d24h", "is too large"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t us = -1;
        const char *why = duration_parse(rows[i].text, &us);
        if (!why || !strstr(why, rows[i].why))
            fail_msg("'%s' %s", rows[i].text, why ? why : "was taken");
        assert_int_equal(us, -1); /* untouched */
    }
}

static void duration_format_is_exact(void **state) {
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {0, "0s"},
        {1, "1us"},
        {1500, "1ms500us"},
        {US_PER_S, "1s"},
        {90 * US_PER_MIN, "1h30min"},
        {SCHEDULE_EVERY_MAX_US, "3653d"},
        {INT64_MAX, "106751991d4h54s775ms807us"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char buffer[DURATION_TEXT_BYTES];
        assert_string_equal(duration_format(rows[i].us, buffer), rows[i].text);
    }
}

static void duration_format_reads_back(void **state) {
    (void)state;
    for (int64_t us = 1; us <= DURATION_MOST_US; us = us * 5 + 3) {
        char buffer[DURATION_TEXT_BYTES];
        int64_t back = -1;
        assert_null(duration_parse(duration_format(us, buffer), &back));
        assert_true(back == us);
    }
}

static void duration_glance_is_short(void **state) {
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {0, "0.0ms"},
        {49, "0.0ms"},
        {1234, "1.2ms"},
        {9999, "9.9ms"},
        {10 * US_PER_MS, "10ms"},
        {999999, "999ms"},
        {US_PER_S, "1.0s"},
        {12 * US_PER_S + 345678, "12.3s"},
        {100 * US_PER_S, "1m40s"},
        {59 * US_PER_MIN + 59 * US_PER_S, "59m59s"},
        {2 * US_PER_H + 14 * US_PER_MIN, "2h14m"},
        {50 * US_PER_H, "2d02h"},
        {-5 * US_PER_MS, "-5.0ms"},
        {INT64_MIN, "-106751991d04h"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char buffer[DURATION_TEXT_BYTES];
        assert_string_equal(duration_glance(rows[i].us, buffer), rows[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duration_parse_right_is_us), cmocka_unit_test(duration_parse_wrong_says_why),
        cmocka_unit_test(duration_format_is_exact),   cmocka_unit_test(duration_format_reads_back),
        cmocka_unit_test(duration_glance_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
