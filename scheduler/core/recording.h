/*
 * The history of a pool, as the core sees it: whether runs can be put on record, and when a session is asked
 * for that. What is on record is the shell's (scheduler/history) and the server's business.
 */
#ifndef SCHEDULER_CORE_RECORDING_H
#define SCHEDULER_CORE_RECORDING_H

#include "scheduler/core/state.h"

void recording_begin(struct core_pool *pool); /* by its settings */

/* When a session that is idle is to be asked; INSTANT_MAX: one is asked, or there is nothing to ask. */
int64_t recording_ask_at(const struct core *core, const struct core_pool *pool);
bool recording_wants(const struct core *core, const struct core_pool *pool);
void recording_ask(struct core *core, struct core_pool *pool, uint32_t session, struct actions *actions);

/* Where none is open. While the daemon stops: whether to wait for one. */
bool recording_is_worth_a_session(const struct core *core, const struct core_pool *pool);

/* When it wants, asks a warm session or opens one; before that, has the core woken then. */
void recording_serve(struct core *core, struct core_pool *pool, struct actions *actions);

/* What other daemons did to the pool's chains is asked in so long, or sooner if that was wanted before. */
void recording_learn(const struct core *core, struct core_pool *pool, int64_t in_us);

/* An occurrence of the task passed without a run of ours (a pause, a hold, its own run): another daemon may have
 * run it, and those that come after the task have to learn of that. */
void recording_note_passed(const struct core *core, uint32_t task);

/* --- what came of it --- */

void recording_answered(struct core *core, struct core_pool *pool, const struct event *event,
                        struct actions *actions);
void recording_cut_off(struct core *core, uint32_t session,
                       struct actions *actions); /* its session is lost */
void recording_unanswered(struct core *core, uint32_t session, struct actions *actions); /* in time */

/* It cannot be written: from now on runs go without, and it is tried again later. */
void recording_fail(struct core *core, struct core_pool *pool, struct actions *actions);

#endif
