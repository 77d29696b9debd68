#include "scheduler/core/ending.h"

#include "scheduler/core/bites.h"
#include "scheduler/core/catchup.h"
#include "scheduler/core/chain.h"
#include "scheduler/core/claim.h"
#include "scheduler/core/clock.h"
#include "scheduler/core/learn.h"
#include "scheduler/core/opening.h"
#include "scheduler/core/record.h"
#include "scheduler/core/recording.h"
#include "scheduler/core/release.h"
#include "scheduler/core/run.h"
#include "scheduler/core/start.h"
#include "scheduler/core/wake.h"
#include "tasks/hash.h"

/* The record that ends the run; the caller says the rest. */
static struct record *record_end(struct core *core, uint32_t index, enum outcome outcome,
                                 struct actions *actions) {
    const struct run *run = &core->runs[index];
    const struct occurrences due = {run->due_first, run->due_last, run->occurrence_count};
    struct record *record = &run_action(core, index, ACTION_RECORD, actions)->record;
    *record = record_of(run->definition, run->task, run->pool, &due);
    record->run_number = run->number;
    record->outcome = outcome;
    record->triggered = run->triggered;
    record->woken = run->woken;
    return record;
}

enum skip_cause run_skip_cause(const struct core *core, const struct run *run) {
    const struct core_task *task = &core->tasks[run->task];
    const struct core_pool *pool = &core->pools[run->pool];
    if (run->bites.rest)
        return run->bites.rest;
    if (core->draining)
        return SKIP_DRAIN;
    if (task->retired || !task->definition->enabled)
        return SKIP_REMOVED;
    if (run->bites.count &&
        (pool->retired || run->pool != task->pool || !task_same_work(run->definition, task->definition)))
        return SKIP_REMOVED; /* the next run goes on as the file says now */
    if (run->bites.count && opening_keeps_out(core, run))
        return SKIP_WINDOW;
    if (run->claim_state == CLAIM_COMMITTED &&
        (pool->retired || run->definition->tokens > pool->settings->size))
        return SKIP_REMOVED; /* it stays where it was claimed, where no place for it will be any more */
    return task->paused && !run->triggered ? SKIP_PAUSED : SKIP_NONE;
}

/* The run is no more: what waits for it has its turn. */
static void let_go(struct core *core, uint32_t index, struct actions *actions) {
    uint32_t task = core->runs[index].task;
    run_move(core, index, RUN_FREE);
    release_next_of(core, task);
    catchup_go_on(core, task, actions);
    chain_note_gone(core, task);
    if (core->tasks[task].woken) /* it may be on hold no more */
        wake_arm(core, task);
}

/* --- what was cancelled for others --- */

/* By us, by statement_timeout, by a person; or because a lock was not to be had in time. */
static bool was_cancelled(const struct run_ending *ended) {
    return ended->failure == FAILURE_CANCEL || ended->failure == FAILURE_LOCK;
}

/* Its transaction was rolled back by our cancel, meant for it or for the one before it; or a standby has
 * refused it, and nothing is done there: so it may be repeated. */
