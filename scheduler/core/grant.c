#include "scheduler/core/grant.h"

#include "scheduler/core/ended.h"
#include "scheduler/core/gate.h"
#include "scheduler/core/recording.h"
#include "scheduler/core/run.h"
#include "scheduler/core/session.h"
#include "scheduler/core/start.h"
#include "scheduler/core/turn.h"

/* Without a fresh sample one session or command may be added this often. */
#define TRICKLE_EVERY_US (5 * US_PER_S)

/* Between the light runs that wake an idle session each: below the least it is not worth an alarm. */
#define APART_LEAST_US 200
#define APART_MOST_US  US_PER_MS

/* --- what there is --- */

static bool warm_is_stale(const struct core *core, const struct core_pool *pool) {
    return pool->warm_newest != INDEX_NONE &&
           mono_since(core->now, core->sessions[pool->warm_newest].idle_since) >= pool->settings->ping_us;
}

/* The first session from `session` on with a run of the pool; INDEX_NONE when there is none. */
static uint32_t next_busy(const struct core *core, const struct core_pool *pool, uint32_t session) {
    for (; session < core->session_used; session++)
        if (core->sessions[session].state == CORE_SESSION_BUSY &&
            &core->pools[core->sessions[session].pool] == pool)
            return session;
    return INDEX_NONE;
}

