#include "scheduler/core/recording.h"

#include "scheduler/core/session.h"

/* Records wait this long for others, so that many are written at once: no longer than whoever looks would
 * notice. While runs wait they go first, and the records wait longer. Eight batches of records do not wait:
 * each is a turn of a session, and more would keep one from runs for too long at once. */
#define GATHER_US      (200 * US_PER_MS)
#define GATHER_BUSY_US US_PER_S
#define GATHER_MOST    (8 * RECORDING_BATCH_COUNT)

/* What could not be read or written is tried again so soon: it mostly needs a person, who then sees it work
 * while still looking. */
#define RETRY_US (10 * US_PER_S)

/* So long do runs wait for a history that refuses for a passing reason and was never read; then they go on
 * without it, as after a failure. */
#define REFUSED_MOST_US RETRY_US

void recording_begin(struct core_pool *pool) {
    bool off = pool->recording.state == RECORDING_OFF;
    if (pool->settings->history && off)
        pool->recording = (struct recording){.state = RECORDING_NEW};
    else if (!pool->settings->history)
        pool->recording = (struct recording){.state = RECORDING_OFF};
    pool->recording.restored = false; /* the file may have new tasks */
}

int64_t recording_ask_at(const struct core *core, const struct core_pool *pool) {
    const struct recording *recording = &pool->recording;
    int64_t gather_us = queue_count(&pool->queue) ? GATHER_BUSY_US : GATHER_US, at = INSTANT_MAX;
    if (recording->state == RECORDING_OFF || recording->asked.generation)
        return at;
    if (core->draining || recording->pending_count >= GATHER_MOST)
        gather_us = 0;
    if (!recording->restored || recording->doubted)
        at = core->now.us;
    else if (recording->pending_count)
        at = us_add(recording->pending_since.us, gather_us);
    if (recording->learn_at.us && recording->learn_at.us < at && !core->draining)
        at = recording->learn_at.us;
    return at > recording->next_try.us ? at : recording->next_try.us;
}

bool recording_wants(const struct core *core, const struct core_pool *pool) {
    return recording_ask_at(core, pool) <= core->now.us;
}

void recording_learn(const struct core *core, struct core_pool *pool, int64_t in_us) {
    struct recording *recording = &pool->recording;
    struct mono at = mono_add(core->now, in_us);
    bool sooner = recording->learn_at.us == 0 || at.us < recording->learn_at.us;
    if (core->link_count && recording->state != RECORDING_OFF && sooner)
        recording->learn_at = at;
}

void recording_note_passed(const struct core *core, uint32_t task) {
    if (core->link_count && core->chains[task].follower_count)
        recording_learn(core, &core->pools[core->tasks[task].pool], RECORDING_LEARN_US);
}

/* What was to be learned is asked again, unless it was told; and what a killed daemon has left on the server
 * may still commit what it was sent. */
static void end_learning(const struct core *core, struct core_pool *pool, bool told) {
    bool learns = pool->recording.learns;
    pool->recording.learns = false;
    if (learns && (!told || pool->tokens.leftover))
        recording_learn(core, pool, RECORDING_LEARN_US);
}

void recording_ask(struct core *core, struct core_pool *pool, uint32_t session, struct actions *actions) {
    struct recording *recording = &pool->recording;
    recording->learns = recording->learn_at.us && recording->learn_at.us <= core->now.us;
    if (recording->learns)
        recording->learn_at.us = 0;
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
    /* as the floor: while what an earlier daemon has left holds all, only a look tells when it is gone */
    bool has_room = tokens_held(&pool->tokens) - pool->tokens.leftover < pool->tokens.size;
    return may_connect && !(ends && recording_is_settled(core, pool)) &&
           tokens_sessions(&pool->tokens) == 0 && has_room;
}

void recording_serve(struct core *core, struct core_pool *pool, struct actions *actions) {
    int64_t at = recording_ask_at(core, pool);
    if (at == INSTANT_MAX)
        return;
    bool one_is_free = pool->warm_newest != INDEX_NONE, none_is_open = tokens_sessions(&pool->tokens) == 0;
    if (at > core->now.us) {
        if (one_is_free || none_is_open) /* else one looks when it falls idle */
            core_wake_at(core, at);
        return;
    }
    if (one_is_free)
        recording_ask(core, pool, pool->warm_newest, actions);
    else if (recording_is_worth_a_session(core, pool))
        core_session_open(core, core_pool_index(core, pool), actions);
    else if (pool->failing)
        core_wake_at(core, pool->next_attempt.us);
}

static void change(struct core_pool *pool, enum recording_state to, struct core *core,
                   struct actions *actions) {
    enum recording_state from = pool->recording.state;
    pool->recording.state = to;
    core->sweep_chain = 0; /* what chains have answered is known now, or never will be */
    if (from == to || (from == RECORDING_NEW && to == RECORDING_ON))
        return;
    struct action *action = actions_add(actions, ACTION_HISTORY_STATE);
    action->pool = core_pool_index(core, pool);
}

/* What is missing may have to be made again. */
void recording_fail(struct core *core, struct core_pool *pool, struct actions *actions) {
    if (pool->recording.state == RECORDING_OFF) /* by a reload, since it was asked */
        return;
    end_learning(core, pool, false);
    pool->recording.restored = false;
    pool->recording.next_try = mono_add(core->now, RETRY_US);
    if (pool->recording.state != RECORDING_BROKEN)
        pool->recording.broken_since = core->now;
    change(pool, RECORDING_BROKEN, core, actions);
}

/* For good, as it seems; or an old transaction still has what a record waits for. */
static void refuse(struct core *core, struct core_pool *pool, bool for_long, struct actions *actions) {
    struct recording *recording = &pool->recording;
    end_learning(core, pool, false);
    if (recording->refused_count++ == 0)
        recording->refused_since = core->now;
    bool waits_long = recording->state == RECORDING_NEW &&
                      mono_since(core->now, recording->refused_since) >= REFUSED_MOST_US;
    if (for_long || waits_long)
        recording_fail(core, pool, actions);
    else
        recording->next_try = mono_add(core->now, RECORDING_AGAIN_US);
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
    end_learning(core, pool, true);
    if (event->history.restored) /* maybe too early for what a killed daemon has left */
        recording_learn(core, pool, RECORDING_AGAIN_US);
    recording->restored |= event->history.restored;
    if (recording->restored)
        change(pool, RECORDING_ON, core, actions);
}

static struct core_pool *asked_on(const struct core *core, uint32_t session) {
    struct core_pool *pool = &core->pools[core->sessions[session].pool];
    return handle_is(pool->recording.asked, core_session_handle(core, session)) ? pool : NULL;
}

void recording_cut_off(struct core *core, uint32_t session, struct actions *actions) {
    struct core_pool *pool = asked_on(core, session);
    if (!pool || core->sessions[session].state != CORE_SESSION_CHECKING)
        return;
    pool->recording.asked = HANDLE_NONE;
    pool->recording.lost_count++;
    refuse(core, pool, pool->recording.lost_count >= RECORDING_LOST_MOST && !core->draining, actions);
}

void recording_unanswered(struct core *core, uint32_t session, struct actions *actions) {
    struct core_pool *pool = asked_on(core, session);
    if (!pool)
        return;
    pool->recording.asked = HANDLE_NONE;
    recording_fail(core, pool, actions);
}
