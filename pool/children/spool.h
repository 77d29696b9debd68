/*
 * Bytes on their way from one stage of a run to the next: added at the end, read from the start as often as
 * needed. In memory while they are few; then in a file without a name, which is gone when the daemon is,
 * however it ends.
 */
#ifndef POOL_CHILDREN_SPOOL_H
#define POOL_CHILDREN_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tasks/text.h"

/* Above this a spool goes to disk; and each new one does while all together have SPOOL_MEMORY_ALL. */
#define SPOOL_MEMORY_BYTES ((size_t)256 * 1024)
#define SPOOL_MEMORY_ALL   ((size_t)64 * 1024 * 1024)

/* What all spools of the daemon share. */
struct spool_place {
    const char *directory; /* of the files; borrowed */
    size_t memory_bytes;   /* held by all of them now */
};

struct spool {
    struct spool_place *place;
    char *memory; /* until the file has them */
    size_t memory_capacity;
    int fd; /* of the file, or -1 */
    uint64_t bytes_count;
};

void spool_init(struct spool *spool, struct spool_place *place);

/* Adds to it. False: the disk refused; `error` says what and where, and the spool is as it was before. */
bool spool_add(struct spool *spool, const char *bytes, size_t bytes_count, struct text *error);

/* Up to bytes_most from `offset`; 0 at the end; -1 with `error` when the disk fails. */
long spool_read(const struct spool *spool, uint64_t offset, char *into, size_t bytes_most,
                struct text *error);

/*
 * A descriptor that reads it from its start, for a child's stdin; the caller closes it. Nothing may be added
 * any more, and only one at a time may be in use. -1 with `error`.
 */
int spool_open(const struct spool *spool, struct text *error);

/* What `from` holds goes to the end of `to`; `from` is empty then. False as spool_add(). */
bool spool_move(struct spool *to, struct spool *from, struct text *error);

/* Empties it and gives back its memory and file; it may be used again. Accepts what is zeroed. */
void spool_clear(struct spool *spool);

#endif
