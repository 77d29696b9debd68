#include "scheduler/import/sql.h"

#include <ctype.h>
#include <string.h>

#include "scheduler/import/page.h"
#include "scheduler/import/sql_scan.h"
#include "tasks/inifile.h"

#define LINE_BYTES_MOST  (INIFILE_LINE_BYTES_MAX - PAGE_INDENT)
#define SPARE_BYTES      12  /* for what may not begin a line */
#define BROKEN_WIDTH     110 /* of the lines of what has to be broken */
#define PIECE_BYTES_MOST 100 /* of a literal */
#define INDENT_MOST      40
#define TAB_WIDTH        4

/* What stood before the next chunk. */
enum gap {
    GAP_NONE,   /* nothing, and nothing may */
    GAP_BREAK,  /* nothing, and a new line may */
    GAP_BLANK,  /* a blank or a new line */
    GAP_LINE,   /* a new line, or a blank where it may not begin one */
    GAP_NEEDED, /* a new line, or it means something else */
};

/* What was written last. */
enum after { AFTER_WORD, AFTER_LITERAL, AFTER_PARTS };

struct writer {
    struct text *out;
    struct text chunk; /* what may not be torn apart */
    enum gap gap;
    size_t column, width; /* of the line that is being written: without PAGE_INDENT */
    size_t indent, margin;
    enum after after;
    bool fails;
};

/* --- lines --- */

static void begin_line(struct writer *w) {
    if (w->out->bytes_count)
        text_add(w->out, "\n");
    text_add(w->out, "%*s", (int)(PAGE_INDENT + w->indent), "");
    w->column = w->indent;
}

/* inih would take such a line for a comment, or its reader for a section. */
static bool may_begin_line(const char *chunk) {
    return !strchr(";#[", *chunk);
}

static bool wants_line(const struct writer *w, const char *chunk, size_t length) {
    size_t blank = w->gap == GAP_BLANK;
    if (w->out->bytes_count == 0 || w->gap == GAP_NEEDED)
        return true;
    if (!may_begin_line(chunk))
        return false;
    return w->gap == GAP_LINE || (w->gap != GAP_NONE && w->column + blank + length > w->width);
}

static void place(struct writer *w, const char *chunk, size_t length) {
    if (length == 0)
        return;
    bool begins = wants_line(w, chunk, length);
    if (begins && !may_begin_line(chunk))
        w->fails = true;
    if (begins)
        begin_line(w);
    else if (w->gap >= GAP_BLANK && *chunk != ';') {
        text_add(w->out, " ");
        w->column++;
    }
    text_add_bytes(w->out, chunk, length);
    w->column += length;
    w->fails |= w->column > LINE_BYTES_MOST;
    w->gap = GAP_NONE;
}

static void flush(struct writer *w) {
    if (w->chunk.bytes_count)
        place(w, w->chunk.bytes, w->chunk.bytes_count);
    text_clear(&w->chunk);
}

static void set_gap(struct writer *w, enum gap gap) {
    flush(w);
    if (gap > w->gap)
        w->gap = gap;
}

/* Blanks, and what is on the line that begins behind them: a longer one has to be broken, and is then as
 * narrow as people like it. */
static void take_blanks(struct writer *w, const struct sql_piece *piece, const char *end) {
    const char *behind = piece->at + piece->length, *line = behind;
    size_t indent = 0;
    while (line > piece->at && line[-1] != '\n')
        line--;
    if (line == piece->at) { /* all of it on one line */
        set_gap(w, GAP_BLANK);
        return;
    }
    for (; line < behind; line++)
        indent += *line == '\t' ? TAB_WIDTH : 1;
    const char *newline = memchr(behind, '\n', (size_t)(end - behind));
    size_t length = (size_t)((newline ? newline : end) - behind);
    set_gap(w, GAP_LINE);
    indent = indent > w->margin ? indent - w->margin : 0;
    w->indent = indent < INDENT_MOST ? indent : INDENT_MOST;
    w->width =
        w->indent + length > LINE_BYTES_MOST - SPARE_BYTES ? BROKEN_WIDTH : LINE_BYTES_MOST - SPARE_BYTES;
}

