#include "scheduler/core/run.h"

#include <assert.h>

#include "scheduler/core/claim.h"
#include "scheduler/core/ended.h"
#include "scheduler/core/group.h"
#include "scheduler/core/held.h"
#include "scheduler/core/opening.h"

static uint32_t weight_of(const struct run *run) {
    return stage_tokens(run->definition, run->stage);
}

static bool needs_session(const struct run *run) {
    return stage_needs_session(run->definition, run->stage);
}

uint32_t run_create(struct core *core, uint32_t task) {
    uint32_t index = core->run_free;
    if (index != INDEX_NONE)
        core->run_free = core->runs[index].next_free;
    else if (core->run_used < core->run_capacity)
        index = core->run_used++;
    else
        return INDEX_NONE;
    struct run *run = &core->runs[index];
    *run = (struct run){
        .generation = run->generation + 1,
        .task = task,
        .pool = core->tasks[task].pool,
        .number = ++core->run_number,
        .set = taskset_ref(core->tasks[task].set),
        .definition = core->tasks[task].definition,
        .stage = claim_first_stage(core, core->tasks[task].definition, core->tasks[task].pool, false),
        .claim_state = core->tasks[task].elsewhere_count ? CLAIM_DOUBTED : CLAIM_OPEN,
        .child_count = 1,
        .behind = INDEX_NONE,
    };
    return index;
}

/* Where it waits; NULL with weight 0, which waits for no pool. */
static struct due *line_of(struct core_pool *pool, const struct run *run) {
    if (weight_of(run) == 0)
        return NULL;
    return &pool->queue.lines[queue_line(run->definition, run->stage, run->yielded)];
}

static void queue_leave(struct core *core, struct core_pool *pool, uint32_t index) {
    const struct run *run = &core->runs[index];
    struct due *line = line_of(pool, run);
    due_remove(line ? line : &core->unweighted, index);
    if (line == &pool->queue.lines[LINE_LIGHT])
        pool->queue.light_us -= run->expected_us;
}

static void queue_enter(struct core *core, struct core_pool *pool, uint32_t index) {
    struct run *run = &core->runs[index];
    struct due *line = line_of(pool, run);
    run->expected_us = core->tasks[run->task].expected_us[run->stage];
    if (!run->begun)
        run->since = run->due;
    int64_t rank_us = queue_rank(run->definition, run->due.us, run->expected_us, pool->settings->max_wait_us);
    due_set(line ? line : &core->unweighted, index, rank_us);
    if (line == &pool->queue.lines[LINE_LIGHT])
        pool->queue.light_us += run->expected_us;
}

/* Measured from the last occurrence that it answers: while that can be in time, nothing is skipped.
 * What has started once was in time. */
static int64_t start_deadline(const struct run *run) {
    if (run->definition->start_deadline_us == 0 || run->occurrence_count == 0 || run->begun || run->yielded ||
        run->attempts.failed_count)
        return INSTANT_MAX;
    return us_add(run->last.us, run->definition->start_deadline_us);
}

/* Its timeout, or before that when to tell that it holds its tokens for long. */
static int64_t running_deadline(const struct run *run, const struct pool_settings *pool) {
    int64_t timeout_us = stage_timeout_us(run->definition, run->stage), at = INSTANT_MAX;
    if (timeout_us)
        at = us_add(run->started.us, timeout_us);
    if (pool->leak_warning_us && !run->held_told && weight_of(run)) {
        int64_t tell = us_add(run->started.us, pool->leak_warning_us);
        at = tell < at ? tell : at;
    }
    return at;
}

int64_t run_window_deadline(const struct core *core, const struct run *run) {
    bool waits = run->state == RUN_HELD || run->state == RUN_WAITING;
    if (!run->begun || (waits && run->bites.count))
        return waits && opening_is_of(core, run) ? run->window_at.us : INSTANT_MAX;
    return (waits || run->state == RUN_RUNNING) && opening_stops(run) ? run->window_at.us : INSTANT_MAX;
}

