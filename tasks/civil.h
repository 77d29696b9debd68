/*
 * Days and clocks as people count them, in the Gregorian calendar without end in both directions, as numbers
 * of seconds. These are local seconds: unix time plus the offset that a zone (zone.h) has at that instant. A
 * leap second is no second of its own here, as in unix time.
 */
#ifndef TASKS_CIVIL_H
#define TASKS_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

#define S_PER_MIN       60
#define S_PER_H         3600
#define S_PER_DAY       86400
#define CIVIL_ERA_YEARS 400 /* after so many years everything repeats itself, the days of the week too */
#define CIVIL_ERA_DAYS  146097
#define CIVIL_ERA_S     (INT64_C(146097) * S_PER_DAY)

struct civil {
    int64_t year;
    int month; /* 1..12 */
    int day;   /* 1..31 */
    int hour, minute, second;
    int weekday; /* 0: Sunday */
};

/* Divided downwards, by what is above 0. */
static inline int64_t civil_floor(int64_t a, int64_t by) {
    return a / by - (a % by < 0);
}

static inline int64_t civil_day_of(int64_t local_s) {
    return civil_floor(local_s, S_PER_DAY);
}

static inline bool civil_is_leap(int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline int civil_month_days(int64_t year, int month) {
    return month == 2 ? 28 + civil_is_leap(year) : 30 + ((month + month / 8) & 1);
}

/* Of a day since 1970-01-01, which was a Thursday. 0: Sunday. */
static inline int civil_weekday(int64_t day) {
    return (int)(day + 4 - 7 * civil_floor(day + 4, 7));
}

/* The day since 1970-01-01 of a date. The day of the month may be any number: 0 is the last of the month
 * before. */
int64_t civil_day(int64_t year, int month, int64_t day_of_month);

/* The date of a day since 1970-01-01; the clock stands at 0. */
struct civil civil_date(int64_t day);

struct civil civil_of(int64_t local_s);

/* What civil_of() made of; the weekday is not looked at. */
int64_t civil_to_s(const struct civil *civil);

#endif
