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

void past_begin(struct core_pool *pool) {
    bool off = pool->past.state == PAST_OFF;
    if (pool->settings->history && off)
        pool->past = (struct past){.state = PAST_NEW};
    else if (!pool->settings->history)
        pool->past = (struct past){.state = PAST_OFF};
    pool->past.restored = false; /* the file may have new tasks */
}

static bool is_unread(const struct past *past) {
    return past->state != PAST_OFF && !past->restored;
}

static struct mono gathered_at(const struct core *core, const struct core_pool *pool) {
    const struct past *past = &pool->past;
    if (core->draining || past->pending_count >= GATHER_MOST)
        return past->pending_since;
    return mono_add(past->pending_since, queue_count(&pool->queue) ? GATHER_BUSY_US : GATHER_US);
}

bool past_wants(const struct core *core, const struct core_pool *pool) {
    const struct past *past = &pool->past;
    if (past->state == PAST_OFF || past->asked.generation || core->now.us < past->next_try.us)
        return false;
    return is_unread(past) || past->doubted ||
           (past->pending_count && core->now.us >= gathered_at(core, pool).us);
}

struct mono past_next_ask(const struct core *core, const struct core_pool *pool) {
    const struct past *past = &pool->past;
    int64_t at = INSTANT_MAX;
    if (past->state == PAST_OFF || past->asked.generation)
        return (struct mono){at};
    if (is_unread(past) || past->doubted)
        at = core->now.us;
    else if (past->pending_count)
        at = gathered_at(core, pool).us;
    return (struct mono){at > past->next_try.us ? at : past->next_try.us};
}

void past_ask(struct core *core, struct core_pool *pool, uint32_t slot, struct actions *actions) {
    slot_move(core, slot, SLOT_CHECKING);
    pool->past.asked = core_slot_handle(core, slot);
    pool->past.doubted = false;
    struct action *action = actions_add(actions, ACTION_HISTORY);
    action->session = core_slot_handle(core, slot);
    action->pool = core->slots[slot].pool;
}

/* A pool that ends has one opened for records that are left, and does not wait for a server that refuses. */
bool past_is_worth_a_session(const struct core *core, const struct core_pool *pool) {
    bool ends = core->draining || pool->retired;
    bool may_connect = !pool->failing || (!ends && core->now.us >= pool->next_attempt.us);
    return may_connect && !(ends && past_is_settled(core, pool)) && tokens_sessions(&pool->tokens) == 0 &&
           tokens_free(&pool->tokens);
}

void past_serve(struct core *core, struct core_pool *pool, struct actions *actions) {
    if (pool->warm_newest != SLOT_NONE)
        past_ask(core, pool, pool->warm_newest, actions);
    else if (past_is_worth_a_session(core, pool))
        slot_open(core, (uint32_t)(pool - core->pools), actions);
}

static void change(struct core_pool *pool, enum past_state to, const struct core *core,
                   struct actions *actions) {
    enum past_state from = pool->past.state;
    pool->past.state = to;
    if (from == to || (from == PAST_NEW && to == PAST_ON))
        return;
    struct action *action = actions_add(actions, ACTION_HISTORY_STATE);
    action->pool = (uint32_t)(pool - core->pools);
}

/* What is missing may have to be made again. */
static void fail(struct core *core, struct core_pool *pool, struct actions *actions) {
    if (pool->past.state == PAST_OFF) /* by a reload, since it was asked */
        return;
    pool->past.restored = false;
    pool->past.next_try = mono_add(core->now, RETRY_US);
    if (pool->past.state != PAST_BROKEN)
        pool->past.broken_since = core->now;
    change(pool, PAST_BROKEN, core, actions);
}

static bool keeps_runs_waiting(const struct core *core, const struct past *past) {
    return past->state == PAST_NEW && mono_since(core->now, past->refused_since) >= REFUSED_MOST_US;
}

/* For good, as it seems; or an old transaction still has what a record waits for. */
static void refuse(struct core *core, struct core_pool *pool, bool for_long, struct actions *actions) {
    struct past *past = &pool->past;
    if (past->refused_count++ == 0)
        past->refused_since = core->now;
    if (for_long || keeps_runs_waiting(core, past))
        fail(core, pool, actions);
    else
        past->next_try = mono_add(core->now, CLAIM_AGAIN_US);
}

void past_answered(struct core *core, struct core_pool *pool, const struct event *event,
                   struct actions *actions) {
    struct past *past = &pool->past;
    past->asked = HANDLE_NONE;
    past->lost_count = 0;
    past->pending_count = event->history.left_count;
    if (past->pending_count < PAST_BATCH_COUNT)
        past->pending_since = core->now; /* what came meanwhile waits for others as well */
    core->sweep_slot = 0;                /* a drain may have waited for it */
    if (past->state == PAST_OFF)
        return;
    if (event->history.failed) {
        refuse(core, pool, event->history.failed_for_long, actions);
        return;
    }
    past->refused_count = 0;
    past->restored |= event->history.restored;
    if (past->restored)
        change(pool, PAST_ON, core, actions);
}

static struct core_pool *asked_on(const struct core *core, uint32_t slot) {
    struct core_pool *pool = &core->pools[core->slots[slot].pool];
    return handle_is(pool->past.asked, core_slot_handle(core, slot)) ? pool : NULL;
}

