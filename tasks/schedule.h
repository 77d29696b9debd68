/*
 * When a task is due: the wall-clock instants with  unix time = phase (mod every).
 * They depend on nothing else, so a restart and a second daemon agree on what an occurrence is.
 */
#ifndef TASKS_SCHEDULE_H
#define TASKS_SCHEDULE_H

#include "tasks/instant.h"

struct schedule {
    int64_t every_us; /* above 0 */
    int64_t phase_us; /* 0..every_us-1 */
};

#define SCHEDULE_EVERY_MAX_US (3653 * US_PER_DAY) /* ten years */

/* The first due instant strictly after. */
struct wall schedule_next_after(const struct schedule *schedule, struct wall after);

/* How many due instants lie in first..until, both included, where first is one of them. 0 when until < first.
 */
int64_t schedule_count(const struct schedule *schedule, struct wall first, struct wall until);

/* A phase from the task's name: tasks of one interval are spread, and fall the same on every start. */
int64_t schedule_default_phase(const char *name, int64_t every_us);

#endif
