/* What must hold, whatever happens. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/core/gate.h"
#include "scheduler/core/group.h"
#include "scheduler/core/run.h"
#include "scheduler/status/table.h"
#include "scheduler/status/words.h"
#include "sim.h"

#define LONGEST_WAIT_US (150 * US_PER_S)

struct counts counts;

_Noreturn void fail(const struct story *story, const char *format, ...) {
    va_list arguments;
    fprintf(stderr, "seed %" PRIu64 ": ", story->seed);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, " (at %.6f s of virtual time, life %u)\n", (double)story->world.now_us / 1e6,
            story->life);
    exit(1);
}

static void dump(const struct story *story, struct text *ret) {
    const struct status_context context = {.version = "sim", .path = "random"};
    struct status status;
    status_init(&status, story->world.core, story->world.core->now, &context);
    status_print(&status, 0, ret);
    status_finish(&status);
}

_Noreturn void fail_dump(const struct story *story, const char *what) {
    struct text text = {0};
    dump(story, &text);
    fputs(text.bytes, stderr);
    fail(story, "%s", what);
}

static _Noreturn void fail_pool(const struct story *story, const struct core_pool *pool, const char *what) {
    struct text sum = {0};
    status_tokens(&pool->tokens, &sum);
    fail(story, "pool %s: %s: %s", pool->settings->name, sum.bytes, what);
}

/* Whatever state it is in, there are words for it. */
void check_dump(const struct story *story) {
    struct text text = {0};
    dump(story, &text);
    if (strstr(text.bytes, "(null)"))
        fail_dump(story, "the dump has no word for something");
    text_finish(&text);
}

/* --- what must hold after every step --- */

/* What the last step opened was within the gate, but for the floor and what trickles. */
static void check_growth(const struct story *story, uint32_t index) {
    const struct core_pool *pool = &story->world.core->pools[index];
    bool trickled = pool->gate.trickled.us >= story->checked.us;
    bool heavy =
        pool->tokens.command || pool->queue.lines[LINE_HEAVY].count; /* which may run alone, beyond it */
    if (story->opened[index] && tokens_sessions(&pool->tokens) > 1 && !trickled && !heavy && !story->shrunk &&
        tokens_sessions(&pool->tokens) > pool->tokens.limit)
        fail_pool(story, pool, "a session was opened beyond the limit");
    if (story->opened[index] && tokens_sessions(&pool->tokens) > 1 && !trickled &&
        gate_headroom(story->world.core, pool).slots < 0)
        fail_pool(story, pool, "a session was opened that the gate has no room for");
}

static void check_pool(const struct story *story, uint32_t index) {
    const struct core *core = story->world.core;
    const struct core_pool *pool = &core->pools[index];
    const struct tokens *tokens = &pool->tokens;
    struct tokens counted = {0};
    uint32_t heaviest = 0, weights = 0;
    for (uint32_t i = 0; i < core->session_used; i++) {
        const struct core_session *session = &core->sessions[i];
        if (session->pool != index)
            continue;
        counted.opening += session->state == CORE_SESSION_OPENING;
        counted.warm += session->state == CORE_SESSION_WARM;
        counted.checking += session->state == CORE_SESSION_CHECKING;
        counted.busy += session->state == CORE_SESSION_BUSY || session->state == CORE_SESSION_CLEANING;
        counted.closing += session->state == CORE_SESSION_CLOSING;
    }
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        if (run->pool != index ||
            (run->state != RUN_SENT && run->state != RUN_RUNNING && run->state != RUN_STOPPING))
            continue;
        bool sql = stage_needs_session(run->definition, run->stage);
        uint32_t tokens_of_run = stage_tokens(run->definition, run->stage);
        counted.command += tokens_of_run - sql;
        weights += run->state == RUN_SENT ? 0 : tokens_of_run;
        heaviest = tokens_of_run > heaviest ? tokens_of_run : heaviest;
    }
    if (counted.opening != tokens->opening || counted.warm != tokens->warm ||
        counted.checking != tokens->checking || counted.busy != tokens->busy ||
        counted.closing != tokens->closing || counted.command != tokens->command)
        fail_pool(story, pool, "the sum of tokens is not what sessions and runs hold");
    if (!story->shrunk && tokens_held(tokens) > tokens->size)
        fail_pool(story, pool, "more tokens are held than the pool has");
    if (!story->shrunk && weights > tokens->size && weights > heaviest)
        fail_pool(story, pool, "more tokens are taken than the size");
    if (tokens->limit < 1 || tokens->limit > tokens->size)
        fail_pool(story, pool, "the limit is not within 1 and the size");
    check_growth(story, index);
    if (!story->shrunk && story->places[story->world.place_of_pool[index]].ours_count > tokens_held(tokens))
        fail_pool(story, pool, "the server counts more sessions than tokens are held");
}

