#include "scheduler/import/when.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "scheduler/import/page.h"
#include "tasks/calendar_parse.h"

#define BLANKS " \t\r\n"

/* The words with one blank between them. */
static void add_words(struct text *text, const char *words) {
    for (words += strspn(words, BLANKS); *words; words += strspn(words, BLANKS)) {
        size_t length = strcspn(words, BLANKS);
        text_add(text, "%s%.*s", text->bytes_count ? " " : "", (int)length, words);
        words += length;
    }
}

static bool print(struct text *page, const char *fields, struct text *why) {
    struct calendar calendar;
    if (strcasecmp(fields, "@reboot") == 0 || strcasecmp(fields, "@restart") == 0)
        text_add(why, "no clock says when the machine starts; a systemd unit with WantedBy=multi-user.target "
                      "does that.");
    else if (strchr(fields, '~'))
        text_add(why, "it lets cron draw a time; write one, and spread = 10min, say.");
    else if (!calendar_parse(fields, &calendar, why))
        text_add(why, ".");
    else if (!page_value(page, "cron", fields))
        text_add(why, "its schedule is too long for a line of this file.");
    else
        return true;
    return false;
}

bool when_print(struct text *page, const char *schedule, struct text *why) {
    struct text fields = {0};
    text_add(&fields, "%s", "");
    add_words(&fields, schedule);
    bool printed = print(page, fields.bytes, why);
    text_finish(&fields);
    return printed;
}

/* "10 seconds"; 0: it is none. */
static long seconds_of(const char *words) {
    char *end;
    long seconds = strtol(words, &end, 10);
    bool is_whole = seconds >= 1 && seconds <= 59 && *words >= '1' && *words <= '9';
    return is_whole && (strcasecmp(end, " second") == 0 || strcasecmp(end, " seconds") == 0) ? seconds : 0;
}

bool when_print_pg_cron(struct text *page, const char *schedule, struct text *why) {
    struct text words = {0};
    text_add(&words, "%s", "");
    add_words(&words, schedule);
    long seconds = seconds_of(words.bytes);
    for (char *at = words.bytes; *at; at++)
        if (*at == '$')
            *at = 'L';
    bool printed = seconds || print(page, words.bytes, why);
    if (seconds)
        text_add(page, "every = %lds\n", seconds);
    text_finish(&words);
    return printed;
}

bool when_zone_is_utc(const char *zone) {
    static const char *const names[] = {"GMT", "UTC", "Etc/GMT", "Etc/UTC", ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(zone, names[i]) == 0)
            return true;
    return false;
}

/* The most that stands in each of the five fields. */
static const int most[] = {59, 23, 31, 12, 7};

/* Steps behind a single number go on from there. */
static void add_field(struct text *fields, const char *field, size_t length, int place) {
    size_t digits = strspn(field, "0123456789");
    bool steps = digits > 0 && digits < length && field[digits] == '/';
    text_add(fields, "%s%.*s", place ? " " : "", (int)(steps ? digits : length), field);
    if (steps)
        text_add(fields, "-%d%.*s", most[place], (int)(length - digits), field + digits);
}

bool when_print_pg_timetable(struct text *page, const char *schedule, struct text *why) {
    struct text fields = {0};
    bool is_restricted[5] = {false};
    int count = 0;
    for (schedule += strspn(schedule, BLANKS); *schedule && count < 5; count++) {
        size_t length = strcspn(schedule, BLANKS);
        is_restricted[count] = *schedule != '*';
        add_field(&fields, schedule, length, count);
        schedule += length + strspn(schedule + length, BLANKS);
    }
    text_add(&fields, "%s", "");
    bool both = is_restricted[2] && is_restricted[4];
    if (both)
        text_add(why, "the day of the month and that of the week have to fit both; to cron one is enough. "
                      "Write the one "
                      "into cron, and ask for the other in SQL.");
    bool printed = !both && print(page, fields.bytes, why);
    text_finish(&fields);
    return printed;
}
