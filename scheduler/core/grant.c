#include "scheduler/core/grant.h"

#include "scheduler/core/ended.h"
#include "scheduler/core/gate.h"
#include "scheduler/core/hearing.h"
#include "scheduler/core/recording.h"
#include "scheduler/core/run.h"
#include "scheduler/core/session.h"
#include "scheduler/core/start.h"
#include "scheduler/core/turn.h"

/* Without a fresh sample one session or command may be added this often: five times the time in which a look
 * would have come (`sample` = 1s), so that a pool of 8 takes most of a minute to grow blindly. */
#define TRICKLE_EVERY_US (5 * US_PER_S)

/* Between the light runs that wake an idle session each: below the least it is not worth an alarm. */
#define APART_LEAST_US 200
#define APART_MOST_US  US_PER_MS

/* --- what there is --- */

/* The first session from `session` on with a run of the pool; INDEX_NONE when there is none. */
static uint32_t next_busy(const struct core *core, const struct core_pool *pool, uint32_t session) {
    for (; session < core->session_used; session++)
        if (core->sessions[session].state == CORE_SESSION_BUSY &&
            &core->pools[core->sessions[session].pool] == pool)
            return session;
    return INDEX_NONE;
}

struct crew grant_crew(const struct core *core, const struct core_pool *pool, int64_t slack_us) {
    const struct due *light = &pool->queue.lines[LINE_LIGHT];
    struct crew crew = {
        .session_count = tokens_sessions(&pool->tokens),
        .waiting_count = light->count,
        .waiting_us = pool->queue.light_us,
        .longest_us = light->count ? core->runs[due_first(light)->id].expected_us : 0,
    };
    for (uint32_t i = 0; pool->tokens.busy && (i = next_busy(core, pool, i)) != INDEX_NONE; i++) {
        int64_t left_us = core_session_free_at(core, i) - core->now.us;
        if (left_us > slack_us)
            crew.stuck_count++;
        else
            crew.busy_us += left_us > 0 ? left_us : 0;
    }
    return crew;
}

/* Sessions, for all that waits as long as this run may. */
static uint32_t wanted_sessions(const struct core *core, const struct core_pool *pool,
                                const struct run *run) {
    enum line line = queue_line(run->definition, run->stage, run->yielded);
    if (line == LINE_HEAVY)
        return 1;
    if (pool->tokens.warm)
        return pool->queue.lines[LINE_LIGHT].count + (line != LINE_LIGHT);
    int64_t slack_us = run_latest_start(run) - core->now.us;
    struct crew crew = grant_crew(core, pool, slack_us);
    if (line != LINE_LIGHT) {
        crew.waiting_count++;
        crew.longest_us = run->expected_us;
        crew.waiting_us += run->expected_us;
    }
    return crew_wanted(&crew, slack_us);
}

/* From when on one session or command may be added without a fresh sample, as none can be had: every session
 * is at work, and has been for long; or the one that is asked is silent. */
static int64_t trickles_at(const struct core_pool *pool) {
    const struct gate *gate = &pool->gate;
    int64_t at = gate->trickled.us > gate->known_at.us ? gate->trickled.us : gate->known_at.us;
    at = us_add(at, TRICKLE_EVERY_US);
    if (gate->sample_count == 0)
        return INSTANT_MAX;
    return gate->asked.generation && gate_silent_at(pool) > at ? gate_silent_at(pool) : at;
}

static bool pauses(const struct core *core, const struct core_pool *pool) {
    return pool->failing && core->now.us < pool->next_attempt.us;
}

/* The newest, so that the oldest falls out of use; but the one that listens hears nothing during a run.
 * INDEX_NONE: there is none. */
static uint32_t next_warm(const struct core *core, const struct core_pool *pool) {
    uint32_t newest = pool->warm_newest;
    if (newest == INDEX_NONE || !hearing_is_listener(core, pool, newest) ||
        core->sessions[newest].older == INDEX_NONE)
        return newest;
    return core->sessions[newest].older;
}

static uint32_t least_used_warm(const struct core *core, const struct core_pool *pool) {
    uint32_t oldest = pool->warm_oldest;
    if (oldest == INDEX_NONE || !hearing_is_listener(core, pool, oldest) ||
        core->sessions[oldest].newer == INDEX_NONE)
        return oldest;
    return core->sessions[oldest].newer;
}

