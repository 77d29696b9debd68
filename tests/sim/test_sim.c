/*
 * The shipping core under virtual time: hundreds of random files in random worlds, each twice with equal
 * traces. After every step the sums must be right; at the end every occurrence must be in exactly one record,
 * and once the faults are over nobody may wait for long. A failure prints its seed: run `test_sim SEED` to
 * see it again; `test_sim SEED COUNT` tells so many.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/core/gate.h"
#include "scheduler/core/core.h"
#include "scheduler/core/run.h"
#include "scheduler/simulate/world.h"
#include "scheduler/status/table.h"
#include "scheduler/status/words.h"
#include "tasks/config.h"
#include "tasks/hash.h"

#define START_WALL_US   (INT64_C(1790000000) * US_PER_S)
#define FAULTY_US       (120 * US_PER_S)
#define QUIET_US        (600 * US_PER_S)
#define LONGEST_WAIT_US (400 * US_PER_S)
#define TASKS_MOST      40

/* Occurrences of one task, as the records tell them. */
struct backlog {
    char name[16];
    struct answered {
        int64_t first, last, count;
    } * ranges;
    uint32_t count, capacity;
    int64_t every_us;
};

/* How bad the world is, in per mille of the chances there are. */
struct faults_mix {
    uint32_t of_world[WORLD_FAULTS];
    uint32_t run_fails, conflicts, sample_fails;
    int64_t outage_every_us, outage_us; /* 0: none */
};

struct story {
    uint64_t seed;
    uint64_t random;
    struct faults_mix faults;
    bool down;
    struct world world;
    struct world_place places[POOLS_MAX];
    struct database databases[POOLS_MAX]; /* one for each pool */
    struct simulate_server servers[POOLS_MAX];
    bool opened[POOLS_MAX]; /* since the last check */
    bool stopped;
    uint64_t trace; /* a hash of every action, with its time */
    struct backlog ledgers[TASKS_MOST];
    uint32_t backlog_count;
    bool reloaded;
};

/* That the mechanisms were exercised at all. */
static uint64_t yields, breaches, retries, holds, outcomes[OUTCOME_ELSEWHERE + 1];

static uint32_t draw(struct story *story, uint32_t below) {
    story->random += UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)hash_below(hash_finish(story->random), below);
}

static bool by_chance(struct story *story, uint32_t permille) {
    return draw(story, 1000) < permille;
}

static _Noreturn void fail(const struct story *story, const char *what) {
    fprintf(stderr, "seed %" PRIu64 ": %s (at %.6f s of virtual time)\n", story->seed, what,
            (double)story->world.now_us / 1e6);
    exit(1);
}

static _Noreturn void fail_pool(const struct story *story, const struct core_pool *pool, const char *what) {
    struct text sum = {0};
    status_tokens(&pool->tokens, &sum);
    fprintf(stderr, "pool %s: %s\n", pool->settings->name, sum.bytes);
    fail(story, what);
}

static void dump(const struct story *story, struct text *ret) {
    const struct status_context context = {.version = "sim", .path = "random"};
    struct status status;
    status_init(&status, story->world.core, story->world.core->now, &context);
    status_print(&status, 0, ret);
    status_finish(&status);
}

static _Noreturn void fail_dump(const struct story *story, const char *what) {
    struct text text = {0};
    dump(story, &text);
    fputs(text.bytes, stderr);
    fail(story, what);
}

/* Whatever state it is in, there are words for it. */
static void check_dump(const struct story *story) {
    struct text text = {0};
    dump(story, &text);
    if (strstr(text.bytes, "(null)"))
        fail_dump(story, "the dump has no word for something");
    text_finish(&text);
}

/* --- a random file --- */

