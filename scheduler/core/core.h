/*
 * READ THIS FIRST. The core decides what starts now, and why the rest waits. It is a value and one function:
 *
 *     core_step(core, event, actions)      what happened in, what to do out
 *     core_next_wake(core)                 when it wants the next EVENT_TICK
 *
 * It calls no clock, no library that does I/O, and allocates only in core_create() and core_reload(). The
 * daemon, the simulator and the tests are three interpreters of the same actions (action.h); what can happen
 * is event.h, what the core knows state.h. The files, from what is asked to who asks:
 *
 *     due.c queue.c turn.c                  what waits, in which order
 *     admission.c crew.c retry.c claim.c    policies: they judge, and change nothing
 *     run.c session.c                       the states of a run and of a session: one function moves each
 *     start.c ending.c learn.c record.c     a run is handed over; its stage ends; its line of the account
 *     bites.c                               a run that goes on as long as it changes rows
 *     idle.c                                what a session does next that has nothing to do
 *     gate.c recording.c hearing.c          a pool's view of its database, and of its history; who listens
 *     held.c opening.c release.c            what keeps a run from its queue, and when that is over
 *     clock.c catchup.c hands.c wake.c      what is due now; what was missed; what a person asks for; what
 *                                           a notification wakes
 *     grant.c                               asks the policies and acts on them
 *     core.c reload.c                       one step; a new ini file under running tasks
 */
#ifndef SCHEDULER_CORE_CORE_H
#define SCHEDULER_CORE_CORE_H

#include "scheduler/core/action.h"
#include "scheduler/core/event.h"
#include "tasks/taskset.h"

struct core; /* state.h */

/*
 * Takes a reference to the set. armed: whether tasks become due by themselves (not for run --once).
 * seed: for jitter. Destroy with core_destroy(), which accepts NULL.
 */
struct core *core_create(struct taskset *set, uint64_t seed, bool armed, struct mono now, struct wall wall);
void core_destroy(struct core *core);

/*
 * Fills actions (whatever was in it is forgotten). Returns whether there is more to do at this very moment:
 * then call again with EVENT_TICK. event->now must not go back.
 */
bool core_step(struct core *core, const struct event *event, struct actions *actions);

/* When the next EVENT_TICK is wanted; INSTANT_MAX: only after another event. */
struct mono core_next_wake(const struct core *core);

/*
 * Goes over to a new file: unchanged schedules keep their due instants, all tasks of the same name their
 * statistics; waiting runs of removed tasks are skipped by the next steps, running ones finish under the old
 * file. Indexes of tasks and pools change; handles stay.
 */
void core_reload(struct core *core, struct taskset *set, struct mono now, struct wall wall);

#endif
