/* An expression of cron: what it is taken for is due, counted and told consistently, or the refusal says why.
 */
#include "tests/fuzz/fuzz.h"

#include "tasks/calendar.h"
#include "tasks/calendar_parse.h"
#include "tasks/calendar_words.h"

/* From an instant on. */
static void try_due(const struct calendar *calendar, struct wall at) {
    const struct zone *zone = zone_utc();
    struct wall next = calendar_next(calendar, zone, at);
    if (next.us == INSTANT_MAX)
        return;
    struct wall before = {next.us - 1}, after = calendar_next(calendar, zone, next);
    MUST(next.us > at.us && next.us % US_PER_S == 0);
    MUST(calendar_count(calendar, zone, next, next) == 1);
    MUST(calendar_count(calendar, zone, (struct wall){us_add(at.us, 1)}, before) == 0);
    MUST(calendar_last(calendar, zone, next).us == next.us);
    MUST(calendar_last(calendar, zone, before).us < next.us);
    MUST(after.us == INSTANT_MAX || (after.us - next.us >= calendar_gap_least_us(calendar) &&
                                     after.us - next.us <= calendar_gap_most_us(calendar)));
    struct wall far = calendar_nth_after(calendar, zone, next, 1000);
    MUST(far.us == INSTANT_MAX || calendar_count(calendar, zone, next, far) == 1001);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_text(data, size);
    struct text wrong = {0}, words = {0};
    struct calendar calendar, again;
    if (calendar_parse(text, &calendar, &wrong)) {
        MUST(calendar_parse(text, &again, &wrong) && calendar_is_same(&calendar, &again));
        MUST(wrong.bytes_count == 0 && calendar_per_day(&calendar) > 0);
        calendar_words(&calendar, &words);
        MUST(words.bytes_count > 0);
        static const int64_t from_s[] = {-2208988800, 0, 1796000000, 4102444800, 13569465600, 29348000000};
        for (size_t i = 0; i < sizeof from_s / sizeof *from_s; i++)
            try_due(&calendar, (struct wall){from_s[i] * US_PER_S + (int64_t)size});
        try_due(&calendar, (struct wall){INT64_MIN});
        try_due(&calendar, (struct wall){INT64_MAX});
    } else {
        MUST(wrong.bytes_count > 0);
    }
    text_finish(&wrong);
    text_finish(&words);
    free(text);
    return 0;
}