static struct supply supply_of(const struct core *core, const struct core_pool *pool, uint32_t wanted_count,
                               bool draining) {
    const struct tokens *tokens = &pool->tokens;
    struct headroom headroom = gate_headroom(core, pool);
    bool fresh = gate_is_fresh(core, pool);
    uint32_t warm = next_warm(core, pool);
    bool warm_is_stale = warm != INDEX_NONE &&
                         mono_since(core->now, core->sessions[warm].idle_since) >= pool->settings->ping_us;
    return (struct supply){
        .tokens = *tokens,
        .gate_slots = headroom.slots,
        .free_slots = fresh ? headroom_free(&headroom) : gate_own_room(pool), /* or the attempt will tell */
        .fresh = fresh,
        .ended_stay = core->now.us >= ended_settle_at(pool).us,
        .look_due = gate_wants_look(core, pool),
        .trickle = trickles_at(pool) <= core->now.us,
        .wanted_count = wanted_count,
        .failing = pool->failing,
        .may_connect = !pool->failing || (!pauses(core, pool) && tokens->opening == 0),
        .warm_is_stale = warm_is_stale,
        .draining = draining,
    };
}

/* When time alone changes the supply: the sample is too old, or something may be added without one; the next
 * attempt to connect is due; or what ended commands left has had its time. INSTANT_MAX: only an event does.
 */
static int64_t supply_changes_at(const struct core *core, const struct core_pool *pool) {
    int64_t at = gate_is_fresh(core, pool) ? gate_stale_at(pool) : trickles_at(pool);
    int64_t settled_at = pool->tokens.ended ? ended_settle_at(pool).us : INSTANT_MAX;
    if (at <= core->now.us)
        at = INSTANT_MAX;
    if (pauses(core, pool) && pool->next_attempt.us < at)
        at = pool->next_attempt.us;
    return settled_at > core->now.us && settled_at < at ? settled_at : at;
}

/* A reload that changed conninfo leaves sessions to the old server: they tell nothing of the new one. */
static struct decision before_the_first_look(const struct core *core, const struct core_pool *pool,
                                             const struct supply *supply) {
    bool looked = pool->gate.sample_count > 0;
    struct decision wait = admission_wait(looked ? REASON_HISTORY : REASON_SAMPLE, 0, 0);
    for (uint32_t i = 0; i < core->session_used; i++) {
        const struct core_session *session = &core->sessions[i];
        if (session->state != CORE_SESSION_FREE && session->state != CORE_SESSION_CLOSING &&
            &core->pools[session->pool] == pool && session->conninfo_version == pool->conninfo_version)
            return wait;
    }
    if (supply->draining || !supply->may_connect || tokens_free(&supply->tokens) == 0)
        return wait;
    return (struct decision){
        .verdict = VERDICT_OPEN, .session_count = 1, .reason = REASON_OPENING, .number = 1};
}

struct decision grant_ask(const struct core *core, uint32_t index, const struct run *run) {
    const struct core_pool *pool = &core->pools[index];
    struct supply supply =
        supply_of(core, pool, wanted_sessions(core, pool, run), core->draining && !run->begun);
    struct demand demand = {stage_tokens(run->definition, run->stage),
                            stage_needs_session(run->definition, run->stage)};
    bool is_new = pool->gate.sample_count == 0 || pool->recording.state == RECORDING_NEW;
    struct decision decision = is_new && tokens_sessions(&pool->tokens) > 0
                                   ? before_the_first_look(core, pool, &supply)
                                   : admission_decide(&supply, &demand);
    decision.again_at = decision.verdict == VERDICT_WAIT ? supply_changes_at(core, pool) : INSTANT_MAX;
    return decision;
}

struct decision grant_why(const struct core *core, uint32_t index, enum line line) {
    const struct core_pool *pool = &core->pools[index];
    const struct due_entry *heavy = queue_first(&pool->queue, LINE_HEAVY);
    struct decision why = grant_ask(core, index, &core->runs[queue_first(&pool->queue, line)->id]);
    bool lacks_only_a_token =
        why.verdict != VERDICT_WAIT || why.reason == REASON_TOKENS || why.reason == REASON_LIMIT;
    if (line == LINE_RETURNED && lacks_only_a_token && turn_returned_at(core, pool) > core->now.us)
        return admission_wait(REASON_RETURNED, 0, 0);
    if (line != LINE_HEAVY && why.verdict == VERDICT_START && heavy)
        return admission_wait(REASON_HEAVY, core->runs[heavy->id].definition->tokens, 0);
    return why;
}

