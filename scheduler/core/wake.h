/*
 * A task that is woken, by a notification or as nobody knows whether there was one: a run of it begins after
 * that, always. One that waits for its start serves; while one runs, one further run waits behind it,
 * whatever `overlap` says. Such a run answers no occurrence, unless the task is due as well.
 */
#ifndef SCHEDULER_CORE_WAKE_H
#define SCHEDULER_CORE_WAKE_H

#include "scheduler/core/state.h"

void wake_hear(struct core *core, uint32_t task);

/* What it heard last is still to be answered, or again: a run that was to do so has not begun. */
void wake_owe(struct core *core, uint32_t task);

/* What keeps a task that was woken may have changed: it is put on core->wakes, or moved there. */
void wake_arm(struct core *core, uint32_t task);

/* After a reload: a task that is woken by a channel that others of its pool listened to before looks once. */
void wake_follow(struct core *core, uint32_t task, const struct taskset *before);

/* Woken tasks get their runs. True: more to do. */
bool wake_collect(struct core *core, struct actions *actions);

#endif