static const struct run *first_run(const struct core *core, uint32_t session) {
    return &core->runs[core->sessions[session].run_first];
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

static uint32_t wanted_sessions(const struct core *core, const struct core_pool *pool,
                                const struct run *run) {
    int64_t slack_us = run_latest_start(run) - core->now.us;
    struct crew crew = grant_crew(core, pool, slack_us);
    if (queue_line(run->definition, run->stage, run->yielded) != LINE_LIGHT) {
        crew.waiting_count++;
        crew.longest_us = run->expected_us;
        crew.waiting_us += run->expected_us;
    }
    return crew_wanted(&crew, slack_us);
}

static int64_t trickle_begins(const struct core_pool *pool) {
    return pool->gate.trickled.us > pool->gate.known_at.us ? pool->gate.trickled.us : pool->gate.known_at.us;
}

/* No sample can be had: every session is at work, and has been for long. */
static bool may_trickle(const struct core *core, const struct core_pool *pool) {
    bool asking =
        pool->gate.asked.generation && mono_since(core->now, pool->gate.asked_at) <= pool->settings->stale_us;
    return !asking && pool->gate.sample_count && core->now.us - trickle_begins(pool) >= TRICKLE_EVERY_US;
}

static struct supply supply_of(const struct core *core, const struct core_pool *pool, const struct run *run) {
    const struct tokens *tokens = &pool->tokens;
    struct headroom headroom = gate_headroom(core, pool);
    bool fresh = gate_is_fresh(core, pool);
    enum line line = queue_line(run->definition, run->stage, run->yielded);
    return (struct supply){
        .tokens = *tokens,
        .gate_slots = headroom.slots,
        .free_slots = fresh ? headroom_free(&headroom) : gate_own_room(pool), /* or the attempt will tell */
        .fresh = fresh,
        .ended_stay = core->now.us >= ended_settle_at(pool).us,
        .look_due = gate_wants_sample(core, pool, false),
        .trickle = may_trickle(core, pool),
        .wanted_count = line == LINE_HEAVY  ? 1
                        : tokens->warm == 0 ? wanted_sessions(core, pool, run)
                                            : pool->queue.lines[LINE_LIGHT].count + (line != LINE_LIGHT),
        .failing = pool->failing,
        .may_connect = !pool->failing || (core->now.us >= pool->next_attempt.us && tokens->opening == 0),
        .warm_is_stale = warm_is_stale(core, pool),
        .draining = core->draining && !run->begun,
    };
}

/* A reload that changed conninfo leaves sessions to the old server: they tell nothing of the new one. */
static struct decision before_the_first_look(const struct core *core, const struct core_pool *pool,
                                             const struct supply *supply) {
    bool looked = pool->gate.sample_count > 0;
    struct decision wait = {.verdict = VERDICT_WAIT, .reason = looked ? REASON_HISTORY : REASON_SAMPLE};
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
    struct supply supply = supply_of(core, pool, run);
    struct demand demand = {stage_tokens(run->definition, run->stage),
                            stage_needs_session(run->definition, run->stage)};
    if ((pool->gate.sample_count == 0 || pool->recording.state == RECORDING_NEW) &&
        tokens_sessions(&pool->tokens) > 0)
        return before_the_first_look(core, pool, &supply);
    return admission_decide(&supply, &demand);
}

static bool lacks_only_a_token(const struct decision *decision) {
    return decision->verdict != VERDICT_WAIT || decision->reason == REASON_TOKENS ||
           decision->reason == REASON_LIMIT;
}

struct decision grant_why(const struct core *core, uint32_t index, enum line line) {
    const struct queue *queue = &core->pools[index].queue;
    const struct due_entry *heavy = queue_first(queue, LINE_HEAVY);
    struct decision why = grant_ask(core, index, &core->runs[queue_first(queue, line)->id]);
    if (line == LINE_RETURNED && lacks_only_a_token(&why) && !turn_returned_may_go(core, &core->pools[index]))
        return (struct decision){.verdict = VERDICT_WAIT, .reason = REASON_RETURNED};
    if (line != LINE_HEAVY && why.verdict == VERDICT_START && heavy)
        return (struct decision){.verdict = VERDICT_WAIT,
                                 .reason = REASON_HEAVY,
                                 .number = core->runs[heavy->id].definition->tokens};
    return why;
}

/* --- acting --- */

static void close_oldest_warm(struct core *core, struct core_pool *pool, uint32_t count,
                              struct actions *actions) {
    for (; count > 0 && pool->warm_oldest != INDEX_NONE && actions_have_room(actions); count--)
        core_session_close(core, pool->warm_oldest, CLOSE_ROOM, actions);
}

/* Whether it still lives; the sample asks that, too. */
static void check_warm(struct core *core, struct core_pool *pool, struct actions *actions) {
    uint32_t session = pool->warm_newest;
    if (gate_wants_sample(core, pool, false)) {
        gate_ask(core, pool, session, actions);
        return;
    }
    core_session_move(core, session, CORE_SESSION_CHECKING);
    actions_add(actions, ACTION_CHECK)->session = core_session_handle(core, session);
}

static void open_sessions(struct core *core, uint32_t index, uint32_t count, struct actions *actions) {
    struct core_pool *pool = &core->pools[index];
    if (!gate_is_fresh(core, pool))
        pool->gate.trickled = core->now;
    for (uint32_t i = 0; i < count && actions_have_room(actions); i++)
        core_session_open(core, index, actions);
}

static void start(struct core *core, struct core_pool *pool, uint32_t run, struct actions *actions) {
    bool sql = stage_needs_session(core->runs[run].definition, core->runs[run].stage);
    if (!sql && !gate_is_fresh(core, pool))
        pool->gate.trickled = core->now;
    run_start(core, run, sql ? pool->warm_newest : INDEX_NONE, actions);
}

/* Acts on a verdict. False when nothing more can be done for this run now. */
static bool act(struct core *core, uint32_t index, uint32_t run, const struct decision *decision,
                struct actions *actions) {
    struct core_pool *pool = &core->pools[index];
    switch (decision->verdict) {
    case VERDICT_WAIT: return false;
    case VERDICT_START: start(core, pool, run, actions); return true;
    case VERDICT_CHECK: check_warm(core, pool, actions); return true;
    case VERDICT_SAMPLE:
        if (pool->gate.asked.generation || pool->warm_newest == INDEX_NONE)
            return false;
        gate_ask(core, pool, pool->warm_newest, actions);
        return true;
    case VERDICT_OPEN: open_sessions(core, index, decision->session_count, actions); return true;
    case VERDICT_CLOSE: close_oldest_warm(core, pool, decision->session_count, actions); return true;
    }
    return false;
}

/* --- the light line: sharing --- */

/* Under steady work no session falls idle by itself: one at a time is let to, to take the sample. */
static void let_one_rest(struct core *core, struct core_pool *pool) {
    const struct due_entry *first = due_first(&pool->sharing);
    const struct core_session *resting = core_session(core, pool->gate.resting);
    bool worked_long =
        first && mono_since(core->now, core->sessions[first->id].idle_since) >= pool->settings->sample_us;
    bool on_its_way = resting && !resting->shared &&
                      (resting->state == CORE_SESSION_BUSY || resting->state == CORE_SESSION_CLEANING);
    if (!worked_long || on_its_way || pool->tokens.warm ||
        (!gate_wants_sample(core, pool, false) && !recording_wants(core, pool)))
        return;
    pool->gate.resting = core_session_handle(core, first->id);
    core_session_rest(core, first->id);
}

/* The session that gets to a further run first; INDEX_NONE when none takes one. */
static uint32_t sharing_slot(struct core *core, struct core_pool *pool) {
    let_one_rest(core, pool);
    const struct due_entry *first = due_first(&pool->sharing);
    return first ? first->id : INDEX_NONE;
}

/*
 * Equal runs that begin together end together, and so do those sent behind them: each time they take the
 * server's processors from the application all at once. So they begin a little apart, but all within half of
 * the time that one takes.
 */
static struct mono may_wake_a_session_at(const struct core_pool *pool, const struct run *run) {
    int64_t apart_us = run->expected_us / (2 * (int64_t)(tokens_sessions(&pool->tokens) + 1));
    if (apart_us < APART_LEAST_US || pool->woken.us == 0 || pool->tokens.busy == 0 ||
        !stage_needs_session(run->definition, run->stage))
        return (struct mono){0};
    return (struct mono){us_add(pool->woken.us, apart_us < APART_MOST_US ? apart_us : APART_MOST_US)};
}

static bool waits_for_a_session_that_comes(enum reason_code reason) {
    return reason == REASON_OPENING || reason == REASON_CHECKING || reason == REASON_DRAIN ||
           reason == REASON_SAMPLE || reason == REASON_HISTORY;
}

static bool grant_light(struct core *core, uint32_t index, uint32_t run_index, struct actions *actions) {
    struct core_pool *pool = &core->pools[index];
    const struct run *run = &core->runs[run_index];
    bool sharable = !core->draining && run_is_sharable(core, run);
    uint32_t session = sharable ? sharing_slot(core, pool) : INDEX_NONE;
    int64_t free_at = session == INDEX_NONE ? INSTANT_MAX : core_session_free_at(core, session);
    if (free_at <= run_latest_start(run)) {
        run_start(core, run_index, session, actions);
        return true;
    }
    struct decision decision = grant_ask(core, index, run);
    if (decision.verdict == VERDICT_START) {
        if (core->now.us < may_wake_a_session_at(pool, run).us)
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

/* Every session has a run that is not expected to end soon, and the head's patience is over. */
static bool is_stuck(const struct core *core, const struct core_pool *pool, const struct run *head) {
    int64_t patience_us = head->definition->patience_us;
    if (core->now.us < run_latest_start(head) ||
        pool->tokens.opening + pool->tokens.warm + pool->tokens.checking)
        return false;
    struct crew crew = grant_crew(core, pool, patience_us > US_PER_MS ? patience_us : US_PER_MS);
    return crew.session_count > 0 && crew.stuck_count == crew.session_count;
}

/* The one that came last keeps others from their turn the shortest; INDEX_NONE: no run is to blame. */
static uint32_t find_in_the_way(const struct core *core, const struct core_pool *pool, int64_t patience_us) {
    uint32_t found = INDEX_NONE;
    for (uint32_t i = 0; (i = next_busy(core, pool, i)) != INDEX_NONE; i++) {
        const struct run *run = first_run(core, i);
        if (run_in_the_way_at(core, run, patience_us) <= core->now.us &&
            (found == INDEX_NONE || run->started.us > core->runs[found].started.us))
            found = core->sessions[i].run_first;
    }
    return found;
}

/* A cancel is on its way. Once it has hit, what comes first on the same session may be in the way as well. */
static bool is_cancelling(const struct core *core, const struct core_pool *pool) {
    for (uint32_t i = 0; (i = next_busy(core, pool, i)) != INDEX_NONE; i++)
        if (first_run(core, i)->state == RUN_STOPPING)
            return true;
    return false;
}

static void make_way(struct core *core, struct core_pool *pool, const struct run *head,
                     struct actions *actions) {
    if (!is_stuck(core, pool, head) || is_cancelling(core, pool))
        return;
    uint32_t run = find_in_the_way(core, pool, head->definition->patience_us);
    if (run != INDEX_NONE)
        run_yield(core, run, actions);
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

/* Whether others may go on past a run of this line that cannot start now. Draining the pool for what the gate
 * or what ended commands left leaves no room for would help nobody. */
static bool may_be_passed(const struct core *core, const struct core_pool *pool, enum line line,
                          const struct run *run) {
    if (line == LINE_WRITE) /* a session is shared no further, so that one falls idle; without any it waits
                               alone */
        return pool->failing && tokens_sessions(&pool->tokens) == 0;
    return line != LINE_HEAVY || core->now.us < run_latest_start(run) ||
           run->definition->tokens > gate_room(core, pool) ||
           run->definition->tokens + pool->tokens.ended > pool->tokens.size;
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
        if (line == LINE_LIGHT || line == LINE_WRITE)
            make_way(core, pool, &core->runs[run], actions);
        if (!may_be_passed(core, pool, line, &core->runs[run]))
            break;
        closed[line] = true;
    }
    if (pool->warm_newest != INDEX_NONE && gate_wants_sample(core, pool, false) && actions_have_room(actions))
        gate_ask(core, pool, pool->warm_newest, actions); /* the oldest is to fall out of use */
    if (recording_wants(core, pool) && actions_have_room(actions))
        recording_serve(core, pool, actions);
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

/* --- when to look again --- */

static int64_t sooner(int64_t wake, int64_t at, struct mono now) {
    return at > now.us && at < wake ? at
                                    : wake; /* an instant that has passed without effect waits for an event */
}

/* When the first of a line runs out of patience; once it has, when something turns out to be in its way. */
static int64_t patience_wake(const struct core *core, const struct core_pool *pool, int64_t wake) {
    for (enum line line = 0; line < LINES; line++) {
        const struct due_entry *first = turn_first(core, pool, line);
        if (!first)
            continue;
        const struct run *run = &core->runs[first->id];
        if (line == LINE_LIGHT && pool->tokens.warm)
            wake = sooner(wake, may_wake_a_session_at(pool, run).us, core->now);
        wake = sooner(wake,
                      line == LINE_RETURNED ? us_add(run->due.us, pool->settings->max_wait_us)
                                            : run_latest_start(run),
                      core->now);
        if ((line != LINE_LIGHT && line != LINE_WRITE) || core->now.us < run_latest_start(run))
            continue;
        for (uint32_t i = 0; (i = next_busy(core, pool, i)) != INDEX_NONE; i++)
            wake = sooner(wake, run_in_the_way_at(core, first_run(core, i), run->definition->patience_us),
                          core->now);
    }
    return wake;
}

static int64_t pool_wake(const struct core *core, const struct core_pool *pool, int64_t wake) {
    bool waiting = queue_count(&pool->queue) > 0;
    if (waiting && pool->failing)
        wake = sooner(wake, pool->next_attempt.us, core->now);
    if (waiting && gate_is_fresh(core, pool))
        wake = sooner(wake, us_add(pool->gate.known_at.us, pool->settings->stale_us + 1), core->now);
    else if (waiting && pool->gate.sample_count)
        wake = sooner(wake, us_add(trickle_begins(pool), TRICKLE_EVERY_US), core->now);
    if (pool->recording.state != RECORDING_OFF && pool->failing)
        wake = sooner(wake, pool->next_attempt.us, core->now);
    if (waiting && pool->tokens.ended)
        wake = sooner(wake, ended_settle_at(pool).us, core->now);
    if (waiting && pool->failing && tokens_sessions(&pool->tokens) == 0)
        return wake;
    if (pool->tokens.warm || tokens_sessions(&pool->tokens) == 0)
        wake = sooner(wake, recording_next_ask(core, pool).us, core->now);
    if (pool->gate.asked.generation)
        wake = sooner(wake, us_add(pool->gate.asked_at.us, pool->settings->stale_us + 1), core->now);
    else if (pool->tokens.warm && !pool_is_over(core, pool))
        wake = sooner(wake, gate_next_sample(pool).us, core->now);
    return waiting ? patience_wake(core, pool, wake) : wake;
}

struct mono grant_next_wake(const struct core *core) {
    int64_t wake = INSTANT_MAX;
    for (uint32_t i = 0; i < core->pool_count; i++)
        wake = pool_wake(core, &core->pools[i], wake);
    return (struct mono){wake};
}
