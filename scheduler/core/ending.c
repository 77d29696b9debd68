#include "scheduler/core/ending.h"

#include "scheduler/core/catchup.h"
#include "scheduler/core/claim.h"
#include "scheduler/core/clock.h"
#include "scheduler/core/record.h"
#include "scheduler/core/recording.h"
#include "scheduler/core/run.h"
#include "scheduler/core/start.h"
#include "tasks/hash.h"

/* A claim waited for another daemon's run, or was not answered; then it is tried again. */
#define CLAIM_AGAIN_US RECORDING_AGAIN_US

static struct record record_of_run(const struct run *run) {
    const struct occurrences due = {run->due_first, run->due_last, run->occurrence_count};
    return record_of(run->definition, run->task, run->pool, &due);
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
        record_keep(core, record);
    core->tasks[run->task].stats.skipped_count += (uint32_t)run->occurrence_count;
    uint32_t task = run->task;
    run_move(core, index, RUN_FREE);
    release_held(core, task);
    catchup_go_on(core, task, actions);
}

/* By us, by statement_timeout, by a person; or because a lock was not to be had in time. */
static bool event_cancelled(const struct event *event) {
    return event->ended.failure == FAILURE_CANCEL || event->ended.failure == FAILURE_LOCK;
}

/* Its transaction was rolled back by our cancel, meant for it or for the one before it; or a standby has
 * refused it, and nothing is done there: so it may be repeated. */
bool run_may_wait_again(const struct core *core, uint32_t index, const struct event *event) {
    const struct run *run = &core->runs[index];
    const struct core_session *session = core_session(core, run->session);
    bool asked = run->stop == STOP_YIELD;
    bool hit = run->stop == STOP_NONE && session && session->cancelled;
    if (event->ended.failure == FAILURE_STANDBY)
        return run->stop != STOP_TIMEOUT;
    return !core->draining && event_cancelled(event) && event->ended.outcome == OUTCOME_FAILED &&
           (asked || hit) && run->definition->transaction;
}

void run_wait_again(struct core *core, uint32_t index, struct actions *actions) {
    struct run *run = &core->runs[index];
    enum skip_cause cause = run_skip_cause(core, run);
    if (cause && !run_is_half_done(run)) {
        run_skip(core, index, cause, actions);
        return;
    }
    run->yielded |= run->stop == STOP_YIELD || run->needs_primary; /* others may only want to read */
    run_wait_in(core, index, RUN_WAITING, run->stage);
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
    record_keep(core, record);
    count_end(core, run, record);
    count_in_row(core, run, outcome, actions);
    uint32_t task = run->task;
    run_move(core, index, RUN_FREE);
    release_held(core, task);
    catchup_go_on(core, task, actions);
}

void run_resolve(struct core *core, uint32_t index, struct wall key, bool ok) {
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

/* --- its claim --- */

static void be_elsewhere(struct core *core, uint32_t index, struct wall answered_until,
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

/* A little later: a server may refuse it in the same way each time. */
static void claim_again(struct core *core, uint32_t index, struct actions *actions) {
    struct run *run = &core->runs[index];
    run->reclaims = true;
    if (run->stage != STAGE_WRITE && run_skip_cause(core, run)) {
        run_wait_again(core, index, actions);
        return;
    }
    run->retry_at = mono_add(core->now, CLAIM_AGAIN_US);
    run_wait_in(core, index, RUN_DELAYED, run->stage);
}

/* It goes on without a record, which is made when it has ended. */
static void go_without(struct core *core, uint32_t index, struct actions *actions) {
    if (core->runs[index].stage == STAGE_WRITE)
        run_wait_in(core, index, RUN_WAITING, STAGE_WRITE);
    else if (core->runs[index].stage == STAGE_CLAIM && !run_skip_cause(core, &core->runs[index]))
        run_wait_in(core, index, RUN_WAITING, stage_first(core->runs[index].definition));
    else
        run_wait_again(core, index, actions);
}

static bool claim_refused(struct core *core, uint32_t index, const struct event *event,
                          struct actions *actions) {
    struct run *run = &core->runs[index];
    struct core_pool *pool = &core->pools[run->pool];
    switch (event->ended.failure) {
    case FAILURE_TAKEN: be_elsewhere(core, index, event->ended.answered_until, actions); return true;
    case FAILURE_CLAIM:
        recording_fail(core, pool, actions);
        go_without(core, index, actions);
        return true;
    case FAILURE_CLAIM_WAIT:
        if (pool->recording.state == RECORDING_BROKEN || pool->recording.state == RECORDING_OFF) {
            go_without(core, index, actions);
        } else {
            pool->recording.doubted = true;
            claim_again(core, index, actions);
        }
        return true;
    case FAILURE_LOST: /* before its claim was answered: nothing of it is done */
        if (run->claim != CLAIM_BEFORE || event->ended.claimed || run->stop != STOP_NONE)
            return false;
        if (++run->lost_claim_count >= RECORDING_LOST_MOST) {
            recording_fail(core, pool, actions);
            go_without(core, index, actions);
        } else {
            claim_again(core, index, actions);
        }
        return true;
    default: return false;
    }
}

/* Its claim, alone on a session before a run that has no session, is over. */
static void claim_ended(struct core *core, uint32_t index, const struct event *event,
                        struct actions *actions) {
    struct run *run = &core->runs[index];
    if (run_skip_cause(core, run))
        run_wait_again(core, index, actions);
    else if (event->ended.outcome == OUTCOME_OK)
        run_wait_in(core, index, RUN_WAITING, stage_first(run->definition));
    else /* its session was lost, or a person has cancelled it */
        claim_again(core, index, actions);
}

/* --- what follows a stage --- */

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
    run->cut_short = event->ended.cut_short;
    if (event->ended.claimed)
        claim_note(run, event->ended.claimed_from);
    if (claim_refused(core, index, event, actions))
        return;
    if (run->stage == STAGE_CLAIM) {
        claim_ended(core, index, event, actions);
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

/* --- its deadlines --- */

static void meet_deadline(struct core *core, uint32_t index, struct actions *actions) {
    struct run *run = &core->runs[index];
    due_remove(&core->run_deadlines, index);
    if (run->state == RUN_DELAYED) {
        run_move(core, index, RUN_WAITING);
        return;
    }
    if (run->state == RUN_WAITING) {
        if (run_deadline(core, run) <= core->now.us)
            run_skip(core, index, SKIP_LATE, actions);
        else
            run_arm(core, index); /* a later occurrence has joined it */
        return;
    }
    if (run->state == RUN_STOPPING) {
        run_action(core, index, ACTION_ABORT, actions);
        return;
    }
    int64_t timeout_us = stage_timeout_us(run->definition, run->stage);
    if (timeout_us && mono_since(core->now, run->started) >= timeout_us) {
        run_stop(core, index, STOP_TIMEOUT, actions);
        return;
    }
    run->held_told = true;
    run_action(core, index, ACTION_HELD, actions)->held_us = mono_since(core->now, run->started);
    run_arm(core, index);
}

bool run_expire(struct core *core, struct actions *actions) {
    const struct due_entry *first;
    while ((first = due_first(&core->run_deadlines)) && first->at <= core->now.us) {
        if (!actions_have_room(actions))
            return true;
        meet_deadline(core, first->id, actions);
    }
    return false;
}
