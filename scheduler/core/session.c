#include "scheduler/core/session.h"

#include <assert.h>

#include "scheduler/core/group.h"
#include "scheduler/core/run.h"
#include "tasks/hash.h"

/* What could not connect is tried again so soon; what needs a person twice as late each time, to this most. A
 * server that starts again takes a few seconds, and a login costs it some milliseconds. */
#define RETRY_US      US_PER_S
#define RETRY_MOST_US (30 * US_PER_S)

/* Runs that leave nothing behind are taken at their word for this long before their session is cleaned. */
#define BATCH_MOST_US US_PER_S

/* And what they left is looked for this often at the most on one session: a look costs the server what ten
 * cleanings do (tests/bench/README.md, "Looking"). */
#define VERIFY_EVERY_US US_PER_S

/* A random number, the same for the same session or attempt on every start. */
static uint64_t random_of(const struct core *core, uint32_t high, uint32_t low) {
    uint64_t salt = ((uint64_t)high << 32) | low;
    return hash_finish(
        hash_bytes(hash_bytes(HASH_START, &core->seed, sizeof core->seed), &salt, sizeof salt));
}

/* 0..permille of the duration. */
static int64_t jitter(uint64_t random, int64_t us, int64_t permille) {
    return (int64_t)hash_below(random, (uint64_t)(us / 1000 * permille) + 1);
}

static uint32_t *token_of(struct core_pool *pool, enum core_session_state state) {
    switch (state) {
    case CORE_SESSION_FREE: return NULL;
    case CORE_SESSION_OPENING: return &pool->tokens.opening;
    case CORE_SESSION_WARM: return &pool->tokens.warm;
    case CORE_SESSION_CHECKING: return &pool->tokens.checking;
    case CORE_SESSION_BUSY:
    case CORE_SESSION_CLEANING: return &pool->tokens.busy;
    case CORE_SESSION_CLOSING: return &pool->tokens.closing;
    }
    return NULL;
}

static void warm_add(struct core *core, struct core_pool *pool, uint32_t index) {
    struct core_session *session = &core->sessions[index];
    session->newer = INDEX_NONE;
    session->older = pool->warm_newest;
    if (pool->warm_newest != INDEX_NONE)
        core->sessions[pool->warm_newest].newer = index;
    else
        pool->warm_oldest = index;
    pool->warm_newest = index;
}

static void warm_remove(struct core *core, struct core_pool *pool, uint32_t index) {
    struct core_session *session = &core->sessions[index];
    if (session->newer != INDEX_NONE)
        core->sessions[session->newer].older = session->older;
    else
        pool->warm_newest = session->older;
    if (session->older != INDEX_NONE)
        core->sessions[session->older].newer = session->newer;
    else
        pool->warm_oldest = session->newer;
}

int64_t core_session_recycle_at(const struct core *core, uint32_t index) {
    const struct core_session *session = &core->sessions[index];
    int64_t recycle_us = core->pools[session->pool].settings->recycle_us;
    return us_add(session->opened.us, recycle_us - jitter(session->random, recycle_us, 100));
}

/* When its state has lasted for long enough. */
static int64_t deadline_of(const struct core *core, uint32_t index) {
    const struct core_session *session = &core->sessions[index];
    const struct pool_settings *pool = core->pools[session->pool].settings;
    int64_t idle_at, recycle_at, linger_us = pool->linger_us;
    switch (session->state) {
    case CORE_SESSION_FREE: break;
    case CORE_SESSION_OPENING: break; /* each host has its own time, and the shell tells when all is over */
    case CORE_SESSION_BUSY:           /* when its first run would be in the way of the next */
        if (session->run_count < 2)
            break;
        const struct run *first = &core->runs[session->run_first], *next = &core->runs[first->behind];
        return us_add(run_in_the_way_at(core, first, next->definition->patience_us), US_PER_MS);
    case CORE_SESSION_WARM:
        idle_at = us_add(session->unused_since.us, pool->idle_us);
        recycle_at = core_session_recycle_at(core, index);
        return idle_at < recycle_at ? idle_at : recycle_at;
    case CORE_SESSION_CHECKING:
    case CORE_SESSION_CLEANING: return us_add(core->now.us, ANSWER_WAIT_US);
    case CORE_SESSION_CLOSING: /* a daemon that stops does not wait long for a server that says nothing */
        if (core->draining && linger_us > STOP_GRACE_US)
            linger_us = STOP_GRACE_US;
        return us_add(core->now.us, linger_us);
    }
    return INSTANT_MAX;
}

