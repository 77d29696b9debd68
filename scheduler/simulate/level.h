/*
 * A number that changes over time: its peak and its mean, over all and over each of equal parts of the time.
 */
#ifndef SCHEDULER_SIMULATE_LEVEL_H
#define SCHEDULER_SIMULATE_LEVEL_H

#include <stdint.h>

struct simulate_level_part {
    uint32_t peak;
    int64_t sum_us; /* the level times how long it was that */
};

struct simulate_level {
    uint32_t value; /* since `since_us` */
    uint32_t peak;
    int64_t since_us; /* after the start */
    int64_t sum_us;
    int64_t for_us;
    uint32_t part_count;
    struct simulate_level_part *parts;
};

/* 0 at the start. Ends the program when there is no memory. */
void simulate_level_init(struct simulate_level *level, int64_t for_us, uint32_t part_count);
void simulate_level_finish(struct simulate_level *level);

/* at_us must not go back, nor beyond for_us. The last call is with for_us. */
void simulate_level_set(struct simulate_level *level, int64_t at_us, uint32_t value);

/* In thousandths. */
int64_t simulate_level_mean_permille(const struct simulate_level *level);
int64_t simulate_level_part_mean_permille(const struct simulate_level *level, uint32_t part);

#endif
