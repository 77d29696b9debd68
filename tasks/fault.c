/*
 * A list that keeps itself sorted by line: faults are found in several passes and read from top to bottom.
 */
#include "tasks/fault.h"

#include <stdlib.h>
#include <string.h>

void fault_add(struct faults *faults, uint32_t line, const char *format, ...) {
    if (faults->count == FAULTS_MAX) {
        faults->left_off_count++;
        return;
    }
    if (!faults->items) {
        faults->items = calloc(FAULTS_MAX, sizeof *faults->items);
        if (!faults->items)
            abort();
    }
    struct text text = {0};
    va_list arguments;
    va_start(arguments, format);
    text_addv(&text, format, arguments);
    va_end(arguments);

    size_t at = faults->count;
    while (at > 0 && faults->items[at - 1].line > line)
        at--;
    memmove(&faults->items[at + 1], &faults->items[at], (faults->count - at) * sizeof *faults->items);
    faults->items[at] = (struct fault){line, text.bytes};
    faults->count++;
}

void faults_print(const struct faults *faults, const char *path, struct text *text) {
    for (size_t i = 0; i < faults->count; i++) {
        if (faults->items[i].line)
            text_add_line(text, "%s:%u: %s", path, faults->items[i].line, faults->items[i].message);
        else
            text_add_line(text, "%s: %s", path, faults->items[i].message);
    }
    if (faults->left_off_count)
        text_add_line(text, "%s: and %zu more", path, faults->left_off_count);
}

void faults_finish(struct faults *faults) {
    for (size_t i = 0; i < faults->count; i++)
        free(faults->items[i].message);
    free(faults->items);
    *faults = (struct faults){0};
}
