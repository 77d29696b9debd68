/* The values of `window` and `except`, with a | between them, and what becomes of them at any instant: the
 * first 8 bytes. */
#include "tests/fuzz/fuzz.h"

#include "tasks/window_text.h"

static bool reads(bool (*read)(const char *, struct arena *, struct window *, struct text *),
                  const char *text, struct arena *arena, struct window *window) {
    struct text wrong = {0};
    bool fine = read(text, arena, window, &wrong);
    MUST(fine == (wrong.bytes_count == 0));
    text_finish(&wrong);
    return fine;
}

static void try_instant(const struct window *window, struct wall at) {
    struct wall opens = window_next_open(window, zone_utc(), at);
    MUST(opens.us >= at.us &&
         (opens.us == at.us) == (window_is_open(window, zone_utc(), at) || at.us == INSTANT_MAX));
    if (opens.us == INSTANT_MAX)
        return;
    struct wall closes = window_next_close(window, zone_utc(), opens);
    MUST(window_is_open(window, zone_utc(), opens));
    MUST(closes.us > opens.us);
    MUST(!window_is_open(window, zone_utc(), closes) ||
         closes.us - opens.us >= (WINDOW_LOOK_DAYS - 1) * US_PER_DAY);
    int64_t spread_us = window_spread_us(window, zone_utc(), opens, "task");
    MUST(spread_us >= 0 && spread_us <= (closes.us - opens.us) / WINDOW_SPREAD_PART);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena = {0};
    struct window window = {0};
    struct text words = {0};
    struct wall at = {0};
    if (size < sizeof at)
        return 0;
    memcpy(&at, data, sizeof at);
    char *text = fuzz_text(data + sizeof at, size - sizeof at), *except = strchr(text, '|');
    if (except)
        *except++ = '\0';
    if (reads(window_read, text, &arena, &window) &&
        (!except || reads(window_read_except, except, &arena, &window))) {
        window_add_words(&window, &words);
        MUST(words.bytes_count > 0 && window_is_same(&window, &window));
        (void)window_closes(&window);
        if (window_opens(&window))
            try_instant(&window, at);
    }
    text_finish(&words);
    arena_finish(&arena);
    free(text);
    return 0;
}
