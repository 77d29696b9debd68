/*
 * One step: take in the event, let time act, then grant what can start. The order within a step is fixed, so
 * the same events give the same actions.
 */
#include "scheduler/core/core.h"

#include <assert.h>

#include "scheduler/core/catchup.h"
#include "scheduler/core/chain.h"
#include "scheduler/core/claim.h"
#include "scheduler/core/clock.h"
#include "scheduler/core/deadlines.h"
#include "scheduler/core/ending.h"
#include "scheduler/core/gate.h"
#include "scheduler/core/grant.h"
#include "scheduler/core/group.h"
#include "scheduler/core/hands.h"
#include "scheduler/core/hearing.h"
#include "scheduler/core/idle.h"
#include "scheduler/core/recording.h"
#include "scheduler/core/release.h"
#include "scheduler/core/run.h"
#include "scheduler/core/session.h"
#include "scheduler/core/start.h"
#include "scheduler/core/wake.h"

/* --- events of sessions --- */

static void pool_connects(struct core *core, struct core_pool *pool) {
    if (pool->failing)
        group_follow_pool(core, core_pool_index(core, pool));
    pool->failing = false;
    pool->failure_count = 0;
}

/* A standby lets in, too: only a run that it has refused can tell that this is another server. */
static bool primary_is_needed(const struct core *core, const struct core_pool *pool) {
    for (uint32_t i = 0; i < core->run_used; i++)
        if (core->runs[i].state != RUN_FREE && core->runs[i].needs_primary &&
            &core->pools[core->runs[i].pool] == pool)
            return true;
    return false;
}

/* What is half done in a pool that a reload left waits for its database for so long: a restart or a failover
 * takes seconds to minutes. The file does not name the database any more, so nobody else would end the wait.
 */
#define ABANDON_US (10 * 60 * US_PER_S)

/* A few at a time: the next attempt to connect goes on with it. */
static void abandon_if_gone(struct core *core, uint32_t index, struct actions *actions) {
    struct core_pool *pool = &core->pools[index];
    if (!pool->retired || mono_since(core->now, pool->failing_since) < ABANDON_US)
        return;
    for (uint32_t i = 0; i < core->run_used && actions_have_room(actions); i++)
        if (core->runs[i].begun && core->runs[i].pool == index && run_is_waiting(core->runs[i].state))
            run_abandon(core, i, actions);
    if (pool->recording.state == RECORDING_ON && actions_have_room(actions))
        recording_fail(core, pool, actions); /* what is to be written waits in the backlog */
}

static void on_session_failed(struct core *core, uint32_t index, enum connect_failure failure,
                              struct actions *actions) {
    struct core_pool *pool = &core->pools[core->sessions[index].pool];
    if (core->sessions[index].state != CORE_SESSION_OPENING)
        return;
    pool_connect_failed(core, core->sessions[index].pool, failure);
    core_session_move(core, index, CORE_SESSION_CLOSING);
    if (failure == CONNECT_FULL && tokens_sessions(&pool->tokens) > 0)
        gate_refused(core, pool, actions);
    abandon_if_gone(core, core->sessions[index].pool, actions);
}

static void on_session_broken(struct core *core, uint32_t index, struct actions *actions) {
    struct core_session *session = &core->sessions[index];
    recording_cut_off(core, index, actions);
    if (session->state == CORE_SESSION_BUSY) /* the token stays taken until the runs' events have come */
        session->broken = true;
    else if (session->state != CORE_SESSION_CLOSING)
        core_session_move(core, index, CORE_SESSION_CLOSING);
}

