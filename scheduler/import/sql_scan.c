#include "scheduler/import/sql_scan.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_in_line(char c) {
    return c != '\n' && c != '\r';
}

static bool is_letter(char c) {
    return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_in_word(char c) {
    return is_letter(c) || isdigit((unsigned char)c) || c == '$' || c == '.';
}

/* Each returns where the piece that begins at `at` ends. */

/* NULL: it has no end. */
static const char *end_of_comment(const char *at, const char *end) {
    int depth = 0;
    do {
        if (end - at >= 2 && at[0] == '/' && at[1] == '*') {
            depth++;
            at += 2;
        } else if (end - at >= 2 && at[0] == '*' && at[1] == '/') {
            depth--;
            at += 2;
        } else {
            at++;
        }
    } while (depth > 0 && at < end);
    return depth == 0 ? at : NULL;
}

/* Behind the quote that ends what begins behind `at`; NULL: there is none. */
static const char *end_of_quote(const char *at, const char *end, bool has_escapes) {
    char quote = *at;
    for (at++; at < end; at++) {
        if (has_escapes && *at == '\\')
            at++;
        else if (*at == quote && at + 1 < end && at[1] == quote)
            at++;
        else if (*at == quote)
            return at + 1;
    }
    return NULL;
}

/* How long a $tag$ at `at` is; 0: there is none. */
static size_t tag_length(const char *at, const char *end) {
    const char *last = at + 1;
    if (last < end && isdigit((unsigned char)*last))
        return 0;
    while (last < end && (is_letter(*last) || isdigit((unsigned char)*last)))
        last++;
    return last < end && *last == '$' ? (size_t)(last + 1 - at) : 0;
}

/* How many letters in front of a quote belong to it, as in E'x' and U&"x"; -1: no literal begins at `at`. */
static int prefix_length(const char *at, const char *end) {
    size_t left = (size_t)(end - at);
    if (*at == '\'' || *at == '"')
        return 0;
    if (left > 1 && strchr("eEbBxXnN", *at) && at[1] == '\'')
        return 1;
    if (left > 2 && (*at == 'u' || *at == 'U') && at[1] == '&' && (at[2] == '\'' || at[2] == '"'))
        return 2;
    return -1;
}

static void take_quote(struct sql_piece *piece, const char *end, int prefix) {
    bool has_escapes = prefix == 1 && (*piece->at == 'e' || *piece->at == 'E');
    const char *quote = piece->at + prefix, *behind = end_of_quote(quote, end, has_escapes);
    piece->length = (size_t)((behind ? behind : end) - piece->at);
    piece->kind = !behind                         ? SQL_OPEN
                  : has_escapes                   ? SQL_ESCAPES
                  : prefix == 0 && *quote == '\'' ? SQL_STRING
                                                  : SQL_QUOTED;
    piece->inside = quote + 1;
    piece->inside_length = behind ? (size_t)(behind - 1 - piece->inside) : 0;
}

static void take_dollar(struct sql_piece *piece, const char *end, size_t tag) {
    const char *close = memmem(piece->at + tag, (size_t)(end - piece->at) - tag, piece->at, tag);
    piece->kind = close ? SQL_DOLLAR : SQL_OPEN;
    piece->length = (size_t)((close ? close + tag : end) - piece->at);
    piece->inside = piece->at + tag;
    piece->inside_length = close ? (size_t)(close - piece->inside) : 0;
}

static void take_run(struct sql_piece *piece, const char *end, enum sql_kind kind, bool (*belongs)(char)) {
    const char *last = piece->at;
    while (last < end && belongs(*last))
        last++;
    piece->kind = kind;
    piece->length = (size_t)(last - piece->at);
}

bool sql_next(const char **at, const char *end, struct sql_piece *ret) {
    const char *from = *at;
    size_t left = (size_t)(end - from), tag;
    int prefix;
    if (left == 0)
        return false;
    *ret = (struct sql_piece){.at = from};
    if (is_blank(*from)) {
        take_run(ret, end, SQL_BLANKS, is_blank);
    } else if (left > 1 && from[0] == '-' && from[1] == '-') {
        take_run(ret, end, SQL_LINE_COMMENT, is_in_line);
    } else if (left > 1 && from[0] == '/' && from[1] == '*') {
        const char *behind = end_of_comment(from, end);
        ret->kind = behind ? SQL_BLOCK_COMMENT : SQL_OPEN;
        ret->length = behind ? (size_t)(behind - from) : left;
    } else if ((prefix = prefix_length(from, end)) >= 0) {
        take_quote(ret, end, prefix);
    } else if (*from == '$' && (tag = tag_length(from, end)) > 0) {
        take_dollar(ret, end, tag);
    } else if (is_in_word(*from)) {
        take_run(ret, end, SQL_WORD, is_in_word);
    } else {
        ret->kind = SQL_SIGN;
        ret->length = 1;
    }
    *at = from + ret->length;
    return true;
}

bool sql_is_word(const struct sql_piece *piece, const char *word) {
    return piece->kind == SQL_WORD && piece->length == strlen(word) &&
           strncasecmp(piece->at, word, piece->length) == 0;
}
