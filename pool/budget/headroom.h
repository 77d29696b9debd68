/*
 * The hard gate: how many more sessions the database can take, the application's reserve left alone. Pure
 * arithmetic over the last sample and what we hold now; nothing overrides it.
 *
 *     headroom = min over scopes of (usable - foreground - held - kept)
 *
 * The foreground is the sample's; what we hold is counted by ourselves, at this very moment: so what was
 * granted and is not visible on the server yet counts, and what was closed since the sample does not.
 */
#ifndef POOL_BUDGET_HEADROOM_H
#define POOL_BUDGET_HEADROOM_H

#include "pool/budget/sample.h"
#include "tasks/instant.h"
#include "tasks/task.h"

#define WATCH_PARTS 10

/* What the foreground needed lately: its peak over a window, in parts of a tenth of it. */
struct foreground_watch {
    int32_t peaks[WATCH_PARTS];
    int64_t part;             /* the number of the newest, since the start of monotonic time */
    struct mono seen[SCOPES]; /* when the foreground last had a session in the scope; us = 0: never */
};

struct gate_settings {
    int32_t reserve;   /* slots that are the application's whatever happens; at least a tenth of all */
    int64_t window_us; /* how long a burst of the foreground is remembered */
};

static inline struct gate_settings gate_settings_of(const struct pool_settings *pool) {
    return (struct gate_settings){(int32_t)pool->reserve, pool->burst_window_us};
}

/* The sum of the scope that leaves least. slots = usable - foreground - held - kept. */
struct headroom {
    enum scope scope;
    int32_t slots; /* below 0: more is held than may be; INT32_MAX: nothing is known yet */
    int32_t usable;
    int32_t foreground; /* sessions that are not ours */
    int32_t held;       /* tokens held by us */
    int32_t kept;       /* the reserve, configured or grown by a burst */
    int32_t burst;      /* the part of `kept` that the foreground's own peak asked for; below kept: not it */
};

#define HEADROOM_UNKNOWN ((struct headroom){.slots = INT32_MAX})

/* Takes in a sample that was taken now. */
void watch_sample(struct foreground_watch *watch, const struct sample *sample, int64_t window_us,
                  struct mono now);

/* held: tokens held now. A sample that is not known gives HEADROOM_UNKNOWN. */
struct headroom headroom_of(const struct sample *sample, const struct foreground_watch *watch,
                            const struct gate_settings *settings, int32_t held, struct mono now);

/* The fewest slots that any scope has for us, whoever takes them; INT32_MAX: not known. */
int32_t headroom_narrowest(const struct sample *sample);

/* For people: "" of the server, " by the role's limit", " by the database's limit". */
const char *headroom_scope_words(enum scope scope);

/* Slots that are free on the server, the reserve included: what the floor, one session a pool, may use. */
static inline int32_t headroom_free(const struct headroom *headroom) {
    return headroom->slots == INT32_MAX ? INT32_MAX : headroom->slots + headroom->kept;
}

#endif
