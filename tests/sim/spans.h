/*
 * Ranges of a task's occurrences in the order of time: what was run, what was recorded, what is in the table
 * of the history. Instants are microseconds of wall time.
 */
#ifndef TESTS_SIM_SPANS_H
#define TESTS_SIM_SPANS_H

#include <stdbool.h>
#include <stdint.h>

#include "tasks/schedule.h"

enum row_state {
    ROW_PENDING, /* in a transaction that is not committed */
    ROW_RUNNING,
    ROW_OK,
    ROW_FAILED,
    ROW_UNKNOWN,
    ROW_SKIPPED,
    ROW_LOST, /* it was started, and its daemon died */
    ROW_HOLE, /* no record of it was kept */
};

struct span {
    int64_t first, last;
    uint32_t life; /* of which daemon, in which of its lives */
    uint64_t run;
    bool guarded; /* by a claim */
    enum row_state state;
};

struct spans {
    struct span *items;
    uint32_t count, capacity;
};

/* Borrowed, until the next change. NULL: none. */
struct span *spans_meeting(const struct spans *spans, int64_t first,
                           int64_t last);                        /* the first that shares an instant */
struct span *spans_until(const struct spans *spans, int64_t at); /* the last that begins by then */

struct span *spans_add(struct spans *spans, struct span span);
void spans_remove(struct spans *spans, struct span *span);
void spans_finish(struct spans *spans);

/* The key that follows one, and the one before. */
int64_t key_after(const struct schedule *schedule, int64_t key_us);
int64_t key_before(const struct schedule *schedule, int64_t key_us);

/* Whether every key of the schedule in first..last, where `first` is one, is in some span. */
bool spans_cover(const struct spans *spans, int64_t first, int64_t last, const struct schedule *schedule);

#endif