/* We have closed it, or a reload has left its server. */
void past_lost(struct core *core, uint32_t slot) {
    struct core_pool *pool = asked_on(core, slot);
    if (!pool)
        return;
    pool->past.asked = HANDLE_NONE;
    pool->past.next_try = mono_add(core->now, CLAIM_AGAIN_US);
}

void past_cut_off(struct core *core, uint32_t slot, struct actions *actions) {
    struct core_pool *pool = asked_on(core, slot);
    if (!pool || core->slots[slot].state != SLOT_CHECKING)
        return;
    pool->past.asked = HANDLE_NONE;
    pool->past.lost_count++;
    refuse(core, pool, pool->past.lost_count >= LOST_MOST && !core->draining, actions);
}

void past_unanswered(struct core *core, uint32_t slot, struct actions *actions) {
    struct core_pool *pool = asked_on(core, slot);
    if (!pool)
        return;
    pool->past.asked = HANDLE_NONE;
    fail(core, pool, actions);
}

void past_add(struct core *core, struct core_pool *pool) {
    if (pool->past.state == PAST_OFF)
        return;
    if (pool->past.pending_count++ == 0)
        pool->past.pending_since = core->now;
}

bool past_is_settled(const struct core *core, const struct core_pool *pool) {
    const struct past *past = &pool->past;
    bool too_late = core->drain_now || core->now.us >= core->drain_deadline.us;
    return past->state != PAST_ON || past->pending_count == 0 || (core->draining && too_late);
}

enum phase past_first_phase(const struct core *core, const struct core_task *task) {
    const struct past *past = &core->pools[task->pool].past;
    enum phase first = phase_first(task->definition);
    bool kept = past->state == PAST_NEW || past->state == PAST_ON;
    return kept && !phase_needs_session(task->definition, first) ? PHASE_CLAIM : first;
}

/* What is in one transaction with its claim needs none of its own. */
void past_claim(const struct core *core, struct run *run) {
    bool within =
        run->definition->work == WORK_SQL && run->definition->transaction && !core->tasks[run->task].simple;
    bool first = run->phase == PHASE_CLAIM || run->phase == phase_first(run->definition);
    run->claim = CLAIM_NONE;
    if (run->phase == PHASE_WRITE && run->claimed && core->pools[run->pool].past.state == PAST_ON)
        run->claim = CLAIM_DONE;
    if (run->phase == PHASE_CLAIM || (core->pools[run->pool].past.state == PAST_ON && !run->claimed &&
                                      first && phase_needs_session(run->definition, run->phase)))
        run->claim = within ? CLAIM_WITHIN : CLAIM_BEFORE;
}

void past_note_claim(struct run *run, struct wall from) {
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
static void claim_again(struct core *core, uint32_t slot, struct actions *actions) {
    struct run *run = &core->runs[slot];
    run->reclaims = true;
    if (run->phase != PHASE_WRITE && run_skip_cause(core, run)) {
        run_wait_again(core, slot, actions);
        return;
    }
    run->retry_at = mono_add(core->now, CLAIM_AGAIN_US);
    run_wait_in(core, slot, RUN_DELAYED, run->phase);
}

/* It goes on without a record, which is made when it has ended. */
static void go_without(struct core *core, uint32_t slot, struct actions *actions) {
    if (core->runs[slot].phase == PHASE_WRITE)
        run_wait_in(core, slot, RUN_WAITING, PHASE_WRITE);
    else if (core->runs[slot].phase == PHASE_CLAIM && !run_skip_cause(core, &core->runs[slot]))
        run_wait_in(core, slot, RUN_WAITING, phase_first(core->runs[slot].definition));
    else
        run_wait_again(core, slot, actions);
}

bool past_refused(struct core *core, uint32_t slot, const struct event *event, struct actions *actions) {
    struct run *run = &core->runs[slot];
    struct core_pool *pool = &core->pools[run->pool];
    switch (event->ended.failure) {
    case FAILURE_TAKEN: run_be_elsewhere(core, slot, event->ended.answered_until, actions); return true;
    case FAILURE_CLAIM:
        fail(core, pool, actions);
        go_without(core, slot, actions);
        return true;
    case FAILURE_CLAIM_WAIT:
        if (pool->past.state == PAST_BROKEN || pool->past.state == PAST_OFF) {
            go_without(core, slot, actions);
        } else {
            pool->past.doubted = true;
            claim_again(core, slot, actions);
        }
        return true;
    case FAILURE_LOST: /* before its claim was answered: nothing of it is done */
        if (run->claim != CLAIM_BEFORE || event->ended.claimed || run->stop != STOP_NONE)
            return false;
        if (++run->lost_claim_count >= LOST_MOST) {
            fail(core, pool, actions);
            go_without(core, slot, actions);
        } else {
            claim_again(core, slot, actions);
        }
        return true;
    default: return false;
    }
}

/* Its claim, alone on a session before a run that has no session, is over. */
void past_claimed(struct core *core, uint32_t slot, const struct event *event, struct actions *actions) {
    struct run *run = &core->runs[slot];
    if (run_skip_cause(core, run))
        run_wait_again(core, slot, actions);
    else if (event->ended.outcome == OUTCOME_OK)
        run_wait_in(core, slot, RUN_WAITING, phase_first(run->definition));
    else /* its session was lost, or a person has cancelled it */
        claim_again(core, slot, actions);
}
