/*
 * The life of a run. One function moves it between its states and keeps every count, queue and deadline that
 * follows from the state.
 */
#include <assert.h>

#include "scheduler/core_parts.h"
#include "tasks/hash.h"

struct run *core_run(const struct core *core, struct handle handle) {
    if (handle.generation == 0 || handle.slot >= core->run_used)
        return NULL;
    struct run *run = &core->runs[handle.slot];
    return run->generation == handle.generation && run->state != RUN_FREE ? run : NULL;
}

static uint32_t weight_of(const struct run *run) {
    return phase_tokens(run->definition, run->phase);
}

static bool needs_session(const struct run *run) {
    return phase_needs_session(run->definition, run->phase);
}

uint32_t run_create(struct core *core, uint32_t task) {
    uint32_t slot = core->run_free;
    if (slot != SLOT_NONE)
        core->run_free = core->runs[slot].next_free;
    else if (core->run_used < core->run_capacity)
        slot = core->run_used++;
    else
        return SLOT_NONE;
    struct run *run = &core->runs[slot];
    *run = (struct run){
        .generation = run->generation + 1,
        .task = task,
        .pool = core->tasks[task].pool,
        .number = ++core->run_number,
        .set = taskset_ref(core->tasks[task].set),
        .definition = core->tasks[task].definition,
        .phase = phase_first(core->tasks[task].definition),
        .child_count = 1,
        .behind = SLOT_NONE,
    };
    return slot;
}

/* Where it waits; NULL with weight 0, which waits for no pool. */
static struct due *line_of(struct core_pool *pool, const struct run *run) {
    if (weight_of(run) == 0)
        return NULL;
    return &pool->queue.lines[queue_line(run->definition, run->phase, run->yielded)];
}

static void queue_leave(struct core *core, struct core_pool *pool, uint32_t slot) {
    const struct run *run = &core->runs[slot];
    struct due *line = line_of(pool, run);
    due_remove(line ? line : &core->unweighted, slot);
    if (line == &pool->queue.lines[LINE_LIGHT])
        pool->queue.light_us -= run->expected_us;
}

static void queue_enter(struct core *core, struct core_pool *pool, uint32_t slot) {
    struct run *run = &core->runs[slot];
    struct due *line = line_of(pool, run);
    run->expected_us = core->tasks[run->task].expected_us[run->phase];
    if (!run->begun)
        run->since = run->due;
    int64_t rank_us = queue_rank(run->definition, run->due.us, run->expected_us, pool->settings->max_wait_us);
    due_set(line ? line : &core->unweighted, slot, rank_us);
    if (line == &pool->queue.lines[LINE_LIGHT])
        pool->queue.light_us += run->expected_us;
}

void run_redefine(struct core *core, uint32_t slot) {
    struct run *run = &core->runs[slot];
    const struct core_task *task = &core->tasks[run->task];
    if (run->state == RUN_WAITING)
        queue_leave(core, &core->pools[run->pool], slot);
    taskset_unref(run->set);
    run->set = taskset_ref(task->set);
    run->definition = task->definition;
    run->phase = phase_first(task->definition);
    run->pool = task->pool;
    if (run->state == RUN_WAITING)
        queue_enter(core, &core->pools[run->pool], slot);
}

static void tokens_take(struct core *core, struct core_pool *pool, const struct run *run) {
    core->child_count += weight_of(run) == 0 ? run->child_count : 0;
    pool->tokens.command +=
        needs_session(run) ? weight_of(run) - 1 : weight_of(run); /* its session is a slot */
    if (tokens_held(&pool->tokens) > pool->held_peak)
        pool->held_peak = tokens_held(&pool->tokens);
}

static void tokens_give(struct core *core, struct core_pool *pool, const struct run *run) {
    core->child_count -= weight_of(run) == 0 ? run->child_count : 0;
    pool->tokens.command -= needs_session(run) ? weight_of(run) - 1 : weight_of(run);
}

static void begin(struct core *core, struct run *run) {
    run->begun = true;
    core->begun_count++;
    core->tasks[run->task].running_count++;
    core->pools[run->pool].half_done_count += run->definition->work == WORK_PHASES;
}

