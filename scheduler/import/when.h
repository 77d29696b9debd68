/*
 * When something runs, in the words of another scheduler, as a key of a task: cron = or every =.
 */
#ifndef SCHEDULER_IMPORT_WHEN_H
#define SCHEDULER_IMPORT_WHEN_H

#include <stdbool.h>

#include "tasks/text.h"

/* Whether the machine has a time zone of that name. */
typedef bool when_zone_check(const char *name);

/* In cron's: five fields, or @daily and its like. False, and nothing is added to the page, after adding to
 * `why` a sentence that says why not. */
bool when_print(struct text *page, const char *schedule, struct text *why)
    __attribute__((warn_unused_result));

/* Whether a zone's clocks are those that a file goes by without one. */
bool when_zone_is_utc(const char *zone);

/* In pg_cron's: these, `$` for the last day of the month, and `10 seconds`. */
bool when_print_pg_cron(struct text *page, const char *schedule, struct text *why)
    __attribute__((warn_unused_result));

/* In pg_timetable's, whose days of the month and of the week have to fit both, and where 5/10 is 5-59/10.
 * @every and
 * @after are not its business. */
bool when_print_pg_timetable(struct text *page, const char *schedule, struct text *why)
    __attribute__((warn_unused_result));

#endif
