#include "scheduler/core/gate.h"

#include "scheduler/core/ended.h"
#include "scheduler/core/session.h"

static struct limit_settings limit_settings_of(const struct core_pool *of) {
    const struct pool_settings *pool = of->settings;
    return (struct limit_settings){
        .size = of->retired ? 1 : pool->size, /* the rest is for the pool that took its name */
        .active_high = pool->active_high,
        .lock_waiters_high = pool->lock_waiters_high,
        .round_trip_high = pool->round_trip_high,
        .replica_lag_high_us = pool->replica_lag_high_us,
        .pooler_waiting_high = pool->pooler_waiting_high,
        .low_percent = pool->low_watermark,
        .high_samples = pool->high_samples,
        .clear_samples = pool->clear_samples,
        .cool_down_us = pool->cool_down_us,
    };
}

/* What we hold, by the server's count where a command has more sessions than it said. */
static int32_t held_of(const struct core_pool *pool) {
    const struct tokens *tokens = &pool->tokens;
    uint32_t said = tokens->command + tokens->ended;
    uint32_t unsaid = pool->gate.seen_count > said ? pool->gate.seen_count - said : 0;
    return (int32_t)(tokens_held(tokens) + unsaid);
}

struct headroom gate_headroom(const struct core *core, const struct core_pool *pool) {
    struct gate_settings settings = gate_settings_of(pool->settings);
    return headroom_of(&pool->gate.sample, &pool->gate.watch, &settings, held_of(pool), core->now);
}

int32_t gate_spare(const struct core *core, const struct core_pool *pool) {
    int32_t slots = gate_headroom(core, pool).slots;
    return slots == INT32_MAX ? slots : slots + (int32_t)pool->tokens.closing;
}

int32_t gate_own_room(const struct core_pool *pool) {
    int32_t narrowest = headroom_narrowest(&pool->gate.sample);
    int32_t own = (int32_t)(tokens_held(&pool->tokens) - pool->tokens.leftover - pool->tokens.ended);
    return own == 0 || narrowest == INT32_MAX ? INT32_MAX : narrowest - own;
}

int64_t gate_look_at(const struct core *core, const struct core_pool *pool, bool after_run) {
    bool at_work = after_run || queue_count(&pool->queue) > 0 || tokens_taken(&pool->tokens) > 0;
    if (pool->gate.asked.generation || pool_is_over(core, pool))
        return INSTANT_MAX;
    bool tokens_may_be_free =
        pool->tokens.ended && queue_count(&pool->queue) > 0 && pool->gate.ask_count < pool->gate.ended_look;
    if (pool->gate.sample_count == 0 || tokens_may_be_free)
        return core->now.us;
    return us_add(pool->gate.sampled.us,
                  at_work ? pool->settings->sample_us : pool->settings->sample_idle_us);
}

bool gate_wants_look(const struct core *core, const struct core_pool *pool) {
    return gate_look_at(core, pool, false) <= core->now.us;
}

uint32_t gate_excess(const struct core *core, const struct core_pool *pool, enum close_cause *ret_cause) {
    uint32_t sessions = tokens_sessions(&pool->tokens), spendable = sessions > 0 ? sessions - 1 : 0;
    uint32_t used = sessions + pool->tokens.command;
    uint32_t over = used > pool->tokens.limit ? used - pool->tokens.limit : 0;
    int32_t spare = gate_spare(core, pool);
    *ret_cause = CLOSE_LIMIT;
    if (spare < 0 && (uint32_t)-spare >= over) {
        over = (uint32_t)-spare;
        *ret_cause = CLOSE_GATE;
    }
    return over < spendable ? over : spendable;
}

uint32_t gate_room(const struct core *core, const struct core_pool *pool) {
    int32_t spare = gate_spare(core, pool);
    if (spare == INT32_MAX)
        return pool->settings->size;
    int64_t room = (int64_t)tokens_held(&pool->tokens) - pool->tokens.closing + spare;
    return room > 0 ? (uint32_t)room : 0;
}

uint32_t gate_in_force(const struct core *core, const struct core_pool *pool) {
    uint32_t room = gate_room(core, pool);
    if (room == 0) /* the floor */
        return 1;
    return room < pool->tokens.limit ? room : pool->tokens.limit;
}

