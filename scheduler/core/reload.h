/*
 * What a reload has left behind; core_create(), core_reload() and core_destroy() are in core.h.
 */
#ifndef SCHEDULER_CORE_RELOAD_H
#define SCHEDULER_CORE_RELOAD_H

#include "scheduler/core/state.h"

/* No longer in the file, and nothing of it runs, waits or is owed. The next reload drops it. */
bool task_is_gone(const struct core_task *task);
bool pool_is_gone(const struct core *core, uint32_t pool);

#endif