/* --- literals --- */

/* What a line of the file can hold as it is. */
static bool is_safe(const char *at, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (strchr("\n\r\f\v", at[i]) || (at[i] == ';' && i > 0 && isspace((unsigned char)at[i - 1])))
            return false;
    return true;
}

/* The next character of a literal's inside: as it stands in a literal of the same kind, or with escapes. */
struct unit {
    size_t length;  /* of what stands there */
    char bytes[16]; /* what is written; "": that as it is */
};

static struct unit next_unit(const struct sql_piece *piece, const char *at, bool escape) {
    const char *end = piece->inside + piece->inside_length;
    size_t left = (size_t)(end - at);
    struct unit unit = {.length = 1};
    static const char controls[] = "\n\r\f\v", *const escapes[] = {"\\n", "\\r", "\\f", "\\x0b"};
    const char *control = strchr(controls, *at);
    if (piece->kind == SQL_ESCAPES && *at == '\\') { /* whatever it escapes, with its digits */
        unit.length = left > 1 ? 2 : 1;
        control = left > 1 ? strchr(controls, at[1]) : NULL;
        if (left > 1 && at[1] == '\'')
            strcpy(unit.bytes, "''");
        else if (control)
            strcpy(unit.bytes, escapes[control - controls]);
        while (!*unit.bytes && unit.length < left && unit.length < 10 &&
               isxdigit((unsigned char)at[unit.length]))
            unit.length++;
    } else if (*at == '\'') { /* '' but in $$ */
        unit.length = piece->kind == SQL_DOLLAR ? 1 : 2;
        strcpy(unit.bytes, "''");
    } else if (escape && control) {
        strcpy(unit.bytes, escapes[control - controls]);
    } else if (escape && piece->kind != SQL_ESCAPES && *at == '\\') {
        strcpy(unit.bytes, "\\\\");
    } else if (escape && *at == ';' && at > piece->inside && isspace((unsigned char)at[-1])) {
        strcpy(unit.bytes, "\\x3b");
    } else {
        while (unit.length < left && ((unsigned char)at[unit.length] & 0xC0) == 0x80)
            unit.length++;
    }
    return unit;
}

/* One piece of the literal with its quotes, from `at` on; returns where the next begins. It ends behind a
 * blank, if there is one far enough. */
static const char *take_part(const struct sql_piece *piece, const char *at, bool escape, struct text *part) {
    const char *end = piece->inside + piece->inside_length, *blank = NULL;
    size_t start = part->bytes_count, blank_at = 0;
    while (at < end && part->bytes_count - start < PIECE_BYTES_MOST) {
        struct unit unit = next_unit(piece, at, escape);
        if (*unit.bytes)
            text_add(part, "%s", unit.bytes);
        else
            text_add_bytes(part, at, unit.length);
        at += unit.length;
        if (at < end && *at == ';' && isspace((unsigned char)at[-1]) && !escape)
            return at;
        if (at[-1] == ' ')
            blank = at, blank_at = part->bytes_count;
    }
    if (at < end && blank && blank_at - start > PIECE_BYTES_MOST / 2) {
        part->bytes_count = blank_at;
        part->bytes[blank_at] = '\0';
        return blank;
    }
    return at;
}

/* As several literals, which the server joins as they are on lines of their own. */
static void place_parts(struct writer *w, const struct sql_piece *piece, bool follows_word) {
    const char *at = piece->inside, *end = at + piece->inside_length;
    bool escape = piece->kind == SQL_ESCAPES;
    for (const char *c = at; c < end; c++)
        escape |= strchr("\n\r\f\v", *c) != NULL;
    struct text part = {0};
    set_gap(w, follows_word ? GAP_BLANK : GAP_BREAK);
    text_add(&part, escape ? "E'" : "'");
    do {
        at = take_part(piece, at, escape, &part);
        text_add(&part, "'");
        place(w, part.bytes, part.bytes_count);
        text_clear(&part);
        text_add(&part, "'");
        if (at < end)
            w->gap = GAP_NEEDED;
    } while (at < end);
    w->gap = GAP_BREAK;
    text_finish(&part);
}

