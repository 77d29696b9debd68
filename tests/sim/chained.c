/*
 * Chains under virtual time: a random graph of tasks that come after others, one daemon or two of them on one
 * history, and all that may come between: kills, lost sessions and claims, a history that does not answer,
 * what a killed daemon has left on its server. No row answers a run twice, and once all is quiet nothing is
 * left that has ended and was not answered.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "tasks/config.h"
#include "tasks/hash.h"

#define DAEMONS   2
#define POOLS     2
#define MOST      9
#define START_US  (INT64_C(1790000000) * US_PER_S)
#define FAULTY_US (60 * US_PER_S)
#define QUIET_US  (120 * US_PER_S)
#define SLICE_US  20000 /* one daemon lives for so long at most, then the other */

/* A row of the history. */
struct row {
    enum { PENDING, RUNNING, DONE_OK, FAILED, SKIPPED, GONE } state;
    int64_t key;
    uint32_t daemon, life;
    bool counts, answers, claimed;
    int64_t answered[MOST];
    int64_t ends_us; /* PENDING, and its daemon was killed: it is committed then, or not; 0: it lives */
};

struct rows {
    struct row *items;
    uint32_t count, capacity;
    int64_t since; /* 0: no daemon has asked for the task */
};

struct waiting_line {
    uint32_t task;
    struct row row;
    int64_t first;
    bool released, within, unknown;
};

struct one_daemon {
    struct chain_story *story;
    uint32_t number, life;
    bool up;
    struct world world;
    struct world_place places[POOLS];
    struct database databases[POOLS];
    struct simulate_server servers[POOLS];
    struct waiting_line lines[4096];
    uint32_t line_count, sent_count[POOLS];
    bool restores[POOLS], learns[POOLS];
    uint64_t claimed_by[512]; /* by run index: the number of the run whose row is there */
};

struct chain_story {
    uint64_t seed, random;
    int64_t now_us;
    bool quiet;
    uint32_t run_fails, claim_lost, claim_refused, ask_lost, ask_refused, breaks;
    struct taskset *set;
    struct rows rows[MOST];
    struct one_daemon daemons[DAEMONS];
};

struct chained_counts chained_counts;

static uint32_t pick(struct chain_story *story, uint32_t below) {
    story->random += UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)hash_below(hash_finish(story->random), below);
}

static bool chance(struct chain_story *story, uint32_t permille) {
    return permille && !story->quiet && pick(story, 1000) < permille;
}

_Noreturn static void wrong(const struct chain_story *story, const char *what, uint32_t task) {
    fprintf(stderr, "chained seed %" PRIu64 ", %" PRId64 " ms: t%u: %s\n", story->seed, story->now_us / 1000,
            task, what);
    for (uint32_t i = 0; i < story->set->task_count; i++) {
        const struct after *after = story->set->tasks[i].after;
        fprintf(stderr, "t%u since %" PRId64, i, story->rows[i].since - START_US);
        for (uint32_t j = 0; after && j < after->count; j++)
            fprintf(stderr, " after t%u%s", after->tasks[j], after->any ? " any" : "");
        fprintf(stderr, after ? " outcome %d\n" : "\n", after ? after->outcome : 0);
    }
    for (uint32_t i = 0; i < DAEMONS; i++) {
        const struct core *core = story->daemons[i].up ? story->daemons[i].world.core : NULL;
        if (!core)
            continue;
        const struct core_task *own = &core->tasks[task];
        const struct recording *recording = &core->pools[own->pool].recording;
        fprintf(stderr,
                "daemon %u: %u wait, %u run, known %d, doubted %d; history %d, learns %d at %" PRId64
                " of %" PRId64 "\n",
                i, own->waiting_count, own->running_count, core->chains[task].known,
                core->chains[task].doubted, recording->state, recording->learns, recording->learn_at.us,
                core->now.us);
        for (uint32_t j = 0; j < core->chains[task].link_count; j++) {
            const struct link *link = &core->links[core->chains[task].link_first + j];
            const struct ends *ended = &core->chains[link->predecessor].ended;
            fprintf(stderr, "  t%u answered %" PRId64 ", ok %" PRId64 ", failed %" PRId64 "\n",
                    link->predecessor, link->answered.us - START_US, ended->ok.us - START_US,
                    ended->failed.us - START_US);
        }
    }
    for (uint32_t i = 0; i < story->set->task_count; i++)
        for (uint32_t j = 0; j < story->rows[i].count; j++) {
            const struct row *row = &story->rows[i].items[j];
            if (row->state == GONE || (j + 5 < story->rows[i].count && i != task))
                continue;
            fprintf(stderr, "  t%u %" PRId64 " state %d daemon %u life %u%s:", i, row->key - START_US,
                    row->state, row->daemon, row->life, row->counts ? "" : " by hand");
            for (uint32_t k = 0;
                 row->answers && story->set->tasks[i].after && k < story->set->tasks[i].after->count; k++)
                fprintf(stderr, " t%u %" PRId64, story->set->tasks[i].after->tasks[k],
                        row->answered[k] - START_US);
            fprintf(stderr, "\n");
        }
    abort();
}