/* What has answered falls idle. An answer that comes when the core has closed the session changes nothing. */
static void take_session_event(struct core *core, const struct event *event, struct actions *actions) {
    struct core_session *session = core_session(core, event->session);
    uint32_t index = event->session.index;
    if (!session)
        return;
    struct core_pool *pool = &core->pools[session->pool];
    bool is_of_the_file = session->conninfo_version == pool->conninfo_version; /* a reload may have left it */
    switch (event->kind) {
    case EVENT_SESSION_FAILED: on_session_failed(core, index, event->failed.failure, actions); return;
    case EVENT_SESSION_BROKEN: on_session_broken(core, index, actions); return;
    case EVENT_CHANNELS: hearing_doubted(core, index, event->channels.missing); return;
    case EVENT_SESSION_GONE:
        recording_cut_off(core, index, actions);
        if (session->state != CORE_SESSION_CLOSING)
            core_session_move(core, index, CORE_SESSION_CLOSING);
        core_session_move(core, index, CORE_SESSION_FREE);
        return;
    case EVENT_SESSION_OPENED:
        if (session->state != CORE_SESSION_OPENING)
            return;
        session->opened = core->now;
        pool->opened_count++;
        if (pool->failure != CONNECT_STANDBY || !primary_is_needed(core, pool))
            pool_connects(core, pool);
        break;
    case EVENT_SESSION_READY:
        if (session->state != CORE_SESSION_CLEANING && session->state != CORE_SESSION_CHECKING)
            return;
        if (event->ready.breach)
            core_session_breach(core, index, actions);
        else if (session->state == CORE_SESSION_CLEANING)
            core_session_proved_clean(core, index);
        break;
    case EVENT_SAMPLED:
        if (session->state != CORE_SESSION_CHECKING)
            return;
        if (is_of_the_file)
            gate_take_sample(core, pool, event->sample, actions);
        group_follow_pool(core, session->pool);
        break;
    case EVENT_HISTORY:
        if (session->state != CORE_SESSION_CHECKING)
            return;
        if (is_of_the_file)
            recording_answered(core, pool, event, actions);
        break;
    case EVENT_LISTENS:
        if (session->state != CORE_SESSION_CHECKING)
            return;
        hearing_answered(core, index, event->listens.failed);
        break;
    default: assert(!"not an event of a session");
    }
    idle_begin(core, index, actions);
}

/* --- events of runs --- */

/* The session has lost a run. With its last one it is being cleaned, unless it was lost itself, or a cancel
 * may still hit it. */
static void release_session(struct core *core, struct handle handle, uint32_t run, struct actions *actions) {
    struct core_session *session = core_session(core, handle);
    if (!session || session->state != CORE_SESSION_BUSY)
        return;
    core_session_lose_run(core, handle.index, run);
    if (session->run_count)
        return;
    core_session_move(core, handle.index, CORE_SESSION_CLEANING);
    if (session->broken)
        core_session_move(core, handle.index, CORE_SESSION_CLOSING);
    else if (session->cancelled || session->on_standby)
        core_session_close(core, handle.index, session->cancelled ? CLOSE_CANCELLED : CLOSE_STANDBY, actions);
    else if (session->unclean)
        core_session_clean_later(core, handle.index);
}

static void on_run_unsent(struct core *core, uint32_t index, struct actions *actions) {
    struct run *run = &core->runs[index];
    release_session(core, run->session, index, actions);
    run->session = HANDLE_NONE;
    if (run->state == RUN_STOPPING && run->stop != STOP_YIELD && run->stop != STOP_WINDOW &&
        !core->draining) { /* its timeout passed first */
        run_end(core, index, &(struct run_ending){.outcome = OUTCOME_FAILED}, actions);
        return;
    }
    run_wait_again(core, index, actions);
}

/* The next login may find the primary, after the pause of any that failed: at once it would lead here again.
 */
static void leave_standby(struct core *core, uint32_t index, struct actions *actions) {
    struct run *run = &core->runs[index];
    struct core_session *session = core_session(core, run->session);
    run->needs_primary = true;
    pool_connect_failed(core, run->pool, CONNECT_STANDBY);
    if (session) {
        session->on_standby = true;
        core_session_rest(core, run->session.index);
    }
    run_action(core, index, ACTION_STANDBY, actions)->number = core->pools[run->pool].failure_count;
}

/* Of a run that standbys have refused before: so this was the primary, whatever it said. */
static void note_primary(struct core *core, struct run *run) {
    struct core_pool *pool = &core->pools[run->pool];
    if (run->needs_primary && pool->failing && pool->failure == CONNECT_STANDBY)
        pool_connects(core, pool);
    run->needs_primary = false;
}

static void on_run_ended(struct core *core, uint32_t index, const struct event *event,
                         struct actions *actions) {
    struct handle session = core->runs[index].session;
    bool again = run_may_wait_again(core, index, &event->ended);
    if (event->ended.failure == FAILURE_STANDBY)
        leave_standby(core, index, actions);
    else
        note_primary(core, &core->runs[index]);
    release_session(core, session, index, actions);
    if (again && event->ended.claimed)
        claim_note(&core->runs[index], event->ended.claimed_from);
    if (again)
        run_wait_again(core, index, actions);
    else
        run_end(core, index, &event->ended, actions);
}

