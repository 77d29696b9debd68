/*
 * Due instants are wall-clock instants, waited for on the monotonic clock. Time that was missed (a stalled
 * process, a machine that slept, a clock set forward) becomes one run that answers all it missed.
 */
#ifndef SCHEDULER_CORE_CLOCK_H
#define SCHEDULER_CORE_CLOCK_H

#include "scheduler/core/state.h"

/* What becomes due at once, for one run. */
struct fallen_due {
    struct occurrences these;
    struct mono first, last; /* on our clock; or when they were found to have been missed */
    int64_t overdue_us;      /* of these: how long ago the first was then */
};

/* Where a new run stands among the other runs of its task. */
enum beside { BESIDE_OTHERS, BEHIND_OTHERS };

/* A run of the task for these occurrences. INDEX_NONE: none was free, and they are on record as skipped. */
uint32_t clock_run_for(struct core *core, uint32_t task, const struct fallen_due *due, enum beside beside,
                       struct actions *actions);

/* The task is due only after what is answered. */
void clock_wait_beyond(struct core *core, uint32_t task, struct wall answered, struct actions *actions);

/* A run of it was refused, as it is answered up to there by another daemon (0: not told). */
void clock_note_elsewhere(struct core *core, uint32_t task, struct wall answered, struct actions *actions);

/* Whether what is due of the task now is answered already, by a clock that is or was ahead of ours. */
bool clock_is_kept(const struct core *core, uint32_t task);

/* A task that is new in the file: its next instant after now. */
void clock_arm(struct core *core, uint32_t task);

/* Notices a step of the wall clock. */
void clock_follow(struct core *core, struct actions *actions);

/* Due tasks become runs. True: more to do. */
bool clock_collect_due(struct core *core, struct actions *actions);

#endif
