#include "tasks/civil.h"

/* Reckoned in years that begin in March, so that a leap day is the last of its year: from March on the months
 * have 153 days in each five. */
#define DAYS_TO_1970 719468 /* from 1 March of the year 0 */

int64_t civil_day(int64_t year, int month, int64_t day_of_month) {
    int64_t from_march = (month + 9) % 12;
    int64_t y = year - (month < 3);
    int64_t era = civil_floor(y, CIVIL_ERA_YEARS), of_era = y - era * CIVIL_ERA_YEARS;
    return era * CIVIL_ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + (from_march * 153 + 2) / 5 +
           day_of_month - 1 - DAYS_TO_1970;
}

struct civil civil_date(int64_t day) {
    int64_t era = civil_floor(day + DAYS_TO_1970, CIVIL_ERA_DAYS);
    uint32_t of_era = (uint32_t)(day + DAYS_TO_1970 - era * CIVIL_ERA_DAYS);
    /* leap days are taken out: one in 4 years, but in 100, and again in 400 */
    uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint32_t from_march = (of_year * 5 + 2) / 153;
    return (struct civil){
        .year = era * CIVIL_ERA_YEARS + year + (from_march >= 10),
        .month = (int)(from_march < 10 ? from_march + 3 : from_march - 9),
        .day = (int)(of_year - (from_march * 153 + 2) / 5 + 1),
        .weekday = civil_weekday(day),
    };
}

struct civil civil_of(int64_t local_s) {
    int64_t day = civil_day_of(local_s);
    int second = (int)(local_s - day * S_PER_DAY);
    struct civil civil = civil_date(day);
    civil.hour = second / S_PER_H;
    civil.minute = second / S_PER_MIN % 60;
    civil.second = second % 60;
    return civil;
}

int64_t civil_to_s(const struct civil *civil) {
    return civil_day(civil->year, civil->month, civil->day) * S_PER_DAY + civil->hour * S_PER_H +
           civil->minute * S_PER_MIN + civil->second;
}