static void on_command_seen(struct core *core, const struct run *run, uint32_t session_count,
                            struct actions *actions) {
    struct core_task *task = &core->tasks[run->task];
    uint32_t each = (session_count + task->running_count - 1) / task->running_count;
    if (each <= task->seen_most || run->definition != task->definition)
        return;
    task->seen_most = each;
    if (task->seen_most <= run->definition->tokens)
        return;
    struct action *action = actions_add(actions, ACTION_HEAVIER);
    action->task = run->task;
    action->number = task->seen_most;
}

/* An end that was overtaken by another one changes nothing. */
static void take_run_event(struct core *core, const struct event *event, struct actions *actions) {
    struct run *run = core_run(core, event->run);
    if (!run || !run_is_under_way(run->state))
        return;
    switch (event->kind) {
    case EVENT_RUN_COMMITS:
        run->commits = true;
        if (core_session(core, run->session))
            core_session_follow_runs(core, run->session.index);
        break;
    case EVENT_RUN_UNSENT: on_run_unsent(core, event->run.index, actions); break;
    case EVENT_RUN_ENDED: on_run_ended(core, event->run.index, event, actions); break;
    case EVENT_COMMAND_SEEN: on_command_seen(core, run, event->seen.session_count, actions); break;
    default: assert(!"not an event of a run");
    }
}

/* --- all events --- */

/* What is on record includes what this daemon ran before it could read that. */
static void go_on_from(uint32_t *count, int64_t recorded_count) {
    if (recorded_count > *count && recorded_count <= UINT32_MAX)
        *count = (uint32_t)recorded_count;
}

/* Its statistics go on where they were. */
static void on_restored(struct core *core, const struct event *event, struct actions *actions) {
    struct core_task *task = &core->tasks[event->task];
    if (task->restored)
        return;
    task->restored = true;
    go_on_from(&task->stats.ok_count, event->restored.ok_count);
    go_on_from(&task->stats.failed_count, event->restored.failed_count);
    go_on_from(&task->stats.skipped_count, event->restored.skipped_count);
    if (event->restored.took_us > 0 && task->definition->work != WORK_STAGES && !task->definition->repeat)
        task->expected_us[STAGE_WHOLE] = event->restored.took_us;
    catchup_restore(core, event->task, event->restored.answered_until, event->restored.ahead_until, actions);
}

static void on_drain(struct core *core) {
    if (core->draining) {
        core->drain_now = true;
        core->sweep_session = 0; /* what waits for records to be written waits no longer */
        return;
    }
    core->draining = true;
    core->drain_deadline = mono_add(core->now, core->set->daemon.drain_timeout_us);
    core->sweep_run = core->sweep_session = core->sweep_task = 0;
    core_session_hurry_closing(core);
    for (uint32_t task = 0; task < core->task_count; task++) {
        due_remove(&core->due, task);
        due_remove(&core->wakes, task);
    }
}

static void take_event(struct core *core, const struct event *event, struct actions *actions) {
    switch (event->kind) {
    case EVENT_TICK: break;
    case EVENT_RUN_COMMITS:
    case EVENT_RUN_UNSENT:
    case EVENT_RUN_ENDED:
    case EVENT_COMMAND_SEEN: take_run_event(core, event, actions); break;
    case EVENT_POOLER:
        core->pools[event->pool].gate.pooler_waiting_count = event->pooler.waiting_count;
        break;
    case EVENT_RESTORED: on_restored(core, event, actions); break;
    case EVENT_CHAIN:
        if (core->link_count)
            chain_take(core, event->task, &event->chain);
        break;
    case EVENT_RESOLVED: run_resolve(core, event->task, event); break;
    case EVENT_TRIGGER: hands_trigger(core, event->task); break;
    case EVENT_WAKE: wake_hear(core, event->task); break;
    case EVENT_PAUSE: hands_pause(core, event->task, event->pause.paused, actions); break;
    case EVENT_DRAIN: on_drain(core); break;
    default: take_session_event(core, event, actions);
    }
}

/* --- the step --- */

/* Ends what waits and may not begin: all of it while draining; what the file no longer has, and what is
 * paused. True: more to do. */
static bool sweep_runs(struct core *core, struct actions *actions) {
    for (; core->sweep_run < core->run_used; core->sweep_run++) {
        const struct run *run = &core->runs[core->sweep_run];
        enum skip_cause cause = SKIP_NONE;
        if (run_is_waiting(run->state) && !run_is_half_done(run))
            cause = run_skip_cause(core, run);
        if (cause == SKIP_NONE)
            continue;
        if (!actions_have_room(actions))
            return true;
        run_skip(core, core->sweep_run, cause, actions);
    }
    return false;
}

