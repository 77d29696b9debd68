/*
 * How a stage of a run ends, and what follows: the next stage, another attempt, or its record.
 */
#include "scheduler/core/parts.h"
#include "tasks/hash.h"

struct record record_of(const struct task *task, uint32_t index, uint32_t pool, struct wall first,
                        struct wall last, int64_t count) {
    return (struct record){
        .task = index,
        .pool = pool,
        .due_first = first,
        .due_last = last,
        .occurrence_count = count,
        .service = task->service,
        .key_first = run_key(task, first, count),
        .key_last = run_key(task, last, count),
        .every_us = task->schedule.every_us,
        .tokens = task->tokens,
        .has_rows = task->work != WORK_COMMAND,
    };
}

static struct record record_of_run(const struct run *run) {
    return record_of(run->definition, run->task, run->pool, run->due_first, run->due_last,
                     run->occurrence_count);
}

/* What it is told of goes into the history of its pool. */
static void keep(struct core *core, struct record *record) {
    record->kept = true;
    recording_add(core, &core->pools[record->pool]);
}

void record_counted_skip(struct core *core, uint32_t task, struct wall first, struct wall last, int64_t count,
                         enum skip_cause cause, struct actions *actions) {
    const struct core_task *own = &core->tasks[task];
    struct record record = record_of(own->definition, task, own->pool, first, last, count);
    record.outcome = OUTCOME_SKIPPED;
    record.skip = cause;
    if (cause != SKIP_DRAIN) /* who comes next answers those */
        keep(core, &record);
    actions_add(actions, ACTION_RECORD)->record = record;
}

void record_skip(struct core *core, uint32_t task, struct wall first, struct wall last, int64_t count,
                 enum skip_cause cause, struct actions *actions) {
    core->tasks[task].stats.skipped_count += (uint32_t)count;
    record_counted_skip(core, task, first, last, count, cause, actions);
}

enum skip_cause run_skip_cause(const struct core *core, const struct run *run) {
    const struct core_task *task = &core->tasks[run->task];
    if (core->draining)
        return SKIP_DRAIN;
    if (task->retired || !task->definition->enabled)
        return SKIP_REMOVED;
    return task->paused && !run->triggered ? SKIP_PAUSED : SKIP_NONE;
}

/* Of several that wait for their task's other runs, the first; none while one that has its turn waits. */
static uint32_t first_held(const struct core *core, uint32_t task) {
    uint32_t first = INDEX_NONE;
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        if (run->task != task || run->state == RUN_FREE)
            continue;
        if (run->state != RUN_HELD)
            return INDEX_NONE;
        if (first == INDEX_NONE || run->number < core->runs[first].number)
            first = i;
    }
    return first;
}

static void release_held(struct core *core, uint32_t index) {
    const struct core_task *task = &core->tasks[index];
    if (task->running_count > 0 || task->waiting_count == 0)
        return;
    bool one = task->waiting_count == 1 && task->waiting_run != INDEX_NONE;
    uint32_t held = one ? task->waiting_run : first_held(core, index);
    if (held != INDEX_NONE && core->runs[held].state == RUN_HELD)
        run_move(core, held, RUN_WAITING);
}

void run_skip(struct core *core, uint32_t index, enum skip_cause cause, struct actions *actions) {
    const struct run *run = &core->runs[index];
    struct record *record = &run_action(core, index, ACTION_RECORD, actions)->record;
    *record = record_of_run(run);
    record->outcome = OUTCOME_SKIPPED;
    record->skip = cause;
    record->run_number = run->number;
    record->triggered = run->triggered;
    if (cause != SKIP_DRAIN || run->claimed) /* who comes next answers it; its claim is given back */
        keep(core, record);
    core->tasks[run->task].stats.skipped_count += (uint32_t)run->occurrence_count;
    uint32_t task = run->task;
    run_move(core, index, RUN_FREE);
    release_held(core, task);
    catchup_go_on(core, task, actions);
}

/* What was stopped by us failed because of us; what finished all the same is fine. */
static enum outcome final_outcome(const struct core *core, const struct run *run, const struct event *event) {
    enum outcome told = event->ended.outcome;
    const struct core_session *session = core_session(core, run->session);
    bool hit = event_cancelled(event) && (run->stop == STOP_YIELD || (session && session->cancelled));
    if (told != OUTCOME_FAILED)
        return told;
    if (run->stop == STOP_TIMEOUT)
        return OUTCOME_TIMEOUT;
    return run->stop == STOP_DRAIN || (core->draining && hit) ? OUTCOME_CANCELLED : told;
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
    bool partly = run->stage == STAGE_WORK && event->ended.row_count > 0; /* the rest of its work failed */
    if (outcome != OUTCOME_OK && outcome != OUTCOME_TIMEOUT && !partly)
        return;
    int64_t *expected_us = &task->expected_us[run->stage];
    *expected_us = learned(*expected_us, took_us, task->stats.ok_count == 0);
    task->simple |= event->ended.simple;
    task->proven = run->stage == STAGE_WHOLE && outcome == OUTCOME_OK && !task->simple;
}

