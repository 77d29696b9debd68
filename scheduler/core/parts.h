/*
 * What the files of the core lend each other. Not for anybody else.
 */
#ifndef SCHEDULER_CORE_PARTS_H
#define SCHEDULER_CORE_PARTS_H

#include "scheduler/core/core.h"

/* Actions that one event or one turn of a loop may add; loops stop while this much room is left. */
#define ACTIONS_ROOM 8

static inline bool actions_have_room(const struct actions *actions) {
    return actions->count + ACTIONS_ROOM <= ACTIONS_MAX;
}

/* Appends a zeroed action and returns it. */
struct action *actions_add(struct actions *actions, enum action_kind kind);

/* What becomes due at once: the due instants of one run. */
struct occurrences {
    struct wall first, last;
    int64_t count;
    struct mono due, until; /* the first and the last, or when they were found to have been missed */
    int64_t overdue_us;     /* of these: how long ago the first was then */
};

/* clock.c */
uint32_t clock_run_for(
    struct core *core, uint32_t task, const struct occurrences *due, enum run_state state,
    struct actions *actions); /* INDEX_NONE: none was free, and they are on record as skipped */
void clock_wait_beyond(struct core *core, uint32_t task, struct wall answered,
                       struct actions *actions); /* due only after that */
/* A run of it was refused, as it is answered up to there (0: not told). */
void clock_note_elsewhere(struct core *core, uint32_t task, struct wall answered, struct actions *actions);
void clock_arm(struct core *core, uint32_t task);              /* from the file: the next instant after now */
void clock_follow(struct core *core, struct actions *actions); /* notices a step of the wall clock */
bool clock_collect_due(struct core *core,
                       struct actions *actions); /* due tasks become runs; true: more to do */

/* catchup.c */
void catchup_restore(struct core *core, uint32_t task, struct wall answered_until, struct wall ahead_until,
                     struct actions *actions);
void catchup_go_on(struct core *core, uint32_t task, struct actions *actions); /* a run of it has ended */

/* Missed occurrences have their runs, one after another; what becomes due meanwhile waits behind them. */
static inline bool catchup_is_on(const struct core_task *task) {
    return task->catch_up_next.us != 0;
}

/* run.c */
uint32_t run_create(struct core *core,
                    uint32_t task); /* RUN_WAITING or RUN_HELD is next; INDEX_NONE when full */
void run_redefine(struct core *core, uint32_t run); /* one that waits goes by its task's present definition */
void run_move(struct core *core, uint32_t run,
              enum run_state to); /* the one mover: counts, queues, deadlines */
void run_start(struct core *core, uint32_t run, uint32_t session,
               struct actions *actions); /* session: or INDEX_NONE; behind others when it has some */
void run_come_first(struct core *core, uint32_t run); /* those before it on its session are done */
void run_yield(struct core *core, uint32_t run, struct actions *actions); /* it is in others' way */
bool run_may_wait_again(const struct core *core, uint32_t run, const struct event *event);
void run_wait_again(struct core *core, uint32_t run, struct actions *actions); /* it is not spent */
bool run_is_sharable(const struct core *core, const struct run *run);
int64_t run_in_the_way_at(const struct core *core, const struct run *run, int64_t patience_us);
int64_t run_latest_start(const struct run *run); /* its due instant and its patience */
void run_wait_in(struct core *core, uint32_t run, enum run_state state,
                 enum stage stage); /* its session or its children are done with it */
struct action *run_action(struct core *core, uint32_t run, enum action_kind kind,
                          struct actions *actions); /* that names it */
void run_stop(struct core *core, uint32_t run, enum stop_cause cause, struct actions *actions);
bool run_expire(struct core *core, struct actions *actions);

/* run_end.c */
void run_end(struct core *core, uint32_t run, const struct event *event, struct actions *actions);
void run_be_elsewhere(struct core *core, uint32_t run, struct wall answered_until,
                      struct actions *actions); /* another daemon has it */
/* A run of the task that was unknown was committed, or not: it counts as that. */
void record_resolved(struct core *core, uint32_t task, struct wall key, bool ok);
void run_give_up(struct core *core, uint32_t run,
                 struct actions *actions); /* half done, at the end of a drain */
void run_skip(struct core *core, uint32_t run, enum skip_cause cause, struct actions *actions);
enum skip_cause run_skip_cause(const struct core *core,
                               const struct run *run); /* of one that may not begin */
