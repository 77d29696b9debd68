#include "tests/unit/helper.h"

#include "tasks/civil.h"
#include "tasks/zone_rule.h"

static void zone_rule_parse_reads_what_posix_allows(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int32_t standard_s, summer_s;
        int begins_month, begins_day, begins_h; /* in UTC, of 2028, a leap year */
        int ends_month, ends_day, ends_h;
    } rows[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", 3600, 7200, 3, 26, 1, 10, 29, 1},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 3600, 0, 10, 29, 1, 3, 26, 1},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", 36000, 39600, 9, 30, 16, 4, 1, 16},
        {"EST5EDT,J59,J60/0:00:00", -18000, -14400, 2, 28, 7, 3, 1, 4},
        {"EST5EDT,58,59/0", -18000, -14400, 2, 28, 7, 2, 29, 4},
        {"EST5EDT,J1/-24,J365/48", -18000, -14400, 12, 31, 5, 1, 2, 4},
        {"<+0330>-3:30<+0430>,J1/0,J2/167:30", 12600, 16200, 12, 31, 20, 1, 8, 19},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct zone_rule rule;
        if (!zone_rule_parse(rows[i].text, &rule))
            fail_msg("%s", rows[i].text);
        struct civil begins = civil_of(zone_rule_begins_s(&rule, 2028)),
                     ends = civil_of(zone_rule_ends_s(&rule, 2028));
        if (rule.standard_s != rows[i].standard_s || rule.summer_s != rows[i].summer_s ||
            begins.month != rows[i].begins_month || begins.day != rows[i].begins_day ||
            begins.hour != rows[i].begins_h || ends.month != rows[i].ends_month ||
            ends.day != rows[i].ends_day || ends.hour != rows[i].ends_h)
            fail_msg("%s: %d %d, from %d-%d %d to %d-%d %d", rows[i].text, rule.standard_s, rule.summer_s,
                     begins.month, begins.day, begins.hour, ends.month, ends.day, ends.hour);
    }
}

static void zone_rule_parse_of_an_offset_alone_has_no_summer(void **state) {
    (void)state;
    struct zone_rule rule;
    assert_true(zone_rule_parse("<+0545>-5:45", &rule));
    assert_false(rule.has_summer);
    assert_int_equal(rule.standard_s, 5 * 3600 + 45 * 60);
}

static void zone_rule_parse_of_what_is_none_changes_nothing(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "CET",
        "CE-1",
        "-1",
        "<+01-1",
        "<+>-1",
        "CET-",
        "CET-25",
        "CET-1:",
        "CET-1:60",
        "CET-1:00:60",
        "CET-1:00:00:00",
        "CET-1CEST",
        "CET-1CEST,",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M0.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,M3.5,M10.5.0",
        "CET-1CEST,J0,J365",
        "CET-1CEST,J366,J1",
        "CET-1CEST,366,1",
        "CET-1CEST,M3.5.0,M10.5.0/168",
        "CET-1CEST,M3.5.0,M10.5.0/3x",
        "CET-1CEST,M3.5.0,M10.5.0,",
        "CET-99999999999999999999CEST",
        ":Europe/Berlin",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct zone_rule rule = {.standard_s = 42};
        if (zone_rule_parse(texts[i], &rule) || rule.standard_s != 42)
            fail_msg("%s", texts[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zone_rule_parse_reads_what_posix_allows),
        cmocka_unit_test(zone_rule_parse_of_an_offset_alone_has_no_summer),
        cmocka_unit_test(zone_rule_parse_of_what_is_none_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
