/* What became of a load's jobs, and how long they took; of those only that count (the caller knows which). */
#ifndef BENCH_LOAD_TALLY_H
#define BENCH_LOAD_TALLY_H

#include "load_pool.h"

struct load_tally {
    size_t counted, merged_count, counts[LOAD_OUTCOME_COUNT];
    int64_t *latencies_us, *lags_us; /* owned */
    size_t latency_count, lag_count;
};

/* At most job_count jobs count. */
void load_tally_init(struct load_tally *tally, size_t job_count);
void load_tally_finish(struct load_tally *tally);

/* One arrived; lag: how late the load itself was with it. */
void load_tally_arrived(struct load_tally *tally, int64_t lag_us);
void load_tally_ended(struct load_tally *tally, enum load_outcome outcome, int64_t latency_us);

/* One line of name=number; the load took lasts_us. */
void load_tally_print(struct load_tally *tally, const struct load_pool *pool, int64_t lasts_us);

/* One latency in us a line. False when they could not be written. */
bool load_tally_write(const struct load_tally *tally, const char *path);

#endif
