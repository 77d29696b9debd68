#include "tasks/window.h"

#include <string.h>

#include "tasks/hash.h"

#define DAYS_PER_YEAR_MOST 366
#define NEVER_S            (INT64_C(1000) * DAYS_PER_YEAR_MOST * S_PER_DAY)

/* --- one day --- */

static bool is_within(const struct window_except *except, int64_t day, const struct civil *date) {
    int32_t at = except->yearly ? date->month * WINDOW_MONTH + date->day : (int32_t)day;
    if (!except->yearly || except->first <= except->last)
        return at >= except->first && at <= except->last;
    return at >= except->first || at <= except->last;
}

/* The exception that has the day; NULL: a stretch may begin on it. */
static const struct window_except *excepted(const struct window *window, int64_t day) {
    if (window->except_count == 0)
        return NULL;
    struct civil date = civil_date(day);
    for (uint32_t i = 0; i < window->except_count; i++)
        if (is_within(&window->excepts[i], day, &date))
            return &window->excepts[i];
    return NULL;
}

/* --- local seconds --- */

/* When the longest stretch ends that the instant lies in; the instant itself: it lies in none. */
static int64_t open_until(const struct window *window, int64_t local_s) {
    int64_t today = civil_day_of(local_s), until_s = local_s;
    for (int64_t day = today - 1; day <= today; day++) {
        uint8_t weekday = (uint8_t)(1 << civil_weekday(day));
        bool has_any = false;
        for (uint32_t i = 0; i < window->stretch_count; i++) {
            const struct window_stretch *stretch = &window->stretches[i];
            int64_t begin_s = day * S_PER_DAY + stretch->begin_min * S_PER_MIN;
            int64_t end_s = day * S_PER_DAY + stretch->end_min * S_PER_MIN;
            if (!(stretch->days & weekday) || local_s < begin_s || end_s <= until_s)
                continue;
            if (!has_any && excepted(window, day))
                break;
            has_any = true;
            until_s = end_s;
        }
    }
    return until_s;
}

/* When a stretch of this day begins, from an instant on; `none_s`: none does. */
static int64_t begin_on(const struct window *window, int64_t day, int64_t from_s, int64_t none_s) {
    uint8_t weekday = (uint8_t)(1 << civil_weekday(day));
    int64_t found_s = none_s;
    for (uint32_t i = 0; i < window->stretch_count; i++) {
        int64_t begin_s = day * S_PER_DAY + window->stretches[i].begin_min * S_PER_MIN;
        if ((window->stretches[i].days & weekday) && begin_s >= from_s && begin_s < found_s)
            found_s = begin_s;
    }
    return found_s;
}

/* When the next stretch begins, from an instant on that lies in none; `none_s`: none does before that. */
static int64_t next_begin(const struct window *window, int64_t local_s, int64_t none_s) {
    for (int64_t day = civil_day_of(local_s); day * S_PER_DAY < none_s;) {
        const struct window_except *except = excepted(window, day);
        int64_t found_s = except ? none_s : begin_on(window, day, local_s, none_s);
        if (found_s < none_s)
            return found_s;
        day = except && !except->yearly ? except->last + 1 : day + 1;
    }
    return none_s;
}

/* The end of what is open without a break from an instant on, up to `most_s`. */
static int64_t all_open_until(const struct window *window, int64_t local_s, int64_t most_s) {
    while (local_s < most_s) {
        int64_t until_s = open_until(window, local_s);
        if (until_s == local_s)
            return local_s;
        local_s = until_s;
    }
    return most_s;
}

/* --- instants --- */

static int64_t local_of(const struct zone *zone, struct wall at) {
    int64_t unix_s = us_seconds(at.us);
    return unix_s + zone_offset_s(zone, unix_s);
}

static struct wall wall_of(int64_t unix_s) {
    int64_t us;
    return (struct wall){__builtin_mul_overflow(unix_s, US_PER_S, &us) ? INSTANT_MAX : us};
}

