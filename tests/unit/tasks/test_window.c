#include "tests/unit/helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tasks/window_text.h"

#define FOLDER "/usr/share/zoneinfo/" /* etc/lib/install-packages sees to it */

static struct arena arena;

static struct window read_window(const char *text, const char *except) {
    struct window window = {0};
    struct text wrong = {0};
    if (!text)
        window_read_every_day(&arena, &window);
    if ((text && !window_read(text, &arena, &window, &wrong)) ||
        (except && !window_read_except(except, &arena, &window, &wrong)))
        fail_msg("%s", wrong.bytes);
    return window;
}

static const struct zone *system_zone(const char *name) {
    char path[100], bytes[8192];
    struct text wrong = {0};
    snprintf(path, sizeof path, FOLDER "%s", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        skip();
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    const struct zone *zone = zone_parse(name, bytes, size, &arena, &wrong);
    if (!zone)
        fail_msg("%s %s", name, wrong.bytes);
    return zone;
}

/* "2027-03-28 01:59" of UTC. */
static struct wall utc(const char *text) {
    int year, month, day, hour, minute;
    assert_int_equal(sscanf(text, "%d-%d-%d %d:%d", &year, &month, &day, &hour, &minute), 5);
    return (struct wall){(civil_day(year, month, day) * S_PER_DAY + hour * 3600 + minute * 60) * US_PER_S};
}

static void expect_instant(const char *name, struct wall actual, const char *expected) {
    struct civil civil = civil_of(us_seconds(actual.us));
    char text[80] = "never";
    if (actual.us != INSTANT_MAX)
        snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d", (int)civil.year, civil.month, civil.day,
                 civil.hour, civil.minute);
    helper_expect_text(name, text, expected);
}