/* What the core counts, against what is there. */
static void check_runs(const struct story *story) {
    const struct core *core = story->world.core;
    uint32_t begun = 0, children = 0, half_done[POOLS_MAX] = {0};
    uint32_t waiting[4 * TASKS_MOST], running[4 * TASKS_MOST], between[4 * TASKS_MOST];
    assert(core->task_count <= 4 * TASKS_MOST && core->pool_count <= POOLS_MAX);
    memset(waiting, 0, core->task_count * sizeof *waiting);
    memset(running, 0, core->task_count * sizeof *running);
    memset(between, 0, core->task_count * sizeof *between);
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        if (run->state == RUN_FREE)
            continue;
        bool started = run->state == RUN_SENT || run->state == RUN_RUNNING || run->state == RUN_STOPPING;
        if (started && !run->begun)
            fail(story, "a run is under way that has not begun");
        if (run->begun && !started && run->stage == stage_first(run->definition) && run->bites.count == 0)
            fail(story, "a run has begun and waits for its first stage");
        begun += run->begun;
        running[run->task] += run->begun;
        waiting[run->task] += !run->begun;
        between[run->task] += run->begun && !started;
        half_done[run->pool] += run->begun && (run->definition->work == WORK_STAGES || run->keeps_session);
        children += started && stage_tokens(run->definition, run->stage) == 0 ? run->child_count : 0;
    }
    if (begun != core->begun_count || children != core->child_count)
        fail(story, "runs or children are not as many as the core counts");
    for (uint32_t i = 0; i < core->pool_count; i++)
        if (half_done[i] != core->pools[i].half_done_count)
            fail_pool(story, &core->pools[i], "what is half done is not as much as the pool counts");
    for (uint32_t i = 0; i < core->task_count; i++) {
        if (running[i] != core->tasks[i].running_count || waiting[i] != core->tasks[i].waiting_count ||
            between[i] != core->tasks[i].between_count)
            fail(story, "a task's runs are not as many as it counts");
        if (!story->shrunk && running[i] > 1 && core->tasks[i].definition->overlap != OVERLAP_ALLOW)
            fail(story, "a task's runs overlap");
    }
}

/* Of each group no more have their turn than there may, those that count are there, and nobody is held who
 * could go. */
static void check_groups(const struct story *story) {
    const struct core *core = story->world.core;
    for (uint32_t i = 0; i < core->groups.count; i++) {
        const struct core_group *group = &core->groups.items[i];
        uint32_t busy = 0, called = 0, held = 0, may_go = 0;
        for (uint32_t j = 0; j < core->run_used; j++) {
            const struct run *run = &core->runs[j];
            uint32_t strand = run->state != RUN_FREE ? core->tasks[run->task].strand : INDEX_NONE;
            if (strand == INDEX_NONE || core->groups.strands[strand].group != i)
                continue;
            busy += run->begun && !run_is_between_bites(run);
            called += run->state == RUN_WAITING && (!run->begun || run_is_between_bites(run));
            held += run->held == HELD_BY_GROUP;
            may_go += run->held == HELD_BY_GROUP && core->groups.strands[strand].tokens == 0 &&
                      !core->pools[core->groups.strands[strand].pool].failing;
        }
        if (busy != group->busy.count || held != group_held_count(core, group))
            fail(story, "group %s has other runs than it counts", group->settings->name);
        if (called && busy >= group->settings->limit)
            fail(story, "a run of group %s may start although its turns are taken", group->settings->name);
        if (!story->shrunk && busy > group->settings->limit)
            fail(story, "more runs of group %s are under way than its limit", group->settings->name);
        if (may_go && busy + called < group->settings->limit && !core->draining)
            fail(story, "a run of group %s is held although it has room", group->settings->name);
    }
}

