/*
 * An expression of cron: five fields (minute, hour, day of the month, month, day of the week), or six with
 * seconds before them, as Debian's crontab(5) has them: * or a list of numbers, names and ranges, with /STEP
 * behind * or a range; both 0 and 7 are Sunday; when neither the field of the day of the month nor that of
 * the week begins with *, a day that fits one of them is enough. Besides: L is the last day of the month, LW
 * its last working day, 15W the working day that is nearest to the 15th within the month, fri#2 the second
 * Friday, friL the last one. @hourly, @daily (or @midnight),
 * @weekly, @monthly and @yearly (or @annually) stand for five fields.
 */
#ifndef TASKS_CALENDAR_PARSE_H
#define TASKS_CALENDAR_PARSE_H

#include "tasks/calendar_sets.h"
#include "tasks/text.h"

#define CALENDAR_TEXT_BYTES_MAX 1000 /* a line of the file has 198 */

/*
 * False, with *ret untouched, after adding to `wrong` a sentence without its full stop: which field, which
 * value, what would be right. An expression that can never come true is refused, too.
 */
bool calendar_parse(const char *text, struct calendar *ret, struct text *wrong)
    __attribute__((warn_unused_result));

#endif
