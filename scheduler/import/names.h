/*
 * Names for what is imported: of the letters that a task's or a pool's name may have, short enough, and each
 * one only once.
 */
#ifndef SCHEDULER_IMPORT_NAMES_H
#define SCHEDULER_IMPORT_NAMES_H

#include <stdint.h>

#include "tasks/arena.h"

struct name_taken;

/* Zeroed is empty. All is in the arena. */
struct names {
    struct arena *arena;
    struct name_taken **heads; /* a hash table */
    uint32_t head_count, count;
};

/* The name that comes near what is wanted; "job" where nothing of that can be in a name. Owned by the arena.
 */
const char *names_take(struct names *names, const char *wanted);

#endif
