#include "tests/unit/helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/calendar.h"
#include "tasks/calendar_parse.h"

/* --- what the tests share --- */

static struct calendar parsed(const char *text) {
    struct calendar calendar;
    struct text wrong = {0};
    if (!calendar_parse(text, &calendar, &wrong))
        fail_msg("%s: %s", text, wrong.bytes);
    return calendar;
}

static struct arena arena;

static const struct zone *zone_of(const char *name) {
    char path[100];
    static unsigned char bytes[8192];
    struct text wrong = {0};
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        skip();
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    const struct zone *zone = zone_parse(name, bytes, size, &arena, &wrong);
    assert_non_null(zone);
    return zone;
}

static int free_arena(void **state) {
    (void)state;
    arena_finish(&arena);
    return 0;
}

/* "2026-03-29 02:30:00" as if it were UTC. */
static int64_t seconds_of(const char *text) {
    struct civil civil = {0};
    int year;
    int count = sscanf(text, "%d-%d-%d %d:%d:%d", &year, &civil.month, &civil.day, &civil.hour, &civil.minute,
                       &civil.second);
    civil.year = year;
    assert_true(count >= 5);
    return civil_to_s(&civil);
}

/* As "2026-03-29 03:00:00 +0200". */
static void describe(const struct zone *zone, struct wall at, char text[static 64]) {
    char offset[ZONE_OFFSET_TEXT_BYTES];
    if (at.us == INSTANT_MAX) {
        snprintf(text, 64, "never");
        return;
    }
    struct civil civil = zone_civil(zone, at.us / US_PER_S);
    snprintf(text, 64, "%04d-%02d-%02d %02d:%02d:%02d %s", (int)civil.year, civil.month, civil.day,
             civil.hour, civil.minute, civil.second,
             zone_offset_text(zone_offset_s(zone, at.us / US_PER_S), offset));
}

/* --- what an expression means --- */

static void calendar_next_in_utc(void **state) {
    (void)state;
    static const struct {
        const char *text, *after, *next;
    } rows[] = {
        {"30 6 * * mon-fri", "2026-12-05 12:00", "2026-12-07 06:30:00 +0000"},
        {"30 6 * * mon-fri", "2026-12-07 06:30", "2026-12-08 06:30:00 +0000"},
        {"30 6 * * mon-fri", "2026-12-07 06:29:59", "2026-12-07 06:30:00 +0000"},
        {"* * * * *", "2026-12-31 23:59:00", "2027-01-01 00:00:00 +0000"},
        {"* * * * * *", "2026-12-31 23:59:59", "2027-01-01 00:00:00 +0000"},
        {"*/15 9-17 * * *", "2026-12-07 17:45", "2026-12-08 09:00:00 +0000"},
        {"5,10 30 9 * * *", "2026-12-07 09:30:05", "2026-12-07 09:30:10 +0000"},
        {"5,10 30 9 * * *", "2026-12-07 09:30:10", "2026-12-08 09:30:05 +0000"},
        {"0 0 1 * mon", "2026-12-01 00:00", "2026-12-07 00:00:00 +0000"},   /* one is enough */
        {"0 0 */2 * mon", "2026-12-01 00:00", "2026-12-07 00:00:00 +0000"}, /* both: an odd day */
        {"0 0 */2 * mon", "2026-12-07 00:00", "2026-12-21 00:00:00 +0000"},
        {"0 0 29 2 *", "2026-12-01 00:00", "2028-02-29 00:00:00 +0000"},
        {"0 0 29 2 *", "2096-03-01 00:00", "2104-02-29 00:00:00 +0000"},
        {"0 0 L * *", "2028-02-01 00:00", "2028-02-29 00:00:00 +0000"},
        {"0 0 L * *", "2027-02-01 00:00", "2027-02-28 00:00:00 +0000"},
        {"0 0 LW * *", "2027-01-01 00:00", "2027-01-29 00:00:00 +0000"},   /* the 31st is a Sunday */
        {"0 0 LW * *", "2027-07-01 00:00", "2027-07-30 00:00:00 +0000"},   /* the 31st is a Saturday */
        {"0 0 15W * *", "2026-11-01 00:00", "2026-11-16 00:00:00 +0000"},  /* the 15th is a Sunday */
        {"0 0 15W * *", "2026-08-01 00:00", "2026-08-14 00:00:00 +0000"},  /* a Saturday */
        {"0 0 1W * *", "2026-07-31 00:00", "2026-08-03 00:00:00 +0000"},   /* a Saturday: not in July */
        {"0 0 30W 11 *", "2025-11-01 00:00", "2025-11-28 00:00:00 +0000"}, /* a Sunday: not in December */
        {"0 0 31W * *", "2026-11-01 00:00", "2026-12-31 00:00:00 +0000"},  /* November has none */
        {"0 0 * * fri#2", "2026-12-01 00:00", "2026-12-11 00:00:00 +0000"},
        {"0 0 * * fri#5", "2026-12-01 00:00", "2027-01-29 00:00:00 +0000"},
        {"0 0 * * friL", "2026-12-01 00:00", "2026-12-25 00:00:00 +0000"},
        {"0 0 13 * friL", "2026-12-01 00:00", "2026-12-13 00:00:00 +0000"},
        {"0 0 1 1 *", "2899-01-01 00:00", "never"},
        {"0 0 1 1 *", "1700-01-01 00:00", "1901-01-01 00:00:00 +0000"}, /* 1900 begins a day later */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[64];
        struct calendar calendar = parsed(rows[i].text);
        struct wall after = {seconds_of(rows[i].after) * US_PER_S};
        describe(zone_utc(), calendar_next(&calendar, zone_utc(), after), text);
        helper_expect_text(rows[i].text, text, rows[i].next);
        struct wall between = {after.us + 999999};
        describe(zone_utc(), calendar_next(&calendar, zone_utc(), between), text);
        helper_expect_text(rows[i].text, text, rows[i].next);
    }
}

