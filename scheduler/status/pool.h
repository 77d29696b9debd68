/*
 * What the dump says of a pool: the budget as sums that a person can check by hand, and what is wrong in
 * words.
 */
#ifndef SCHEDULER_STATUS_POOL_H
#define SCHEDULER_STATUS_POOL_H

#include "scheduler/status/rows.h"
#include "tasks/text.h"

/* Adds the block of lines about one pool. */
void status_pool(const struct status *status, uint32_t pool, struct text *text);

#endif
