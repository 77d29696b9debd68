/*
 * A queue of ids by instant: a heap that knows where each id is, so it can be moved or taken out.
 * Ties go to the lower id, so the order never depends on the heap's history.
 */
#ifndef SCHEDULER_CORE_DUE_H
#define SCHEDULER_CORE_DUE_H

#include <stdbool.h>
#include <stdint.h>

/* Four to a parent: half as deep as two, and what a million entries cost is the misses of the cache on the
 * way. The second to come is one of entries[1] to entries[DUE_CHILDREN]. */
#define DUE_CHILDREN 4

struct due_entry {
    int64_t at;  /* what it is sorted by, mostly an instant in us */
    uint32_t id; /* below the capacity of positions */
};

struct due {
    struct due_entry *entries;
    uint32_t *positions; /* by id: 1 + index into entries, 0 when absent */
    uint32_t count;
};

/* Memory for `capacity` ids, none of it touched before use. Ends the program when there is none. */
void due_init(struct due *due, uint32_t capacity);
void due_finish(struct due *due);

/* Puts the id in, or moves it. */
void due_set(struct due *due, uint32_t id, int64_t at);

/* Takes the id out; nothing happens when it is not in. */
void due_remove(struct due *due, uint32_t id);

static inline bool due_has(const struct due *due, uint32_t id) {
    return due->positions[id] != 0;
}

/* The earliest; NULL when empty. Valid until the next change. */
static inline const struct due_entry *due_first(const struct due *due) {
    return due->count ? &due->entries[0] : 0;
}

#endif
