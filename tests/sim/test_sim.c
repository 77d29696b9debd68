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
#include "scheduler/status/table.h"
#include "scheduler/status/words.h"
#include "tasks/config.h"
#include "tasks/hash.h"
#include "world.h"

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

struct story {
    uint64_t seed;
    struct world world;
    struct backlog ledgers[TASKS_MOST];
    uint32_t backlog_count;
    bool clock_went_back;
    bool reloaded;
};

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

static void add_stages(struct world *world, struct text *ini) {
    uint32_t kind = world_random(world, 4); /* most have all three */
    if (kind != 0)
        text_add(ini, "read = SELECT 1\nwork_parallel = %u\n", world_random(world, 6));
    if (kind != 1)
        text_add(ini, "write = SELECT 2\n");
    text_add(ini, "work = true\n");
    if (world_random(world, 2))
        text_add(ini, "work_timeout = %ums\nwrite_timeout = %ums\n", 100 + world_random(world, 20000),
                 50 + world_random(world, 1000));
}

/* What follows a failure, and a start that comes late. */
static void add_attempts(struct world *world, struct text *ini, bool command, uint32_t every_ms) {
    if (!command && world_random(world, 3) == 0)
        text_add(ini, "conflict_retries = %u\nretry_lock = on\n", world_random(world, 8));
    if (world_random(world, 3) == 0)
        text_add(ini, "retries = %u\nretry_delay = %ums..10s\n", world_random(world, 4),
                 1 + world_random(world, 2000));
    if (world_random(world, 3) == 0)
        text_add(ini, "hold_after = %u\nhold = %ums..20s\n", world_random(world, 4), 10 + world_random(world, 5000));
    if (world_random(world, 4) == 0)
        text_add(ini, "start_deadline = %ums\n", 1 + world_random(world, 2 * every_ms));
}

static void add_task(struct world *world, struct text *ini, uint32_t i, uint32_t pools, uint32_t size) {
    static const char *const overlaps[] = {"skip", "queue", "allow"};
    static const char *const priorities[] = {"low", "normal", "high"};
    bool command = world_random(world, 4) == 0, staged = !command && world_random(world, 3) == 0;
    uint32_t most = command ? size + 1 : 2;
    uint32_t tokens = world_random(world, most) + !command;
    uint32_t every_ms = 20 + world_random(world, world_random(world, 2) ? 500 : 20000);
    text_add(ini, "[task t%u]\nevery = %ums\n", i, every_ms);
    if (staged)
        add_stages(world, ini);
    else
        text_add(ini, "%s\ntokens = %u\n", command ? "command = true" : "sql = SELECT 1", tokens > size ? size : tokens);
    text_add(ini, "pool = p%u\npriority = %s\noverlap = %s\n", world_random(world, pools),
             priorities[world_random(world, 3)], overlaps[world_random(world, 3)]);
    add_attempts(world, ini, command, every_ms);
    text_add(ini, "timeout = %ums\n", 100 + world_random(world, 5000));
    if (world_random(world, 3) == 0)
        text_add(ini, "patience = %ums\n", world_random(world, every_ms));
    if (!command && !staged && world_random(world, 3) == 0)
        text_add(ini, "session = clean\n");
}

static void random_file(struct world *world, struct text *ini) {
    uint32_t pools = 1 + world_random(world, 3), tasks = 1 + world_random(world, TASKS_MOST - 1);
    uint32_t size = 1 + world_random(world, 8);
    text_add(ini, "[headgate]\ndrain_timeout = 2s\nchildren = %u\n", 1 + world_random(world, 64));
    for (uint32_t i = 0; i < pools; i++)
        text_add(ini,
                 "[pool p%u]\nsize = %u\nshort = 60ms\nidle = %us\nrecycle = %us\nping = %us\nlinger = 5s\nconnect_timeout "
                 "= 3s\n",
                 i, size, 1 + world_random(world, 20), 5 + world_random(world, 60),
                 1 + world_random(world, 10));
    for (uint32_t i = 0; i < tasks; i++)
        add_task(world, ini, i, pools, size);
}

