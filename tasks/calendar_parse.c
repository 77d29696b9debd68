#include "tasks/calendar_parse.h"

#include <string.h>
#include <strings.h>

#define BLANKS  " \t\r\n"
#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static const struct field {
    const char *name;
    int least, most;
    const char *names; /* three letters each, from `least` on */
} fields[FIELDS] = {
    [SECOND] = {"second", 0, 59, ""},
    [MINUTE] = {"minute", 0, 59, ""},
    [HOUR] = {"hour", 0, 23, ""},
    [DAY] = {"day of the month", 1, 31, ""},
    [MONTH] = {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    [WEEKDAY] = {"day of the week", 0, 7, "sunmontuewedthufrisat"},
};

static const struct {
    const char *word, *means;
} words[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"},
};

/* One field on its way. */
struct reading {
    struct calendar *calendar;
    struct text *wrong;
    const struct field *field;
    const char *from, *at, *end; /* of the field; the part of the list that is read begins at `from` */
    uint64_t set;
};

/* --- what a part of a list is --- */

static bool refuse(const struct reading *reading, const char *why) {
    size_t bytes = strcspn(reading->from, "," BLANKS);
    text_add(reading->wrong, "the %s '%.*s' %s", reading->field->name, bytes > 40 ? 40 : (int)bytes,
             reading->from, why);
    return false;
}

static bool refuse_bounds(const struct reading *reading) {
    refuse(reading, "is out of bounds");
    text_add(reading->wrong, "; it goes from %d to %d", reading->field->least, reading->field->most);
    return false;
}

static bool refuse_value(const struct reading *reading) {
    refuse(reading, "is no");
    text_add(reading->wrong, " number from %d to %d", reading->field->least, reading->field->most);
    if (*reading->field->names)
        text_add(reading->wrong, " and no name of three letters such as %.3s", reading->field->names + 3);
    text_add(reading->wrong, "; write one, * for all, a list as in 1,3 or a range as in 1-3");
    return false;
}

static bool is_next(struct reading *reading, char letter) {
    bool is_there = reading->at < reading->end &&
                    (*reading->at == letter || (letter >= 'A' && *reading->at == (letter | 0x20)));
    reading->at += is_there;
    return is_there;
}

/* A number, or a name's; -1: there is none. */
static int read_value(struct reading *reading) {
    size_t digits = strspn(reading->at, DIGITS);
    int number = 0;
    if (digits > 0) {
        for (size_t i = 0; i < digits; i++)
            number = number > 1000 ? number : number * 10 + (reading->at[i] - '0');
        reading->at += digits;
        return number;
    }
    for (int i = 0; reading->field->names[3 * i]; i++)
        if (strncasecmp(reading->at, reading->field->names + 3 * i, 3) == 0) {
            reading->at += 3;
            return reading->field->least + i;
        }
    return -1;
}

static bool is_of(const struct reading *reading, int field) {
    return reading->field == &fields[field];
}

/* "/STEP", or 1 without one. */
static bool read_step(struct reading *reading, int *ret_step) {
    *ret_step = 1;
    if (!is_next(reading, '/'))
        return true;
    size_t digits = strspn(reading->at, DIGITS);
    if (digits == 0)
        return refuse(reading, "has no number behind /; write how many steps each is apart, as in */5");
    *ret_step = read_value(reading);
    if (*ret_step == 0)
        return refuse(reading, "has a step of 0; write 1 or more, or no step");
    if (*ret_step > reading->field->most)
        return refuse(reading,
                      "has a step beyond all that there are, so it would be the first alone; write that");
    return true;
}

static bool set_range(struct reading *reading, int first, int last) {
    int step;
    if (!read_step(reading, &step))
        return false;
    for (int i = first; i <= last; i += step)
        reading->set |= UINT64_C(1) << i;
    return true;
}

/* The third Friday and the last one. Of a week whose days are 0 to 6. */
static bool set_of_month(struct reading *reading, int weekday) {
    uint8_t bit = (uint8_t)(1 << weekday % 7);
    if (is_next(reading, 'L')) {
        reading->calendar->weekdays_last |= bit;
        return true;
    }
    reading->at++; /* # */
    int nth = strspn(reading->at, DIGITS) ? read_value(reading) : 0;
    if (nth < 1 || nth > 5)
        return refuse(reading, "counts to no week of a month; write #1 to #5, or L for the last");
    reading->calendar->weekdays_nth[nth - 1] |= bit;
    reading->calendar->has_nth = true;
    return true;
}

/* L and LW. */
static bool set_last(struct reading *reading) {
    if (is_next(reading, 'W'))
        reading->calendar->nearest |= 1;
    else
        reading->set |= 1;
    return true;
}

static bool read_from_value(struct reading *reading) {
    const struct field *field = reading->field;
    int first = read_value(reading), last = first;
    if (first < 0)
        return refuse_value(reading);
    if (first < field->least || first > field->most)
        return refuse_bounds(reading);
    if (is_of(reading, DAY) && is_next(reading, 'W')) {
        reading->calendar->nearest |= 1U << first;
        return true;
    }
    if (is_of(reading, WEEKDAY) && reading->at < reading->end && strchr("lL#", *reading->at))
        return set_of_month(reading, first);
    if (reading->at < reading->end && *reading->at == '/')
        return refuse(reading,
                      "has a step behind a single number; a step stands behind * or a range, as in 5-59/10");
    if (!is_next(reading, '-')) {
        reading->set |= UINT64_C(1) << first;
        return true;
    }
    last = read_value(reading);
    if (last == 0 && is_of(reading, WEEKDAY) && first > 0) /* fri-sun */
        last = 7;
    if (last < 0)
        return refuse(reading, reading->at == reading->end
                                   ? "is a range without its end; write both, as in 1-5"
                                   : "is a range whose end is no such number or name; write both, as in 1-5");
    if (last < field->least || last > field->most)
        return refuse_bounds(reading);
    if (last < first)
        return refuse(reading, "ends before it begins; write it as two, as in 22-23,0-5");
    return set_range(reading, first, last);
}

static bool read_part(struct reading *reading) {
    const struct field *field = reading->field;
    bool is_read;
    if (is_next(reading, '*'))
        is_read = set_range(reading, field->least, field->most - is_of(reading, WEEKDAY));
    else if (is_of(reading, DAY) && is_next(reading, 'L'))
        is_read = set_last(reading);
    else
        is_read = read_from_value(reading);
    if (is_read && reading->at < reading->end && *reading->at != ',')
        return refuse(
            reading,
            "is not understood behind its beginning; a list is written as in 1,3, a range as in 1-3");
    return is_read;
}

/* --- a field, and all of them --- */

static void store(struct calendar *calendar, int field, uint64_t set) {
    switch (field) {
    case SECOND: calendar->seconds = set; break;
    case MINUTE: calendar->minutes = set; break;
    case HOUR: calendar->hours = (uint32_t)set; break;
    case DAY: calendar->days = (uint32_t)set; break;
    case MONTH: calendar->months = (uint16_t)set; break;
    case WEEKDAY: calendar->weekdays = (uint8_t)((set | set >> 7) & 0x7f); break;
    }
}

static bool read_field(struct calendar *calendar, int field, const char *text, size_t bytes,
                       struct text *wrong) {
    struct reading reading = {calendar, wrong, &fields[field], text, text, text + bytes, 0};
    do {
        reading.from = reading.at;
        if (!read_part(&reading))
            return false;
    } while (is_next(&reading, ','));
    store(calendar, field, reading.set);
    return true;
}

#define MEANS "minute hour day-of-month month day-of-week"

static bool refuse_count(const char *text, int count, struct text *wrong) {
    if (strncmp(text, "every ", 6) == 0 || strstr(text, "second"))
        text_add(wrong,
                 "it is an interval, and no expression of cron; write every = 30s, say, instead of cron");
    else
        text_add(wrong, "it has %d field%s; cron has five, " MEANS ", or six with seconds before them", count,
                 text_plural(count));
    return false;
}

static bool read_fields(const char *text, struct calendar *calendar, struct text *wrong) {
    const char *starts[FIELDS];
    size_t bytes[FIELDS];
    int count = 0;
    for (const char *at = text + strspn(text, BLANKS); *at; count++) {
        size_t length = strcspn(at, BLANKS);
        if (count < FIELDS) {
            starts[count] = at;
            bytes[count] = length;
        }
        at += length;
        at += strspn(at, BLANKS);
    }
    if (count != FIELDS && count != FIELDS - 1)
        return refuse_count(text, count, wrong);
    int before = FIELDS - count;
    calendar->seconds = 1;
    for (int i = before; i < FIELDS; i++)
        if (!read_field(calendar, i, starts[i - before], bytes[i - before], wrong))
            return false;
    for (int i = before; i <= HOUR; i++)
        calendar->real_time |= *starts[i - before] == '*';
    calendar->both_days = *starts[DAY - before] == '*' || *starts[WEEKDAY - before] == '*';
    return true;
}

static const char *find_word(const char *text, struct text *wrong) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i].word) == 0)
            return words[i].means;
    if (strcasecmp(text, "@reboot") == 0)
        text_add(wrong, "@reboot is no instant that a restart and a second daemon agree on; leave cron away, "
                        "and have the "
                        "machine's start call headgate trigger FILE TASK, or headgate run FILE --once TASK");
    else if (strncasecmp(text, "@every ", 7) == 0)
        text_add(wrong,
                 "it is an interval, and no expression of cron; write every = 30s, say, instead of cron");
    else
        text_add(
            wrong,
            "it is none of @hourly, @daily (or @midnight), @weekly, @monthly and @yearly (or @annually)");
    return NULL;
}

bool calendar_parse(const char *text, struct calendar *ret, struct text *wrong) {
    struct calendar calendar;
    memset(&calendar, 0, sizeof calendar);
    if (strlen(text) > CALENDAR_TEXT_BYTES_MAX) {
        text_add(wrong, "it has more than %d bytes", CALENDAR_TEXT_BYTES_MAX);
        return false;
    }
    const char *five = *text == '@' ? find_word(text, wrong) : text;
    if (!five || !read_fields(five, &calendar, wrong))
        return false;
    if (!calendar_seal(&calendar)) {
        text_add(wrong, "it never comes true: no month that it names has such a day");
        return false;
    }
    *ret = calendar;
    return true;
}
