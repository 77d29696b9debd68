/*
 * A text that grows: what a person will read is put together here, line by line, and sent in one piece.
 */
#ifndef TASKS_TEXT_H
#define TASKS_TEXT_H

#include <stdarg.h>
#include <stddef.h>

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

/* Keeps the memory, forgets the content. */
void text_clear(struct text *text);
void text_finish(struct text *text);

#endif