static const struct after *after_of(const struct chain_story *story, uint32_t task) {
    return story->set->tasks[task].after;
}

/* --- the history --- */

static struct row *add_row(struct rows *rows, struct row row) {
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity ? 2 * rows->capacity : 64;
        rows->items = realloc(rows->items, rows->capacity * sizeof *rows->items);
        assert(rows->items);
    }
    rows->items[rows->count++] = row;
    return &rows->items[rows->count - 1];
}

/* A transaction's row is seen by itself alone. */
static struct row *newest(struct rows *rows, bool answers) {
    struct row *last = NULL;
    for (uint32_t i = 0; i < rows->count; i++) {
        struct row *row = &rows->items[i];
        if (row->state != GONE && row->state != PENDING && (!answers || row->answers) &&
            (!last || row->key > last->key))
            last = row;
    }
    return last;
}

static struct row *row_of(struct rows *rows, uint32_t daemon, uint32_t life, int64_t first, int64_t last,
                          bool of_due) {
    for (uint32_t i = rows->count; i-- > 0;) {
        struct row *row = &rows->items[i];
        if (row->state != GONE && row->daemon == daemon && row->life == life && row->counts == of_due &&
            row->key >= first && row->key <= last)
            return row;
    }
    return NULL;
}

static bool is_locked(const struct rows *rows, bool chained, int64_t key) {
    for (uint32_t i = 0; i < rows->count; i++)
        if (rows->items[i].state == PENDING && (chained || rows->items[i].key == key))
            return true;
    return false;
}

static bool is_new(const struct after *after, const struct row *last, const struct row *row) {
    uint32_t fresh = 0;
    for (uint32_t i = 0; i < after->count; i++)
        fresh += row->answered[i] > (last ? last->answered[i] : 0);
    return after->any ? fresh > 0 : fresh == after->count;
}

/* later() */
static void take_later(const struct after *after, const struct row *last, struct row *row) {
    for (uint32_t i = 0; last && i < after->count; i++)
        row->answered[i] = row->answered[i] > last->answered[i] ? row->answered[i] : last->answered[i];
}

/* start_one(), start() and start_after(). */
static enum failure_kind claim_row(struct chain_story *story, uint32_t task, struct row row) {
    struct rows *rows = &story->rows[task];
    if (is_locked(rows, row.answers, row.key))
        return FAILURE_CLAIM_WAIT;
    struct row *own = row_of(rows, row.daemon, row.life, row.key, row.key, row.counts);
    if (own && own->state == RUNNING && row.state == RUNNING)
        return FAILURE_OTHER;
    const struct row *last = newest(rows, false);
    if (last && (row.counts ? last->key >= row.key : last->key == row.key))
        return FAILURE_TAKEN;
    if (row.answers && !is_new(after_of(story, task), newest(rows, true), &row))
        return FAILURE_TAKEN;
    if (row.answers)
        take_later(after_of(story, task), newest(rows, true), &row);
    row.claimed = true;
    add_row(rows, row);
    return FAILURE_OTHER;
}

