/*
 * Does a pool's budget fit its database, and may its role keep the history? Logs in, once, and adds up the
 * slots. Blocks: for the command line.
 */
#ifndef POOL_BUDGET_H
#define POOL_BUDGET_H

#include <stdbool.h>

#include "tasks/task.h"
#include "tasks/text.h"

/* Says in `text` what was found. False when the login failed the budget does not fit, or a right is missing.
 */
bool budget_check(const struct pool_settings *pool, struct text *text);

#endif