static void add_stages(struct story *story, struct text *ini) {
    uint32_t kind = draw(story, 4); /* most have all three */
    if (kind != 0)
        text_add(ini, "read = SELECT 1\nwork_parallel = %u\n", draw(story, 6));
    if (kind != 1)
        text_add(ini, "write = SELECT 2\n");
    text_add(ini, "work = true\n");
    if (draw(story, 2))
        text_add(ini, "work_timeout = %ums\nwrite_timeout = %ums\n", 100 + draw(story, 20000),
                 50 + draw(story, 1000));
}

/* What follows a failure, and a start that comes late. */
static void add_attempts(struct story *story, struct text *ini, bool command, uint32_t every_ms) {
    if (!command && draw(story, 3) == 0)
        text_add(ini, "conflict_retries = %u\nretry_lock = on\n", draw(story, 8));
    if (draw(story, 3) == 0)
        text_add(ini, "retries = %u\nretry_delay = %ums..10s\n", draw(story, 4), 1 + draw(story, 2000));
    if (draw(story, 3) == 0)
        text_add(ini, "hold_after = %u\nhold = %ums..20s\n", draw(story, 4), 10 + draw(story, 5000));
    if (draw(story, 4) == 0)
        text_add(ini, "start_deadline = %ums\n", 1 + draw(story, 2 * every_ms));
}

static void add_task(struct story *story, struct text *ini, uint32_t i, uint32_t pools, uint32_t size) {
    static const char *const overlaps[] = {"skip", "queue", "allow"};
    static const char *const priorities[] = {"low", "normal", "high"};
    bool command = draw(story, 4) == 0, staged = !command && draw(story, 3) == 0;
    uint32_t most = command ? size + 1 : 2;
    uint32_t tokens = draw(story, most) + !command;
    uint32_t every_ms = 20 + draw(story, draw(story, 2) ? 500 : 20000);
    text_add(ini, "[task t%u]\nevery = %ums\n", i, every_ms);
    if (staged)
        add_stages(story, ini);
    else
        text_add(ini, "%s\ntokens = %u\n", command ? "command = true" : "sql = SELECT 1",
                 tokens > size ? size : tokens);
    text_add(ini, "pool = p%u\npriority = %s\noverlap = %s\n", draw(story, pools), priorities[draw(story, 3)],
             overlaps[draw(story, 3)]);
    add_attempts(story, ini, command, every_ms);
    text_add(ini, "timeout = %ums\n", 100 + draw(story, 5000));
    if (draw(story, 3) == 0)
        text_add(ini, "patience = %ums\n", draw(story, every_ms));
    if (!command && !staged && draw(story, 3) == 0)
        text_add(ini, "session = clean\n");
}

static void random_file(struct story *story, struct text *ini) {
    uint32_t pools = 1 + draw(story, 3), tasks = 1 + draw(story, TASKS_MOST - 1);
    uint32_t size = 1 + draw(story, 8);
    text_add(ini, "[headgate]\ndrain_timeout = 2s\nchildren = %u\n", 1 + draw(story, 64));
    for (uint32_t i = 0; i < pools; i++)
        text_add(ini,
                 "[pool p%u]\nsize = %u\nshort = 60ms\nidle = %us\nrecycle = %us\nping = %us\nlinger = "
                 "5s\nconnect_timeout "
                 "= 3s\n",
                 i, size, 1 + draw(story, 20), 5 + draw(story, 60), 1 + draw(story, 10));
    for (uint32_t i = 0; i < tasks; i++)
        add_task(story, ini, i, pools, size);
}

static const char *no_files(void *context, const char *path, uint32_t line, struct arena *arena,
                            struct faults *faults) {
    (void)context, (void)path, (void)line, (void)arena, (void)faults;
    return NULL;
}

static struct taskset *random_set(struct story *story) {
    struct text ini = {0}, complaint = {0};
    struct faults faults = {0};
    random_file(story, &ini);
    struct taskset *set = config_read(ini.bytes, ini.bytes_count, no_files, NULL, &faults);
    faults_print(&faults, "random", &complaint);
    if (faults.count)
        fprintf(stderr, "%s%s", ini.bytes, complaint.bytes);
    assert(faults.count == 0);
    text_finish(&ini);
    return set;
}

