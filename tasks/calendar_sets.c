#include "tasks/calendar_sets.h"

#include <stddef.h>
#include <string.h>

#include "tasks/civil.h"
#include "tasks/instant.h"

#define ALL_WEEK   0x7f
#define ALL_DAYS   0xfffffffeU
#define ALL_MONTHS 0x1ffe
#define EACH_WEEK  UINT64_C(0x10204081) /* times the days of a week: those of five weeks */

/* --- days --- */

/* A set of weekdays as days in a row that begins with the weekday `first`, which is bit 0. */
static uint64_t week_from(uint32_t weekdays, int first) {
    return (weekdays >> first | weekdays << (7 - first)) & ALL_WEEK;
}

/* The working day that is nearest to a day, and in its month. */
static int working_day(int day, int month_days, int first_weekday) {
    switch ((first_weekday + day - 1) % 7) {
    case 6: return day > 1 ? day - 1 : day + 2;
    case 0: return day < month_days ? day + 1 : day - 2;
    default: return day;
    }
}

static uint32_t working_days(uint32_t nearest, int month_days, int first_weekday) {
    uint32_t fitting = nearest & 1 ? 1U << working_day(month_days, month_days, first_weekday) : 0;
    for (uint32_t left = nearest & ALL_DAYS; left; left &= left - 1)
        if (__builtin_ctz(left) <= month_days)
            fitting |= 1U << working_day(__builtin_ctz(left), month_days, first_weekday);
    return fitting;
}

/* The days of a month that fit, as bits from 1 on. */
static uint32_t fitting_days(const struct calendar *calendar, int month_days, int first_weekday) {
    uint32_t month = ALL_DAYS >> (31 - month_days) & ALL_DAYS;
    uint32_t days = calendar->days & month;
    uint64_t week = (week_from(calendar->weekdays, first_weekday) * EACH_WEEK) << 1;
    if (calendar->days & 1)
        days |= 1U << month_days;
    if (calendar->nearest)
        days |= working_days(calendar->nearest, month_days, first_weekday);
    for (int i = 0; calendar->has_nth && i < 5; i++)
        week |= week_from(calendar->weekdays_nth[i], first_weekday) << (7 * i + 1);
    if (calendar->weekdays_last)
        week |= week_from(calendar->weekdays_last, (first_weekday + month_days) % 7) << (month_days - 6);
    return (calendar->both_days ? days & (uint32_t)week : days | (uint32_t)week) & month;
}

/* A month on the way: what fits in it. */
struct month {
    int64_t year, first_day; /* since 1970 */
    int month, days, first_weekday;
};

static struct month month_of(int64_t day, int *ret_day_of_month) {
    struct civil date = civil_date(day);
    *ret_day_of_month = date.day;
    return (struct month){date.year, day - date.day + 1, date.month, civil_month_days(date.year, date.month),
                          (date.weekday + 36 - date.day) % 7};
}

static void month_next(struct month *month) {
    month->first_day += month->days;
    month->first_weekday = (month->first_weekday + month->days) % 7;
    month->month = month->month % 12 + 1;
    month->year += month->month == 1;
    month->days = civil_month_days(month->year, month->month);
}

static uint32_t month_fitting(const struct calendar *calendar, const struct month *month) {
    return calendar->months >> month->month & 1 ? fitting_days(calendar, month->days, month->first_weekday)
                                                : 0;
}

/* The first day that fits from this one on; CALENDAR_NEVER: there is none before the end. */
static int64_t next_day(const struct calendar *calendar, int64_t day) {
    int from;
    if (calendar->every_day)
        return day < CALENDAR_END_DAY ? day : CALENDAR_NEVER;
    for (struct month month = month_of(day, &from); month.first_day < CALENDAR_END_DAY;
         month_next(&month), from = 1) {
        uint32_t fitting = month_fitting(calendar, &month) >> from << from;
        if (fitting)
            return month.first_day + __builtin_ctz(fitting) - 1;
    }
    return CALENDAR_NEVER;
}