/* What is idle has nothing left of a run that was not cleaned after. */
static void check_sessions(const struct story *story) {
    const struct core *core = story->world.core;
    for (uint32_t i = 0; i < core->session_used; i++)
        if (core->sessions[i].state == CORE_SESSION_WARM && story->sessions[i].used)
            fail(story, "a session is handed on that was not cleaned");
}

/* A sum that is wrong stays wrong for a while, so not each step needs a look at all there is; what was opened
 * is looked at where it was opened. */
#define LOOK_EVERY 8

void check_step(struct story *story) {
    bool opened = false;
    for (uint32_t i = 0; i < story->world.core->pool_count; i++)
        opened |= story->opened[i];
    if (!opened && story->world.step_count % LOOK_EVERY)
        return;
    for (uint32_t i = 0; i < story->world.core->pool_count; i++)
        check_pool(story, i);
    check_runs(story);
    check_sessions(story);
    check_groups(story);
    memset(story->opened, 0, sizeof story->opened);
    story->checked = story->world.core->now;
}

/* --- of each action --- */

/* Nobody of the same line, which is in no less hurry and of higher priority, is left behind. */
static void check_turn(const struct story *story, const struct run *run) {
    const struct core *core = story->world.core;
    int64_t slack_us = run->definition->patience_us - run->expected_us;
    enum line line = queue_line(run->definition, run->stage, run->yielded);
    if (line != LINE_LIGHT || run->number % 4)
        return;
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *other = &core->runs[i];
        if (other->state == RUN_WAITING && other->pool == run->pool &&
            queue_line(other->definition, other->stage, other->yielded) == line &&
            other->definition->priority > run->definition->priority && other->due.us <= run->due.us &&
            other->definition->patience_us - other->expected_us <= slack_us)
            fail(story, "%s goes before %s, which has a higher priority and waits longer",
                 run->definition->name, other->definition->name);
    }
}

/* A further bite has waited for its turn as a newcomer: who had waited for max_wait before it is not passed. */
static void check_bite(const struct story *story, uint32_t index, const struct run *run) {
    const struct core *core = story->world.core;
    const struct core_pool *pool = &core->pools[run->pool];
    enum line line = queue_line(run->definition, run->stage, run->yielded);
    if (run->bites.count != story->runs[index].bite_count)
        fail(story, "%s had %u bites, and its run counts %u", run->definition->name, story->runs[index].bite_count,
             run->bites.count);
    if (run->due.us - WORLD_MONO_START_US < story->runs[index].bite_ended_us)
        fail(story, "a further bite of %s has the turn of an earlier one", run->definition->name);
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *other = &core->runs[i];
        if (other->state == RUN_WAITING && other->pool == run->pool && line == LINE_LIGHT &&
            queue_line(other->definition, other->stage, other->yielded) == line &&
            mono_since(run->due, other->due) > pool->settings->max_wait_us)
            fail(story, "a further bite of %s goes before %s, which had waited for max_wait", run->definition->name,
                 other->definition->name);
    }
}

/* Where the clock is set by less than what is noticed, what was begun may be a little outside. */
static bool is_outside(const struct story *story, const struct run *run) {
    const struct task *task = story->world.core->tasks[run->task].definition;
    const int64_t around_us[] = {-500 * US_PER_MS, 0, 500 * US_PER_MS};
    for (size_t i = 0; task->window && i < sizeof around_us / sizeof *around_us; i++)
        if (window_is_open(task->window, task->zone, (struct wall){wall_us(story) + around_us[i]}))
            return false;
    return task->window != NULL;
}

/* Even when a reload has left more under way than the limit, none begins before they are fewer. */
static void check_turn_in_group(const struct story *story, const struct run *run) {
    const struct core *core = story->world.core;
    uint32_t strand = core->tasks[run->task].strand;
    const struct core_group *group = strand != INDEX_NONE ? &core->groups.items[core->groups.strands[strand].group] : NULL;
    if (group && group->busy.count > group->settings->limit)
        fail(story, "%s begins, and group %s has its limit under way", run->definition->name,
             group->settings->name);
}

