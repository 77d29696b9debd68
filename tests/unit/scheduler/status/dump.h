/*
 * What the tests of the dump share: a context that knows two troubles, and how to look into what was printed.
 */
#ifndef TESTS_UNIT_STATUS_DUMP_H
#define TESTS_UNIT_STATUS_DUMP_H

#include "tests/unit/fixture.h"

#include <string.h>

#include "scheduler/status/table.h"

#define POOL(size) "[pool p]\nsize = " #size "\n"
#define SQL(name)  "[task " name "]\nevery = 10s\nphase = 0\nsql = SELECT 1\n"

#define BITES(name) "[task " name "]\nevery = 10s\nphase = 0\nsql = DELETE FROM x\nrepeat = rows\n"

#define S US_PER_S

static inline const char *connect_error(const void *context, const char *pool_name) {
    (void)context;
    return strcmp(pool_name, "p") == 0 ? "connection refused" : NULL;
}

static inline const char *failure(const void *context, const char *task_name) {
    (void)context;
    return strcmp(task_name, "broken") == 0 ? "42P01 no such table" : NULL;
}

static const struct status_context context = {
    .version = "0.1",
    .path = "office.ini",
    .pid = 42,
    .up_us = 90 * S,
    .loaded = {WALL_START_US},
    .failure_of = failure,
    .connect_error_of = connect_error,
};

/* To finish. */
static inline struct text dump_of(const struct fixture *f, uint32_t width) {
    struct status status;
    struct text dump = {0};
    status_init(&status, f->core, f->now, &context);
    status_print(&status, width, &dump);
    status_finish(&status);
    return dump;
}

/* The dump holds each of the texts, in this order. Ended with NULL. */
static inline void assert_dump(const struct fixture *f, const char *const *texts) {
    struct text dump = dump_of(f, 0);
    const char *at = dump.bytes;
    for (; *texts; texts++) {
        const char *found = strstr(at, *texts);
        if (!found)
            fail_msg("no '%s' here or not in order:\n%s", *texts, dump.bytes);
        at = found + strlen(*texts);
    }
    text_finish(&dump);
}

#endif
