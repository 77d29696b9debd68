/*
 * What a run says of itself in the history before it begins: its claim, so that no other daemon runs the same
 * occurrences. A policy of no state: which kind of claim goes with a stage, and what a committed one means.
 */
#ifndef SCHEDULER_CORE_CLAIM_H
#define SCHEDULER_CORE_CLAIM_H

#include "scheduler/core/state.h"

/* The stage that a run in this pool begins with: the guard is asked first, unless it has let the run pass;
 * then outside work and commands have their claim committed on a session. */
enum stage claim_first_stage(const struct core *core, const struct task *task, uint32_t pool, bool let_pass);

/* The stage that follows the guard's yes. */
enum stage claim_stage_let_pass(const struct core *core, const struct run *run);

/* Of a run about to be sent: sets run->claim, how its stage is put on record. */
void claim_choose(const struct core *core, struct run *run);

/* Nothing but a notification has made it: what another daemon began since has answered it. */
bool claim_is_of_notification(const struct run *run);

/* The run's claim is committed; what lies before `from` was answered by another run. */
void claim_note(struct run *run, struct wall from);

#endif
