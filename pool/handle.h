/*
 * Runs and sessions are named by index and generation, so a late answer finds nothing instead of freed
 * memory.
 */
#ifndef POOL_HANDLE_H
#define POOL_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

struct handle {
    uint32_t index;
    uint32_t generation; /* 0 names nothing */
};

#define HANDLE_NONE ((struct handle){0, 0})

static inline bool handle_is(struct handle a, struct handle b) {
    return a.index == b.index && a.generation == b.generation;
}

#endif
