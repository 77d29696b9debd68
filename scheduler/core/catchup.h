/*
 * What was missed while no daemon ran. The history says up to where a task's occurrences were answered, the
 * clock where this daemon's own begin (answered_from); what lies between was missed, and catch_up decides.
 */
#ifndef SCHEDULER_CORE_CATCHUP_H
#define SCHEDULER_CORE_CATCHUP_H

#include "scheduler/core/state.h"

/* What the history says of the task. Of the occurrences before this daemon's first one, all up to
 * answered_until are answered; of later ones, all up to ahead_until (0: none). */
void catchup_restore(struct core *core, uint32_t task, struct wall answered_until, struct wall ahead_until,
                     struct actions *actions);

/* A run of the task has ended: the next missed occurrence has its turn. */
void catchup_go_on(struct core *core, uint32_t task, struct actions *actions);

#endif
