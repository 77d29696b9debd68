/*
 * Two kinds of time that must not be mixed, so they do not compile when they are.
 * Monotonic time: timeouts, ages, the advance to the next due instant. Wall time: what a due instant is.
 * Everything inside is in microseconds; units are converted at the edges (duration.h).
 */
#ifndef TASKS_INSTANT_H
#define TASKS_INSTANT_H

#include <stdint.h>

struct mono {
    int64_t us; /* since an arbitrary start; never steps */
};

struct wall {
    int64_t us; /* since 1970-01-01 00:00:00 UTC */
};

#define US_PER_MS   INT64_C(1000)
#define US_PER_S    INT64_C(1000000)
#define US_PER_MIN  (60 * US_PER_S)
#define US_PER_H    (60 * US_PER_MIN)
#define US_PER_DAY  (24 * US_PER_H)
#define INSTANT_MAX INT64_MAX /* as us: never */

/* Saturating, so that "never" plus a while is still never. */
static inline int64_t us_add(int64_t a, int64_t b) {
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return b > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

/* Whole seconds since 1970, downwards also before it, of any instant that a database or a clock may say. */
static inline int64_t us_seconds(int64_t us) {
    return us / US_PER_S - (us % US_PER_S < 0);
}

static inline struct mono mono_add(struct mono at, int64_t us) {
    return (struct mono){us_add(at.us, us)};
}

static inline int64_t mono_since(struct mono now, struct mono then) {
    return now.us - then.us;
}

#endif