/* What outside work has found until the drain's end has as long again to be written. */
static struct mono write_deadline(const struct core *core) {
    return mono_add(core->drain_deadline, core->set->daemon.drain_timeout_us);
}

/* At the drain's end: what runs is cancelled, what is half done is given up. True: more to do. */
static bool stop_begun(struct core *core, struct actions *actions) {
    if (core->begun_count == 0 || (!core->drain_now && core->now.us < core->drain_deadline.us))
        return false;
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        struct mono until = run->stage == STAGE_WRITE ? write_deadline(core) : core->drain_deadline;
        bool may_go_on = !core->drain_now && core->now.us < until.us;
        if (!run->begun || run->state == RUN_STOPPING || run->state == RUN_SENT || may_go_on)
            continue;
        if (!actions_have_room(actions))
            return true;
        if (run->state == RUN_RUNNING)
            run_stop(core, i, STOP_DRAIN, actions);
        else
            run_give_up(core, i, actions);
    }
    return false;
}

static bool is_drained(const struct core *core) {
    for (uint32_t i = 0; i < core->pool_count; i++)
        if (recording_is_worth_a_session(core, &core->pools[i])) /* there are records to write */
            return false;
    return core->begun_count == 0 && core->open_count == 0 && core->sweep_run == core->run_used &&
           core->sweep_task == core->task_count;
}

static bool drain(struct core *core, struct actions *actions) {
    if (!core->drain_late && core->now.us >= core->drain_deadline.us) {
        core->drain_late = true;
        core->sweep_session = 0; /* records that were not written until now are kept for the next daemon */
    }
    bool more = stop_begun(core, actions);
    if (!more && !core->stopped && is_drained(core) && actions_have_room(actions)) {
        core->stopped = true;
        actions_add(actions, ACTION_STOPPED);
    }
    if (!core->stopped) {
        core_wake_at(core, core->drain_deadline.us);
        core_wake_at(core, write_deadline(core).us);
    }
    return more || core->sweep_session < core->session_used; /* what was given up has left its sessions */
}

static bool notice_losses(struct core *core, struct actions *actions) {
    for (uint32_t i = 0; i < core->pool_count; i++) {
        if (!actions_have_room(actions))
            return true;
        gate_notice_loss(core, &core->pools[i], actions);
    }
    return false;
}

bool core_step(struct core *core, const struct event *event, struct actions *actions) {
    actions->count = 0;
    run_give_back_files(core);
    assert(event->now.us >= core->now.us);
    core->now = event->now;
    core->wall = event->wall;
    core->wake.us = INSTANT_MAX;
    clock_follow(core, actions);
    take_event(core, event, actions);
    bool more = notice_losses(core, actions);
    more |= sweep_runs(core, actions);
    more |= idle_sweep(core, actions);
    more |= hands_sweep(core, actions);
    bool late = deadlines_meet(core, actions);
    more |= idle_expire(core, actions);
    more |= clock_collect_due(core, actions);
    more |= chain_go_on(core, actions);
    more |= wake_collect(core, actions);
    release_groups(core);
    more |= late || grant_all(core, actions); /* what may not begin any more has left the queues first */
    more |= core_session_clean_all(core, actions);
    if (core->draining)
        more |= drain(core, actions);
    return more || core->groups.unsettled != INDEX_NONE;
}

/* --- when it wants to be woken --- */

static int64_t earlier(int64_t at, const struct due *due) {
    const struct due_entry *first = due_first(due);
    return first && first->at < at ? first->at : at;
}

/* While something waits in each pool, what falls due waits behind that in any case: the core is woken no more
 * often than this to take it in, a few at a time. Less than the 20 ms that a short run may take, so that
 * nobody is later for it than by a run of others. */
#define TAKE_IN_EVERY_US (5 * US_PER_MS)

static int64_t due_wake(const struct core *core) {
    int64_t due_at = earlier(INSTANT_MAX, &core->due), rested_at = core->now.us + TAKE_IN_EVERY_US;
    for (uint32_t i = 0; i < core->pool_count; i++)
        if (queue_count(&core->pools[i].queue) == 0)
            return due_at;
    return due_at < rested_at && core->pool_count ? rested_at : due_at;
}

struct mono core_next_wake(const struct core *core) {
    int64_t due_at = due_wake(core), at = core->wake.us < due_at ? core->wake.us : due_at;
    at = earlier(earlier(at, &core->run_deadlines), &core->wakes);
    return (struct mono){earlier(at, &core->session_deadlines)};
}