/* How many days fit in from <= day < until. */
static int64_t count_days(const struct calendar *calendar, int64_t from, int64_t until) {
    int64_t count = 0;
    int first;
    if (until <= from)
        return 0;
    if (calendar->every_day)
        return until - from;
    for (struct month month = month_of(from, &first); month.first_day < until;
         month_next(&month), first = 1) {
        uint32_t fitting = month_fitting(calendar, &month) >> first << first;
        if (until - month.first_day < month.days)
            fitting &= (2U << (until - month.first_day)) - 1;
        count += __builtin_popcount(fitting);
    }
    return count;
}

/* --- times of a day --- */

/* The first that fits at this second of a day or later; there is one. */
static int32_t next_time(const struct calendar *calendar, int32_t second_of_day) {
    int hour = second_of_day / S_PER_H, minute = second_of_day / S_PER_MIN % 60, second = second_of_day % 60;
    if (calendar->hours >> hour & 1) {
        uint64_t left = calendar->minutes >> minute & 1 ? calendar->seconds >> second : 0;
        if (left)
            return second_of_day + __builtin_ctzll(left);
        left = calendar->minutes >> minute >> 1;
        if (left)
            return hour * S_PER_H + (minute + 1 + __builtin_ctzll(left)) * S_PER_MIN + calendar->first_second;
    }
    hour += 1 + __builtin_ctz(calendar->hours >> hour >> 1);
    return hour * S_PER_H + calendar->first_minute * S_PER_MIN + calendar->first_second;
}

static uint64_t below(uint64_t set, int number) {
    return set & ((UINT64_C(1) << number) - 1);
}

/* How many fit before this second of a day. */
static int64_t count_times(const struct calendar *calendar, int32_t second_of_day) {
    int hour = second_of_day / S_PER_H, minute = second_of_day / S_PER_MIN % 60, second = second_of_day % 60;
    int64_t a_minute = __builtin_popcountll(calendar->seconds);
    int64_t an_hour = __builtin_popcountll(calendar->minutes) * a_minute;
    int64_t count = __builtin_popcountll(below(calendar->hours, hour)) * an_hour;
    if (!(calendar->hours >> hour & 1))
        return count;
    count += __builtin_popcountll(below(calendar->minutes, minute)) * a_minute;
    return count +
           (calendar->minutes >> minute & 1 ? __builtin_popcountll(below(calendar->seconds, second)) : 0);
}

/* --- what clocks show: local seconds --- */

int64_t calendar_next_shown(const struct calendar *calendar, int64_t local_s) {
    int64_t day = civil_day_of(local_s);
    int32_t second_of_day = (int32_t)(local_s - day * S_PER_DAY);
    bool is_over = second_of_day > calendar->last_s;
    int64_t fitting = next_day(calendar, day + is_over);
    if (fitting == CALENDAR_NEVER)
        return CALENDAR_NEVER;
    return fitting * S_PER_DAY + (fitting == day ? next_time(calendar, second_of_day) : calendar->first_s);
}

int64_t calendar_count_shown(const struct calendar *calendar, int64_t from_s, int64_t until_s) {
    if (until_s <= from_s)
        return 0;
    int64_t first = civil_day_of(from_s), last = civil_day_of(until_s);
    int64_t before = count_times(calendar, (int32_t)(from_s - first * S_PER_DAY));
    int64_t after = count_times(calendar, (int32_t)(until_s - last * S_PER_DAY));
    int64_t days = count_days(calendar, first, last);
    int64_t count = days * calendar->times_a_day;
    if (before && count_days(calendar, first, first + 1))
        count -= before;
    if (after && count_days(calendar, last, last + 1))
        count += after;
    return count;
}

/* --- what follows from the sets --- */

/* The most or the least that two numbers of a set lie apart, one behind the other; around its end `turn` is
 * in between. */
static int64_t apart(uint64_t set, int64_t turn, bool most) {
    int64_t first = __builtin_ctzll(set), last = first, result = 0;
    for (uint64_t left = set & (set - 1); left; left &= left - 1) {
        int64_t number = __builtin_ctzll(left), gap = number - last;
        result = result == 0 || (most ? gap > result : gap < result) ? gap : result;
        last = number;
    }
    int64_t around = turn - (last - first);
    return result == 0 || (most ? around > result : around < result) ? around : result;
}

/* Of two instants, in seconds, when the days are so many apart. */
static int64_t gap_s(const struct calendar *calendar, int64_t days, bool most) {
    int64_t hours = apart(calendar->hours, days * 24, most);
    int64_t minutes = apart(calendar->minutes, hours * 60, most);
    return apart(calendar->seconds, minutes * 60, most);
}

