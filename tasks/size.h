/*
 * Sizes as people write them: 64KiB 16MiB 1GiB, or plain bytes. Powers of 1024 alone: whoever writes MB has
 * to say which of the two is meant.
 */
#ifndef TASKS_SIZE_H
#define TASKS_SIZE_H

#include <stdint.h>

#define SIZE_UNITS "KiB, MiB, GiB"

/* A number alone is bytes. NULL; or what is wrong with the text, as a clause to follow it, such as "has an
 * unknown unit": then *ret_bytes is untouched. */
const char *size_parse(const char *text, uint64_t *ret_bytes) __attribute__((warn_unused_result));

#define SIZE_TEXT_BYTES 24

/* Exact and readable back: 16777216 is "16MiB", 1000 is "1000". Writes into the caller's buffer and returns
 * it. */
const char *size_format(uint64_t bytes, char buffer[static SIZE_TEXT_BYTES]);

#endif
