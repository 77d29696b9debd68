/* A binary heap. */
#include "load_timers.h"

#include <stdlib.h>

static bool before(const struct load_timer *a, const struct load_timer *b) {
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->who < b->who;
}

static void swap(struct load_timer *a, struct load_timer *b) {
    struct load_timer kept = *a;
    *a = *b;
    *b = kept;
}

void load_timers_add(struct load_timers *timers, int64_t at_us, size_t who) {
    if (timers->count == timers->room_count) {
        timers->room_count = timers->room_count ? 2 * timers->room_count : 64;
        timers->heap = realloc(timers->heap, timers->room_count * sizeof *timers->heap);
        if (!timers->heap)
            abort();
    }
    size_t at = timers->count++;
    timers->heap[at] = (struct load_timer){.at_us = at_us, .who = who};
    for (; at && before(&timers->heap[at], &timers->heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&timers->heap[at], &timers->heap[(at - 1) / 2]);
}

static void sink(struct load_timers *timers) {
    for (size_t at = 0, first;; at = first) {
        first = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
            if (child < timers->count && before(&timers->heap[child], &timers->heap[first]))
                first = child;
        if (first == at)
            return;
        swap(&timers->heap[at], &timers->heap[first]);
    }
}

bool load_timers_due(struct load_timers *timers, int64_t now_us, size_t *ret_who) {
    if (!timers->count || timers->heap[0].at_us > now_us)
        return false;
    *ret_who = timers->heap[0].who;
    timers->heap[0] = timers->heap[--timers->count];
    sink(timers);
    return true;
}

int64_t load_timers_next_us(const struct load_timers *timers) {
    return timers->count ? timers->heap[0].at_us : INT64_MAX;
}

void load_timers_finish(struct load_timers *timers) {
    free(timers->heap);
    *timers = (struct load_timers){0};
}
