/*
 * The life of a session as the core sees it: a slot that holds one token of its pool from OPENING until GONE.
 * One function moves it and keeps the sum of tokens, the warm list and the deadline that follow from the
 * state.
 */
#include <assert.h>

#include "scheduler/core/parts.h"
#include "scheduler/core/gate.h"
#include "tasks/hash.h"

#define RETRY_US      US_PER_S
#define RETRY_MOST_US (30 * US_PER_S)

/* Runs that leave nothing behind are taken at their word for this long before it is verified. */
#define BATCH_MOST_US US_PER_S

/* And verified this often at the most on one session: a look costs the server what ten cleanings do. */
#define VERIFY_EVERY_US US_PER_S

struct slot *core_slot(const struct core *core, struct handle handle) {
    if (handle.generation == 0 || handle.slot >= core->slot_used)
        return NULL;
    struct slot *slot = &core->slots[handle.slot];
    return slot->generation == handle.generation && slot->state != SLOT_FREE ? slot : NULL;
}

/* A spread of 0..permille of the duration, the same for the same session or attempt on every start. */
static int64_t jitter(const struct core *core, uint64_t salt, int64_t us, int64_t permille) {
    uint64_t hash =
        hash_finish(hash_bytes(hash_bytes(HASH_START, &core->seed, sizeof core->seed), &salt, sizeof salt));
    return (int64_t)hash_below(hash, (uint64_t)(us / 1000 * permille) + 1);
}

static uint32_t *token_of(struct core_pool *pool, enum slot_state state) {
    switch (state) {
    case SLOT_FREE: return NULL;
    case SLOT_OPENING: return &pool->tokens.opening;
    case SLOT_WARM: return &pool->tokens.warm;
    case SLOT_CHECKING: return &pool->tokens.checking;
    case SLOT_BUSY:
    case SLOT_CLEANING: return &pool->tokens.busy;
    case SLOT_CLOSING: return &pool->tokens.closing;
    }
    return NULL;
}

static void warm_add(struct core *core, struct core_pool *pool, uint32_t index) {
    struct slot *slot = &core->slots[index];
    slot->newer = SLOT_NONE;
    slot->older = pool->warm_newest;
    if (pool->warm_newest != SLOT_NONE)
        core->slots[pool->warm_newest].newer = index;
    else
        pool->warm_oldest = index;
    pool->warm_newest = index;
}

static void warm_remove(struct core *core, struct core_pool *pool, uint32_t index) {
    struct slot *slot = &core->slots[index];
    if (slot->newer != SLOT_NONE)
        core->slots[slot->newer].older = slot->older;
    else
        pool->warm_newest = slot->older;
    if (slot->older != SLOT_NONE)
        core->slots[slot->older].newer = slot->newer;
    else
        pool->warm_oldest = slot->newer;
}

static int64_t recycle_at(const struct core *core, const struct slot *slot, uint32_t index) {
    int64_t recycle_us = core->pools[slot->pool].settings->recycle_us;
    uint64_t salt = ((uint64_t)slot->generation << 32) | index;
    return us_add(slot->opened.us, recycle_us - jitter(core, salt, recycle_us, 100));
}

/* A daemon that stops does not wait long for a server that says nothing. */
static int64_t slot_linger_us(const struct core *core, const struct pool_settings *pool) {
    return core->draining && pool->linger_us > STOP_GRACE_US ? STOP_GRACE_US : pool->linger_us;
}

/* When the first run on a session would be in the way of the next. */
static int64_t in_the_way_at(const struct core *core, const struct slot *slot) {
    if (slot->run_count < 2)
        return INSTANT_MAX;
    const struct run *first = &core->runs[slot->run_first], *next = &core->runs[first->behind];
    return us_add(run_in_the_way_at(core, first, next->definition->patience_us), US_PER_MS);
}

