#include "pool/children/cargo.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/size.h"

#define CHUNK_BYTES ((size_t)64 * 1024)

struct cargo *cargo_create(struct spool_place *place, uint64_t most_bytes) {
    struct cargo *cargo = calloc(1, sizeof *cargo);
    if (!cargo)
        abort();
    spool_init(&cargo->rows, place);
    spool_init(&cargo->lines, place);
    cargo->most_bytes = most_bytes;
    return cargo;
}

void cargo_destroy(struct cargo *cargo) {
    if (!cargo)
        return;
    spool_clear(&cargo->rows);
    spool_clear(&cargo->lines);
    text_finish(&cargo->complaint);
    text_finish(&cargo->output);
    free(cargo);
}

/* --- filling it --- */

static bool fits(const struct cargo *cargo, const struct spool *spool, uint64_t more_bytes) {
    return spool->bytes_count <= cargo->most_bytes && more_bytes <= cargo->most_bytes - spool->bytes_count;
}

void cargo_begin_rows(struct cargo *cargo) {
    spool_clear(&cargo->rows);
    cargo->row_count = 0;
}

bool cargo_add_row(struct cargo *cargo, const char *line, size_t bytes_count, struct text *error) {
    assert(bytes_count > 0 && line[bytes_count - 1] == '\n');
    if (!fits(cargo, &cargo->rows, bytes_count)) {
        char most[SIZE_TEXT_BYTES];
        text_add(error, "more than max_bytes = %s of rows; LIMIT the read or raise max_bytes",
                 size_format(cargo->most_bytes, most));
        return false;
    }
    if (!spool_add(&cargo->rows, line, bytes_count, error))
        return false;
    cargo->row_count++;
    return true;
}

static bool is_line_right(const char *line, size_t bytes_count, uint64_t number, struct text *error) {
    for (const char *at = line; at < line + bytes_count;) {
        size_t length = text_utf8_length(at);
        if (length == 0 || *at == '\0') {
            text_add(error, "line %" PRIu64 " of its output %s", number,
                     length == 0 ? "is not UTF-8" : "holds a NUL byte");
            return false;
        }
        at += length;
    }
    return true;
}

static bool are_lines_right(const struct spool *printed, uint64_t *ret_count, struct text *error) {
    struct cargo_reader reader;
    size_t bytes_count;
    const char *line;
    bool right = true;
    cargo_read(&reader, printed);
    size_t complained = error->bytes_count;
    while (right && (line = cargo_next_line(&reader, &bytes_count, error)))
        right = is_line_right(line, bytes_count, reader.line_number, error);
    if (error->bytes_count > complained)
        right = false;
    if (right)
        *ret_count = reader.line_number;
    cargo_reader_finish(&reader);
    return right;
}

static bool ends_open(const struct spool *printed, bool *ret_open, struct text *error) {
    char last = '\n';
    if (printed->bytes_count > 0 && spool_read(printed, printed->bytes_count - 1, &last, 1, error) < 0)
        return false;
    *ret_open = last != '\n';
    return true;
}

bool cargo_add_lines(struct cargo *cargo, struct spool *printed, struct text *error) {
    uint64_t count;
    bool is_open;
    if (!ends_open(printed, &is_open, error))
        return false;
    if (!fits(cargo, &cargo->lines, printed->bytes_count + is_open)) {
        char most[SIZE_TEXT_BYTES];
        text_add(error, "its work printed more than max_bytes = %s; have it print less or raise max_bytes",
                 size_format(cargo->most_bytes, most));
        return false;
    }
    if (!are_lines_right(printed, &count, error) || (is_open && !spool_add(printed, "\n", 1, error)) ||
        !spool_move(&cargo->lines, printed, error))
        return false;
    cargo->line_count += count;
    return true;
}

/* --- reading it --- */

void cargo_read(struct cargo_reader *reader, const struct spool *spool) {
    *reader = (struct cargo_reader){.spool = spool};
}

/* What is left of the buffer goes to its front; behind it there is room for a chunk and a NUL then. */
static void make_room(struct cargo_reader *reader) {
    if (reader->buffer_at > 0) {
        reader->buffer_bytes -= reader->buffer_at;
        memmove(reader->buffer, reader->buffer + reader->buffer_at, reader->buffer_bytes);
        reader->buffer_at = 0;
    }
    size_t needed = reader->buffer_bytes + CHUNK_BYTES + 1;
    if (needed <= reader->buffer_capacity)
        return;
    reader->buffer_capacity = needed > 2 * reader->buffer_capacity ? needed : 2 * reader->buffer_capacity;
    reader->buffer = realloc(reader->buffer, reader->buffer_capacity);
    if (!reader->buffer)
        abort();
}

static long read_more(struct cargo_reader *reader, struct text *error) {
    make_room(reader);
    long got =
        spool_read(reader->spool, reader->offset, reader->buffer + reader->buffer_bytes, CHUNK_BYTES, error);
    if (got > 0) {
        reader->offset += (uint64_t)got;
        reader->buffer_bytes += (size_t)got;
    }
    return got;
}

/* `bytes_count` without, `taken` with the newline that is there or not. */
static const char *take_line(struct cargo_reader *reader, size_t bytes_count, size_t taken,
                             size_t *ret_bytes_count) {
    char *line = reader->buffer + reader->buffer_at;
    line[bytes_count] = '\0';
    reader->buffer_at += taken;
    reader->line_number++;
    *ret_bytes_count = bytes_count;
    return line;
}

const char *cargo_next_line(struct cargo_reader *reader, size_t *ret_bytes_count, struct text *error) {
    if (!reader->buffer)
        make_room(reader);
    for (size_t searched = 0;;) {
        const char *start = reader->buffer + reader->buffer_at;
        size_t held = reader->buffer_bytes - reader->buffer_at;
        const char *newline = held > searched ? memchr(start + searched, '\n', held - searched) : NULL;
        if (newline) {
            size_t length = (size_t)(newline - start);
            return take_line(reader, length, length + 1, ret_bytes_count);
        }
        searched = held;
        long got = read_more(reader, error);
        if (got < 0 || (got == 0 && held == 0))
            return NULL;
        if (got == 0)
            return take_line(reader, held, held, ret_bytes_count);
    }
}

void cargo_reader_finish(struct cargo_reader *reader) {
    free(reader->buffer);
    *reader = (struct cargo_reader){0};
}
