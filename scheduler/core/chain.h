/*
 * Chains: tasks that come after others (the key `after`). What a task has answered of each is the key of that
 * one's last run, in the history `due_until`, which is durable before the run ends: so a restart and a second
 * daemon find the same. When all of them, or one, have ended anew, the task is due, once for all that ended.
 * It knows what has ended and what was answered; when such a run starts is decided as of any other.
 */
#ifndef SCHEDULER_CORE_CHAIN_H
#define SCHEDULER_CORE_CHAIN_H

#include "scheduler/core/state.h"

/* A run of the task is over with this outcome; `key` is of its last occurrence. */
void chain_note_end(struct core *core, uint32_t task, struct wall key, enum outcome outcome);

/* The same, by its record. Of an unknown run the history may say later what it was: run_resolve(). */
void chain_note_record(struct core *core, const struct record *record);

/* A run of the task is no more: what ended while it was there may make it due again. */
void chain_note_gone(struct core *core, uint32_t task);

/* A run of the task was refused, as another daemon has answered it: the history is asked what came of it. */
void chain_note_elsewhere(struct core *core, uint32_t task);

/* What the history says of a task in a chain. */
void chain_take(struct core *core, uint32_t task, const struct chain_told *told);

/* Due tasks become runs. True: more to do. */
bool chain_go_on(struct core *core, struct actions *actions);

/* The key of the last run of the link's predecessor that counts, as far as it ended in this life or as the
 * history says; 0: none. */
struct wall link_ended(const struct core *core, const struct link *link);

/* Whether that run is one that no run of the task has answered. */
bool link_is_fresh(const struct core *core, const struct link *link);

#endif