/* What a while of whole years has. */
struct scan {
    int64_t count; /* of days that fit */
    int64_t apart; /* between two, or to an end of the while */
};

static struct scan scan_years(const struct calendar *calendar, int64_t first_year, int years) {
    struct scan scan = {0, 0};
    int day;
    int64_t last = civil_day(first_year, 1, 1), end = civil_day(first_year + years, 1, 1);
    for (struct month month = month_of(last, &day); month.first_day < end; month_next(&month)) {
        for (uint32_t fitting = month_fitting(calendar, &month); fitting; fitting &= fitting - 1) {
            int64_t next = month.first_day + __builtin_ctz(fitting) - 1;
            scan.apart = next - last > scan.apart ? next - last : scan.apart;
            last = next;
            scan.count++;
        }
    }
    scan.apart = end - last > scan.apart ? end - last : scan.apart;
    return scan;
}

/*
 * How many days fit, and how far they are apart. Where only the lengths of months count, the years around
 * 1900 have it all: the longest time without a leap day. Where the weekdays count, too, 30 years have all
 * that can follow each other in two years, and what is further apart needs an era and what comes after it.
 * False: no day fits.
 */
static bool scan_days(struct calendar *calendar) {
    bool by_month = calendar->both_days && calendar->weekdays == ALL_WEEK && !calendar->nearest;
    int years = by_month ? 24 : 30;
    struct scan scan = scan_years(calendar, by_month ? 1888 : 2000, years);
    if (scan.count == 0 || (!by_month && scan.apart > 2 * 365))
        scan = scan_years(calendar, 2000, years = CIVIL_ERA_YEARS + 40);
    calendar->days_an_era = (int32_t)(scan.count * CIVIL_ERA_YEARS / years);
    calendar->days_apart_most = (int32_t)scan.apart;
    return scan.count > 0;
}

bool calendar_seal(struct calendar *calendar) {
    bool all_month = (calendar->days & ALL_DAYS) == ALL_DAYS, all_week = calendar->weekdays == ALL_WEEK;
    bool by_week = all_month && calendar->both_days && !calendar->has_nth && !calendar->weekdays_last;
    calendar->every_day = calendar->months == ALL_MONTHS &&
                          (calendar->both_days ? all_month && all_week : all_month || all_week);
    calendar->first_minute = (uint8_t)__builtin_ctzll(calendar->minutes);
    calendar->first_second = (uint8_t)__builtin_ctzll(calendar->seconds);
    calendar->first_s = __builtin_ctz(calendar->hours) * S_PER_H + calendar->first_minute * S_PER_MIN +
                        calendar->first_second;
    calendar->last_s = (31 - __builtin_clz(calendar->hours)) * S_PER_H +
                       (63 - __builtin_clzll(calendar->minutes)) * S_PER_MIN + 63 -
                       __builtin_clzll(calendar->seconds);
    calendar->times_a_day = __builtin_popcount(calendar->hours) * __builtin_popcountll(calendar->minutes) *
                            __builtin_popcountll(calendar->seconds);
    if (calendar->months != ALL_MONTHS || !(by_week || calendar->every_day))
        return scan_days(calendar);
    calendar->days_apart_most = calendar->every_day ? 1 : (int32_t)apart(calendar->weekdays, 7, true);
    calendar->days_an_era =
        calendar->every_day ? CIVIL_ERA_DAYS : CIVIL_ERA_DAYS / 7 * __builtin_popcount(calendar->weekdays);
    return true;
}

int64_t calendar_gap_most_us(const struct calendar *calendar) {
    return gap_s(calendar, calendar->days_apart_most, true) * US_PER_S;
}

int64_t calendar_gap_least_us(const struct calendar *calendar) {
    return gap_s(calendar, 1, false) * US_PER_S;
}

double calendar_per_day(const struct calendar *calendar) {
    return (double)calendar->times_a_day * calendar->days_an_era / CIVIL_ERA_DAYS;
}

bool calendar_is_same(const struct calendar *a, const struct calendar *b) {
    return memcmp(a, b, offsetof(struct calendar, every_day)) == 0;
}