static void be_over(struct core *core, struct run *run) {
    if (!run->begun)
        return;
    struct core_pool *pool = &core->pools[run->pool];
    run->begun = false;
    core->begun_count--;
    core->tasks[run->task].running_count--;
    pool->half_done_count -= run->definition->work == WORK_PHASES;
    if (pool->half_done_count == 0 && (core->draining || pool->retired))
        core->sweep_slot = 0; /* its sessions were kept for what was to be written */
}

static int64_t first_deadline(const struct run *run, const struct pool_settings *pool) {
    int64_t timeout_us = phase_timeout_us(run->definition, run->phase), at = INSTANT_MAX;
    if (timeout_us)
        at = us_add(run->started.us, timeout_us);
    if (pool->leak_warning_us && !run->held_told && weight_of(run)) {
        int64_t tell = us_add(run->started.us, pool->leak_warning_us);
        at = tell < at ? tell : at;
    }
    return at;
}

/* Measured from the last occurrence that it answers: while that can be in time, nothing is skipped. */
static int64_t start_deadline(const struct run *run) {
    if (run->definition->start_deadline_us == 0 || run->begun || run->attempts.failed_count ||
        run->occurrence_count == 0)
        return INSTANT_MAX;
    return us_add(run->due.us + (run->due_last.us - run->due_first.us), run->definition->start_deadline_us);
}

static bool is_legal(enum run_state from, enum run_state to) {
    switch (to) {
    case RUN_FREE: return from != RUN_FREE;
    case RUN_HELD: return from == RUN_FREE;
    case RUN_WAITING: return from != RUN_WAITING; /* from its session: unsent, or cancelled for others */
    case RUN_DELAYED: return run_is_on_session(from);
    case RUN_SENT: return from == RUN_WAITING;
    case RUN_RUNNING: return from == RUN_WAITING || from == RUN_SENT;
    case RUN_STOPPING: return from == RUN_RUNNING;
    }
    return false;
}

static void stop_waiting(struct core_task *task, uint32_t slot) {
    task->waiting_count--;
    if (task->waiting_run == slot)
        task->waiting_run = SLOT_NONE;
}

static void begin_waiting(struct core *core, struct core_task *task, uint32_t slot) {
    task->waiting_count++;
    if (task->waiting_run == SLOT_NONE || core->runs[slot].number > core->runs[task->waiting_run].number)
        task->waiting_run = slot;
}

static bool is_waiting(enum run_state state) {
    return state == RUN_WAITING || state == RUN_HELD || state == RUN_DELAYED;
}

static void leave_state(struct core *core, uint32_t slot, struct core_pool *pool, enum run_state to) {
    struct run *run = &core->runs[slot];
    due_remove(&core->run_deadlines, slot);
    if (run->state == RUN_WAITING)
        queue_leave(core, pool, slot);
    if (is_waiting(run->state) && !run->begun)
        stop_waiting(&core->tasks[run->task], slot);
    if (run_is_on_session(run->state) && !run_is_on_session(to))
        tokens_give(core, pool, run);
}

static void arm_deadline(struct core *core, uint32_t slot, int64_t deadline) {
    if (deadline != INSTANT_MAX)
        due_set(&core->run_deadlines, slot, deadline);
}

/* Counted as under way, or as waiting for its start. */
static void count_as(struct core *core, uint32_t slot, enum run_state to) {
    struct run *run = &core->runs[slot];
    if (run_is_on_session(to) && !run->begun)
        begin(core, run);
    else if (to == RUN_FREE || (is_waiting(to) && run->phase == phase_first(run->definition)))
        be_over(core, run);
    if (is_waiting(to) && !run->begun)
        begin_waiting(core, &core->tasks[run->task], slot);
}

static void enter_state(struct core *core, uint32_t slot, struct core_pool *pool) {
    struct run *run = &core->runs[slot];
    switch (run->state) {
    case RUN_FREE:
        taskset_unref(run->set);
        run->set = NULL;
        run->next_free = core->run_free;
        core->run_free = slot;
        break;
    case RUN_WAITING:
        queue_enter(core, pool, slot);
        arm_deadline(core, slot, start_deadline(run));
        break;
    case RUN_DELAYED: arm_deadline(core, slot, run->retry_at.us); break;
    case RUN_RUNNING: arm_deadline(core, slot, first_deadline(run, pool->settings)); break;
    case RUN_STOPPING: arm_deadline(core, slot, us_add(core->now.us, STOP_GRACE_US)); break;
    case RUN_HELD:
    case RUN_SENT: break;
    }
}

