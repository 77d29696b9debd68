#include "scheduler/core/quantile.h"

#define FIRST_OCTAVE 6 /* 2^6 us */

static uint32_t bucket_of(int64_t value_us) {
    if (value_us < INT64_C(1) << FIRST_OCTAVE)
        return 0;
    uint32_t octave = 63 - (uint32_t)__builtin_clzll((unsigned long long)value_us);
    uint32_t quarter = (uint32_t)(value_us >> (octave - 2)) & 3;
    uint32_t bucket = 1 + (octave - FIRST_OCTAVE) * 4 + quarter;
    return bucket < QUANTILE_BUCKETS ? bucket : QUANTILE_BUCKETS - 1;
}

/* The middle of what falls into the bucket. */
static int64_t value_of(uint32_t bucket) {
    if (bucket == 0)
        return INT64_C(1) << (FIRST_OCTAVE - 1);
    uint32_t octave = FIRST_OCTAVE + (bucket - 1) / 4;
    int64_t quarter_us = INT64_C(1) << (octave - 2);
    return quarter_us * (4 + (bucket - 1) % 4) + quarter_us / 2;
}

void quantile_add(struct quantile *quantile, int64_t value_us) {
    uint32_t bucket = bucket_of(value_us);
    if (quantile->counts[bucket] == UINT8_MAX)
        for (uint32_t i = 0; i < QUANTILE_BUCKETS; i++)
            quantile->counts[i] /= 2;
    quantile->counts[bucket]++;
}

int64_t quantile_get(const struct quantile *quantile, uint32_t permille) {
    uint32_t total = 0;
    for (uint32_t i = 0; i < QUANTILE_BUCKETS; i++)
        total += quantile->counts[i];
    if (total == 0)
        return -1;
    uint32_t rank = (total * permille + 999) / 1000; /* 1..total */
    uint32_t seen = 0;
    for (uint32_t i = 0; i < QUANTILE_BUCKETS; i++) {
        seen += quantile->counts[i];
        if (seen >= rank && quantile->counts[i])
            return value_of(i);
    }
    return -1;
}
