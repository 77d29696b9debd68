#include "pool/budget/limit.h"

#include <stddef.h>

/* A round trip below this is no sign of anything, however short the usual one is. */
#define ROUND_TRIP_LEAST_US (20 * US_PER_MS)

/* One sample's part in the baseline: with one look a second the baseline follows within some minutes, and no
 * burst moves it.
 */
#define BASELINE_SHARE 64

/* A server on another machine does not say how many it has: it is taken for a small one. */
#define CORES_UNKNOWN 4

void limit_init(struct limit *limit, uint32_t size) {
    *limit = (struct limit){.tokens = size, .return_to = size};
}

void limit_resize(struct limit *limit, uint32_t old_size, uint32_t size) {
    if (limit->tokens >= old_size || limit->tokens > size)
        limit->tokens = size;
    limit->return_to = size;
}

/* --- judging a sample --- */

struct gauge {
    enum pressure_cause cause;
    int64_t number, high;
};

enum level { LEVEL_CLEAR, LEVEL_BETWEEN, LEVEL_HIGH };

static enum level level_of(const struct gauge *gauge, uint32_t low_percent) {
    if (gauge->high <= 0) /* this gauge is switched off */
        return LEVEL_CLEAR;
    if (gauge->number >= gauge->high)
        return LEVEL_HIGH;
    return gauge->number * 100 >= gauge->high * (int64_t)low_percent ? LEVEL_BETWEEN : LEVEL_CLEAR;
}

static int64_t round_trip_high(const struct limit *limit, const struct limit_settings *settings) {
    int64_t high = limit->baseline_us * settings->round_trip_high;
    return settings->round_trip_high && high < ROUND_TRIP_LEAST_US ? ROUND_TRIP_LEAST_US : high;
}

static void learn_baseline(struct limit *limit, int64_t round_trip_us, enum level level) {
    if (limit->baseline_us == 0)
        limit->baseline_us = round_trip_us;
    else if (level != LEVEL_HIGH)
        limit->baseline_us += (round_trip_us - limit->baseline_us) / BASELINE_SHARE;
}

/* The worst of the gauges; *ret is set when it is above its low watermark. */
static enum level judge(struct limit *limit, const struct limit_settings *settings,
                        const struct sample *sample, uint32_t pooler_waiting, struct gauge *ret) {
    int32_t cores = sample->core_count > 0 ? sample->core_count : CORES_UNKNOWN;
    const struct gauge gauges[] = {
        {PRESSURE_ACTIVE, sample->active_count, (int64_t)settings->active_high * cores},
        {PRESSURE_LOCKS, sample->lock_waiter_count, settings->lock_waiters_high},
        {PRESSURE_ROUND_TRIP, sample->round_trip_us, round_trip_high(limit, settings)},
        {PRESSURE_REPLICA_LAG, sample->replica_lag_us, settings->replica_lag_high_us},
        {PRESSURE_POOLER, pooler_waiting, settings->pooler_waiting_high},
    };
    enum level worst = LEVEL_CLEAR;
    for (size_t i = 0; i < sizeof gauges / sizeof *gauges; i++) {
        enum level level = level_of(&gauges[i], settings->low_percent);
        if (gauges[i].cause == PRESSURE_ROUND_TRIP)
            learn_baseline(limit, sample->round_trip_us, level);
        if (level > worst) {
            worst = level;
            *ret = gauges[i];
        }
    }
    return worst;
}

/* --- moving the limit --- */

static void push(struct limit *limit, enum limit_state state, enum pressure_cause cause, int64_t number,
                 int64_t threshold) {
    limit->state = state;
    limit->cause = cause;
    limit->number = number;
    limit->threshold = threshold;
}

static uint32_t at_least_one(uint32_t tokens) {
    return tokens > 0 ? tokens : 1;
}

/* Halved once a cool-down: a second refusal in it says nothing new. */
static void critical(struct limit *limit, const struct limit_settings *settings, struct mono now) {
    if (now.us >= limit->cool_until.us) {
        limit->tokens = at_least_one(limit->tokens / 2);
        limit->cool_until = mono_add(now, settings->cool_down_us);
    }
    limit->high_count = limit->clear_count = 0;
}

