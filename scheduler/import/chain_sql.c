#include "scheduler/import/chain_sql.h"

#include <stdlib.h>

#include "scheduler/import/sql_scan.h"

static bool is_same(const struct table *table, uint32_t row, enum parameter_column column, const char *text) {
    return strcmp(table_get(table, row, (int)column), text) == 0;
}

/* The first row of the task, or of one behind it: they are sorted by its number. */
static uint32_t first_row(const struct table *parameters, const char *task_id) {
    long long wanted = strtoll(task_id, NULL, 10);
    uint32_t low = 0, high = parameters->row_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (strtoll(table_get(parameters, middle, PARAMETER_TASK), NULL, 10) < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_of(const struct table *parameters, uint32_t row, const char *task_id) {
    return row < parameters->row_count && is_same(parameters, row, PARAMETER_TASK, task_id);
}

uint32_t chain_sql_rows(const struct table *parameters, const char *task_id) {
    const char *last = "";
    uint32_t count = 0;
    for (uint32_t i = first_row(parameters, task_id); is_of(parameters, i, task_id); i++) {
        count += !is_same(parameters, i, PARAMETER_ROW, last);
        last = table_get(parameters, i, PARAMETER_ROW);
    }
    return count;
}

struct parameters chain_sql_parameters(const struct table *parameters, const char *task_id, uint32_t row) {
    struct parameters found = {.table = parameters};
    const char *last = "";
    uint32_t count = 0;
    for (uint32_t i = first_row(parameters, task_id); is_of(parameters, i, task_id); i++) {
        count += !is_same(parameters, i, PARAMETER_ROW, last);
        last = table_get(parameters, i, PARAMETER_ROW);
        if (count != row + 1 || is_same(parameters, i, PARAMETER_NUMBER, ""))
            continue;
        found.first = found.count ? found.first : i;
        found.count++;
    }
    return found;
}

static void add_literal(struct text *sql, const char *value) {
    text_add(sql, "'");
    for (; *value; value++)
        text_add(sql, *value == '\'' ? "''" : "%c", *value);
    text_add(sql, "'");
}

/* $1 becomes the first value. */
static bool add_piece(struct text *sql, const struct sql_piece *piece, const struct parameters *parameters) {
    bool is_parameter = piece->kind == SQL_WORD && piece->length > 1 && *piece->at == '$';
    if (!is_parameter) {
        text_add_bytes(sql, piece->at, piece->length);
        return true;
    }
    unsigned long number = strtoul(piece->at + 1, NULL, 10);
    if (number < 1 || number > parameters->count)
        return false;
    uint32_t row = parameters->first + (uint32_t)number - 1;
    if (table_flag(parameters->table, row, PARAMETER_IS_NULL))
        text_add(sql, "NULL");
    else
        add_literal(sql, table_get(parameters->table, row, PARAMETER_VALUE));
    return true;
}

static bool add_once(struct text *sql, const char *command, const struct parameters *parameters) {
    struct sql_piece piece, last = {.kind = SQL_BLANKS};
    bool right = true, ends = false;
    for (const char *at = command, *end = command + strlen(command); right && sql_next(&at, end, &piece);) {
        right = add_piece(sql, &piece, parameters);
        if (piece.kind > SQL_BLOCK_COMMENT)
            ends = piece.kind == SQL_SIGN && *piece.at == ';';
        last = piece;
    }
    /* a comment would swallow what stands behind it on its line */
    text_add(sql, "%s%s\n", last.kind == SQL_LINE_COMMENT ? "\n" : "", ends ? "" : ";");
    return right;
}

bool chain_sql_add(struct text *sql, const struct table *parameters, const char *task_id,
                   const char *command) {
    uint32_t rows = chain_sql_rows(parameters, task_id), row = 0;
    bool right = true;
    do {
        struct parameters values = chain_sql_parameters(parameters, task_id, row);
        right &= add_once(sql, command, &values);
    } while (++row < rows);
    return right;
}

void chain_sql_add_name(struct text *sql, const char *name) {
    text_add(sql, "\"");
    for (; *name; name++)
        text_add(sql, *name == '"' ? "\"\"" : "%c", *name);
    text_add(sql, "\"");
}
