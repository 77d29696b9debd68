/*
 * What people write for `headgate simulate`: what the application does, and how long the tasks' runs take.
 */
#ifndef SCHEDULER_SIMULATE_SPEC_H
#define SCHEDULER_SIMULATE_SPEC_H

#include "scheduler/simulate/simulate.h"
#include "tasks/text.h"

/* "sessions=40,burst=30,every=10min,for=20s,active=2". False with the piece and the way out in `error`. */
bool simulate_spec_foreground(const char *text, struct simulate_foreground *ret, struct text *error)
    __attribute__((warn_unused_result));

/*
 * "tick=4ms", or "50ms" for all tasks. *ret_task: an index into the set, or TASKSET_NONE for all. False as
 * above.
 */
bool simulate_spec_took(const char *text, const struct taskset *set, uint32_t *ret_task, int64_t *ret_us,
                        struct text *error) __attribute__((warn_unused_result));

#endif
