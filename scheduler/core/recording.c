#include "scheduler/core/recording.h"

#include "scheduler/core/parts.h"

/* Records wait this long for others, so that many are written at once; longer while runs wait, as they go
 * first. More of them than this do not wait. */
#define GATHER_US      (200 * US_PER_MS)
#define GATHER_BUSY_US US_PER_S
#define GATHER_MOST    4000

/* What could not be read or written is tried again. */
#define RETRY_US (10 * US_PER_S)

/* What is refused for a passing reason, and never known so far, keeps runs waiting no longer. */
#define REFUSED_MOST_US (10 * US_PER_S)

/* Once is a server that was restarted; so often in a row, what is asked is what ends the session. */
#define LOST_MOST 3

/* A claim waited for another daemon's run; then it is tried again. */
#define CLAIM_AGAIN_US US_PER_S

void recording_begin(struct core_pool *pool) {
    bool off = pool->recording.state == RECORDING_OFF;
    if (pool->settings->history && off)
        pool->recording = (struct recording){.state = RECORDING_NEW};
    else if (!pool->settings->history)
        pool->recording = (struct recording){.state = RECORDING_OFF};
    pool->recording.restored = false; /* the file may have new tasks */
}

static bool is_unread(const struct recording *recording) {
    return recording->state != RECORDING_OFF && !recording->restored;
}

static struct mono gathered_at(const struct core *core, const struct core_pool *pool) {
    const struct recording *recording = &pool->recording;
    if (core->draining || recording->pending_count >= GATHER_MOST)
        return recording->pending_since;
    return mono_add(recording->pending_since, queue_count(&pool->queue) ? GATHER_BUSY_US : GATHER_US);
}

bool recording_wants(const struct core *core, const struct core_pool *pool) {
    const struct recording *recording = &pool->recording;
    if (recording->state == RECORDING_OFF || recording->asked.generation ||
        core->now.us < recording->next_try.us)
        return false;
    return is_unread(recording) || recording->doubted ||
           (recording->pending_count && core->now.us >= gathered_at(core, pool).us);
}

struct mono recording_next_ask(const struct core *core, const struct core_pool *pool) {
    const struct recording *recording = &pool->recording;
    int64_t at = INSTANT_MAX;
    if (recording->state == RECORDING_OFF || recording->asked.generation)
        return (struct mono){at};
    if (is_unread(recording) || recording->doubted)
        at = core->now.us;
    else if (recording->pending_count)
        at = gathered_at(core, pool).us;
    return (struct mono){at > recording->next_try.us ? at : recording->next_try.us};
}

void recording_ask(struct core *core, struct core_pool *pool, uint32_t session, struct actions *actions) {
    core_session_move(core, session, CORE_SESSION_CHECKING);
    pool->recording.asked = core_session_handle(core, session);
    pool->recording.doubted = false;
    struct action *action = actions_add(actions, ACTION_HISTORY);
    action->session = core_session_handle(core, session);
    action->pool = core->sessions[session].pool;
}

/* A pool that ends has one opened for records that are left, and does not wait for a server that refuses. */
bool recording_is_worth_a_session(const struct core *core, const struct core_pool *pool) {
    bool ends = core->draining || pool->retired;
    bool may_connect = !pool->failing || (!ends && core->now.us >= pool->next_attempt.us);
    return may_connect && !(ends && recording_is_settled(core, pool)) &&
           tokens_sessions(&pool->tokens) == 0 && tokens_free(&pool->tokens);
}

void recording_serve(struct core *core, struct core_pool *pool, struct actions *actions) {
    if (pool->warm_newest != INDEX_NONE)
        recording_ask(core, pool, pool->warm_newest, actions);
    else if (recording_is_worth_a_session(core, pool))
        core_session_open(core, (uint32_t)(pool - core->pools), actions);
}

static void change(struct core_pool *pool, enum recording_state to, const struct core *core,
                   struct actions *actions) {
    enum recording_state from = pool->recording.state;
    pool->recording.state = to;
    if (from == to || (from == RECORDING_NEW && to == RECORDING_ON))
        return;
    struct action *action = actions_add(actions, ACTION_HISTORY_STATE);
    action->pool = (uint32_t)(pool - core->pools);
}

/* What is missing may have to be made again. */
static void fail(struct core *core, struct core_pool *pool, struct actions *actions) {
    if (pool->recording.state == RECORDING_OFF) /* by a reload, since it was asked */
        return;
    pool->recording.restored = false;
    pool->recording.next_try = mono_add(core->now, RETRY_US);
    if (pool->recording.state != RECORDING_BROKEN)
        pool->recording.broken_since = core->now;
    change(pool, RECORDING_BROKEN, core, actions);
}

static bool keeps_runs_waiting(const struct core *core, const struct recording *recording) {
    return recording->state == RECORDING_NEW &&
           mono_since(core->now, recording->refused_since) >= REFUSED_MOST_US;
}

/* For good, as it seems; or an old transaction still has what a record waits for. */
static void refuse(struct core *core, struct core_pool *pool, bool for_long, struct actions *actions) {
    struct recording *recording = &pool->recording;
    if (recording->refused_count++ == 0)
        recording->refused_since = core->now;
    if (for_long || keeps_runs_waiting(core, recording))
        fail(core, pool, actions);
    else
        recording->next_try = mono_add(core->now, CLAIM_AGAIN_US);
}