bool run_may_wait_again(const struct core *core, uint32_t index, const struct run_ending *ended) {
    const struct run *run = &core->runs[index];
    const struct core_session *session = core_session(core, run->session);
    bool hit = run->stop == STOP_YIELD || (run->stop == STOP_NONE && session && session->cancelled);
    if (ended->failure == FAILURE_STANDBY)
        return run->stop != STOP_TIMEOUT;
    return !core->draining && was_cancelled(ended) && ended->outcome == OUTCOME_FAILED && hit &&
           (run->stage == STAGE_WHEN || run->definition->transaction);
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

/* --- what a run comes to --- */

/* Of a stage. What was stopped by us failed because of us; what finished all the same is fine. */
static enum outcome final_outcome(const struct core *core, const struct run *run,
                                  const struct run_ending *ended) {
    const struct core_session *session = core_session(core, run->session);
    bool hit = was_cancelled(ended) && (run->stop == STOP_YIELD || (session && session->cancelled));
    if (ended->outcome != OUTCOME_FAILED)
        return ended->outcome;
    if (run->stop == STOP_TIMEOUT)
        return OUTCOME_TIMEOUT;
    bool ours = run->stop == STOP_DRAIN || run->stop == STOP_WINDOW || (core->draining && hit);
    return ours ? OUTCOME_CANCELLED : OUTCOME_FAILED;
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

static void forget_failures(struct core_task *task) {
    task->failed_in_row = 0;
    task->held_until = (struct mono){0};
}

/* One more failure in a row: after so many the task is put on hold. */
static void hold(struct core *core, uint32_t index, struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    int64_t before_us = retry_hold_us(task->definition, task->failed_in_row);
    int64_t hold_us = retry_hold_us(task->definition, ++task->failed_in_row);
    if (hold_us == 0)
        return;
    task->held_until = mono_add(core->now, hold_us);
    if (hold_us <= before_us) /* it was told */
        return;
    struct action *action = actions_add(actions, ACTION_HOLD);
    action->task = index;
    action->delay_us = hold_us;
}

/* What we stopped, or what lost its session, says nothing of the task; nor does what a reload has changed
 * since. A part that was done is progress, whatever became of the rest: among many rows a few bad ones are to
 * keep nobody waiting. */
static void count_in_row(struct core *core, const struct run *run, enum outcome outcome, bool partly_done,
                         struct actions *actions) {
    struct core_task *task = &core->tasks[run->task];
    if (!task_same_work(run->definition, task->definition))
        return;
    if (outcome == OUTCOME_OK || outcome == OUTCOME_NOTHING || partly_done)
        forget_failures(task);
    else if (outcome == OUTCOME_FAILED || outcome == OUTCOME_TIMEOUT)
        hold(core, run->task, actions);
}

/* `outcome`: of the stage, which was its last. */
static void finish(struct core *core, uint32_t index, enum outcome outcome, const struct run_ending *ended,
                   struct actions *actions) {
    const struct run *run = &core->runs[index];
    bool partly_done =
        run->stage == STAGE_WRITE ? outcome == OUTCOME_OK : ended->done_count > 0 || run->bites.count > 0;
    bool in_one = (run->claim == CLAIM_WITHIN && !ended->simple) || run->claim == CLAIM_DONE;
    outcome = outcome_of_all(run, outcome, ended->row_count);
    struct record *record = record_end(core, index, outcome, actions);
    record->lateness_us = run->bites.count ? run->bites.lateness_us
                                           : run_lateness_us(run, run->began); /* SENT: it never came first */
    record->took_us = mono_since(core->now, run->began);
    record->session_us = run->session_us;
    record->outside_us = run->outside_us;
    record->attempt_count = run->bites.failed_count + run->attempts.failed_count + 1;
    record->row_count = run->bites.count ? run->bites.row_count : ended->row_count;
    record->bite_count = run->bites.count;
    record->rest = outcome == OUTCOME_OK ? run->bites.rest : SKIP_NONE;
    record->started = run->began_at;
    record->within = in_one && ended->failure != FAILURE_UNCONFIRMED; /* a standby may lack what it wrote */
    record->claiming = run->claim == CLAIM_BEFORE && run->claim_state != CLAIM_COMMITTED;
    record->shut_out = run->shut_out && outcome == OUTCOME_CANCELLED;
    record->abandoned = ended->failure == FAILURE_ABANDONED;
    record_keep(core, record);
    learn_end(core, run, record);
    chain_note_record(core, record);
    count_in_row(core, run, outcome, partly_done, actions);
    let_go(core, index, actions);
}

/* Between two bites: what was done is done. */
static void leave_rest(struct core *core, uint32_t index, enum skip_cause cause, struct actions *actions) {
    core->runs[index].bites.rest = cause;
    finish(core, index, OUTCOME_OK, &(struct run_ending){0}, actions);
}

/* In the history: a claim of it is committed, or one was not answered. */
static bool may_have_a_row(const struct run *run) {
    return run->claim_state == CLAIM_COMMITTED || run->claim == CLAIM_BEFORE || run->lost_claim_count > 0;
}

void run_skip(struct core *core, uint32_t index, enum skip_cause cause, struct actions *actions) {
    const struct run *run = &core->runs[index];
    if (run->bites.count) {
        leave_rest(core, index, cause, actions);
        return;
    }
    struct record *record = record_end(core, index, OUTCOME_SKIPPED, actions);
    record->skip = cause;
    /* who comes next answers it; its claim is given back, and one whose answer was lost, too */
    if (cause != SKIP_DRAIN || may_have_a_row(run))
        record_keep(core, record);
    core->tasks[run->task].stats.skipped_count += (uint32_t)run->occurrence_count;
    uint32_t task = run->task;
    bool unanswered = run->woken && cause == SKIP_LATE;
    let_go(core, index, actions);
    if (unanswered) /* the occurrence came too late, the notification does not */
        wake_owe(core, task);
}

void run_give_up(struct core *core, uint32_t index, struct actions *actions) {
    finish(core, index, OUTCOME_CANCELLED, &(struct run_ending){0}, actions);
}

void run_abandon(struct core *core, uint32_t index, struct actions *actions) {
    finish(core, index, OUTCOME_FAILED, &(struct run_ending){.failure = FAILURE_ABANDONED}, actions);
}

void run_resolve(struct core *core, uint32_t index, const struct event *event) {
    struct core_task *task = &core->tasks[index];
    bool ok = event->resolved.ok;
    struct task_stats *stats = &task->stats;
    bool is_last = stats->has_ended_run && stats->last_outcome == OUTCOME_UNKNOWN &&
                   stats->last_key.us == event->resolved.due.us;
    if (is_last)
        stats->last_outcome = ok ? OUTCOME_OK : OUTCOME_FAILED;
    chain_note_end(core, index, event->resolved.due_until, ok ? OUTCOME_OK : OUTCOME_FAILED);
    if (!ok)
        return;
    stats->ok_count++;
    stats->failed_count -= stats->failed_count > 0;
    if (is_last)
        forget_failures(task);
}

/* --- its guard --- */

/* It said no. That leaves no row in the history, unless an attempt has failed before: then this is how the
 * run ended. A claim whose answer was lost is given back. */
static void end_with_no(struct core *core, uint32_t index, struct actions *actions) {
    const struct run *run = &core->runs[index];
    struct task_stats *stats = &core->tasks[run->task].stats;
    struct record *record = record_end(core, index, OUTCOME_NOTHING, actions);
    record->said_no = true;
    record->lateness_us = run_lateness_us(run, run->began);
    record->took_us = mono_since(core->now, run->began);
    record->session_us = run->session_us;
    record->attempt_count = run->attempts.failed_count + 1;
    record->started = run->began_at;
    if (may_have_a_row(run) || run->attempts.failed_count)
        record_keep(core, record);
    stats->nothing_count++;
    stats->has_ended_run = true;
    stats->last_outcome = OUTCOME_NOTHING;
    stats->last_took_us = record->took_us;
    stats->last_key = record->key_first;
    count_in_row(core, run, OUTCOME_NOTHING, false, actions);
    let_go(core, index, actions);
}

/* False: it has no answer, which is a failure as the work's would be. What it took is the task's, and not the
 * work's. */
static bool guard_answered(struct core *core, uint32_t index, enum outcome outcome, int64_t took_us,
                           struct actions *actions) {
    struct run *run = &core->runs[index];
    struct task_stats *stats = &core->tasks[run->task].stats;
    enum skip_cause cause = run_skip_cause(core, run);
    if (run->stage != STAGE_WHEN || (outcome != OUTCOME_OK && outcome != OUTCOME_NOTHING))
        return false;
    stats->asked_count++;
    stats->session_us += took_us;
    if (outcome == OUTCOME_NOTHING) {
        end_with_no(core, index, actions);
    } else if (cause) {
        run_skip(core, index, cause, actions);
    } else {
        run->let_pass = true;
        run_wait_in(core, index, RUN_WAITING, claim_stage_let_pass(core, run));
    }
    return true;
}

/* --- its claim --- */

/* A little later: a server may refuse it in the same way each time. */
static void claim_again(struct core *core, uint32_t index, struct actions *actions) {
    struct run *run = &core->runs[index];
    if (run->claim_state != CLAIM_COMMITTED)
        run->claim_state = CLAIM_DOUBTED;
    if (run->stage != STAGE_WRITE && run_skip_cause(core, run)) {
        run_wait_again(core, index, actions);
        return;
    }
    run->retry_at = mono_add(core->now, RECORDING_AGAIN_US);
    run_wait_in(core, index, RUN_DELAYED, run->stage);
}

/* It goes on without a record, which is made when it has ended. */
static void go_without(struct core *core, uint32_t index, struct actions *actions) {
    const struct run *run = &core->runs[index];
    if (run->stage == STAGE_WRITE)
        run_wait_in(core, index, RUN_WAITING, STAGE_WRITE);
    else if (run->stage == STAGE_CLAIM && !run_skip_cause(core, run))
        run_wait_in(core, index, RUN_WAITING, stage_first(run->definition));
    else
        run_wait_again(core, index, actions);
}

/* Another daemon has it: the occurrences. What woke this run may have come after that one had begun. */
static void taken(struct core *core, uint32_t index, const struct run_ending *ended,
                  struct actions *actions) {
    const struct run *run = &core->runs[index];
    uint32_t task = run->task;
    bool unanswered = run->woken && run->occurrence_count > 0;
    chain_note_elsewhere(core, task);
    record_end(core, index, OUTCOME_ELSEWHERE, actions);
    clock_note_elsewhere(core, task, ended->answered_until, actions);
    let_go(core, index, actions);
    if (unanswered)
        wake_owe(core, task);
}

/* Two daemons may name their runs by the same instant: it was refused, and is named by another one. */
static void rename_woken(struct run *run) {
    if (claim_is_of_notification(run) && run->lost_claim_count == 0)
        run->due_first.us = ++run->due_last.us;
}

/* True: its claim was not taken, and that was its end, or it waits again. */
static bool claim_refused(struct core *core, uint32_t index, const struct run_ending *ended,
                          struct actions *actions) {
    struct run *run = &core->runs[index];
    struct core_pool *pool = &core->pools[run->pool];
    bool fails = false;
    switch (ended->failure) {
    case FAILURE_TAKEN: taken(core, index, ended, actions); return true;
    case FAILURE_CLAIM: fails = true; break;
    case FAILURE_CLAIM_WAIT:
        if (pool->recording.state == RECORDING_BROKEN || pool->recording.state == RECORDING_OFF) {
            go_without(core, index, actions);
            return true;
        }
        pool->recording.doubted = true;
        rename_woken(run);
        break;
    case FAILURE_LOST: /* before its claim was answered: nothing of it is done */
        if (run->claim != CLAIM_BEFORE || ended->claimed || run->stop != STOP_NONE)
            return false;
        fails = ++run->lost_claim_count >= RECORDING_LOST_MOST;
        break;
    default: return false;
    }
    if (fails) {
        recording_fail(core, pool, actions);
        go_without(core, index, actions);
    } else {
        claim_again(core, index, actions);
    }
    return true;
}

/* --- what follows a stage --- */

/* Why no further bite may begin. */
static enum skip_cause rest_cause(const struct core *core, const struct run *run) {
    enum skip_cause cause = run_skip_cause(core, run);
    return cause == SKIP_NONE && opening_keeps_out(core, run) ? SKIP_WINDOW : cause;
}

/* The next one, or a further bite. What its work printed is written even when a part of the work failed or
 * was stopped. */
static bool goes_on(struct core *core, uint32_t index, enum outcome outcome, const struct run_ending *ended) {
    uint64_t row_count = ended->row_count;
    struct run *run = &core->runs[index];
    enum stage next = stage_after(run->definition, run->stage);
    if (run->definition->repeat && outcome == OUTCOME_OK)
        return bites_go_on(core, index, ended, rest_cause(core, run));
    bool read = run->stage == STAGE_READ && outcome == OUTCOME_OK, worked = run->stage == STAGE_WORK;
    if (next == STAGE_END || row_count == 0 || (!read && !worked) || core->drain_now)
        return false;
    uint32_t parallel = run->definition->stages->parallel;
    if (read) /* a child for each row, as far as it may; with parallel = 0 one for all */
        run->child_count = parallel == 0 ? 1 : row_count < parallel ? (uint32_t)row_count : parallel;
    else
        run->work_outcome = outcome;
    run_wait_in(core, index, RUN_WAITING, next);
    return true;
}

/* From its start, and so the guard is asked again; but a write alone, with what its work printed, and of a
 * run in bites the present one. */
static bool tries_again(struct core *core, uint32_t index, enum outcome outcome, enum failure_kind failure,
                        struct actions *actions) {
    struct run *run = &core->runs[index];
    bool write = run->stage == STAGE_WRITE;
    uint64_t random = hash_bytes(HASH_START, &core->seed, sizeof core->seed);
    random = hash_bytes(random, &run->number, sizeof run->number);
    random = hash_finish(hash_bytes(random, &run->attempts.failed_count, sizeof run->attempts.failed_count));
    int64_t delay_us = retry_delay_us(run->definition, run->stage, outcome, failure, &run->attempts, random);
    if (outcome == OUTCOME_UNKNOWN && (run->bites.count == 0 || run->stop != STOP_NONE))
        return false; /* the first may not be on record, and what we stopped would last as long again */
    if (delay_us < 0 || core->drain_now || (!write && run_skip_cause(core, run)))
        return false;
    retry_count(run->definition, run->stage, outcome, failure, &run->attempts);
    run->retry_at = mono_add(core->now, delay_us);
    core->tasks[run->task].stats.retried_count++;
    run_action(core, index, ACTION_RETRY, actions)->delay_us = delay_us;
    bool asks = run->definition->when && !write && run->bites.count == 0;
    run->let_pass &= !asks;
    run_wait_in(core, index, RUN_DELAYED,
                write  ? STAGE_WRITE
                : asks ? STAGE_WHEN
                       : stage_first(run->definition));
    return true;
}

void run_end(struct core *core, uint32_t index, const struct run_ending *ended, struct actions *actions) {
    struct run *run = &core->runs[index];
    struct core_task *task = &core->tasks[run->task];
    enum outcome outcome = final_outcome(core, run, ended);
    run->cut_short = ended->cut_short;
    if (ended->claimed)
        claim_note(run, ended->claimed_from);
    if (claim_refused(core, index, ended, actions))
        return;
    if (run->stage == STAGE_CLAIM) { /* alone on a session, before a run that has none */
        if (run_skip_cause(core, run))
            run_wait_again(core, index, actions);
        else if (ended->outcome == OUTCOME_OK)
            run_wait_in(core, index, RUN_WAITING, stage_first(run->definition));
        else /* its session was lost, or a person has cancelled it */
            claim_again(core, index, actions);
        return;
    }
    int64_t took_us = mono_since(core->now, run->started);
    if (task_same_work(run->definition, task->definition)) /* a reload may have changed the text since */
        learn_from(task, run, outcome, ended, took_us);
    if (guard_answered(core, index, outcome, took_us, actions))
        return;
    *(stage_tokens(run->definition, run->stage) ? &run->session_us : &run->outside_us) += took_us;
    if (!goes_on(core, index, outcome, ended) && !tries_again(core, index, outcome, ended->failure, actions))
        finish(core, index, outcome, ended, actions);
}
