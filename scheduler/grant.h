/*
 * What the policy would say of the first in a pool's queue right now: for grant.c and for the dump.
 */
#ifndef SCHEDULER_GRANT_H
#define SCHEDULER_GRANT_H

#include "scheduler/admission.h"
#include "scheduler/core.h"

/* The verdict on a run that is first in its pool's queue. */
struct decision grant_ask(const struct core *core, uint32_t pool, const struct run *run);

#endif
