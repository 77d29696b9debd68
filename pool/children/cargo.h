/*
 * What a run of several stages carries from one to the next: the rows that `read` gave, for its work's stdin;
 * the lines that its work printed, for `write`. Bounded, and kept until the run is over, so that a write that
 * fails or waits is repeated without doing the work again.
 */
#ifndef POOL_CHILDREN_CARGO_H
#define POOL_CHILDREN_CARGO_H

#include "pool/children/spool.h"

struct cargo {
    struct spool rows;  /* a JSON object a line */
    struct spool lines; /* each ended by a newline */
    uint64_t row_count, line_count;
    uint64_t most_bytes; /* of the rows, and of the lines: the task's max_bytes */
    /* of the work */
    uint32_t child_count;                    /* at work now */
    uint64_t children_done, children_failed; /* ended so far: well, and not */
    struct text complaint; /* of the first child that failed: "exited with 3"; empty: none */
    struct text output;    /* what that one printed last on stderr */
};

struct cargo *cargo_create(struct spool_place *place, uint64_t most_bytes);
void cargo_destroy(struct cargo *cargo); /* accepts NULL */

/* An attempt of the read begins: nothing was read so far. */
void cargo_begin_rows(struct cargo *cargo);

/* One line with its newline. False with `error`: it does not fit (names max_bytes), or the disk refused. */
bool cargo_add_row(struct cargo *cargo, const char *line, size_t bytes_count, struct text *error);

/*
 * What one child printed, complete; a missing newline at its end is added. False with `error`: not UTF-8 or a
 * NUL in it (the line is named), or it does not fit; nothing of it is taken then.
 */
bool cargo_add_lines(struct cargo *cargo, struct spool *printed, struct text *error);

/* Where the reading of lines, or of rows, is. */
struct cargo_reader {
    const struct spool *spool;
    uint64_t offset, line_number;
    char *buffer; /* owned */
    size_t buffer_capacity, buffer_bytes, buffer_at;
};

void cargo_read(struct cargo_reader *reader, const struct spool *spool); /* from the first line */

/* The next line, no newline, NUL-ended, valid until the next call; NULL at the end, and with `error`. */
const char *cargo_next_line(struct cargo_reader *reader, size_t *ret_bytes_count, struct text *error);
void cargo_reader_finish(struct cargo_reader *reader); /* accepts what is zeroed */

#endif
