#include "scheduler/history/backlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "scheduler/core/action.h"
#include "scheduler/path.h"
#include "scheduler/replace.h"

/* Of one batch, whose count is bounded too: 500 records have 200 KB, unless they carry long messages. */
#define BATCH_BYTES ((size_t)512 * 1024)

struct line {
    TAILQ_ENTRY(line) in_memory;
    bool in_file; /* too: it was read from there */
    size_t bytes_count;
    char bytes[];
};

TAILQ_HEAD(lines, line);

/*
 * The oldest records are in memory, and the others, once there are too many, in the file behind read_at. What
 * was read of the file stays there until all of it is written, so that a daemon that is killed finds it
 * again.
 */
struct backlog {
    char *path;
    struct lines lines; /* in memory, the oldest first */
    uint32_t memory_count;
    size_t memory_bytes;
    FILE *file; /* NULL: nothing is there */
    long read_at;
    uint32_t disk_count;    /* lines behind read_at */
    uint32_t in_file_count; /* lines in memory that are in the file, too */
    uint64_t disk_bytes;    /* of the whole file */
    uint32_t sent_count;    /* of the batch whose fate is not known */
    uint32_t batch_most;    /* records in the next batch: less while one is looked for that is not taken */
    uint64_t lost_count;
    bool losing; /* since the last record that was kept; it was told then */
};

static void remember(struct backlog *backlog, const char *bytes, size_t bytes_count) {
    struct line *line = malloc(sizeof *line + bytes_count + 1);
    if (!line)
        abort();
    memcpy(line->bytes, bytes, bytes_count);
    line->bytes[bytes_count] = '\0';
    line->bytes_count = bytes_count;
    line->in_file = false;
    TAILQ_INSERT_TAIL(&backlog->lines, line, in_memory);
    backlog->memory_count++;
    backlog->memory_bytes += bytes_count;
}

static void forget_first(struct backlog *backlog) {
    struct line *line = TAILQ_FIRST(&backlog->lines);
    TAILQ_REMOVE(&backlog->lines, line, in_memory);
    backlog->in_file_count -= line->in_file;
    backlog->memory_count--;
    backlog->memory_bytes -= line->bytes_count;
    free(line);
}

/* --- the file --- */

/* NULL, without *error where there is none and none is made. */
static FILE *open_file(const char *path, int flags, struct text *error) {
    int fd = path_open_own(path, flags);
    if (fd < 0 && errno == ENOENT && !(flags & O_CREAT))
        return NULL;
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r+");
    if (!file)
        text_add(error, "%s: %s", path, strerror(errno));
    return file;
}

static void drop_file(struct backlog *backlog) {
    if (!backlog->file)
        return;
    fclose(backlog->file);
    backlog->file = NULL;
    backlog->disk_count = 0;
    backlog->disk_bytes = 0;
    backlog->read_at = 0;
    unlink(backlog->path);
}

static bool make_file(struct backlog *backlog, struct text *error) {
    backlog->file = open_file(backlog->path, O_RDWR | O_CREAT, error);
    if (!backlog->file)
        return false;
    if (ftruncate(fileno(backlog->file), 0) == 0)
        return true;
    text_add(error, "%s: %s", backlog->path, strerror(errno));
    drop_file(backlog);
    return false;
}

/* The whole line or nothing of it. */
static bool append(struct backlog *backlog, const char *line, struct text *error) {
    if (!backlog->file && !make_file(backlog, error))
        return false;
    fseek(backlog->file, 0, SEEK_END);
    long end = ftell(backlog->file);
    if (fprintf(backlog->file, "%s\n", line) < 0 || fflush(backlog->file) != 0) {
        text_add(error, "%s: %s", backlog->path, strerror(errno));
        clearerr(backlog->file);
        if (ftruncate(fileno(backlog->file), end) != 0 ||
            (backlog->disk_count == 0 && backlog->in_file_count == 0))
            drop_file(backlog);
        return false;
    }
    backlog->disk_count++;
    backlog->disk_bytes += strlen(line) + 1;
    return true;
}

/* After a power cut a line may be empty or full of zeros; and somebody may have cut the file. */
static void take_line(struct backlog *backlog, const char *line, size_t bytes_count) {
    bool whole = line[--bytes_count] == '\n';
    backlog->disk_count -= backlog->disk_count > 0;
    if (!whole || bytes_count == 0 || memchr(line, '\0', bytes_count)) {
        backlog->lost_count++;
        return;
    }
    remember(backlog, line, bytes_count);
    TAILQ_LAST(&backlog->lines, lines)->in_file = true;
    backlog->in_file_count++;
}