static int64_t last_end(struct chain_story *story, uint32_t task, enum after_outcome outcome) {
    int64_t last = 0;
    for (uint32_t i = 0; i < story->rows[task].count; i++) {
        const struct row *row = &story->rows[task].items[i];
        bool ok = row->state == DONE_OK, failed = row->state == FAILED;
        if (((ok && outcome != AFTER_FAILED) || (failed && outcome != AFTER_OK)) && row->key > last)
            last = row->key;
    }
    return last;
}

/* A transaction that is open has the chain, or the key. */
static bool is_blocked(struct one_daemon *own, const struct waiting_line *line) {
    struct rows *rows = &own->story->rows[line->task];
    return line->row.counts && !row_of(rows, own->number, own->life, line->first, line->row.key, true) &&
           is_locked(rows, line->row.answers, line->row.key);
}

static void write_line(struct one_daemon *own, const struct waiting_line *line, bool tell) {
    struct rows *rows = &own->story->rows[line->task];
    struct row *row =
        row_of(rows, line->row.daemon, line->row.life, line->first, line->row.key, line->row.counts);
    bool ok = row && row->state == DONE_OK;
    if (line->released) {
        if (row && row->state == RUNNING)
            row->state = GONE;
        return;
    }
    if (row && !(line->unknown && line->within))
        row->state = line->row.state;
    if (row && line->row.answers && !row->answers) {
        row->answers = true;
        memcpy(row->answered, line->row.answered, sizeof row->answered);
    }
    const struct row *last = newest(rows, false);
    struct row added = line->row;
    if (!row && added.answers) {
        const struct row *answered = newest(rows, true);
        take_later(after_of(own->story, line->task), answered, &added);
        if (answered && memcmp(answered->answered, added.answered, sizeof added.answered) == 0)
            added.counts = false; /* another daemon has answered it since */
    }
    if (!row && added.counts && (!last || last->key < added.key))
        add_row(rows, added);
    if (!tell || !line->unknown || !line->within)
        return;
    struct event event = {.kind = EVENT_RESOLVED, .task = line->task};
    event.resolved.due.us = line->first;
    event.resolved.due_until.us = line->row.key;
    event.resolved.ok = ok;
    world_feed(&own->world, event);
}

/* chains() */
static void tell_chain(struct one_daemon *own, uint32_t task) {
    struct chain_story *story = own->story;
    struct rows *rows = &story->rows[task];
    const struct row *last = newest(rows, false), *answers = newest(rows, true);
    const struct after *after = after_of(story, task);
    int64_t answered_us[MOST];
    struct event event = {.kind = EVENT_CHAIN, .task = task};
    event.chain.ok.us = last_end(story, task, AFTER_OK);
    event.chain.failed.us = last_end(story, task, AFTER_FAILED);
    event.chain.last.us = last ? last->key : 0;
    for (uint32_t i = 0; i < rows->count; i++)
        event.chain.runs_elsewhere |=
            rows->items[i].state == RUNNING &&
            (rows->items[i].daemon != own->number || rows->items[i].life != own->life);
    for (uint32_t i = 0; after && i < after->count; i++)
        answered_us[i] = answers ? answers->answered[i] : rows->since;
    event.chain.answered_us = answered_us;
    event.chain.answered_count = after ? after->count : 0;
    world_feed(&own->world, event);
}

static void restore(struct one_daemon *own, uint32_t task) {
    struct chain_story *story = own->story;
    struct rows *rows = &story->rows[task];
    if (rows->since == 0)
        rows->since = START_US + story->now_us;
    for (uint32_t i = 0; i < rows->count; i++)
        if (rows->items[i].state == RUNNING && rows->items[i].daemon == own->number &&
            rows->items[i].life < own->life)
            rows->items[i].state = FAILED; /* lost */
}

/* --- a daemon's world --- */

static int64_t run_takes_us(void *context, const struct run *run) {
    struct one_daemon *own = context;
    (void)run;
    return 1000 + pick(own->story, pick(own->story, 10) ? 100000 : 2000000);
}

