#include "tasks/duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tasks/instant.h"

static const struct unit {
    const char *name;
    int64_t us;
} units[] = {
    {"d", US_PER_DAY}, {"h", US_PER_H},   {"min", US_PER_MIN}, {"m", US_PER_MIN},
    {"s", US_PER_S},   {"ms", US_PER_MS}, {"us", 1},
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static enum duration_error number_parse(const char **at, int64_t *ret_number) {
    if (!is_digit(**at))
        return DURATION_NO_NUMBER;
    int64_t number = 0;
    for (; is_digit(**at); (*at)++) {
        if (number > INT64_MAX / 100)
            return DURATION_TOO_LARGE;
        number = number * 10 + (**at - '0');
    }
    *ret_number = number;
    return DURATION_OK;
}

static enum duration_error unit_parse(const char **at, int64_t *ret_us) {
    size_t length = strspn(*at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (length == 0)
        return strncmp(*at, "..", 2) == 0 ? DURATION_RANGE
               : **at == '\0'             ? DURATION_NO_UNIT
                                          : DURATION_UNKNOWN_UNIT;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].name) == length && strncmp(units[i].name, *at, length) == 0) {
            *at += length;
            *ret_us = units[i].us;
            return DURATION_OK;
        }
    }
    return DURATION_UNKNOWN_UNIT;
}

enum duration_error duration_parse(const char *text, int64_t *ret_us) {
    if (*text == '\0')
        return DURATION_EMPTY;
    if (strcmp(text, "0") == 0) {
        *ret_us = 0;
        return DURATION_OK;
    }
    int64_t total_us = 0;
    int64_t last_unit_us = INT64_MAX;
    for (const char *at = text; *at;) {
        int64_t number, unit_us, part_us;
        if (at != text && strncmp(at, "..", 2) == 0)
            return DURATION_RANGE;
        enum duration_error error = number_parse(&at, &number);
        if (error == DURATION_OK)
            error = unit_parse(&at, &unit_us);
        if (error != DURATION_OK)
            return error;
        if (unit_us >= last_unit_us)
            return DURATION_ORDER;
        last_unit_us = unit_us;
        if (__builtin_mul_overflow(number, unit_us, &part_us) ||
            __builtin_add_overflow(total_us, part_us, &total_us) || total_us > DURATION_MOST_US)
            return DURATION_TOO_LARGE;
    }
    *ret_us = total_us;
    return DURATION_OK;
}

const char *duration_error_text(enum duration_error error) {
    switch (error) {
    case DURATION_OK: return "is right";
    case DURATION_EMPTY: return "is empty; write a duration such as 15s";
    case DURATION_NO_NUMBER: return "is not a number with a unit; write a duration such as 15s or 1h30m";
    case DURATION_NO_UNIT: return "has no unit; write one of " DURATION_UNITS;
    case DURATION_UNKNOWN_UNIT: return "has an unknown unit; write one of " DURATION_UNITS;
    case DURATION_ORDER: return "has its units out of order; the largest comes first, each once, as in 1h30m";
    case DURATION_TOO_LARGE: return "is too large; the most is a hundred years (36525d)";
    case DURATION_RANGE: return "is a range, where one duration is wanted";
    }
    return "?";
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
