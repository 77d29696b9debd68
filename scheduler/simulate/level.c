#include "scheduler/simulate/level.h"

#include <assert.h>
#include <stdlib.h>

void simulate_level_init(struct simulate_level *level, int64_t for_us, uint32_t part_count) {
    assert(part_count > 0 && for_us > 0 && for_us < INT64_MAX / 1000 / part_count);
    *level = (struct simulate_level){.for_us = for_us, .part_count = part_count};
    level->parts = calloc(part_count, sizeof *level->parts);
    if (!level->parts)
        abort();
}

void simulate_level_finish(struct simulate_level *level) {
    free(level->parts);
    *level = (struct simulate_level){0};
}

static int64_t part_start(const struct simulate_level *level, uint32_t part) {
    return level->for_us * part / level->part_count;
}

static uint32_t part_of(const struct simulate_level *level, int64_t at_us) {
    uint32_t part = (uint32_t)(at_us * level->part_count / level->for_us);
    while (part + 1 < level->part_count && at_us >= part_start(level, part + 1)) /* rounded down twice */
        part++;
    return part < level->part_count ? part : level->part_count - 1;
}

static void see(struct simulate_level_part *part, uint32_t value, int64_t us) {
    part->peak = value > part->peak ? value : part->peak;
    part->sum_us += value * us;
}

/* The value since it was set, spread over the parts that this time touches. */
static void spread(struct simulate_level *level, int64_t until_us) {
    uint32_t last = part_of(level, until_us);
    for (uint32_t part = part_of(level, level->since_us); part < last; part++) {
        int64_t end_us = part_start(level, part + 1);
        see(&level->parts[part], level->value, end_us - level->since_us);
        level->since_us = end_us;
    }
    see(&level->parts[last], level->value, until_us - level->since_us);
}

void simulate_level_set(struct simulate_level *level, int64_t at_us, uint32_t value) {
    assert(at_us >= level->since_us && at_us <= level->for_us);
    level->sum_us += level->value * (at_us - level->since_us);
    if (at_us > level->since_us)
        spread(level, at_us);
    level->since_us = at_us;
    level->value = value;
    level->peak = value > level->peak ? value : level->peak;
    if (at_us < level->for_us)
        see(&level->parts[part_of(level, at_us)], value, 0);
}

static int64_t mean_permille(int64_t sum_us, int64_t us) {
    return us > 0 ? sum_us / us * 1000 + sum_us % us * 1000 / us : 0;
}

int64_t simulate_level_mean_permille(const struct simulate_level *level) {
    return mean_permille(level->sum_us, level->for_us);
}

int64_t simulate_level_part_mean_permille(const struct simulate_level *level, uint32_t part) {
    return mean_permille(level->parts[part].sum_us, part_start(level, part + 1) - part_start(level, part));
}
