/*
 * What a calendar means, for people: "06:30 on weekdays", "every 15 minutes from 09:00 to 17:45 on the 1st of
 * each month". It is put together from the sets, so it says what they hold and not how they were written.
 */
#ifndef TASKS_CALENDAR_WORDS_H
#define TASKS_CALENDAR_WORDS_H

#include "tasks/calendar_sets.h"
#include "tasks/text.h"

void calendar_words(const struct calendar *calendar, struct text *text);

#endif
