/*
 * The life of a session as the core sees it: a slot that holds one token of its pool from OPENING until GONE.
 * One function moves it and keeps the sum of tokens, the warm list and the deadline that follow from the
 * state.
 */
#include <assert.h>

#include "scheduler/core_parts.h"
#include "tasks/hash.h"

#define RETRY_US      US_PER_S
#define RETRY_MOST_US (30 * US_PER_S)

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

static int64_t deadline_of(const struct core *core, uint32_t index) {
    const struct slot *slot = &core->slots[index];
    const struct pool_settings *pool = core->pools[slot->pool].settings;
    int64_t idle, recycle;
    switch (slot->state) {
    case SLOT_FREE:
    case SLOT_BUSY: return INSTANT_MAX;
    case SLOT_OPENING: return us_add(core->now.us, pool->connect_timeout_us);
    case SLOT_WARM:
        idle = us_add(slot->idle_since.us, pool->idle_us);
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
    case SLOT_BUSY: return from == SLOT_WARM;
    case SLOT_CLEANING: return from == SLOT_BUSY;
    case SLOT_CLOSING: return from != SLOT_FREE && from != SLOT_CLOSING;
    }
    return false;
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
    if (slot->state == SLOT_BUSY)
        slot->run = HANDLE_NONE;
    if (slot->state == SLOT_CHECKING && to == SLOT_CLOSING && pool->survey == SURVEY_ASKED)
        pool->survey = SURVEY_NEEDED; /* the one that was asked will not answer */
    slot->state = to;
    int64_t deadline = deadline_of(core, index);
    if (deadline == INSTANT_MAX)
        due_remove(&core->slot_deadlines, index);
    else
        due_set(&core->slot_deadlines, index, deadline);
    if (to == SLOT_FREE) {
        slot->next_free = core->slot_free;
        core->slot_free = index;
        core->open_count--;
    }
    if (tokens_held(&pool->tokens) > pool->held_peak)
        pool->held_peak = tokens_held(&pool->tokens);
}

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
        .pool = pool,
        .conninfo_version = core->pools[pool].conninfo_version,
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

bool slot_is_unwanted(const struct core *core, uint32_t index, enum close_cause *ret_cause) {
    const struct slot *slot = &core->slots[index];
    const struct core_pool *pool = &core->pools[slot->pool];
    if (core->draining || pool->retired)
        *ret_cause = CLOSE_DRAIN;
    else if (slot->conninfo_version != pool->conninfo_version)
        *ret_cause = CLOSE_CONNINFO;
    else if (slot->state != SLOT_OPENING && core->now.us >= recycle_at(core, slot, index))
        *ret_cause = CLOSE_RECYCLE;
    else if (tokens_held(&pool->tokens) - pool->tokens.leftover > pool->tokens.size)
        *ret_cause = CLOSE_ROOM;
    else
        return false;
    return true;
}

void slot_fall_idle(struct core *core, uint32_t index, struct actions *actions) {
    enum close_cause cause;
    core->slots[index].idle_since = core->now;
    if (slot_is_unwanted(core, index, &cause))
        slot_close(core, index, cause, actions);
    else
        slot_move(core, index, SLOT_WARM);
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
    none.leftover = 0;
    return tokens_held(&none) == 0;
}

static void slot_deadline(struct core *core, uint32_t index, struct actions *actions) {
    struct slot *slot = &core->slots[index];
    switch (slot->state) {
    case SLOT_FREE:
    case SLOT_BUSY: assert(!"a slot without a deadline had one"); break;
    case SLOT_OPENING:
        pool_connect_failed(core, slot->pool, CONNECT_UNREACHABLE);
        slot_close(core, index, CLOSE_TIMEOUT, actions);
        break;
    case SLOT_WARM: {
        bool old = core->now.us >= recycle_at(core, slot, index);
        slot_close(core, index, old ? CLOSE_RECYCLE : CLOSE_IDLE, actions);
        break;
    }
    case SLOT_CHECKING:
    case SLOT_CLEANING: slot_close(core, index, CLOSE_TIMEOUT, actions); break;
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
