/*
 * Instants as programs write them: RFC 3339, such as 2027-03-27T06:30:00+01:00, and what people may leave out
 * of it.
 */
#ifndef TASKS_RFC3339_H
#define TASKS_RFC3339_H

#include "tasks/instant.h"
#include "tasks/text.h"
#include "tasks/zone.h"

/*
 * A date, which is its first instant, or a date and a time: 2027-03-27, 2027-03-27T06:30,
 * 2027-03-27T06:30:00.5Z, with a blank for the T if you like. Without an offset it is on the clocks of the
 * zone; a time that they show twice is the first, and one that they leave out is as much later. Years go from
 * 1900 to 2899. False after adding to `wrong` a clause to follow the text.
 */
bool rfc3339_read(const char *text, const struct zone *zone, struct wall *ret, struct text *wrong)
    __attribute__((warn_unused_result));

/* Adds it, on the clocks of the zone, with as many digits of a second as it takes; Z for UTC itself, which is
 * zone_utc(). */
void rfc3339_add(struct text *text, struct wall at, const struct zone *zone);

#endif