void record_skip(struct core *core, uint32_t task, struct wall first, struct wall last, int64_t count,
                 enum skip_cause cause, struct actions *actions);
/* A record of these occurrences, and what names them in the history. */
struct record record_of(const struct task *task, uint32_t index, uint32_t pool, struct wall first,
                        struct wall last, int64_t count);
/* The same for occurrences that are counted already. */
void record_counted_skip(struct core *core, uint32_t task, struct wall first, struct wall last, int64_t count,
                         enum skip_cause cause, struct actions *actions);

/* hands.c */
void hands_pause(struct core *core, uint32_t task, bool paused, struct actions *actions);
void hands_pass_over(struct core *core, uint32_t task, struct wall first, struct wall last, int64_t count,
                     struct actions *actions);                /* due while it is paused */
bool hands_sweep(struct core *core, struct actions *actions); /* what was passed over is recorded */
void hands_trigger(struct core *core, uint32_t task);

/* By us, by statement_timeout, by a person; or because a lock was not to be had in time. */
static inline bool event_cancelled(const struct event *event) {
    return event->ended.failure == FAILURE_CANCEL || event->ended.failure == FAILURE_LOCK;
}

static inline bool run_is_waiting(enum run_state state) {
    return state == RUN_WAITING || state == RUN_HELD || state == RUN_DELAYED;
}

static inline bool run_is_on_session(enum run_state state) {
    return state == RUN_SENT || state == RUN_RUNNING || state == RUN_STOPPING;
}

/* Then it is finished even while the daemon drains, and under the file that it began with. */
static inline bool run_is_half_done(const struct run *run) {
    return run->begun && run->stage > stage_first(run->definition);
}

/* reload.c: no longer in the file, and nothing of it runs, waits or is owed. The next reload drops it. */
bool task_is_gone(const struct core_task *task);
bool pool_is_gone(const struct core *core, uint32_t pool);

/* session.c */
void core_session_move(struct core *core, uint32_t session,
                       enum core_session_state to); /* the one mover: tokens, lists, deadlines */
void core_session_open(struct core *core, uint32_t pool, struct actions *actions);
void core_session_close(struct core *core, uint32_t session, enum close_cause cause, struct actions *actions);
void core_session_fall_idle(struct core *core, uint32_t session,
                            struct actions *actions); /* warm, or closed if not wanted */
void core_session_hurry_closing(struct core *core);   /* the drain has begun */
bool core_session_is_unwanted(const struct core *core, uint32_t session, enum close_cause *ret_cause);
bool core_session_expire(struct core *core, struct actions *actions);
void core_session_take_run(struct core *core, uint32_t session, uint32_t run);
void core_session_follow_runs(struct core *core,
                              uint32_t session); /* whether it takes more, and its deadline */
void core_session_lose_run(struct core *core, uint32_t session, uint32_t run);
void core_session_rest(struct core *core,
                       uint32_t session); /* it takes no further runs, so that it falls idle soon */
int64_t core_session_free_at(const struct core *core,
                             uint32_t session); /* when its runs are expected to be done */
void core_session_clean_later(struct core *core, uint32_t session); /* unless a run comes in the same step */
bool core_session_clean_all(struct core *core, struct actions *actions); /* those whose batch has ended */
void core_session_breach(struct core *core, uint32_t session, struct actions *actions);
void core_session_proved_clean(struct core *core, uint32_t session);
void pool_connect_failed(struct core *core, uint32_t pool, enum connect_failure failure);
bool pool_is_quiet(const struct core_pool *pool); /* no session and no run of its own */

/* Nothing will be started in it any more, nor written of what is half done. */
static inline bool pool_is_over(const struct core *core, const struct core_pool *pool) {
    return (core->draining || pool->retired) && pool->half_done_count == 0 &&
           recording_is_settled(core, pool);
}

/* gate.c */
struct mono gate_next_sample(const struct core_pool *pool);
void gate_ask(struct core *core, struct core_pool *pool, uint32_t session, struct actions *actions);
void gate_take_sample(struct core *core, struct core_pool *pool, const struct sample *sample,
                      struct actions *actions);
void gate_refused(struct core *core, struct core_pool *pool, struct actions *actions);
void gate_notice_loss(struct core *core, struct core_pool *pool, struct actions *actions);

/* grant.c */
bool grant_all(struct core *core, struct actions *actions);
struct mono grant_next_wake(const struct core *core);

#endif