uint32_t gate_pressure_permille(const struct core *core, const struct core_pool *pool) {
    return limit_pressure_permille(&pool->gate.limit, pool->settings->size, gate_in_force(core, pool));
}

const struct sample_wait *gate_wait_of(const struct core_pool *pool, const struct run *run) {
    const struct sample *sample = &pool->gate.sample;
    bool seen = run->state == RUN_RUNNING && run->started.us <= pool->gate.known_at.us;
    for (uint32_t i = 0; seen && i < sample->wait_count; i++)
        if (handle_is(sample->waits[i].session, run->session))
            return &sample->waits[i];
    return NULL;
}

/* --- what the core is told --- */

/* Under steady work no session falls idle by itself: those that are too many take no further runs. */
static void rest_excess(struct core *core, struct core_pool *pool) {
    enum close_cause cause;
    uint32_t excess = gate_excess(core, pool, &cause);
    while (excess-- > 0 && due_first(&pool->sharing))
        core_session_rest(core, due_first(&pool->sharing)->id);
}

/* Tells of every change of the limit, and of what stands behind it. */
static void follow_limit(struct core *core, struct core_pool *pool, enum limit_state before,
                         struct actions *actions) {
    enum limit_state state = pool->gate.limit.state;
    bool worse = state != before && (state == LIMIT_CRITICAL || state == LIMIT_LOST);
    bool changed = pool->tokens.limit != pool->gate.limit.tokens;
    pool->tokens.limit = pool->gate.limit.tokens;
    if (changed || worse)
        actions_add(actions, ACTION_GATE)->pool = core_pool_index(core, pool);
    core->sweep_session = 0; /* what is open may be too much now */
    rest_excess(core, pool);
}

void gate_ask(struct core *core, struct core_pool *pool, uint32_t session, struct actions *actions) {
    core_session_move(core, session, CORE_SESSION_CHECKING);
    pool->gate.asked = core_session_handle(core, session);
    pool->gate.asked_at = core->now;
    pool->gate.ask_count++;
    actions_add(actions, ACTION_SAMPLE)->session = core_session_handle(core, session);
}

void gate_take_sample(struct core *core, struct core_pool *pool, const struct sample *sample,
                      struct actions *actions) {
    struct gate *gate = &pool->gate;
    struct limit_settings settings = limit_settings_of(pool);
    enum limit_state before = gate->limit.state;
    gate->sampled = core->now;
    gate->sample_count++;
    gate->asked = HANDLE_NONE;
    gate->look_failed = !sample->known;
    if (sample->known) {
        gate->sample = *sample;
        gate->known_at = core->now;
        pool->tokens.leftover = (uint32_t)sample->leftover_count;
        gate->seen_count = (uint32_t)sample->command_count;
        ended_release(core, pool, sample);
        watch_sample(&gate->watch, sample, pool->settings->burst_window_us, core->now);
    }
    limit_sample(&gate->limit, &settings, sample, gate_spare(core, pool), gate->pooler_waiting_count,
                 gate->wanted, core->now);
    gate->wanted = false;
    follow_limit(core, pool, before, actions);
}

void gate_refused(struct core *core, struct core_pool *pool, struct actions *actions) {
    struct limit_settings settings = limit_settings_of(pool);
    enum limit_state before = pool->gate.limit.state;
    limit_refused(&pool->gate.limit, &settings, core->now);
    follow_limit(core, pool, before, actions);
}

/* No session is left to look with, or the one that was asked does not answer. */
void gate_notice_loss(struct core *core, struct core_pool *pool, struct actions *actions) {
    enum limit_state before = pool->gate.limit.state;
    bool silent = gate_silent_at(pool) <= core->now.us;
    bool answers = pool->failure == CONNECT_OPTIONS || pool->failure == CONNECT_STANDBY;
    bool away = pool->failing && !answers && tokens_sessions(&pool->tokens) == pool->tokens.opening;
    if (!silent && !away)
        return;
    limit_lost(&pool->gate.limit);
    if (before != LIMIT_LOST)
        follow_limit(core, pool, before, actions);
}
