#include "tasks/window_text.h"

#include <string.h>
#include <strings.h>

#define BLANKS  " \t\n"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

#define MIN_PER_DAY  1440
#define YEAR_LEAST   1970
#define YEAR_MOST    2999
#define DAY_WORDS    "write mon, tue, wed, thu, fri, sat or sun"
#define TIME_WORDS   "write times as 22:00-06:00, from 00:00 to 24:00"
#define DATE_WORDS   "write 12-24 for each year, 2027-04-05 for one"
#define PIECE_SHOWN  40 /* of what is wrong; a right one is shorter */
#define EVERY_DAY_AT "a range over midnight ends on the next day, and without times it is the whole day"

static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

/* A piece of a list, as far as it was read. */
struct piece {
    const char *begin, *end, *at;
    struct text *wrong;
};

static bool refuse(const struct piece *piece, const char *clause) {
    int bytes = (int)(piece->end - piece->begin);
    text_add(piece->wrong, "'%.*s'%s %s", bytes < PIECE_SHOWN ? bytes : PIECE_SHOWN, piece->begin,
             bytes < PIECE_SHOWN ? "" : "...", clause);
    return false;
}

static void skip_blanks(struct piece *piece) {
    piece->at += strspn(piece->at, BLANKS);
}

static bool is_over(const struct piece *piece) {
    return piece->at >= piece->end;
}

static bool take(struct piece *piece, const char *mark) {
    if (strncmp(piece->at, mark, strlen(mark)) != 0)
        return false;
    piece->at += strlen(mark);
    return true;
}

/* The piece that begins at `text`, without the blanks around it. */
static struct piece piece_at(const char *text, struct text *wrong) {
    const char *begin = text + strspn(text, BLANKS), *end = begin + strcspn(begin, ",");
    while (end > begin && strchr(BLANKS, end[-1]))
        end--;
    return (struct piece){begin, end, begin, wrong};
}

/* A number of so many digits; -1: there is none. */
static int take_digits(struct piece *piece, size_t least, size_t most) {
    size_t digits = strspn(piece->at, DIGITS);
    int number = 0;
    if (digits < least || digits > most)
        return -1;
    for (size_t i = 0; i < digits; i++)
        number = 10 * number + (*piece->at++ - '0');
    return number;
}

/* --- days and times --- */

/* 0: Sunday; -1: it is none. */
static int take_day(struct piece *piece) {
    size_t letters = strspn(piece->at, LETTERS);
    for (int day = 0; letters == 3 && day < 7; day++)
        if (strncasecmp(piece->at, day_names[day], 3) == 0) {
            piece->at += 3;
            return day;
        }
    return -1;
}

static bool take_days(struct piece *piece, uint8_t *ret_days) {
    int first = take_day(piece), last = first;
    skip_blanks(piece);
    if (first >= 0 && take(piece, "-")) {
        skip_blanks(piece);
        last = take_day(piece);
        skip_blanks(piece);
    }
    if (first < 0 || last < 0)
        return refuse(piece, "names no days of the week; " DAY_WORDS ", or a range as mon-fri");
    for (int day = first;; day = (day + 1) % 7) {
        *ret_days |= (uint8_t)(1 << day);
        if (day == last)
            return true;
    }
}

/* In minutes of the day; -1: it is none. */
static int take_time(struct piece *piece) {
    int hour = take_digits(piece, 1, 2), minute = take(piece, ":") ? take_digits(piece, 2, 2) : -1;
    int at = hour * 60 + minute;
    return hour >= 0 && minute >= 0 && minute < 60 && at <= MIN_PER_DAY ? at : -1;
}

