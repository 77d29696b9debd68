/* Runs, what they do, and what the history says of it: ours, and those of a second daemon on the same table.
 */
#include <assert.h>
#include <stdlib.h>

#include "scheduler/core/recording.h"
#include "sim.h"
#include "tasks/hash.h"

static struct run *run_at(struct story *story, uint32_t index) {
    return &story->world.core->runs[index];
}

/* Of its work. */
static bool is_one_transaction(const struct run *run) {
    return run->stage != STAGE_WHEN && run->definition->work == WORK_SQL && run->definition->transaction;
}

static struct span span_of(const struct story *story, const struct run *run, enum row_state state) {
    return (struct span){.first = run->due_first.us,
                         .last = run->due_last.us,
                         .life = story->life,
                         .run = run->number,
                         .guarded = run->claim != CLAIM_NONE || run->claim_state == CLAIM_COMMITTED,
                         .state = state};
}

/* --- what was done --- */

/* What is done of a task is done by one run, whatever daemon has it and whatever was lost on the way. Without
 * a claim that holds within one life only. */
static void do_span(struct story *story, uint32_t number, struct span span) {
    struct sim_task *task = &story->tasks[number];
    struct span *other = spans_meeting(&task->done, span.first, span.last);
    if (!other) {
        spans_add(&task->done, span);
        return;
    }
    if ((other->life != span.life || task->was_absent) && (!other->guarded || !span.guarded))
        return;
    if (other->life != span.life || other->run != span.run)
        fail(story, "an occurrence of t%u is done by two runs, %u:%lu and %u:%lu", number, other->life,
             (unsigned long)other->run, span.life, (unsigned long)span.run);
    if (span.last > other->last && !spans_meeting(&task->done, other->last + 1, span.last))
        other->last = span.last; /* what came due while it waited for its next attempt */
}

static void do_run(struct story *story, uint32_t index) {
    const struct run *run = run_at(story, index);
    struct span span = span_of(story, run, ROW_OK);
    story->runs[index].counted = true;
    if (run->occurrence_count == 0)
        return;
    if (story->runs[index]
            .claimed) { /* others may have the front of it, or what came due since it was claimed */
        span.first = story->runs[index].row.first;
        span.last = story->runs[index].row.last;
    }
    do_span(story, number_of(run->definition->name), span);
}

/* --- claims --- */

void recorded_start(struct story *story, const struct action *action) {
    const struct run *run = core_run(story->world.core, action->run);
    struct sim_run *model = &story->runs[action->run.index];
    if (model->number != run->number)
        *model = (struct sim_run){.number = run->number};
    model->follows = draw(story, 2);
    model->claim_sent |= run->claim != CLAIM_NONE;
    if (run->stage == STAGE_WHEN)
        model->said_yes = model->said_no = false;
    else if (run->definition->when && !model->said_yes)
        fail(story, "%s works, and its guard has not said yes", run->definition->name);
    model->claimed &= run->claim_state == CLAIM_COMMITTED;
}

static enum failure_kind claim(struct story *story, uint32_t index, enum row_state state, struct event *end) {
    const struct run *run = run_at(story, index);
    struct sim_run *model = &story->runs[index];
    struct claim_call call = {
        .span = span_of(story, run, state),
        .counts = run->occurrence_count > 0,
        .by_key = run->occurrence_count == 1 && run->claim_state == CLAIM_OPEN &&
                  run->attempts.failed_count == 0 && run->definition->tokens == 1,
    };
    int64_t from_us, answered_us;
    enum failure_kind failure =
        table_claim(&task_of(story, run->definition)->table, &call, &from_us, &answered_us);
    if (failure == FAILURE_TAKEN) {
        counts.taken++;
        end->ended.answered_until.us = answered_us;
        return failure;
    }
    counts.claims++;
    model->claimed = true;
    model->row = call.span;
    model->row.first = from_us;
    end->ended.claimed_from.us = from_us;
    return failure;
}

static enum world_begin refuse(struct event *end, enum failure_kind failure) {
    end->ended.outcome = OUTCOME_FAILED;
    end->ended.failure = failure;
    return WORLD_IS_REFUSED;
}

