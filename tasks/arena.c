/*
 * Blocks of 64 KiB, each handed out from its start; what does not fit in one gets a block of its own.
 */
#include "tasks/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)64 * 1024) /* some hundred tasks */

struct arena_block {
    struct arena_block *next;
    size_t used_bytes;
    size_t size_bytes;
    alignas(max_align_t) unsigned char bytes[];
};

void *arena_alloc(struct arena *arena, size_t bytes) {
    size_t align = alignof(max_align_t);
    size_t rounded = (bytes + align - 1) / align * align;
    struct arena_block *block = arena->blocks;
    if (!block || block->size_bytes - block->used_bytes < rounded) {
        size_t size = rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES;
        block = calloc(1, sizeof *block + size);
        if (!block)
            abort();
        block->size_bytes = size;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *result = block->bytes + block->used_bytes;
    block->used_bytes += rounded;
    return result;
}

char *arena_text(struct arena *arena, const char *text, size_t bytes) {
    char *copy = arena_alloc(arena, bytes + 1);
    memcpy(copy, text, bytes);
    return copy;
}

void arena_finish(struct arena *arena) {
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
}
