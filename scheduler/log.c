#include "scheduler/log.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "scheduler/now.h"

/* In the long run 100 lines a second, which are 1 GB a day: a disk does not fill over night. At once 500, so
 * that each of some hundred tasks can say that its server is gone. */
#define LINE_COST_US (US_PER_S / 100)
#define BURST_US     (500 * LINE_COST_US)

/* PIPE_BUF (pipe(7)): a pipe that is ready takes this much without blocking. */
#define LINE_BYTES_MAX 4096

void log_init(struct log *log, enum log_level level, int fd) {
    *log = (struct log){.level = level, .fd = fd, .allowance_us = BURST_US, .refilled_us = now_mono().us};
}

void log_finish(struct log *log) {
    text_finish(&log->line);
}

static bool within_rate(struct log *log) {
    int64_t now_us = now_mono().us;
    log->allowance_us += now_us - log->refilled_us;
    log->refilled_us = now_us;
    if (log->allowance_us > BURST_US)
        log->allowance_us = BURST_US;
    if (log->allowance_us < LINE_COST_US)
        return false;
    log->allowance_us -= LINE_COST_US;
    return true;
}

static void add_time(struct text *line) {
    struct timespec now;
    struct tm utc;
    char date[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    text_add(line, "%s.%03ldZ", date, now.tv_nsec / 1000000);
}

static bool is_plain(const char *value) {
    for (const char *at = value; *at; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f || strchr("\"\\=", *at))
            return false;
    return true;
}

/* One line, whatever a server or a child said. */
static void add_quoted(struct text *line, const char *value) {
    while (*value) {
        if (*value == '"' || *value == '\\')
            text_add_bytes(line, "\\", 1);
        if (*value == '\n') {
            text_add_bytes(line, "\\n", 2);
            value++;
        } else {
            value += text_add_shown(line, value);
        }
    }
}

static void add_value(struct text *line, const char *value) {
    if (is_plain(value)) {
        text_add(line, "%s", value);
        return;
    }
    text_add_bytes(line, "\"", 1);
    add_quoted(line, value);
    text_add_bytes(line, "\"", 1);
}

static void compose(struct text *line, enum log_level level, const char *event,
                    const struct log_field *fields) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    text_clear(line);
    add_time(line);
    text_add(line, " level=%s event=%s", names[level], event);
    for (const struct log_field *field = fields; field->key; field++) {
        if (field->is_text && (!field->text || !*field->text))
            continue;
        text_add(line, " %s=", field->key);
        if (field->is_text)
            add_value(line, field->text);
        else
            text_add(line, "%" PRId64, field->number);
    }
    if (line->bytes_count > LINE_BYTES_MAX - 1) {
        line->bytes_count = LINE_BYTES_MAX - 5;
        while (((unsigned char)line->bytes[line->bytes_count] & 0xC0) == 0x80) /* not within a character */
            line->bytes_count--;
        text_add(line, "...");
    }
    text_add(line, "\n");
}

static bool put_bytes(const struct log *log, const char *bytes, size_t count) {
    struct pollfd ready = {.fd = log->fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
        return false;
    return write(log->fd, bytes, count) == (ssize_t)count;
}

void log_write_plain(struct log *log, const struct text *text) {
    size_t done = 0;
    while (done < text->bytes_count) {
        size_t rest = text->bytes_count - done;
        size_t chunk = rest < LINE_BYTES_MAX ? rest : LINE_BYTES_MAX;
        log->dropped_count += !put_bytes(log, text->bytes + done, chunk);
        done += chunk;
    }
}

void log_write(struct log *log, enum log_level level, const char *event, const struct log_field *fields) {
    if (level > log->level)
        return;
    if (level > LOG_ERROR && !within_rate(log)) {
        log->dropped_count++;
        return;
    }
    if (log->dropped_count) {
        struct log_field count[] = {log_number("lines", (int64_t)log->dropped_count), {0}};
        compose(&log->line, LOG_WARNING, "log_lines_dropped", count);
        if (put_bytes(log, log->line.bytes, log->line.bytes_count))
            log->dropped_count = 0;
    }
    compose(&log->line, level, event, fields);
    log->dropped_count += !put_bytes(log, log->line.bytes, log->line.bytes_count);
}
