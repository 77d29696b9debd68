#include "tasks/calendar_words.h"

#include <stdio.h>

#define ALL_MINUTES ((UINT64_C(1) << 60) - 1) /* and seconds */
#define ALL_HOURS   0xffffffU
#define ALL_DAYS    0xfffffffeU
#define ALL_MONTHS  0x1ffeU
#define ALL_WEEK    0x7fU
#define WORKING     0x3eU
#define WEEKEND     0x41U
#define CLOCKS_MOST 6 /* times of day that are told one by one */

/* --- lists: "1, 3 to 5 and 9" --- */

#define ITEM_BYTES 64

struct items {
    char texts[80][ITEM_BYTES]; /* more than any field has */
    int count;
};

static void add_item(struct items *items, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_item(struct items *items, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(items->texts[items->count++], ITEM_BYTES, format, arguments);
    va_end(arguments);
}

static void join(struct text *text, const struct items *items) {
    for (int i = 0; i < items->count; i++)
        text_add(text, "%s%s", i == 0 ? "" : i == items->count - 1 ? " and " : ", ", items->texts[i]);
}

/* How a number is written. */
typedef void number_words(int number, char word[static 24]);

static void plain(int number, char word[static 24]) {
    snprintf(word, 24, "%d", number);
}

static void ordinal(int number, char word[static 24]) {
    static const char *const ends[] = {"th", "st", "nd", "rd"};
    snprintf(word, 24, "%d%s", number, number / 10 == 1 || number % 10 > 3 ? "th" : ends[number % 10]);
}

static void weekday(int number, char word[static 24]) {
    static const char *const names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
    snprintf(word, 24, "%s", names[number % 7]);
}

static void weekdays(int number, char word[static 24]) {
    char one[24];
    weekday(number, one);
    snprintf(word, 24, "%.20ss", one);
}

static void month(int number, char word[static 24]) {
    static const char *const names[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
    snprintf(word, 24, "%s", names[(number + 11) % 12]);
}

/* Three and more in a row are told by their ends. */
static void add_numbers(struct items *items, uint64_t set, number_words *words) {
    for (int number = 0, end; number < 63; number = end + 1) {
        char first[24], last[24];
        for (end = number; set >> number & 1 && set >> (end + 1) & 1; end++)
            ;
        words(number, first);
        words(end, last);
        if (set >> number & 1 && end - number >= 2)
            add_item(items, "%s to %s", first, last);
        else if (set >> number & 1)
            add_item(items, "%s", first);
        if (end - number == 1) /* two in a row */
            end--;
    }
}

static void list(struct text *text, uint64_t set, number_words *words) {
    struct items items = {.count = 0};
    add_numbers(&items, set, words);
    join(text, &items);
}

/* --- sets --- */

static int first_of(uint64_t set) {
    return __builtin_ctzll(set);
}

static int last_of(uint64_t set) {
    return 63 - __builtin_clzll(set);
}

static int count_of(uint64_t set) {
    return __builtin_popcountll(set);
}

static bool is_row(uint64_t set) {
    return last_of(set) - first_of(set) == count_of(set) - 1;
}

/* How far the numbers lie apart when that is the same for all; 0 when it is not, or for less than three. */
static int step_of(uint64_t set) {
    int step = first_of(set & (set - 1)) - first_of(set);
    for (int number = first_of(set); number <= last_of(set); number++)
        if ((set >> number & 1) != ((number - first_of(set)) % step == 0))
            return 0;
    return step;
}

/* The same around the end: each hour, or each day, goes on where the one before left off. */
static int turning_step(uint64_t set, int turn) {
    int step = count_of(set) > 2 ? step_of(set) : count_of(set) == 2 ? last_of(set) - first_of(set) : 0;
    return step && turn % step == 0 && count_of(set) == turn / step ? step : 0;
}

/* --- times of a day --- */

static void add_clock(struct items *items, const struct calendar *calendar, int hour, int minute) {
    if (calendar->seconds == 1 || count_of(calendar->seconds) > 1)
        add_item(items, "%02d:%02d", hour, minute);
    else
        add_item(items, "%02d:%02d:%02d", hour, minute, first_of(calendar->seconds));
}

static void add_clocks(struct text *text, const struct calendar *calendar) {
    struct items items = {.count = 0};
    for (int hour = 0; hour < 24; hour++)
        for (int minute = 0; minute < 60; minute++)
            if (calendar->hours >> hour & 1 && calendar->minutes >> minute & 1)
                add_clock(&items, calendar, hour, minute);
    join(text, &items);
}

static void add_hours(struct text *text, const struct calendar *calendar) {
    uint32_t hours = calendar->hours;
    if (hours == ALL_HOURS)
        return;
    if (is_row(hours)) {
        text_add(text, " from %02d:%02d to %02d:%02d", first_of(hours), calendar->first_minute,
                 last_of(hours), last_of(calendar->minutes));
        return;
    }
    text_add(text, " of the hour%s ", text_plural(count_of(hours)));
    list(text, hours, plain);
}

static void add_one_minute(struct text *text, const struct calendar *calendar) {
    int minute = calendar->first_minute, step = turning_step(calendar->hours, 24);
    if (calendar->hours != ALL_HOURS && step)
        text_add(text, "every %d hours from %02d:%02d on", step, first_of(calendar->hours), minute);
    else if (calendar->hours != ALL_HOURS && is_row(calendar->hours))
        text_add(text, "every hour");
    else if (calendar->hours != ALL_HOURS)
        text_add(text, "at minute %d", minute);
    else
        text_add(text, minute ? "every hour at :%02d" : "every hour", minute);
    if (!step || calendar->hours == ALL_HOURS)
        add_hours(text, calendar);
}

static void add_minutes(struct text *text, const struct calendar *calendar) {
    uint64_t minutes = calendar->minutes;
    int step = turning_step(minutes, 60);
    if (count_of(minutes) * count_of(calendar->hours) <= CLOCKS_MOST) {
        add_clocks(text, calendar);
        return;
    }
    if (count_of(minutes) == 1) {
        add_one_minute(text, calendar);
        return;
    }
    if (minutes == ALL_MINUTES)
        text_add(text, "every minute");
    else if (step && first_of(minutes) == 0)
        text_add(text, "every %d minutes", step);
    else if (step)
        text_add(text, "every %d minutes from :%02d on", step, first_of(minutes));
    else {
        text_add(text, "at the minutes ");
        list(text, minutes, plain);
    }
    add_hours(text, calendar);
}

static void add_times(struct text *text, const struct calendar *calendar) {
    uint64_t seconds = calendar->seconds;
    int step = turning_step(seconds, 60);
    bool all_day = calendar->hours == ALL_HOURS && calendar->minutes == ALL_MINUTES;
    bool clocks = count_of(calendar->minutes) * count_of(calendar->hours) <= CLOCKS_MOST;
    if (count_of(seconds) > 1) {
        if (seconds == ALL_MINUTES)
            text_add(text, "every second");
        else if (step && first_of(seconds) == 0)
            text_add(text, "every %d seconds", step);
        else {
            text_add(text, "at the seconds ");
            list(text, seconds, plain);
        }
        text_add(text, all_day ? "" : clocks ? " of " : " of these minutes: ");
    }
    if (count_of(seconds) == 1 || !all_day)
        add_minutes(text, calendar);
    if (count_of(seconds) == 1 && seconds != 1 && !clocks)
        text_add(text, ", %d s later", first_of(seconds));
}

/* --- days --- */

static void add_days_of_month(struct text *text, const struct calendar *calendar) {
    struct items items = {.count = 0};
    uint32_t days = calendar->days & ALL_DAYS;
    int step = count_of(days) > 4 ? step_of(days) : 0;
    if (step > 1) {
        char apart[24], first[24], last[24];
        ordinal(step, apart);
        ordinal(first_of(days), first);
        ordinal(last_of(days), last);
        add_item(&items, "every %s day from the %s to the %s", apart, first, last);
    } else {
        add_numbers(&items, days, ordinal);
    }
    for (int day = 1; day <= 31; day++) {
        char word[24];
        ordinal(day, word);
        if (calendar->nearest >> day & 1)
            add_item(&items, "working day nearest to the %s", word);
    }
    if (calendar->nearest & 1)
        add_item(&items, "last working day");
    if (calendar->days & 1)
        add_item(&items, step > 1 ? "the last day" : "last day");
    text_add(text, step > 1 ? "" : "the ");
    join(text, &items);
}

static void add_weekdays(struct text *text, const struct calendar *calendar) {
    static const char *const nths[] = {"first", "second", "third", "fourth", "fifth"};
    struct items items = {.count = 0};
    if (calendar->weekdays == WORKING)
        add_item(&items, "weekdays");
    else if (calendar->weekdays == WEEKEND)
        add_item(&items, "weekends");
    else
        add_numbers(&items, calendar->weekdays, weekdays);
    for (int nth = 0; nth < 6; nth++)
        for (int day = 0; day < 7; day++) {
            char word[24];
            weekday(day, word);
            if ((nth < 5 ? calendar->weekdays_nth[nth] : calendar->weekdays_last) >> day & 1)
                add_item(&items, "the %s %s", nth < 5 ? nths[nth] : "last", word);
        }
    join(text, &items);
}

static void add_months(struct text *text, const struct calendar *calendar, const char *before,
                       const char *all) {
    if (calendar->months == ALL_MONTHS) {
        text_add(text, "%s", all);
        return;
    }
    text_add(text, "%s", before);
    list(text, calendar->months, month);
}

static void add_days(struct text *text, const struct calendar *calendar) {
    bool every_day = (calendar->days & ALL_DAYS) == ALL_DAYS, every_weekday = calendar->weekdays == ALL_WEEK;
    bool clocks = count_of(calendar->minutes) * count_of(calendar->hours) <= CLOCKS_MOST;
    if (calendar->both_days ? every_day && every_weekday : every_day || every_weekday) {
        text_add(text, clocks ? " every day" : "");
        add_months(text, calendar, " in ", "");
        return;
    }
    text_add(text, " on ");
    if (!calendar->both_days || every_weekday) {
        add_days_of_month(text, calendar);
        add_months(text, calendar, " of ", " of each month");
    }
    if (every_weekday)
        return;
    text_add(text, calendar->both_days ? "" : ", and on ");
    add_weekdays(text, calendar);
    if (calendar->both_days && !every_day) {
        text_add(text, ", if they are ");
        add_days_of_month(text, calendar);
        add_months(text, calendar, " of ", " of a month");
    } else {
        add_months(text, calendar, " in ", "");
    }
}

void calendar_words(const struct calendar *calendar, struct text *text) {
    add_times(text, calendar);
    add_days(text, calendar);
}
