/*
 * Growth by doubling; a failed allocation ends the program (see arena.h for why).
 */
#include "tasks/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void text_reserve(struct text *text, size_t more_bytes) {
    size_t needed = text->bytes_count + more_bytes + 1;
    if (needed <= text->capacity_bytes)
        return;
    size_t capacity = text->capacity_bytes ? text->capacity_bytes : 256;
    while (capacity < needed)
        capacity *= 2;
    text->bytes = realloc(text->bytes, capacity);
    if (!text->bytes)
        abort();
    text->capacity_bytes = capacity;
}

void text_add_bytes(struct text *text, const char *bytes, size_t bytes_count) {
    text_reserve(text, bytes_count);
    memcpy(text->bytes + text->bytes_count, bytes, bytes_count);
    text->bytes_count += bytes_count;
    text->bytes[text->bytes_count] = '\0';
}

/* Most often there is room for it, so it is formatted once. */
void text_addv(struct text *text, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    size_t room = text->capacity_bytes - text->bytes_count;
    int length = vsnprintf(room ? text->bytes + text->bytes_count : NULL, room, format, arguments);
    if (length >= 0 && (size_t)length >= room) {
        text_reserve(text, (size_t)length);
        vsnprintf(text->bytes + text->bytes_count, (size_t)length + 1, format, again);
    }
    va_end(again);
    if (length >= 0)
        text->bytes_count += (size_t)length;
    else if (room)
        text->bytes[text->bytes_count] = '\0';
}

void text_add(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    text_addv(text, format, arguments);
    va_end(arguments);
}

size_t text_utf8_length(const char *at) {
    const unsigned char *byte = (const unsigned char *)at;
    size_t length = *byte < 0x80   ? 1
                    : *byte < 0xC2 ? 0
                    : *byte < 0xE0 ? 2
                    : *byte < 0xF0 ? 3
                    : *byte < 0xF5 ? 4
                                   : 0;
    for (size_t i = 1; i < length; i++)
        if ((byte[i] & 0xC0) != 0x80)
            return 0;
    /* too long for what it says, a half of a surrogate pair, above the last: RFC 3629, section 4 */
    bool is_out = (*byte == 0xE0 && byte[1] < 0xA0) || (*byte == 0xED && byte[1] > 0x9F) ||
                  (*byte == 0xF0 && byte[1] < 0x90) || (*byte == 0xF4 && byte[1] > 0x8F);
    return is_out ? 0 : length;
}

/* --- others' texts --- */

/* Adds what is UTF-8 of a text, and a question mark for each other byte, `most` bytes in all. Returns whether
 * that was the whole text. */
static bool add_utf8(struct text *text, const char *from, size_t most) {
    while (*from) {
        size_t length = text_utf8_length(from);
        size_t added = length ? length : 1;
        if (added > most)
            return false;
        text_add_bytes(text, length ? from : "?", added);
        most -= added;
        from += added;
    }
    return true;
}

char *text_taken(const char *outside) {
    static const char cut[] = "...";
    struct text text = {0};
    if (!outside)
        return NULL;
    text_add_bytes(&text, "", 0);
    if (strnlen(outside, TEXT_OUTSIDE_BYTES + 1) <= TEXT_OUTSIDE_BYTES)
        add_utf8(&text, outside, TEXT_OUTSIDE_BYTES);
    else if (!add_utf8(&text, outside, TEXT_OUTSIDE_BYTES - strlen(cut)))
        text_add_bytes(&text, cut, strlen(cut));
    return text.bytes;
}

static unsigned long code_point(const char *at, size_t length) {
    static const unsigned char leads[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    unsigned long code = (unsigned char)*at & leads[length];
    for (size_t i = 1; i < length; i++)
        code = code << 6 | ((unsigned char)at[i] & 0x3F);
    return code;
}

size_t text_shown_length(const char *at) {
    size_t length = text_utf8_length(at);
    unsigned long code = length ? code_point(at, length) : 0;
    /* Unicode's general categories Cc, Zl and Zp, and its property Bidi_Control */
    bool steers = code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == 0x061C || code == 0x200E ||
                  code == 0x200F || (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
    return steers ? 0 : length;
}

/* What is shown instead of a character that may not be. It is one byte long, as every character is at least,
 * so a line can be cleaned where it stands. */
static char stand_in(const char *at) {
    return text_utf8_length(at) == 1 ? ' ' : '?';
}

static size_t step(const char *at) {
    size_t length = text_utf8_length(at);
    return length ? length : 1;
}

size_t text_add_shown(struct text *text, const char *at) {
    char instead = stand_in(at);
    size_t shown = text_shown_length(at);
    text_add_bytes(text, shown ? at : &instead, shown ? shown : 1);
    return step(at);
}

void text_end_line(struct text *text, size_t start, size_t width) {
    size_t to = start, columns = 0;
    for (size_t at = start; at < text->bytes_count && (width == 0 || columns < width); columns++) {
        const char *from = text->bytes + at;
        size_t shown = text_shown_length(from);
        at += step(from);
        if (shown)
            memmove(text->bytes + to, from, shown);
        else
            text->bytes[to] = stand_in(from);
        to += shown ? shown : 1;
    }
    while (to > start && text->bytes[to - 1] == ' ')
        to--;
    text->bytes_count = to;
    text_add_bytes(text, "\n", 1);
}

void text_add_line(struct text *text, const char *format, ...) {
    size_t start = text->bytes_count;
    va_list arguments;
    va_start(arguments, format);
    text_addv(text, format, arguments);
    va_end(arguments);
    text_end_line(text, start, 0);
}

void text_add_lines(struct text *text, const char *lines) {
    while (*lines) {
        size_t start = text->bytes_count, length = strcspn(lines, "\n");
        text_add_bytes(text, lines, length);
        text_end_line(text, start, 0);
        lines += length + (lines[length] == '\n');
    }
}

void text_add_escape(struct text *text, const char *at) {
    unsigned long code = code_point(at, text_utf8_length(at));
    if (code == '"' || code == '\\')
        text_add(text, "\\%c", (int)code);
    else if (code == '\n')
        text_add(text, "\\n");
    else
        text_add(text, "\\u%04lx", code);
}

void text_add_json(struct text *text, const char *value) {
    if (!value) {
        text_add(text, "null");
        return;
    }
    text_add_bytes(text, "\"", 1);
    while (*value) {
        size_t length = text_utf8_length(value);
        if (length == 0)
            text_add_bytes(text, "?", 1);
        else if (*value == '"' || *value == '\\' || text_shown_length(value) == 0)
            text_add_escape(text, value);
        else
            text_add_bytes(text, value, length);
        value += length ? length : 1;
    }
    text_add_bytes(text, "\"", 1);
}

char *text_copy(const char *text) {
    char *copy = strdup(text);
    if (!copy)
        abort();
    return copy;
}

void text_clear(struct text *text) {
    text->bytes_count = 0;
    if (text->bytes)
        text->bytes[0] = '\0';
}

void text_finish(struct text *text) {
    free(text->bytes);
    *text = (struct text){0};
}
