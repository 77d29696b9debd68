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

/* How many bytes the UTF-8 character at `at` has; 0: what stands there is no UTF-8. */
size_t text_utf8_length(const char *at);

/*
 * For a text of others where it comes in (a server's word, a child's, a pooler's): a copy, to free(), that is
 * UTF-8 (a question mark for each byte that was not) and has TEXT_OUTSIDE_BYTES at most: a longer one is cut
 * between two characters and ends in "...". NULL of NULL. Newlines and what steers a terminal are kept, as a
 * record in the history keeps them.
 */
#define TEXT_OUTSIDE_BYTES 4096 /* a screen of text; what a task raises may be of any length */
char *text_taken(const char *outside);

/*
 * For a text that goes out to people: the one place that decides what a terminal and a log may be given. The
 * length of the character at `at`; 0 for one that may not be shown, as it steers a terminal, breaks a line or
 * turns the order of letters (controls up to U+001F and from U+007F to U+009F, line separators, bidirectional
 * marks), and for what is no UTF-8.
 */
size_t text_shown_length(const char *at);

/* Adds the character at `at`; instead of one that may not be shown, a blank or a question mark. Returns how
 * many bytes of `at` that was. */
size_t text_add_shown(struct text *text, const char *at);

/*
 * Ends the line that begins at byte `start` of the text: what may not be shown in it becomes blanks and
 * question marks, blanks at its end go, and it is cut to `width` characters (0: it is not).
 */
void text_end_line(struct text *text, size_t start, size_t width);

/* Adds a whole line, cleaned in the same way. `format` has no newline. */
void text_add_line(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3), nonnull));

/* Adds lines, each cleaned in the same way. */
void text_add_lines(struct text *text, const char *lines);

/* Adds a string of JSON with its quotes; null for NULL. What may not be shown is escaped, so that the JSON
 * may be printed to a terminal, and what is no UTF-8 becomes question marks. */
void text_add_json(struct text *text, const char *value);

/* Adds the escape in such a string for the character at `at`. It is below U+10000, as all are that need one.
 */
void text_add_escape(struct text *text, const char *at);

/* A copy, to free(). */
char *text_copy(const char *text) __attribute__((returns_nonnull, nonnull, warn_unused_result));

/* What an English noun ends with behind this number. */
static inline const char *text_plural(int64_t count) {
    return count == 1 ? "" : "s";
}

/* Forgets the content and keeps the memory. */
void text_clear(struct text *text);

/* Frees the memory; the text is empty and usable afterwards. */
void text_finish(struct text *text);

#endif
