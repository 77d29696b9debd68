/*
 * Durations as people write them: 500ms 8s 15min 1h30m 2d. Inside they are microseconds.
 */
#ifndef TASKS_DURATION_H
#define TASKS_DURATION_H

#include <stdint.h>

#include "tasks/instant.h"

#define DURATION_UNITS "ms, s, min (or m), h, d"

/* A hundred years: what comes from outside stays so far below the end of the numbers that sums and small
 * multiples of it are right without a check at each. */
#define DURATION_MOST_US (36525 * US_PER_DAY)

/* NULL; or what is wrong with the text, as a clause to follow it, such as "has no unit; write one of ms, s":
 * then *ret_us is untouched. "0" alone needs no unit. */
const char *duration_parse(const char *text, int64_t *ret_us) __attribute__((warn_unused_result));

#define DURATION_TEXT_BYTES 48

/* Exact and readable back: 5400000000 is "1h30min". Writes into the caller's buffer and returns it. */
const char *duration_format(int64_t us, char buffer[static DURATION_TEXT_BYTES]);

/* For a person's glance, two or three digits: "12.3s", "4ms", "2h14m". */
const char *duration_glance(int64_t us, char buffer[static DURATION_TEXT_BYTES]);

/* The same as arguments of a call: the text lives to the end of the block that they stand in. */
#define DURATION_FORMAT(us) duration_format((us), (char[DURATION_TEXT_BYTES]){0})
#define DURATION_GLANCE(us) duration_glance((us), (char[DURATION_TEXT_BYTES]){0})

#endif