static void check_start(struct story *story, const struct action *action) {
    const struct run *run = core_run(story->world.core, action->run);
    bool begins = run->stage <= stage_first(run->definition);
    if (run->bites.count)
        check_bite(story, action->run.index, run);
    if (action->session.generation && story->sessions[action->session.index].cancelled)
        fail(story, "a run is sent on a session that a cancel may hit");
    if (begins && !run->triggered && task_of(story, run->definition)->paused)
        fail(story, "%s is paused, and runs", run->definition->name);
    if (begins && !run->triggered && is_outside(story, run))
        fail(story, "the window of %s is closed, and it begins", run->definition->name);
    check_turn(story, run);
    if (begins)
        check_turn_in_group(story, run);
    if (action->session.generation)
        story->sessions[action->session.index].used =
            run->definition->session == SESSION_CLEAN &&
            !(story->world.core->tasks[run->task].trust == TRUST_BROKEN);
}

static void check_record(struct story *story, const struct action *action) {
    const struct record *record = &action->record;
    const struct task *task = story->world.core->tasks[record->task].definition;
    const struct sim_run *run = action->run.generation ? &story->runs[action->run.index] : NULL;
    if (!run || run->number != record->run_number || record->outcome == OUTCOME_SKIPPED ||
        record->outcome == OUTCOME_ELSEWHERE)
        return;
    if (record->said_no != run->said_no)
        fail(story, "the guard of %s said %s, and its record says %s", task->name,
             run->said_no ? "no" : "yes", outcome_name(record->outcome));
    if (record->said_no && record->kept && !run->claim_sent && run->all_retry_count == 0)
        fail(story, "the guard of %s said no, and its run is on record", task->name);
    if (record->attempt_count != run->all_retry_count + 1)
        fail(story, "a run of %s had %u attempts, and its record says %u", task->name, run->all_retry_count + 1,
             record->attempt_count);
    if (record->bite_count != run->bite_count)
        fail(story, "a run of %s had %u bites, and its record says %u", task->name, run->bite_count,
             record->bite_count);
    if (!story->reloaded && task->repeat_most && run->bite_count > task->repeat_most)
        fail(story, "a run of %s had %u bites, which is more than its file says", task->name, run->bite_count);
    if (story->reloaded || task->work != WORK_SQL || !task->transaction || record->outcome == OUTCOME_UNKNOWN)
        return;
    if (task->repeat && run->bite_count) /* what was done is done, however the last one ended */
        return;
    if (run->counted != (record->outcome == OUTCOME_OK))
        fail(story, "a run of %s is %s, and its record says %s", task->name,
             run->counted ? "committed" : "not done", outcome_name(record->outcome));
}

static void check_retry(struct story *story, const struct action *action) {
    const struct run *run = core_run(story->world.core, action->run);
    struct sim_run *model = &story->runs[action->run.index];
    model->all_retry_count++;
    model->retry_count++;
    if (run->stage != STAGE_WRITE && run->bites.count == 0) /* another attempt of all of it */
        model->said_yes = false;
    if (!story->reloaded && /* it goes by the new file already, and failed under the old one */
        model->retry_count > run->definition->retries + run->definition->conflict_retries)
        fail(story, "%s is tried again more often than its file says", run->definition->name);
}

void check_action(struct story *story, const struct action *action) {
    struct sim_session *session = action->session.generation ? &story->sessions[action->session.index] : NULL;
    int64_t now_us = story->world.now_us;
    switch (action->kind) {
    case ACTION_OPEN: *session = (struct sim_session){.looked_us = now_us - US_PER_S}; break;
    case ACTION_START: check_start(story, action); break;
    case ACTION_RETRY: check_retry(story, action); break;
    case ACTION_RECORD: check_record(story, action); break;
    case ACTION_CLEAN:
        if (now_us - session->looked_us >= US_PER_S)
            fail(story, "what runs leave behind is not looked for");
        session->used = false;
        break;
    case ACTION_VERIFY:
        session->looked_us = now_us;
        session->used = false;
        break;
    case ACTION_CANCEL:
        if (session)
            session->cancelled = true;
        break;
    case ACTION_CLOSE:
        if (story->quiet && action->close_cause == CLOSE_TIMEOUT)
            fail(story, "a session is waited for in vain");
        break;
    case ACTION_FORGET:
        if (story->quiet)
            fail(story, "the end of a session is waited for in vain");
        break;
    default: break;
    }
}

