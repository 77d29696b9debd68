/*
 * Tokens of commands that were cut short: killed, failed, or with processes left that were killed. A server
 * does not notice at once that a client is dead, in the middle of a statement least of all; so their tokens
 * stay held until a look at the database that was begun after their end shows that their sessions are gone.
 */
#ifndef SCHEDULER_CORE_ENDED_H
#define SCHEDULER_CORE_ENDED_H

#include "scheduler/core/state.h"

/* The run of a command, of so many units, was cut short. */
void ended_keep(struct core *core, const struct run *run, uint32_t units);

/* A look was answered. */
void ended_release(struct core *core, struct core_pool *pool, const struct sample *sample);

/* Sums up anew what the pools hold, after a reload. */
void ended_recount(struct core *core);

/* A server that looks after its clients has noticed by then that they are dead: what is still there may stay
 * for as long as its statement takes, and the floor may be opened beside it to see when it goes. */
struct mono ended_settle_at(const struct core_pool *pool);

#endif
