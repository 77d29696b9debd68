/*
 * What a task waits for that comes after others, in words.
 */
#ifndef SCHEDULER_STATUS_AFTER_H
#define SCHEDULER_STATUS_AFTER_H

#include "scheduler/status/rows.h"
#include "tasks/text.h"

/* How many of the tasks that it comes after have not ended, as it asks for it, since its last start. */
uint32_t status_after_missing(const struct status *status, uint32_t task);

/* Those, and what each of them does: "after import: running for 12s". Of a task with `after`, in the file. */
void status_after(const struct status *status, uint32_t task, struct text *text);

#endif