static int64_t deadline_of(const struct core *core, uint32_t index) {
    const struct slot *slot = &core->slots[index];
    const struct pool_settings *pool = core->pools[slot->pool].settings;
    int64_t idle, recycle;
    switch (slot->state) {
    case SLOT_FREE: return INSTANT_MAX;
    case SLOT_BUSY: return in_the_way_at(core, slot);
    case SLOT_OPENING:
        return INSTANT_MAX; /* each host has its own time, and the shell tells when all is over */
    case SLOT_WARM:
        idle = us_add(slot->unused_since.us, pool->idle_us);
        recycle = recycle_at(core, slot, index);
        return idle < recycle ? idle : recycle;
    case SLOT_CHECKING:
    case SLOT_CLEANING: return us_add(core->now.us, ANSWER_WAIT_US);
    case SLOT_CLOSING: return us_add(core->now.us, slot_linger_us(core, pool));
    }
    return INSTANT_MAX;
}

static bool is_legal(enum slot_state from, enum slot_state to) {
    switch (to) {
    case SLOT_FREE: return from == SLOT_CLOSING;
    case SLOT_OPENING: return from == SLOT_FREE;
    case SLOT_WARM: return from == SLOT_OPENING || from == SLOT_CHECKING || from == SLOT_CLEANING;
    case SLOT_CHECKING: return from == SLOT_WARM;
    case SLOT_BUSY: return from == SLOT_WARM || from == SLOT_CLEANING;
    case SLOT_CLEANING: return from == SLOT_BUSY;
    case SLOT_CLOSING: return from != SLOT_FREE && from != SLOT_CLOSING;
    }
    return false;
}

int64_t slot_free_at(const struct core *core, uint32_t index) {
    const struct slot *slot = &core->slots[index];
    if (slot->run_count == 0)
        return core->now.us;
    const struct run *first = &core->runs[slot->run_first];
    int64_t at = us_add(first->started.us, slot->backlog_us);
    int64_t over_us = mono_since(core->now, first->started) - first->expected_us;
    return over_us > 0 ? us_add(at, 2 * over_us) : at; /* it may take as long again as it is over already */
}

/* What takes further runs, and the deadline. */
void slot_follow_runs(struct core *core, uint32_t index) {
    const struct slot *slot = &core->slots[index];
    struct core_pool *pool = &core->pools[slot->pool];
    bool takes_more = slot->shared && !slot->broken && !slot->cancelled && slot->run_count < SHARED_RUNS_MAX;
    int64_t deadline = deadline_of(core, index);
    if (takes_more)
        due_set(&pool->sharing, index, slot_free_at(core, index));
    else
        due_remove(&pool->sharing, index);
    if (deadline == INSTANT_MAX)
        due_remove(&core->slot_deadlines, index);
    else
        due_set(&core->slot_deadlines, index, deadline);
}

void slot_move(struct core *core, uint32_t index, enum slot_state to) {
    struct slot *slot = &core->slots[index];
    struct core_pool *pool = &core->pools[slot->pool];
    assert(is_legal(slot->state, to));
    uint32_t *from_token = token_of(pool, slot->state), *to_token = token_of(pool, to);
    if (from_token)
        --*from_token;
    if (to_token)
        ++*to_token;
    if (slot->state == SLOT_WARM)
        warm_remove(core, pool, index);
    if (to == SLOT_WARM)
        warm_add(core, pool, index);
    if (slot->state == SLOT_CHECKING && handle_is(pool->gate.asked, core_slot_handle(core, index)))
        pool->gate.asked = HANDLE_NONE; /* answered, or it will not answer any more */
    if (slot->state == SLOT_CHECKING)
        past_lost(core, index);
    slot->state = to;
    if (to != SLOT_BUSY && to != SLOT_CLEANING)
        slot->shared = false;
    slot_follow_runs(core, index);
    if (to == SLOT_FREE) {
        slot->next_free = core->slot_free;
        core->slot_free = index;
        core->open_count--;
    }
    if (tokens_held(&pool->tokens) > pool->held_peak)
        pool->held_peak = tokens_held(&pool->tokens);
}

/* --- its runs --- */

