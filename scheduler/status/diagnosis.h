/*
 * Why a pool is in trouble, told apart: a token or a slot that somebody keeps, more work than the budget
 * carries, or a budget that is smaller than it could be. Facts only; pool.c has the words.
 */
#ifndef SCHEDULER_STATUS_DIAGNOSIS_H
#define SCHEDULER_STATUS_DIAGNOSIS_H

#include "scheduler/status/rows.h"

struct diagnosis {
    int64_t work_permille;     /* tokens that all tasks need on average, by learned durations and intervals */
    uint32_t size_wanted;      /* what would carry them with a fifth to spare; 0: the size does */
    uint32_t interval_percent; /* or: intervals in parts of today's that would fit the size; 0: they do */
    const struct run *kept;    /* holds its token far longer than it ever did; or NULL */
    int64_t kept_us;
    bool foreground_keeps;  /* the application holds sessions idle in transaction for long: see the sample */
    uint32_t size_possible; /* all tokens are taken, runs wait, and the database has room for this size; 0:
                               not so */
};

struct diagnosis diagnosis_of(const struct status *status, uint32_t pool);

#endif
