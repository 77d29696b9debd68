/*
 * The tasks that are in trouble now: what the last failure said, how often in a row, what is worth a line in
 * the log. A task is here from its first failure or skip until its next success.
 */
#ifndef SCHEDULER_DAEMON_TROUBLE_H
#define SCHEDULER_DAEMON_TROUBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/report.h"

struct trouble {
    char *task;             /* its name */
    uint64_t failure_count; /* in a row */
    uint64_t signature;     /* of the last failure: what was told of it once is not told again */
    bool skip_told;         /* a skip that repeats was told */
    char *summary;          /* one line; NULL while there were only skips */
    char *message;          /* of this, what was said of the failure; likewise */
};

struct troubles {
    void *tree; /* by name */
};

/* NULL when the task is fine. */
struct trouble *trouble_find(const struct troubles *troubles, const char *task);

/* The task's, made if need be. */
struct trouble *trouble_get(struct troubles *troubles, const char *task);

/* Takes in a failure; advice: what to do about it, or "". True when it differs from the one before and should
 * be told in full. */
bool trouble_add(struct trouble *trouble, const char *outcome, const struct failure *failure,
                 const char *advice);

/* What became of the last failure is known now; what was said of it stays. */
void trouble_resolve(struct trouble *trouble, const char *outcome);

void trouble_clear(struct troubles *troubles, const char *task);
void troubles_finish(struct troubles *troubles);

#endif