static bool happens(void *context, enum world_fault fault) {
    struct one_daemon *own = context;
    bool breaks = fault == WORLD_SESSION_BREAKS || fault == WORLD_RUN_UNSENT || fault == WORLD_CONNECT_FAILS;
    return breaks && chance(own->story, own->story->breaks);
}

static void look(void *context, struct sample *sample) {
    struct one_daemon *own = context;
    for (uint32_t task = 0; task < own->story->set->task_count; task++)
        for (uint32_t i = 0; i < own->story->rows[task].count; i++) {
            const struct row *row = &own->story->rows[task].items[i];
            sample->leftover_count += row->state == PENDING && row->ends_us && row->daemon == own->number;
        }
}

static struct row row_for(struct one_daemon *own, uint32_t task, int64_t key, bool of_due) {
    const struct core *core = own->world.core;
    struct row row = {.key = key, .daemon = own->number, .life = own->life, .counts = of_due};
    row.answers = of_due && after_of(own->story, task) != NULL;
    for (uint32_t i = 0; row.answers && i < core->chains[task].link_count; i++)
        row.answered[i] = core->links[core->chains[task].link_first + i].answered.us;
    return row;
}

static enum world_begin begins(void *context, uint32_t index, struct event *end) {
    struct one_daemon *own = context;
    struct chain_story *story = own->story;
    const struct run *run = &own->world.core->runs[index];
    enum failure_kind failure = FAILURE_OTHER;
    bool before = run->claim == CLAIM_BEFORE;
    assert(index < COUNT_OF(own->claimed_by));
    own->claimed_by[index] = run->claim == CLAIM_NONE ? own->claimed_by[index] : 0;
    if (run->claim == CLAIM_NONE || run->claim == CLAIM_DONE)
        return WORLD_GOES_ON;
    if (before && chance(story, story->claim_lost))
        return WORLD_LOSES_SESSION;
    bool of_due = run->occurrence_count > 0;
    struct row row =
        row_for(own, run->task, run_key(run->definition, run->due_last, run->occurrence_count).us, of_due);
    row.state = before ? RUNNING : PENDING;
    failure = chance(story, story->claim_refused) ? FAILURE_CLAIM_WAIT : claim_row(story, run->task, row);
    chained_counts.claims++;
    chained_counts.taken += failure == FAILURE_TAKEN;
    if (failure != FAILURE_OTHER) {
        end->ended.outcome = OUTCOME_FAILED;
        end->ended.failure = failure;
        return WORLD_IS_REFUSED;
    }
    own->claimed_by[index] = run->number;
    if (before && chance(story, story->claim_lost))
        return WORLD_LOSES_SESSION;
    end->ended.claimed = before;
    return WORLD_GOES_ON;
}

static void ends(void *context, uint32_t index, bool lost, struct event *end) {
    struct one_daemon *own = context;
    struct chain_story *story = own->story;
    const struct run *run = &own->world.core->runs[index];
    bool within = run->claim == CLAIM_WITHIN && own->claimed_by[index] == run->number;
    if (!core_run(own->world.core, end->run))
        return;
    bool commits = lost ? pick(story, 2) : !chance(story, story->run_fails);
    if (run->stage == STAGE_CLAIM) {
        end->ended.outcome = lost ? OUTCOME_FAILED : OUTCOME_OK;
        end->ended.failure = lost ? FAILURE_LOST : FAILURE_OTHER;
        end->ended.claimed &= !lost;
        return;
    }
    end->ended.outcome = lost && end->session.generation ? OUTCOME_UNKNOWN
                         : commits                       ? OUTCOME_OK
                                                         : OUTCOME_FAILED;
    if (!within)
        return;
    struct row *row = row_of(&story->rows[run->task], own->number, own->life, INT64_MIN, INT64_MAX,
                             run->occurrence_count > 0);
    for (uint32_t i = story->rows[run->task].count; i-- > 0;)
        if (story->rows[run->task].items[i].state == PENDING &&
            story->rows[run->task].items[i].daemon == own->number &&
            story->rows[run->task].items[i].life == own->life)
            row = &story->rows[run->task].items[i];
    if (row && row->state == PENDING)
        row->state = commits ? DONE_OK : GONE;
}

