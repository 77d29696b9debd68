/*
 * The rule at the end of a TZif file, as POSIX writes it in TZ ("CET-1CEST,M3.5.0,M10.5.0/3"): when a zone's
 * clocks are set each year, from the last change that the file lists until for ever.
 */
#ifndef TASKS_ZONE_RULE_H
#define TASKS_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

/* A day of each year, and a time of day on the clock that is in force before. */
struct zone_rule_day {
    enum { RULE_DAY_OF_YEAR, RULE_DAY_WITHOUT_LEAP, RULE_WEEKDAY } kind;
    int month;      /* RULE_WEEKDAY: 1..12 */
    int week;       /* RULE_WEEKDAY: 1..5, 5 is the last */
    int day;        /* RULE_WEEKDAY: 0 is Sunday; else the day of the year, from 0 */
    int32_t time_s; /* from midnight, within a week before and after */
};

struct zone_rule {
    int32_t standard_s, summer_s; /* east of UTC */
    bool has_summer; /* else the standard offset is in force all the year, and the rest says nothing */
    struct zone_rule_day begins, ends; /* summer time */
};

/* False when the text, ended with NUL, is no such rule; then *ret is untouched. */
bool zone_rule_parse(const char *text, struct zone_rule *ret) __attribute__((warn_unused_result));

/* When summer time begins and ends in the year, as unix time. The rule has summer time. */
int64_t zone_rule_begins_s(const struct zone_rule *rule, int64_t year);
int64_t zone_rule_ends_s(const struct zone_rule *rule, int64_t year);

#endif
