#include "tasks/size.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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

const char *size_parse(const char *text, uint64_t *ret_bytes) {
    char *end;
    uint64_t bytes;
    if (*text == '\0')
        return "is empty; write a size such as 16MiB";
    if (!isdigit((unsigned char)*text))
        return "is not a number with a unit; write a size such as 16MiB";
    errno = 0;
    uint64_t number = strtoull(text, &end, 10);
    if (errno)
        return "is too large";
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(units[i].name, end) != 0)
            continue;
        if (__builtin_mul_overflow(number, units[i].bytes, &bytes))
            return "is too large";
        *ret_bytes = bytes;
        return NULL;
    }
    return "has an unknown unit; write one of " SIZE_UNITS " after a whole number";
}

const char *size_format(uint64_t bytes, char buffer[static SIZE_TEXT_BYTES]) {
    const struct unit *unit = units;
    while (unit->bytes > 1 && (bytes == 0 || bytes % unit->bytes != 0))
        unit++;
    snprintf(buffer, SIZE_TEXT_BYTES, "%" PRIu64 "%s", bytes / unit->bytes, unit->name);
    return buffer;
}