/* --- a random world --- */

static void draw_faults(struct story *story) {
    struct faults_mix *mix = &story->faults;
    uint32_t *const further[] = {&mix->run_fails, &mix->conflicts, &mix->sample_fails};
    for (int i = 0; i < WORLD_FAULTS; i++) /* each kind is off in half of the worlds */
        mix->of_world[i] = draw(story, 2) ? draw(story, 200) : 0;
    for (size_t i = 0; i < sizeof further / sizeof *further; i++)
        *further[i] = draw(story, 2) ? draw(story, 200) : 0;
    if (draw(story, 2)) {
        mix->outage_every_us = 5 * US_PER_S + draw(story, 30000000);
        mix->outage_us = draw(story, 10000000);
    }
}

static bool happens(void *context, enum world_fault fault) {
    struct story *story = context;
    return (fault == WORLD_CONNECT_FAILS && story->down) || by_chance(story, story->faults.of_world[fault]);
}

/* From a tenth of the mean to ten times it, mostly below. */
static int64_t some_time(struct story *story, int64_t mean_us) {
    int64_t us = mean_us / 10 + draw(story, (uint32_t)mean_us + 1);
    return by_chance(story, 50) ? us * 10 : us;
}

static int64_t takes_us(void *context, enum world_wait wait, int64_t usual_us) {
    (void)wait;
    return some_time(context, usual_us);
}

static int64_t run_takes_us(void *context, const struct run *run) {
    struct story *story = context;
    return some_time(story, run->stage == STAGE_WORK ? 500000 : draw(story, 2) ? 50000 : 5000);
}

static void look(void *context, struct sample *sample) {
    struct story *story = context;
    sample->known = !by_chance(story, story->faults.sample_fails);
    sample->core_count = 2;
    sample->active_count = (int32_t)draw(
        story, (uint32_t)(sample->scopes[SCOPE_SERVER].used - sample->scopes[SCOPE_SERVER].ours) + 1);
}

static void end_run(void *context, uint32_t index, bool lost, struct event *end) {
    struct story *story = context;
    bool sql = end->session.generation != 0;
    (void)index;
    end->ended.row_count = draw(story, 4) ? draw(story, 20) : 0;
    if (lost)
        end->ended.outcome = sql && by_chance(story, 500)
                                 ? OUTCOME_FAILED
                                 : OUTCOME_UNKNOWN; /* before COMMIT was sent, or after */
    else if (by_chance(story, story->faults.run_fails) || (sql && by_chance(story, story->faults.conflicts)))
        end->ended.outcome = OUTCOME_FAILED;
    if (end->ended.outcome == OUTCOME_FAILED && end->ended.failure == FAILURE_OTHER && sql &&
        by_chance(story, 500))
        end->ended.failure = draw(story, 2) ? FAILURE_CONFLICT : FAILURE_LOCK;
}

/* All sessions break at once; nothing connects until it is up again. */
static void outage(struct story *story, bool down) {
    const struct core *core = story->world.core;
    story->down = down;
    for (uint32_t i = 0; down && i < core->session_used; i++)
        if (core->sessions[i].state != CORE_SESSION_FREE && core->sessions[i].state != CORE_SESSION_CLOSING &&
            core->sessions[i].state != CORE_SESSION_OPENING)
            world_break_session(&story->world, i);
}

/* To the application so many of the server's slots. */
static void set_server(struct story *story, uint32_t place, uint32_t slot_count, uint32_t application_count) {
    story->servers[place].usable_count = slot_count;
    story->databases[place].application_count = application_count;
}

/* --- what must hold after every step --- */

