#include "tasks/schedule.h"

#include <string.h>

#include "tasks/hash.h"

struct wall schedule_next_after(const struct schedule *schedule, struct wall after) {
    if (schedule->kind == SCHEDULE_NONE)
        return (struct wall){SCHEDULE_NEVER};
    int64_t every_us = schedule->every_us;
    int64_t into_us = (after.us % every_us - schedule->phase_us % every_us) % every_us;
    if (into_us < 0)
        into_us += every_us;
    return (struct wall){us_add(after.us, every_us - into_us)};
}

struct wall schedule_key(const struct schedule *schedule, struct wall due) {
    if (schedule->kind == SCHEDULE_NONE)
        return due;
    return (struct wall){us_add(schedule_next_after(schedule, due).us, -schedule->every_us)};
}

int64_t schedule_gap_most_us(const struct schedule *schedule) {
    if (schedule->kind == SCHEDULE_NONE)
        return SCHEDULE_EVERY_MAX_US;
    int64_t most_us = schedule->every_most_us, every_us = schedule->every_us;
    return (most_us / every_us + (most_us % every_us != 0)) * every_us;
}

int64_t schedule_far_us(const struct schedule *schedule) {
    return us_add(schedule->every_most_us, schedule->every_most_us);
}

int64_t schedule_busy_permille(const struct schedule *schedule, int64_t busy_us) {
    int64_t every_us = schedule->every_us;
    if (schedule->kind == SCHEDULE_NONE)
        return 0;
    return (busy_us < every_us ? busy_us : every_us) * 1000 / every_us;
}

double schedule_per_minute(const struct schedule *schedule) {
    return schedule->kind == SCHEDULE_NONE ? 0 : 60.0 * US_PER_S / (double)schedule->every_us;
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
    return schedule_paced(schedule->every_us, first, until);
}

struct wall schedule_nth_after(const struct schedule *schedule, struct wall first, int64_t n) {
    return (struct wall){us_add(first.us, n * schedule->every_us)};
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
    return a->kind == b->kind && a->every_us == b->every_us && a->phase_us == b->phase_us &&
           a->every_most_us == b->every_most_us;
}
