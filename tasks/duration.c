#include "tasks/duration.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct unit {
    const char *name;
    int64_t us;
} units[] = {
    {"d", US_PER_DAY}, {"h", US_PER_H},   {"min", US_PER_MIN}, {"m", US_PER_MIN},
    {"s", US_PER_S},   {"ms", US_PER_MS}, {"us", 1},
};

#define LETTERS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define IS_RANGE  "is a range, where one duration is wanted"
#define TOO_LARGE "is too large; the most is a hundred years (36525d)"

static const struct unit *find_unit(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].name) == length && strncmp(units[i].name, name, length) == 0)
            return &units[i];
    return NULL;
}

const char *duration_parse(const char *text, int64_t *ret_us) {
    int64_t total_us = 0, last_unit_us = INT64_MAX;
    if (*text == '\0')
        return "is empty; write a duration such as 15s";
    for (const char *at = text; *at && strcmp(text, "0") != 0;) {
        if (at != text && strncmp(at, "..", 2) == 0)
            return IS_RANGE;
        if (!isdigit((unsigned char)*at))
            return "is not a number with a unit; write a duration such as 15s or 1h30m";
        char *end;
        errno = 0;
        unsigned long long number = strtoull(at, &end, 10);
        if (errno || number > DURATION_MOST_US)
            return TOO_LARGE;
        size_t length = strspn(end, LETTERS);
        const struct unit *unit = find_unit(end, length);
        if (*end == '\0')
            return "has no unit; write one of " DURATION_UNITS;
        if (strncmp(end, "..", 2) == 0)
            return IS_RANGE;
        if (!unit)
            return "has an unknown unit; write one of " DURATION_UNITS;
        if (unit->us >= last_unit_us)
            return "has its units out of order; the largest comes first, each once, as in 1h30m";
        int64_t part_us;
        if (__builtin_mul_overflow((int64_t)number, unit->us, &part_us) ||
            __builtin_add_overflow(total_us, part_us, &total_us) || total_us > DURATION_MOST_US)
            return TOO_LARGE;
        last_unit_us = unit->us;
        at = end + length;
    }
    *ret_us = total_us;
    return NULL;
}

const char *duration_format(int64_t us, char buffer[static DURATION_TEXT_BYTES]) {
    size_t used = 0;
    buffer[0] = '\0';
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        int64_t count = us / units[i].us;
        if (count == 0 || strcmp(units[i].name, "m") == 0)
            continue;
        used += (size_t)snprintf(buffer + used, DURATION_TEXT_BYTES - used, "%" PRId64 "%s", count,
                                 units[i].name);
        us -= count * units[i].us;
    }
    if (used == 0)
        snprintf(buffer, DURATION_TEXT_BYTES, "0s");
    return buffer;
}

const char *duration_glance(int64_t us, char buffer[static DURATION_TEXT_BYTES]) {
    const char *sign = us < 0 ? "-" : "";
    uint64_t u = us < 0 ? -(uint64_t)us : (uint64_t)us;
    uint64_t s = u / US_PER_S;
    if (u < 10 * US_PER_MS)
        snprintf(buffer, DURATION_TEXT_BYTES, "%s%" PRIu64 ".%" PRIu64 "ms", sign, u / 1000, u / 100 % 10);
    else if (u < US_PER_S)
        snprintf(buffer, DURATION_TEXT_BYTES, "%s%" PRIu64 "ms", sign, u / 1000);
    else if (s < 100)
        snprintf(buffer, DURATION_TEXT_BYTES, "%s%" PRIu64 ".%" PRIu64 "s", sign, s, u / 100000 % 10);
    else if (s < 3600)
        snprintf(buffer, DURATION_TEXT_BYTES, "%s%" PRIu64 "m%02" PRIu64 "s", sign, s / 60, s % 60);
    else if (s < 86400)
        snprintf(buffer, DURATION_TEXT_BYTES, "%s%" PRIu64 "h%02" PRIu64 "m", sign, s / 3600, s / 60 % 60);
    else
        snprintf(buffer, DURATION_TEXT_BYTES, "%s%" PRIu64 "d%02" PRIu64 "h", sign, s / 86400, s / 3600 % 24);
    return buffer;
}
