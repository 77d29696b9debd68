/*
 * Does a pool's budget fit its database, and may its role keep the history? Logs in, once, looks as the
 * daemon does and adds up as its gate does. Blocks: for the command line.
 */
#ifndef POOL_ASK_CHECK_H
#define POOL_ASK_CHECK_H

#include <stdbool.h>

#include "tasks/taskset.h"
#include "tasks/text.h"

/*
 * Says in `text` what was found of the set's pool. False when the login failed, the budget does not fit, or a
 * right is missing. identity: of the daemon that runs this file on this host, whose sessions are not the
 * application's; daemon_name: the same, as the history knows it.
 */
bool budget_check(const struct taskset *set, uint32_t index, uint32_t identity, const char *daemon_name,
                  struct text *text);

#endif