/* What the last step opened was within the gate, but for the floor and what trickles. */
static void check_growth(const struct story *story, uint32_t index) {
    const struct core_pool *pool = &story->world.core->pools[index];
    bool trickled = pool->gate.trickled.us == story->world.core->now.us;
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
    if (!story->reloaded && tokens_held(tokens) > tokens->size)
        fail_pool(story, pool, "more tokens are held than the pool has");
    if (!story->reloaded && weights > tokens->size && weights > heaviest)
        fail_pool(story, pool, "more tokens are taken than the size");
    if (tokens->limit < 1 || tokens->limit > tokens->size)
        fail_pool(story, pool, "the limit is not within 1 and the size");
    check_growth(story, index);
    if (!story->reloaded && story->places[index].ours_count > tokens_held(tokens))
        fail_pool(story, pool, "the server counts more sessions than tokens are held");
}

/* What the core counts, against what is there. */
static void check_runs(const struct story *story) {
    const struct core *core = story->world.core;
    uint32_t begun = 0, children = 0, half_done[POOLS_MAX] = {0};
    uint32_t waiting[4 * TASKS_MOST] = {0}, running[4 * TASKS_MOST] = {0}, between[4 * TASKS_MOST] = {0};
    assert(core->task_count <= 4 * TASKS_MOST && core->pool_count <= POOLS_MAX);
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        if (run->state == RUN_FREE)
            continue;
        bool started = run->state == RUN_SENT || run->state == RUN_RUNNING || run->state == RUN_STOPPING;
        if (started && !run->begun)
            fail(story, "a run is under way that has not begun");
        if (run->begun && !started && run->stage == stage_first(run->definition))
            fail(story, "a run has begun and waits for its first stage");
        begun += run->begun;
        running[run->task] += run->begun;
        waiting[run->task] += !run->begun;
        between[run->task] += run->begun && !started;
        half_done[run->pool] += run->begun && run->definition->work == WORK_STAGES;
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
        if (!story->reloaded && running[i] > 1 && core->tasks[i].definition->overlap != OVERLAP_ALLOW)
            fail(story, "a task's runs overlap");
    }
}

static void check_step(struct story *story) {
    for (uint32_t i = 0; i < story->world.core->pool_count; i++)
        check_pool(story, i);
    check_runs(story);
    memset(story->opened, 0, sizeof story->opened);
}

static void check_waits(const struct story *story) {
    const struct core *core = story->world.core;
    for (uint32_t i = 0; i < core->run_used; i++)
        if ((core->runs[i].state != RUN_FREE && mono_since(core->now, core->runs[i].due) > LONGEST_WAIT_US))
            fail_dump(story, core->runs[i].begun ? "a run is under way for ever" : "a run waits for ever");
}

/* --- the account --- */

static struct backlog *backlog_of(struct story *story, const struct task *task) {
    for (uint32_t i = 0; i < story->backlog_count; i++)
        if (strcmp(story->ledgers[i].name, task->name) == 0)
            return &story->ledgers[i];
    assert(story->backlog_count < TASKS_MOST);
    struct backlog *backlog = &story->ledgers[story->backlog_count++];
    snprintf(backlog->name, sizeof backlog->name, "%s", task->name);
    backlog->every_us = task->schedule.every_us;
    return backlog;
}

static void note_record(struct story *story, const struct record *record) {
    struct backlog *backlog = backlog_of(story, story->world.core->tasks[record->task].definition);
    if (backlog->count == backlog->capacity) {
        backlog->capacity = backlog->capacity ? backlog->capacity * 2 : 64;
        backlog->ranges = realloc(backlog->ranges, backlog->capacity * sizeof *backlog->ranges);
        assert(backlog->ranges);
    }
    backlog->ranges[backlog->count++] =
        (struct answered){record->due_first.us, record->due_last.us, record->occurrence_count};
    outcomes[record->outcome]++;
    story->trace = hash_bytes(story->trace, &record->outcome, sizeof record->outcome);
}

