/*
 * One row of a result as one line of JSON, from the texts that the server sent. Types are kept where JSON
 * has them: booleans, numbers that no reader rounds, null, json and jsonb, arrays of built-in types; all else
 * is a string. The line is valid UTF-8 and has one newline, its last byte, whatever the row holds.
 */
#ifndef POOL_CHILDREN_JSON_ROW_H
#define POOL_CHILDREN_JSON_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tasks/text.h"

struct json_column {
    const char *name;
    uint32_t type;     /* the OID of its type, as in PostgreSQL's pg_type.dat */
    const char *value; /* its text, NUL-ended; NULL: null */
    size_t value_bytes;
};

/* The first name that an earlier column has, too; NULL: all differ. Borrowed from the columns. */
const char *json_row_twice(const struct json_column *columns, size_t count);

/* Adds {"name":value,...} and a newline. */
void json_row_add(struct text *text, const struct json_column *columns, size_t count);

#endif