/* --- where clocks are set --- */

static void calendar_next_where_clocks_are_set(void **state) {
    (void)state;
    static const struct {
        const char *zone, *text, *after; /* UTC */
        const char *next[4];
    } rows[] = {
        /* forward from 02:00 to 03:00 on 2026-03-29, back from 03:00 to 02:00 on 2026-10-25 */
        {"Europe/Berlin",
         "30 2 * * *",
         "2026-03-28 12:00",
         {"2026-03-29 03:00:00 +0200", "2026-03-30 02:30:00 +0200"}},
        {"Europe/Berlin",
         "0,15,30 2 * * *",
         "2026-03-28 12:00",
         {"2026-03-29 03:00:00 +0200", "2026-03-30 02:00:00 +0200", "2026-03-30 02:15:00 +0200"}},
        {"Europe/Berlin",
         "30 2,3 * * *",
         "2026-03-28 12:00",
         {"2026-03-29 03:00:00 +0200", "2026-03-29 03:30:00 +0200", "2026-03-30 02:30:00 +0200"}},
        {"Europe/Berlin",
         "0 2,3 * * *",
         "2026-03-28 12:00",
         {"2026-03-29 03:00:00 +0200", "2026-03-30 02:00:00 +0200"}},
        {"Europe/Berlin",
         "30 2 29 3 *",
         "2026-03-28 12:00",
         {"2026-03-29 03:00:00 +0200", "2027-03-29 02:30:00 +0200"}},
        {"Europe/Berlin",
         "30 2 * * *",
         "2026-10-24 12:00",
         {"2026-10-25 02:30:00 +0200", "2026-10-26 02:30:00 +0100"}},
        {"Europe/Berlin",
         "0 2,3 * * *",
         "2026-10-24 12:00",
         {"2026-10-25 02:00:00 +0200", "2026-10-25 03:00:00 +0100", "2026-10-26 02:00:00 +0100"}},
        {"Europe/Berlin",
         "30 0-23 * * *",
         "2026-10-24 23:45",
         {"2026-10-25 02:30:00 +0200", "2026-10-25 03:30:00 +0100", "2026-10-25 04:30:00 +0100"}},
        /* by real time */
        {"Europe/Berlin",
         "30 * * * *",
         "2026-03-29 00:00",
         {"2026-03-29 01:30:00 +0100", "2026-03-29 03:30:00 +0200", "2026-03-29 04:30:00 +0200"}},
        {"Europe/Berlin",
         "30 * * * *",
         "2026-10-24 23:45",
         {"2026-10-25 02:30:00 +0200", "2026-10-25 02:30:00 +0100", "2026-10-25 03:30:00 +0100"}},
        {"Europe/Berlin",
         "*/30 2 * * *",
         "2026-03-28 12:00",
         {"2026-03-30 02:00:00 +0200", "2026-03-30 02:30:00 +0200"}},
        {"Europe/Berlin",
         "*/30 2 * * *",
         "2026-10-25 00:10",
         {"2026-10-25 02:30:00 +0200", "2026-10-25 02:00:00 +0100", "2026-10-25 02:30:00 +0100"}},
        {"Europe/Berlin",
         "0 */2 * * *",
         "2026-03-29 00:00",
         {"2026-03-29 04:00:00 +0200", "2026-03-29 06:00:00 +0200"}},
        /* by half an hour, by two hours, at midnight */
        {"Australia/Lord_Howe",
         "15 2 * * *",
         "2026-10-02 20:00",
         {"2026-10-04 02:30:00 +1100", "2026-10-05 02:15:00 +1100"}},
        {"Australia/Lord_Howe",
         "45 1 * * *",
         "2026-04-04 00:00",
         {"2026-04-05 01:45:00 +1100", "2026-04-06 01:45:00 +1030"}},
        {"Antarctica/Troll",
         "30 1,2 * * *",
         "2026-03-28 12:00",
         {"2026-03-29 03:00:00 +0200", "2026-03-30 01:30:00 +0200"}},
        {"Antarctica/Troll",
         "30 1,2 * * *",
         "2026-10-24 12:00",
         {"2026-10-25 01:30:00 +0200", "2026-10-25 02:30:00 +0200", "2026-10-26 01:30:00 +0000"}},
        {"America/Santiago",
         "30 0 * * *",
         "2026-09-05 12:00",
         {"2026-09-06 01:00:00 -0300", "2026-09-07 00:30:00 -0300"}},
        {"America/Santiago",
         "@daily",
         "2026-09-05 12:00",
         {"2026-09-06 01:00:00 -0300", "2026-09-07 00:00:00 -0300"}},
        {"Asia/Beirut", "@daily", "2026-10-24 12:00", {"2026-10-25 00:00:00 +0200"}},
        /* a day that was left out is a new clock, and so is one that came twice */
        {"Pacific/Apia",
         "30 6 * * *",
         "2011-12-29 20:00",
         {"2011-12-31 06:30:00 +1400", "2012-01-01 06:30:00 +1400"}},
        {"Pacific/Kwajalein",
         "30 6 * * *",
         "1993-08-20 00:00",
         {"1993-08-20 06:30:00 -1200", "1993-08-22 06:30:00 +1200"}},
        {"America/Juneau", "0 9 * * *", "1867-10-17 00:00", {"1900-01-02 09:00:00 -085741"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[64];
        const struct zone *zone = zone_of(rows[i].zone);
        struct calendar calendar = parsed(rows[i].text);
        struct wall after = {seconds_of(rows[i].after) * US_PER_S}, at = after;
        int n = 0;
        for (; n < 4 && rows[i].next[n]; n++) {
            at = calendar_next(&calendar, zone, at);
            describe(zone, at, text);
            helper_expect_text(rows[i].text, text, rows[i].next[n]);
        }
        assert_int_equal(calendar_count(&calendar, zone, (struct wall){after.us + 1}, at), n);
    }
}

/* --- against a walk from second to second --- */

static uint64_t draw_state;

static int draw(int below) {
    draw_state = draw_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((draw_state >> 33) % (uint64_t)below);
}

static void draw_field(char *text, int least, int most) {
    int a = least + draw(most - least + 1), b = least + draw(most - least + 1);
    switch (draw(6)) {
    case 0: strcpy(text, "*"); break;
    case 1: sprintf(text, "*/%d", 1 + draw(most)); break;
    case 2: sprintf(text, "%d-%d", a < b ? a : b, a < b ? b : a); break;
    case 3: sprintf(text, "%d-%d/%d", a < b ? a : b, a < b ? b : a, 1 + draw(5)); break;
    case 4: sprintf(text, "%d,%d", a, b); break;
    default: sprintf(text, "%d", a);
    }
}

/* Of one that comes true. By the minute, or by the second. */
static struct calendar draw_calendar(bool seconds, char text[static 200]) {
    for (;;) {
        char field[6][60];
        struct calendar calendar;
        struct text wrong = {0};
        static const char *const days[] = {"L", "LW", "15W", "1W,L", "31W"};
        static const char *const weekdays[] = {"fri#2", "sunL", "mon-fri", "mon#1,mon#3", "7"};
        draw_field(field[0], 0, 59);
        draw_field(field[1], 0, 59);
        draw_field(field[2], 0, draw(2) ? 3 : 23); /* where clocks are set */
        draw_field(field[3], 1, 31);
        draw_field(field[4], 1, 12);
        draw_field(field[5], 0, 7);
        if (draw(4) == 0)
            strcpy(field[3], days[draw(5)]);
        if (draw(4) == 0)
            strcpy(field[5], weekdays[draw(5)]);
        if (draw(2))
            strcpy(field[4], "*");
        if (draw(2))
            strcpy(field[3 + 2 * draw(2)], "*");
        sprintf(text, "%s %s %s %s %s %s", seconds ? field[0] : "", field[1], field[2], field[3], field[4],
                field[5]);
        bool is_right = calendar_parse(text, &calendar, &wrong);
        text_finish(&wrong);
        if (is_right)
            return calendar;
    }
}

/* From the definition, and slowly. */
static bool day_fits(const struct calendar *calendar, int64_t day) {
    struct civil date = civil_date(day);
    int days = civil_month_days(date.year, date.month);
    if (!(calendar->months >> date.month & 1))
        return false;
    bool by_day = calendar->days >> date.day & 1 || (calendar->days & 1 && date.day == days);
    for (int n = 0; n <= days; n++) { /* which working day is nearest to the n-th */
        if (!(calendar->nearest >> n & 1))
            continue;
        int64_t wanted = day - date.day + (n ? n : days), nearest = 0;
        for (int64_t other = day - date.day + 1; other <= day - date.day + days; other++) {
            bool works = civil_weekday(other) % 6 != 0;
            if (works && (!nearest || llabs(other - wanted) < llabs(nearest - wanted)))
                nearest = other;
        }
        by_day |= nearest == day;
    }
    bool by_week = calendar->weekdays >> date.weekday & 1 ||
                   calendar->weekdays_nth[(date.day - 1) / 7] >> date.weekday & 1 ||
                   (calendar->weekdays_last >> date.weekday & 1 && date.day + 7 > days);
    return calendar->both_days ? by_day && by_week : by_day || by_week;
}

static bool shown_fits(const struct calendar *calendar, int64_t local_s) {
    struct civil at = civil_of(local_s);
    return calendar->seconds >> at.second & 1 && calendar->minutes >> at.minute & 1 &&
           calendar->hours >> at.hour & 1 && day_fits(calendar, civil_day_of(local_s));
}

/* As cron does it: a clock that ticks, and is set. */
struct ticking {
    const struct calendar *calendar;
    const struct zone *zone;
    int64_t again_until_s; /* local: what was shown before */
};

static bool tick(struct ticking *ticking, int64_t at_s, int64_t step_s) {
    const struct calendar *calendar = ticking->calendar;
    int64_t before_s = at_s + zone_offset_s(ticking->zone, at_s - 1),
            now_s = at_s + zone_offset_s(ticking->zone, at_s);
    bool is_due = shown_fits(calendar, now_s);
    if (now_s != before_s)
        ticking->again_until_s = INT64_MIN;
    if (calendar->real_time || llabs(now_s - before_s) >= 3 * S_PER_H)
        return is_due;
    if (now_s < before_s)
        ticking->again_until_s = before_s;
    for (int64_t skipped_s = before_s; skipped_s < now_s; skipped_s += step_s)
        is_due |= shown_fits(calendar, skipped_s);
    return is_due && now_s >= ticking->again_until_s;
}

#define DUE_MOST 20000

static void expect_as_ticking(const struct calendar *calendar, const char *text, const struct zone *zone,
                              int64_t from_s, int64_t for_s, int64_t step_s) {
    static int64_t due_s[DUE_MOST];
    int64_t until_s = from_s + for_s;
    size_t count = 0;
    struct ticking ticking = {calendar, zone, INT64_MIN};
    for (int64_t at_s = from_s - 4 * S_PER_H; at_s < until_s; at_s += step_s)
        if (tick(&ticking, at_s, step_s) && at_s >= from_s && count < DUE_MOST)
            due_s[count++] = at_s;
    if (count == DUE_MOST)
        until_s = due_s[count - 1] + 1;
    struct wall first = {from_s * US_PER_S}, until = {until_s * US_PER_S - 1}, at = {first.us - 1};
    int64_t counted = calendar_count(calendar, zone, first, until);
    if (counted != (int64_t)count)
        fail_msg("%s in %s from %lld: %lld, and not %zu", text, zone_name(zone), (long long)from_s,
                 (long long)counted, count);
    for (size_t i = 0; i < count; i++) {
        struct wall next = calendar_next(calendar, zone, at);
        if (next.us != due_s[i] * US_PER_S)
            fail_msg("%s in %s after %lld: %lld, and not %lld", text, zone_name(zone),
                     (long long)(at.us / US_PER_S), (long long)(next.us / US_PER_S), (long long)due_s[i]);
        at = next;
    }
    assert_true(calendar_next(calendar, zone, at).us > until.us);
    for (int n = 0; n < 5 && count > 0; n++) {
        size_t i = (size_t)draw((int)count), j = i + (size_t)draw((int)(count - i));
        struct wall a = {due_s[i] * US_PER_S}, b = {due_s[j] * US_PER_S};
        assert_int_equal(calendar_count(calendar, zone, a, b), j - i + 1);
        assert_int_equal(calendar_last(calendar, zone, b).us, b.us);
        assert_int_equal(calendar_nth_after(calendar, zone, a, (int64_t)(j - i)).us, b.us);
        if (j > 0)
            assert_int_equal(calendar_last(calendar, zone, (struct wall){b.us - 1}).us,
                             due_s[j - 1] * US_PER_S);
    }
}

static const char *const zones[] = {"Europe/Berlin",
                                    "Australia/Lord_Howe",
                                    "Antarctica/Troll",
                                    "America/Santiago",
                                    "Pacific/Apia",
                                    "Africa/Casablanca",
                                    "Europe/Dublin",
                                    "Pacific/Chatham",
                                    "America/Asuncion",
                                    "Asia/Gaza",
                                    "UTC",
                                    "America/St_Johns"};

/* A week around a change of the clocks, or anywhere. */
static int64_t draw_instant(const struct zone *zone) {
    int64_t at_s = draw(2000000000), change_s;
    if (draw(4) && zone_next_change(zone, at_s, &change_s))
        at_s = change_s - draw(4 * S_PER_DAY);
    return at_s / S_PER_MIN * S_PER_MIN;
}

static void calendar_is_as_a_clock_that_ticks(void **state) {
    (void)state;
    draw_state = 21;
    for (int n = 0; n < 600; n++) {
        char text[200];
        const struct zone *zone = zone_of(zones[draw(COUNT(zones))]);
        struct calendar calendar = draw_calendar(false, text);
        expect_as_ticking(&calendar, text, zone, draw_instant(zone), 10 * S_PER_DAY, S_PER_MIN);
    }
}

static void calendar_of_seconds_is_as_a_clock_that_ticks(void **state) {
    (void)state;
    draw_state = 22;
    for (int n = 0; n < 100; n++) {
        char text[200];
        const struct zone *zone = zone_of(zones[draw(COUNT(zones))]);
        struct calendar calendar = draw_calendar(true, text);
        int64_t at_s = draw_instant(zone), change_s;
        if (zone_next_change(zone, at_s, &change_s) && draw(4))
            at_s = change_s - S_PER_H - draw(5000);
        expect_as_ticking(&calendar, text, zone, at_s, 3 * S_PER_H, 1);
    }
}

/* --- long whiles --- */

static void calendar_count_of_weeks_of_seconds_walks_not_each(void **state) {
    (void)state;
    struct calendar calendar = parsed("* * * * * *");
    const struct zone *zone = zone_of("Europe/Berlin");
    struct wall from = {seconds_of("2020-01-01 00:00") * US_PER_S},
                until = {seconds_of("2030-01-01 00:00") * US_PER_S};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(calendar_count(&calendar, zone, from, until), (until.us - from.us) / US_PER_S + 1);
    assert_int_equal(calendar_nth_after(&calendar, zone, from, 200000000).us, from.us + 200000000 * US_PER_S);
}

static void calendar_of_any_instant_stays_within_numbers(void **state) {
    (void)state;
    static const char *const texts[] = {"* * * * * *", "0 0 29 2 *", "30 2 * * sun", "0 0 LW * *"};
    const struct zone *zone = zone_of("Europe/Berlin");
    struct wall least = {INT64_MIN}, most = {INT64_MAX};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct calendar calendar = parsed(texts[i]);
        struct wall first = calendar_next(&calendar, zone, least),
                    last = calendar_last(&calendar, zone, most);
        assert_true(first.us / US_PER_S >= seconds_of("1900-01-01 00:00"));
        assert_true(last.us / US_PER_S < seconds_of("2900-01-01 00:00"));
        assert_true(calendar_next(&calendar, zone, most).us == INSTANT_MAX);
        assert_true(calendar_next(&calendar, zone, last).us == INSTANT_MAX);
        assert_true(calendar_last(&calendar, zone, least).us == INT64_MIN);
        assert_true(calendar_last(&calendar, zone, (struct wall){first.us - 1}).us == INT64_MIN);
        int64_t count = calendar_count(&calendar, zone, least, most);
        assert_true(count > 200 && count == calendar_count(&calendar, zone, first, last));
        assert_true(calendar_nth_after(&calendar, zone, first, count - 1).us == last.us);
        assert_true(calendar_nth_after(&calendar, zone, first, count).us == INSTANT_MAX);
        assert_true(calendar_nth_after(&calendar, zone, first, INT64_MAX).us == INSTANT_MAX);
        assert_int_equal(calendar_count(&calendar, zone, most, least), 0);
        assert_int_equal(calendar_count(&calendar, zone, last, first), 0);
    }
}

/* --- how far apart --- */

static void calendar_gaps_are_reached_and_never_passed(void **state) {
    (void)state;
    static const char *const texts[] = {
        "* * * * *",        "*/7 * * * *", "0,59 * * * *",         "0 0,23 * * *",
        "30 6 * * mon-fri", "0 12 1 * *",  "0,59 59,0 0,23 * * *", "1-5 10 9-17 * * *",
        "0 0 * * mon,thu",  "15 3 29 2 *", "0 6,18 1,15 * *"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct calendar calendar = parsed(texts[i]);
        int64_t least_us = INT64_MAX, most_us = 0;
        struct wall at = {seconds_of("1895-01-01 00:00") * US_PER_S};
        at = calendar_next(&calendar, zone_utc(), at);
        for (int n = 0; n < 12000; n++) {
            struct wall next = calendar_next(&calendar, zone_utc(), at);
            if (next.us == INSTANT_MAX)
                break;
            least_us = next.us - at.us < least_us ? next.us - at.us : least_us;
            most_us = next.us - at.us > most_us ? next.us - at.us : most_us;
            at = next;
        }
        if (least_us < calendar_gap_least_us(&calendar) || most_us != calendar_gap_most_us(&calendar))
            fail_msg("%s: %lld to %lld, and not %lld to %lld", texts[i],
                     (long long)calendar_gap_least_us(&calendar), (long long)calendar_gap_most_us(&calendar),
                     (long long)least_us, (long long)most_us);
    }
    struct calendar a = parsed("0,59 59,0 0,23 * * *"), b = parsed("30 6 * * mon-fri"),
                    c = parsed("0 6,18 1,15 * *");
    assert_int_equal(calendar_gap_least_us(&a), US_PER_S);
    assert_int_equal(calendar_gap_least_us(&b), US_PER_DAY);
    assert_int_equal(calendar_gap_least_us(&c), 12 * US_PER_H);
    assert_true(calendar_per_day(&b) > 0.714 && calendar_per_day(&b) < 0.715);
    assert_true(calendar_per_day(&a) == 8.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(calendar_next_in_utc, free_arena),
        cmocka_unit_test_teardown(calendar_next_where_clocks_are_set, free_arena),
        cmocka_unit_test_teardown(calendar_is_as_a_clock_that_ticks, free_arena),
        cmocka_unit_test_teardown(calendar_of_seconds_is_as_a_clock_that_ticks, free_arena),
        cmocka_unit_test_teardown(calendar_count_of_weeks_of_seconds_walks_not_each, free_arena),
        cmocka_unit_test_teardown(calendar_of_any_instant_stays_within_numbers, free_arena),
        cmocka_unit_test_teardown(calendar_gaps_are_reached_and_never_passed, free_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
