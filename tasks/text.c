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

void text_clear(struct text *text) {
    text->bytes_count = 0;
    if (text->bytes)
        text->bytes[0] = '\0';
}

void text_finish(struct text *text) {
    free(text->bytes);
    *text = (struct text){0};
}
