/*
 * When a calendar says that something is due: the instants of an expression of cron on the clocks of a zone.
 * What the expression may hold is in calendar_parse.h. A calendar is a value of fixed size; nothing here
 * allocates or walks from instant to instant.
 *
 * An occurrence is a UTC instant, a whole second. Where clocks are set, it is as Debian's cron(8) promises:
 * - Set forward, by less than three hours: what stands at fixed times and would have been skipped is due at
 * once, in the instant of the change; several of them are one occurrence.
 * - Set back, by less than three hours: what stands at fixed times and comes twice is due the first time
 * alone.
 * - An expression whose hours, minutes or seconds begin with * goes on by real time: what the clocks do not
 * show is not due, what they show twice is due twice.
 * - By three hours or more: the clocks are others from then on, for all alike.
 * Occurrences lie within the years 1900 to 2899; beyond, nothing is due.
 */
#ifndef TASKS_CALENDAR_H
#define TASKS_CALENDAR_H

#include <stdbool.h>

#include "tasks/instant.h"
#include "tasks/zone.h"

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

/* The first occurrence strictly after the instant; INSTANT_MAX: there is none. */
struct wall calendar_next(const struct calendar *calendar, const struct zone *zone, struct wall after);

/* The last occurrence at the instant or before; INT64_MIN: there is none. */
struct wall calendar_last(const struct calendar *calendar, const struct zone *zone, struct wall until);

/* How many there are in first..until, both included. */
int64_t calendar_count(const struct calendar *calendar, const struct zone *zone, struct wall first,
                       struct wall until);

/* The n-th after `first`, which is one; itself with 0. INSTANT_MAX: there are not so many. */
struct wall calendar_nth_after(const struct calendar *calendar, const struct zone *zone, struct wall first,
                               int64_t n);

/* How far two that follow each other are apart at the most and at the least, as long as no clock is set: that
 * may leave one out, and shift the next by as much as the clock. */
int64_t calendar_gap_most_us(const struct calendar *calendar);
int64_t calendar_gap_least_us(const struct calendar *calendar);

/* At the mean of many years. */
double calendar_per_day(const struct calendar *calendar);

#endif
