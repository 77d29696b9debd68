#include "scheduler/core/due.h"

#include <stdlib.h>

void due_init(struct due *due, uint32_t capacity) {
    *due = (struct due){
        .entries = calloc((size_t)capacity + 1, sizeof *due->entries),
        .positions = calloc((size_t)capacity + 1, sizeof *due->positions),
    };
    if (!due->entries || !due->positions)
        abort();
}

void due_finish(struct due *due) {
    free(due->entries);
    free(due->positions);
    *due = (struct due){0};
}

static bool before(const struct due_entry *a, const struct due_entry *b) {
    return a->at != b->at ? a->at < b->at : a->id < b->id;
}

static void place(struct due *due, uint32_t index, struct due_entry entry) {
    due->entries[index] = entry;
    due->positions[entry.id] = index + 1;
}

static void sift_up(struct due *due, uint32_t index, struct due_entry entry) {
    while (index > 0) {
        uint32_t parent = (index - 1) / DUE_CHILDREN;
        if (!before(&entry, &due->entries[parent]))
            break;
        place(due, index, due->entries[parent]);
        index = parent;
    }
    place(due, index, entry);
}

static uint32_t least_child(const struct due *due, uint32_t first) {
    uint32_t least = first, end = first + DUE_CHILDREN < due->count ? first + DUE_CHILDREN : due->count;
    for (uint32_t child = first + 1; child < end; child++)
        if (before(&due->entries[child], &due->entries[least]))
            least = child;
    return least;
}

static void sift_down(struct due *due, uint32_t index, struct due_entry entry) {
    for (uint32_t first; (first = DUE_CHILDREN * index + 1) < due->count;) {
        uint32_t child = least_child(due, first);
        if (!before(&due->entries[child], &entry))
            break;
        place(due, index, due->entries[child]);
        index = child;
    }
    place(due, index, entry);
}

static void settle(struct due *due, uint32_t index, struct due_entry entry) {
    if (index > 0 && before(&entry, &due->entries[(index - 1) / DUE_CHILDREN]))
        sift_up(due, index, entry);
    else
        sift_down(due, index, entry);
}

void due_set(struct due *due, uint32_t id, int64_t at) {
    uint32_t index = due->positions[id] ? due->positions[id] - 1 : due->count++;
    settle(due, index, (struct due_entry){at, id});
}

void due_remove(struct due *due, uint32_t id) {
    if (!due->positions[id])
        return;
    uint32_t index = due->positions[id] - 1;
    due->positions[id] = 0;
    due->count--;
    if (index < due->count)
        settle(due, index, due->entries[due->count]);
}
