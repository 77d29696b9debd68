/*
 * Median and 99th percentile of a stream of durations in 128 bytes: counters on a logarithmic scale, four to
 * an octave, so a value is right within an eighth. When a counter is full all are halved: the past fades.
 */
#ifndef SCHEDULER_CORE_QUANTILE_H
#define SCHEDULER_CORE_QUANTILE_H

#include <stdint.h>

#define QUANTILE_BUCKETS 128

struct quantile {
    uint8_t counts[QUANTILE_BUCKETS];
};

/* Values below 64 us fall into the first bucket, above 57 hours into the last; a negative one counts as 0. */
void quantile_add(struct quantile *quantile, int64_t value_us);

/* The value that `permille` of the values do not exceed; -1 when there is none yet. */
int64_t quantile_get(const struct quantile *quantile, uint32_t permille);

#endif
