/*
 * The SQL of a chain of pg_timetable as one text: its tasks in their order, each once for each of its rows of
 * parameters, which are put into it.
 */
#ifndef SCHEDULER_IMPORT_CHAIN_SQL_H
#define SCHEDULER_IMPORT_CHAIN_SQL_H

#include <stdbool.h>

#include "scheduler/import/table.h"
#include "tasks/text.h"

/* Columns of the table of parameters: sorted by them. A row that has no value of its own has no number. */
enum parameter_column {
    PARAMETER_TASK,
    PARAMETER_ROW,
    PARAMETER_NUMBER,
    PARAMETER_VALUE,
    PARAMETER_IS_NULL,
    PARAMETER_COLUMNS
};

/* How often a task is run with parameters of its own: how many rows it has. */
uint32_t chain_sql_rows(const struct table *parameters, const char *task_id);

/* The values of one of these rows. */
struct parameters {
    const struct table *table;
    uint32_t first, count; /* rows of the table */
};

struct parameters chain_sql_parameters(const struct table *parameters, const char *task_id, uint32_t row);

/* Adds a task's command, ended with a semicolon and a newline, as often as it is run. False: it takes a
 * parameter that it has not. */
bool chain_sql_add(struct text *sql, const struct table *parameters, const char *task_id,
                   const char *command);

/* Adds name as SQL has it: "name". */
void chain_sql_add_name(struct text *sql, const char *name);

#endif