/* To a state of the same phase or of another one. */
static void move(struct core *core, uint32_t slot, enum run_state to, enum phase phase) {
    struct run *run = &core->runs[slot];
    struct core_pool *pool = &core->pools[run->pool];
    bool had_tokens = run_is_on_session(run->state);
    assert(is_legal(run->state, to));
    leave_state(core, slot, pool, to);
    run->state = to;
    run->phase = phase;
    if (run_is_on_session(to) && !had_tokens)
        tokens_take(core, pool, run);
    count_as(core, slot, to);
    enter_state(core, slot, pool);
}

void run_move(struct core *core, uint32_t slot, enum run_state to) {
    move(core, slot, to, core->runs[slot].phase);
}

static struct action *run_action(struct core *core, uint32_t slot, enum action_kind kind,
                                 struct actions *actions) {
    struct action *action = actions_add(actions, kind);
    action->run = core_run_handle(core, slot);
    action->task = core->runs[slot].task;
    action->session = core->runs[slot].session;
    return action;
}

void run_start(struct core *core, uint32_t slot, uint32_t session, struct actions *actions) {
    struct run *run = &core->runs[slot];
    bool first = session == SLOT_NONE || core->slots[session].run_count == 0;
    run->started = core->now;
    if (!run->begun)
        run->began = core->now;
    run_move(core, slot, first ? RUN_RUNNING : RUN_SENT);
    if (session != SLOT_NONE) {
        run->session = core_slot_handle(core, session);
        slot_take_run(core, session, slot);
    }
    run_action(core, slot, ACTION_START, actions);
}

void run_come_first(struct core *core, uint32_t slot) {
    core->runs[slot].started = core->runs[slot].began = core->now;
    run_move(core, slot, RUN_RUNNING);
}

void run_stop(struct core *core, uint32_t slot, enum stop_cause cause, struct actions *actions) {
    struct slot *session = core_slot(core, core->runs[slot].session);
    core->runs[slot].stop = cause;
    run_move(core, slot, RUN_STOPPING);
    if (session) {
        session->cancelled = true;
        slot_rest(core, core->runs[slot].session.slot);
    }
    run_action(core, slot, ACTION_CANCEL, actions);
}

int64_t run_latest_start(const struct run *run) {
    return us_add(run->since.us, run->definition->patience_us);
}

/* --- sharing a session --- */

static bool is_short(const struct core *core, const struct run *run) {
    const struct core_task *task = &core->tasks[run->task];
    return run->phase == PHASE_WHOLE && queue_line(run->definition, run->phase, false) == LINE_LIGHT &&
           run->definition->transaction && task->proven &&
           task->expected_us[PHASE_WHOLE] <= core->pools[run->pool].settings->short_us;
}

static bool waited_too_long(const struct core *core, const struct run *run) {
    return mono_since(core->now, run->due) >= core->pools[run->pool].settings->max_wait_us;
}

bool run_is_sharable(const struct core *core, const struct run *run) {
    return is_short(core, run) && !run->yielded && !core->tasks[run->task].suspected &&
           !core->pools[run->pool].gate.sample.pooled && !waited_too_long(core, run);
}

#define IN_THE_WAY_TIMES    4                 /* what it was expected to take */
#define IN_THE_WAY_LEAST_US (100 * US_PER_MS) /* anything may take this long once */

int64_t run_in_the_way_at(const struct core *core, const struct run *run, int64_t patience_us) {
    int64_t longer_us = IN_THE_WAY_TIMES * run->expected_us;
    longer_us = longer_us > IN_THE_WAY_LEAST_US ? longer_us : IN_THE_WAY_LEAST_US;
    if (run->state != RUN_RUNNING || !is_short(core, run) || waited_too_long(core, run))
        return INSTANT_MAX;
    return us_add(run->started.us, patience_us > longer_us ? patience_us : longer_us);
}