/* From `at` on it opens, and then it closes: in UTC. 2026-12-01 is a Tuesday. */
static void window_opens_and_closes_as_the_clocks_show(void **state) {
    (void)state;
    static const struct {
        const char *zone, *window, *except, *at, *opens, *closes;
    } rows[] = {
        {"UTC", "mon-fri 22:00-06:00, sat-sun", NULL, "2026-12-01 12:00", "2026-12-01 22:00",
         "2026-12-02 06:00"},
        {"UTC", "mon-fri 22:00-06:00, sat-sun", NULL, "2026-12-02 05:59", "2026-12-02 05:59",
         "2026-12-02 06:00"},
        {"UTC", "mon-fri 22:00-06:00, sat-sun", NULL, "2026-12-02 06:00", "2026-12-02 22:00",
         "2026-12-03 06:00"},
        /* Friday's night, and without a break the days of the weekend */
        {"UTC", "mon-fri 22:00-06:00, sat-sun", NULL, "2026-12-04 12:00", "2026-12-04 22:00",
         "2026-12-07 00:00"},
        {"UTC", "fri 22:00-24:00", NULL, "2026-12-01 12:00", "2026-12-04 22:00", "2026-12-05 00:00"},
        /* Saturday excepted: Friday's night ends on Saturday at 06:00; Friday excepted: there is none */
        {"UTC", "fri 22:00-06:00", "2026-12-05", "2026-12-04 12:00", "2026-12-04 22:00", "2026-12-05 06:00"},
        {"UTC", "fri 22:00-06:00", "2026-12-04", "2026-12-04 12:00", "2026-12-11 22:00", "2026-12-12 06:00"},
        {"UTC", NULL, "12-24..12-26", "2026-12-24 00:00", "2026-12-27 00:00", "2027-12-24 00:00"},
        {"UTC", NULL, "12-24..01-02", "2026-12-31 12:00", "2027-01-03 00:00", "2027-12-24 00:00"},
        {"UTC", "12:00-13:00", "2026-12-01..2030-12-01", "2026-12-01 00:00", "2030-12-02 12:00",
         "2030-12-02 13:00"},
        {"UTC", "sat", "01-01..02-28, 03-01..12-31", "2026-12-01 00:00", "2048-02-29 00:00",
         "2048-03-01 00:00"},
        {"UTC", "mon-sun", NULL, "2026-12-01 00:00", "2026-12-01 00:00",
         "2028-01-05 00:00"}, /* in 400 days */
        {"Europe/Berlin", "mon-fri 22:00-06:00", NULL, "2026-12-01 12:00", "2026-12-01 21:00",
         "2026-12-02 05:00"},
        /* 2027-03-28: 02:00 to 03:00 is left out; it opens with the end of that hour, or not at all */
        {"Europe/Berlin", "sun 02:30-05:00", NULL, "2027-03-28 00:00", "2027-03-28 01:00",
         "2027-03-28 03:00"},
        {"Europe/Berlin", "sun 02:15-02:45", NULL, "2027-03-28 00:00", "2027-04-04 00:15",
         "2027-04-04 00:45"},
        {"Europe/Berlin", "sun 01:00-02:30", NULL, "2027-03-28 00:00", "2027-03-28 00:00",
         "2027-03-28 01:00"},
        {"Europe/Berlin", "sat 22:00-06:00", NULL, "2027-03-27 12:00", "2027-03-27 21:00",
         "2027-03-28 04:00"},
        /* 2027-10-31: 02:00 to 03:00 comes twice, and the window is open in both */
        {"Europe/Berlin", "sun 01:30-02:30", NULL, "2027-10-30 12:00", "2027-10-30 23:30",
         "2027-10-31 00:30"},
        {"Europe/Berlin", "sun 01:30-02:30", NULL, "2027-10-31 00:30", "2027-10-31 01:00",
         "2027-10-31 01:30"},
        {"Europe/Berlin", "sun 01:30-03:30", NULL, "2027-10-30 12:00", "2027-10-30 23:30",
         "2027-10-31 02:30"},
        /* half an hour is left out on 2026-10-04, at 02:00 of +1030 */
        {"Australia/Lord_Howe", "sun 02:15-04:00", NULL, "2026-10-03 00:00", "2026-10-03 15:30",
         "2026-10-03 17:00"},
        {"Australia/Lord_Howe", "sun 01:45-02:00", NULL, "2027-04-03 00:00", "2027-04-03 14:45",
         "2027-04-03 15:00"},
        {"Australia/Lord_Howe", "sun 01:45-02:00", NULL, "2027-04-03 15:00", "2027-04-03 15:15",
         "2027-04-03 15:30"},
        /* 02:45 becomes 03:45 on 2026-09-27, at +1245 */
        {"Pacific/Chatham", "sun 03:00-06:00", NULL, "2026-09-26 00:00", "2026-09-26 14:00",
         "2026-09-26 16:15"},
        {"Pacific/Apia", "fri", NULL, "2011-12-29 00:00", "2012-01-05 10:00",
         "2012-01-06 10:00"}, /* no 30th */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct window window = read_window(rows[i].window, rows[i].except);
        const struct zone *zone = strcmp(rows[i].zone, "UTC") == 0 ? zone_utc() : system_zone(rows[i].zone);
        struct wall opens = window_next_open(&window, zone, utc(rows[i].at));
        char name[200];
        snprintf(name, sizeof name, "row %zu: %s %s", i, rows[i].zone, rows[i].window ? rows[i].window : "");
        expect_instant(name, opens, rows[i].opens);
        expect_instant(name, window_next_close(&window, zone, opens), rows[i].closes);
        assert_true(window_is_open(&window, zone, opens));
    }
}

static void window_instants_are_exact_and_never_is_never(void **state) {
    (void)state;
    struct window window = read_window("22:00-06:00", NULL), never = read_window("sat", "01-01..12-31");
    struct wall before = {utc("2026-12-01 22:00").us - 1}, last = {utc("2026-12-02 06:00").us - 1};
    assert_false(window_is_open(&window, zone_utc(), before));
    assert_true(window_is_open(&window, zone_utc(), last));
    assert_true(window_next_open(&window, zone_utc(), last).us == last.us);
    assert_true(window_next_close(&window, zone_utc(), before).us == before.us);
    assert_true(window_next_close(&window, zone_utc(), last).us == last.us + 1);
    assert_true(window_next_open(&never, zone_utc(), before).us == INSTANT_MAX);
    static const int64_t far[] = {INT64_MIN, INT64_MIN / 2, -1, 0, INT64_MAX / 2, INT64_MAX};
    for (size_t i = 0; i < COUNT(far); i++) {
        struct wall at = {far[i]}, opens = window_next_open(&window, zone_utc(), at);
        assert_true(opens.us >= at.us);
        assert_true(window_next_close(&window, zone_utc(), opens).us >= opens.us);
    }
}