static void sees(void *context, const struct action *action) {
    struct one_daemon *own = context;
    struct core *core = own->world.core;
    if (action->kind == ACTION_HISTORY) {
        uint32_t pool = action->pool, count = 0;
        for (uint32_t i = 0; i < own->line_count; i++)
            count += core->tasks[own->lines[i].task].pool == pool;
        own->sent_count[pool] = count;
        own->restores[pool] = !core->pools[pool].recording.restored;
        own->learns[pool] = core->pools[pool].recording.learns;
    }
    if (action->kind != ACTION_RECORD || !action->record.kept)
        return;
    const struct record *record = &action->record;
    assert(own->line_count < COUNT_OF(own->lines));
    bool skipped = record->outcome == OUTCOME_SKIPPED;
    struct waiting_line line = {
        .task = record->task,
        .row = row_for(own, record->task, record->key_last.us, record->occurrence_count > 0),
        .first = record->key_first.us,
        .released = skipped && record->skip == SKIP_DRAIN,
        .within = record->within,
        .unknown = record->outcome == OUTCOME_UNKNOWN,
    };
    line.row.state = skipped ? SKIPPED : record->outcome == OUTCOME_OK ? DONE_OK : FAILED;
    own->lines[own->line_count++] = line;
}

static bool asked(void *context, uint32_t pool, struct event *answer) {
    struct one_daemon *own = context;
    struct chain_story *story = own->story;
    bool lost = chance(story, story->ask_lost);
    if (chance(story, story->ask_refused)) {
        answer->history.failed = true;
        answer->history.left_count = own->sent_count[pool];
        return !lost;
    }
    static struct waiting_line lines[COUNT_OF(own->lines)];
    static bool written[COUNT_OF(own->lines)];
    uint32_t left = 0, count = own->line_count, sent = own->sent_count[pool];
    memcpy(lines, own->lines, count * sizeof *lines);
    for (uint32_t i = 0; i < count; i++) {
        bool sends = own->world.core->tasks[lines[i].task].pool == pool && sent > 0;
        sent -= sends;
        written[i] = sends && !is_blocked(own, &lines[i]);
        if (written[i])
            write_line(own, &lines[i], false);
    }
    for (uint32_t task = 0; own->restores[pool] && task < story->set->task_count; task++)
        if (own->world.core->tasks[task].pool == pool)
            restore(own, task);
    if (lost)
        return false;
    own->line_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        left += !written[i] && own->world.core->tasks[lines[i].task].pool == pool;
        if (!written[i])
            own->lines[own->line_count++] = lines[i];
    }
    for (uint32_t i = 0; i < count; i++)
        if (written[i]) /* again: nothing changes, and it says what became of what was unknown */
            write_line(own, &lines[i], true);
    for (uint32_t task = 0; task < story->set->task_count; task++) {
        if (own->world.core->tasks[task].pool != pool)
            continue;
        const struct row *last = newest(&story->rows[task], false);
        if (own->restores[pool] && !after_of(story, task) && last)
            world_feed(
                &own->world,
                (struct event){.kind = EVENT_RESTORED, .task = task, .restored.answered_until = {last->key}});
        if (own->restores[pool] || own->learns[pool])
            tell_chain(own, task);
    }
    answer->history.restored = own->restores[pool];
    answer->history.left_count = left;
    return true;
}

static const struct world_nature nature = {.happens = happens,
                                           .run_takes_us = run_takes_us,
                                           .sees = sees,
                                           .looks = look,
                                           .begins = begins,
                                           .ends = ends,
                                           .asked = asked};

/* --- lives --- */

static void begin_daemon(struct one_daemon *own) {
    struct chain_story *story = own->story;
    struct mono now = {WORLD_MONO_START_US + story->now_us};
    own->life++;
    own->up = true;
    own->line_count = 0;
    memset(own->claimed_by, 0, sizeof own->claimed_by);
    for (uint32_t i = 0; i < POOLS; i++) {
        own->places[i].ours_count = own->places[i].command_count = 0;
        own->databases[i].ours_count = 0;
    }
    world_init(&own->world,
               core_create(story->set, story->seed, true, now, (struct wall){START_US + story->now_us}),
               own->places, (struct wall){START_US});
    own->world.now_us = story->now_us;
    own->world.nature = nature;
    own->world.nature.context = own;
    world_feed(&own->world, (struct event){.kind = EVENT_TICK});
}