static const char *no_files(void *context, const char *path, uint32_t line, struct arena *arena,
                            struct faults *faults) {
    (void)context, (void)path, (void)line, (void)arena, (void)faults;
    return NULL;
}

static struct taskset *random_set(struct world *world) {
    struct text ini = {0}, complaint = {0};
    struct faults faults = {0};
    random_file(world, &ini);
    struct taskset *set = config_read(ini.bytes, ini.bytes_count, no_files, NULL, &faults);
    faults_print(&faults, "random", &complaint);
    if (faults.count)
        fprintf(stderr, "%s%s", ini.bytes, complaint.bytes);
    assert(faults.count == 0);
    text_finish(&ini);
    return set;
}

static struct faults_mix random_faults(struct world *world) {
    struct faults_mix mix = {0};
    uint32_t *chances[] = {&mix.connect_fails, &mix.connect_hangs, &mix.session_breaks, &mix.run_fails,
                           &mix.run_hangs,     &mix.run_unsent,    &mix.never_gone,     &mix.answer_hangs,
                           &mix.sample_fails,  &mix.breaches,      &mix.conflicts};
    for (size_t i = 0; i < sizeof chances / sizeof *chances; i++) /* each kind is off in half of the worlds */
        *chances[i] = world_random(world, 2) ? world_random(world, 200) : 0;
    if (world_random(world, 2)) {
        mix.outage_every_us = 5 * US_PER_S + world_random(world, 30000000);
        mix.outage_us = world_random(world, 10000000);
    }
    return mix;
}

/* --- what must hold after every step --- */