/* What its window keeps from starting is not late for that. */
int64_t run_deadline(const struct core *core, const struct run *run) {
    int64_t window_at = run_window_deadline(core, run), at = INSTANT_MAX;
    switch (run->state) {
    case RUN_HELD:
    case RUN_WAITING: at = run->held == HELD_BY_WINDOW ? INSTANT_MAX : start_deadline(run); break;
    case RUN_DELAYED: return run->retry_at.us;
    case RUN_RUNNING: at = running_deadline(run, core->pools[run->pool].settings); break;
    case RUN_STOPPING: return us_add(core->now.us, STOP_GRACE_US);
    default: return INSTANT_MAX;
    }
    return window_at < at ? window_at : at;
}

void run_arm(struct core *core, uint32_t index) {
    int64_t deadline = run_deadline(core, &core->runs[index]);
    if (deadline == INSTANT_MAX)
        due_remove(&core->run_deadlines, index);
    else
        due_set(&core->run_deadlines, index, deadline);
}

/* What a step asks for borrows from the run's file, which may be gone with it. */
static void lend_file(struct core *core, struct run *run) {
    assert(core->lent_count < ACTIONS_MAX);
    if (run->set == core->set)
        taskset_unref(run->set);
    else
        core->lent[core->lent_count++] = run->set;
    run->set = NULL;
}

void run_give_back_files(struct core *core) {
    while (core->lent_count > 0)
        taskset_unref(core->lent[--core->lent_count]);
}

void run_redefine(struct core *core, uint32_t index) {
    struct run *run = &core->runs[index];
    const struct core_task *task = &core->tasks[run->task];
    if (run->claim_state ==
        CLAIM_COMMITTED) /* it is on record under the file that it was claimed under, in that database */
        return;
    if (run->state == RUN_WAITING)
        queue_leave(core, &core->pools[run->pool], index);
    run->let_pass &= task_same_work(run->definition, task->definition);
    taskset_unref(run->set);
    run->set = taskset_ref(task->set);
    run->definition = task->definition;
    run->pool = task->pool;
    run->stage = claim_first_stage(core, run->definition, run->pool, run->let_pass);
    if (run->state != RUN_WAITING)
        return;
    queue_enter(core, &core->pools[run->pool], index);
    run_arm(core, index);
}

/* Beside its session's, which is the session's own; and its children, of weight 0. */
static void count_tokens(struct core *core, struct core_pool *pool, const struct run *run, bool taken) {
    uint32_t units = needs_session(run) ? weight_of(run) - 1 : weight_of(run);
    uint32_t children = weight_of(run) == 0 ? run->child_count : 0;
    core->child_count += taken ? children : -children;
    pool->tokens.command += taken ? units : -units;
    if (taken && tokens_held(&pool->tokens) > pool->held_peak)
        pool->held_peak = tokens_held(&pool->tokens);
    if (!taken && run->cut_short && !needs_session(run))
        ended_keep(core, run, units);
}

static void begin(struct core *core, struct run *run) {
    run->begun = true;
    core->begun_count++;
    core->tasks[run->task].running_count++;
    core->tasks[run->task].begun = core->now;
    run->keeps_session =
        run->definition->work == WORK_STAGES ||
        (run->definition->work == WORK_COMMAND && core->pools[run->pool].recording.state == RECORDING_ON);
    core->pools[run->pool].half_done_count += run->keeps_session;
}

static void be_over(struct core *core, struct run *run) {
    if (!run->begun)
        return;
    struct core_pool *pool = &core->pools[run->pool];
    run->begun = false;
    core->begun_count--;
    core->tasks[run->task].running_count--;
    pool->half_done_count -= run->keeps_session;
    if (pool_is_over(core, pool))
        core->sweep_session = 0; /* its sessions were kept for what was to be written */
}