/* A literal on the next line goes on with this one, by the same rules: so they stay as they are. */
static void follow_literal(struct writer *w, bool holds) {
    flush(w);
    if (w->after != AFTER_LITERAL || !holds || w->gap < GAP_LINE)
        w->fails = true;
    w->gap = GAP_NEEDED;
}

static void take_literal(struct writer *w, const struct sql_piece *piece) {
    char last = w->chunk.bytes_count ? w->chunk.bytes[w->chunk.bytes_count - 1] : ' ';
    bool follows_word = isalnum((unsigned char)last) || strchr("_$.", last) || (unsigned char)last >= 0x80;
    bool holds =
        is_safe(piece->at, piece->length) && w->indent + piece->length <= LINE_BYTES_MOST - SPARE_BYTES;
    bool is_name = piece->at[piece->length - 1] == '"';
    if (w->after != AFTER_WORD && !is_name)
        follow_literal(w, holds);
    if (holds && follows_word && piece->kind != SQL_DOLLAR) { /* it may be a part of it: n'x' of a name */
        text_add_bytes(&w->chunk, piece->at, piece->length);
    } else if (holds) {
        set_gap(w, GAP_BREAK);
        place(w, piece->at, piece->length);
        w->gap = GAP_BREAK;
    } else if (piece->kind != SQL_QUOTED) {
        place_parts(w, piece, follows_word);
    } else {
        w->fails = true;
    }
    w->after = is_name ? AFTER_WORD : holds ? AFTER_LITERAL : AFTER_PARTS;
}

/* --- the text --- */

/* Of a comment that a line can hold, and behind which the text goes on with something that may begin a line.
 */
static bool keeps_comment(const struct writer *w, const struct sql_piece *piece, const char *end) {
    const char *next = piece->at + piece->length;
    while (next < end && isspace((unsigned char)*next))
        next++;
    bool goes_on = next == end || may_begin_line(next);
    return is_safe(piece->at, piece->length) && w->indent + piece->length <= LINE_BYTES_MOST - SPARE_BYTES &&
           (piece->kind == SQL_BLOCK_COMMENT || goes_on);
}

static void take_comment(struct writer *w, const struct sql_piece *piece, const char *end) {
    set_gap(w, GAP_BLANK);
    if (!keeps_comment(w, piece, end))
        return;
    place(w, piece->at, piece->length);
    w->gap = piece->kind == SQL_LINE_COMMENT ? GAP_NEEDED : GAP_BLANK;
}

static void write_range(struct writer *w, const char *at, const char *end, bool has_code);

/* The text of a function is SQL itself. */
static void take_code(struct writer *w, const struct sql_piece *piece) {
    size_t tag = (size_t)(piece->inside - piece->at);
    set_gap(w, GAP_BREAK);
    place(w, piece->at, tag);
    w->gap = GAP_BREAK;
    w->after = AFTER_WORD;
    write_range(w, piece->inside, piece->inside + piece->inside_length, false);
    if (w->gap == GAP_NONE)
        w->gap = GAP_BREAK;
    place(w, piece->at, tag);
    w->gap = GAP_BREAK;
    w->after = AFTER_PARTS;
}

static void take_sign(struct writer *w, char sign) {
    if (sign == ';') {
        flush(w);
        place(w, ";", 1);
        w->gap = GAP_BREAK;
        return;
    }
    text_add_bytes(&w->chunk, &sign, 1);
    if (sign == ',' || sign == '(')
        set_gap(w, GAP_BREAK);
}

static void write_range(struct writer *w, const char *at, const char *end, bool has_code) {
    struct sql_piece piece;
    while (sql_next(&at, end, &piece)) {
        switch (piece.kind) {
        case SQL_BLANKS: take_blanks(w, &piece, end); break;
        case SQL_LINE_COMMENT:
        case SQL_BLOCK_COMMENT: take_comment(w, &piece, end); break;
        case SQL_DOLLAR:
            if (has_code)
                take_code(w, &piece);
            else
                take_literal(w, &piece);
            break;
        case SQL_STRING:
        case SQL_ESCAPES:
        case SQL_QUOTED: take_literal(w, &piece); break;
        case SQL_OPEN: w->fails = true; break; /* the server refuses it, too */
        case SQL_WORD:
            text_add_bytes(&w->chunk, piece.at, piece.length);
            w->after = AFTER_WORD;
            break;
        case SQL_SIGN:
            take_sign(w, *piece.at);
            w->after = AFTER_WORD;
            break;
        }
    }
    flush(w);
}

