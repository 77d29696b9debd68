/*
 * Sizes as people write them: 64KiB 16MiB 1GiB, or plain bytes. Powers of 1024 alone: whoever writes MB has
 * to say which of the two is meant.
 */
#ifndef TASKS_SIZE_H
#define TASKS_SIZE_H

#include <stdint.h>

#define SIZE_UNITS "KiB, MiB, GiB"

enum size_error {
    SIZE_OK,
    SIZE_EMPTY,
    SIZE_NO_NUMBER,
    SIZE_UNKNOWN_UNIT, /* also blanks and fractions */
    SIZE_TOO_LARGE,
};

/* *ret_bytes is untouched on failure. A number alone is bytes. */
enum size_error size_parse(const char *text, uint64_t *ret_bytes) __attribute__((warn_unused_result));

/* One clause of plain words, such as "has an unknown unit; write one of KiB, MiB, GiB". */
const char *size_error_text(enum size_error error);

#define SIZE_TEXT_BYTES 24

/* Exact and readable back: 16777216 is "16MiB", 1000 is "1000". Writes into the caller's buffer and returns
 * it. */
const char *size_format(uint64_t bytes, char buffer[static SIZE_TEXT_BYTES]);

#endif