enum world_begin recorded_begin(void *context, uint32_t index, struct event *end) {
    struct story *story = context;
    const struct run *run = run_at(story, index);
    struct sim_run *model = &story->runs[index];
    bool begins = run->stage >= STAGE_WHOLE && run->stage != STAGE_WRITE && !is_one_transaction(run);
    if (run->claim == CLAIM_WITHIN || run->claim == CLAIM_BEFORE) {
        if (by_chance(story, story->faults.claim_refused))
            return refuse(end, draw(story, 4) ? FAILURE_CLAIM_WAIT : FAILURE_CLAIM);
        if (run->claim == CLAIM_BEFORE && by_chance(story, story->faults.claim_lost))
            return WORLD_LOSES_SESSION;
        enum failure_kind failure =
            claim(story, index, run->claim == CLAIM_WITHIN ? ROW_PENDING : ROW_RUNNING, end);
        if (failure != FAILURE_OTHER)
            return refuse(end, failure);
        if (run->claim == CLAIM_BEFORE && by_chance(story, story->faults.claim_lost)) {
            if (begins && model->follows && model->number && by_chance(story, 500))
                do_run(story, index);
            return WORLD_LOSES_SESSION;
        }
        end->ended.claimed = run->claim == CLAIM_BEFORE;
    }
    if (begins)
        do_run(story, index);
    return WORLD_GOES_ON;
}

/* --- its guard --- */

/* Two of three occurrences of a guarded task have something to do; whoever asks is told the same. */
static void ask_guard(struct story *story, uint32_t index, struct event *end) {
    const struct run *run = run_at(story, index);
    struct sim_run *model = &story->runs[index];
    uint64_t hash = hash_bytes(HASH_START, &run->due_last.us, sizeof run->due_last.us);
    model->said_no = hash_below(hash_finish(hash), 3) == 0;
    model->said_yes = !model->said_no;
    counts.asked++;
    counts.nothing += model->said_no;
    end->ended.outcome = model->said_no ? OUTCOME_NOTHING : OUTCOME_OK;
    end->ended.row_count = 1;
}

/* --- how a run ends --- */

/* What nobody heard of: whether it is done is drawn here. */
static void lose(struct story *story, uint32_t index, struct event *end) {
    const struct run *run = run_at(story, index);
    struct sim_run *model = &story->runs[index];
    bool begun = story->world.runs[index].begun,
         commits = begun && run->stage != STAGE_WHEN && by_chance(story, 500);
    end->ended.outcome = OUTCOME_UNKNOWN;
    if (end->session.generation == 0)
        return;
    if (run->stage == STAGE_CLAIM) /* its answer would have been its end */
        end->ended.claimed = false;
    if (run->claim == CLAIM_BEFORE && !end->ended.claimed) {
        bool follows = run->stage == STAGE_WHOLE && model->follows && run->occurrence_count == 1 &&
                       run->claim_state == CLAIM_OPEN;
        commits &= follows; /* else its text was not sent */
        end->ended.outcome = follows ? OUTCOME_UNKNOWN : OUTCOME_FAILED;
        end->ended.failure = follows ? FAILURE_OTHER : FAILURE_LOST;
    } else if (run->stage != STAGE_WHOLE && !commits) { /* before its COMMIT was sent */
        end->ended.outcome = OUTCOME_FAILED;
        end->ended.failure = FAILURE_LOST;
    }
    if (commits && end->ended.outcome == OUTCOME_UNKNOWN && run->claim == CLAIM_DONE)
        table_finish(&task_of(story, run->definition)->table, &model->row, run->occurrence_count > 0);
    if (commits && is_one_transaction(run) && (run->claim == CLAIM_NONE || model->claimed))
        do_run(story, index);
    if (run->claim == CLAIM_WITHIN && model->claimed)
        table_end_pending(&task_of(story, run->definition)->table, &model->row, run->occurrence_count > 0,
                          commits);
}