static void window_that_never_opens_or_never_closes_is_known(void **state) {
    (void)state;
    static const struct {
        const char *window, *except;
        bool opens, closes;
    } rows[] = {
        {"mon", NULL, true, true},
        {"mon-sun", NULL, true, false},
        {"mon-sun", "12-24", true, true},
        {"00:00-12:00, 12:00-24:00", NULL, true, false},
        {"00:00-12:00, 12:01-24:00", NULL, true, true},
        {"20:00-19:00, 18:30-21:00", NULL, true, false},
        {"mon", "01-01..12-31", false, true},
        {"mon", "01-01..06-30, 07-01..12-31", false, true},
        {"mon", "03-01..02-28", true, true}, /* February 29, if it is a Monday */
        {"mon", "2027-01-01..2036-12-31", true, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct window window = read_window(rows[i].window, rows[i].except);
        if (window_opens(&window) != rows[i].opens || window_closes(&window) != rows[i].closes)
            fail_msg("row %zu: %s", i, rows[i].window);
    }
}

/* --- a second opinion: the C library's local time, minute by minute --- */

struct day {
    int weekday, month, date, year;
};

static bool nights_and_weekends(int minute, const struct day *today, const struct day *before) {
    bool late = minute >= 22 * 60 && today->weekday >= 1 && today->weekday <= 5;
    bool early = minute < 6 * 60 && before->weekday >= 1 && before->weekday <= 5;
    return late || early || today->weekday == 0 || today->weekday == 6;
}

static bool is_feast(const struct day *day) {
    return (day->month == 12 && day->date >= 24) || (day->month == 1 && day->date <= 2) ||
           (day->year == 2027 && day->month == 3 && day->date == 27) ||
           (day->year == 2027 && day->month == 10 && day->date >= 4 && day->date <= 30);
}

static bool half_past_one_but_on_feasts(int minute, const struct day *today, const struct day *before) {
    (void)before;
    return minute >= 95 && minute < 175 && !is_feast(today);
}

static bool over_midnight_but_on_feasts(int minute, const struct day *today, const struct day *before) {
    return (minute >= 23 * 60 + 30 && !is_feast(today)) || (minute < 225 && !is_feast(before));
}

static const struct {
    const char *window, *except;
    bool (*is_open)(int minute, const struct day *today, const struct day *before);
} opinions[] = {
    {"mon-fri 22:00-06:00, sat-sun", NULL, nights_and_weekends},
    {"01:35-02:55", "12-24..01-02, 2027-03-27, 2027-10-04..2027-10-30", half_past_one_but_on_feasts},
    {"23:30-03:45", "12-24..01-02, 2027-03-27, 2027-10-04..2027-10-30", over_midnight_but_on_feasts},
};

/* The date of the day before, as the calendar has it. */
static struct day day_before(const struct tm *tm) {
    struct tm noon = {
        .tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday - 1, .tm_hour = 12};
    time_t at = timegm(&noon);
    gmtime_r(&at, &noon);
    return (struct day){noon.tm_wday, noon.tm_mon + 1, noon.tm_mday, noon.tm_year + 1900};
}

static void expect_all_minutes(const struct zone *zone) {
    struct window windows[COUNT(opinions)];
    int64_t changed_s[COUNT(opinions)], first_s = us_seconds(utc("2026-09-01 00:00").us);
    bool was_open[COUNT(opinions)];
    int found_count = 0;
    for (size_t i = 0; i < COUNT(opinions); i++)
        windows[i] = read_window(opinions[i].window, opinions[i].except);
    for (int64_t at_s = first_s; at_s < first_s + 2 * 365 * (int64_t)S_PER_DAY; at_s += 60) {
        time_t time = at_s;
        struct tm tm;
        localtime_r(&time, &tm);
        struct day today = {tm.tm_wday, tm.tm_mon + 1, tm.tm_mday, tm.tm_year + 1900},
                   before = day_before(&tm);
        struct wall at = {at_s * US_PER_S};
        for (size_t i = 0; i < COUNT(opinions); i++) {
            bool is_open = opinions[i].is_open(tm.tm_hour * 60 + tm.tm_min, &today, &before);
            if (window_is_open(&windows[i], zone, at) != is_open)
                fail_msg("%s, %s at %lld: not %d", zone_name(zone), opinions[i].window, (long long)at_s,
                         is_open);
            bool changes = at_s == first_s || is_open != was_open[i];
            if (changes && at_s > first_s) { /* what was said when it changed last */
                struct wall last = {changed_s[i] * US_PER_S};
                struct wall next = was_open[i] ? window_next_close(&windows[i], zone, last)
                                               : window_next_open(&windows[i], zone, last);
                assert_true(next.us == at.us);
                found_count++;
            }
            changed_s[i] = changes ? at_s : changed_s[i];
            was_open[i] = is_open;
        }
    }
    assert_true(found_count > 3000);
}

static void window_is_as_the_librarys_clock_says_minute_by_minute(void **state) {
    (void)state;
    static const char *const names[] = {"Europe/Berlin", "Australia/Lord_Howe", "Pacific/Chatham",
                                        "America/Santiago", "Africa/Casablanca"};
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct zone *zone = system_zone(names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        expect_all_minutes(zone);
    }
    unsetenv("TZ");
    tzset();
}

/* --- what begins with the opening --- */

static void window_spread_is_a_tenth_and_ten_minutes_at_most(void **state) {
    (void)state;
    struct window night = read_window("22:00-06:00", NULL), short_one = read_window("22:00-22:10", NULL);
    struct wall opened = utc("2026-12-01 22:00");
    int64_t most_us = 0, most_short_us = 0;
    int early_count = 0;
    for (int i = 0; i < 1000; i++) {
        char name[20];
        snprintf(name, sizeof name, "task%d", i);
        int64_t us = window_spread_us(&night, zone_utc(), opened, name);
        int64_t short_us = window_spread_us(&short_one, zone_utc(), opened, name);
        assert_true(us == window_spread_us(&night, zone_utc(), opened, name));
        most_us = us > most_us ? us : most_us;
        most_short_us = short_us > most_short_us ? short_us : most_short_us;
        early_count += us < US_PER_MIN;
    }
    assert_in_range(most_us, 9 * US_PER_MIN, 10 * US_PER_MIN);
    assert_in_range(most_short_us, 55 * US_PER_S, 60 * US_PER_S);
    assert_in_range(early_count, 50, 150); /* a tenth of them in a tenth of the time */
}

static void window_is_same_by_all_its_pieces(void **state) {
    (void)state;
    struct window a = read_window("mon 22:00-06:00", "12-24"),
                  b = read_window(" MON 22:00-6:00 ", "12-24..12-24");
    struct window other[] = {
        read_window("tue 22:00-06:00", "12-24"),        read_window("mon 22:01-06:00", "12-24"),
        read_window("mon 22:00-06:01", "12-24"),        read_window("mon 22:00-06:00", "12-25"),
        read_window("mon 22:00-06:00", "12-24..12-25"), read_window("mon 22:00-06:00", NULL),
        read_window("mon 22:00-06:00, tue", "12-24")};
    assert_true(window_is_same(&a, &b));
    assert_true(window_is_same(NULL, NULL));
    assert_false(window_is_same(&a, NULL));
    assert_false(window_is_same(NULL, &a));
    for (size_t i = 0; i < COUNT(other); i++)
        if (window_is_same(&a, &other[i]))
            fail_msg("row %zu", i);
}

static int finish_arena(void **state) {
    (void)state;
    arena_finish(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_opens_and_closes_as_the_clocks_show),
        cmocka_unit_test(window_instants_are_exact_and_never_is_never),
        cmocka_unit_test(window_that_never_opens_or_never_closes_is_known),
        cmocka_unit_test(window_is_as_the_librarys_clock_says_minute_by_minute),
        cmocka_unit_test(window_spread_is_a_tenth_and_ten_minutes_at_most),
        cmocka_unit_test(window_is_same_by_all_its_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, finish_arena);
}
