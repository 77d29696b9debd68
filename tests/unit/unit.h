/*
 * What every unit test needs: cmocka with the headers that it wants before itself, and how to ask for a fault.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tasks/fault.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Bytes to build long lines of. */
#define A10  "aaaaaaaaaa"
#define A50  A10 A10 A10 A10 A10
#define A200 A50 A50 A50 A50

static inline bool has_fault(const struct faults *faults, uint32_t line, const char *piece) {
    for (size_t i = 0; i < faults->count; i++)
        if (faults->items[i].line == line && strstr(faults->items[i].message, piece))
            return true;
    return false;
}

static inline void print_faults(const struct faults *faults, const char *where) {
    struct text text = {0};
    faults_print(faults, where, &text);
    print_error("%s", text.bytes ? text.bytes : "no fault\n");
    text_finish(&text);
}

#endif
