/*
 * What the unit tests share: cmocka with what it needs before it, a taskset from the text of an ini file, and
 * faults as text. Nothing here knows a clock.
 */
#ifndef TESTS_UNIT_HELPER_H
#define TESTS_UNIT_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "tasks/config.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A text in a table with its length, so that it may hold a NUL. */
#define BYTES(literal) (literal), sizeof(literal) - 1

/* For texts of a certain length. */
#define X10  "xxxxxxxxxx"
#define X40  X10 X10 X10 X10
#define X50  X40 X10
#define X100 X50 X50

/* A reader for sql_file that finds the same text in any file but "missing.sql", which is not there. */
config_file_reader helper_read_file;

/* With it, and zones of all names but "No/Zone", an hour east of UTC. */
extern const struct config_files helper_files;

/* One reference, to unref. A fault fails the test and is shown. */
struct taskset *helper_taskset(const char *ini);

/* Fails unless there is exactly one fault, on that line, and its message holds the piece. name: the row's. */
void helper_expect_fault(const char *name, const struct faults *faults, uint32_t line, const char *piece);

/* Fails, showing them, if there are faults. */
void helper_expect_no_fault(const char *name, const struct faults *faults);

/* $HEADGATE_SOURCE_ROOT/path, all of it, to free(); NULL where there is no such file. */
char *helper_source_file(const char *path, size_t *ret_bytes);

/* A disk that refuses what would make a file larger than this; RLIM_INFINITY: none does. */
void helper_limit_files(rlim_t bytes);

/* As assert_string_equal, but shows both in full. */
void helper_expect_text(const char *name, const char *actual, const char *expected);

#endif
