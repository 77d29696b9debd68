#include "scheduler/simulate/simulate.h"

#include <stdlib.h>

#include "scheduler/simulate/tally.h"
#include "scheduler/simulate/world.h"
#include "tasks/hash.h"

struct forecast {
    const struct simulate_options *options;
    struct simulate_facts *facts;
    struct world world;
    struct tally tally;
};

/* A guard is a cheap statement: so long takes a look at the database, which is no cheaper. It always says
 * yes.
 */
#define GUARD_US (US_PER_MS / 2)

/* Around the median by the task and its occurrence: mostly within a fifth, and one in twenty takes thrice as
 * long. */
static int64_t run_takes_us(void *context, const struct run *run) {
    static const uint16_t spread_permille[] = {620,  700,  750,  800,  840,  880,  920,  960,
                                               1000, 1045, 1090, 1140, 1200, 1280, 1390, 1610};
    const struct simulate_options *options = ((struct forecast *)context)->options;
    const uint64_t facts[] = {options->seed, run->task, (uint64_t)run->due_first.us,
                              run->stage + (uint64_t)STAGES * run->bites.count};
    uint64_t hash = hash_finish(hash_bytes(HASH_START, facts, sizeof facts));
    int64_t took_us = run->stage == STAGE_WORK   ? options->work_us[run->task]
                      : run->stage == STAGE_WHEN ? GUARD_US
                                                 : options->took_us[run->task];
    if (options->exact)
        return took_us;
    bool slow = hash_below(hash_finish(hash + 1), 20) == 0;
    took_us =
        took_us / 1000 * spread_permille[hash % 16] + took_us % 1000 * spread_permille[hash % 16] / 1000;
    return slow ? 3 * took_us : took_us;
}

/* How much is left to change nobody knows: a run has some bites, by its task and occurrence. */
static void run_ends(void *context, uint32_t index, bool lost, struct event *end) {
    const struct forecast *forecast = context;
    const struct run *run = &forecast->world.core->runs[index];
    const uint64_t facts[] = {forecast->options->seed, run->task, (uint64_t)run->due_first.us};
    uint64_t hash = hash_finish(hash_bytes(HASH_START, facts, sizeof facts));
    (void)lost;
    end->ended.changed_count = run->bites.count < hash_below(hash, SIMULATE_BITES_MOST);
}

static void note_action(void *context, const struct action *action) {
    struct forecast *forecast = context;
    const struct core *core = forecast->world.core;
    struct simulate_pool *pools = forecast->facts->pools;
    switch (action->kind) {
    case ACTION_RECORD: tally_record(&forecast->tally, &action->record); break;
    case ACTION_YIELDED: pools[core_run(core, action->run)->pool].yielded_count++; break;
    case ACTION_GATE:
        if (core->pools[action->pool].tokens.limit < pools[action->pool].limit_least)
            pools[action->pool].limit_least = core->pools[action->pool].tokens.limit;
        break;
    default: break;
    }
}

static void note_time(void *context, int64_t us) {
    tally_pass(&((struct forecast *)context)->tally, us);
}

static void note_sessions(void *context, uint32_t pool, uint32_t ours_count) {
    struct forecast *forecast = context;
    simulate_level_set(&forecast->facts->pools[pool].sessions, forecast->world.now_us, ours_count);
}

static void *zeroed(size_t count, size_t bytes) {
    void *memory = calloc(count + 1, bytes);
    if (!memory)
        abort();
    return memory;
}

static void init_facts(struct simulate_facts *facts, const struct taskset *set,
                       const struct simulate_options *options) {
    *facts = (struct simulate_facts){
        .task_count = set->task_count,
        .pool_count = set->pool_count,
        .group_count = set->group_count,
        .server_count = options->server_of_pool ? options->server_count : 1,
    };
    facts->tasks = zeroed(facts->task_count, sizeof *facts->tasks);
    facts->pools = zeroed(facts->pool_count, sizeof *facts->pools);
    facts->groups = zeroed(facts->group_count, sizeof *facts->groups);
    facts->servers = zeroed(facts->server_count, sizeof *facts->servers);
    for (uint32_t i = 0; i < facts->pool_count; i++) {
        simulate_level_init(&facts->pools[i].sessions, options->for_us, options->part_count);
        facts->pools[i].limit_least = set->pools[i].size;
    }
}