/* --- acting --- */

/* Acts on a verdict. False when nothing more can be done for this run now. */
static bool act(struct core *core, uint32_t index, uint32_t run, const struct decision *decision,
                struct actions *actions) {
    struct core_pool *pool = &core->pools[index];
    bool sql = decision->verdict == VERDICT_START &&
               stage_needs_session(core->runs[run].definition, core->runs[run].stage);
    uint32_t warm = next_warm(core, pool);
    switch (decision->verdict) {
    case VERDICT_WAIT: core_wake_at(core, decision->again_at); return false;
    case VERDICT_START:
        if (!sql && !gate_is_fresh(core, pool))
            pool->gate.trickled = core->now;
        run_start(core, run, sql ? warm : INDEX_NONE, actions);
        return true;
    case VERDICT_CHECK: /* whether it still lives; a look asks that, too */
        if (gate_wants_look(core, pool)) {
            gate_ask(core, pool, warm, actions);
            return true;
        }
        core_session_move(core, warm, CORE_SESSION_CHECKING);
        actions_add(actions, ACTION_CHECK)->session = core_session_handle(core, warm);
        return true;
    case VERDICT_SAMPLE:
        if (pool->gate.asked.generation || warm == INDEX_NONE)
            return false;
        gate_ask(core, pool, warm, actions);
        return true;
    case VERDICT_OPEN:
        if (!gate_is_fresh(core, pool))
            pool->gate.trickled = core->now;
        for (uint32_t i = 0; i < decision->session_count && actions_have_room(actions); i++)
            core_session_open(core, index, actions);
        return true;
    case VERDICT_CLOSE:
        for (uint32_t i = 0; i < decision->session_count && actions_have_room(actions); i++)
            if (pool->warm_oldest != INDEX_NONE)
                core_session_close(core, least_used_warm(core, pool), CLOSE_ROOM, actions);
        return true;
    }
    return false;
}

/* --- the light line: sharing --- */

/* The session that gets to a further run first; INDEX_NONE when none takes one. Under steady work no session
 * falls idle by itself: one at a time is let to, to look at the database or to ask the history. */
static uint32_t find_sharing(struct core *core, struct core_pool *pool) {
    const struct due_entry *first = due_first(&pool->sharing);
    const struct core_session *resting = core_session(core, pool->gate.resting);
    bool worked_long =
        first && mono_since(core->now, core->sessions[first->id].idle_since) >= pool->settings->sample_us;
    bool on_its_way = resting && !resting->shared &&
                      (resting->state == CORE_SESSION_BUSY || resting->state == CORE_SESSION_CLEANING);
    if (worked_long && !on_its_way && pool->tokens.warm == 0 &&
        (gate_wants_look(core, pool) || recording_wants(core, pool) || hearing_wants(core, pool))) {
        pool->gate.resting = core_session_handle(core, first->id);
        core_session_rest(core, first->id);
        first = due_first(&pool->sharing);
    }
    return first ? first->id : INDEX_NONE;
}

/*
 * Equal runs that begin together end together, and so do those sent behind them: each time they take the
 * server's processors from the application all at once. So they begin a little apart, but all within half of
 * the time that one takes.
 */
static int64_t may_wake_a_session_at(const struct core_pool *pool, const struct run *run) {
    int64_t apart_us = run->expected_us / (2 * (int64_t)(tokens_sessions(&pool->tokens) + 1));
    if (apart_us < APART_LEAST_US || pool->woken.us == 0 || pool->tokens.busy == 0 ||
        !stage_needs_session(run->definition, run->stage))
        return 0;
    return us_add(pool->woken.us, apart_us < APART_MOST_US ? apart_us : APART_MOST_US);
}

static bool waits_for_a_session_that_comes(enum reason_code reason) {
    return reason == REASON_OPENING || reason == REASON_CHECKING || reason == REASON_DRAIN ||
           reason == REASON_SAMPLE || reason == REASON_HISTORY;
}

