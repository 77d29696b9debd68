/* How long a read takes that misses a processor's own caches, in ns, of 4 MiB: 10 to 30 where the last-level cache
 * holds them, more than 100 while others on the same hardware take it. Prints the median of passes in 0.2 s. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LINE_BYTES 64
#define LINES      (4 * 1024 * 1024 / LINE_BYTES)
#define PASSES     200
#define LASTS_NS   INT64_C(200000000)

struct line {
    struct line *next;
    char rest[LINE_BYTES - sizeof(struct line *)];
};

static struct line lines[LINES];

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* One ring through all lines, in an order that no prefetcher guesses (Sattolo). */
static void link_lines(void) {
    static uint32_t order[LINES];
    for (uint32_t i = 0; i < LINES; i++)
        order[i] = i;
    for (uint32_t i = LINES - 1; i > 0; i--) {
        uint32_t other = (uint32_t)(random() % i), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (uint32_t i = 0; i < LINES; i++)
        lines[i].next = &lines[order[i]];
}

static struct line *pass(struct line *at) {
    for (uint32_t i = 0; i < LINES; i++)
        at = at->next;
    return at;
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(void) {
    static int64_t took_ns[PASSES];
    size_t count = 0;
    link_lines();
    struct line *at = pass(lines);
    for (int64_t begun_ns = now_ns(), from_ns = begun_ns; count < PASSES && from_ns - begun_ns < LASTS_NS; count++) {
        at = pass(at);
        took_ns[count] = now_ns() - from_ns;
        from_ns += took_ns[count];
    }
    qsort(took_ns, count, sizeof *took_ns, by_size);
    printf("%ld\n", (long)(took_ns[count / 2] / LINES));
    return at == NULL;
}
