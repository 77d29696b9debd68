/*
 * Memory that lives and dies together: the texts and tables of one ini file.
 * Nothing is freed by itself; arena_finish() frees all. A failed allocation ends the program (there is no
 * useful way on without the configuration, and this happens at load and reload only).
 */
#ifndef TASKS_ARENA_H
#define TASKS_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_block *blocks; /* newest first */
};

/* Zeroed, aligned for any type. Owned by the arena. */
void *arena_alloc(struct arena *arena, size_t bytes);

/* A copy of the first bytes of text, ended with NUL. Owned by the arena. */
char *arena_text(struct arena *arena, const char *text, size_t bytes);

/* Frees everything; the arena is empty and usable afterwards. Accepts a zeroed arena. */
void arena_finish(struct arena *arena);

#endif
