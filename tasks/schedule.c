#include "tasks/schedule.h"

#include <inttypes.h>
#include <string.h>

#include "tasks/hash.h"

/* --- a calendar, put off by the phase --- */

static struct wall put_off(struct wall at, int64_t by_us) {
    return (struct wall){us_add(at.us, by_us)};
}

static struct wall calendar_after(const struct schedule *schedule, struct wall after) {
    struct wall next = calendar_next(schedule->calendar, schedule->zone, put_off(after, -schedule->phase_us));
    return put_off(next, schedule->phase_us);
}

static struct occurrences calendar_between(const struct schedule *schedule, struct wall first,
                                           struct wall until) {
    const struct calendar *calendar = schedule->calendar;
    struct wall from = put_off(first, -schedule->phase_us), to = put_off(until, -schedule->phase_us);
    if (to.us < from.us)
        return (struct occurrences){.first = first};
    return (struct occurrences){
        .first = first,
        .last = put_off(calendar_last(calendar, schedule->zone, to), schedule->phase_us),
        .count = calendar_count(calendar, schedule->zone, from, to),
    };
}

/* --- of whatever kind --- */

struct wall schedule_next_after(const struct schedule *schedule, struct wall after) {
    int64_t every_us = schedule->every_us;
    if (schedule->kind == SCHEDULE_NONE)
        return (struct wall){SCHEDULE_NEVER};
    if (schedule->kind == SCHEDULE_CALENDAR)
        return calendar_after(schedule, after);
    int64_t into_us = (after.us % every_us - schedule->phase_us % every_us) % every_us;
    if (into_us < 0)
        into_us += every_us;
    return (struct wall){us_add(after.us, every_us - into_us)};
}

struct wall schedule_key(const struct schedule *schedule, struct wall due) {
    if (schedule->kind != SCHEDULE_EVERY)
        return due;
    return (struct wall){us_add(schedule_next_after(schedule, due).us, -schedule->every_us)};
}

int64_t schedule_pace_us(const struct schedule *schedule) {
    return schedule->kind == SCHEDULE_CALENDAR ? calendar_gap_most_us(schedule->calendar) : schedule->every_us;
}

int64_t schedule_gap_least_us(const struct schedule *schedule) {
    return schedule->kind == SCHEDULE_CALENDAR ? calendar_gap_least_us(schedule->calendar) : schedule->every_us;
}

int64_t schedule_gap_most_us(const struct schedule *schedule) {
    int64_t most_us = schedule->every_most_us, every_us = schedule->every_us;
    if (schedule->kind == SCHEDULE_NONE)
        return SCHEDULE_EVERY_MAX_US;
    if (schedule->kind == SCHEDULE_CALENDAR)
        return schedule_pace_us(schedule);
    return (most_us / every_us + (most_us % every_us != 0)) * every_us;
}

int64_t schedule_far_us(const struct schedule *schedule) {
    int64_t most_us = schedule->kind == SCHEDULE_EVERY ? schedule->every_most_us : schedule_pace_us(schedule);
    return us_add(most_us, most_us);
}

double schedule_per_minute(const struct schedule *schedule) {
    switch (schedule->kind) {
    case SCHEDULE_EVERY: return 60.0 * US_PER_S / (double)schedule->every_us;
    case SCHEDULE_CALENDAR: return calendar_per_day(schedule->calendar) / (24 * 60);
    case SCHEDULE_NONE: break;
    }
    return 0;
}

int64_t schedule_busy_permille(const struct schedule *schedule, int64_t busy_us) {
    int64_t every_us = schedule->every_us;
    double per_s = schedule_per_minute(schedule) / 60, permille = per_s * (double)busy_us / US_PER_MS;
    if (schedule->kind == SCHEDULE_EVERY)
        return (busy_us < every_us ? busy_us : every_us) * 1000 / every_us;
    return permille < 1000 ? (int64_t)permille : 1000;
}

struct occurrences schedule_paced(int64_t interval_us, struct wall first, struct wall until) {
    int64_t span_us;
    if (until.us < first.us)
        return (struct occurrences){.first = first};
    if (__builtin_sub_overflow(until.us, first.us, &span_us))
        span_us = INT64_MAX;
    int64_t steps = span_us / interval_us;
    return (struct occurrences){first, {us_add(first.us, steps * interval_us)}, us_add(steps, 1)};
}

struct wall schedule_paced_next(int64_t interval_us, struct wall last) {
    return (struct wall){us_add(last.us, interval_us)};
}

struct occurrences schedule_between(const struct schedule *schedule, struct wall first, struct wall until) {
    if (schedule->kind == SCHEDULE_NONE)
        return (struct occurrences){.first = first};
    if (schedule->kind == SCHEDULE_CALENDAR)
        return calendar_between(schedule, first, until);
    return schedule_paced(schedule->every_us, first, until);
}

struct wall schedule_nth_after(const struct schedule *schedule, struct wall first, int64_t n) {
    if (schedule->kind == SCHEDULE_EVERY)
        return (struct wall){us_add(first.us, n * schedule->every_us)};
    struct wall from = put_off(first, -schedule->phase_us);
    return put_off(calendar_nth_after(schedule->calendar, schedule->zone, from, n), schedule->phase_us);
}

void schedule_add_dues(const struct schedule *schedule, struct wall first, struct wall last,
                       struct text *text) {
    int64_t beyond = schedule_between(schedule, first, last).count - SCHEDULE_DUES_MAX;
    struct wall at = beyond > 0 ? schedule_nth_after(schedule, first, beyond) : first;
    text_add(text, "{%" PRId64, at.us);
    while ((at = schedule_next_after(schedule, at)).us <= last.us)
        text_add(text, ",%" PRId64, at.us);
    text_add(text, "}");
}

bool schedule_is_elastic(const struct schedule *schedule) {
    return schedule->every_most_us != schedule->every_us;
}

int64_t schedule_interval_us(const struct schedule *schedule, uint32_t pressure_permille) {
    int64_t stretch_us = schedule->every_most_us - schedule->every_us;
    return schedule->every_us + stretch_us / 1000 * pressure_permille +
           stretch_us % 1000 * pressure_permille / 1000;
}

int64_t schedule_default_phase(const char *name, int64_t every_us) {
    uint64_t hash = hash_finish(hash_bytes(HASH_START, name, strlen(name)));
    int64_t phase_us = (int64_t)hash_below(hash, (uint64_t)every_us);
    return every_us > US_PER_S ? phase_us / US_PER_MS * US_PER_MS : phase_us; /* whole ms read better */
}

bool schedule_is_same(const struct schedule *a, const struct schedule *b) {
    if (a->kind != b->kind || a->phase_us != b->phase_us)
        return false;
    if (a->kind == SCHEDULE_CALENDAR)
        return calendar_is_same(a->calendar, b->calendar) && zone_is_same(a->zone, b->zone);
    return a->every_us == b->every_us && a->every_most_us == b->every_most_us;
}