/* --- its end --- */

static void count_end(struct core *core, const struct run *run, const struct record *record) {
    struct task_stats *stats = &core->tasks[run->task].stats;
    core->tasks[run->task].elsewhere_count = 0;
    core->tasks[run->task].kept_until.us = 0;
    bool fine = record->outcome == OUTCOME_OK || record->outcome == OUTCOME_NOTHING;
    stats->any = true;
    stats->last_outcome = record->outcome;
    stats->last_took_us = record->took_us;
    stats->last_key = record->key_first;
    stats->session_us += record->session_us;
    stats->outside_us += record->outside_us;
    stats->ok_count += fine;
    stats->failed_count += !fine;
    quantile_add(&core->late[run->task], record->lateness_us);
    quantile_add(&core->took[run->task], record->took_us);
}

static void hold(struct core *core, const struct run *run, struct actions *actions) {
    struct core_task *task = &core->tasks[run->task];
    int64_t hold_us = retry_hold_us(task->definition, task->failed_in_row);
    if (hold_us == 0)
        return;
    task->held_until = mono_add(core->now, hold_us);
    if (hold_us <= retry_hold_us(task->definition, task->failed_in_row - 1)) /* it was told */
        return;
    struct action *action = actions_add(actions, ACTION_HOLD);
    action->task = run->task;
    action->delay_us = hold_us;
}

/* What we stopped, or what lost its session, says nothing of the task; nor does what a reload has changed
 * since. A part that was done is progress, whatever became of the rest: among many rows a few bad ones are to
 * keep nobody waiting. */
static void count_in_row(struct core *core, const struct run *run, enum outcome outcome,
                         struct actions *actions) {
    struct core_task *task = &core->tasks[run->task];
    if (!task_same_work(run->definition, task->definition))
        return;
    if (outcome == OUTCOME_OK || outcome == OUTCOME_NOTHING || run->partly_done) {
        task->failed_in_row = 0;
        task->held_until = (struct mono){0};
    } else if (outcome == OUTCOME_FAILED || outcome == OUTCOME_TIMEOUT) {
        task->failed_in_row++;
        hold(core, run, actions);
    }
}

static void finish(struct core *core, uint32_t index, enum outcome outcome, uint64_t row_count, bool simple,
                   struct actions *actions) {
    const struct run *run = &core->runs[index];
    struct record *record = &run_action(core, index, ACTION_RECORD, actions)->record;
    *record = record_of_run(run);
    record->run_number = run->number;
    record->outcome = outcome;
    record->lateness_us = run_lateness_us(run, run->began); /* SENT: it never came first */
    record->took_us = mono_since(core->now, run->began);
    record->session_us = run->session_us;
    record->outside_us = run->outside_us;
    record->attempt_count = run->attempts.failed_count + 1;
    record->row_count = row_count;
    record->started = run->began_at;
    record->within =
        ((run->claim == CLAIM_WITHIN && !simple) || run->claim == CLAIM_DONE) && !run->unconfirmed;
    record->claiming = run->claim == CLAIM_BEFORE && !run->claimed;
    record->triggered = run->triggered;
    keep(core, record);
    count_end(core, run, record);
    count_in_row(core, run, outcome, actions);
    uint32_t task = run->task;
    run_move(core, index, RUN_FREE);
    release_held(core, task);
    catchup_go_on(core, task, actions);
}

void run_be_elsewhere(struct core *core, uint32_t index, struct wall answered_until,
                      struct actions *actions) {
    const struct run *run = &core->runs[index];
    struct record *record = &run_action(core, index, ACTION_RECORD, actions)->record;
    *record = record_of_run(run);
    record->run_number = run->number;
    record->outcome = OUTCOME_ELSEWHERE;
    clock_note_elsewhere(core, run->task, answered_until, actions);
    uint32_t task = run->task;
    run_move(core, index, RUN_FREE);
    release_held(core, task);
}

