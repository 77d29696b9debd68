#include "scheduler/core/chain.h"

#include "scheduler/core/clock.h"
#include "scheduler/core/opening.h"
#include "scheduler/core/record.h"
#include "scheduler/core/recording.h"
#include "scheduler/core/run.h"

static struct wall later(struct wall a, struct wall b) {
    return a.us > b.us ? a : b;
}

/* --- what has ended --- */

static struct wall ended_of(const struct ends *ends, enum after_outcome outcome) {
    return outcome == AFTER_OK       ? ends->ok
           : outcome == AFTER_FAILED ? ends->failed
                                     : later(ends->ok, ends->failed);
}

static const struct after *after_of(const struct core *core, const struct link *link) {
    return core->tasks[link->task].definition->after;
}

struct wall link_ended(const struct core *core, const struct link *link) {
    return ended_of(&core->chains[link->predecessor].ended, after_of(core, link)->outcome);
}

/* Where nobody can say what was answered before this life, nothing that ended before it counts. */
bool link_is_fresh(const struct core *core, const struct link *link) {
    struct wall answered = link->answered;
    if (!core->chains[link->task].known)
        answered = later(
            answered, ended_of(&core->chains[link->predecessor].told_ended, after_of(core, link)->outcome));
    return link_ended(core, link).us > answered.us;
}

static void put(struct core *core, uint32_t index) {
    struct chain *chain = &core->chains[index];
    chain->next_follower = 0;
    if (chain->listed)
        return;
    chain->listed = true;
    chain->next = core->chain_first;
    core->chain_first = index;
}

/* A run that ends behind a later one of its task counts, too: as if it were the last. */
void chain_note_end(struct core *core, uint32_t index, struct wall key, enum outcome outcome) {
    if (core->link_count == 0 || core->chains[index].follower_count == 0)
        return;
    struct ends *ended = &core->chains[index].ended;
    struct wall last = later(ended->ok, ended->failed);
    if (key.us < last.us)
        key.us = last.us + 1;
    *(outcome == OUTCOME_OK || outcome == OUTCOME_NOTHING ? &ended->ok : &ended->failed) = key;
    put(core, index);
}

void chain_note_record(struct core *core, const struct record *record) {
    bool told_later = record->outcome == OUTCOME_UNKNOWN && record->within &&
                      core->pools[record->pool].recording.state != RECORDING_OFF;
    if (!told_later)
        chain_note_end(core, record->task, record->key_last, record->outcome);
}

void chain_note_gone(struct core *core, uint32_t index) {
    if (core->link_count && core->chains[index].link_count)
        put(core, index);
}

void chain_note_elsewhere(struct core *core, uint32_t index) {
    struct chain *chain = core->link_count ? &core->chains[index] : NULL;
    if (!chain || (chain->link_count == 0 && chain->follower_count == 0))
        return;
    chain->doubted = chain->link_count > 0;
    recording_learn(core, &core->pools[core->tasks[index].pool], 0);
}

/* --- what the history says --- */

/* Ours is what it says, unless a run of ours is there, which answers more. */
static void take_answered(struct core *core, uint32_t index, const struct chain_told *told) {
    struct core_task *task = &core->tasks[index];
    struct chain *chain = &core->chains[index];
    bool replaces = (!chain->known || chain->doubted) && task->running_count + task->waiting_count == 0;
    for (uint32_t i = 0; i < chain->link_count && i < told->answered_count; i++) {
        struct link *link = &core->links[chain->link_first + i];
        struct wall answered = {told->answered_us[i]};
        link->answered = replaces ? answered : later(link->answered, answered);
    }
    task->last_due = later(task->last_due, told->last);
    chain->known = true;
    chain->doubted = false;
}

void chain_take(struct core *core, uint32_t index, const struct chain_told *told) {
    struct chain *chain = &core->chains[index];
    chain->ended.ok = later(chain->ended.ok, told->ok);
    chain->ended.failed = later(chain->ended.failed, told->failed);
    chain->told_ended.ok = later(chain->told_ended.ok, told->ok);
    chain->told_ended.failed = later(chain->told_ended.failed, told->failed);
    if (chain->link_count)
        take_answered(core, index, told);
    if (told->runs_elsewhere && chain->follower_count)
        recording_learn(core, &core->pools[core->tasks[index].pool], RECORDING_LEARN_US);
    put(core, index);
}

/* --- what is due --- */