static bool grant_light(struct core *core, uint32_t index, uint32_t run_index, struct actions *actions) {
    struct core_pool *pool = &core->pools[index];
    const struct run *run = &core->runs[run_index];
    bool sharable = !core->draining && run_is_sharable(core, run);
    uint32_t session = sharable ? find_sharing(core, pool) : INDEX_NONE;
    int64_t free_at = session == INDEX_NONE ? INSTANT_MAX : core_session_free_at(core, session);
    if (free_at <= run_latest_start(run)) {
        run_start(core, run_index, session, actions);
        return true;
    }
    struct decision decision = grant_ask(core, index, run);
    if (decision.verdict == VERDICT_START) {
        int64_t wake_at = may_wake_a_session_at(pool, run);
        core_wake_at(core, wake_at);
        if (core->now.us < wake_at)
            return false;
        pool->woken = core->now;
    }
    if (act(core, index, run_index, &decision, actions))
        return true;
    pool->gate.wanted |= decision.reason == REASON_LIMIT;
    /* late anyway: what is sent can't be overtaken, so it goes only where its turn comes soon */
    if (free_at > us_add(core->now.us, pool->settings->short_us) ||
        waits_for_a_session_that_comes(decision.reason))
        return false;
    run_start(core, run_index, session, actions);
    return true;
}

/* --- what is in the way --- */

/* Once the head's patience is over and every session has a run that is not expected to end soon, one of those
 * has to give way: the one that came last, as it keeps others from their turn the shortest. One at a time:
 * when a cancel has hit, what comes first on the same session may be in the way as well. */
static void make_way(struct core *core, struct core_pool *pool, const struct run *head,
                     struct actions *actions) {
    int64_t patience_us = head->definition->patience_us;
    uint32_t found = INDEX_NONE;
    if (core->now.us < run_latest_start(head) ||
        pool->tokens.opening + pool->tokens.warm + pool->tokens.checking)
        return;
    for (uint32_t i = 0; (i = next_busy(core, pool, i)) != INDEX_NONE; i++) {
        const struct run *run = &core->runs[core->sessions[i].run_first];
        int64_t in_the_way_at = run_in_the_way_at(core, run, patience_us);
        if (run->state == RUN_STOPPING)
            return;
        core_wake_at(core, in_the_way_at);
        if (in_the_way_at <= core->now.us &&
            (found == INDEX_NONE || run->started.us > core->runs[found].started.us))
            found = core->sessions[i].run_first;
    }
    struct crew crew = grant_crew(core, pool, patience_us > US_PER_MS ? patience_us : US_PER_MS);
    if (found != INDEX_NONE && crew.stuck_count == crew.session_count)
        run_yield(core, found, actions);
}

/* --- the pool --- */

static bool grant_one(struct core *core, uint32_t index, enum line line, uint32_t run,
                      struct actions *actions) {
    if (line == LINE_LIGHT)
        return grant_light(core, index, run, actions);
    struct decision decision = grant_ask(core, index, &core->runs[run]);
    core->pools[index].gate.wanted |= line == LINE_WRITE && decision.reason == REASON_LIMIT;
    bool lets_pass = core->now.us < run_latest_start(&core->runs[run]) &&
                     queue_first(&core->pools[index].queue, LINE_LIGHT);
    if (decision.verdict == VERDICT_CLOSE && lets_pass) /* others can use what it would close */
        return false;
    return act(core, index, run, &decision, actions);
}

/* Whether others may go on past a run of this line that cannot start now. The pool is not drained for a run
 * that would not fit afterwards either: the gate, or what ended commands left, has no room for it. */
static bool may_be_passed(const struct core *core, const struct core_pool *pool, enum line line,
                          const struct run *run) {
    if (line == LINE_WRITE) /* a session is shared no further, so that one falls idle; without any it waits
                               alone */
        return pool->failing && tokens_sessions(&pool->tokens) == 0;
    return line != LINE_HEAVY || core->now.us < run_latest_start(run) ||
           run->definition->tokens > gate_room(core, pool) ||
           run->definition->tokens + pool->tokens.ended > pool->tokens.size;
}

/* How soon it is looked again whether a further session may be opened to listen. */
#define OPEN_TO_HEAR_AGAIN_US US_PER_S