/* A task's word is good for its own run and for what follows until the session is cleaned. */
static void follow_batch(struct core *core, struct slot *slot, const struct run *run) {
    struct core_task *task = &core->tasks[run->task];
    if (run->definition->session != SESSION_CLEAN || task->breached) {
        slot->unclean =
            false; /* its cleaning, which follows in the same flush, is for those before it, too */
        return;
    }
    if (!slot->unclean) {
        slot->batch = ++core->batch_number;
        slot->batch_began = core->now;
        slot->batch_task = run->task;
    }
    slot->batch_task = slot->batch_task == run->task ? run->task : SLOT_NONE;
    slot->unclean = true;
    task->batch = slot->batch;
}

void slot_take_run(struct core *core, uint32_t index, uint32_t run_slot) {
    struct slot *slot = &core->slots[index];
    struct run *run = &core->runs[run_slot];
    bool sharable = run_is_sharable(core, run);
    if (slot->run_count++ == 0) {
        slot->run_first = run_slot;
        slot->shared = sharable;
        slot->backlog_us = 0;
    } else {
        core->runs[slot->run_last].behind = run_slot;
        slot->shared &= sharable;
    }
    slot->run_last = run_slot;
    run->behind = SLOT_NONE;
    slot->backlog_us += run->expected_us;
    follow_batch(core, slot, run);
    slot->shared &= !slot->unclean || mono_since(core->now, slot->batch_began) < BATCH_MOST_US;
    if (slot->state == SLOT_BUSY)
        slot_follow_runs(core, index);
    else
        slot_move(core, index, SLOT_BUSY);
}

void slot_lose_run(struct core *core, uint32_t index, uint32_t run_slot) {
    struct slot *slot = &core->slots[index];
    const struct run *run = &core->runs[run_slot];
    bool was_first = slot->run_first == run_slot;
    uint32_t before = was_first ? SLOT_NONE : slot->run_first;
    while (!was_first && core->runs[before].behind != run_slot)
        before = core->runs[before].behind;
    if (was_first)
        slot->run_first = run->behind;
    else
        core->runs[before].behind = run->behind;
    if (slot->run_last == run_slot)
        slot->run_last = before;
    slot->run_count--;
    slot->backlog_us -= run->expected_us;
    if (was_first && slot->run_count && core->runs[slot->run_first].state == RUN_SENT)
        run_come_first(core, slot->run_first);
    slot_follow_runs(core, index);
}

void slot_rest(struct core *core, uint32_t index) {
    core->slots[index].shared = false;
    slot_follow_runs(core, index);
}

void slot_clean_later(struct core *core, uint32_t index) {
    if (core->slots[index].in_unclean)
        return;
    core->slots[index].in_unclean = true;
    core->slots[index].next_unclean = core->unclean_first;
    core->unclean_first = index;
}

/* Between two looks it is cleaned only. A suspect is always looked at. */
static bool wants_to_be_verified(const struct core *core, const struct slot *slot) {
    bool suspected = slot->batch_task != SLOT_NONE && core->tasks[slot->batch_task].suspected;
    return suspected || mono_since(core->now, slot->verified) >= VERIFY_EVERY_US;
}

static void end_batch(struct core *core, uint32_t index, struct actions *actions) {
    struct slot *slot = &core->slots[index];
    bool verify = wants_to_be_verified(core, slot);
    if (verify) {
        slot->verified = core->now;
    } else {
        slot->batch = 0; /* nothing will be known of it */
    }
    slot->unclean = false;
    slot_rest(core, index);
    actions_add(actions, verify ? ACTION_VERIFY : ACTION_CLEAN)->session = core_slot_handle(core, index);
}

bool slot_clean_all(struct core *core, struct actions *actions) {
    while (core->unclean_first != SLOT_NONE) {
        if (!actions_have_room(actions))
            return true;
        uint32_t index = core->unclean_first;
        struct slot *slot = &core->slots[index];
        core->unclean_first = slot->next_unclean;
        slot->in_unclean = false;
        if (slot->state == SLOT_CLEANING && slot->unclean && slot->run_count == 0)
            end_batch(core, index, actions);
    }
    return false;
}

