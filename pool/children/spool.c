/*
 * Blocking reads and writes of a file that the page cache holds; the loop waits for them as for memory that
 * is paged in. Sockets and children are not this room's.
 */
#include "pool/children/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)64 * 1024)

static bool fail(const struct spool *spool, const char *what, struct text *error) {
    text_add(error, "cannot %s %s: %s", what, spool->place->directory, strerror(errno));
    return false;
}

void spool_init(struct spool *spool, struct spool_place *place) {
    *spool = (struct spool){.place = place, .fd = -1};
}

/* --- in memory --- */

static void free_memory(struct spool *spool) {
    assert(spool->place->memory_bytes >= spool->memory_capacity);
    spool->place->memory_bytes -= spool->memory_capacity;
    free(spool->memory);
    spool->memory = NULL;
    spool->memory_capacity = 0;
}

/* False: no more may be had. */
static bool reserve_memory(struct spool *spool, size_t more_bytes) {
    size_t used = (size_t)spool->bytes_count;
    if (more_bytes > SPOOL_MEMORY_BYTES - used)
        return false;
    size_t needed = used + more_bytes, capacity = spool->memory_capacity ? spool->memory_capacity : 4096;
    while (capacity < needed)
        capacity *= 2;
    size_t growth = capacity - spool->memory_capacity;
    if (growth == 0)
        return true;
    if (spool->place->memory_bytes + growth > SPOOL_MEMORY_ALL)
        return false;
    spool->memory = realloc(spool->memory, capacity);
    if (!spool->memory)
        abort();
    spool->memory_capacity = capacity;
    spool->place->memory_bytes += growth;
    return true;
}

/* --- in a file --- */

/* Nobody finds it by a name, and nobody has to delete it. */
static int open_nameless(const char *directory) {
    int fd = open(directory, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    struct text path = {0}; /* not every filesystem can do that */
    text_add(&path, "%s/headgate.XXXXXX", directory);
    fd = mkostemp(path.bytes, O_CLOEXEC);
    int why = errno;
    if (fd >= 0)
        unlink(path.bytes);
    text_finish(&path);
    errno = why;
    return fd;
}

/* False with errno. */
static bool write_all(int fd, const char *bytes, size_t bytes_count, uint64_t offset) {
    while (bytes_count > 0) {
        ssize_t put = pwrite(fd, bytes, bytes_count, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            errno = put == 0 ? ENOSPC : errno;
            return false;
        }
        bytes += put;
        bytes_count -= (size_t)put;
        offset += (uint64_t)put;
    }
    return true;
}

/* What a write that failed left behind its end takes room, and a child would read it. */
static bool cut_file(const struct spool *spool) {
    return ftruncate(spool->fd, (off_t)spool->bytes_count) == 0;
}

static bool to_file(struct spool *spool, struct text *error) {
    int fd = open_nameless(spool->place->directory);
    if (fd < 0)
        return fail(spool, "make a file in", error);
    if (!write_all(fd, spool->memory, (size_t)spool->bytes_count, 0)) {
        fail(spool, "keep it in", error);
        close(fd);
        return false;
    }
    free_memory(spool);
    spool->fd = fd;
    return true;
}

static bool add_to_file(struct spool *spool, const char *bytes, size_t bytes_count, struct text *error) {
    if (write_all(spool->fd, bytes, bytes_count, spool->bytes_count)) {
        spool->bytes_count += bytes_count;
        return true;
    }
    fail(spool, "keep it in", error);
    cut_file(spool); /* spool_open() tries again */
    return false;
}

/* --- both --- */

bool spool_add(struct spool *spool, const char *bytes, size_t bytes_count, struct text *error) {
    if (bytes_count == 0)
        return true;
    if (spool->fd < 0 && reserve_memory(spool, bytes_count)) {
        memcpy(spool->memory + spool->bytes_count, bytes, bytes_count);
        spool->bytes_count += bytes_count;
        return true;
    }
    if (spool->fd < 0 && !to_file(spool, error))
        return false;
    return add_to_file(spool, bytes, bytes_count, error);
}

long spool_read(const struct spool *spool, uint64_t offset, char *into, size_t bytes_most,
                struct text *error) {
    if (offset >= spool->bytes_count)
        return 0;
    if (bytes_most > spool->bytes_count - offset)
        bytes_most = (size_t)(spool->bytes_count - offset);
    if (spool->fd < 0) {
        memcpy(into, spool->memory + offset, bytes_most);
        return (long)bytes_most;
    }
    ssize_t got;
    do
        got = pread(spool->fd, into, bytes_most, (off_t)offset);
    while (got < 0 && errno == EINTR);
    if (got > 0 || bytes_most == 0)
        return (long)got;
    if (got == 0)
        errno = EIO; /* it was there */
    fail(spool, "read back what was kept in", error);
    return -1;
}

static int open_memory(const struct spool *spool, struct text *error) {
    int fd = memfd_create("headgate", MFD_CLOEXEC);
    if (fd >= 0 && write_all(fd, spool->memory, (size_t)spool->bytes_count, 0))
        return fd; /* pwrite() left its offset at the start */
    text_add(error, "cannot hand on %llu bytes in memory: %s", (unsigned long long)spool->bytes_count,
             strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

int spool_open(const struct spool *spool, struct text *error) {
    if (spool->fd < 0)
        return open_memory(spool, error);
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", spool->fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) /* no /proc; the offset is shared then, and ours is never used */
        fd = fcntl(spool->fd, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0 && cut_file(spool) && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    fail(spool, "open again what was kept in", error);
    if (fd >= 0)
        close(fd);
    return -1;
}

/* --- from one to the other --- */

static bool copy(struct spool *to, const struct spool *from, struct text *error) {
    if (from->fd < 0)
        return spool_add(to, from->memory, (size_t)from->bytes_count, error);
    char *chunk = malloc(CHUNK_BYTES);
    if (!chunk)
        abort();
    long got;
    bool added = true;
    for (uint64_t at = 0; (got = spool_read(from, at, chunk, CHUNK_BYTES, error)) > 0; at += (uint64_t)got) {
        added = spool_add(to, chunk, (size_t)got, error);
        if (!added)
            break;
    }
    free(chunk);
    return added && got == 0;
}

bool spool_move(struct spool *to, struct spool *from, struct text *error) {
    assert(to != from && to->place == from->place);
    if (to->bytes_count == 0) {
        spool_clear(to);
        *to = *from;
        spool_init(from, from->place);
        return true;
    }
    uint64_t before = to->bytes_count;
    if (!copy(to, from, error)) {
        to->bytes_count = before;
        if (to->fd >= 0)
            cut_file(to);
        return false;
    }
    spool_clear(from);
    return true;
}

void spool_clear(struct spool *spool) {
    if (!spool->place)
        return;
    free_memory(spool);
    if (spool->fd >= 0)
        close(spool->fd);
    spool_init(spool, spool->place);
}
