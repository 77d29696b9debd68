/*
 * What is due, for the second opinion: of each line "ZONE\tFROM\tUNTIL\tEXPRESSION" on stdin, FROM and UNTIL in seconds of
 * unix time and included, prints a line of the instants; or "! " and what is wrong with the expression.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/calendar.h"
#include "tasks/calendar_parse.h"

#define FOLDER "/usr/share/zoneinfo/"

static struct arena arena;

static const struct zone *zone_of(const char *name) {
    static const struct zone *zones[100];
    static unsigned char bytes[ZONE_FILE_BYTES_MAX];
    char path[200];
    struct text wrong = {0};
    size_t i = 0;
    for (; zones[i]; i++)
        if (strcmp(zone_name(zones[i]), name) == 0)
            return zones[i];
    snprintf(path, sizeof path, FOLDER "%s", name);
    FILE *file = fopen(path, "rb");
    if (!file || i == sizeof zones / sizeof *zones - 1)
        exit(1);
    zones[i] = zone_parse(name, bytes, fread(bytes, 1, sizeof bytes, file), &arena, &wrong);
    fclose(file);
    if (!zones[i])
        exit(1);
    return zones[i];
}

static void print_due(const struct calendar *calendar, const struct zone *zone, int64_t from_s, int64_t until_s) {
    struct wall at = {from_s * US_PER_S - 1};
    while ((at = calendar_next(calendar, zone, at)).us <= until_s * US_PER_S)
        printf("%" PRId64 " ", at.us / US_PER_S);
    printf("\n");
}

int main(void) {
    static char line[2000];
    while (fgets(line, sizeof line, stdin)) {
        char name[100], expression[1000];
        int64_t from_s, until_s;
        struct calendar calendar;
        struct text wrong = {0};
        if (sscanf(line, "%99[^\t]\t%" SCNd64 "\t%" SCNd64 "\t%999[^\n]", name, &from_s, &until_s, expression) != 4)
            return 1;
        if (calendar_parse(expression, &calendar, &wrong))
            print_due(&calendar, zone_of(name), from_s, until_s);
        else
            printf("! %s\n", wrong.bytes);
        text_finish(&wrong);
        fflush(stdout);
    }
    arena_finish(&arena);
    return 0;
}