static void close_facts(struct forecast *forecast) {
    struct simulate_facts *facts = forecast->facts;
    int64_t for_us = forecast->options->for_us;
    facts->step_count = forecast->world.step_count;
    facts->stuck = forecast->world.stuck;
    for (uint32_t i = 0; i < facts->pool_count; i++) {
        struct simulate_pool *pool = &facts->pools[i];
        simulate_level_set(&pool->sessions, for_us, pool->sessions.value);
        pool->held_peak = forecast->world.core->pools[i].held_peak;
        pool->opened_count = forecast->world.core->pools[i].opened_count;
        pool->refused_count = forecast->world.places[i].refused_count;
    }
    for (uint32_t i = 0; i < facts->server_count; i++)
        simulate_level_set(&facts->servers[i].foreground, for_us, facts->servers[i].foreground.value);
    tally_close(&forecast->tally);
}

static void build_servers(struct forecast *forecast) {
    const struct simulate_options *options = forecast->options;
    struct world *world = &forecast->world;
    for (uint32_t i = 0; i < forecast->facts->server_count; i++) {
        database_init(&world->databases[i], options, &forecast->facts->servers[i]);
        for (uint32_t j = 0; j < options->foreground_count; j++)
            if (options->foregrounds[j].burst_count && options->foregrounds[j].burst_every_us)
                agenda_add(&world->agenda, options->foregrounds[j].burst_every_us, AGENDA_BURST_BEGIN, j, i);
    }
    for (uint32_t i = 0; i < forecast->facts->pool_count; i++)
        world->places[i].database =
            &world->databases[options->server_of_pool ? options->server_of_pool[i] : 0];
}

void simulate(struct taskset *set, const struct simulate_options *options, struct simulate_facts *ret) {
    /* Just before the start, because what is due strictly after is what the core waits for. */
    struct core *core = core_create(set, options->seed, true, (struct mono){WORLD_MONO_START_US - 1},
                                    (struct wall){options->start.us - 1});
    struct forecast forecast = {.options = options, .facts = ret};
    struct world *world = &forecast.world;
    init_facts(ret, set, options);
    struct database *databases = zeroed(ret->server_count, sizeof *databases);
    struct world_place *places = zeroed(ret->pool_count, sizeof *places);
    for (uint32_t i = 0; i < core->pool_count;
         i++) /* on a real one a record costs some tenths of a millisecond */
        core->pools[i].recording = (struct recording){.state = RECORDING_OFF};
    tally_init(&forecast.tally, core, ret);
    world_init(world, core, places, options->start);
    world->databases = databases;
    world->nature = (struct world_nature){.context = &forecast,
                                          .run_takes_us = run_takes_us,
                                          .ends = run_ends,
                                          .sees = note_action,
                                          .passes = note_time,
                                          .counts = note_sessions};
    build_servers(&forecast);
    world_feed(world, (struct event){.kind = EVENT_TICK});
    while (world_advance(world, options->for_us))
        ;
    close_facts(&forecast);
    for (uint32_t i = 0; i < ret->server_count; i++)
        database_finish(&databases[i]);
    tally_finish(&forecast.tally);
    world_finish(world);
    core_destroy(core);
    free(databases);
    free(places);
}

void simulate_finish(struct simulate_facts *facts) {
    for (uint32_t i = 0; i < facts->pool_count; i++)
        simulate_level_finish(&facts->pools[i].sessions);
    for (uint32_t i = 0; i < facts->server_count; i++)
        simulate_level_finish(&facts->servers[i].foreground);
    free(facts->tasks);
    free(facts->pools);
    free(facts->servers);
    free(facts->groups);
    *facts = (struct simulate_facts){0};
}

int64_t simulate_per_run_us(const struct simulate_task *task, int64_t sum_us) {
    return task->run_count ? sum_us / (int64_t)task->run_count : -1;
}

int64_t simulate_waited_us(const int64_t waited_us[SIMULATE_REASONS]) {
    int64_t sum_us = 0;
    for (int i = 0; i < SIMULATE_REASONS; i++)
        sum_us = us_add(sum_us, waited_us[i]);
    return sum_us;
}
