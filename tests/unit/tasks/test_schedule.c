#include "tests/unit/helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/calendar_parse.h"
#include "tasks/schedule.h"

static void schedule_next_after_is_strictly_after(void **state) {
    (void)state;
    static const struct {
        int64_t every_us, phase_us, after_us, next_us;
    } rows[] = {
        {10, 0, 0, 10},
        {10, 0, 9, 10},
        {10, 0, 10, 20},
        {10, 3, 0, 3},
        {10, 3, 2, 3},
        {10, 3, 3, 13},
        {10, 9, 25, 29},
        {10, 3, -1, 3},
        {10, 3, -7, 3},
        {10, 3, -8, -7},
        {1, 0, 5, 6},
        {US_PER_DAY, 3 * US_PER_H, 20000 * US_PER_DAY, 20000 * US_PER_DAY + 3 * US_PER_H},
        {US_PER_DAY, 3 * US_PER_H, 20000 * US_PER_DAY + 3 * US_PER_H, 20001 * US_PER_DAY + 3 * US_PER_H},
        {10, 0, INT64_MAX - 1, INT64_MAX}, /* saturates */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct schedule schedule = {.every_us = rows[i].every_us, .phase_us = rows[i].phase_us};
        struct wall next = schedule_next_after(&schedule, (struct wall){rows[i].after_us});
        if (next.us != rows[i].next_us)
            fail_msg("row %zu: %lld", i, (long long)next.us);
    }
}

static void schedule_next_after_from_anywhere_meets_the_stage(void **state) {
    (void)state;
    struct schedule schedule = {.every_us = 7 * US_PER_S, .phase_us = 2 * US_PER_S};
    for (int64_t us = -50 * US_PER_S; us < 50 * US_PER_S; us += 333333) {
        struct wall next = schedule_next_after(&schedule, (struct wall){us});
        assert_true(next.us > us && next.us <= us + schedule.every_us);
        assert_int_equal((next.us - schedule.phase_us) % schedule.every_us, 0);
    }
}

/* Of a database that says anything. */
static void schedule_of_any_instant_stays_within_numbers(void **state) {
    (void)state;
    struct schedule schedule = {.every_us = 7, .every_most_us = 7, .phase_us = 3};
    struct wall first = {INT64_MIN}, last = {INT64_MAX};
    struct wall next = schedule_next_after(&schedule, first);
    assert_true(next.us > first.us && next.us - first.us <= 7);
    assert_true(schedule_next_after(&schedule, last).us == INT64_MAX);
    assert_true(schedule_paced(1, first, last).count == INT64_MAX);
    assert_true(schedule_between(&schedule, first, last).count > 0);
}

static void schedule_between_includes_both_ends(void **state) {
    (void)state;
    static const struct {
        int64_t first_us, until_us, count;
    } rows[] = {
        {20, 19, 0}, {20, 20, 1}, {20, 29, 1}, {20, 30, 2}, {20, 119, 10}, {20, 120, 11}, {-20, 0, 3},
    };
    static const struct schedule every_10 = {10, 10, 0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct wall first = {rows[i].first_us}, until = {rows[i].until_us};
        struct occurrences of_grid = schedule_between(&every_10, first, until);
        assert_int_equal(schedule_paced(10, first, until).count, rows[i].count);
        assert_int_equal(of_grid.count, rows[i].count);
        if (of_grid.count == 0)
            continue;
        assert_true(of_grid.last.us <= until.us && until.us < of_grid.last.us + 10);
        assert_int_equal(schedule_nth_after(&every_10, first, of_grid.count - 1).us, of_grid.last.us);
        assert_true(schedule_paced_next(10, of_grid.last).us > until.us);
    }
}

static void schedule_key_is_the_last_grid_instant(void **state) {
    (void)state;
    static const struct schedule schedules[] = {{10, 10, 3}, {10, 17, 3}};
    static const int64_t rows[][2] = {{3, 3}, {12, 3}, {13, 13}, {2, -7}, {-7, -7}, {-8, -17}};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t s = 0; s < COUNT(schedules); s++)
            assert_int_equal(schedule_key(&schedules[s], (struct wall){rows[i][0]}).us, rows[i][1]);
}

/* Keys of an elastic task whose interval is anything it may be, from anywhere in a cell. */
static void schedule_gap_most_is_reached_and_never_passed(void **state) {
    (void)state;
    for (int64_t most_us = 5; most_us <= 16; most_us++) {
        struct schedule schedule = {5, most_us, 2};
        int64_t seen_us = 0;
        for (int64_t due_us = 0; due_us < 5; due_us++)
            for (int64_t interval_us = 5; interval_us <= most_us; interval_us++) {
                int64_t gap_us = schedule_key(&schedule, (struct wall){due_us + interval_us}).us -
                                 schedule_key(&schedule, (struct wall){due_us}).us;
                assert_true(gap_us >= 5); /* no cell has two */
                seen_us = gap_us > seen_us ? gap_us : seen_us;
            }
        assert_int_equal(schedule_gap_most_us(&schedule), seen_us);
    }
}

static void schedule_default_phase_is_within_the_interval(void **state) {
    (void)state;
    static const int64_t intervals[] = {US_PER_MS, 3 * US_PER_MS, US_PER_S, 8 * US_PER_S, SCHEDULE_EVERY_MAX_US};
    for (size_t i = 0; i < COUNT(intervals); i++) {
        for (int n = 0; n < 200; n++) {
            char name[16];
            snprintf(name, sizeof name, "task%d", n);
            int64_t phase_us = schedule_default_phase(name, intervals[i]);
            assert_true(phase_us >= 0 && phase_us < intervals[i]);
            assert_int_equal(phase_us, schedule_default_phase(name, intervals[i]));
        }
    }
}

