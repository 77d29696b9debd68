#include "tasks/wake.h"

#include <stdlib.h>
#include <string.h>

/* Between the names of a list. */
#define SEPARATORS " \t\r\n,"

static bool has(const struct wake *wake, const char *channel) {
    for (uint32_t i = 0; i < wake->channel_count; i++)
        if (strcmp(wake->channels[i], channel) == 0)
            return true;
    return false;
}

struct wake *wake_read(const char *list, struct arena *arena, struct text *error) {
    struct wake *wake = arena_alloc(arena, sizeof *wake);
    *wake = (struct wake){.channels = arena_alloc(arena, (strlen(list) / 2 + 1) * sizeof *wake->channels)};
    for (const char *at = list + strspn(list, SEPARATORS); *at; at += strspn(at, SEPARATORS)) {
        size_t bytes = strcspn(at, SEPARATORS);
        const char *channel = arena_text(arena, at, bytes);
        if (bytes > CHANNEL_BYTES_MAX)
            text_add(error, "has the channel '%s', which is %zu bytes; PostgreSQL takes %d", channel, bytes,
                     CHANNEL_BYTES_MAX);
        else if (strpbrk(channel, "\"';"))
            text_add(error, "has %s: write the name of the channel as it is, without quotes", channel);
        else if (has(wake, channel))
            text_add(error, "has the channel '%s' twice; keep one", channel);
        else if (wake->channel_count == CHANNELS_MAX)
            text_add(error, "has more than %d channels; let several wake by one", CHANNELS_MAX);
        if (error->bytes_count)
            return NULL;
        wake->channels[wake->channel_count++] = channel;
        at += bytes;
    }
    if (wake->channel_count)
        return wake;
    text_add(error, "names no channel; write wake = new_mail, say");
    return NULL;
}

/* --- of a whole file --- */

static int compare_channels(const struct wake_entry *a, const struct wake_entry *b) {
    return a->pool != b->pool ? (a->pool > b->pool) - (a->pool < b->pool) : strcmp(a->channel, b->channel);
}

static int compare(const void *a, const void *b) {
    const struct wake_entry *x = a, *y = b;
    int by_channel = compare_channels(x, y);
    return by_channel ? by_channel : (x->task > y->task) - (x->task < y->task);
}

struct wakes wakes_collect(const struct task *tasks, uint32_t task_count, struct arena *arena) {
    struct wakes wakes = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < task_count; i++)
        count += tasks[i].wake && tasks[i].enabled ? tasks[i].wake->channel_count : 0;
    struct wake_entry *items = arena_alloc(arena, ((size_t)count + 1) * sizeof *items);
    for (uint32_t i = 0; i < task_count; i++)
        for (uint32_t j = 0; tasks[i].wake && tasks[i].enabled && j < tasks[i].wake->channel_count; j++)
            items[wakes.count++] = (struct wake_entry){tasks[i].pool, tasks[i].wake->channels[j], i};
    qsort(items, wakes.count, sizeof *items, compare);
    wakes.items = items;
    return wakes;
}

/* The first item that is not before the pool's channel. */
static uint32_t find(struct wakes wakes, uint32_t pool, const char *channel) {
    const struct wake_entry wanted = {.pool = pool, .channel = channel};
    uint32_t first = 0, end = wakes.count;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (compare_channels(&wakes.items[middle], &wanted) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

struct wakes wakes_of_pool(struct wakes wakes, uint32_t pool) {
    if (wakes.count == 0) /* no array to point into */
        return wakes;
    uint32_t first = find(wakes, pool, ""), end = find(wakes, pool + 1, "");
    return (struct wakes){wakes.items + first, end - first};
}

struct wakes wakes_of_channel(struct wakes wakes, uint32_t pool, const char *channel) {
    if (wakes.count == 0)
        return wakes;
    uint32_t first = find(wakes, pool, channel);
    struct wakes rest = {wakes.items + first, wakes.count - first};
    bool is_there = rest.count && rest.items->pool == pool && strcmp(rest.items->channel, channel) == 0;
    return (struct wakes){rest.items, is_there ? wakes_alike(rest) : 0};
}

uint32_t wakes_alike(struct wakes wakes) {
    uint32_t count = 0;
    while (count < wakes.count && compare_channels(&wakes.items[count], wakes.items) == 0)
        count++;
    return count;
}

/* Behind those that have the channel of the first. */
static struct wakes next_channel(struct wakes wakes) {
    uint32_t alike = wakes_alike(wakes);
    return (struct wakes){wakes.items + alike, wakes.count - alike};
}

uint32_t wakes_channel_count(struct wakes of_pool) {
    uint32_t count = 0;
    for (; of_pool.count; of_pool = next_channel(of_pool))
        count++;
    return count;
}

bool wakes_same_channels(struct wakes a, struct wakes b) {
    for (; a.count && b.count; a = next_channel(a), b = next_channel(b))
        if (strcmp(a.items->channel, b.items->channel) != 0)
            return false;
    return a.count == b.count;
}