void recorded_end(void *context, uint32_t index, bool lost, struct event *end) {
    struct story *story = context;
    const struct run *run = run_at(story, index);
    struct sim_run *model = &story->runs[index];
    bool sql = end->session.generation != 0;
    end->ended.row_count = draw(story, 4) ? draw(story, 20) : 0;
    if (!core_run(story->world.core, end->run))
        return;
    if (lost) {
        lose(story, index, end);
        return;
    }
    if (run->stage == STAGE_CLAIM) { /* it is committed since it began */
        end->ended.outcome = OUTCOME_OK;
        end->ended.failure = FAILURE_OTHER;
        return;
    }
    if (by_chance(story, story->faults.run_fails) || (sql && by_chance(story, story->faults.conflicts)))
        end->ended.outcome = OUTCOME_FAILED;
    if (end->ended.outcome == OUTCOME_OK && run->claim == CLAIM_DONE &&
        !table_finish(&task_of(story, run->definition)->table, &model->row, run->occurrence_count > 0))
        refuse(end, FAILURE_GONE);
    else if (end->ended.outcome == OUTCOME_FAILED && end->ended.failure == FAILURE_OTHER && sql &&
             by_chance(story, 500))
        end->ended.failure = draw(story, 2) ? FAILURE_CONFLICT : FAILURE_LOCK;
    if (run->stage == STAGE_WHEN && end->ended.outcome == OUTCOME_OK)
        ask_guard(story, index, end);
    bool commits = end->ended.outcome == OUTCOME_OK;
    if (run->claim == CLAIM_WITHIN && model->claimed)
        table_end_pending(&task_of(story, run->definition)->table, &model->row, run->occurrence_count > 0,
                          commits);
    if (commits && is_one_transaction(run) && run->stage == STAGE_WHOLE)
        do_run(story, index);
    if (!commits || !run->definition->repeat || run->stage == STAGE_WHEN)
        return;
    end->ended.changed_count = draw(story, 4) ? 1 + draw(story, 20) : 0;
    model->bite_count++;
    model->bite_ended_us = story->world.now_us;
    model->retry_count = 0;
    counts.bites++;
}

/* --- records --- */

static enum row_state state_of(enum outcome outcome) {
    switch (outcome) {
    case OUTCOME_OK:
    case OUTCOME_NOTHING: return ROW_OK;
    case OUTCOME_UNKNOWN: return ROW_UNKNOWN;
    case OUTCOME_SKIPPED: return ROW_SKIPPED;
    default: return ROW_FAILED;
    }
}

static void add_line(struct sim_backlog *backlog, struct entry line) {
    if (backlog->count == backlog->capacity) {
        backlog->capacity = backlog->capacity ? 2 * backlog->capacity : 64;
        backlog->lines = realloc(backlog->lines, backlog->capacity * sizeof *backlog->lines);
        assert(backlog->lines);
    }
    backlog->lines[backlog->count++] = line;
}

static void excuse(struct sim_task *task, int64_t first, int64_t last) {
    for (struct span *other; (other = spans_meeting(&task->excused, first, last));) {
        first = other->first < first ? other->first : first;
        last = other->last > last ? other->last : last;
        spans_remove(&task->excused, other);
    }
    if (first <= last)
        spans_add(&task->excused, (struct span){.first = first, .last = last});
}

void recorded_record(struct story *story, const struct action *action) {
    const struct record *record = &action->record;
    const struct core *core = story->world.core;
    const struct task *definition = core->tasks[record->task].definition;
    struct sim_task *task = task_of(story, definition);
    bool released = record->outcome == OUTCOME_SKIPPED && record->skip == SKIP_DRAIN;
    bool untouched = record->said_no && record->attempt_count == 1;
    note_answered(story, record);
    counts.outcomes[record->outcome]++;
    if (record->outcome == OUTCOME_OK || record->outcome == OUTCOME_NOTHING ||
        record->outcome == OUTCOME_ELSEWHERE)
        task->last_ok_us = story->world.now_us;
    if (released) {
        excuse(task, record->due_first.us, record->due_last.us);
        for (struct span *done = spans_until(&task->done, record->due_last.us);
             done && done >= task->done.items; done--)
            if (done->life == story->life && done->run == record->run_number) {
                spans_remove(&task->done, done); /* it failed, and the next attempt is the next daemon's */
                break;
            } else if (done->last < record->due_first.us) {
                break;
            }
    }
    if (!record->kept || core->pools[record->pool].recording.state == RECORDING_OFF)
        return;
    add_line(&story->backlogs[number_of(core->pools[record->pool].settings->name)],
             (struct entry){number_of(definition->name),
                            {.span = {.first = record->key_first.us,
                                      .last = record->key_last.us,
                                      .life = story->life,
                                      .run = record->run_number,
                                      .state = state_of(record->outcome)},
                             .counts = record->occurrence_count > 0,
                             .released = released || untouched,
                             .transactional = record->within,
                             .claiming = record->claiming}});
}

/* --- the history is asked --- */

static struct sim_backlog *backlog_of(struct story *story, uint32_t pool) {
    return &story->backlogs[number_of(story->world.core->pools[pool].settings->name)];
}

void recorded_ask(struct story *story, const struct action *action) {
    struct sim_backlog *backlog = backlog_of(story, action->pool);
    backlog->sent_count = backlog->count < RECORDING_BATCH_COUNT ? backlog->count : RECORDING_BATCH_COUNT;
    backlog->restoring = !story->world.core->pools[action->pool].recording.restored && backlog->sent_count == backlog->count;
}

