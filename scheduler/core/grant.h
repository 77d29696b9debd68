/*
 * Walks each pool's queue from its head, asks the policies, and turns their verdicts into actions. A short
 * run goes onto a session that is at work already, if that gets to it in time. A light run may pass a heavy
 * head only while the head has patience; then the pool drains for it.
 */
#ifndef SCHEDULER_CORE_GRANT_H
#define SCHEDULER_CORE_GRANT_H

#include "scheduler/core/admission.h"
#include "scheduler/core/crew.h"
#include "scheduler/core/state.h"

/* Starts what can start, and has the core woken when time alone may let more start. True: more to do now. */
bool grant_all(struct core *core, struct actions *actions);

/* --- what the policies would say right now, for people, too --- */

/* The verdict on a run that waits for its pool, as if it were first in its line. */
struct decision grant_ask(const struct core *core, uint32_t pool, const struct run *run);

/* Why the first run of a line that is not empty waits. Where the pool drains for a heavier run, that is why.
 */
struct decision grant_why(const struct core *core, uint32_t pool, enum line line);

/* What the pool's sessions have to do, seen from a run that may wait for slack_us. */
struct crew grant_crew(const struct core *core, const struct core_pool *pool, int64_t slack_us);

#endif
