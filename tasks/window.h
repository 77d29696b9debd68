/*
 * When a task may begin: stretches of the week, less days of the calendar, as the clocks of a zone show them.
 *
 * A stretch belongs to the day on which it begins: fri 22:00-06:00 ends on Saturday at 06:00. On a day that
 * is excepted no stretch begins; one that began the day before goes on to its end. So with Saturday excepted,
 * Friday's night still ends on Saturday at 06:00, and with Friday excepted there is none.
 *
 * The window is open while the clocks show a time that lies in a stretch. So one that begins in the hour that
 * is left out in spring opens with the end of that hour, one that lies in it does not open, and one in the
 * hour that comes twice in autumn is open twice.
 */
#ifndef TASKS_WINDOW_H
#define TASKS_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "tasks/instant.h"
#include "tasks/zone.h"

struct window_stretch {
    uint8_t days;                /* on which it begins, as bits: 1 << weekday, 0 is Sunday */
    uint16_t begin_min, end_min; /* of that day; the end may be on the next one */
};

/* Days without a stretch that begins: first..last, both included. */
struct window_except {
    bool yearly;         /* as month * WINDOW_MONTH + day; first > last goes over the year's end */
    int32_t first, last; /* else as days since 1970-01-01 */
};

#define WINDOW_MONTH 32

/* Made by window_read(), and never changed. */
struct window {
    const struct window_stretch *stretches;
    const struct window_except *excepts;
    uint32_t stretch_count, except_count;
};

#define WINDOW_EVERY_DAY 0x7f /* as window_stretch.days */

bool window_is_open(const struct window *window, const struct zone *zone, struct wall at);

/* The first instant from `at` on at which it is open: `at` itself if it is. INSTANT_MAX: none in a thousand
 * years. */
struct wall window_next_open(const struct window *window, const struct zone *zone, struct wall at);

/* The first instant from `at` on at which it is not: `at` itself if it is not. One that stays open for more
 * than WINDOW_LOOK_DAYS is said to close then: ask again. */
struct wall window_next_close(const struct window *window, const struct zone *zone, struct wall at);

#define WINDOW_LOOK_DAYS 400 /* more than a year: what comes yearly is within it */

/* Whether it opens on any day of the calendar, and whether it never closes: both but for the excepted days of
 * one year alone, which go by. */
bool window_opens(const struct window *window);
bool window_closes(const struct window *window);

/*
 * What waited for the opening begins not all at once, but spread over a tenth of the time that the window is
 * open, and over ten minutes at the most: the part of that which is this name's, always the same.
 */
int64_t window_spread_us(const struct window *window, const struct zone *zone, struct wall opened,
                         const char *name);

#define WINDOW_SPREAD_PART    10
#define WINDOW_SPREAD_MOST_US (10 * US_PER_MIN)

bool window_is_same(const struct window *a, const struct window *b);

#endif
