/*
 * Durations as people write them: 500ms 8s 15min 1h30m 2d. Inside they are microseconds.
 */
#ifndef TASKS_DURATION_H
#define TASKS_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "tasks/instant.h"

#define DURATION_UNITS "ms, s, min (or m), h, d"

/* A hundred years: what comes from outside stays so far below the end of the numbers that sums and small
 * multiples of it are right without a check at each. */
#define DURATION_MOST_US (36525 * US_PER_DAY)

enum duration_error {
    DURATION_OK,
    DURATION_EMPTY,
    DURATION_NO_NUMBER,
    DURATION_NO_UNIT,
    DURATION_UNKNOWN_UNIT,
    DURATION_ORDER, /* units go from the largest to the smallest, each once */
    DURATION_TOO_LARGE,
    DURATION_RANGE, /* "15s..20s" where one value is wanted */
};

/* *ret_us is untouched on failure. "0" alone needs no unit. */
enum duration_error duration_parse(const char *text, int64_t *ret_us) __attribute__((warn_unused_result));

/* One clause of plain words, such as "has no unit (ms, s, min (or m), h, d)". */
const char *duration_error_text(enum duration_error error);

#define DURATION_TEXT_BYTES 48

/* Exact and readable back: 5400000000 is "1h30min". Writes into the caller's buffer and returns it. */
const char *duration_format(int64_t us, char buffer[static DURATION_TEXT_BYTES]);

/* For a person's glance, two or three digits: "12.3s", "4ms", "2h14m". */
const char *duration_glance(int64_t us, char buffer[static DURATION_TEXT_BYTES]);

#endif