/* What the last step opened was within the gate, but for the floor and what trickles. */
static void check_growth(const struct story *story, uint32_t index) {
    const struct core_pool *pool = &story->world.core->pools[index];
    bool trickled = pool->gate.trickled.us == story->world.core->now.us;
    if (story->world.opened[index] && tokens_sessions(&pool->tokens) > 1 && !trickled &&
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
        if (run->pool != index || (run->state != RUN_SENT && run->state != RUN_RUNNING && run->state != RUN_STOPPING))
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
    if (!story->reloaded && story->world.server_used[index] > tokens_held(tokens))
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

static void check_step(const struct story *story) {
    for (uint32_t i = 0; i < story->world.core->pool_count; i++)
        check_pool(story, i);
    check_runs(story);
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

static void on_record(struct world *world, const struct record *record) {
    struct story *story = world->context;
    struct backlog *backlog = backlog_of(story, world->core->tasks[record->task].definition);
    if (backlog->count == backlog->capacity) {
        backlog->capacity = backlog->capacity ? backlog->capacity * 2 : 64;
        backlog->ranges = realloc(backlog->ranges, backlog->capacity * sizeof *backlog->ranges);
        assert(backlog->ranges);
    }
    backlog->ranges[backlog->count++] =
        (struct answered){record->due_first.us, record->due_last.us, record->occurrence_count};
    world->outcome_counts[record->outcome]++;
    world->trace = hash_bytes(world->trace, &record->outcome, sizeof record->outcome);
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
    uint32_t kind = world_random(world, 3);
    int64_t by_us = (int64_t)world_random(world, 30) * US_PER_S;
    if (kind == 2) { /* back, a little: no occurrence may be answered again. Far back: see clock.c */
        by_us = -(int64_t)world_random(world, 20000);
    }
    world->wall_us += by_us;
    world_feed(world, (struct event){.kind = EVENT_TICK});
}

static void reload(struct story *story) {
    struct world *world = &story->world;
    uint32_t slots = world->core->session_capacity, runs = world->core->run_capacity;
    struct taskset *set = random_set(world);
    core_reload(world->core, set, (struct mono){world->now_us}, (struct wall){world->wall_us});
    taskset_unref(set);
    world_follow_reload(world, slots, runs);
    story->reloaded = true;
    world_feed(world, (struct event){.kind = EVENT_TICK});
}

static void live_until(struct story *story, int64_t until_us, bool waits_are_checked) {
    while (!story->world.stopped && world_advance(&story->world, until_us)) {
        check_step(story);
        if (story->world.step_count % 4096 < 4)
            check_dump(story);
        if (waits_are_checked)
            check_waits(story);
    }
}

static void live_with_faults(struct story *story) {
    struct world *world = &story->world;
    const struct faults_mix mix = world->faults;
    while (world->now_us < FAULTY_US) {
        live_until(story, world->now_us + 1000000 + world_random(world, 10000000), false);
        if (mix.outage_every_us && world_random(world, 3) == 0) {
            world_outage(world, true);
            live_until(story, world->now_us + mix.outage_us, false);
            world_outage(world, false);
        }
        if (world_random(world, 4) == 0)
            step_clock(story);
        if (world_random(world, 4) == 0)
            world->server_slots = 1 + world_random(world, 30);
        for (uint32_t i = 0; i < POOLS_MAX; i++)
            world->foreground[i] = world_random(world, 3) ? world->foreground[i] : world_random(world, world->server_slots);
        if (story->seed % 4 == 3 && world_random(world, 6) == 0)
            reload(story);
    }
}

static void live_without(struct story *story) {
    struct world *world = &story->world;
    world->faults = (struct faults_mix){0};
    world->server_slots = 100;
    memset(world->foreground, 0, sizeof world->foreground);
    live_until(story, world->now_us + QUIET_US, false);
    check_waits(story);
}

/* Once or twice; the end comes whatever else goes wrong. */
static void stop(struct story *story) {
    struct world *world = &story->world;
    int64_t end_us = world->now_us + 60 * US_PER_S;
    world_feed(world, (struct event){.kind = EVENT_DRAIN});
    live_until(story, world->now_us + world_random(world, 6000000), false);
    if (!world->stopped && world_random(world, 3) == 0)
        world_feed(world, (struct event){.kind = EVENT_DRAIN});
    live_until(story, end_us, false);
    if (!world->stopped)
        fail_dump(story, "the drain does not end");
    for (uint32_t i = 0; i < world->core->run_used; i++)
        if (world->core->runs[i].state != RUN_FREE)
            fail(story, "the drain has ended before a run");
}

static uint64_t yields, breaches, retries, holds, outcomes[OUTCOME_NOTHING + 1]; /* that the mechanisms were exercised at all */

static uint64_t tell(uint64_t seed, uint64_t *ret_steps) {
    struct story story = {.seed = seed};
    struct world draft = {.random = seed};
    struct taskset *set = random_set(&draft);
    struct core *core =
        core_create(set, seed, true, (struct mono){0}, (struct wall){START_WALL_US + (int64_t)(seed % 1000)});
    world_init(&story.world, draft.random, core);
    story.world.wall_us = START_WALL_US + (int64_t)(seed % 1000);
    story.world.on_record = on_record;
    story.world.context = &story;
    story.world.faults = random_faults(&story.world);
    world_feed(&story.world, (struct event){.kind = EVENT_TICK});
    live_with_faults(&story);
    if (seed % 8 != 5)
        live_without(&story);
    stop(&story);
    for (uint32_t i = 0; i < story.backlog_count; i++) {
        if (!story.reloaded)
            check_ledger(&story, &story.ledgers[i]);
        free(story.ledgers[i].ranges);
    }
    *ret_steps += story.world.step_count;
    yields += story.world.yield_count;
    breaches += story.world.breach_count;
    retries += story.world.retry_count;
    holds += story.world.hold_count;
    for (int i = 0; i <= OUTCOME_NOTHING; i++)
        outcomes[i] += story.world.outcome_counts[i];
    uint64_t trace = story.world.trace;
    world_finish(&story.world);
    core_destroy(core);
    taskset_unref(set);
    return trace;
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
    printf("%" PRIu64 " worlds, each twice, %" PRIu64 " steps, %" PRIu64 " runs gave way, %" PRIu64 " breaches\n", count,
           steps, yields, breaches);
    printf("%" PRIu64 " attempts were followed by another one, %" PRIu64 " holds;", retries, holds);
    for (int outcome = 0; outcome <= OUTCOME_NOTHING; outcome++)
        printf(" %" PRIu64 " %s", outcomes[outcome], outcome_name((enum outcome)outcome));
    printf("\n");
    return 0;
}