static void write_line(struct story *story, const struct entry *line, bool tell) {
    struct sim_task *task = &story->tasks[line->task];
    bool ok;
    bool resolved = table_record(&task->table, &line->call, &ok);
    const struct span *span = &line->call.span;
    if (line->call.counts && !line->call.released &&
        !spans_cover(&task->table.rows, span->first, span->last, task->table.schedule))
        excuse(task, span->first, span->last); /* its row grows no further than to another daemon's */
    if (!resolved || !tell)
        return;
    struct event event = {.kind = EVENT_RESOLVED, .resolved = {{line->call.span.first}, {line->call.span.last}, ok}};
    for (event.task = 0; event.task < story->world.core->task_count; event.task++)
        if (number_of(story->world.core->tasks[event.task].definition->name) == line->task) {
            world_feed(&story->world, event);
            return;
        }
}

static void restore(struct story *story, uint32_t pool, bool tell) {
    const struct core *core = story->world.core;
    for (uint32_t i = 0; i < core->set->task_count; i++) {
        const struct core_task *own = &core->tasks[i];
        struct sim_task *task = task_of(story, own->definition);
        struct event event = {.kind = EVENT_RESTORED, .task = i};
        if (own->pool != pool || own->retired || own->answered_from.us == 0)
            continue;
        if (task->table.known_us == NO_INSTANT) /* what was before is nobody's, or waits in a backlog */
            excuse(task, 0, own->answered_from.us);
        table_restore(&task->table, story->life, own->definition->when != NULL, own->answered_from.us,
                      &event.restored.answered_until.us, &event.restored.ahead_until.us);
        if (tell)
            world_feed(&story->world, event);
    }
}

/* What waits for another pool's session is not seen by what is restored: of a task that a reload has moved. */
static void excuse_unsent(struct story *story, const struct sim_backlog *backlog) {
    for (uint32_t i = 0; i < backlog->count; i++)
        excuse(&story->tasks[backlog->lines[i].task], backlog->lines[i].call.span.first,
               backlog->lines[i].call.span.last);
}

bool recorded_asked(void *context, uint32_t pool, struct event *answer) {
    struct story *story = context;
    struct sim_backlog *backlog = backlog_of(story, pool);
    bool lost = by_chance(story, story->faults.ask_lost);
    if (lost && draw(story, 2)) /* before its COMMIT */
        return false;
    if (by_chance(story, story->faults.ask_refused)) {
        answer->history.failed = true;
        answer->history.failed_for_long = draw(story, 2);
        answer->history.left_count = backlog->count;
        return !lost;
    }
    uint32_t sent_count = backlog->sent_count;
    for (uint32_t i = 0; i < sent_count; i++)
        write_line(story, &backlog->lines[i], false);
    for (uint32_t i = 0; backlog->restoring && i < POOLS_MAX; i++)
        if (&story->backlogs[i] != backlog)
            excuse_unsent(story, &story->backlogs[i]);
    if (backlog->restoring)
        restore(story, pool, !lost);
    if (lost)
        return false;
    for (uint32_t i = 0; i < sent_count;
         i++) /* again: nothing changes, and it says what became of what was unknown */
        write_line(story, &backlog->lines[i], true);
    backlog->count -= sent_count;
    for (uint32_t i = 0; i < backlog->count; i++)
        backlog->lines[i] = backlog->lines[i + sent_count];
    answer->history.restored = backlog->restoring;
    answer->history.left_count = backlog->count;
    return true;
}

/* --- the ends of a life --- */

static void take_with_it(struct story *story, struct sim_task *task, int64_t first) {
    excuse(task, first, wall_us(story) + schedule_far_us(&task->schedule));
}

/* A daemon that could not read the history does not know what was missed before it: that is lost. */
void recorded_end_life(struct story *story) {
    const struct core *core = story->world.core;
    for (uint32_t i = 0; i < core->task_count; i++) {
        const struct core_task *own = &core->tasks[i];
        struct sim_task *task = task_of(story, own->definition);
        const struct span *last = spans_until(&task->table.rows, own->answered_from.us - 1);
        if (!own->restored && own->answered_from.us)
            excuse(task, last ? last->last : 0, own->answered_from.us);
    }
}

