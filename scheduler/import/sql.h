/*
 * SQL of others as a value of the ini file. That reader joins a value's lines without their indentation, cuts
 * lines at 198 bytes and at a blank before a semicolon, and takes lines that begin with # for comments. So
 * what stands between literals is set anew in lines, and a literal that no line can hold becomes several,
 * which the server joins. Comments stay where they can.
 */
#ifndef SCHEDULER_IMPORT_SQL_H
#define SCHEDULER_IMPORT_SQL_H

#include <stdbool.h>

#include "tasks/text.h"

/* Adds key = sql, which means the same to the server. False, and nothing is added, where that cannot be
 * written, or where there is nothing but comments. */
bool sql_print(struct text *page, const char *key, const char *sql) __attribute__((warn_unused_result));

/*
 * Whether the server refuses the text within a transaction, or might: VACUUM, CREATE INDEX CONCURRENTLY and
 * their like, procedures, blocks and texts that say COMMIT.
 */
bool sql_wants_no_transaction(const char *sql);

#endif
