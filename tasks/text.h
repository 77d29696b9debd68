/*
 * A text that grows: what a person will read is put together here, line by line, and sent in one piece.
 */
#ifndef TASKS_TEXT_H
#define TASKS_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *bytes; /* NUL-ended once anything was added; NULL before */
    size_t bytes_count;
    size_t capacity_bytes;
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3), nonnull));
void text_addv(struct text *text, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0), nonnull(1, 2)));
void text_add_bytes(struct text *text, const char *bytes, size_t bytes_count);

/* How many bytes the UTF-8 character at `at` has; 0 when there is none, as in text of another encoding. */
size_t text_utf8_length(const char *at);

/*
 * Where a text of others comes in (a server's word, a child's, a pooler's): a copy, to free(), which is UTF-8
 * and no longer than this, cut between two characters with "..." behind; NULL of NULL. It may still hold
 * newlines and what steers a terminal: a record in the history keeps them.
 */
#define TEXT_OUTSIDE_BYTES 4096
char *text_taken(const char *outside);

/*
 * Where a text goes out to people: the one place that decides what a terminal and a log may be given. 0 of
 * what steers a terminal, breaks a line, or shows a text in another order than it has (controls up to U+001F
 * and from U+007F to U+009F, line separators, bidirectional marks), and of what is no UTF-8; else as above.
 */
size_t text_shown_length(const char *at);

/* Adds the character at `at`, or a blank or a question mark for one that may not be shown; how many bytes
 * that was of. */
size_t text_add_shown(struct text *text, const char *at);

/* Ends the line that begins at `start`: what may not be shown in it becomes blanks and question marks. width:
 * in characters, 0: as long as it is. */
void text_end_line(struct text *text, size_t start, size_t width);

/* A whole line, likewise. `format` has no newline. */
void text_add_line(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3), nonnull));

/* Lines of somebody else's: as text_end_line() each. */
void text_add_lines(struct text *text, const char *lines);

/* A string of JSON with its quotes; NULL: null. What may not be shown is escaped, so that it may be printed,
 * and what is no UTF-8 becomes question marks. */
void text_add_json(struct text *text, const char *value);

/* The escape in such a string for the character at `at`, which is of the first plane, as all these are. */
void text_add_escape(struct text *text, const char *at);

/* To free(). */
char *text_copy(const char *text) __attribute__((returns_nonnull, nonnull, warn_unused_result));

/* What a noun ends with behind the number. */
static inline const char *text_plural(int64_t count) {
    return count == 1 ? "" : "s";
}

/* Keeps the memory, forgets the content. */
void text_clear(struct text *text);
void text_finish(struct text *text);

#endif