static bool is_legal(enum run_state from, enum run_state to) {
    switch (to) {
    case RUN_FREE: return from != RUN_FREE;
    case RUN_HELD: return true;
    case RUN_WAITING: return from != RUN_WAITING; /* from its session: unsent, or cancelled for others */
    case RUN_DELAYED: return run_is_under_way(from);
    case RUN_SENT: return from == RUN_WAITING;
    case RUN_RUNNING: return from == RUN_WAITING || from == RUN_SENT;
    case RUN_STOPPING: return from == RUN_RUNNING;
    }
    return false;
}

/* Among those of its task that wait: for their start, or between two stages or bites. */
static void count_waiting(struct core *core, uint32_t index, bool waits) {
    const struct run *run = &core->runs[index];
    struct core_task *task = &core->tasks[run->task];
    if (run->begun) {
        task->between_count += waits ? 1 : -1;
        return;
    }
    task->waiting_count += waits ? 1 : -1;
    if (!waits && task->waiting_run == index)
        task->waiting_run = INDEX_NONE;
    if (waits && (task->waiting_run == INDEX_NONE || run->number > core->runs[task->waiting_run].number))
        task->waiting_run = index;
}

/* Its window has opened: how late it is counts from now on, and for how long it waits in line as well. Of
 * another attempt the lateness is that of the first. */
static void count_from_now(const struct core *core, struct run *run) {
    run->overdue_us = run->attempts.failed_count ? run->overdue_us + mono_since(core->now, run->due) : 0;
    run->due = run->last = core->now;
}

/* Where it waits that has not begun: in its pool's queue, or held. */
static enum run_state find_place(const struct core *core, struct run *run) {
    bool by_window = run->held == HELD_BY_WINDOW;
    run->held = held_by(core, run);
    if (by_window && run->held != HELD_BY_WINDOW)
        count_from_now(core, run);
    return run->held ? RUN_HELD : RUN_WAITING;
}

/* What its guard has let pass, or what is claimed, goes on: others of its group are not let go in between. */
static void keep_turn(struct core *core, uint32_t run) {
    if (core->runs[run].place.line == GROUP_BUSY)
        group_call(core, run);
}

/* That may last for long: its guard's yes is not worth much then, and it is asked again. But a group may take
 * turns back at any time, and those that wait for room would ask in turns, for ever. */
static enum stage stage_of_held(struct run *run, enum stage stage) {
    if (!run->let_pass || run->claim_state == CLAIM_COMMITTED || run->held == HELD_BY_GROUP)
        return stage;
    run->let_pass = false;
    return STAGE_WHEN;
}

/* To a state of the same stage or of another one. */
static void move(struct core *core, uint32_t index, enum run_state to, enum stage stage) {
    struct run *run = &core->runs[index];
    struct core_pool *pool = &core->pools[run->pool];
    bool had_tokens = run_is_under_way(run->state), has_tokens = run_is_under_way(to);
    bool stays_begun = run->begun && (stage > stage_first(run->definition) || run->bites.count > 0);
    if (to == RUN_WAITING && !stays_begun) {
        if (stage > run->stage)
            keep_turn(core, index);
        to = find_place(core, run);
    } else if (to == RUN_WAITING && run->bites.count && held_by_group(core, run)) {
        run->held = HELD_BY_GROUP;
        to = RUN_HELD;
    } else {
        run->held = HELD_BY_NOTHING;
    }
    if (to == RUN_HELD && !stays_begun)
        stage = stage_of_held(run, stage);
    assert(is_legal(run->state, to));
    if (run->state == RUN_WAITING)
        queue_leave(core, pool, index);
    if (run_is_waiting(run->state))
        count_waiting(core, index, false);
    if (had_tokens && !has_tokens)
        count_tokens(core, pool, run, false);
    run->state = to;
    run->stage = stage;
    if (has_tokens && !had_tokens)
        count_tokens(core, pool, run, true);
    if (has_tokens && !run->begun)
        begin(core, run);
    else if (to == RUN_FREE || (run_is_waiting(to) && !stays_begun))
        be_over(core, run);
    if (run_is_waiting(to))
        count_waiting(core, index, true);
    if (to == RUN_WAITING)
        queue_enter(core, pool, index);
    if (run_is_waiting(to) && (!run->begun || run->bites.count) && opening_is_of(core, run))
        run->window_at = opening_changes_at(core, run);
    run_arm(core, index);
    if (core->tasks[run->task].strand != INDEX_NONE)
        group_follow(core, index);
    if (to != RUN_FREE)
        return;
    lend_file(core, run);
    run->next_free = core->run_free;
    core->run_free = index;
}