void slot_breach(struct core *core, uint32_t index, struct actions *actions) {
    const struct slot *slot = &core->slots[index];
    uint32_t found = slot->batch_task, count = 0;
    for (uint32_t i = 0; found == SLOT_NONE && i < core->task_count; i++) {
        if (core->tasks[i].batch != slot->batch)
            continue;
        core->tasks[i].suspected = true;
        count++;
    }
    for (uint32_t i = 0; count && found == SLOT_NONE && i < core->task_count; i++)
        if (core->tasks[i].batch == slot->batch)
            found = i;
    if (found == SLOT_NONE)
        return;
    if (count == 0) {
        core->tasks[found].suspected = false;
        core->tasks[found].breached = true;
    }
    struct action *action = actions_add(actions, ACTION_BREACH);
    action->task = found;
    action->number = count;
}

void slot_proved_clean(struct core *core, uint32_t index) {
    if (core->slots[index].batch && core->slots[index].batch_task != SLOT_NONE)
        core->tasks[core->slots[index].batch_task].suspected = false;
    core->slots[index].batch = 0;
}

/* --- opening and closing --- */

void slot_open(struct core *core, uint32_t pool, struct actions *actions) {
    uint32_t index = core->slot_free;
    if (index != SLOT_NONE) {
        core->slot_free = core->slots[index].next_free;
    } else {
        assert(core->slot_used < core->slot_capacity);
        index = core->slot_used++;
    }
    struct slot *slot = &core->slots[index];
    *slot = (struct slot){
        .generation = slot->generation + 1,
        .in_unclean = slot->in_unclean,
        .next_unclean = slot->next_unclean,
        .pool = pool,
        .conninfo_version = core->pools[pool].conninfo_version,
        .run_first = SLOT_NONE,
        .run_last = SLOT_NONE,
        .batch_task = SLOT_NONE,
        .verified = {core->now.us - VERIFY_EVERY_US}, /* its first batch is looked at */
    };
    core->open_count++;
    slot_move(core, index, SLOT_OPENING);
    struct action *action = actions_add(actions, ACTION_OPEN);
    action->pool = pool;
    action->session = core_slot_handle(core, index);
}

void slot_close(struct core *core, uint32_t index, enum close_cause cause, struct actions *actions) {
    slot_move(core, index, SLOT_CLOSING);
    struct action *action = actions_add(actions, ACTION_CLOSE);
    action->session = core_slot_handle(core, index);
    action->pool = core->slots[index].pool;
    action->close_cause = cause;
}

void slot_hurry_closing(struct core *core) {
    for (uint32_t i = 0; i < core->slot_used; i++)
        if (core->slots[i].state == SLOT_CLOSING)
            due_set(&core->slot_deadlines, i, deadline_of(core, i));
}

/* The floor stays while it could not be opened again. */
static bool may_go(const struct core *core, const struct core_pool *pool) {
    return tokens_sessions(&pool->tokens) > 1 || gate_headroom(core, pool).slots >= 0;
}

bool slot_is_unwanted(const struct core *core, uint32_t index, enum close_cause *ret_cause) {
    const struct slot *slot = &core->slots[index];
    const struct core_pool *pool = &core->pools[slot->pool];
    if (pool_is_over(core, pool))
        *ret_cause = CLOSE_DRAIN;
    else if (slot->conninfo_version != pool->conninfo_version)
        *ret_cause = CLOSE_CONNINFO;
    else if (slot->state != SLOT_OPENING && core->now.us >= recycle_at(core, slot, index) &&
             may_go(core, pool))
        *ret_cause = CLOSE_RECYCLE;
    else
        return gate_excess(core, pool, ret_cause) > 0;
    return true;
}