static bool take_times(struct piece *piece, struct window_stretch *stretch) {
    int begin = take_time(piece), end = -1;
    skip_blanks(piece);
    if (begin >= 0 && take(piece, "-")) {
        skip_blanks(piece);
        end = take_time(piece);
        skip_blanks(piece);
    }
    if (begin < 0 || end < 0)
        return refuse(piece, "has no range of times; " TIME_WORDS);
    if (begin == end || begin == MIN_PER_DAY)
        return refuse(piece, "is no range of times; " EVERY_DAY_AT);
    if (!is_over(piece))
        return refuse(piece,
                      "goes on behind its times; write each range with its days, separated by commas, as in "
                      "mon 08:00-12:00, mon 13:00-17:00");
    stretch->begin_min = (uint16_t)begin;
    stretch->end_min = (uint16_t)(end < begin ? end + MIN_PER_DAY : end);
    return true;
}

static bool read_stretch(struct piece *piece, struct window_stretch *stretch) {
    *stretch = (struct window_stretch){WINDOW_EVERY_DAY, 0, MIN_PER_DAY};
    if (is_over(piece))
        return refuse(piece, "between two commas is nothing; write mon-fri 22:00-06:00, sat-sun, say");
    if (!strchr(DIGITS, *piece->at)) {
        stretch->days = 0;
        if (!take_days(piece, &stretch->days))
            return false;
    }
    return is_over(piece) || take_times(piece, stretch);
}

/* --- dates --- */

/* In `ret_at` as struct window_except has it. */
static bool take_date(struct piece *piece, bool *ret_yearly, int32_t *ret_at) {
    size_t digits = strspn(piece->at, DIGITS);
    bool yearly = digits <= 2;
    int year = yearly ? 2000 : take_digits(piece, 4, 4);
    bool separated = yearly || take(piece, "-");
    int month = take_digits(piece, 2, 2), day = take(piece, "-") ? take_digits(piece, 2, 2) : -1;
    if (!separated || year < 0 || month < 0 || day < 0)
        return refuse(piece, "is no date; " DATE_WORDS);
    if (year < YEAR_LEAST || year > YEAR_MOST)
        return refuse(piece, "is of no year from 1970 to 2999");
    if (month < 1 || month > 12 || day < 1 || day > civil_month_days(year, month))
        return refuse(piece,
                      "is a date that does not exist; the month comes first, as in 12-24 for December 24");
    *ret_yearly = yearly;
    *ret_at = yearly ? month * WINDOW_MONTH + day : (int32_t)civil_day(year, month, day);
    return true;
}

static bool read_except(struct piece *piece, struct window_except *except) {
    bool yearly;
    if (is_over(piece))
        return refuse(piece, "between two commas is nothing; " DATE_WORDS);
    if (!take_date(piece, &except->yearly, &except->first))
        return false;
    except->last = except->first;
    skip_blanks(piece);
    if (is_over(piece))
        return true;
    if (!take(piece, ".."))
        return refuse(
            piece, "goes on behind its date; write a range as 12-24..12-26, and a comma between two dates");
    skip_blanks(piece);
    if (!take_date(piece, &yearly, &except->last))
        return false;
    if (!is_over(piece))
        return refuse(piece, "goes on behind its range of dates; write a comma between two");
    if (yearly != except->yearly)
        return refuse(piece, "is yearly at one end only; write both dates with a year, or none");
    if (!yearly && except->last < except->first)
        return refuse(piece, "ends before it begins; write the earlier date first");
    if (!yearly && except->last - except->first >= WINDOW_EXCEPT_DAYS_MAX)
        return refuse(piece,
                      "is longer than ten years; write enabled = off, or take the task out of the file");
    return true;
}

/* --- lists --- */

/* 0 after a fault. */
static uint32_t count_pieces(const char *text, struct text *wrong) {
    uint32_t count = 1;
    for (const char *at = text; (at = strchr(at, ',')); at++)
        count++;
    if (count <= WINDOW_PIECES_MAX)
        return count;
    text_add(wrong, "has %u pieces; the limit is %d", count, WINDOW_PIECES_MAX);
    return 0;
}

static const char *behind(const struct piece *piece) {
    return piece->end + strcspn(piece->end, ",") + 1;
}

