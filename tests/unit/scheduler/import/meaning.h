/*
 * What SQL means to the server, in one spelling: its pieces without blanks and comments, literals by what is in them,
 * and those that stand behind each other as one. Of two texts with the same meaning one may stand for the other.
 */
#ifndef TESTS_UNIT_SCHEDULER_IMPORT_MEANING_H
#define TESTS_UNIT_SCHEDULER_IMPORT_MEANING_H

#include <string.h>

#include "scheduler/import/sql_scan.h"
#include "tasks/text.h"

static inline void add_decoded(struct text *text, const struct sql_piece *piece) {
    for (size_t i = 0; i < piece->inside_length; i++) {
        const char *at = piece->inside + i;
        if (piece->kind == SQL_ESCAPES && *at == '\\') {
            int byte = strncmp(at, "\\x0b", 4) == 0 ? '\v' : strncmp(at, "\\x3b", 4) == 0 ? ';' : 0;
            i += byte ? 3 : 1;
            const char *letters = "nrf", *letter = at[1] ? strchr(letters, at[1]) : NULL;
            text_add(text, "%c", byte ? byte : letter ? "\n\r\f"[letter - letters] : at[1]);
        } else {
            i += piece->kind != SQL_DOLLAR && *at == '\'';
            text_add(text, "%c", *at);
        }
    }
}

/* What the server makes of it, in one spelling. */
static inline void add_meaning(const char *sql, const char *end, bool in_code, struct text *text) {
    struct sql_piece piece;
    bool in_literal = false, escapes = false;
    while (sql_next(&sql, end, &piece)) {
        if (piece.kind <= SQL_BLOCK_COMMENT)
            continue;
        bool joins = in_literal && piece.kind == SQL_STRING;
        if (joins && escapes)
            piece.kind = SQL_ESCAPES;
        text_add(text, joins ? "%s" : "%s|", "");
        in_literal = piece.kind == SQL_STRING || piece.kind == SQL_ESCAPES || (piece.kind == SQL_DOLLAR && !in_code);
        escapes = piece.kind == SQL_ESCAPES;
        if (in_literal)
            add_decoded(text, &piece);
        else if (piece.kind == SQL_DOLLAR)
            add_meaning(piece.inside, piece.inside + piece.inside_length, false, text);
        else
            text_add(text, "%.*s", (int)piece.length, piece.at);
    }
}

#endif
