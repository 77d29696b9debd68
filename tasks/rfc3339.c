#include "tasks/rfc3339.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define YEAR_LEAST 1900
#define YEAR_MOST  2899

/* What is left of the text. */
struct scan {
    const char *at;
    bool fits; /* so far */
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* So many digits, whose number lies in least..most. */
static int take_number(struct scan *scan, int digits, int least, int most) {
    int number = 0;
    for (int i = 0; i < digits && scan->fits; i++) {
        scan->fits = is_digit(*scan->at);
        if (scan->fits)
            number = number * 10 + (*scan->at++ - '0');
    }
    scan->fits &= number >= least && number <= most;
    return number;
}

static void take_letter(struct scan *scan, char letter) {
    scan->fits &= *scan->at == letter;
    scan->at += scan->fits;
}

/* The part of a second behind its point, in us; what is finer is left out. */
static int64_t take_fraction(struct scan *scan) {
    int64_t us = 0, unit = US_PER_S;
    if (!scan->fits || *scan->at != '.')
        return 0;
    scan->at++;
    scan->fits = is_digit(*scan->at);
    for (; is_digit(*scan->at); scan->at++) {
        unit /= 10;
        us += unit * (*scan->at - '0');
    }
    return us;
}

/* Z, +01:00 or +0100, in seconds. */
static int32_t take_offset(struct scan *scan) {
    if (*scan->at == 'Z' || *scan->at == 'z') {
        scan->at++;
        return 0;
    }
    int sign = *scan->at++ == '-' ? -1 : 1;
    int hours = take_number(scan, 2, 0, 23);
    scan->at += scan->fits && *scan->at == ':';
    return sign * (hours * S_PER_H + take_number(scan, 2, 0, 59) * S_PER_MIN);
}

/* The clocks' own offset may be another one a day before and a day after, where they are set. */
static int64_t on_clocks(const struct zone *zone, int64_t local_s) {
    int32_t before_s = zone_offset_s(zone, local_s - S_PER_DAY),
            after_s = zone_offset_s(zone, local_s + S_PER_DAY);
    int64_t early = local_s - before_s, late = local_s - after_s;
    if (zone_offset_s(zone, early) == before_s || zone_offset_s(zone, late) != after_s)
        return early;
    return late;
}

bool rfc3339_read(const char *text, const struct zone *zone, struct wall *ret, struct text *wrong) {
    struct scan scan = {text, true};
    struct civil civil = {.year = take_number(&scan, 4, YEAR_LEAST, YEAR_MOST)};
    int64_t fraction_us = 0, at_s;
    take_letter(&scan, '-');
    civil.month = take_number(&scan, 2, 1, 12);
    take_letter(&scan, '-');
    civil.day = take_number(&scan, 2, 1, scan.fits ? civil_month_days(civil.year, civil.month) : 31);
    if (scan.fits && *scan.at && strchr("Tt ", *scan.at)) {
        scan.at++;
        civil.hour = take_number(&scan, 2, 0, 23);
        take_letter(&scan, ':');
        civil.minute = take_number(&scan, 2, 0, 59);
        if (scan.fits && *scan.at == ':') {
            scan.at++;
            civil.second = take_number(&scan, 2, 0, 59);
            fraction_us = take_fraction(&scan);
        }
    }
    bool has_offset = scan.fits && *scan.at && strchr("Zz+-", *scan.at);
    int32_t offset_s = has_offset ? take_offset(&scan) : 0;
    if (!scan.fits || *scan.at) {
        text_add(wrong,
                 "is no date; write one such as 2027-03-27, 2027-03-27T06:30 or 2027-03-27T06:30:00+01:00");
        return false;
    }
    at_s = civil_to_s(&civil);
    at_s = has_offset ? at_s - offset_s : on_clocks(zone, at_s);
    ret->us = at_s * US_PER_S + fraction_us;
    return true;
}

void rfc3339_add(struct text *text, struct wall at, const struct zone *zone) {
    int64_t at_s = us_seconds(at.us), fraction_us = at.us - at_s * US_PER_S;
    struct civil civil = zone_civil(zone, at_s);
    int32_t offset_s = zone_offset_s(zone, at_s), east_s = abs(offset_s);
    text_add(text, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02d", civil.year, civil.month, civil.day, civil.hour,
             civil.minute, civil.second);
    if (fraction_us)
        text_add(text, fraction_us % US_PER_MS ? ".%06" PRId64 : ".%03" PRId64,
                 fraction_us % US_PER_MS ? fraction_us : fraction_us / US_PER_MS);
    if (zone == zone_utc()) {
        text_add(text, "Z");
        return;
    }
    text_add(text, "%c%02d:%02d", offset_s < 0 ? '-' : '+', east_s / S_PER_H, east_s / S_PER_MIN % 60);
    if (east_s % S_PER_MIN) /* of days before 1972: RFC 3339 has no word for these */
        text_add(text, ":%02d", east_s % S_PER_MIN);
}