void record_resolved(struct core *core, uint32_t index, struct wall key, bool ok) {
    struct core_task *task = &core->tasks[index];
    struct task_stats *stats = &task->stats;
    bool is_last = stats->any && stats->last_outcome == OUTCOME_UNKNOWN && stats->last_key.us == key.us;
    if (is_last)
        stats->last_outcome = ok ? OUTCOME_OK : OUTCOME_FAILED;
    if (!ok)
        return;
    stats->ok_count++;
    stats->failed_count -= stats->failed_count > 0;
    if (is_last) {
        task->failed_in_row = 0;
        task->held_until = (struct mono){0};
    }
}

void run_give_up(struct core *core, uint32_t index, struct actions *actions) {
    finish(core, index, OUTCOME_CANCELLED, 0, false, actions);
}

static uint32_t children_of(const struct run *run, uint64_t row_count) {
    uint32_t most = run->definition->stages->parallel;
    return most == 0 ? 1 : row_count < most ? (uint32_t)row_count : most;
}

/* What its work printed is written even when a part of the work failed or was stopped. */
static bool goes_on(struct core *core, uint32_t index, enum outcome outcome, uint64_t row_count) {
    struct run *run = &core->runs[index];
    enum stage next = stage_after(run->definition, run->stage);
    bool read = run->stage == STAGE_READ && outcome == OUTCOME_OK;
    bool worked = run->stage == STAGE_WORK;
    if (next == STAGE_END || row_count == 0 || (!read && !worked) || core->drain_now)
        return false;
    if (read)
        run->child_count = children_of(run, row_count);
    else
        run->work_outcome = outcome;
    run_wait_in(core, index, RUN_WAITING, next);
    return true;
}

static uint64_t random_of(const struct core *core, const struct run *run) {
    uint64_t hash = hash_bytes(HASH_START, &core->seed, sizeof core->seed);
    hash = hash_bytes(hash, &run->number, sizeof run->number);
    return hash_finish(hash_bytes(hash, &run->attempts.failed_count, sizeof run->attempts.failed_count));
}

/* From its start; but a write alone, with what its work printed. */
static bool tries_again(struct core *core, uint32_t index, enum outcome outcome, enum failure_kind failure,
                        struct actions *actions) {
    struct run *run = &core->runs[index];
    bool write = run->stage == STAGE_WRITE;
    int64_t delay_us =
        retry_delay_us(run->definition, run->stage, outcome, failure, &run->attempts, random_of(core, run));
    if (delay_us < 0 || core->drain_now || (!write && run_skip_cause(core, run)))
        return false;
    retry_count(run->definition, run->stage, outcome, failure, &run->attempts);
    run->retry_at = mono_add(core->now, delay_us);
    core->tasks[run->task].stats.retried_count++;
    run_action(core, index, ACTION_RETRY, actions)->delay_us = delay_us;
    run_wait_in(core, index, RUN_DELAYED, write ? STAGE_WRITE : stage_first(run->definition));
    return true;
}

/* Of a run that goes no further, by the stage that has ended. */
static enum outcome outcome_of_all(const struct run *run, enum outcome outcome, uint64_t row_count) {
    if (outcome != OUTCOME_OK)
        return outcome;
    if (stage_after(run->definition, run->stage) == STAGE_END)
        return run->stage == STAGE_WRITE ? run->work_outcome : outcome;
    if (row_count > 0) /* the drain keeps it from what would follow */
        return OUTCOME_CANCELLED;
    return run->stage == STAGE_READ ? OUTCOME_NOTHING : outcome;
}

void run_end(struct core *core, uint32_t index, const struct event *event, struct actions *actions) {
    struct run *run = &core->runs[index];
    const struct core_task *task = &core->tasks[run->task];
    enum outcome outcome = final_outcome(core, run, event);
    if (event->ended.claimed)
        recording_note_claim(run, event->ended.claimed_from);
    if (recording_refused(core, index, event, actions))
        return;
    if (run->stage == STAGE_CLAIM) {
        recording_claimed(core, index, event, actions);
        return;
    }
    int64_t took_us = mono_since(core->now, run->started);
    *(stage_tokens(run->definition, run->stage) ? &run->session_us : &run->outside_us) += took_us;
    if (task_same_work(run->definition, task->definition)) /* a reload may have changed the text since */
        learn(&core->tasks[run->task], run, outcome, event, took_us);
    if (goes_on(core, index, outcome, event->ended.row_count) ||
        tries_again(core, index, outcome, event->ended.failure, actions))
        return;
    run->unconfirmed = event->ended.failure == FAILURE_UNCONFIRMED;
    run->partly_done = run->stage == STAGE_WRITE ? outcome == OUTCOME_OK : event->ended.done_count > 0;
    finish(core, index, outcome_of_all(run, outcome, event->ended.row_count), event->ended.row_count,
           event->ended.simple, actions);
}
