#include "scheduler/history/backlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/replace.h"
#include "scheduler/core/recording.h"

#define BATCH_BYTES ((size_t)512 * 1024)

struct line {
    TAILQ_ENTRY(line) in_memory;
    bool in_file;
    size_t bytes_count;
    char bytes[];
};

TAILQ_HEAD(lines, line);

/* What is to be read of the file is younger than what is in memory. */
struct ledger {
    char *path;
    struct lines lines;
    uint32_t memory_count;
    size_t memory_bytes;
    FILE *file;             /* read from read_at, appended to; NULL: nothing is there */
    uint32_t disk_count;    /* to be read */
    uint32_t in_file_count; /* of those in memory: a daemon that is killed finds them there again */
    long read_at;
    uint64_t disk_bytes;
    uint32_t sent_count, batch_most;
    uint64_t lost_count;
    bool losing; /* told */
};

static void remember(struct ledger *ledger, const char *bytes, size_t bytes_count) {
    struct line *line = malloc(sizeof *line + bytes_count + 1);
    if (!line)
        abort();
    memcpy(line->bytes, bytes, bytes_count);
    line->bytes[bytes_count] = '\0';
    line->bytes_count = bytes_count;
    line->in_file = false;
    TAILQ_INSERT_TAIL(&ledger->lines, line, in_memory);
    ledger->memory_count++;
    ledger->memory_bytes += bytes_count;
}

static void forget_first(struct ledger *ledger) {
    struct line *line = TAILQ_FIRST(&ledger->lines);
    TAILQ_REMOVE(&ledger->lines, line, in_memory);
    ledger->in_file_count -= line->in_file;
    ledger->memory_count--;
    ledger->memory_bytes -= line->bytes_count;
    free(line);
}

/* --- the file --- */

/* Somebody else's file, in a directory that all may write, is not ours to read or to write. */
static FILE *open_file(const char *path, int flags, struct text *error) {
    struct stat status;
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == ENOENT && !(flags & O_CREAT))
        return NULL;
    if (fd >= 0 && (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid())) {
        close(fd);
        fd = -1;
        errno = EPERM;
    }
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r+");
    if (!file)
        text_add(error, "%s: %s", path, strerror(errno));
    return file;
}

static void drop_file(struct ledger *ledger) {
    if (!ledger->file)
        return;
    fclose(ledger->file);
    ledger->file = NULL;
    ledger->disk_count = 0;
    ledger->disk_bytes = 0;
    ledger->read_at = 0;
    unlink(ledger->path);
}

static bool make_file(struct ledger *ledger, struct text *error) {
    ledger->file = open_file(ledger->path, O_RDWR | O_CREAT, error);
    if (!ledger->file)
        return false;
    if (ftruncate(fileno(ledger->file), 0) == 0)
        return true;
    text_add(error, "%s: %s", ledger->path, strerror(errno));
    drop_file(ledger);
    return false;
}

/* The whole line or nothing of it. */
static bool append(struct ledger *ledger, const char *line, struct text *error) {
    if (!ledger->file && !make_file(ledger, error))
        return false;
    fseek(ledger->file, 0, SEEK_END);
    long end = ftell(ledger->file);
    if (fprintf(ledger->file, "%s\n", line) < 0 || fflush(ledger->file) != 0) {
        text_add(error, "%s: %s", ledger->path, strerror(errno));
        clearerr(ledger->file);
        if (ftruncate(fileno(ledger->file), end) != 0 ||
            (ledger->disk_count == 0 && ledger->in_file_count == 0))
            drop_file(ledger);
        return false;
    }
    ledger->disk_count++;
    ledger->disk_bytes += strlen(line) + 1;
    return true;
}

/* A line that the machine lost with its power is empty, or has zeros; or somebody has cut it. */
static void take_line(struct ledger *ledger, const char *line, size_t bytes_count) {
    bool whole = line[--bytes_count] == '\n';
    ledger->disk_count -= ledger->disk_count > 0;
    if (!whole || bytes_count == 0 || memchr(line, '\0', bytes_count)) {
        ledger->lost_count++;
        return;
    }
    remember(ledger, line, bytes_count);
    TAILQ_LAST(&ledger->lines, lines)->in_file = true;
    ledger->in_file_count++;
}

