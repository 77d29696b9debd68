#include "tasks/calendar.h"

#define NEW_CLOCK_S (3 * S_PER_H) /* as in cron(8) */

/* --- where clocks are set --- */

/*
 * What is due in a stretch of a zone: what the clocks show from this local second on. For what stands at
 * fixed times the clocks were set at the beginning of the stretch: what they show again was due, and
 * `skipped` is what they left out, up to the local second at which they went on.
 */
struct share {
    int64_t from_s; /* local */
    bool has_skipped;
    int64_t skipped_from_s, skipped_until_s; /* local, of the stretch before */
};

/* Of the stretch, from the instant on, which is in it. */
static struct share share_of(const struct calendar *calendar, const struct zone_stretch *stretch,
                             int64_t from_s) {
    struct share share = {.from_s = from_s + stretch->offset_s};
    int32_t forward_s = stretch->offset_s - stretch->before_s;
    if (calendar->real_time || forward_s == 0 || forward_s >= NEW_CLOCK_S || forward_s <= -NEW_CLOCK_S)
        return share;
    int64_t shown_s = stretch->from_s + stretch->before_s; /* what they would have shown */
    if (forward_s < 0 && share.from_s < shown_s)
        share.from_s = shown_s;
    if (forward_s > 0 && from_s == stretch->from_s) {
        share.has_skipped = true;
        share.skipped_from_s = shown_s;
        share.skipped_until_s = share.from_s;
    }
    return share;
}

/* The first occurrence at this instant or later. What fits next is found once for all stretches up to there,
 * unless the clocks go back behind where it was looked for. */
static int64_t next_from(const struct calendar *calendar, const struct zone *zone, int64_t from_s) {
    int64_t looked_s = INT64_MAX, shown_s = INT64_MIN; /* from looked_s on, shown_s is the first */
    for (;;) {
        struct zone_stretch stretch = zone_stretch(zone, from_s);
        struct share share = share_of(calendar, &stretch, from_s);
        int64_t look_s = share.has_skipped ? share.skipped_from_s : share.from_s;
        if (look_s < looked_s || look_s > shown_s)
            shown_s = calendar_next_shown(calendar, look_s);
        looked_s = look_s;
        if (shown_s == CALENDAR_NEVER)
            return CALENDAR_NEVER;
        if (share.has_skipped && shown_s < share.skipped_until_s)
            return from_s;
        if (shown_s - stretch.offset_s < stretch.until_s)
            return shown_s - stretch.offset_s;
        from_s = stretch.until_s;
    }
}

/* How many occurrences are in from <= instant < until. */
static int64_t count_from(const struct calendar *calendar, const struct zone *zone, int64_t from_s,
                          int64_t until_s) {
    int64_t count = 0;
    while (from_s < until_s) {
        struct zone_stretch stretch = zone_stretch(zone, from_s);
        struct share share = share_of(calendar, &stretch, from_s);
        int64_t end_s = stretch.until_s < until_s ? stretch.until_s : until_s;
        count += calendar_count_shown(calendar, share.from_s, end_s + stretch.offset_s);
        if (share.has_skipped) { /* are due as one, with what stands there itself */
            int64_t skipped = calendar_count_shown(calendar, share.skipped_from_s, share.skipped_until_s);
            count += skipped > 0 && calendar_count_shown(calendar, share.from_s, share.from_s + 1) == 0;
        }
        from_s = end_s;
    }
    return count;
}

/* --- instants --- */

#define FIRST_S (CALENDAR_FIRST_DAY * S_PER_DAY + ZONE_OFFSET_MOST_S)
#define END_S   (CALENDAR_END_DAY * S_PER_DAY - ZONE_OFFSET_MOST_S)

/* The second before which, or at which, the instant is; within the years that there are. */
static int64_t second_of(struct wall at) {
    int64_t second = us_seconds(at.us);
    return second < FIRST_S - 1 ? FIRST_S - 1 : second >= END_S ? END_S - 1 : second;
}

static struct wall instant_of(int64_t second) {
    return (struct wall){second == CALENDAR_NEVER || second >= END_S ? INSTANT_MAX : second * US_PER_S};
}

static int64_t next_after(const struct calendar *calendar, const struct zone *zone, int64_t after_s) {
    return next_from(calendar, zone, after_s + 1);
}

struct wall calendar_next(const struct calendar *calendar, const struct zone *zone, struct wall after) {
    return instant_of(next_after(calendar, zone, second_of(after)));
}

/* Looked for by the next ones: from further and further before, and then between. */
struct wall calendar_last(const struct calendar *calendar, const struct zone *zone, struct wall until) {
    int64_t until_s = second_of(until), from_s = until_s, found_s = CALENDAR_NEVER;
    for (int64_t back_s = S_PER_MIN; found_s > until_s; back_s *= 4) {
        if (from_s < FIRST_S)
            return (struct wall){INT64_MIN};
        from_s = until_s - back_s < FIRST_S ? FIRST_S - 1 : until_s - back_s;
        found_s = next_after(calendar, zone, from_s);
    }
    for (int64_t none_s = until_s;
         found_s < none_s;) { /* the next one after found_s may be there; after none_s it is not */
        int64_t middle_s = found_s + (none_s - found_s) / 2;
        int64_t next_s = next_after(calendar, zone, middle_s);
        if (next_s <= until_s)
            found_s = next_s;
        else
            none_s = middle_s;
    }
    return (struct wall){found_s * US_PER_S};
}

int64_t calendar_count(const struct calendar *calendar, const struct zone *zone, struct wall first,
                       struct wall until) {
    return count_from(calendar, zone, second_of((struct wall){us_add(first.us, -1)}) + 1,
                      second_of(until) + 1);
}

#define WALK_MOST 16 /* by the next ones so many cost less than to search by counting */

struct wall calendar_nth_after(const struct calendar *calendar, const struct zone *zone, struct wall first,
                               int64_t n) {
    if (n <= WALK_MOST) {
        for (; n > 0 && first.us < INSTANT_MAX; n--)
            first = calendar_next(calendar, zone, first);
        return first;
    }
    int64_t from_s = second_of(first) + 1, less_s = from_s, ahead_s = S_PER_H;
    while (count_from(calendar, zone, from_s, less_s + ahead_s) < n) {
        less_s += ahead_s;
        if (less_s > END_S)
            return (struct wall){INSTANT_MAX};
        ahead_s *= 2;
    }
    for (int64_t enough_s = less_s + ahead_s; ahead_s > 1;
         ahead_s = enough_s - less_s) { /* before less_s are less than n */
        int64_t middle_s = less_s + ahead_s / 2;
        if (count_from(calendar, zone, from_s, middle_s) < n)
            less_s = middle_s;
        else
            enough_s = middle_s;
    }
    return instant_of(less_s);
}
