#include "scheduler/core/hearing.h"

#include "scheduler/core/session.h"

/* What refuses LISTEN mostly needs a person, and is asked less and less often. */
#define RETRY_US      US_PER_S
#define RETRY_MOST_US (30 * US_PER_S)

void hearing_follow(const struct core *core, struct core_pool *pool, struct wakes before, struct wakes now) {
    struct listener *hearing = &pool->hearing;
    if (!hearing->wanted)
        hearing->off_since = core->now;
    hearing->wanted = now.count > 0;
    hearing->again |= hearing->session.generation && !wakes_same_channels(before, now);
}

/* From when on the session hears nothing, as it is at one run for long. */
static int64_t deaf_at(const struct core *core, const struct core_session *session) {
    if (session->state != CORE_SESSION_BUSY || session->run_count == 0)
        return INSTANT_MAX;
    return us_add(core->runs[session->run_first].started.us, DEAF_US);
}

static const struct core_session *listener_of(const struct core *core, const struct core_pool *pool) {
    return core_session(core, pool->hearing.session);
}

static bool is_over(const struct core *core, const struct core_pool *pool) {
    return !core->armed || core->draining || pool->retired;
}

/* INSTANT_MAX: only an event changes that. */
static int64_t ask_at(const struct core *core, const struct core_pool *pool) {
    const struct listener *hearing = &pool->hearing;
    const struct core_session *session = listener_of(core, pool);
    const struct sample *sample = &pool->gate.sample;
    if (is_over(core, pool) || hearing->asked || (!hearing->wanted && !session))
        return INSTANT_MAX;
    /* on a standby it would be refused, and through a pooler of no use: whose session looks first */
    if (!session)
        return tokens_sessions(&pool->tokens) == 0 ||
                       (pool->gate.sample_count > 0 && !sample->standby && !sample->pooled)
                   ? hearing->next_try.us
                   : INSTANT_MAX;
    if (session->state == CORE_SESSION_WARM)
        return hearing->again ? core->now.us : us_add(hearing->confirmed.us, pool->settings->ping_us);
    return deaf_at(core, session);
}

bool hearing_wants(const struct core *core, const struct core_pool *pool) {
    return ask_at(core, pool) <= core->now.us;
}

/* One that listens is left for another only while it is deaf; whether it still lives, it is asked once it is
 * warm. */
bool hearing_wants_this(const struct core *core, const struct core_pool *pool, uint32_t index) {
    const struct core_session *session = listener_of(core, pool);
    if (session && hearing_is_listener(core, pool, index))
        return pool->hearing.again && !is_over(core, pool);
    return (!session || session->state == CORE_SESSION_BUSY) && hearing_wants(core, pool);
}

void hearing_ask(struct core *core, struct core_pool *pool, uint32_t index, struct actions *actions) {
    struct listener *hearing = &pool->hearing;
    if (hearing->on && !hearing_is_listener(core, pool, index)) {
        hearing->on = false;
        hearing->off_since = core->now;
    }
    core_session_move(core, index, CORE_SESSION_CHECKING);
    hearing->session = core_session_handle(core, index);
    hearing->asked = true;
    hearing->again = false;
    actions_add(actions, ACTION_LISTEN)->session = hearing->session;
}

bool hearing_serve(struct core *core, struct core_pool *pool, struct actions *actions) {
    const struct core_session *session = listener_of(core, pool);
    int64_t at = ask_at(core, pool);
    if (at > core->now.us) {
        core_wake_at(core, at);
        return false;
    }
    uint32_t index =
        session && session->state == CORE_SESSION_WARM ? pool->hearing.session.index : pool->warm_newest;
    if (index == INDEX_NONE)
        return true;
    hearing_ask(core, pool, index, actions);
    return false;
}

/* --- what came of it --- */

void hearing_answered(struct core *core, uint32_t index, bool failed) {
    struct core_pool *pool = &core->pools[core->sessions[index].pool];
    struct listener *hearing = &pool->hearing;
    if (!hearing->asked || !hearing_is_listener(core, pool, index))
        return;
    hearing->asked = false;
    hearing->confirmed = core->now;
    if (!failed) {
        hearing->failed_count = 0;
        hearing->on = true;
    }
    if (failed || !hearing->wanted)
        pool_hears_no_more(core, pool);
    if (!failed)
        return;
    int64_t delay_us = RETRY_US << (hearing->failed_count < 5 ? hearing->failed_count : 5);
    hearing->failed_count++;
    hearing->next_try = mono_add(core->now, delay_us < RETRY_MOST_US ? delay_us : RETRY_MOST_US);
}

void hearing_doubted(struct core *core, uint32_t index, bool missing) {
    struct core_pool *pool = &core->pools[core->sessions[index].pool];
    struct listener *hearing = &pool->hearing;
    if (!hearing_is_listener(core, pool, index) || hearing->asked)
        return;
    if (missing && hearing->on)
        hearing->off_since = core->now;
    hearing->on &= !missing;
    hearing->again = true;
    core_session_rest(core, index); /* it listens again when it falls idle, which it is let to */
}

/* --- what is told --- */

enum hearing_state hearing_state_of(const struct core *core, const struct core_pool *pool) {
    const struct core_session *session = listener_of(core, pool);
    if (!pool->hearing.wanted || pool->retired || !core->armed)
        return HEARING_NOTHING;
    if (pool->hearing.on)
        return session && deaf_at(core, session) <= core->now.us ? HEARING_DEAF : HEARING_ON;
    if (pool->gate.sample.known && pool->gate.sample.pooled)
        return HEARING_POOLED;
    return pool->gate.sample.known && pool->gate.sample.standby ? HEARING_STANDBY : HEARING_OFF;
}