void recording_answered(struct core *core, struct core_pool *pool, const struct event *event,
                        struct actions *actions) {
    struct recording *recording = &pool->recording;
    recording->asked = HANDLE_NONE;
    recording->lost_count = 0;
    recording->pending_count = event->history.left_count;
    if (recording->pending_count < RECORDING_BATCH_COUNT)
        recording->pending_since = core->now; /* what came meanwhile waits for others as well */
    core->sweep_session = 0;                  /* a drain may have waited for it */
    if (recording->state == RECORDING_OFF)
        return;
    if (event->history.failed) {
        refuse(core, pool, event->history.failed_for_long, actions);
        return;
    }
    recording->refused_count = 0;
    recording->restored |= event->history.restored;
    if (recording->restored)
        change(pool, RECORDING_ON, core, actions);
}

static struct core_pool *asked_on(const struct core *core, uint32_t session) {
    struct core_pool *pool = &core->pools[core->sessions[session].pool];
    return handle_is(pool->recording.asked, core_session_handle(core, session)) ? pool : NULL;
}

/* We have closed it, or a reload has left its server. */
void recording_lost(struct core *core, uint32_t session) {
    struct core_pool *pool = asked_on(core, session);
    if (!pool)
        return;
    pool->recording.asked = HANDLE_NONE;
    pool->recording.next_try = mono_add(core->now, CLAIM_AGAIN_US);
}

void recording_cut_off(struct core *core, uint32_t session, struct actions *actions) {
    struct core_pool *pool = asked_on(core, session);
    if (!pool || core->sessions[session].state != CORE_SESSION_CHECKING)
        return;
    pool->recording.asked = HANDLE_NONE;
    pool->recording.lost_count++;
    refuse(core, pool, pool->recording.lost_count >= LOST_MOST && !core->draining, actions);
}

void recording_unanswered(struct core *core, uint32_t session, struct actions *actions) {
    struct core_pool *pool = asked_on(core, session);
    if (!pool)
        return;
    pool->recording.asked = HANDLE_NONE;
    fail(core, pool, actions);
}

void recording_add(struct core *core, struct core_pool *pool) {
    if (pool->recording.state == RECORDING_OFF)
        return;
    if (pool->recording.pending_count++ == 0)
        pool->recording.pending_since = core->now;
}

bool recording_is_settled(const struct core *core, const struct core_pool *pool) {
    const struct recording *recording = &pool->recording;
    bool too_late = core->drain_now || core->now.us >= core->drain_deadline.us;
    return recording->state != RECORDING_ON || recording->pending_count == 0 || (core->draining && too_late);
}

enum stage recording_first_stage(const struct core *core, const struct core_task *task) {
    const struct recording *recording = &core->pools[task->pool].recording;
    enum stage first = stage_first(task->definition);
    bool kept = recording->state == RECORDING_NEW || recording->state == RECORDING_ON;
    return kept && !stage_needs_session(task->definition, first) ? STAGE_CLAIM : first;
}

/* What is in one transaction with its claim needs none of its own. */
void recording_claim(const struct core *core, struct run *run) {
    bool within =
        run->definition->work == WORK_SQL && run->definition->transaction && !core->tasks[run->task].simple;
    bool first = run->stage == STAGE_CLAIM || run->stage == stage_first(run->definition);
    run->claim = CLAIM_NONE;
    if (run->stage == STAGE_WRITE && run->claimed && core->pools[run->pool].recording.state == RECORDING_ON)
        run->claim = CLAIM_DONE;
    if (run->stage == STAGE_CLAIM ||
        (core->pools[run->pool].recording.state == RECORDING_ON && !run->claimed && first &&
         stage_needs_session(run->definition, run->stage)))
        run->claim = within ? CLAIM_WITHIN : CLAIM_BEFORE;
}

void recording_note_claim(struct run *run, struct wall from) {
    const struct schedule *schedule = &run->definition->schedule;
    run->claimed = true;
    if (run->occurrence_count == 0 || from.us <= schedule_key(schedule, run->due_first).us ||
        from.us > run->due_last.us)
        return;
    run->occurrence_count = schedule_count(schedule->every_us, from, schedule_key(schedule, run->due_last));
    int64_t less_us = from.us - run->due_first.us;
    run->overdue_us -= less_us < run->overdue_us ? less_us : run->overdue_us;
    run->due_first = from;
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

bool recording_refused(struct core *core, uint32_t index, const struct event *event,
                       struct actions *actions) {
    struct run *run = &core->runs[index];
    struct core_pool *pool = &core->pools[run->pool];
    switch (event->ended.failure) {
    case FAILURE_TAKEN: run_be_elsewhere(core, index, event->ended.answered_until, actions); return true;
    case FAILURE_CLAIM:
        fail(core, pool, actions);
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
        if (++run->lost_claim_count >= LOST_MOST) {
            fail(core, pool, actions);
            go_without(core, index, actions);
        } else {
            claim_again(core, index, actions);
        }
        return true;
    default: return false;
    }
}

/* Its claim, alone on a session before a run that has no session, is over. */
void recording_claimed(struct core *core, uint32_t index, const struct event *event,
                       struct actions *actions) {
    struct run *run = &core->runs[index];
    if (run_skip_cause(core, run))
        run_wait_again(core, index, actions);
    else if (event->ended.outcome == OUTCOME_OK)
        run_wait_in(core, index, RUN_WAITING, stage_first(run->definition));
    else /* its session was lost, or a person has cancelled it */
        claim_again(core, index, actions);
}
