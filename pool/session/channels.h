/*
 * The channels that a pool's tasks are woken by, and which of them were heard since somebody asked. However
 * many notifications come, no more is kept of them than that.
 */
#ifndef POOL_SESSION_CHANNELS_H
#define POOL_SESSION_CHANNELS_H

#include <stdbool.h>

#include "tasks/wake.h"

struct channel {
    char *name;
    bool heard; /* a notification, or that nobody knows whether there was one: its tasks are to look */
    bool taken; /* it was heard when channels_take() was called last */
    bool seen;  /* the server says that the session listens to it; of the answer that is being read */
};

struct channels {
    struct channel *items; /* by name */
    uint32_t count;
    bool told; /* that something was heard: once, until it is taken */
};

/* Those of a new file; what was heard of one that stays is kept. */
void channels_follow(struct channels *channels, struct wakes of_pool);
void channels_finish(struct channels *channels);

/* NULL: it is none of them. */
struct channel *channels_find(const struct channels *channels, const char *name);

/* Takes what was heard: it is forgotten with that, but for `taken`. False: nothing was. */
bool channels_take(struct channels *channels);

#endif