/* No session listens, and none is idle: as the floor one is opened at once, and beside others as for a run.
 */
static void open_to_hear(struct core *core, uint32_t index, struct actions *actions) {
    struct core_pool *pool = &core->pools[index];
    uint32_t count = tokens_sessions(&pool->tokens);
    if (queue_count(&pool->queue)) /* it has its session opened, or it wants the tokens itself */
        return;
    if (count == 0) {
        if (recording_is_worth_a_session(core, pool))
            core_session_open(core, index, actions);
        else if (pool->failing)
            core_wake_at(core, pool->next_attempt.us);
        return;
    }
    if (pool->tokens.busy < count) /* one is about to be idle */
        return;
    core_wake_at(core, pool->hearing.next_open.us);
    if (core->now.us < pool->hearing.next_open.us)
        return;
    pool->hearing.next_open = mono_add(core->now, OPEN_TO_HEAR_AGAIN_US);
    core_wake_at(core, pool->hearing.next_open.us);
    struct supply supply = supply_of(core, pool, count + 1, false);
    struct decision decision = admission_decide(&supply, &(struct demand){1, true});
    if (decision.verdict != VERDICT_OPEN || decision.reason == REASON_LIMIT ||
        grant_crew(core, pool, DEAF_US).stuck_count < count)
        return;
    if (!gate_is_fresh(core, pool))
        pool->gate.trickled = core->now;
    core_session_open(core, index, actions);
}

static bool grant_pool(struct core *core, uint32_t index, struct actions *actions) {
    struct core_pool *pool = &core->pools[index];
    bool closed[LINES] = {false};
    uint32_t run = INDEX_NONE;
    for (enum line line; (line = turn_head(core, pool, closed, &run)) != LINES;) {
        if (!actions_have_room(actions))
            return true;
        if (grant_one(core, index, line, run, actions))
            continue;
        if (line != LINE_RETURNED) /* once its patience is over, less passes it, and more is done for it */
            core_wake_at(core, run_latest_start(&core->runs[run]));
        if (line == LINE_LIGHT || line == LINE_WRITE)
            make_way(core, pool, &core->runs[run], actions);
        if (!may_be_passed(core, pool, line, &core->runs[run]))
            break;
        closed[line] = true;
    }
    if (!actions_have_room(actions))
        return true;
    int64_t look_at = pool->warm_newest != INDEX_NONE ? gate_look_at(core, pool, false) : INSTANT_MAX;
    if (look_at <= core->now.us)
        gate_ask(core, pool, pool->warm_newest, actions); /* the oldest is to fall out of use */
    if (hearing_serve(core, pool, actions))
        open_to_hear(core, index, actions);
    recording_serve(core, pool, actions);
    core_wake_at(core, look_at);
    core_wake_at(core, gate_silent_at(pool));
    core_wake_at(core, turn_returned_at(core, pool));
    return false;
}

static bool child_may_start(const struct core *core, const struct run *run) {
    if (core->draining && !run->begun)
        return false;
    return core->child_count == 0 || core->child_count + run->child_count <= core->set->daemon.children;
}

/*
 * A pool that a reload sent to another database shares its tokens with what it was before: with what that
 * holds, and one while that has something half done, which will need a session. Retired pools come after the
 * file's.
 */
static void count_what_was_before(struct core *core) {
    for (uint32_t i = 0; i < core->set->pool_count; i++)
        core->pools[i].tokens.before = 0;
    for (uint32_t i = core->set->pool_count; i < core->pool_count; i++) {
        const struct core_pool *old = &core->pools[i];
        uint32_t held = tokens_held(&old->tokens), now = taskset_find_pool(core->set, old->settings->name);
        if (now != TASKSET_NONE)
            core->pools[now].tokens.before += held ? held : old->half_done_count > 0;
    }
}

bool grant_all(struct core *core, struct actions *actions) {
    const struct due_entry *first;
    bool more = false;
    while ((first = due_first(&core->unweighted)) && child_may_start(core, &core->runs[first->id])) {
        if (!actions_have_room(actions))
            return true;
        run_start(core, first->id, INDEX_NONE, actions);
    }
    count_what_was_before(core);
    for (uint32_t pool = 0; pool < core->pool_count; pool++)
        more |= !actions_have_room(actions) || grant_pool(core, pool, actions);
    return more;
}
