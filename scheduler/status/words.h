/*
 * Why a run waits and what a task does, in words that lead to the right action.
 */
#ifndef SCHEDULER_STATUS_WORDS_H
#define SCHEDULER_STATUS_WORDS_H

#include "scheduler/status/rows.h"
#include "tasks/text.h"

/* Why the row's run waits or what it does. Nothing for a task at rest. */
void status_note(const struct status *status, const struct status_row *row, struct text *text);

/* What a pool's sum is made of: "8 = 3 taken + 2 warm + 3 free". */
void status_tokens(const struct tokens *tokens, struct text *text);

/* Why the limit is below the size: "12 application sessions were active, 8 are many"; nothing if it is not.
 */
void status_pressure(const struct limit *limit, struct text *text);

/* Since when a pool cannot connect, and when it tries again. */
void status_connect(const struct status *status, const struct core_pool *pool, struct text *text);

#endif
