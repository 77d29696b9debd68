#include "tasks/zone_rule.h"

#include <string.h>

#include "tasks/civil.h"

#define LETTERS    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define OFFSET_H   24  /* POSIX */
#define TIME_H     167 /* RFC 9636, from version 3 on */
#define SUMMER_S   S_PER_H
#define AT_DEFAULT (2 * S_PER_H)

/* --- reading: each returns whether it was there, and moves *at behind it --- */

static bool read_number(const char **at, int least, int most, int *ret) {
    int number = 0;
    const char *from = *at;
    for (; **at >= '0' && **at <= '9' && *at - from < 3; ++*at)
        number = number * 10 + (**at - '0');
    *ret = number;
    return *at > from && number >= least && number <= most;
}

static bool read_sign(const char **at, char sign) {
    bool is_there = **at == sign;
    *at += is_there;
    return is_there;
}

/* CET, or <+0130>: at least three letters. */
static bool read_name(const char **at) {
    bool is_quoted = read_sign(at, '<');
    size_t length = strspn(*at, is_quoted ? LETTERS "0123456789+-" : LETTERS);
    *at += length;
    return length >= 3 && (!is_quoted || read_sign(at, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **at, int most_h, int32_t *ret_s) {
    bool is_below = read_sign(at, '-');
    int hours, minutes = 0, seconds = 0;
    if (!is_below)
        read_sign(at, '+');
    if (!read_number(at, 0, most_h, &hours))
        return false;
    bool has_minutes = read_sign(at, ':');
    if (has_minutes && !read_number(at, 0, 59, &minutes))
        return false;
    if (has_minutes && read_sign(at, ':') && !read_number(at, 0, 59, &seconds))
        return false;
    *ret_s = hours * S_PER_H + minutes * S_PER_MIN + seconds;
    if (is_below)
        *ret_s = -*ret_s;
    return true;
}

static bool read_date(const char **at, struct zone_rule_day *day) {
    if (read_sign(at, 'J')) {
        day->kind = RULE_DAY_WITHOUT_LEAP;
        bool is_there = read_number(at, 1, 365, &day->day);
        day->day--;
        return is_there;
    }
    if (!read_sign(at, 'M')) {
        day->kind = RULE_DAY_OF_YEAR;
        return read_number(at, 0, 365, &day->day);
    }
    day->kind = RULE_WEEKDAY;
    return read_number(at, 1, 12, &day->month) && read_sign(at, '.') && read_number(at, 1, 5, &day->week) &&
           read_sign(at, '.') && read_number(at, 0, 6, &day->day);
}

static bool read_day(const char **at, struct zone_rule_day *day) {
    day->time_s = AT_DEFAULT;
    return read_sign(at, ',') && read_date(at, day) &&
           (!read_sign(at, '/') || read_time(at, TIME_H, &day->time_s));
}

/* POSIX writes how far west the clocks are. */
static bool read_offset(const char **at, int32_t *ret_s) {
    if (!read_time(at, OFFSET_H, ret_s))
        return false;
    *ret_s = -*ret_s;
    return true;
}

bool zone_rule_parse(const char *text, struct zone_rule *ret) {
    struct zone_rule rule = {0};
    const char *at = text;
    if (!read_name(&at) || !read_offset(&at, &rule.standard_s))
        return false;
    rule.has_summer = *at != '\0';
    rule.summer_s = rule.standard_s + SUMMER_S;
    if (rule.has_summer) {
        if (!read_name(&at) || (*at != ',' && !read_offset(&at, &rule.summer_s)) ||
            !read_day(&at, &rule.begins) || !read_day(&at, &rule.ends) || *at)
            return false;
    }
    *ret = rule;
    return true;
}

/* --- reckoning --- */

/* Since 1970. */
static int64_t day_in(const struct zone_rule_day *rule, int64_t year) {
    int64_t first = civil_day(year, rule->kind == RULE_WEEKDAY ? rule->month : 1, 1);
    if (rule->kind == RULE_DAY_OF_YEAR)
        return first + rule->day;
    if (rule->kind == RULE_DAY_WITHOUT_LEAP) /* 59 is 1 March, also in a leap year */
        return first + rule->day + (rule->day >= 59 && civil_is_leap(year));
    int64_t day = (rule->day - civil_weekday(first) + 7) % 7 + 7 * (rule->week - 1);
    return first + (day < civil_month_days(year, rule->month) ? day : day - 7);
}

int64_t zone_rule_begins_s(const struct zone_rule *rule, int64_t year) {
    return day_in(&rule->begins, year) * S_PER_DAY + rule->begins.time_s - rule->standard_s;
}

int64_t zone_rule_ends_s(const struct zone_rule *rule, int64_t year) {
    return day_in(&rule->ends, year) * S_PER_DAY + rule->ends.time_s - rule->summer_s;
}
