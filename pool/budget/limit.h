/*
 * The adaptive limit: how many tokens are in force, from 1 to the pool's size, by what the last samples say
 * of the foreground. It goes down fast and up slowly. The hard gate (headroom.h) holds whatever the limit is.
 */
#ifndef POOL_BUDGET_LIMIT_H
#define POOL_BUDGET_LIMIT_H

#include "pool/budget/headroom.h"

enum limit_state {
    LIMIT_CLEAR,     /* below every low watermark */
    LIMIT_HOLD,      /* between the watermarks, or cooling down */
    LIMIT_HIGH,      /* something is above its high watermark */
    LIMIT_CRITICAL,  /* the gate is overrun, or the server refused a session (53300) */
    LIMIT_LOST,      /* no fresh sample: what is asked for trickles */
    LIMIT_RETURNING, /* samples again after that: one token more by each */
};

/* What pushed the limit last, with the number that decided. */
enum pressure_cause {
    PRESSURE_NONE,
    PRESSURE_GATE,        /* number: slots over the gate */
    PRESSURE_REFUSED,     /* the server said 53300 */
    PRESSURE_ACTIVE,      /* active foreground sessions */
    PRESSURE_LOCKS,       /* foreground sessions that wait for a lock */
    PRESSURE_ROUND_TRIP,  /* the sample's own, in us */
    PRESSURE_REPLICA_LAG, /* us */
    PRESSURE_POOLER,      /* clients that wait in the pooler */
    PRESSURE_LOST,
    PRESSURE_BLIND, /* sessions whose state we may not see: half the size is the most */
};

struct limit_settings {
    uint32_t size;
    uint32_t active_high; /* active foreground sessions for each core of the server */
    uint32_t lock_waiters_high;
    uint32_t round_trip_high; /* times its long baseline */
    int64_t replica_lag_high_us;
    uint32_t pooler_waiting_high;
    uint32_t low_percent;   /* the low watermark in parts of the high one */
    uint32_t high_samples;  /* in a row until the limit goes down by a fifth */
    uint32_t clear_samples; /* in a row until it goes up by a tenth */
    int64_t cool_down_us;   /* after critical it does not go up */
};

struct limit {
    uint32_t tokens; /* in force */
    enum limit_state state;
    enum pressure_cause cause;
    int64_t number, threshold; /* of the cause */
    uint32_t high_count, clear_count;
    uint32_t return_to; /* where the limit was when the samples were lost */
    struct mono cool_until;
    int64_t baseline_us; /* of the round trip, slow to change; 0: none yet */
};

/* All in force, nothing known. */
void limit_init(struct limit *limit, uint32_t size);

/* The file gave the pool another size: a limit that was not pushed stays at the top. */
void limit_resize(struct limit *limit, uint32_t old_size, uint32_t size);

/*
 * A sample was taken. spare: the gate's slots, sessions that are closing counted as gone; pooler_waiting:
 * clients waiting in the pooler; wanted: whether demand is what limits us, for only then it makes sense to go
 * up.
 */
void limit_sample(struct limit *limit, const struct limit_settings *settings, const struct sample *sample,
                  int32_t spare, uint32_t pooler_waiting, bool wanted, struct mono now);

/* The server refused a session for want of slots. */
void limit_refused(struct limit *limit, const struct limit_settings *settings, struct mono now);

/* There is no fresh sample any more. */
void limit_lost(struct limit *limit);

/* 0..1000: how far the tokens in force are pushed below the size. in_force: limit and gate together, at
 * least 1. */
uint32_t limit_pressure_permille(const struct limit *limit, uint32_t size, uint32_t in_force);

#endif