static void end_daemon(struct one_daemon *own) {
    core_destroy(own->world.core);
    world_finish(&own->world);
    own->up = false;
}

/* What it has sent goes on, on the server. */
static void kill_daemon(struct one_daemon *own) {
    struct chain_story *story = own->story;
    chained_counts.kills++;
    for (uint32_t task = 0; task < story->set->task_count; task++)
        for (uint32_t i = 0; i < story->rows[task].count; i++) {
            struct row *row = &story->rows[task].items[i];
            if (row->state == PENDING && row->daemon == own->number && row->life == own->life)
                row->ends_us = story->now_us + 1 + pick(story, 2000000);
        }
    end_daemon(own);
}

static void end_orphans(struct chain_story *story) {
    for (uint32_t task = 0; task < story->set->task_count; task++)
        for (uint32_t i = 0; i < story->rows[task].count; i++) {
            struct row *row = &story->rows[task].items[i];
            if (row->state == PENDING && row->ends_us && row->ends_us <= story->now_us)
                row->state = pick(story, 2) ? DONE_OK : GONE;
        }
}

static void live_until(struct chain_story *story, int64_t until_us) {
    while (story->now_us < until_us) {
        story->now_us += 1 + pick(story, SLICE_US);
        end_orphans(story);
        for (uint32_t i = 0; i < DAEMONS; i++) {
            struct one_daemon *own = &story->daemons[i];
            while (own->up && world_advance(&own->world, story->now_us))
                ;
            if (own->up && own->world.stuck)
                wrong(story, "time does not go on", 0);
        }
    }
}

static void for_each_root(struct chain_story *story, bool paused) {
    for (uint32_t i = 0; i < DAEMONS; i++)
        for (uint32_t task = 0; story->daemons[i].up && task < story->set->task_count; task++)
            if (!after_of(story, task)) {
                struct event event = {.kind = EVENT_PAUSE, .task = task};
                event.pause.paused = paused;
                world_feed(&story->daemons[i].world, event);
            }
}

/* --- what must hold --- */

static int compare_rows(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* Each row that was claimed answers what the one before has not. Where a transaction has failed there is none
 * until its record is written; what it was to answer another daemon may have answered before that. */
static void check_once(struct chain_story *story, uint32_t task) {
    struct rows *rows = &story->rows[task];
    const struct after *after = after_of(story, task);
    const struct row *before = NULL;
    if (rows->count)
        qsort(rows->items, rows->count, sizeof *rows->items, compare_rows);
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->items[i];
        if (row->state == GONE || !row->counts || !row->answers)
            continue;
        if (row->state == RUNNING || row->state == PENDING)
            wrong(story, "a run has no end", task);
        if (before && before->claimed && row->claimed && !is_new(after, before, row))
            wrong(story, "two runs answer the same", task);
        for (uint32_t j = 0; before && j < after->count; j++)
            if (row->answered[j] < before->answered[j])
                wrong(story, "what is answered goes back", task);
        before = row;
        chained_counts.releases++;
    }
}

static void check_settled(struct chain_story *story, uint32_t task) {
    const struct after *after = after_of(story, task);
    const struct row *last = newest(&story->rows[task], true);
    struct row ended = {0}, since = {0};
    for (uint32_t i = 0; i < after->count; i++) {
        ended.answered[i] = last_end(story, after->tasks[i], after->outcome);
        since.answered[i] = story->rows[task].since;
    }
    if (is_new(after, last ? last : &since, &ended))
        wrong(story, "what has ended was never answered", task);
}

/* --- a story --- */

