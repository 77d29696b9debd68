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
        if (duration_parse(rows[i].text, &us) != DURATION_OK || us != rows[i].us)
            fail_msg("'%s' became %lld", rows[i].text, (long long)us);
    }
}

static void duration_parse_wrong_says_why(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum duration_error error;
    } rows[] = {
        {"", DURATION_EMPTY},
        {"s", DURATION_NO_NUMBER},
        {"-5s", DURATION_NO_NUMBER},
        {"+5s", DURATION_NO_NUMBER},
        {" 5s", DURATION_NO_NUMBER},
        {"soon", DURATION_NO_NUMBER},
        {"1h ", DURATION_NO_NUMBER},
        {"1h 30m", DURATION_NO_NUMBER},
        {"5", DURATION_NO_UNIT},
        {"00", DURATION_NO_UNIT},
        {"1h30", DURATION_NO_UNIT},
        {"5 s", DURATION_UNKNOWN_UNIT},
        {"5sec", DURATION_UNKNOWN_UNIT},
        {"5S", DURATION_UNKNOWN_UNIT},
        {"5w", DURATION_UNKNOWN_UNIT},
        {"1.5h", DURATION_UNKNOWN_UNIT},
        {"5s;", DURATION_NO_NUMBER},
        {"30m1h", DURATION_ORDER},
        {"1h1h", DURATION_ORDER},
        {"1min1m", DURATION_ORDER},
        {"1ms1s", DURATION_ORDER},
        {"15s..20s", DURATION_RANGE},
        {"15..20s", DURATION_RANGE},
        {"1h15s..2h", DURATION_RANGE},
        {"36526d", DURATION_TOO_LARGE},
        {"36525d1us", DURATION_TOO_LARGE},
        {"106751992d", DURATION_TOO_LARGE},
        {"99999999999999999999s", DURATION_TOO_LARGE},
        {"9223372036854775807us", DURATION_TOO_LARGE},
        {"106751991d24h", DURATION_TOO_LARGE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t us = -1;
        enum duration_error error = duration_parse(rows[i].text, &us);
        if (error != rows[i].error)
            fail_msg("'%s' gave error %d", rows[i].text, error);
        assert_int_equal(us, -1); /* untouched */
        assert_true(strlen(duration_error_text(error)) > 5);
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
        assert_int_equal(duration_parse(duration_format(us, buffer), &back), DURATION_OK);
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