static void refill(struct backlog *backlog) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t bytes_count = 0;
    if (!backlog->file)
        return;
    fseek(backlog->file, backlog->read_at, SEEK_SET);
    while (backlog->memory_bytes < BACKLOG_MEMORY_BYTES &&
           (bytes_count = getline(&line, &capacity, backlog->file)) > 0)
        take_line(backlog, line, (size_t)bytes_count);
    backlog->read_at = ftell(backlog->file);
    if (bytes_count <= 0) {
        backlog->lost_count += backlog->disk_count; /* the disk fails, or somebody has cut the file */
        backlog->disk_count = 0;
    }
    free(line);
}

/* Once all that was read of the file is written, and nothing is left to be read. */
static void drop_read_file(struct backlog *backlog) {
    if (backlog->disk_count == 0 && backlog->in_file_count == 0)
        drop_file(backlog);
}

/* Counts the lines of the file. A last one without its end was cut off by a crash, and would spoil what is
 * appended to it. */
static void look_through(struct backlog *backlog) {
    long whole_bytes = 0, at = 0;
    for (int c; (c = getc(backlog->file)) != EOF;) {
        at++;
        if (c != '\n')
            continue;
        backlog->disk_count++;
        whole_bytes = at;
    }
    backlog->disk_bytes = (uint64_t)whole_bytes;
    if (ftruncate(fileno(backlog->file), whole_bytes) != 0)
        drop_file(backlog);
}

/* --- from its start to its end --- */

struct backlog *backlog_create(const char *path, struct text *error) {
    struct backlog *backlog = calloc(1, sizeof *backlog);
    if (!backlog)
        abort();
    backlog->path = text_copy(path);
    TAILQ_INIT(&backlog->lines);
    backlog->batch_most = RECORDING_BATCH_COUNT;
    backlog->file = open_file(path, O_RDWR, error);
    if (backlog->file)
        look_through(backlog);
    refill(backlog);
    drop_read_file(backlog);
    return backlog;
}

/* The file is replaced by one that has all: what is in memory, then what was not read yet. */
static bool save(struct backlog *backlog, struct text *error) {
    struct replace replace;
    struct line *line;
    bool saved = replace_begin(&replace, backlog->path);
    if (saved) {
        TAILQ_FOREACH(line, &backlog->lines, in_memory)
            fprintf(replace.file, "%s\n", line->bytes);
        if (backlog->file)
            fseek(backlog->file, backlog->read_at, SEEK_SET);
        for (int c; backlog->file && (c = getc(backlog->file)) != EOF;)
            putc(c, replace.file);
        saved = replace_end(&replace, !backlog->file || !ferror(backlog->file));
    }
    if (!saved)
        text_add(error, "%s: %s", backlog->path, strerror(errno));
    return saved;
}

bool backlog_destroy(struct backlog *backlog, struct text *error) {
    if (!backlog)
        return true;
    bool saved = true;
    if (backlog_count(backlog) == 0)
        drop_file(backlog);
    else
        saved = save(backlog, error);
    if (backlog->file)
        fclose(backlog->file);
    while (!TAILQ_EMPTY(&backlog->lines))
        forget_first(backlog);
    free(backlog->path);
    free(backlog);
    return saved;
}

bool backlog_add(struct backlog *backlog, const char *line, struct text *error) {
    struct text why = {0};
    bool kept = true;
    if (backlog->disk_count == 0 && backlog->memory_bytes < BACKLOG_MEMORY_BYTES) {
        remember(backlog, line, strlen(line));
    } else if (backlog->disk_bytes >= BACKLOG_DISK_BYTES) {
        text_add(&why, "%s has reached its limit of %d MiB", backlog->path,
                 (int)(BACKLOG_DISK_BYTES / 1024 / 1024));
        kept = false;
    } else {
        kept = append(backlog, line, &why);
    }
    backlog->lost_count += !kept;
    if (!kept && !backlog->losing)
        text_add_bytes(error, why.bytes, why.bytes_count);
    backlog->losing = !kept;
    text_finish(&why);
    return kept;
}

