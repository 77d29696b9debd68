#include "pool/session/channels.h"

#include <stdlib.h>
#include <string.h>

#include "tasks/text.h"

void channels_finish(struct channels *channels) {
    for (uint32_t i = 0; i < channels->count; i++)
        free(channels->items[i].name);
    free(channels->items);
    *channels = (struct channels){0};
}

void channels_follow(struct channels *channels, struct wakes of_pool) {
    struct channels before = *channels;
    *channels = (struct channels){.items = calloc((size_t)of_pool.count + 1, sizeof *channels->items),
                                  .told = before.told};
    if (!channels->items)
        abort();
    for (uint32_t i = 0; i < of_pool.count;) {
        struct wakes rest = {of_pool.items + i, of_pool.count - i};
        const struct channel *old = channels_find(&before, rest.items->channel);
        channels->items[channels->count++] =
            (struct channel){.name = text_copy(rest.items->channel), .heard = old && old->heard};
        i += wakes_alike(rest);
    }
    channels_finish(&before);
}

static int compare(const void *name, const void *item) {
    return strcmp(name, ((const struct channel *)item)->name);
}

struct channel *channels_find(const struct channels *channels, const char *name) {
    return channels->count ? bsearch(name, channels->items, channels->count, sizeof *channels->items, compare)
                           : NULL;
}

bool channels_take(struct channels *channels) {
    bool any = false;
    for (uint32_t i = 0; i < channels->count; i++) {
        struct channel *channel = &channels->items[i];
        channel->taken = channel->heard;
        channel->heard = false;
        any |= channel->taken;
    }
    channels->told = false;
    return any;
}
