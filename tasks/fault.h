/*
 * What is wrong with an ini file: every fault in one go, each with its line, in the order of the lines.
 */
#ifndef TASKS_FAULT_H
#define TASKS_FAULT_H

#include <stddef.h>
#include <stdint.h>

#include "tasks/text.h"

struct fault {
    uint32_t line; /* 1 is the first; 0: the file as a whole */
    char *message; /* what is wrong, and what would be right */
};

struct faults {
    struct fault *items;
    size_t count; /* kept up to FAULTS_MAX */
    size_t left_off_count;
};

#define FAULTS_MAX 100 /* more than anybody mends in one go */

void fault_add(struct faults *faults, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One line a fault, "path:line: message"; the last line says how many were left off. */
void faults_print(const struct faults *faults, const char *path, struct text *text);

void faults_finish(struct faults *faults);

#endif
