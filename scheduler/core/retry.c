#include "scheduler/core/retry.h"

#include "tasks/hash.h"
#include "tasks/instant.h"

/* Both of those that met come back within this; doubled with each further try. */
#define CONFLICT_DELAY ((struct range){10 * US_PER_MS, US_PER_S})

static int64_t grown_us(struct range range, uint32_t doublings) {
    int64_t us = range.least_us;
    for (; doublings > 0 && us < range.most_us; doublings--)
        us *= 2;
    return us < range.most_us ? us : range.most_us;
}

static int64_t drawn_us(int64_t us, uint64_t random) {
    return us - (int64_t)hash_below(random, (uint64_t)us / 2 + 1);
}

/* A text that makes its own transactions may have kept a part of what it did. */
static bool is_one_transaction(const struct task *task, enum stage stage) {
    return stage_needs_session(task, stage) && (stage != STAGE_WHOLE || task->transaction);
}

/* A further bite is right whether the one before was done or not. */
static bool is_lost_bite(const struct task *task, enum outcome outcome, enum failure_kind failure) {
    return task->repeat == REPEAT_ROWS && outcome == OUTCOME_UNKNOWN && failure != FAILURE_UNCONFIRMED;
}

bool retry_is_conflict(const struct task *task, enum stage stage, enum failure_kind failure) {
    bool met = failure == FAILURE_CONFLICT || failure == FAILURE_LOST ||
               (failure == FAILURE_LOCK && task->retry_lock);
    return met && is_one_transaction(task, stage);
}

static bool is_tried_at_once(const struct task *task, enum stage stage, enum outcome outcome,
                             enum failure_kind failure, const struct attempts *attempts) {
    return ((outcome == OUTCOME_FAILED && retry_is_conflict(task, stage, failure)) ||
            is_lost_bite(task, outcome, failure)) &&
           attempts->conflict_count < task->conflict_retries;
}

int64_t retry_delay_us(const struct task *task, enum stage stage, enum outcome outcome,
                       enum failure_kind failure, const struct attempts *attempts, uint64_t random) {
    uint32_t other_count = attempts->failed_count - attempts->conflict_count;
    bool final = failure == FAILURE_GONE || failure == FAILURE_PARTLY;
    if ((outcome != OUTCOME_FAILED && outcome != OUTCOME_TIMEOUT && !is_lost_bite(task, outcome, failure)) ||
        final)
        return -1;
    if (is_tried_at_once(task, stage, outcome, failure, attempts))
        return drawn_us(grown_us(CONFLICT_DELAY, attempts->conflict_count), random);
    if (other_count < task->retries)
        return drawn_us(grown_us(task->retry_delay, other_count), random);
    return -1;
}

void retry_count(const struct task *task, enum stage stage, enum outcome outcome, enum failure_kind failure,
                 struct attempts *attempts) {
    attempts->conflict_count += is_tried_at_once(task, stage, outcome, failure, attempts);
    attempts->failed_count++;
}

int64_t retry_hold_us(const struct task *task, uint32_t failed_in_row) {
    if (task->hold_after == 0 || failed_in_row < task->hold_after)
        return 0;
    return grown_us(task->hold, failed_in_row - task->hold_after);
}