static void refill(struct ledger *ledger) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t bytes_count = 0;
    if (!ledger->file)
        return;
    fseek(ledger->file, ledger->read_at, SEEK_SET);
    while (ledger->memory_bytes < LEDGER_MEMORY_BYTES &&
           (bytes_count = getline(&line, &capacity, ledger->file)) > 0)
        take_line(ledger, line, (size_t)bytes_count);
    ledger->read_at = ftell(ledger->file);
    if (bytes_count <= 0) {
        ledger->lost_count += ledger->disk_count; /* it cannot be read, or somebody has cut it */
        ledger->disk_count = 0;
    }
    free(line);
}

/* The file is of use until what was read of it is written. */
static void drop_read_file(struct ledger *ledger) {
    if (ledger->disk_count == 0 && ledger->in_file_count == 0)
        drop_file(ledger);
}

/* Counts its lines. A last one without its end was cut off by a crash: nothing is to be appended to that. */
static void look_through(struct ledger *ledger) {
    long whole_bytes = 0, at = 0;
    for (int c; (c = getc(ledger->file)) != EOF;) {
        at++;
        if (c != '\n')
            continue;
        ledger->disk_count++;
        whole_bytes = at;
    }
    ledger->disk_bytes = (uint64_t)whole_bytes;
    if (ftruncate(fileno(ledger->file), whole_bytes) != 0)
        drop_file(ledger);
}

/* --- --- */

struct ledger *ledger_create(const char *path, struct text *error) {
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger)
        abort();
    ledger->path = text_copy(path);
    TAILQ_INIT(&ledger->lines);
    ledger->batch_most = PAST_BATCH_COUNT;
    ledger->file = open_file(path, O_RDWR, error);
    if (ledger->file)
        look_through(ledger);
    refill(ledger);
    drop_read_file(ledger);
    return ledger;
}

static bool save(struct ledger *ledger, struct text *error) {
    struct replace replace;
    struct line *line;
    bool saved = replace_begin(&replace, ledger->path);
    if (saved) {
        TAILQ_FOREACH(line, &ledger->lines, in_memory)
        fprintf(replace.file, "%s\n", line->bytes);
        if (ledger->file)
            fseek(ledger->file, ledger->read_at, SEEK_SET);
        for (int c; ledger->file && (c = getc(ledger->file)) != EOF;)
            putc(c, replace.file);
        saved = replace_end(&replace, !ledger->file || !ferror(ledger->file));
    }
    if (!saved)
        text_add(error, "%s: %s", ledger->path, strerror(errno));
    return saved;
}

bool ledger_destroy(struct ledger *ledger, struct text *error) {
    if (!ledger)
        return true;
    bool saved = true;
    if (ledger_count(ledger) == 0)
        drop_file(ledger);
    else
        saved = save(ledger, error);
    if (ledger->file)
        fclose(ledger->file);
    while (!TAILQ_EMPTY(&ledger->lines))
        forget_first(ledger);
    free(ledger->path);
    free(ledger);
    return saved;
}

bool ledger_add(struct ledger *ledger, const char *line, struct text *error) {
    struct text why = {0};
    bool kept = true;
    if (ledger->disk_count == 0 && ledger->memory_bytes < LEDGER_MEMORY_BYTES) {
        remember(ledger, line, strlen(line));
    } else if (ledger->disk_bytes >= LEDGER_DISK_BYTES) {
        text_add(&why, "%s has reached its limit of %d MiB", ledger->path,
                 (int)(LEDGER_DISK_BYTES / 1024 / 1024));
        kept = false;
    } else {
        kept = append(ledger, line, &why);
    }
    ledger->lost_count += !kept;
    if (!kept && !ledger->losing)
        text_add_bytes(error, why.bytes, why.bytes_count);
    ledger->losing = !kept;
    text_finish(&why);
    return kept;
}

static void empty_into(struct ledger *to, struct ledger *from, struct text *error) {
    for (; ledger_count(from) > 0; refill(from))
        while (!TAILQ_EMPTY(&from->lines)) {
            ledger_add(to, TAILQ_FIRST(&from->lines)->bytes, error);
            forget_first(from);
        }
    to->lost_count += from->lost_count;
    drop_file(from);
}