/* --- who waits --- */

/* What the gate never leaves room for may wait while it does not. */
static bool is_beyond_the_floor(const struct run *run) {
    return run->definition->tokens > 1 || run->definition->work == WORK_COMMAND;
}

/* Work in bites goes on for as long as there is some, and whoever comes behind it waits. */
static bool is_behind_bites(const struct core *core, const struct run *run) {
    return run->comes_behind && core->tasks[run->task].definition->repeat;
}

/* A run that was claimed stays what it was then, whatever its task became; others come behind it. */
static bool waits_beyond_the_floor(const struct core *core, uint32_t task) {
    for (uint32_t i = 0; i < core->run_used; i++)
        if (core->runs[i].state != RUN_FREE && core->runs[i].task == task && is_beyond_the_floor(&core->runs[i]))
            return true;
    return false;
}

void check_waits(const struct story *story) {
    const struct core *core = story->world.core;
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        struct mono since = run->due;
        if (run->place.line != GROUP_NONE && run->place.since.us > since.us)
            since = run->place.since; /* with each attempt it lines up again in its group */
        if (run->state != RUN_FREE && mono_since(core->now, since) > LONGEST_WAIT_US &&
            !(story->scarce && waits_beyond_the_floor(core, run->task)) && !is_behind_bites(core, run))
            fail_dump(story, run->begun ? "a run is under way for ever" : "a run waits for ever");
    }
}

void check_quiet(const struct story *story, int64_t since_us) {
    const struct core *core = story->world.core;
    for (uint32_t i = 0; i < core->set->task_count; i++) {
        const struct task *task = core->tasks[i].definition;
        const struct sim_task *own = &story->tasks[number_of(task->name)];
        bool may_not_end_well = own->wakes || task->work == WORK_STAGES || task->start_deadline_us || own->paused ||
                                (story->scarce && (task->tokens > 1 || task->work == WORK_COMMAND ||
                                                   waits_beyond_the_floor(core, i)));
        if (task->enabled && !may_not_end_well && own->last_ok_us < since_us) {
            fprintf(stderr, "task %s\n", task->name);
            fail_dump(story, "nothing is wrong any more, and a task does not run");
        }
    }
}

/* --- the account --- */

/* No occurrence is answered twice in one life. */
void note_answered(struct story *story, const struct record *record) {
    const struct task *definition = story->world.core->tasks[record->task].definition;
    struct sim_task *task = task_of(story, definition);
    struct span span = {
        .first = record->due_first.us, .last = record->due_last.us, .run = record->run_number};
    if (record->occurrence_count == 0)
        return;
    if (schedule_between(&definition->schedule, record->due_first, record->due_last).count != record->occurrence_count)
        fail(story, "a record of %s counts %" PRId64 ", which is not what its range holds", definition->name,
             record->occurrence_count);
    const struct span *other = spans_meeting(&task->answered, span.first, span.last);
    if (other && task->was_absent) /* while it was not in the file, nobody answered for it: its records may
                                      wait still */
        return;
    if (other)
        fail(story, "an occurrence of %s is answered twice, by run %" PRIu64 " and %" PRIu64,
             definition->name, other->run, span.run);
    spans_add(&task->answered, span);
}

/* None is missing; what this daemon has no record of, others have answered. */
void check_answered(struct story *story) {
    for (uint32_t number = 0; number < TASKS_MOST; number++) {
        struct sim_task *task = &story->tasks[number];
        for (uint32_t i = 1; i < task->answered.count && !task->was_absent; i++) {
            int64_t after = task->answered.items[i - 1].last, first = key_after(&task->schedule, after),
                    last = key_before(&task->schedule, task->answered.items[i].first);
            if (first <= last && !spans_cover(&task->table.rows, first, last, &task->schedule))
                fail(story, "of t%u an occurrence is missing after %" PRId64, number, after);
        }
    }
}
