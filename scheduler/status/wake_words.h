/*
 * What people are told of who listens for a pool's tasks, and of a task that is woken.
 */
#ifndef SCHEDULER_STATUS_WAKE_WORDS_H
#define SCHEDULER_STATUS_WAKE_WORDS_H

#include "scheduler/status/rows.h"

/* "not listening for 12s: why"; nothing while all is heard, or nobody has to. */
void status_hearing(const struct status *status, const struct core_pool *pool, struct text *text);

/* "waits for new_mail, new_order", or how long it will not be woken. Nothing of a task that is not woken. */
void status_wake(const struct status *status, const struct core_task *task, struct text *text);

/* One word for programs: "listening"; NULL: nobody has to. */
const char *status_hearing_name(const struct status *status, const struct core_pool *pool);

#endif