static int64_t lesser(int64_t a, int64_t b) {
    return a < b ? a : b;
}

bool window_is_open(const struct window *window, const struct zone *zone, struct wall at) {
    int64_t local_s = local_of(zone, at);
    return open_until(window, local_s) > local_s;
}

struct wall window_next_open(const struct window *window, const struct zone *zone, struct wall at) {
    int64_t most_s = us_seconds(at.us) + NEVER_S;
    if (window_is_open(window, zone, at))
        return at;
    for (int64_t unix_s = us_seconds(at.us); unix_s < most_s;) {
        struct zone_stretch same = zone_stretch(zone, unix_s);
        int64_t until_s = lesser(same.until_s, most_s), local_s = unix_s + same.offset_s;
        if (open_until(window, local_s) > local_s) /* with the change of the clocks */
            return wall_of(unix_s);
        int64_t begin_s = next_begin(window, local_s, until_s + same.offset_s) - same.offset_s;
        if (begin_s < until_s)
            return wall_of(begin_s);
        unix_s = until_s;
    }
    return (struct wall){INSTANT_MAX};
}

struct wall window_next_close(const struct window *window, const struct zone *zone, struct wall at) {
    int64_t unix_s = us_seconds(at.us), most_s = unix_s + (int64_t)WINDOW_LOOK_DAYS * S_PER_DAY;
    if (!window_is_open(window, zone, at))
        return at;
    while (unix_s < most_s) {
        struct zone_stretch same = zone_stretch(zone, unix_s);
        int64_t until_s = lesser(same.until_s, most_s);
        int64_t end_s =
            all_open_until(window, unix_s + same.offset_s, until_s + same.offset_s) - same.offset_s;
        if (end_s < until_s)
            return wall_of(end_s);
        unix_s = until_s;
    }
    return wall_of(most_s);
}

/* --- what a window is like --- */

/* Every date falls on every day of the week within 28 years that no century's end interrupts. */
#define ALL_FROM_YEAR 2000
#define ALL_YEARS     28

bool window_opens(const struct window *window) {
    int64_t day = civil_day(ALL_FROM_YEAR, 1, 1), until = civil_day(ALL_FROM_YEAR + ALL_YEARS, 1, 1);
    for (; day < until; day++) {
        const struct window_except *except = excepted(window, day);
        if ((!except || !except->yearly) && begin_on(window, day, day * S_PER_DAY, INT64_MAX) < INT64_MAX)
            return true;
    }
    return false;
}

bool window_closes(const struct window *window) {
    const int64_t week_s = 7 * (int64_t)S_PER_DAY;
    return window->except_count > 0 || all_open_until(window, week_s, 2 * week_s) < 2 * week_s;
}

int64_t window_spread_us(const struct window *window, const struct zone *zone, struct wall opened,
                         const char *name) {
    int64_t open_us = window_next_close(window, zone, opened).us - opened.us;
    int64_t over_us = lesser(open_us / WINDOW_SPREAD_PART, WINDOW_SPREAD_MOST_US);
    uint64_t hash = hash_finish(hash_bytes(HASH_START, name, strlen(name)));
    return over_us > 0 ? (int64_t)hash_below(hash, (uint64_t)over_us) : 0;
}

bool window_is_same(const struct window *a, const struct window *b) {
    if (!a || !b || a->stretch_count != b->stretch_count || a->except_count != b->except_count)
        return a == b;
    for (uint32_t i = 0; i < a->stretch_count; i++)
        if (a->stretches[i].days != b->stretches[i].days ||
            a->stretches[i].begin_min != b->stretches[i].begin_min ||
            a->stretches[i].end_min != b->stretches[i].end_min)
            return false;
    for (uint32_t i = 0; i < a->except_count; i++)
        if (a->excepts[i].yearly != b->excepts[i].yearly || a->excepts[i].first != b->excepts[i].first ||
            a->excepts[i].last != b->excepts[i].last)
            return false;
    return true;
}