bool window_read(const char *text, struct arena *arena, struct window *window, struct text *wrong) {
    uint32_t count = count_pieces(text, wrong);
    struct window_stretch *stretches = arena_alloc(arena, count * sizeof *stretches);
    for (uint32_t i = 0; i < count; i++) {
        struct piece piece = piece_at(text, wrong);
        if (!read_stretch(&piece, &stretches[i]))
            return false;
        text = behind(&piece);
    }
    window->stretches = stretches;
    window->stretch_count = count;
    return count > 0;
}

bool window_read_except(const char *text, struct arena *arena, struct window *window, struct text *wrong) {
    uint32_t count = count_pieces(text, wrong);
    struct window_except *excepts = arena_alloc(arena, count * sizeof *excepts);
    for (uint32_t i = 0; i < count; i++) {
        struct piece piece = piece_at(text, wrong);
        if (!read_except(&piece, &excepts[i]))
            return false;
        text = behind(&piece);
    }
    window->excepts = excepts;
    window->except_count = count;
    return count > 0;
}

void window_read_every_day(struct arena *arena, struct window *window) {
    struct window_stretch *whole = arena_alloc(arena, sizeof *whole);
    *whole = (struct window_stretch){WINDOW_EVERY_DAY, 0, MIN_PER_DAY};
    window->stretches = whole;
    window->stretch_count = 1;
}

/* --- words --- */

/* Read from Monday on, and over the week's end: each piece has one range of days. */
static void add_days(uint8_t days, struct text *text) {
    int first = 1, count = 0;
    while (days != WINDOW_EVERY_DAY &&
           ((days & (1 << (first % 7))) == 0 || (days & (1 << ((first + 6) % 7)))))
        first++;
    while (count < 7 && (days & (1 << ((first + count) % 7))))
        count++;
    text_add(text, "%s", day_names[first % 7]);
    if (count > 1)
        text_add(text, "-%s", day_names[(first + count - 1) % 7]);
}

static void add_times(const struct window_stretch *stretch, struct text *text) {
    int end = stretch->end_min > MIN_PER_DAY ? stretch->end_min - MIN_PER_DAY : stretch->end_min;
    if (stretch->begin_min == 0 && stretch->end_min == MIN_PER_DAY)
        text_add(text, " all day");
    else
        text_add(text, " %02d:%02d-%02d:%02d", stretch->begin_min / 60, stretch->begin_min % 60, end / 60,
                 end % 60);
}

static void add_date(bool yearly, int32_t at, struct text *text) {
    struct civil date = civil_date(at);
    if (yearly)
        text_add(text, "%02d-%02d", at / WINDOW_MONTH, at % WINDOW_MONTH);
    else
        text_add(text, "%04d-%02d-%02d", (int)date.year, date.month, date.day);
}

void window_add_words(const struct window *window, struct text *text) {
    for (uint32_t i = 0; i < window->stretch_count; i++) {
        text_add(text, "%s", i ? ", " : "");
        add_days(window->stretches[i].days, text);
        add_times(&window->stretches[i], text);
    }
    for (uint32_t i = 0; i < window->except_count; i++) {
        const struct window_except *except = &window->excepts[i];
        text_add(text, "%s", i ? ", " : ", not on ");
        add_date(except->yearly, except->first, text);
        if (except->last != except->first)
            text_add(text, "..");
        if (except->last != except->first)
            add_date(except->yearly, except->last, text);
    }
}

#define WEEKDAY_SAYS_IT_US (6 * US_PER_DAY)

void window_add_opening(const struct zone *zone, struct wall opens, struct wall now, struct text *text) {
    static const char *const names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    int64_t unix_s = us_seconds(opens.us);
    struct civil at = zone_civil(zone, unix_s);
    char offset[ZONE_OFFSET_TEXT_BYTES];
    if (opens.us == INSTANT_MAX) {
        text_add(text, "ever");
        return;
    }
    text_add(text, "%s ", names[at.weekday]);
    if (opens.us - now.us > WEEKDAY_SAYS_IT_US)
        text_add(text, "%04d-%02d-%02d ", (int)at.year, at.month, at.day);
    text_add(text, "%02d:%02d %s (%s)", at.hour, at.minute,
             zone_offset_text(zone_offset_s(zone, unix_s), offset), zone_name(zone));
}
