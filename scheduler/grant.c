/*
 * Walks each pool's queue from its head, asks the policy, and turns its verdicts into actions. The head is
 * never passed: a heavy run gets its tokens because nobody behind it takes them.
 */
#include "scheduler/grant.h"

#include "scheduler/core_parts.h"

#define SURVEY_EVERY_US US_PER_S

static bool warm_is_stale(const struct core *core, const struct core_pool *pool) {
    return pool->warm_newest != SLOT_NONE &&
           mono_since(core->now, core->slots[pool->warm_newest].idle_since) >= pool->settings->ping_us;
}

static struct supply supply_of(const struct core *core, const struct core_pool *pool) {
    const struct tokens *tokens = &pool->tokens;
    return (struct supply){
        .tokens = *tokens,
        .waiting_sql_count = pool->waiting_sql_count,
        .failing = pool->failing,
        .may_connect = !pool->failing || (core->now.us >= pool->next_attempt.us && tokens->opening == 0),
        .surveyed = pool->survey == SURVEY_DONE,
        .survey_due = core->now.us >= pool->survey_again.us,
        .warm_is_stale = warm_is_stale(core, pool),
        .any_session = tokens->opening + tokens->warm + tokens->checking + tokens->busy > 0,
        .draining = core->draining,
    };
}

struct decision grant_ask(const struct core *core, uint32_t pool, const struct run *run) {
    struct supply supply = supply_of(core, &core->pools[pool]);
    struct demand demand = {run->definition->tokens, run->definition->work == WORK_SQL};
    return admission_decide(&supply, &demand);
}

static void close_oldest_warm(struct core *core, struct core_pool *pool, uint32_t count,
                              struct actions *actions) {
    for (; count > 0 && pool->warm_oldest != SLOT_NONE && actions_have_room(actions); count--)
        slot_close(core, pool->warm_oldest, CLOSE_ROOM, actions);
}

static void check_warm(struct core *core, struct core_pool *pool, enum action_kind kind,
                       struct actions *actions) {
    uint32_t slot = pool->warm_newest;
    slot_move(core, slot, SLOT_CHECKING);
    actions_add(actions, kind)->session = core_slot_handle(core, slot);
}

static void survey(struct core *core, struct core_pool *pool, struct actions *actions) {
    bool due = pool->survey == SURVEY_NEEDED || (pool->survey == SURVEY_DONE && pool->tokens.leftover &&
                                                 core->now.us >= pool->survey_again.us);
    if (!due || pool->warm_newest == SLOT_NONE || core->draining)
        return;
    pool->survey = pool->survey == SURVEY_NEEDED ? SURVEY_ASKED : SURVEY_DONE;
    pool->survey_again = mono_add(core->now, SURVEY_EVERY_US);
    check_warm(core, pool, ACTION_SURVEY, actions);
}

/* Acts on one verdict about the head. False when nothing more can be done for this pool now. */
static bool act(struct core *core, uint32_t index, uint32_t run, const struct decision *decision,
                struct actions *actions) {
    struct core_pool *pool = &core->pools[index];
    switch (decision->verdict) {
    case VERDICT_WAIT: return false;
    case VERDICT_START:
        run_start(core, run, core->runs[run].definition->work == WORK_SQL ? pool->warm_newest : SLOT_NONE,
                  actions);
        return true;
    case VERDICT_CHECK: check_warm(core, pool, ACTION_CHECK, actions); return true;
    case VERDICT_OPEN:
        for (uint32_t i = 0; i < decision->session_count && actions_have_room(actions); i++)
            slot_open(core, index, actions);
        return true;
    case VERDICT_CLOSE: close_oldest_warm(core, pool, decision->session_count, actions); return true;
    }
    return false;
}

static bool grant_pool(struct core *core, uint32_t index, struct actions *actions) {
    struct core_pool *pool = &core->pools[index];
    survey(core, pool, actions);
    const struct due_entry *first;
    while ((first = due_first(&pool->waiting))) {
        if (!actions_have_room(actions))
            return true;
        struct decision decision = grant_ask(core, index, &core->runs[first->id]);
        if (!act(core, index, first->id, &decision, actions))
            return false;
    }
    return false;
}

bool grant_all(struct core *core, struct actions *actions) {
    const struct due_entry *first;
    bool more = false;
    while (!core->draining && core->unweighted_active_count < UNWEIGHTED_RUNS_MAX &&
           (first = due_first(&core->unweighted))) {
        if (!actions_have_room(actions))
            return true;
        run_start(core, first->id, SLOT_NONE, actions);
    }
    for (uint32_t pool = 0; pool < core->pool_count; pool++)
        more |= !actions_have_room(actions) || grant_pool(core, pool, actions);
    return more;
}

struct mono grant_next_wake(const struct core *core) {
    int64_t wake = INSTANT_MAX;
    for (uint32_t i = 0; i < core->pool_count; i++) {
        const struct core_pool *pool = &core->pools[i];
        if (pool->waiting.count == 0)
            continue;
        /* An instant that has passed without effect waits for an event, not for time. */
        if (pool->failing && pool->next_attempt.us > core->now.us && pool->next_attempt.us < wake)
            wake = pool->next_attempt.us;
        if (pool->tokens.leftover && pool->survey_again.us > core->now.us && pool->survey_again.us < wake)
            wake = pool->survey_again.us;
    }
    return (struct mono){wake};
}