static void empty_into(struct backlog *to, struct backlog *from, struct text *error) {
    for (; backlog_count(from) > 0; refill(from))
        while (!TAILQ_EMPTY(&from->lines)) {
            backlog_add(to, TAILQ_FIRST(&from->lines)->bytes, error);
            forget_first(from);
        }
    to->lost_count += from->lost_count;
    drop_file(from);
}

void backlog_take_in(struct backlog *to, struct backlog *from, struct text *error) {
    empty_into(to, from, error);
    free(from->path);
    free(from);
}

/* After save(). */
static void go_on_in_saved(struct backlog *backlog, struct text *error) {
    struct line *line;
    backlog->file = open_file(backlog->path, O_RDWR, error);
    backlog->read_at = 0;
    TAILQ_FOREACH(line, &backlog->lines, in_memory) {
        line->in_file = backlog->file != NULL;
        backlog->read_at += (long)line->bytes_count + 1;
    }
    backlog->in_file_count = backlog->file ? backlog->memory_count : 0;
    backlog->disk_bytes = 0;
    if (backlog->file && fseek(backlog->file, 0, SEEK_END) == 0)
        backlog->disk_bytes = (uint64_t)ftell(backlog->file);
    if (backlog->file)
        return;
    backlog->lost_count += backlog->disk_count;
    backlog->disk_count = 0;
}

void backlog_move(struct backlog *backlog, const char *path, struct text *error) {
    char *before = backlog->path, *after = text_copy(path);
    backlog_take_in(backlog, backlog_create(path, error), error);
    backlog->path = after;
    if (backlog->file && !save(backlog, error)) {
        backlog->path = before;
        free(after);
        return;
    }
    if (backlog->file) {
        fclose(backlog->file);
        unlink(before);
        go_on_in_saved(backlog, error);
    }
    free(before);
}

const char *backlog_path(const struct backlog *backlog) {
    return backlog->path;
}

uint32_t backlog_count(const struct backlog *backlog) {
    return backlog->memory_count + backlog->disk_count;
}

uint64_t backlog_lost_count(const struct backlog *backlog) {
    return backlog->lost_count;
}

uint32_t backlog_on_disk_count(const struct backlog *backlog) {
    return backlog->disk_count;
}

uint32_t backlog_batch(struct backlog *backlog, struct text *batch) {
    const struct line *line;
    backlog->sent_count = 0;
    text_clear(batch);
    TAILQ_FOREACH(line, &backlog->lines, in_memory) {
        bool full = batch->bytes_count + line->bytes_count + 2 > BATCH_BYTES;
        if (backlog->sent_count == backlog->batch_most || (backlog->sent_count && full))
            break;
        text_add_bytes(batch, backlog->sent_count++ ? "," : "[", 1);
        text_add_bytes(batch, line->bytes, line->bytes_count);
    }
    text_add(batch, "%s]", backlog->sent_count ? "" : "[");
    return backlog->sent_count;
}

static void forget_sent(struct backlog *backlog) {
    for (; backlog->sent_count; backlog->sent_count--)
        forget_first(backlog);
    if (backlog->memory_count == 0)
        refill(backlog);
    drop_read_file(backlog);
}

uint32_t backlog_written(struct backlog *backlog) {
    uint32_t count = backlog->sent_count;
    backlog->batch_most =
        backlog->batch_most < RECORDING_BATCH_COUNT / 2 ? 2 * backlog->batch_most : RECORDING_BATCH_COUNT;
    forget_sent(backlog);
    return count;
}

void backlog_refused(struct backlog *backlog, int blocked) {
    struct line *line = TAILQ_FIRST(&backlog->lines);
    for (int i = 0; line && i < blocked; i++)
        line = TAILQ_NEXT(line, in_memory);
    if (blocked >= 0 && line && (uint32_t)blocked < backlog->sent_count) {
        TAILQ_REMOVE(&backlog->lines, line, in_memory);
        TAILQ_INSERT_TAIL(&backlog->lines, line, in_memory);
    }
    backlog->sent_count = 0;
}

/* Half of the batch is tried next, and half of that, until the one record is found. */
bool backlog_give_up(struct backlog *backlog) {
    if (backlog->sent_count > 1) {
        backlog->batch_most = backlog->sent_count / 2;
        backlog->sent_count = 0;
        return false;
    }
    backlog->batch_most = 1;
    backlog->lost_count += backlog->sent_count;
    forget_sent(backlog);
    return true;
}
