#include "spans.h"

#include <stdlib.h>
#include <string.h>

/* Spans do not meet each other, so they are in the order of their ends, too. */
static uint32_t begun_by(const struct spans *spans, int64_t at) {
    uint32_t low = 0, high = spans->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (spans->items[middle].first <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct span *spans_until(const struct spans *spans, int64_t at) {
    uint32_t count = begun_by(spans, at);
    return count ? &spans->items[count - 1] : NULL;
}

struct span *spans_meeting(const struct spans *spans, int64_t first, int64_t last) {
    uint32_t i = begun_by(spans, first);
    if (i && spans->items[i - 1].last >= first)
        i--;
    return i < spans->count && spans->items[i].first <= last ? &spans->items[i] : NULL;
}

struct span *spans_add(struct spans *spans, struct span span) {
    uint32_t at = begun_by(spans, span.first);
    if (spans->count == spans->capacity) {
        spans->capacity = spans->capacity ? 2 * spans->capacity : 64;
        spans->items = realloc(spans->items, spans->capacity * sizeof *spans->items);
        if (!spans->items)
            abort();
    }
    memmove(&spans->items[at + 1], &spans->items[at], (spans->count++ - at) * sizeof span);
    spans->items[at] = span;
    return &spans->items[at];
}

void spans_remove(struct spans *spans, struct span *span) {
    memmove(span, span + 1, (size_t)(&spans->items[--spans->count] - span) * sizeof *span);
}

void spans_finish(struct spans *spans) {
    free(spans->items);
    *spans = (struct spans){0};
}

int64_t key_after(const struct schedule *schedule, int64_t key_us) {
    return schedule_next_after(schedule, (struct wall){key_us}).us;
}

int64_t key_before(const struct schedule *schedule, int64_t key_us) {
    if (schedule->kind == SCHEDULE_CALENDAR)
        return calendar_last(schedule->calendar, schedule->zone, (struct wall){key_us - 1}).us;
    return key_us - schedule->every_us;
}

bool spans_cover(const struct spans *spans, int64_t first, int64_t last, const struct schedule *schedule) {
    while (first <= last) {
        const struct span *span = spans_meeting(spans, first, first);
        if (!span)
            return false;
        first = key_after(schedule, span->last);
    }
    return true;
}
