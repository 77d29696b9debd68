/*
 * What the next instant of an expression of cron costs, on the clocks of Berlin: each expression from many
 * instants, and from the one that is furthest from its next, in time of the processor. Prints a row of the
 * bench's table.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tasks/calendar.h"
#include "tasks/calendar_parse.h"

#define CALLS 200000

static const char *const expressions[] = {
    "* * * * *",    "*/5 * * * *", "@hourly",    "30 6 * * mon-fri", "@daily",   "*/15 9-17 * * mon-fri",
    "0 2 1,15 * *", "0 0 L * *",   "0 0 LW * *", "0 9 * * fri#2",    "@monthly", "* * * * * *",
    "0 0 1 jan *",  "0 0 29 2 *",
};

#define COUNT (sizeof expressions / sizeof *expressions)

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static const struct zone *berlin(struct arena *arena) {
    static unsigned char bytes[ZONE_FILE_BYTES_MAX];
    struct text wrong = {0};
    FILE *file = fopen("/usr/share/zoneinfo/Europe/Berlin", "rb");
    if (!file)
        exit(1);
    const struct zone *zone =
        zone_parse("Europe/Berlin", bytes, fread(bytes, 1, sizeof bytes, file), arena, &wrong);
    fclose(file);
    return zone ? zone : zone_utc();
}

static double measure(const struct calendar *calendar, const struct zone *zone, int64_t from_s,
                      int64_t step_s) {
    int64_t last_us = 0; /* so that nothing is left out */
    double began_ns = now_ns();
    for (int64_t i = 0; i < CALLS; i++)
        last_us |= calendar_next(calendar, zone, (struct wall){(from_s + i * step_s) * US_PER_S}).us;
    double took_ns = now_ns() - began_ns;
    return last_us ? took_ns / CALLS : 0;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void) {
    struct arena arena = {0};
    struct text wrong = {0};
    const struct zone *zone = berlin(&arena);
    double ns[COUNT];
    struct calendar calendar;
    for (size_t i = 0; i < COUNT; i++) {
        if (!calendar_parse(expressions[i], &calendar, &wrong))
            return 1;
        ns[i] = measure(&calendar, zone, INT64_C(1796000000), 7919);
    }
    double furthest_ns =
        measure(&calendar, zone, INT64_C(3981571200), 0); /* 2096-03-03; the next is in 2104 */
    qsort(ns, COUNT, sizeof *ns, ascending);
    printf("| next instant of %zu expressions | %.0f ns at the median | %.0f ns of the slowest; `0 0 29 2 "
           "*`, eight years ahead: %.0f ns |\n",
           COUNT, ns[COUNT / 2], ns[COUNT - 1], furthest_ns);
    arena_finish(&arena);
    return 0;
}
