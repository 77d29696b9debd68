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

#include "tasks/calendar_sets.h"
#include "tasks/instant.h"
#include "tasks/zone.h"

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

#endif
