#include "tasks/zone.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tasks/zone_rule.h"

/* From at_s on the clocks have this offset. */
struct change {
    int64_t at_s;
    int32_t offset_s;
};

/*
 * All changes that the file lists, and then those of its rule for as long as it takes until everything
 * repeats itself (CIVIL_ERA_YEARS): a later instant is looked up whole eras before.
 */
struct zone {
    const char *name;
    int32_t first_offset_s; /* before the first change */
    uint32_t change_count;
    const struct change *changes; /* each later than the one before, and of another offset */
    bool repeats;                 /* behind the last change it goes on as an era before */
};

const struct zone *zone_utc(void) {
    static const struct zone utc = {.name = "UTC"};
    return &utc;
}

/* --- asking --- */

const char *zone_name(const struct zone *zone) {
    return zone->name;
}

bool zone_is_same(const struct zone *a, const struct zone *b) {
    if (a == b)
        return true;
    if (strcmp(a->name, b->name) != 0 || a->first_offset_s != b->first_offset_s ||
        a->change_count != b->change_count || a->repeats != b->repeats)
        return false;
    for (uint32_t i = 0; i < a->change_count; i++)
        if (a->changes[i].at_s != b->changes[i].at_s || a->changes[i].offset_s != b->changes[i].offset_s)
            return false;
    return true;
}

/* How many changes are at the instant or before. */
static uint32_t count_until(const struct zone *zone, int64_t unix_s) {
    const struct change *from = zone->changes;
    uint32_t left = zone->change_count;
    while (left > 0) {
        uint32_t half = (left + 1) / 2;
        from += from[half - 1].at_s <= unix_s ? half : 0;
        left -= half;
    }
    return (uint32_t)(from - zone->changes);
}

struct zone_stretch zone_stretch(const struct zone *zone, int64_t unix_s) {
    uint32_t count = zone->change_count;
    int64_t back_s = 0;
    assert(unix_s >= -ZONE_INSTANT_MOST_S && unix_s <= ZONE_INSTANT_MOST_S);
    if (zone->repeats && unix_s >= zone->changes[count - 1].at_s)
        back_s = ((unix_s - zone->changes[count - 1].at_s) / CIVIL_ERA_S + 1) * CIVIL_ERA_S;
    uint32_t before = count_until(zone, unix_s - back_s);
    struct zone_stretch stretch = {INT64_MIN, INT64_MAX, zone->first_offset_s, zone->first_offset_s};
    if (before > 0) {
        stretch.from_s = zone->changes[before - 1].at_s + back_s;
        stretch.offset_s = zone->changes[before - 1].offset_s;
        stretch.before_s = before > 1 ? zone->changes[before - 2].offset_s : zone->first_offset_s;
    }
    if (before < count)
        stretch.until_s = zone->changes[before].at_s + back_s;
    return stretch;
}

int32_t zone_offset_s(const struct zone *zone, int64_t unix_s) {
    return zone_stretch(zone, unix_s).offset_s;
}

bool zone_next_change(const struct zone *zone, int64_t after_s, int64_t *ret_at_s) {
    int64_t until_s = zone_stretch(zone, after_s).until_s;
    if (until_s == INT64_MAX)
        return false;
    *ret_at_s = until_s;
    return true;
}

struct civil zone_civil(const struct zone *zone, int64_t unix_s) {
    return civil_of(unix_s + zone_offset_s(zone, unix_s));
}

const char *zone_offset_text(int32_t offset_s, char buffer[static ZONE_OFFSET_TEXT_BYTES]) {
    int seconds = offset_s < 0 ? -offset_s : offset_s;
    int length = snprintf(buffer, ZONE_OFFSET_TEXT_BYTES, "%c%02d%02d", offset_s < 0 ? '-' : '+',
                          seconds / S_PER_H, seconds / S_PER_MIN % 60);
    if (seconds % 60)
        snprintf(buffer + length, ZONE_OFFSET_TEXT_BYTES - (size_t)length, "%02d", seconds % 60);
    return buffer;
}

const char *zone_instant_text(const struct zone *zone, int64_t unix_s,
                              char buffer[static ZONE_INSTANT_TEXT_BYTES]) {
    static const char names[] = "SunMonTueWedThuFriSat";
    char offset[ZONE_OFFSET_TEXT_BYTES], seconds[8] = "";
    struct civil at = zone_civil(zone, unix_s);
    if (at.second)
        snprintf(seconds, sizeof seconds, ":%02d", at.second);
    snprintf(buffer, ZONE_INSTANT_TEXT_BYTES, "%.3s %04" PRId64 "-%02d-%02d %02d:%02d%s %s",
             names + 3 * at.weekday, at.year, at.month, at.day, at.hour, at.minute, seconds,
             zone_offset_text(zone_offset_s(zone, unix_s), offset));
    return buffer;
}