/* A change of the hash would shift every due instant of every file out there. */
static void schedule_default_phase_never_changes(void **state) {
    (void)state;
    assert_int_equal(schedule_default_phase("tick", 8 * US_PER_S), 7085000);
    assert_int_equal(schedule_default_phase("nightly", US_PER_DAY), INT64_C(7638042000));
}

static void schedule_default_phase_spreads_tasks(void **state) {
    (void)state;
    int of_tenth[10] = {0};
    for (int n = 0; n < 1000; n++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", n);
        of_tenth[schedule_default_phase(name, 10 * US_PER_S) / US_PER_S]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(of_tenth[i], 60, 140);
}

static void none_is_never_due(void **state) {
    (void)state;
    struct schedule schedule = {.kind = SCHEDULE_NONE}, interval = {.every_us = 1, .every_most_us = 1};
    assert_true(schedule_next_after(&schedule, (struct wall){5}).us == SCHEDULE_NEVER);
    assert_true(schedule_key(&schedule, (struct wall){5}).us == 5);
    assert_int_equal(schedule_between(&schedule, (struct wall){5}, (struct wall){500}).count, 0);
    assert_int_equal(schedule_busy_permille(&schedule, US_PER_S), 0);
    assert_true(schedule_per_minute(&schedule) == 0);
    assert_false(schedule_is_same(&schedule, &interval));
}

/* Half past six on working days, in UTC, put off by 5 s; the seconds of unix time of some days of 2026. */
#define MON_7_S (INT64_C(1796625000) + 5)
#define DAY_S   (INT64_C(24) * 3600)
#define AT(s)   ((struct wall){(s) * US_PER_S})

static struct schedule working_days(struct calendar *calendar) {
    struct text wrong = {0};
    assert_true(calendar_parse("30 6 * * mon-fri", calendar, &wrong));
    return (struct schedule){
        .kind = SCHEDULE_CALENDAR, .calendar = calendar, .zone = zone_utc(), .phase_us = 5 * US_PER_S};
}

static void calendar_is_due_by_its_instants_and_the_phase(void **state) {
    (void)state;
    struct calendar calendar;
    struct schedule schedule = working_days(&calendar);
    assert_true(schedule_next_after(&schedule, AT(MON_7_S - 1)).us == AT(MON_7_S).us);
    assert_true(schedule_next_after(&schedule, AT(MON_7_S)).us == AT(MON_7_S + DAY_S).us);
    assert_true(schedule_next_after(&schedule, AT(MON_7_S + 4 * DAY_S)).us == AT(MON_7_S + 7 * DAY_S).us);
    assert_true(schedule_key(&schedule, AT(MON_7_S)).us == AT(MON_7_S).us);
    struct occurrences week = schedule_between(&schedule, AT(MON_7_S), AT(MON_7_S + 8 * DAY_S - 1));
    assert_int_equal(week.count, 6);
    assert_true(week.last.us == AT(MON_7_S + 7 * DAY_S).us);
    assert_int_equal(schedule_between(&schedule, AT(MON_7_S), AT(MON_7_S - 1)).count, 0);
    assert_true(schedule_nth_after(&schedule, AT(MON_7_S), 6).us == AT(MON_7_S + 8 * DAY_S).us);
    assert_int_equal(schedule_gap_least_us(&schedule), US_PER_DAY);
    assert_int_equal(schedule_busy_permille(&schedule, 14 * US_PER_H), 416);
}

static void calendar_dues_are_the_last_of_a_range(void **state) {
    (void)state;
    struct calendar calendar;
    struct schedule schedule = working_days(&calendar);
    struct text dues = {0};
    schedule_add_dues(&schedule, AT(MON_7_S + 3 * DAY_S), AT(MON_7_S + 7 * DAY_S), &dues);
    helper_expect_text("dues", dues.bytes, "{1796884205000000,1796970605000000,1797229805000000}");
    text_clear(&dues);
    schedule_add_dues(&schedule, AT(MON_7_S), AT(MON_7_S + 70000 * DAY_S), &dues); /* of 50 001 */
    uint32_t count = 1;
    for (const char *at = dues.bytes; (at = strchr(at, ',')); at++)
        count++;
    assert_int_equal(count, SCHEDULE_DUES_MAX);
    assert_true(strtoll(dues.bytes + 1, NULL, 10) == AT(MON_7_S + 56001 * DAY_S).us);
    text_finish(&dues);
}

static void calendar_is_another_in_another_zone_or_phase(void **state) {
    (void)state;
    struct calendar calendar, same;
    struct schedule a = working_days(&calendar), b = working_days(&same);
    assert_true(schedule_is_same(&a, &b));
    b.phase_us++;
    assert_false(schedule_is_same(&a, &b));
    b.phase_us--;
    same.hours <<= 1;
    assert_false(schedule_is_same(&a, &b));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_never_due),
        cmocka_unit_test(calendar_is_due_by_its_instants_and_the_phase),
        cmocka_unit_test(calendar_dues_are_the_last_of_a_range),
        cmocka_unit_test(calendar_is_another_in_another_zone_or_phase),
        cmocka_unit_test(schedule_next_after_is_strictly_after),
        cmocka_unit_test(schedule_next_after_from_anywhere_meets_the_stage),
        cmocka_unit_test(schedule_of_any_instant_stays_within_numbers),
        cmocka_unit_test(schedule_between_includes_both_ends),
        cmocka_unit_test(schedule_key_is_the_last_grid_instant),
        cmocka_unit_test(schedule_gap_most_is_reached_and_never_passed),
        cmocka_unit_test(schedule_default_phase_is_within_the_interval),
        cmocka_unit_test(schedule_default_phase_never_changes),
        cmocka_unit_test(schedule_default_phase_spreads_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