static struct taskset *chained_set(struct chain_story *story) {
    static const char *const outcomes[] = {"ok", "ok", "ok", "failed", "any"};
    struct text ini = {0};
    struct faults faults = {0};
    uint32_t count = 3 + pick(story, MOST - 2), roots = 1 + pick(story, 2);
    text_add(&ini, "[pool p0]\nsize = 2\nhistory = on\n[pool p1]\nsize = 1\nhistory = on\n");
    for (uint32_t i = 0; i < count; i++) {
        text_add(&ini, "[task t%u]\npool = p%u\nhold_after = 0\n%s\n", i, pick(story, POOLS),
                 pick(story, 3) ? "sql = x" : "command = x\ntokens = 0");
        if (pick(story, 4) == 0)
            text_add(&ini, "retries = 2\nretry_delay = 10ms..1s\n");
        if (i < roots) {
            text_add(&ini, "every = %ums\n", 500 + pick(story, 4000));
            continue;
        }
        text_add(&ini, "after = ");
        uint32_t from = pick(story, i), links = 1 + pick(story, i - from < 3 ? i - from : 3);
        for (uint32_t j = 0; j < links; j++)
            text_add(&ini, "%st%u", j ? ", " : "", from + j);
        text_add(&ini, "\nafter_any = %s\nafter_outcome = %s\n", pick(story, 3) ? "off" : "on",
                 outcomes[pick(story, 5)]);
    }
    struct taskset *set = config_read(ini.bytes, ini.bytes_count, NULL, &faults);
    if (faults.count) {
        fprintf(stderr, "%s\n%s\n", ini.bytes, faults.items[0].message);
        abort();
    }
    config_name_service(set, "sim.ini");
    text_finish(&ini);
    return set;
}

static void live_with_faults(struct chain_story *story, uint32_t daemon_count) {
    while (story->now_us < FAULTY_US) {
        live_until(story, story->now_us + 100000 + pick(story, 3000000));
        struct one_daemon *own = &story->daemons[pick(story, daemon_count)];
        uint32_t task = pick(story, story->set->task_count);
        if (own->up && pick(story, 3) == 0)
            kill_daemon(own);
        else if (!own->up)
            begin_daemon(own);
        else if (pick(story, 3) == 0)
            world_feed(&own->world, (struct event){.kind = EVENT_TRIGGER, .task = task});
    }
}

void chained_tell(uint64_t seed) {
    static struct chain_story story;
    const struct simulate_options options = {.for_us = US_PER_DAY, .part_count = 1, .slot_count = 100};
    uint32_t *const mix[] = {&story.run_fails, &story.claim_lost,  &story.claim_refused,
                             &story.ask_lost,  &story.ask_refused, &story.breaks};
    memset(&story, 0, sizeof story);
    story.seed = story.random = seed;
    for (size_t i = 0; i < COUNT_OF(mix); i++)
        *mix[i] = pick(&story, 2) ? pick(&story, 150) : 0;
    story.set = chained_set(&story);
    uint32_t daemon_count = 1 + pick(&story, DAEMONS);
    for (uint32_t i = 0; i < daemon_count; i++) {
        struct one_daemon *own = &story.daemons[i];
        own->story = &story;
        own->number = i;
        for (uint32_t j = 0; j < POOLS; j++) {
            database_init(&own->databases[j], &options, &own->servers[j]);
            own->places[j].database = &own->databases[j];
        }
        begin_daemon(own);
    }
    live_with_faults(&story, daemon_count);
    story.quiet = true;
    for (uint32_t i = 0; i < daemon_count; i++)
        if (!story.daemons[i].up)
            begin_daemon(&story.daemons[i]);
    live_until(&story, story.now_us + QUIET_US / 4);
    for_each_root(&story, true);
    live_until(&story, story.now_us + QUIET_US);
    for (uint32_t task = 0; task < story.set->task_count; task++)
        if (after_of(&story, task)) {
            check_once(&story, task);
            check_settled(&story, task);
        }
    for (uint32_t i = 0; i < daemon_count; i++)
        end_daemon(&story.daemons[i]);
    for (uint32_t i = 0; i < daemon_count; i++)
        for (uint32_t j = 0; j < POOLS; j++) {
            database_finish(&story.daemons[i].databases[j]);
            simulate_level_finish(&story.daemons[i].servers[j].foreground);
        }
    for (uint32_t task = 0; task < MOST; task++)
        free(story.rows[task].items);
    taskset_unref(story.set);
}