static bool is_legal(enum core_session_state from, enum core_session_state to) {
    switch (to) {
    case CORE_SESSION_FREE: return from == CORE_SESSION_CLOSING;
    case CORE_SESSION_OPENING: return from == CORE_SESSION_FREE;
    case CORE_SESSION_WARM:
        return from == CORE_SESSION_OPENING || from == CORE_SESSION_CHECKING || from == CORE_SESSION_CLEANING;
    case CORE_SESSION_CHECKING: return from == CORE_SESSION_WARM;
    case CORE_SESSION_BUSY: return from == CORE_SESSION_WARM || from == CORE_SESSION_CLEANING;
    case CORE_SESSION_CLEANING: return from == CORE_SESSION_BUSY;
    case CORE_SESSION_CLOSING: return from != CORE_SESSION_FREE && from != CORE_SESSION_CLOSING;
    }
    return false;
}

int64_t core_session_free_at(const struct core *core, uint32_t index) {
    const struct core_session *session = &core->sessions[index];
    if (session->run_count == 0)
        return core->now.us;
    const struct run *first = &core->runs[session->run_first];
    int64_t at = us_add(first->started.us, session->queued_us);
    int64_t over_us = mono_since(core->now, first->started) - first->expected_us;
    return over_us > 0 ? us_add(at, 2 * over_us) : at; /* it may take as long again as it is over already */
}

/* What takes further runs, and the deadline. */
void core_session_follow_runs(struct core *core, uint32_t index) {
    const struct core_session *session = &core->sessions[index];
    struct core_pool *pool = &core->pools[session->pool];
    bool takes_more =
        session->shared && !session->broken && !session->cancelled && session->run_count < SHARED_RUNS_MAX;
    int64_t deadline = deadline_of(core, index);
    if (takes_more)
        due_set(&pool->sharing, index, core_session_free_at(core, index));
    else
        due_remove(&pool->sharing, index);
    if (deadline == INSTANT_MAX)
        due_remove(&core->session_deadlines, index);
    else
        due_set(&core->session_deadlines, index, deadline);
}

void core_session_move(struct core *core, uint32_t index, enum core_session_state to) {
    struct core_session *session = &core->sessions[index];
    struct core_pool *pool = &core->pools[session->pool];
    assert(is_legal(session->state, to));
    uint32_t *from_token = token_of(pool, session->state), *to_token = token_of(pool, to);
    if (from_token)
        --*from_token;
    if (to_token)
        ++*to_token;
    if (session->state == CORE_SESSION_WARM)
        warm_remove(core, pool, index);
    if (to == CORE_SESSION_WARM)
        warm_add(core, pool, index);
    if (session->state == CORE_SESSION_CHECKING &&
        handle_is(pool->gate.asked, core_session_handle(core, index)))
        pool->gate.asked = HANDLE_NONE; /* answered, or it will not answer any more */
    if (session->state == CORE_SESSION_CHECKING &&
        handle_is(pool->recording.asked, core_session_handle(core, index))) {
        pool->recording.asked = HANDLE_NONE; /* we have closed it, or a reload has left its server */
        pool->recording.next_try = mono_add(core->now, RECORDING_AGAIN_US);
    }
    if (to == CORE_SESSION_CLOSING && handle_is(pool->hearing.session, core_session_handle(core, index)))
        pool_hears_no_more(core, pool);
    session->state = to;
    if (to != CORE_SESSION_BUSY && to != CORE_SESSION_CLEANING)
        session->shared = false;
    core_session_follow_runs(core, index);
    if (to == CORE_SESSION_FREE) {
        session->next_free = core->session_free;
        core->session_free = index;
        core->open_count--;
    }
    if (tokens_held(&pool->tokens) > pool->held_peak)
        pool->held_peak = tokens_held(&pool->tokens);
    if (pool->failing) /* its last session may be gone */
        group_follow_pool(core, session->pool);
}