bool zone_is_name(const char *name) {
    const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/.";
    size_t length = strlen(name);
    return length > 0 && length <= ZONE_NAME_BYTES_MAX && name[strspn(name, letters)] == '\0' &&
           *name != '/' && name[length - 1] != '/' && !strstr(name, "..") && !strstr(name, "//") &&
           *name != '.';
}

/* --- a file's bytes --- */

#define HEADER_BYTES  44
#define CHANGES_MAX   4096               /* in a file; the most that there are is some 250 */
#define CHANGE_MOST_S (INT64_C(1) << 59) /* zic's "Big Bang", and as far ahead */

struct reader {
    const unsigned char *at;
    size_t left_bytes;
    int time_bytes;
    uint32_t isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt; /* as the RFC calls them */
};

static int64_t big_endian(const unsigned char *at, int bytes) {
    uint64_t value = at[0] & 0x80 ? UINT64_MAX : 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return (int64_t)value;
}

static bool read_header(struct reader *reader, int time_bytes) {
    const unsigned char *at = reader->at;
    if (reader->left_bytes < HEADER_BYTES || memcmp(at, "TZif", 4) != 0)
        return false;
    uint32_t *counts[] = {&reader->isutcnt, &reader->isstdcnt, &reader->leapcnt,
                          &reader->timecnt, &reader->typecnt,  &reader->charcnt};
    for (int i = 0; i < 6; i++) {
        int64_t count = big_endian(at + 20 + 4 * i, 4);
        if (count < 0 || count > ZONE_FILE_BYTES_MAX)
            return false;
        *counts[i] = (uint32_t)count;
    }
    reader->time_bytes = time_bytes;
    reader->at += HEADER_BYTES;
    reader->left_bytes -= HEADER_BYTES;
    return true;
}

/* Of the block behind the header. */
static size_t block_bytes(const struct reader *reader) {
    size_t time_bytes = (size_t)reader->time_bytes;
    return reader->timecnt * (time_bytes + 1) + (size_t)reader->typecnt * 6 + reader->charcnt +
           reader->leapcnt * (time_bytes + 4) + reader->isstdcnt + reader->isutcnt;
}

static bool skip_block(struct reader *reader) {
    size_t bytes = block_bytes(reader);
    if (reader->left_bytes < bytes)
        return false;
    reader->at += bytes;
    reader->left_bytes -= bytes;
    return true;
}

/* The changes of a zone that is being made. */
struct list {
    struct change *items; /* room for all that there can be */
    uint32_t count;
};

static void list_add(struct list *list, int64_t at_s, int32_t offset_s) {
    uint32_t i = list->count++;
    for (; i > 0 && list->items[i - 1].at_s > at_s; i--) /* a rule's days may stand a few places early */
        list->items[i] = list->items[i - 1];
    list->items[i] = (struct change){at_s, offset_s};
}

/* What changes nothing goes: another name for the same offset, or two changes at one instant. */
static void list_thin(struct list *list, int32_t first_offset_s) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        if (i + 1 < list->count && list->items[i + 1].at_s == list->items[i].at_s)
            continue;
        if (list->items[i].offset_s != (kept ? list->items[kept - 1].offset_s : first_offset_s))
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

static bool read_offset(const unsigned char *types, uint32_t index, int32_t *ret_s) {
    *ret_s = (int32_t)big_endian(types + (size_t)index * 6, 4);
    return *ret_s >= -ZONE_OFFSET_MOST_S && *ret_s <= ZONE_OFFSET_MOST_S;
}

/* NULL, or what is wrong. */
static const char *read_changes(const struct reader *reader, struct list *list, int32_t *ret_first_offset_s) {
    size_t time_bytes = (size_t)reader->time_bytes;
    const unsigned char *indexes = reader->at + reader->timecnt * time_bytes,
                        *types = indexes + reader->timecnt;
    if (!read_offset(types, 0, ret_first_offset_s))
        return "has an offset of more than a day";
    for (uint32_t i = 0; i < reader->timecnt; i++) {
        int32_t offset_s;
        int64_t at_s = big_endian(reader->at + i * time_bytes, reader->time_bytes);
        if (at_s < -CHANGE_MOST_S || at_s > CHANGE_MOST_S ||
            (i > 0 && at_s <= list->items[list->count - 1].at_s))
            return "has changes that are in no order";
        if (indexes[i] >= reader->typecnt)
            return "names an offset that it does not have";
        if (!read_offset(types, indexes[i], &offset_s))
            return "has an offset of more than a day";
        list_add(list, at_s, offset_s);
    }
    return NULL;
}

