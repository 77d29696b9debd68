/*
 * What an expression of cron says, as sets of numbers, and which times they name on a clock that nobody ever
 * sets. Such a time is in local seconds (civil.h). What becomes of it where clocks are set is in calendar.h.
 */
#ifndef TASKS_CALENDAR_SETS_H
#define TASKS_CALENDAR_SETS_H

#include <stdbool.h>
#include <stdint.h>

#define CALENDAR_FIRST_DAY INT64_C(-25567) /* 1900-01-01 */
#define CALENDAR_END_DAY   INT64_C(339676) /* 2900-01-01 */
#define CALENDAR_NEVER     INT64_MAX

/* Sets are bits by their numbers: minute 7 is 1 << 7. */
struct calendar {
    uint64_t seconds, minutes; /* 0..59 */
    uint32_t hours;            /* 0..23 */
    uint32_t days;             /* of the month, 1..31; 0: the last */
    uint32_t nearest; /* of the month, 1..31; 0: the last; the working day that is nearest in the month */
    uint16_t months;  /* 1..12 */
    uint8_t weekdays; /* 0..6, 0 is Sunday */
    uint8_t weekdays_last;   /* the last of its kind in the month */
    uint8_t weekdays_nth[5]; /* the first to fifth of its kind in the month */
    bool has_nth;            /* there are such */
    bool both_days;          /* the day of the month and that of the week have to fit; else one is enough */
    bool real_time;          /* hours, minutes or seconds begin with * */
    /* what follows from these: calendar_seal() */
    bool every_day; /* all days fit */
    uint8_t first_minute, first_second;
    int32_t first_s, last_s; /* on a day that fits, since midnight */
    int32_t times_a_day;
    int32_t days_apart_most; /* between two days that fit, one behind the other */
    int32_t days_an_era;     /* how many fit in CIVIL_ERA_YEARS, at the mean */
};

/* Works out what follows from the sets. False: no day fits, ever. */
bool calendar_seal(struct calendar *calendar) __attribute__((warn_unused_result));

/* By what they say, not by how it was written. */
bool calendar_is_same(const struct calendar *a, const struct calendar *b);

/* The first local second that fits, this one or later; CALENDAR_NEVER: none before CALENDAR_END_DAY. */
int64_t calendar_next_shown(const struct calendar *calendar, int64_t local_s);

/* How many fit in from <= local second < until. */
int64_t calendar_count_shown(const struct calendar *calendar, int64_t from_s, int64_t until_s);

/* How far two that follow each other are apart at the most and at the least, as long as no clock is set: that
 * may leave one out, and shift the next by as much as the clock. */
int64_t calendar_gap_most_us(const struct calendar *calendar);
int64_t calendar_gap_least_us(const struct calendar *calendar);

/* At the mean of many years. */
double calendar_per_day(const struct calendar *calendar);

#endif