static bool cancelled(const struct event *event) {
    return event->ended.failure == FAILURE_CANCEL || event->ended.failure == FAILURE_LOCK;
}

/* Its transaction was rolled back by our cancel, meant for it or for the one before it: so it may be
 * repeated. */
bool run_may_wait_again(const struct core *core, uint32_t slot, const struct event *event) {
    const struct run *run = &core->runs[slot];
    const struct slot *session = core_slot(core, run->session);
    bool asked = run->stop == STOP_YIELD;
    bool hit = run->stop == STOP_NONE && session && session->cancelled;
    return !core->draining && cancelled(event) && event->ended.outcome == OUTCOME_FAILED && (asked || hit) &&
           run->definition->transaction;
}

/* Half done, it is finished even while the daemon drains, and under the file that it began with. */
static bool is_half_done(const struct run *run) {
    return run->begun && run->phase != phase_first(run->definition);
}

static bool may_begin_again(const struct core *core, const struct run *run) {
    const struct core_task *task = &core->tasks[run->task];
    return !core->draining && !task->retired && task->definition->enabled;
}

/* Its session or its children are done with it. */
static void wait_in(struct core *core, uint32_t slot, enum run_state state, enum phase phase) {
    struct run *run = &core->runs[slot];
    run->stop = STOP_NONE;
    run->held_told = false;
    run->session = HANDLE_NONE;
    run->since = core->now;
    move(core, slot, state, phase);
    if (!run->begun)
        run_redefine(core, slot); /* a reload may have come since it began */
}

void run_wait_again(struct core *core, uint32_t slot, struct actions *actions) {
    struct run *run = &core->runs[slot];
    if (!is_half_done(run) && !may_begin_again(core, run)) {
        run_skip(core, slot, core->draining ? SKIP_DRAIN : SKIP_REMOVED, actions);
        return;
    }
    run->yielded |= run->stop == STOP_YIELD;
    wait_in(core, slot, RUN_WAITING, run->phase);
}

void run_yield(struct core *core, uint32_t slot, struct actions *actions) {
    run_stop(core, slot, STOP_YIELD, actions);
    run_action(core, slot, ACTION_YIELDED, actions);
}

void record_skip(struct core *core, uint32_t task, struct wall first, struct wall last, int64_t count,
                 enum skip_cause cause, struct actions *actions) {
    core->tasks[task].stats.skipped_count += (uint32_t)count;
    actions_add(actions, ACTION_RECORD)->record = (struct record){
        .task = task,
        .outcome = OUTCOME_SKIPPED,
        .skip = cause,
        .due_first = first,
        .due_last = last,
        .occurrence_count = count,
    };
}

void run_skip(struct core *core, uint32_t slot, enum skip_cause cause, struct actions *actions) {
    const struct run *run = &core->runs[slot];
    record_skip(core, run->task, run->due_first, run->due_last, run->occurrence_count, cause, actions);
    actions->items[actions->count - 1].record.run_number = run->number;
    run_move(core, slot, RUN_FREE);
}

/* What was stopped by us failed because of us; what finished all the same is fine. */
static enum outcome final_outcome(const struct core *core, const struct run *run, const struct event *event) {
    enum outcome told = event->ended.outcome;
    const struct slot *session = core_slot(core, run->session);
    bool hit = cancelled(event) && (run->stop == STOP_YIELD || (session && session->cancelled));
    if (told == OUTCOME_FAILED && core->draining && hit)
        return OUTCOME_CANCELLED;
    if (told != OUTCOME_FAILED || run->stop == STOP_NONE || run->stop == STOP_YIELD)
        return told;
    return run->stop == STOP_TIMEOUT ? OUTCOME_TIMEOUT : OUTCOME_CANCELLED;
}

/* Jumps at most to four times what was thought, and forgets an odd one in eight: no single run decides. */
static int64_t learned(int64_t expected_us, int64_t took_us, bool first) {
    if (first)
        return took_us;
    int64_t clipped_us = took_us > 4 * expected_us + US_PER_MS ? 4 * expected_us + US_PER_MS : took_us;
    return expected_us + (clipped_us - expected_us) / 8;
}