/* The years that a rule is written out for: the first may have changes of the list, the last two are cut, and
 * an era is between them. */
#define RULE_YEARS (CIVIL_ERA_YEARS + 3)

/* The rule goes on where the list ends; one without summer time says what the last change has said. Cut in
 * January of the last year, where the change that belongs to it is still in the list. */
static void add_rule(struct zone *zone, struct list *list, const struct zone_rule *rule) {
    int64_t last_s = list->count ? list->items[list->count - 1].at_s : 0;
    int64_t year = civil_of(last_s).year;
    int64_t cut_s = civil_day(year + RULE_YEARS - 1, 1, 15) * S_PER_DAY;
    if (list->count == 0)
        zone->first_offset_s = rule->standard_s;
    for (int i = 0; rule->has_summer && i < RULE_YEARS; i++) {
        int64_t begins_s = zone_rule_begins_s(rule, year + i), ends_s = zone_rule_ends_s(rule, year + i);
        if (begins_s > last_s)
            list_add(list, begins_s, rule->summer_s);
        if (ends_s > last_s)
            list_add(list, ends_s, rule->standard_s);
    }
    list_thin(list, zone->first_offset_s);
    while (list->count && list->items[list->count - 1].at_s > cut_s)
        list->count--;
    zone->repeats = list->count && list->items[list->count - 1].at_s > cut_s - INT64_C(2) * 366 * S_PER_DAY;
}

/* A line of its own at the end of the file; empty when nobody knows how it goes on. */
static const char *read_footer(struct reader *reader, struct zone *zone, struct list *list) {
    char text[128];
    struct zone_rule rule;
    const unsigned char *end =
        reader->left_bytes > 1 ? memchr(reader->at + 1, '\n', reader->left_bytes - 1) : NULL;
    if (!end || *reader->at != '\n' || end - reader->at > (ptrdiff_t)sizeof text)
        return "is cut off: there is no rule at its end";
    size_t bytes = (size_t)(end - reader->at - 1);
    memcpy(text, reader->at + 1, bytes);
    text[bytes] = '\0';
    if (bytes == 0)
        return NULL;
    if (!zone_rule_parse(text, &rule))
        return "has a rule at its end that cannot be read";
    add_rule(zone, list, &rule);
    return NULL;
}

static const char *read_zone(struct reader *reader, struct zone *zone, struct arena *arena) {
    if (!read_header(reader, 4))
        return "is no time zone (TZif)";
    bool is_first_version = reader->at[4 - HEADER_BYTES] == '\0';
    if (!is_first_version && (!skip_block(reader) || !read_header(reader, 8)))
        return "is cut off";
    if (block_bytes(reader) > reader->left_bytes)
        return "is cut off";
    if (reader->leapcnt > 0)
        return "counts leap seconds, which unix time does not; write the zone's name without right/";
    if (reader->timecnt > CHANGES_MAX || reader->typecnt == 0 || reader->typecnt > 256)
        return "is no time zone that anybody has";
    size_t room = reader->timecnt + (size_t)2 * RULE_YEARS;
    struct list list = {arena_alloc(arena, room * sizeof *list.items), 0};
    const char *wrong = read_changes(reader, &list, &zone->first_offset_s);
    if (!wrong && !is_first_version) {
        skip_block(reader);
        wrong = read_footer(reader, zone, &list);
    }
    list_thin(&list, zone->first_offset_s);
    zone->changes = list.items;
    zone->change_count = list.count;
    return wrong;
}

const struct zone *zone_parse(const char *name, const void *bytes, size_t size, struct arena *arena,
                              struct text *wrong) {
    struct reader reader = {.at = bytes, .left_bytes = size};
    struct zone *zone = arena_alloc(arena, sizeof *zone);
    const char *clause =
        size > ZONE_FILE_BYTES_MAX ? "is too large for a time zone" : read_zone(&reader, zone, arena);
    zone->name = arena_text(arena, name, strlen(name));
    if (!clause)
        return zone;
    text_add(wrong, "%s", clause);
    return NULL;
}
