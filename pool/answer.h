/*
 * The one place that reads what a server answered to a question of ours. It may be no PostgreSQL at all, or
 * one that lies: its shape and each value's range are checked here, so that a mismatch is a failed look, of a
 * failed look's own meaning, and never a crash or a number that nobody sent.
 */
#ifndef POOL_ANSWER_H
#define POOL_ANSWER_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "tasks/text.h"

/* MAX_BACKENDS of PostgreSQL's postmaster.h: no server has more sessions, nor counts more. */
#define ANSWER_BACKENDS_MOST 262143

struct answer {
    const PGresult *result; /* borrowed */
    char wrong[160];        /* the first thing that is not as it was asked for; "": none so far */
};

/* Of any number of rows up to rows_most; NULL is an answer with something wrong, too. */
bool answer_open(struct answer *answer, const PGresult *result, int columns, int rows_least, int rows_most);

/* What is wrong beyond that; only the first is kept. Returns false. */
bool answer_refuse(struct answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));

int answer_rows(const struct answer *answer); /* 0 when anything is wrong */

/* Once anything is wrong these return what NULL is read as. NULL is right where nothing else is said. */
bool answer_is_null(const struct answer *answer, int row, int column);
const char *answer_text(const struct answer *answer, int row, int column); /* "" of NULL; borrowed */
bool answer_flag(const struct answer *answer, int row, int column);        /* false of NULL */
/* NULL is wrong. `least` once anything is. */
int64_t answer_number(struct answer *answer, int row, int column, int64_t least, int64_t most);
int64_t answer_number_or(struct answer *answer, int row, int column, int64_t of_null);
/* Seconds, of a few thousand years at most; 0 of NULL. */
double answer_seconds(struct answer *answer, int row, int column);

/* A whole number in decimal and nothing else, within its bounds. */
bool answer_parse(const char *text, int64_t least, int64_t most, int64_t *ret_number);

/* A copy of a field of an error or a notice, cut (text.h), to free(); NULL: it has none. */
char *answer_field(const PGresult *result, int field);

/* Adds lines: what libpq or the server said of a failure. */
void answer_say_error(struct text *text, const char *before, const char *message);

#endif