static void high(struct limit *limit, const struct limit_settings *settings) {
    limit->clear_count = 0;
    if (++limit->high_count < settings->high_samples)
        return;
    limit->high_count = 0;
    uint32_t less = limit->tokens * 4 / 5;
    limit->tokens = at_least_one(less < limit->tokens ? less : limit->tokens - 1);
}

static void grow(struct limit *limit, uint32_t most) {
    uint32_t more = limit->tokens / 10;
    limit->tokens += at_least_one(more);
    if (limit->tokens > most)
        limit->tokens = most;
}

static void clear(struct limit *limit, const struct limit_settings *settings, uint32_t most, bool wanted,
                  struct mono now) {
    limit->high_count = 0;
    bool cooling = now.us < limit->cool_until.us;
    if (cooling || limit->tokens >= most)
        limit->clear_count = 0;
    else if (++limit->clear_count >= settings->clear_samples && wanted) {
        limit->clear_count = 0;
        grow(limit, most);
    }
    if (!cooling)
        push(limit, LIMIT_CLEAR, limit->tokens < most ? limit->cause : PRESSURE_NONE, limit->number,
             limit->threshold);
}

/* The first sample lets one go, each further one one more. */
static void come_back(struct limit *limit) {
    limit->tokens += limit->state == LIMIT_RETURNING;
    limit->state = LIMIT_RETURNING;
    if (limit->tokens >= limit->return_to) {
        limit->tokens = at_least_one(limit->return_to);
        push(limit, LIMIT_CLEAR, PRESSURE_NONE, 0, 0);
    }
}

void limit_sample(struct limit *limit, const struct limit_settings *settings, const struct sample *sample,
                  int32_t spare, uint32_t pooler_waiting, bool wanted, struct mono now) {
    struct gauge gauge = {PRESSURE_NONE, 0, 0};
    if (!sample->known) {
        limit_lost(limit);
        return;
    }
    enum level level = judge(limit, settings, sample, pooler_waiting, &gauge);
    uint32_t most = sample->invisible_count ? (settings->size + 1) / 2 : settings->size;
    if (spare < 0) {
        critical(limit, settings, now);
        push(limit, LIMIT_CRITICAL, PRESSURE_GATE, -spare, 0);
    } else if (level == LEVEL_HIGH) {
        high(limit, settings);
        push(limit, LIMIT_HIGH, gauge.cause, gauge.number, gauge.high);
    } else if (limit->state == LIMIT_LOST || limit->state == LIMIT_RETURNING) {
        come_back(limit);
    } else if (level == LEVEL_BETWEEN) {
        limit->high_count = limit->clear_count = 0;
        push(limit, LIMIT_HOLD, gauge.cause, gauge.number, gauge.high);
    } else {
        clear(limit, settings, most, wanted, now);
    }
    if (most < settings->size && limit->tokens >= most && limit->state != LIMIT_CRITICAL) {
        limit->tokens = most;
        push(limit, LIMIT_HOLD, PRESSURE_BLIND, sample->invisible_count, 0);
    }
}

void limit_refused(struct limit *limit, const struct limit_settings *settings, struct mono now) {
    critical(limit, settings, now);
    push(limit, LIMIT_CRITICAL, PRESSURE_REFUSED, 0, 0);
}

void limit_lost(struct limit *limit) {
    if (limit->state == LIMIT_LOST)
        return;
    if (limit->state != LIMIT_RETURNING)
        limit->return_to = limit->tokens;
    limit->tokens = 1;
    limit->high_count = limit->clear_count = 0;
    push(limit, LIMIT_LOST, PRESSURE_LOST, 0, 0);
}

uint32_t limit_pressure_permille(const struct limit *limit, uint32_t size, uint32_t in_force) {
    if (size > 1)
        return in_force >= size ? 0 : 1000 * (size - in_force) / (size - 1);
    return limit->state == LIMIT_HIGH || limit->state == LIMIT_CRITICAL ? 1000 : 0;
}