/* --- its runs --- */

/* A task's word is good for its own run and for what follows until the session is cleaned. */
static void follow_batch(struct core *core, struct core_session *session, const struct run *run) {
    struct core_task *task = &core->tasks[run->task];
    if (run->definition->session != SESSION_CLEAN || task->trust == TRUST_BROKEN) {
        session->unclean =
            false; /* its cleaning, which follows in the same flush, is for those before it, too */
        return;
    }
    if (!session->unclean) {
        session->batch = ++core->batch_number;
        session->batch_began = core->now;
        session->batch_task = run->task;
    }
    session->batch_task = session->batch_task == run->task ? run->task : INDEX_NONE;
    session->unclean = true;
    task->batch = session->batch;
}

void core_session_take_run(struct core *core, uint32_t index, uint32_t run_index) {
    struct core_session *session = &core->sessions[index];
    struct run *run = &core->runs[run_index];
    bool sharable = run_is_sharable(core, run);
    if (session->run_count++ == 0) {
        session->run_first = run_index;
        session->shared = sharable;
        session->queued_us = 0;
    } else {
        core->runs[session->run_last].behind = run_index;
        session->shared &= sharable;
    }
    session->run_last = run_index;
    run->behind = INDEX_NONE;
    session->queued_us += run->expected_us;
    follow_batch(core, session, run);
    session->shared &= !session->unclean || mono_since(core->now, session->batch_began) < BATCH_MOST_US;
    if (session->state == CORE_SESSION_BUSY)
        core_session_follow_runs(core, index);
    else
        core_session_move(core, index, CORE_SESSION_BUSY);
}

void core_session_lose_run(struct core *core, uint32_t index, uint32_t run_index) {
    struct core_session *session = &core->sessions[index];
    const struct run *run = &core->runs[run_index];
    bool was_first = session->run_first == run_index;
    uint32_t before = was_first ? INDEX_NONE : session->run_first;
    while (!was_first && core->runs[before].behind != run_index)
        before = core->runs[before].behind;
    if (was_first)
        session->run_first = run->behind;
    else
        core->runs[before].behind = run->behind;
    if (session->run_last == run_index)
        session->run_last = before;
    session->run_count--;
    session->queued_us -= run->expected_us;
    if (was_first && session->run_count && core->runs[session->run_first].state == RUN_SENT)
        run_come_first(core, session->run_first);
    core_session_follow_runs(core, index);
}

void core_session_rest(struct core *core, uint32_t index) {
    core->sessions[index].shared = false;
    core_session_follow_runs(core, index);
}

void core_session_clean_later(struct core *core, uint32_t index) {
    if (core->sessions[index].in_unclean)
        return;
    core->sessions[index].in_unclean = true;
    core->sessions[index].next_unclean = core->unclean_first;
    core->unclean_first = index;
}

/* Between two looks at what is left behind the session is only cleaned. A suspect is always looked at. */
static void end_batch(struct core *core, uint32_t index, struct actions *actions) {
    struct core_session *session = &core->sessions[index];
    bool suspected =
        session->batch_task != INDEX_NONE && core->tasks[session->batch_task].trust == TRUST_SUSPECTED;
    bool verify = suspected || mono_since(core->now, session->verified) >= VERIFY_EVERY_US;
    if (verify)
        session->verified = core->now;
    else
        session->batch = 0; /* nothing will be known of it */
    session->unclean = false;
    core_session_rest(core, index);
    actions_add(actions, verify ? ACTION_VERIFY : ACTION_CLEAN)->session = core_session_handle(core, index);
}

bool core_session_clean_all(struct core *core, struct actions *actions) {
    while (core->unclean_first != INDEX_NONE) {
        if (!actions_have_room(actions))
            return true;
        uint32_t index = core->unclean_first;
        struct core_session *session = &core->sessions[index];
        core->unclean_first = session->next_unclean;
        session->in_unclean = false;
        if (session->state == CORE_SESSION_CLEANING && session->unclean && session->run_count == 0)
            end_batch(core, index, actions);
    }
    return false;
}

