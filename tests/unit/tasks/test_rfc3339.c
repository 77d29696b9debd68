#include "tests/unit/helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/rfc3339.h"

static struct arena arena;

/* Of the system's tzdata. */
static const struct zone *zone_of(const char *name) {
    struct text path = {0}, bytes = {0}, wrong = {0};
    char chunk[4096];
    size_t got;
    text_add(&path, "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path.bytes, "r");
    assert_non_null(file);
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0)
        text_add_bytes(&bytes, chunk, got);
    fclose(file);
    const struct zone *zone = zone_parse(name, bytes.bytes, bytes.bytes_count, &arena, &wrong);
    assert_non_null(zone);
    text_finish(&path);
    text_finish(&bytes);
    return zone;
}

static void rfc3339_read_right_is_an_instant(void **state) {
    (void)state;
    static const struct {
        const char *text, *zone, *utc;
    } rows[] = {
        {"1970-01-01", NULL, "1970-01-01T00:00:00Z"},
        {"2027-03-27T06:30:00Z", "Europe/Berlin", "2027-03-27T06:30:00Z"},
        {"2027-03-27t06:30:00.25z", NULL, "2027-03-27T06:30:00.250Z"},
        {"2027-03-27 06:30:00.1234567-02:30", NULL, "2027-03-27T09:00:00.123456Z"},
        {"2027-03-27T06:30+0100", NULL, "2027-03-27T05:30:00Z"},
        {"2027-03-27", "Europe/Berlin", "2027-03-26T23:00:00Z"},
        {"2027-07-27", "Europe/Berlin", "2027-07-26T22:00:00Z"},
        {"2027-03-28T02:30", "Europe/Berlin", "2027-03-28T01:30:00Z"}, /* left out: an hour later */
        {"2027-03-28T03:00", "Europe/Berlin", "2027-03-28T01:00:00Z"},
        {"2027-10-31T02:30", "Europe/Berlin", "2027-10-31T00:30:00Z"}, /* twice: the first */
        {"2027-10-31T03:00", "Europe/Berlin", "2027-10-31T02:00:00Z"},
        {"2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00Z"}, /* a day that was left out */
        {"2024-02-29", NULL, "2024-02-29T00:00:00Z"},
        {"2899-12-31T23:59:59", NULL, "2899-12-31T23:59:59Z"},
        {"1900-01-01", NULL, "1900-01-01T00:00:00Z"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text told = {0}, wrong = {0};
        struct wall at;
        if (!rfc3339_read(rows[i].text, rows[i].zone ? zone_of(rows[i].zone) : zone_utc(), &at, &wrong))
            fail_msg("'%s' %s", rows[i].text, wrong.bytes);
        rfc3339_add(&told, at, zone_utc());
        helper_expect_text(rows[i].text, told.bytes, rows[i].utc);
        text_finish(&told);
    }
    arena_finish(&arena);
}

static void rfc3339_read_wrong_says_what_would_be_right(void **state) {
    (void)state;
    static const char *const rows[] = {"",           "tomorrow",   "2027",        "2027-3-27",        "2027-02-29",       "2027-13-01",
                                       "2027-00-01", "2027-01-00", "1899-12-31",  "2900-01-01",       "2027-01-01T",      "2027-01-01T24:00",
                                       "2027-01-01T06:60", "2027-01-01T06:00:60", "2027-01-01T06:00:00.", "2027-01-01T06:00+", "2027-01-01T06:00+1",
                                       "2027-01-01T06:00+01:60", "2027-01-01x", "2027-01-01T06:00Zx", " 2027-01-01", "-027-01-01"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text wrong = {0};
        struct wall at = {7};
        if (rfc3339_read(rows[i], zone_utc(), &at, &wrong))
            fail_msg("'%s' is taken", rows[i]);
        assert_non_null(strstr(wrong.bytes, "is no date; write one such as 2027-03-27"));
        assert_int_equal(at.us, 7);
        text_finish(&wrong);
    }
}

static void rfc3339_add_is_on_the_clocks_of_the_zone(void **state) {
    (void)state;
    static const struct {
        int64_t us;
        const char *zone, *text;
    } rows[] = {
        {INT64_C(1806197400) * US_PER_S, "Europe/Berlin", "2027-03-28T03:30:00+02:00"},
        {INT64_C(1806197400) * US_PER_S + 1, "America/St_Johns", "2027-03-27T23:00:00.000001-02:30"},
        {-US_PER_MS, "Etc/UTC", "1969-12-31T23:59:59.999+00:00"},
        {0, "Africa/Monrovia", "1969-12-31T23:15:30-00:44:30"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text told = {0};
        rfc3339_add(&told, (struct wall){rows[i].us}, zone_of(rows[i].zone));
        helper_expect_text(rows[i].text, told.bytes, rows[i].text);
        text_finish(&told);
    }
    arena_finish(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_read_right_is_an_instant),
        cmocka_unit_test(rfc3339_read_wrong_says_what_would_be_right),
        cmocka_unit_test(rfc3339_add_is_on_the_clocks_of_the_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
