/* The bytes of a TZif file, and what is due by calendar where its clocks are set, however often. */
#include "tests/fuzz/fuzz.h"

#include "tasks/calendar.h"
#include "tasks/calendar_parse.h"
#include "tasks/zone_rule.h"

static const char *const expressions[] = {"30 2 * * *", "0,30 0-23 * * *", "*/30 * * * *", "0 0 29 2 *",
                                          "0 12 LW * *"};

/* In the days behind an instant: what is next, one after the other, is what is counted. */
static void try_due(const struct calendar *calendar, const struct zone *zone, int64_t from_s) {
    struct wall at = {from_s * US_PER_S}, until = {(from_s + 3 * S_PER_DAY) * US_PER_S}, next = at,
                last = {INT64_MIN};
    int64_t count = 0;
    while ((next = calendar_next(calendar, zone, next)).us <= until.us && count < 500) {
        last = next;
        count++;
    }
    if (count == 500)
        until.us = next.us - 1;
    else if (last.us != INT64_MIN)
        MUST(calendar_last(calendar, zone, until).us == last.us);
    MUST(calendar_count(calendar, zone, (struct wall){at.us + 1}, until) == count);
}

static void try_zone(const struct zone *zone) {
    struct calendar calendars[sizeof expressions / sizeof *expressions];
    struct text wrong = {0};
    for (size_t i = 0; i < sizeof calendars / sizeof *calendars; i++)
        MUST(calendar_parse(expressions[i], &calendars[i], &wrong));
    int64_t at_s = -ZONE_INSTANT_MOST_S;
    for (int n = 0; n < 3000 && zone_next_change(zone, at_s, &at_s); n++) {
        struct zone_stretch before = zone_stretch(zone, at_s - 1), stretch = zone_stretch(zone, at_s);
        MUST(before.until_s == at_s && stretch.from_s == at_s && stretch.until_s > at_s);
        MUST(stretch.before_s == before.offset_s && stretch.offset_s != before.offset_s);
        if (n % 100 < 3 && at_s > -2000000000 && at_s < 20000000000)
            for (size_t i = 0; i < sizeof calendars / sizeof *calendars; i++)
                try_due(&calendars[i], zone, at_s - 2 * S_PER_H);
    }
    MUST(zone_is_same(zone, zone));
    MUST(zone_stretch(zone, ZONE_INSTANT_MOST_S).from_s <= ZONE_INSTANT_MOST_S);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena = {0};
    struct text wrong = {0};
    struct zone_rule rule;
    char *text = fuzz_text(data, size);
    const struct zone *zone = zone_parse("Any/Zone", data, size, &arena, &wrong);
    MUST(zone ? wrong.bytes_count == 0 : wrong.bytes_count > 0);
    if (zone)
        try_zone(zone);
    if (zone_rule_parse(text, &rule) && rule.has_summer)
        for (int64_t year = 1900; year < 2000; year++)
            MUST(zone_rule_begins_s(&rule, year) < zone_rule_begins_s(&rule, year + 2));
    text_finish(&wrong);
    arena_finish(&arena);
    free(text);
    return 0;
}