/* Of several tasks in the batch nobody knows which it was: each is in a batch of its own next time. */
void core_session_breach(struct core *core, uint32_t index, struct actions *actions) {
    const struct core_session *session = &core->sessions[index];
    uint32_t found = session->batch_task, suspect_count = 0;
    if (found != INDEX_NONE)
        core->tasks[found].trust = TRUST_BROKEN;
    for (uint32_t i = 0; session->batch_task == INDEX_NONE && i < core->task_count; i++) {
        if (core->tasks[i].batch != session->batch)
            continue;
        if (core->tasks[i].trust == TRUST_GIVEN)
            core->tasks[i].trust = TRUST_SUSPECTED;
        if (suspect_count++ == 0)
            found = i;
    }
    if (found == INDEX_NONE)
        return;
    struct action *action = actions_add(actions, ACTION_BREACH);
    action->task = found;
    action->number = suspect_count;
}

void core_session_proved_clean(struct core *core, uint32_t index) {
    struct core_session *session = &core->sessions[index];
    if (session->batch && session->batch_task != INDEX_NONE &&
        core->tasks[session->batch_task].trust == TRUST_SUSPECTED)
        core->tasks[session->batch_task].trust = TRUST_GIVEN;
    session->batch = 0;
}

/* --- opening and closing --- */

void pool_hears_no_more(struct core *core, struct core_pool *pool) {
    if (pool->hearing.on)
        pool->hearing.off_since = core->now;
    pool->hearing.on = pool->hearing.asked = pool->hearing.again = false;
    pool->hearing.session = HANDLE_NONE;
}

void core_session_open(struct core *core, uint32_t pool, struct actions *actions) {
    uint32_t index = core->session_free;
    if (index != INDEX_NONE) {
        core->session_free = core->sessions[index].next_free;
    } else {
        assert(core->session_used < core->session_capacity);
        index = core->session_used++;
    }
    struct core_session *session = &core->sessions[index];
    *session = (struct core_session){
        .generation = session->generation + 1,
        .random = random_of(core, session->generation + 1, index),
        .in_unclean = session->in_unclean,
        .next_unclean = session->next_unclean,
        .pool = pool,
        .conninfo_version = core->pools[pool].conninfo_version,
        .run_first = INDEX_NONE,
        .run_last = INDEX_NONE,
        .batch_task = INDEX_NONE,
        .verified = {core->now.us - VERIFY_EVERY_US}, /* its first batch is looked at */
    };
    core->open_count++;
    core_session_move(core, index, CORE_SESSION_OPENING);
    struct action *action = actions_add(actions, ACTION_OPEN);
    action->pool = pool;
    action->session = core_session_handle(core, index);
}

void core_session_close(struct core *core, uint32_t index, enum close_cause cause, struct actions *actions) {
    core_session_move(core, index, CORE_SESSION_CLOSING);
    struct action *action = actions_add(actions, ACTION_CLOSE);
    action->session = core_session_handle(core, index);
    action->pool = core->sessions[index].pool;
    action->close_cause = cause;
}

void core_session_hurry_closing(struct core *core) {
    for (uint32_t i = 0; i < core->session_used; i++)
        if (core->sessions[i].state == CORE_SESSION_CLOSING)
            due_set(&core->session_deadlines, i, deadline_of(core, i));
}

void pool_connect_failed(struct core *core, uint32_t index, enum connect_failure failure) {
    struct core_pool *pool = &core->pools[index];
    if (!pool->failing) {
        pool->failing_since = core->now;
        group_follow_pool(core, index);
    }
    pool->failing = true;
    pool->failure = failure;
    pool->failure_count++;
    int64_t delay_us = RETRY_US;
    for (uint32_t i = 1;
         failure == CONNECT_NEEDS_PERSON && i < pool->failure_count && delay_us < RETRY_MOST_US; i++)
        delay_us *= 2;
    if (delay_us > RETRY_MOST_US)
        delay_us = RETRY_MOST_US;
    delay_us += jitter(random_of(core, index, pool->failure_count), delay_us, 250);
    pool->next_attempt = mono_add(core->now, failure == CONNECT_OPTIONS ? 0 : delay_us);
}
