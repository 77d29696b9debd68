/*
 * What the files of the core lend each other. Not for anybody else.
 */
#ifndef SCHEDULER_CORE_PARTS_H
#define SCHEDULER_CORE_PARTS_H

#include "scheduler/core.h"

/* Actions that one event or one turn of a loop may add; loops stop while this much room is left. */
#define ACTIONS_ROOM 8

static inline bool actions_have_room(const struct actions *actions) {
    return actions->count + ACTIONS_ROOM <= ACTIONS_MAX;
}

/* Appends a zeroed action and returns it. */
struct action *actions_add(struct actions *actions, enum action_kind kind);

/* clock.c */
void clock_arm(struct core *core, uint32_t task);              /* from the file: the next instant after now */
void clock_follow(struct core *core, struct actions *actions); /* notices a step of the wall clock */
bool clock_collect_due(struct core *core,
                       struct actions *actions); /* due tasks become runs; true: more to do */

/* run.c */
uint32_t run_create(struct core *core,
                    uint32_t task);                 /* RUN_WAITING or RUN_HELD is next; SLOT_NONE when full */
void run_redefine(struct core *core, uint32_t run); /* one that waits goes by its task's present definition */
void run_move(struct core *core, uint32_t run,
              enum run_state to); /* the one mover: counts, queues, deadlines */
void run_start(struct core *core, uint32_t run, uint32_t slot,
               struct actions *actions); /* slot: or SLOT_NONE */
void run_stop(struct core *core, uint32_t run, enum stop_cause cause, struct actions *actions);
void run_end(struct core *core, uint32_t run, const struct event *event, struct actions *actions);
void run_skip(struct core *core, uint32_t run, enum skip_cause cause, struct actions *actions);
bool run_expire(struct core *core, struct actions *actions);
void record_skip(struct core *core, uint32_t task, struct wall first, struct wall last, int64_t count,
                 enum skip_cause cause, struct actions *actions);

/* slot.c */
void slot_move(struct core *core, uint32_t slot,
               enum slot_state to); /* the one mover: tokens, lists, deadlines */
void slot_open(struct core *core, uint32_t pool, struct actions *actions);
void slot_close(struct core *core, uint32_t slot, enum close_cause cause, struct actions *actions);
void slot_fall_idle(struct core *core, uint32_t slot,
                    struct actions *actions); /* warm, or closed if not wanted */
void slot_hurry_closing(struct core *core); /* the drain has begun */
bool slot_is_unwanted(const struct core *core, uint32_t slot, enum close_cause *ret_cause);
bool slot_expire(struct core *core, struct actions *actions);
void pool_connect_failed(struct core *core, uint32_t pool, enum connect_failure failure);
bool pool_is_quiet(const struct core_pool *pool); /* no session and no run of its own */

/* grant.c */
bool grant_all(struct core *core, struct actions *actions);
struct mono grant_next_wake(const struct core *core);

#endif