void run_move(struct core *core, uint32_t index, enum run_state to) {
    move(core, index, to, core->runs[index].stage);
}

struct action *run_action(struct core *core, uint32_t index, enum action_kind kind, struct actions *actions) {
    struct action *action = actions_add(actions, kind);
    action->run = core_run_handle(core, index);
    action->task = core->runs[index].task;
    action->session = core->runs[index].session;
    return action;
}

/* `began` is of the first attempt; between the claim of outside work and its start lies a wait. */
void run_note_start(const struct core *core, struct run *run) {
    run->started = core->now;
    if (run->attempts.failed_count || run->bites.count || run->stage > stage_first(run->definition))
        return;
    run->began = core->now;
    run->began_at = core->wall;
}

void run_come_first(struct core *core, uint32_t index) {
    struct run *run = &core->runs[index];
    run_note_start(core, run);
    run_move(core, index, RUN_RUNNING);
}

/* --- sharing a session --- */

/* A guard has no other protocol, and is one transaction in any case. */
static bool is_short(const struct core *core, const struct run *run) {
    const struct core_task *task = &core->tasks[run->task];
    bool may_share = run->stage == STAGE_WHEN || (run->stage == STAGE_WHOLE && run->definition->transaction &&
                                                  task->protocol == PROTOCOL_EXTENDED);
    return may_share && queue_line(run->definition, run->stage, false) == LINE_LIGHT &&
           task->expected_us[run->stage] <= core->pools[run->pool].settings->short_us;
}

static bool waited_too_long(const struct core *core, const struct run *run) {
    return mono_since(core->now, run->due) >= core->pools[run->pool].settings->max_wait_us;
}

bool run_is_sharable(const struct core *core, const struct run *run) {
    return is_short(core, run) && !run->yielded && core->tasks[run->task].trust != TRUST_SUSPECTED &&
           !core->pools[run->pool].gate.sample.pooled && !waited_too_long(core, run);
}

/* A run that takes as many times what was expected as one run may change an estimate by (learn.c)
 * is no longer what others were sent behind. */
#define IN_THE_WAY_TIMES    4                 /* what it was expected to take */
#define IN_THE_WAY_LEAST_US (100 * US_PER_MS) /* anything may take this long once */

/* In its COMMIT a run that waits for a standby is committed here already: to cancel that is to give up what
 * the standby is for. Through a pooler nobody sees where a run is. */
static bool may_be_committed(const struct core *core, const struct run *run) {
    const struct sample *sample = &core->pools[run->pool].gate.sample;
    return run->commits || (sample->synchronous && sample->pooled);
}

int64_t run_in_the_way_at(const struct core *core, const struct run *run, int64_t patience_us) {
    int64_t longer_us = IN_THE_WAY_TIMES * run->expected_us;
    longer_us = longer_us > IN_THE_WAY_LEAST_US ? longer_us : IN_THE_WAY_LEAST_US;
    if (run->state != RUN_RUNNING || !is_short(core, run) || waited_too_long(core, run) ||
        may_be_committed(core, run))
        return INSTANT_MAX;
    return us_add(run->started.us, patience_us > longer_us ? patience_us : longer_us);
}

void run_wait_in(struct core *core, uint32_t index, enum run_state state, enum stage stage) {
    struct run *run = &core->runs[index];
    run->stop = STOP_NONE;
    run->held_told = false;
    run->session = HANDLE_NONE;
    run->since = core->now;
    move(core, index, state, stage);
    if (run->begun)
        return;
    run->shut_out = false;
    run_redefine(core, index); /* a reload may have come since it began */
}
