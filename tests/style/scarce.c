/* Preloaded into a program: its allocation number SCARCE_AT fails. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

static long count, at; /* 0: not yet */

/* Not by the first who asks: the linker allocates before there is an environment. */
__attribute__((constructor)) static void begin(void) {
    const char *said = getenv("SCARCE_AT");
    at = said ? strtol(said, NULL, 10) : 0;
}

static int fails(void) {
    return at && __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) == at;
}

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t items, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);

void *malloc(size_t bytes) {
    if (!fails())
        return __libc_malloc(bytes);
    errno = ENOMEM;
    return NULL;
}

void *calloc(size_t items, size_t bytes) {
    if (!fails())
        return __libc_calloc(items, bytes);
    errno = ENOMEM;
    return NULL;
}

void *realloc(void *memory, size_t bytes) {
    if (!fails())
        return __libc_realloc(memory, bytes);
    errno = ENOMEM;
    return NULL;
}
