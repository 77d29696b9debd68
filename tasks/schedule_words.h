/*
 * When a task is due, for people.
 */
#ifndef TASKS_SCHEDULE_WORDS_H
#define TASKS_SCHEDULE_WORDS_H

#include "tasks/schedule.h"
#include "tasks/text.h"

/* What it is: "every 15s", "06:30 on weekdays, Europe/Berlin", "when it is triggered". */
void schedule_words(const struct schedule *schedule, struct text *text);

/* The instants after this one, so many or as many as there are, on the clocks of the zone:
 * "Mon 2026-12-07 06:30 +0100, Tue 2026-12-08 06:30 +0100"; "never" where there is none. */
void schedule_add_nexts(const struct schedule *schedule, const struct zone *zone, struct wall after,
                        int count, struct text *text);

#endif
