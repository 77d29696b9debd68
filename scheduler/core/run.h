/*
 * The states of a run. A run's state changes in run.c alone, by run_move() and run_wait_in(), which keep
 * every count, queue and deadline that follows from it. What starts and stops a run is start.h, what ends it
 * ending.h.
 */
#ifndef SCHEDULER_CORE_RUN_H
#define SCHEDULER_CORE_RUN_H

#include "scheduler/core/state.h"

/* A new run of the task, RUN_FREE: run_move() to RUN_WAITING is next. INDEX_NONE: all are in use. */
uint32_t run_create(struct core *core, uint32_t task);

/* A run that waits goes by its task's present definition. */
void run_redefine(struct core *core, uint32_t run);

/* A run that has not begun and is to wait becomes RUN_HELD instead of RUN_WAITING while something holds it
 * (held.h). One that is held already is looked at anew. */
void run_move(struct core *core, uint32_t run, enum run_state to);

/* The same to a state of another stage, or of the same one again: its session or its children are done with
 * it. */
void run_wait_in(struct core *core, uint32_t run, enum run_state state, enum stage stage);

/* The files that runs of the last step had ended under are not borrowed from any more. */
void run_give_back_files(struct core *core);

/* Those before it on its session are done. */
void run_come_first(struct core *core, uint32_t run);

/* It starts now: notes when. */
void run_note_start(const struct core *core, struct run *run);

/* When the run's present state wants to be looked at again; INSTANT_MAX: never. */
int64_t run_deadline(const struct core *core, const struct run *run);

/* The same for its window alone: it opens for the run, or closes before it, or under it if it is stopped
 * then. */
int64_t run_window_deadline(const struct core *core, const struct run *run);

/* Puts the first of all into core->run_deadlines. */
void run_arm(struct core *core, uint32_t run);

/* An action that names the run, its task and its session. */
struct action *run_action(struct core *core, uint32_t run, enum action_kind kind, struct actions *actions);

/* Short enough, and known well enough, to go down one session with others. */
bool run_is_sharable(const struct core *core, const struct run *run);

/* From when on a run under way is in the way of others, whose patience is patience_us; INSTANT_MAX: never. */
int64_t run_in_the_way_at(const struct core *core, const struct run *run, int64_t patience_us);

#endif