static void learn(struct core_task *task, const struct run *run, enum outcome outcome,
                  const struct event *event, int64_t took_us) {
    if (outcome != OUTCOME_OK && outcome != OUTCOME_TIMEOUT)
        return;
    int64_t *expected_us = &task->expected_us[run->phase];
    *expected_us = learned(*expected_us, took_us, task->stats.ok_count == 0);
    task->simple |= event->ended.simple;
    task->proven = run->phase == PHASE_WHOLE && outcome == OUTCOME_OK && !task->simple;
}

/* --- its end --- */

static void count_end(struct core *core, const struct run *run, const struct record *record) {
    struct task_stats *stats = &core->tasks[run->task].stats;
    bool fine = record->outcome == OUTCOME_OK || record->outcome == OUTCOME_NOTHING;
    stats->any = true;
    stats->last_outcome = record->outcome;
    stats->last_took_us = record->took_us;
    stats->last_session_us = record->session_us;
    stats->last_outside_us = record->outside_us;
    stats->ok_count += fine;
    stats->failed_count += !fine;
    quantile_add(&core->late[run->task], record->lateness_us);
    quantile_add(&core->took[run->task], record->took_us);
}

/* What we stopped, or what lost its session, says nothing of the task. */
static void count_in_row(struct core *core, const struct run *run, enum outcome outcome,
                         struct actions *actions) {
    struct core_task *task = &core->tasks[run->task];
    if (outcome == OUTCOME_OK || outcome == OUTCOME_NOTHING)
        task->failed_in_row = 0;
    if (outcome != OUTCOME_FAILED && outcome != OUTCOME_TIMEOUT)
        return;
    task->failed_in_row++;
    int64_t hold_us = retry_hold_us(task->definition, task->failed_in_row);
    if (hold_us == 0)
        return;
    task->held_until = mono_add(core->now, hold_us);
    if (task->failed_in_row > task->definition->hold_after) /* it was told */
        return;
    struct action *action = actions_add(actions, ACTION_HOLD);
    action->task = run->task;
    action->delay_us = hold_us;
}

static void finish(struct core *core, uint32_t slot, enum outcome outcome, uint64_t row_count,
                   struct actions *actions) {
    struct run *run = &core->runs[slot];
    struct core_task *task = &core->tasks[run->task];
    struct action *action = run_action(core, slot, ACTION_RECORD, actions);
    action->record = (struct record){
        .task = run->task,
        .run_number = run->number,
        .outcome = outcome,
        .due_first = run->due_first,
        .due_last = run->due_last,
        .occurrence_count = run->occurrence_count,
        .lateness_us = mono_since(run->began, run->due), /* SENT: it never came first */
        .took_us = mono_since(core->now, run->began),
        .session_us = run->session_us,
        .outside_us = run->outside_us,
        .attempt_count = run->attempts.failed_count + 1,
        .row_count = row_count,
    };
    count_end(core, run, &action->record);
    count_in_row(core, run, outcome, actions);
    uint32_t held = task->running_count == 1 ? task->waiting_run : SLOT_NONE;
    run_move(core, slot, RUN_FREE);
    if (held != SLOT_NONE && core->runs[held].state == RUN_HELD)
        run_move(core, held, RUN_WAITING);
}

void run_give_up(struct core *core, uint32_t slot, struct actions *actions) {
    finish(core, slot, OUTCOME_CANCELLED, 0, actions);
}

static uint32_t children_of(const struct run *run, uint64_t row_count) {
    uint32_t most = run->definition->work_parallel;
    return most == 0 ? 1 : row_count < most ? (uint32_t)row_count : most;
}

/* What its work printed is written even when a part of the work failed or was stopped. */
static bool goes_on(struct core *core, uint32_t slot, enum outcome outcome, uint64_t row_count) {
    struct run *run = &core->runs[slot];
    enum phase next = phase_after(run->definition, run->phase);
    bool read = run->phase == PHASE_READ && outcome == OUTCOME_OK;
    bool worked = run->phase == PHASE_WORK && !core->drain_now;
    if (next == PHASE_END || row_count == 0 || (!read && !worked))
        return false;
    if (read)
        run->child_count = children_of(run, row_count);
    else
        run->work_outcome = outcome;
    wait_in(core, slot, RUN_WAITING, next);
    return true;
}