void slot_fall_idle(struct core *core, uint32_t index, struct actions *actions) {
    enum close_cause cause;
    bool after_run = core->slots[index].state == SLOT_CLEANING;
    core->slots[index].idle_since = core->now;
    if (core->slots[index].state != SLOT_CHECKING)
        core->slots[index].unused_since = core->now;
    struct core_pool *pool = &core->pools[core->slots[index].pool];
    bool only_to_look = core->slots[index].state == SLOT_OPENING && gate_wants_sample(core, pool, false);
    if (slot_is_unwanted(core, index, &cause) && !(cause == CLOSE_LIMIT && only_to_look)) {
        slot_close(core, index, cause, actions);
        return;
    }
    slot_move(core, index, SLOT_WARM);
    if (gate_wants_sample(core, pool, after_run))
        gate_ask(core, pool, index, actions);
    else if (past_wants(core, pool))
        past_ask(core, pool, index, actions);
}

void pool_connect_failed(struct core *core, uint32_t index, enum connect_failure failure) {
    struct core_pool *pool = &core->pools[index];
    if (!pool->failing)
        pool->failing_since = core->now;
    pool->failing = true;
    pool->failure = failure;
    pool->failure_count++;
    int64_t delay_us = RETRY_US;
    for (uint32_t i = 1;
         failure == CONNECT_NEEDS_PERSON && i < pool->failure_count && delay_us < RETRY_MOST_US; i++)
        delay_us *= 2;
    if (delay_us > RETRY_MOST_US)
        delay_us = RETRY_MOST_US;
    delay_us += jitter(core, ((uint64_t)index << 32) | pool->failure_count, delay_us, 250);
    pool->next_attempt = mono_add(core->now, failure == CONNECT_OPTIONS ? 0 : delay_us);
}

bool pool_is_quiet(const struct core_pool *pool) {
    struct tokens none = pool->tokens;
    none.leftover = none.before = 0;
    return tokens_held(&none) == 0;
}

/* The first run on a session takes far longer than it was learned to, and others wait behind it. */
static void make_way(struct core *core, uint32_t index, struct actions *actions) {
    struct slot *slot = &core->slots[index];
    due_remove(&core->slot_deadlines, index);
    if (core->runs[slot->run_first].state == RUN_RUNNING)
        run_yield(core, slot->run_first, actions);
}

/* Idle or old. A pool's only session stays: it is the floor, and it takes the samples. */
static void warm_deadline(struct core *core, uint32_t index, struct actions *actions) {
    const struct slot *slot = &core->slots[index];
    const struct core_pool *pool = &core->pools[slot->pool];
    bool old = core->now.us >= recycle_at(core, slot, index);
    if (old ? may_go(core, pool) : tokens_sessions(&pool->tokens) > 1)
        slot_close(core, index, old ? CLOSE_RECYCLE : CLOSE_IDLE, actions);
    else
        due_set(&core->slot_deadlines, index, us_add(core->now.us, pool->settings->idle_us));
}

static void slot_deadline(struct core *core, uint32_t index, struct actions *actions) {
    struct slot *slot = &core->slots[index];
    switch (slot->state) {
    case SLOT_FREE:
    case SLOT_OPENING: assert(!"a slot without a deadline had one"); break;
    case SLOT_BUSY: make_way(core, index, actions); break;
    case SLOT_WARM: warm_deadline(core, index, actions); break;
    case SLOT_CHECKING:
    case SLOT_CLEANING:
        past_unanswered(core, index, actions);
        slot_close(core, index, CLOSE_TIMEOUT, actions);
        break;
    case SLOT_CLOSING: /* linger has passed */
        actions_add(actions, ACTION_FORGET)->session = core_slot_handle(core, index);
        slot_move(core, index, SLOT_FREE);
        break;
    }
}

bool slot_expire(struct core *core, struct actions *actions) {
    const struct due_entry *first;
    while ((first = due_first(&core->slot_deadlines)) && first->at <= core->now.us) {
        if (!actions_have_room(actions))
            return true;
        slot_deadline(core, first->id, actions);
    }
    return false;
}