/* The next piece that says something. */
static bool next_word(const char **at, const char *end, struct sql_piece *ret) {
    while (sql_next(at, end, ret))
        if (ret->kind > SQL_BLOCK_COMMENT)
            return true;
    return false;
}

/* DO and CREATE FUNCTION, of a language whose blanks mean nothing. */
static bool has_code(const char *sql, const char *end) {
    struct sql_piece piece;
    const char *at = sql;
    if (!next_word(&at, end, &piece) || !(sql_is_word(&piece, "do") || sql_is_word(&piece, "create")))
        return false;
    while (next_word(&at, end, &piece)) {
        if (!sql_is_word(&piece, "language"))
            continue;
        if (!next_word(&at, end, &piece) || !(sql_is_word(&piece, "plpgsql") || sql_is_word(&piece, "sql")))
            return false;
    }
    return true;
}

static size_t indent_of(const char *sql, const char *first) {
    size_t indent = 0;
    for (const char *at = first; at > sql && at[-1] != '\n'; at--)
        indent += at[-1] == '\t' ? TAB_WIDTH : 1;
    return indent;
}

bool sql_print(struct text *page, const char *key, const char *sql) {
    struct text lines = {0};
    struct writer w = {.out = &lines, .width = LINE_BYTES_MOST - SPARE_BYTES};
    struct sql_piece piece;
    const char *end = sql + strlen(sql), *first = sql + strspn(sql, " \t\r\n\f\v"), *at = first;
    while (end > first && isspace((unsigned char)end[-1]))
        end--;
    if (strcspn(first, "\n") > w.width)
        w.width = BROKEN_WIDTH;
    w.margin = indent_of(sql, first);
    bool says = next_word(&at, end, &piece);
    if (says)
        write_range(&w, first, end, has_code(first, end));
    bool printed = says && !w.fails;
    bool is_one_line = printed && !strchr(lines.bytes, '\n') && lines.bytes_count <= BROKEN_WIDTH;
    if (printed && !(is_one_line && page_value(page, key, lines.bytes + PAGE_INDENT)))
        text_add(page, "%s =\n%s\n", key, lines.bytes);
    text_finish(&lines);
    text_finish(&w.chunk);
    return printed;
}

/* --- transactions --- */

static bool is_one_of(const struct sql_piece *piece, const char *const *words) {
    for (; *words; words++)
        if (sql_is_word(piece, *words))
            return true;
    return false;
}

/* Whether one of the words stands in the text, the text of a block included. */
static bool has_word(const char *at, const char *end, const char *const *words) {
    struct sql_piece piece;
    bool has = false;
    while (!has && next_word(&at, end, &piece))
        has = piece.kind == SQL_DOLLAR ? has_word(piece.inside, piece.inside + piece.inside_length, words)
                                       : is_one_of(&piece, words);
    return has;
}

bool sql_wants_no_transaction(const char *sql) {
    static const char *const always[] = {"vacuum", "call", "begin", "start", "commit", NULL};
    static const char *const whole[] = {"database", "tablespace", "system", "schema", NULL};
    static const char *const aside[] = {"concurrently", NULL};
    static const char *const block[] = {"commit", "rollback", NULL};
    static const char *const made[] = {"create", "drop", "alter", "reindex", NULL};
    const char *at = sql, *end = sql + strlen(sql);
    struct sql_piece first, second;
    if (!next_word(&at, end, &first))
        return false;
    if (is_one_of(&first, always))
        return true;
    if (sql_is_word(&first, "do"))
        return has_word(at, end, block);
    if (sql_is_word(&first, "cluster"))
        return !next_word(&at, end, &second) || second.kind == SQL_SIGN;
    if (!is_one_of(&first, made))
        return false;
    return has_word(at, end, aside) || (next_word(&at, end, &second) && is_one_of(&second, whole));
}