void recorded_crash(struct story *story) {
    const struct core *core = story->world.core;
    int64_t first[TASKS_MOST];
    for (uint32_t i = 0; i < TASKS_MOST; i++)
        first[i] = INT64_MAX;
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        struct sim_run *model = &story->runs[i];
        if (run->state == RUN_FREE)
            continue;
        uint32_t number = number_of(run->definition->name);
        first[number] = run->due_first.us < first[number] ? run->due_first.us : first[number];
        if (model->number == run->number && model->claimed && run->claim == CLAIM_WITHIN &&
            run_is_under_way(run->state)) {
            bool commits = by_chance(story, 500);
            if (commits)
                do_run(story, i);
            table_end_pending(&story->tasks[number].table, &model->row, run->occurrence_count > 0, commits);
        }
    }
    for (uint32_t i = 0; i < core->task_count; i++) {
        const struct core_task *task = &core->tasks[i];
        uint32_t number = number_of(task->definition->name);
        if (task->passed_over.due.count && task->passed_over.due.first.us < first[number])
            first[number] = task->passed_over.due.first.us;
    }
    for (uint32_t i = 0; i < POOLS_MAX; i++) {
        struct sim_backlog *backlog = &story->backlogs[i];
        for (uint32_t j = 0; j < backlog->count; j++) {
            const struct span *span = &backlog->lines[j].call.span;
            if (span->first < first[backlog->lines[j].task])
                first[backlog->lines[j].task] = span->first;
        }
        backlog->count = 0;
    }
    for (uint32_t i = 0; i < TASKS_MOST; i++)
        if (first[i] != INT64_MAX)
            take_with_it(story, &story->tasks[i], first[i]);
}

/* --- the second daemon --- */

/* It answers all that is due and not answered, from its own host, and ends what it claimed; or dies. */
void rival_look(struct story *story) {
    uint32_t number = draw(story, TASKS_MOST);
    struct sim_task *task = &story->tasks[number];
    struct table *table = &task->table;
    if (!by_chance(story, 5 * story->faults.rival) || table->rows.count == 0)
        return;
    struct span *last = &table->rows.items[table->rows.count - 1];
    if (last->life == RIVAL && last->state == ROW_RUNNING) {
        if (by_chance(story, 900))
            last->state = ROW_OK;
        return;
    }
    struct span span = {
        .first = key_after(table->schedule, last->last), .life = RIVAL, .guarded = true, .state = ROW_RUNNING};
    int64_t ahead_us = wall_us(story) - span.first;
    if (ahead_us < 0)
        return;
    span.last = schedule_between(table->schedule, (struct wall){span.first}, (struct wall){wall_us(story)}).last.us;
    span.run = ++counts.rivals;
    spans_add(&table->rows, span);
    do_span(story, number, span);
}

/* --- the end of the story --- */

static void check_rows(struct story *story, uint32_t number) {
    struct sim_task *task = &story->tasks[number];
    const struct spans *rows = &task->table.rows;
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct span *row = &rows->items[i];
        if (row->life == story->life && !story->reloaded &&
            (row->state == ROW_RUNNING || row->state == ROW_PENDING))
            fail(story, "run %lu of t%u was claimed for %ld, and no record tells of its end",
                 (unsigned long)row->run, number, (long)row->first);
        if (row->state == ROW_HOLE && !task->left_out && !task->was_guarded &&
            !spans_cover(&task->excused, row->first, row->last, task->table.schedule))
            fail(story, "of t%u there is no record from %ld to %ld", number, (long)row->first,
                 (long)row->last);
        counts.holes += row->state == ROW_HOLE;
        if (i && row->first <= row[-1].last)
            fail(story, "two rows of t%u answer the same", number);
    }
    for (uint32_t i = 0; i < task->done.count; i++) {
        const struct span *done = &task->done.items[i], *row = spans_until(rows, done->first);
        if (done->guarded && (!row || row->last < done->first))
            fail(story, "a run of t%u is done, and not in the history", number);
    }
}

/* All that waits is written, as the next daemon would, which then asks what is there. */
void recorded_close(struct story *story) {
    for (uint32_t i = 0; i < POOLS_MAX; i++)
        for (uint32_t j = 0; j < story->backlogs[i].count; j++)
            write_line(story, &story->backlogs[i].lines[j], false);
    for (uint32_t i = 0; i < TASKS_MOST; i++) {
        struct sim_task *task = &story->tasks[i];
        int64_t answered, ahead;
        if (task->table.rows.count == 0 || task->was_unkept)
            continue;
        table_restore(&task->table, story->life, task->was_guarded, INT64_MAX / 2, &answered, &ahead);
        check_rows(story, i);
    }
}
