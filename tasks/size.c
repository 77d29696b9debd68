#include "tasks/size.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct unit {
    const char *name;
    uint64_t bytes;
} units[] = {
    {"GiB", UINT64_C(1) << 30},
    {"MiB", UINT64_C(1) << 20},
    {"KiB", UINT64_C(1) << 10},
    {"", 1},
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static enum size_error number_parse(const char **at, uint64_t *ret_number) {
    if (!is_digit(**at))
        return SIZE_NO_NUMBER;
    uint64_t number = 0;
    for (; is_digit(**at); (*at)++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(**at - '0'), &number))
            return SIZE_TOO_LARGE;
    *ret_number = number;
    return SIZE_OK;
}

enum size_error size_parse(const char *text, uint64_t *ret_bytes) {
    uint64_t number, bytes;
    if (*text == '\0')
        return SIZE_EMPTY;
    enum size_error error = number_parse(&text, &number);
    if (error != SIZE_OK)
        return error;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(units[i].name, text) != 0)
            continue;
        if (__builtin_mul_overflow(number, units[i].bytes, &bytes))
            return SIZE_TOO_LARGE;
        *ret_bytes = bytes;
        return SIZE_OK;
    }
    return SIZE_UNKNOWN_UNIT;
}

const char *size_error_text(enum size_error error) {
    switch (error) {
    case SIZE_OK: return "is right";
    case SIZE_EMPTY: return "is empty; write a size such as 16MiB";
    case SIZE_NO_NUMBER: return "is not a number with a unit; write a size such as 16MiB";
    case SIZE_UNKNOWN_UNIT: return "has an unknown unit; write one of " SIZE_UNITS " after a whole number";
    case SIZE_TOO_LARGE: return "is too large";
    }
    return "?";
}

const char *size_format(uint64_t bytes, char buffer[static SIZE_TEXT_BYTES]) {
    const struct unit *unit = units;
    while (unit->bytes > 1 && (bytes == 0 || bytes % unit->bytes != 0))
        unit++;
    snprintf(buffer, SIZE_TEXT_BYTES, "%" PRIu64 "%s", bytes / unit->bytes, unit->name);
    return buffer;
}
