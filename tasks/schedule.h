/*
 * When a task is due by time. An interval: the wall-clock instants with  unix time = phase (mod every).
 * They depend on nothing else, so a restart and a second daemon agree on what an occurrence is. An elastic
 * interval begins there and then goes its own way: its occurrences are named by the cell that they fall in,
 * which begins at such an instant, and as it is never shorter than `every`, no cell has two.
 */
#ifndef TASKS_SCHEDULE_H
#define TASKS_SCHEDULE_H

#include <stdbool.h>

#include "tasks/calendar.h"

enum schedule_kind {
    SCHEDULE_EVERY,
    SCHEDULE_CALENDAR, /* the instants of a calendar in a zone, each put off by the phase */
    SCHEDULE_NONE, /* never due by time: it runs when it is triggered */
};

struct schedule {
    int64_t every_us;      /* of EVERY: above 0; else 0 */
    int64_t every_most_us; /* an elastic interval goes from every_us at ease to this under pressure */
    int64_t phase_us;      /* 0..every_us-1; of CALENDAR: 0 and above */
    enum schedule_kind kind;
    const struct calendar *calendar; /* of CALENDAR, as the next: owned by the taskset */
    const struct zone *zone;
    const char *text; /* the calendar as it was written */
};

/* What schedule_next_after() says when there is none. */
#define SCHEDULE_NEVER INSTANT_MAX

#define SCHEDULE_EVERY_MAX_US (3653 * US_PER_DAY) /* ten years */

bool schedule_is_same(const struct schedule *a, const struct schedule *b);

/* The first due instant strictly after; SCHEDULE_NEVER: there is none. */
struct wall schedule_next_after(const struct schedule *schedule, struct wall after);

/*
 * The instant that names the occurrence that is due at `due`, for everyone: itself, or where its cell begins.
 * Keys lie on the grid of every_us and phase_us, elastic or not.
 */
struct wall schedule_key(const struct schedule *schedule, struct wall due);

/* Due instants that follow each other; with count 0 there are none, and `last` means nothing. */
struct occurrences {
    struct wall first, last;
    int64_t count;
};

/* Those in first..until, both included, where `first` is one of them. */
struct occurrences schedule_between(const struct schedule *schedule, struct wall first, struct wall until);

/* The n-th after `first`, which is one of them; itself with 0. */
struct wall schedule_nth_after(const struct schedule *schedule, struct wall first, int64_t n);

/* The interval, or what comes nearest to one: of a calendar the most that two instants lie apart; 0: there is
 * none. */
int64_t schedule_pace_us(const struct schedule *schedule);

/* Nearer than this no two instants lie, unless the clocks are set just then. */
int64_t schedule_gap_least_us(const struct schedule *schedule);

/* Of the instants in first..last the last so many, ascending, in microseconds of unix time: "{1,2}". */
#define SCHEDULE_DUES_MAX 10000
void schedule_add_dues(const struct schedule *schedule, struct wall first, struct wall last,
                       struct text *text);

/* The most that the keys of one occurrence and the next lie apart when none was missed. */
int64_t schedule_gap_most_us(const struct schedule *schedule);

/* A due instant further ahead than this was not reckoned by the clock that we have now: two intervals at
 * their longest. */
int64_t schedule_far_us(const struct schedule *schedule);

/* How much of the time a task takes that takes busy_us each time, as often as it may: 0..1000. */
int64_t schedule_busy_permille(const struct schedule *schedule, int64_t busy_us);
double schedule_per_minute(const struct schedule *schedule);

/* --- elastic intervals: under way, a task goes by the one in force, from instant to instant --- */

bool schedule_is_elastic(const struct schedule *schedule);

/* The interval in force: stretched by the pressure, 0..1000. */
int64_t schedule_interval_us(const struct schedule *schedule, uint32_t pressure_permille);

/* Those in first..until, both included, at this pace; and the one that follows the last. */
struct occurrences schedule_paced(int64_t interval_us, struct wall first, struct wall until);
struct wall schedule_paced_next(int64_t interval_us, struct wall last);

/* A phase from the task's name: tasks of one interval are spread, and fall the same on every start. */
int64_t schedule_default_phase(const char *name, int64_t every_us);

#endif
