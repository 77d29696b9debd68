/*
 * One line an event, key=value, for people and for grep. Written by the shell only; the pure rooms return
 * values. A reader that does not read must not stop the daemon: a line that would block is dropped and
 * counted, and so is what exceeds the rate.
 */
#ifndef SCHEDULER_LOG_H
#define SCHEDULER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tasks/instant.h"
#include "tasks/task.h"
#include "tasks/text.h"

struct log {
    enum log_level level;
    int fd;
    int64_t allowance_us; /* what the rate still allows, as time: a line costs LINE_COST_US */
    int64_t refilled_us;  /* monotonic */
    uint64_t dropped_count;
    struct text line;
};

struct log_field {
    const char *key;
    const char *text; /* NULL and "" with is_text: the field is left out */
    int64_t number;
    bool is_text;
};

static inline struct log_field log_text(const char *key, const char *text) {
    return (struct log_field){key, text, 0, true};
}

static inline struct log_field log_number(const char *key, int64_t number) {
    return (struct log_field){key, NULL, number, false};
}

static inline struct log_field log_number_if(bool is_there, const char *key, int64_t number) {
    return (struct log_field){key, NULL, number, !is_there};
}

void log_init(struct log *log, enum log_level level, int fd);
void log_finish(struct log *log);

/* fields end with one whose key is NULL; LOG() adds it. Values with blanks or quotes are quoted. */
void log_write(struct log *log, enum log_level level, const char *event, const struct log_field *fields);

/* A text of many lines as it is: the dump. What would block is dropped and counted. */
void log_write_plain(struct log *log, const struct text *text);

#define LOG(log, level, event, ...) log_write(log, level, event, (struct log_field[]){__VA_ARGS__, {0}})

#endif