void ledger_take_in(struct ledger *to, struct ledger *from, struct text *error) {
    empty_into(to, from, error);
    free(from->path);
    free(from);
}

/* The file holds all now: what is in memory, and behind that what is to be read. */
static void go_on_in_saved(struct ledger *ledger, struct text *error) {
    struct line *line;
    ledger->file = open_file(ledger->path, O_RDWR, error);
    ledger->read_at = 0;
    TAILQ_FOREACH(line, &ledger->lines, in_memory) {
        line->in_file = ledger->file != NULL;
        ledger->read_at += (long)line->bytes_count + 1;
    }
    ledger->in_file_count = ledger->file ? ledger->memory_count : 0;
    ledger->disk_bytes = 0;
    if (ledger->file && fseek(ledger->file, 0, SEEK_END) == 0)
        ledger->disk_bytes = (uint64_t)ftell(ledger->file);
    if (ledger->file)
        return;
    ledger->lost_count += ledger->disk_count;
    ledger->disk_count = 0;
}

void ledger_move(struct ledger *ledger, const char *path, struct text *error) {
    char *before = ledger->path, *after = text_copy(path);
    ledger_take_in(ledger, ledger_create(path, error), error);
    ledger->path = after;
    if (ledger->file && !save(ledger, error)) {
        ledger->path = before;
        free(after);
        return;
    }
    if (ledger->file) {
        fclose(ledger->file);
        unlink(before);
        go_on_in_saved(ledger, error);
    }
    free(before);
}

const char *ledger_path(const struct ledger *ledger) {
    return ledger->path;
}

uint32_t ledger_count(const struct ledger *ledger) {
    return ledger->memory_count + ledger->disk_count;
}

uint64_t ledger_lost_count(const struct ledger *ledger) {
    return ledger->lost_count;
}

uint32_t ledger_on_disk_count(const struct ledger *ledger) {
    return ledger->disk_count;
}

uint32_t ledger_batch(struct ledger *ledger, struct text *batch) {
    const struct line *line;
    ledger->sent_count = 0;
    text_clear(batch);
    TAILQ_FOREACH(line, &ledger->lines, in_memory) {
        bool full = batch->bytes_count + line->bytes_count + 2 > BATCH_BYTES;
        if (ledger->sent_count == ledger->batch_most || (ledger->sent_count && full))
            break;
        text_add_bytes(batch, ledger->sent_count++ ? "," : "[", 1);
        text_add_bytes(batch, line->bytes, line->bytes_count);
    }
    text_add(batch, "%s]", ledger->sent_count ? "" : "[");
    return ledger->sent_count;
}

static void forget_sent(struct ledger *ledger) {
    for (; ledger->sent_count; ledger->sent_count--)
        forget_first(ledger);
    if (ledger->memory_count == 0)
        refill(ledger);
    drop_read_file(ledger);
}

uint32_t ledger_written(struct ledger *ledger) {
    uint32_t count = ledger->sent_count;
    ledger->batch_most =
        ledger->batch_most < PAST_BATCH_COUNT / 2 ? 2 * ledger->batch_most : PAST_BATCH_COUNT;
    forget_sent(ledger);
    return count;
}

void ledger_refused(struct ledger *ledger, int blocked) {
    struct line *line = TAILQ_FIRST(&ledger->lines);
    for (int i = 0; line && i < blocked; i++)
        line = TAILQ_NEXT(line, in_memory);
    if (blocked >= 0 && line && (uint32_t)blocked < ledger->sent_count) {
        TAILQ_REMOVE(&ledger->lines, line, in_memory);
        TAILQ_INSERT_TAIL(&ledger->lines, line, in_memory);
    }
    ledger->sent_count = 0;
}

/* Half of it next time, until the one is found. */
bool ledger_give_up(struct ledger *ledger) {
    if (ledger->sent_count > 1) {
        ledger->batch_most = ledger->sent_count / 2;
        ledger->sent_count = 0;
        return false;
    }
    ledger->batch_most = 1;
    ledger->lost_count += ledger->sent_count;
    forget_sent(ledger);
    return true;
}