static void note_action(void *context, const struct action *action) {
    struct story *story = context;
    const uint64_t facts[] = {(uint64_t)story->world.now_us, action->kind,
                              action->session.index,         action->run.index,
                              action->run.generation,        action->task};
    story->trace = hash_bytes(story->trace, facts, sizeof facts);
    if (action->kind == ACTION_RECORD)
        note_record(story, &action->record);
    if (action->kind == ACTION_OPEN)
        story->opened[action->pool] = true;
    story->stopped |= action->kind == ACTION_STOPPED;
    yields += action->kind == ACTION_YIELDED;
    breaches += action->kind == ACTION_BREACH;
    retries += action->kind == ACTION_RETRY;
    holds += action->kind == ACTION_HOLD;
}

static int compare_ranges(const void *a, const void *b) {
    const struct answered *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* No occurrence is missing, none is answered twice. */
static void check_ledger(const struct story *story, struct backlog *backlog) {
    qsort(backlog->ranges, backlog->count, sizeof *backlog->ranges, compare_ranges);
    for (uint32_t i = 0; i < backlog->count; i++) {
        const struct answered *range = &backlog->ranges[i];
        if ((range->last - range->first) / backlog->every_us + 1 != range->count)
            fail(story, "a record's count is not what its range holds");
        if (i > 0 && range->first != backlog->ranges[i - 1].last + backlog->every_us)
            fail(story, range->first > backlog->ranges[i - 1].last ? "an occurrence is missing"
                                                                   : "one is answered twice");
    }
}

/* --- one story --- */

static void step_clock(struct story *story) {
    struct world *world = &story->world;
    uint32_t kind = draw(story, 3);
    int64_t by_us = (int64_t)draw(story, 30) * US_PER_S;
    if (kind == 2) { /* back, a little: no occurrence may be answered again. Far back: see clock.c */
        by_us = -(int64_t)draw(story, 20000);
    }
    world->wall_start_us += by_us;
    world_feed(world, (struct event){.kind = EVENT_TICK});
}

static void reload(struct story *story) {
    struct world *world = &story->world;
    struct taskset *set = random_set(story);
    core_reload(world->core, set, (struct mono){WORLD_MONO_START_US + world->now_us},
                (struct wall){world->wall_start_us + world->now_us});
    taskset_unref(set);
    world_follow_reload(world);
    story->reloaded = true;
    world_feed(world, (struct event){.kind = EVENT_TICK});
}

static void live_until(struct story *story, int64_t until_us, bool waits_are_checked) {
    while (!story->stopped && world_advance(&story->world, until_us)) {
        check_step(story);
        if (story->world.step_count % 4096 < 4)
            check_dump(story);
        if (waits_are_checked)
            check_waits(story);
    }
    if (story->world.stuck)
        fail_dump(story, "time does not go on");
}

static void live_with_faults(struct story *story) {
    struct world *world = &story->world;
    const struct faults_mix mix = story->faults;
    while (world->now_us < FAULTY_US) {
        live_until(story, world->now_us + 1000000 + draw(story, 10000000), false);
        if (mix.outage_every_us && draw(story, 3) == 0) {
            outage(story, true);
            live_until(story, world->now_us + mix.outage_us, false);
            outage(story, false);
        }
        if (draw(story, 4) == 0)
            step_clock(story);
        uint32_t slot_count = draw(story, 4) ? story->servers[0].usable_count : 1 + draw(story, 30);
        for (uint32_t i = 0; i < POOLS_MAX; i++)
            set_server(story, i, slot_count,
                       draw(story, 3) ? story->databases[i].application_count : draw(story, slot_count));
        if (story->seed % 4 == 3 && draw(story, 6) == 0)
            reload(story);
    }
}

static void live_without(struct story *story) {
    struct world *world = &story->world;
    story->faults = (struct faults_mix){0};
    for (uint32_t i = 0; i < POOLS_MAX; i++)
        set_server(story, i, 100, 0);
    live_until(story, world->now_us + QUIET_US, false);
    check_waits(story);
}

/* Once or twice; the end comes whatever else goes wrong. */
static void stop(struct story *story) {
    struct world *world = &story->world;
    int64_t end_us = world->now_us + 60 * US_PER_S;
    world_feed(world, (struct event){.kind = EVENT_DRAIN});
    live_until(story, world->now_us + draw(story, 6000000), false);
    if (!story->stopped && draw(story, 3) == 0)
        world_feed(world, (struct event){.kind = EVENT_DRAIN});
    live_until(story, end_us, false);
    if (!story->stopped)
        fail_dump(story, "the drain does not end");
    for (uint32_t i = 0; i < world->core->run_used; i++)
        if (world->core->runs[i].state != RUN_FREE)
            fail(story, "the drain has ended before a run");
}

static uint64_t tell(uint64_t seed, uint64_t *ret_steps) {
    struct story story = {.seed = seed, .random = seed, .trace = HASH_START};
    const struct simulate_options options = {.for_us = US_PER_DAY, .part_count = 1, .slot_count = 100};
    struct world *world = &story.world;
    struct taskset *set = random_set(&story);
    struct wall start = {START_WALL_US + (int64_t)(seed % 1000)};
    struct core *core = core_create(set, seed, true, (struct mono){WORLD_MONO_START_US}, start);
    world_init(world, core, story.places, start);
    world->nature = (struct world_nature){.context = &story,
                                          .happens = happens,
                                          .takes_us = takes_us,
                                          .run_takes_us = run_takes_us,
                                          .sees = note_action,
                                          .looks = look,
                                          .ends = end_run};
    for (uint32_t i = 0; i < POOLS_MAX; i++) {
        database_init(&story.databases[i], &options, &story.servers[i]);
        story.places[i].database = &story.databases[i];
    }
    draw_faults(&story);
    world_feed(world, (struct event){.kind = EVENT_TICK});
    live_with_faults(&story);
    if (seed % 8 != 5)
        live_without(&story);
    stop(&story);
    for (uint32_t i = 0; i < story.backlog_count; i++) {
        if (!story.reloaded)
            check_ledger(&story, &story.ledgers[i]);
        free(story.ledgers[i].ranges);
    }
    for (uint32_t i = 0; i < POOLS_MAX; i++) {
        database_finish(&story.databases[i]);
        simulate_level_finish(&story.servers[i].foreground);
    }
    *ret_steps += world->step_count;
    world_finish(world);
    core_destroy(core);
    taskset_unref(set);
    return story.trace;
}

static void tell_twice(uint64_t seed, uint64_t *ret_steps) {
    uint64_t first = tell(seed, ret_steps);
    if (tell(seed, ret_steps) != first) {
        fprintf(stderr, "seed %" PRIu64 ": the same events gave other actions\n", seed);
        exit(1);
    }
}

int main(int argc, char **argv) {
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1, steps = 0;
    uint64_t count = argc > 2                  ? strtoull(argv[2], NULL, 10)
                     : argc > 1                ? 1
                     : getenv("HEADGATE_LONG") ? 20000
                                               : 60;
    for (uint64_t i = 0; i < count; i++)
        tell_twice(seed + i, &steps);
    printf("%" PRIu64 " worlds, each twice, %" PRIu64 " steps, %" PRIu64 " runs gave way, %" PRIu64
           " breaches\n",
           count, steps, yields, breaches);
    printf("%" PRIu64 " attempts were followed by another one, %" PRIu64 " holds;", retries, holds);
    for (int outcome = 0; outcome <= OUTCOME_ELSEWHERE; outcome++)
        printf(" %" PRIu64 " %s", outcomes[outcome], outcome_name((enum outcome)outcome));
    printf("\n");
    return 0;
}
