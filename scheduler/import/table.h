/*
 * Rows of texts, as a database answered a question of ours.
 */
#ifndef SCHEDULER_IMPORT_TABLE_H
#define SCHEDULER_IMPORT_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct table {
    const char **cells; /* row by row; "" of NULL. Borrowed */
    uint32_t row_count;
    int column_count;
};

/* A question: what the texts of its answer mean is known where it is printed. */
struct question {
    const char *sql;
    int column_count;
    const char *missing; /* a sentence for where the tables are not there */
};

static inline const char *table_get(const struct table *table, uint32_t row, int column) {
    return table->cells[(uint64_t)row * (uint64_t)table->column_count + (uint64_t)column];
}

/* As the server writes a boolean, alone or in JSON. */
static inline bool table_flag(const struct table *table, uint32_t row, int column) {
    const char *text = table_get(table, row, column);
    return strcmp(text, "t") == 0 || strcmp(text, "true") == 0;
}

#endif
