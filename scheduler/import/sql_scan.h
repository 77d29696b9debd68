/*
 * SQL in pieces, as PostgreSQL's own scanner cuts it (documentation, "Lexical Structure"), with
 * standard_conforming_strings = on: what is a literal, what a comment, and what the rest. It says nothing of
 * what they mean.
 */
#ifndef SCHEDULER_IMPORT_SQL_SCAN_H
#define SCHEDULER_IMPORT_SQL_SCAN_H

#include <stdbool.h>
#include <stddef.h>

enum sql_kind {
    SQL_BLANKS,
    SQL_LINE_COMMENT,  /* without the newline that ends it */
    SQL_BLOCK_COMMENT, /* with those in it */
    SQL_STRING,        /* 'it''s' */
    SQL_ESCAPES,       /* E'it\'s' */
    SQL_DOLLAR,        /* $$ ... $$ */
    SQL_QUOTED,        /* "x", U&'x', B'1' */
    SQL_OPEN,          /* a literal or a comment without an end */
    SQL_WORD,          /* a name, a keyword, a number, a parameter */
    SQL_SIGN,          /* one character of what is left */
};

struct sql_piece {
    enum sql_kind kind;
    const char *at;
    size_t length;
    const char *inside; /* of a literal: what stands between its quotes */
    size_t inside_length;
};

/* The next piece of what stands in *at..end, which *at passes. False: that is its end. */
bool sql_next(const char **at, const char *end, struct sql_piece *ret);

/* Whether the piece is this word, in lower case, however it is written. */
bool sql_is_word(const struct sql_piece *piece, const char *word);

#endif
