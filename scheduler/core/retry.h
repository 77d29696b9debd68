/*
 * What follows a failed attempt, and a task that keeps failing: pure policies. Two transactions that met are
 * tried again at once, as a whole; other failures where the task asks for it, with growing delays; a task
 * that fails time after time is put on hold.
 */
#ifndef SCHEDULER_CORE_RETRY_H
#define SCHEDULER_CORE_RETRY_H

#include "pool/outcome.h"
#include "tasks/stage.h"

/* What a run's attempts came to so far. */
struct attempts {
    uint32_t failed_count; /* all */
    uint32_t
        conflict_count; /* of them: transactions that met, or were lost before COMMIT; tried again at once */
};

/*
 * How long to wait before the next attempt, in us; -1: there is none. random: any number; the delay is drawn
 * between half and all of what the attempt's count says.
 */
int64_t retry_delay_us(const struct task *task, enum stage stage, enum outcome outcome,
                       enum failure_kind failure, const struct attempts *attempts, uint64_t random);

/* Whether this failure is one of those that are tried again at once. */
bool retry_is_conflict(const struct task *task, enum stage stage, enum failure_kind failure);

/* Counts the failed attempt that another one follows: as a conflict, as long as those are tried at once. */
void retry_count(const struct task *task, enum stage stage, enum outcome outcome, enum failure_kind failure,
                 struct attempts *attempts);

/* How long a task is put on hold after failing so many times in a row; 0: it is not. */
int64_t retry_hold_us(const struct task *task, uint32_t failed_in_row);

#endif
