#include "scheduler/core/idle.h"

#include <assert.h>

#include "scheduler/core/gate.h"
#include "scheduler/core/hearing.h"
#include "scheduler/core/recording.h"
#include "scheduler/core/session.h"
#include "scheduler/core/start.h"

/* The floor stays while it could not be opened again. */
static bool may_go(const struct core *core, const struct core_pool *pool) {
    return tokens_sessions(&pool->tokens) > 1 || gate_headroom(core, pool).slots >= 0;
}

/* Who listens stays as long as there are others that can go. */
static bool another_is_warm(const struct core *core, const struct core_pool *pool, uint32_t index) {
    return pool->tokens.warm > (core->sessions[index].state == CORE_SESSION_WARM);
}

static bool is_unwanted(const struct core *core, uint32_t index, enum close_cause *ret_cause) {
    const struct core_session *session = &core->sessions[index];
    const struct core_pool *pool = &core->pools[session->pool];
    if (pool_is_over(core, pool))
        *ret_cause = CLOSE_DRAIN;
    else if (session->conninfo_version != pool->conninfo_version)
        *ret_cause = CLOSE_CONNINFO;
    else if (session->state != CORE_SESSION_OPENING && core->now.us >= core_session_recycle_at(core, index) &&
             may_go(core, pool))
        *ret_cause = CLOSE_RECYCLE;
    else
        return gate_excess(core, pool, ret_cause) > 0 &&
               !(hearing_is_listener(core, pool, index) && another_is_warm(core, pool, index));
    return true;
}

void idle_begin(struct core *core, uint32_t index, struct actions *actions) {
    enum close_cause cause;
    bool after_run = core->sessions[index].state == CORE_SESSION_CLEANING;
    core->sessions[index].idle_since = core->now;
    if (core->sessions[index].state != CORE_SESSION_CHECKING)
        core->sessions[index].unused_since = core->now;
    struct core_pool *pool = &core->pools[core->sessions[index].pool];
    bool only_to_look = core->sessions[index].state == CORE_SESSION_OPENING && gate_wants_look(core, pool);
    if (is_unwanted(core, index, &cause) && !(cause == CLOSE_LIMIT && only_to_look)) {
        core_session_close(core, index, cause, actions);
        return;
    }
    core_session_move(core, index, CORE_SESSION_WARM);
    if (gate_look_at(core, pool, after_run) <= core->now.us)
        gate_ask(core, pool, index, actions);
    else if (hearing_wants_this(core, pool, index))
        hearing_ask(core, pool, index, actions);
    else if (recording_wants(core, pool))
        recording_ask(core, pool, index, actions);
}

/* Closes idle sessions that are not wanted any more; the busy ones are looked at when they fall idle. */
bool idle_sweep(struct core *core, struct actions *actions) {
    for (; core->sweep_session < core->session_used; core->sweep_session++) {
        enum core_session_state state = core->sessions[core->sweep_session].state;
        enum close_cause cause;
        if (state != CORE_SESSION_WARM && state != CORE_SESSION_OPENING && state != CORE_SESSION_CHECKING)
            continue;
        if (!is_unwanted(core, core->sweep_session, &cause) ||
            (state == CORE_SESSION_OPENING && cause == CLOSE_LIMIT))
            continue; /* what is opened beyond the limit is opened to look whether that is still right */
        if (!actions_have_room(actions))
            return true;
        core_session_close(core, core->sweep_session, cause, actions);
    }
    return false;
}

/* --- their deadlines --- */

/* The first run on a session takes far longer than it was learned to, and others wait behind it. */
static void make_way(struct core *core, uint32_t index, struct actions *actions) {
    struct core_session *session = &core->sessions[index];
    due_remove(&core->session_deadlines, index);
    if (core->runs[session->run_first].state == RUN_RUNNING)
        run_yield(core, session->run_first, actions);
}

/* Idle or old. A pool's only session stays: it is the floor, and it takes the samples; so does the one that
 * listens, and the others go. */
static void warm_deadline(struct core *core, uint32_t index, struct actions *actions) {
    const struct core_session *session = &core->sessions[index];
    const struct core_pool *pool = &core->pools[session->pool];
    bool old = core->now.us >= core_session_recycle_at(core, index);
    bool is_spare = tokens_sessions(&pool->tokens) > 1 && !hearing_is_listener(core, pool, index);
    if (old ? may_go(core, pool) : is_spare)
        core_session_close(core, index, old ? CLOSE_RECYCLE : CLOSE_IDLE, actions);
    else
        due_set(&core->session_deadlines, index, us_add(core->now.us, pool->settings->idle_us));
}

static void meet_deadline(struct core *core, uint32_t index, struct actions *actions) {
    struct core_session *session = &core->sessions[index];
    switch (session->state) {
    case CORE_SESSION_FREE:
    case CORE_SESSION_OPENING: assert(!"a session without a deadline had one"); break;
    case CORE_SESSION_BUSY: make_way(core, index, actions); break;
    case CORE_SESSION_WARM: warm_deadline(core, index, actions); break;
    case CORE_SESSION_CHECKING:
    case CORE_SESSION_CLEANING:
        recording_unanswered(core, index, actions);
        core_session_close(core, index, CLOSE_TIMEOUT, actions);
        break;
    case CORE_SESSION_CLOSING: /* linger has passed */
        actions_add(actions, ACTION_FORGET)->session = core_session_handle(core, index);
        core_session_move(core, index, CORE_SESSION_FREE);
        break;
    }
}

bool idle_expire(struct core *core, struct actions *actions) {
    const struct due_entry *first;
    while ((first = due_first(&core->session_deadlines)) && first->at <= core->now.us) {
        if (!actions_have_room(actions))
            return true;
        meet_deadline(core, first->id, actions);
    }
    return false;
}