/* While the history is not read nobody knows what was answered, or what another daemon has. */
static bool may_be_judged(const struct core *core, uint32_t index) {
    const struct core_task *task = &core->tasks[index];
    enum recording_state state = core->pools[task->pool].recording.state;
    return core->armed && !core->draining && !task->retired && task->definition->enabled &&
           state != RECORDING_NEW && !(state == RECORDING_ON && core->chains[index].doubted);
}

static bool is_due(const struct core *core, uint32_t index) {
    const struct chain *chain = &core->chains[index];
    uint32_t fresh_count = 0;
    for (uint32_t i = 0; i < chain->link_count; i++)
        fresh_count += link_is_fresh(core, &core->links[chain->link_first + i]);
    return core->tasks[index].definition->after->any ? fresh_count > 0 : fresh_count == chain->link_count;
}

/* The key of the occurrence: that of the last run that releases it, and behind the task's last one. */
static struct wall answer(struct core *core, uint32_t index) {
    struct core_task *task = &core->tasks[index];
    const struct chain *chain = &core->chains[index];
    struct wall key = {us_add(task->last_due.us, 1)};
    for (uint32_t i = 0; i < chain->link_count; i++) {
        struct link *link = &core->links[chain->link_first + i];
        if (!link_is_fresh(core, link))
            continue;
        link->answered = link_ended(core, link);
        key = later(key, link->answered);
    }
    task->last_due = key;
    return key;
}

/* The run that waits and answers this, too: nothing of it is on record yet. INDEX_NONE: there is none. */
static uint32_t run_to_join(const struct core *core, const struct core_task *task) {
    if (task->waiting_run == INDEX_NONE || task->waiting_count != 1 || task->running_count)
        return INDEX_NONE;
    const struct run *run = &core->runs[task->waiting_run];
    return run->claim_state == CLAIM_COMMITTED || run->lost_claim_count ? INDEX_NONE : task->waiting_run;
}

static void join(struct core *core, uint32_t index) {
    struct run *run = &core->runs[index];
    core->tasks[run->task].stats.merged_count += run->occurrence_count > 0;
    run->due_first = run->due_last = answer(core, run->task);
    run->occurrence_count = 1;
    run->last = core->now;
    run_arm(core, index);
}

static enum skip_cause skip_cause_of(const struct core *core, uint32_t index) {
    const struct core_task *task = &core->tasks[index];
    if (task->paused)
        return SKIP_PAUSED;
    if (core->now.us < task->held_until.us)
        return SKIP_HOLD;
    bool is_open = opening_is_open(core, index, core->wall);
    return is_open || task->definition->outside != OUTSIDE_SKIP ? SKIP_NONE : SKIP_WINDOW;
}

/* What ends while a run of the task is there waits for its end: chain_note_gone(). */
static void look_at(struct core *core, uint32_t index, struct actions *actions) {
    struct core_task *task = &core->tasks[index];
    if (core->chains[index].link_count == 0 || !may_be_judged(core, index) || !is_due(core, index))
        return;
    enum skip_cause cause = skip_cause_of(core, index);
    uint32_t joined = cause ? INDEX_NONE : run_to_join(core, task);
    if (joined != INDEX_NONE) {
        join(core, joined);
        return;
    }
    if (task->running_count + task->waiting_count > 0)
        return;
    struct wall key = answer(core, index);
    struct fallen_due due = {.these = {key, key, 1}, .first = core->now, .last = core->now};
    if (cause)
        record_skip(core, index, &due.these, cause, actions);
    else
        clock_run_for(core, index, &due, BESIDE_OTHERS, actions);
}

/* True: more to do. */
static bool look_at_followers(struct core *core, uint32_t index, struct actions *actions) {
    struct chain *chain = &core->chains[index];
    while (chain->next_follower < chain->follower_count) {
        if (!actions_have_room(actions))
            return true;
        look_at(core, core->followers[chain->follower_first + chain->next_follower++], actions);
    }
    return false;
}

bool chain_go_on(struct core *core, struct actions *actions) {
    for (; core->link_count && core->sweep_chain < core->task_count; core->sweep_chain++) {
        if (!actions_have_room(actions))
            return true;
        look_at(core, core->sweep_chain, actions);
    }
    while (core->chain_first != INDEX_NONE) {
        uint32_t index = core->chain_first;
        if (!actions_have_room(actions))
            return true;
        look_at(core, index, actions);
        if (look_at_followers(core, index, actions))
            return true;
        core->chain_first = core->chains[index].next;
        core->chains[index].listed = false;
    }
    return false;
}
