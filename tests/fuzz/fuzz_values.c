/* One value of an ini file or an argument: durations, sizes, command lines; and what schedules make of
 * durations. */
#include "tests/fuzz/fuzz.h"

#include "tasks/duration.h"
#include "tasks/rfc3339.h"
#include "tasks/schedule.h"
#include "tasks/size.h"
#include "tasks/suggest.h"
#include "tasks/words.h"

static void try_duration(const char *text) {
    char exact[DURATION_TEXT_BYTES], glance[DURATION_TEXT_BYTES];
    int64_t us, again = -1;
    const char *wrong = duration_parse(text, &us);
    if (wrong) {
        MUST(*wrong);
        return;
    }
    MUST(us >= 0 && us <= DURATION_MOST_US);
    MUST(!duration_parse(duration_format(us, exact), &again) && again == us);
    MUST(*duration_glance(us, glance));
    MUST(*duration_glance(-us, glance));
}

static void try_size(const char *text) {
    char exact[SIZE_TEXT_BYTES];
    uint64_t bytes, again;
    const char *wrong = size_parse(text, &bytes);
    if (wrong)
        MUST(*wrong);
    else
        MUST(!size_parse(size_format(bytes, exact), &again) && again == bytes);
}

static void try_words(const char *text) {
    struct arena arena = {0};
    struct text wrong = {0};
    char **argv = words_split(text, &arena, &wrong);
    MUST(argv ? argv[0] && !wrong.bytes_count : wrong.bytes_count > 0);
    text_finish(&wrong);
    arena_finish(&arena);
}

static void try_instant(const char *text) {
    struct text wrong = {0}, told = {0};
    struct wall at, again;
    if (rfc3339_read(text, zone_utc(), &at, &wrong)) {
        rfc3339_add(&told, at, zone_utc());
        MUST(rfc3339_read(told.bytes, zone_utc(), &again, &wrong) && again.us == at.us);
    } else {
        MUST(wrong.bytes_count);
    }
    text_finish(&wrong);
    text_finish(&told);
}

/* The first bytes are an interval within its bounds and any instant, of a database say. */
static void try_schedule(const uint8_t *data, size_t size) {
    int64_t numbers[4] = {0};
    memcpy(numbers, data, size < sizeof numbers ? size : sizeof numbers);
    int64_t every_us = 1 + (int64_t)((uint64_t)numbers[0] % (uint64_t)SCHEDULE_EVERY_MAX_US);
    struct schedule schedule = {
        .every_us = every_us,
        .every_most_us =
            every_us + (int64_t)((uint64_t)numbers[1] % (uint64_t)(SCHEDULE_EVERY_MAX_US - every_us + 1)),
        .phase_us = (int64_t)((uint64_t)numbers[2] % (uint64_t)every_us),
    };
    struct wall at = {numbers[3]};
    struct wall next = schedule_next_after(&schedule, at);
    MUST(next.us > at.us || next.us == INSTANT_MAX);
    MUST(schedule_key(&schedule, at).us <= at.us || at.us < INT64_MIN / 2);
    MUST(schedule_gap_most_us(&schedule) >= schedule.every_us);
    struct occurrences one = schedule_between(&schedule, next, next);
    MUST(one.count == 1 && one.last.us == next.us);
    MUST(schedule_paced(every_us, at, next).count >= 1);
    for (uint32_t permille = 0; permille <= 1000; permille += 250)
        MUST(schedule_interval_us(&schedule, permille) <= schedule.every_most_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_text(data, size);
    try_duration(text);
    try_size(text);
    try_words(text);
    try_instant(text);
    try_schedule(data, size);
    (void)suggest_better(text, NULL, "conninfo");
    free(text);
    return 0;
}
