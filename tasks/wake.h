/*
 * `wake`: the channels whose notifications make a task due; and of a whole file, which tasks a channel wakes.
 */
#ifndef TASKS_WAKE_H
#define TASKS_WAKE_H

#include "tasks/arena.h"
#include "tasks/task.h"
#include "tasks/text.h"

/* PostgreSQL's identifiers have no more bytes, and neither has a channel. */
#define CHANNEL_BYTES_MAX 63

/* Of one pool: each is a LISTEN of its own, and all of them go out at once. */
#define CHANNELS_MAX 500

struct wake {
    const char **channels; /* without their like; as LISTEN has them in double quotes */
    uint32_t channel_count;
    int64_t most_every_us; /* from the start of one run to that of one that is woken; 0: no bound */
};

/* The channels of a list like "new_mail, new_order", owned by the arena. NULL after adding to `error` what is
 * wrong, as a clause to follow the key's name. */
struct wake *wake_read(const char *list, struct arena *arena, struct text *error)
    __attribute__((warn_unused_result));

struct wake_entry {
    uint32_t pool; /* an index, as `task` */
    const char *channel;
    uint32_t task;
};

/* Sorted by pool, then by channel, then by task. */
struct wakes {
    const struct wake_entry *items;
    uint32_t count;
};

/* Of the tasks that are enabled. In the arena; the channels are borrowed from the tasks. */
struct wakes wakes_collect(const struct task *tasks, uint32_t task_count, struct arena *arena);

/* Part of it. */
struct wakes wakes_of_pool(struct wakes wakes, uint32_t pool);
struct wakes wakes_of_channel(struct wakes wakes, uint32_t pool, const char *channel);

/* How many items at its front have the channel of the first; 0: it is empty. */
uint32_t wakes_alike(struct wakes wakes);

/* Different ones. */
uint32_t wakes_channel_count(struct wakes of_pool);

/* Whether these are the same channels, whatever tasks they wake. */
bool wakes_same_channels(struct wakes of_pool, struct wakes of_another);

#endif