static uint64_t random_of(const struct core *core, const struct run *run) {
    uint64_t hash = hash_bytes(HASH_START, &core->seed, sizeof core->seed);
    hash = hash_bytes(hash, &run->number, sizeof run->number);
    return hash_finish(hash_bytes(hash, &run->attempts.failed_count, sizeof run->attempts.failed_count));
}

/* From its start; but a write alone, with what its work printed. */
static bool tries_again(struct core *core, uint32_t slot, enum outcome outcome, enum failure_kind failure,
                        struct actions *actions) {
    struct run *run = &core->runs[slot];
    bool write = run->phase == PHASE_WRITE;
    int64_t delay_us =
        retry_delay_us(run->definition, run->phase, outcome, failure, &run->attempts, random_of(core, run));
    if (delay_us < 0 || core->drain_now || (!write && !may_begin_again(core, run)))
        return false;
    run->attempts.failed_count++;
    run->attempts.conflict_count += retry_is_conflict(run->definition, run->phase, failure);
    run->retry_at = mono_add(core->now, delay_us);
    core->tasks[run->task].stats.retried_count++;
    run_action(core, slot, ACTION_RETRY, actions)->delay_us = delay_us;
    wait_in(core, slot, RUN_DELAYED, write ? PHASE_WRITE : phase_first(run->definition));
    return true;
}

void run_end(struct core *core, uint32_t slot, const struct event *event, struct actions *actions) {
    struct run *run = &core->runs[slot];
    const struct core_task *task = &core->tasks[run->task];
    enum outcome outcome = final_outcome(core, run, event);
    int64_t took_us = mono_since(core->now, run->started);
    *(weight_of(run) ? &run->session_us : &run->outside_us) += took_us;
    if (task_same_work(run->definition, task->definition)) /* a reload may have changed the text since */
        learn(&core->tasks[run->task], run, outcome, event, took_us);
    if (goes_on(core, slot, outcome, event->ended.row_count) ||
        tries_again(core, slot, outcome, event->ended.failure, actions))
        return;
    if (run->phase == PHASE_READ && outcome == OUTCOME_OK)
        outcome = OUTCOME_NOTHING;
    if (run->phase == PHASE_WRITE && outcome == OUTCOME_OK)
        outcome = run->work_outcome;
    finish(core, slot, outcome, event->ended.row_count, actions);
}

static void run_deadline(struct core *core, uint32_t slot, struct actions *actions) {
    struct run *run = &core->runs[slot];
    const struct pool_settings *pool = core->pools[run->pool].settings;
    due_remove(&core->run_deadlines, slot);
    if (run->state == RUN_DELAYED) {
        run_move(core, slot, RUN_WAITING);
        return;
    }
    if (run->state == RUN_WAITING) {
        if (start_deadline(run) <= core->now.us)
            run_skip(core, slot, SKIP_LATE, actions);
        else
            arm_deadline(core, slot, start_deadline(run)); /* a later occurrence has joined it */
        return;
    }
    if (run->state == RUN_STOPPING) {
        run_action(core, slot, ACTION_ABORT, actions);
        return;
    }
    int64_t timeout_us = phase_timeout_us(run->definition, run->phase);
    if (timeout_us && mono_since(core->now, run->started) >= timeout_us) {
        run_stop(core, slot, STOP_TIMEOUT, actions);
        return;
    }
    run->held_told = true;
    run_action(core, slot, ACTION_HELD, actions)->held_us = mono_since(core->now, run->started);
    int64_t next = first_deadline(run, pool);
    if (next != INSTANT_MAX)
        due_set(&core->run_deadlines, slot, next);
}

bool run_expire(struct core *core, struct actions *actions) {
    const struct due_entry *first;
    while ((first = due_first(&core->run_deadlines)) && first->at <= core->now.us) {
        if (!actions_have_room(actions))
            return true;
        run_deadline(core, first->id, actions);
    }
    return false;
}
