/*
 * What the policies would say of a waiting run right now: for grant.c and for the dump.
 */
#ifndef SCHEDULER_CORE_GRANT_H
#define SCHEDULER_CORE_GRANT_H

#include "scheduler/core/admission.h"
#include "scheduler/core/core.h"
#include "scheduler/core/crew.h"

/* The verdict on a run that waits for its pool, as if it were first in its line. */
struct decision grant_ask(const struct core *core, uint32_t pool, const struct run *run);

/* Why a line of a pool's queue waits, which is not empty: for what its first waits for, unless the pool
 * drains for somebody heavier. */
struct decision grant_why(const struct core *core, uint32_t pool, enum line line);

/* What the pool's sessions have to do, seen from a run that may wait for slack_us. */
struct crew grant_crew(const struct core *core, const struct core_pool *pool, int64_t slack_us);

#endif
