#include "scheduler/simulate/simulate.h"

#include <stdlib.h>

#include "scheduler/simulate/world.h"

/* More steps at one instant than that are none that end. */
#define SAME_INSTANT_MOST 1000000

static void pass_until(struct simulate_world *world, int64_t at_us) {
    if (at_us <= world->now_us)
        return;
    simulate_tally_pass(&world->tally, at_us - world->now_us);
    world->now_us = at_us;
    world->instant_step_count = 0;
}

/* False at the end. */
static bool advance(struct simulate_world *world) {
    int64_t wake_us = core_next_wake(world->core).us;
    int64_t event_us = simulate_agenda_next_us(&world->agenda);
    wake_us = wake_us == INSTANT_MAX ? wake_us : wake_us - SIMULATE_MONO_START_US;
    int64_t at_us = event_us <= wake_us ? event_us : wake_us;
    world->facts->stuck = world->instant_step_count > SAME_INSTANT_MOST;
    if (at_us >= world->options->for_us || world->facts->stuck)
        return false;
    pass_until(world, at_us);
    if (event_us <= wake_us)
        simulate_world_happen(world);
    else
        simulate_world_feed(world, (struct event){.kind = EVENT_TICK});
    return true;
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
        .server_count = options->server_of_pool ? options->server_count : 1,
    };
    facts->tasks = zeroed(facts->task_count, sizeof *facts->tasks);
    facts->pools = zeroed(facts->pool_count, sizeof *facts->pools);
    facts->servers = zeroed(facts->server_count, sizeof *facts->servers);
    for (uint32_t i = 0; i < facts->pool_count; i++) {
        simulate_level_init(&facts->pools[i].sessions, options->for_us, options->part_count);
        facts->pools[i].limit_least = set->pools[i].size;
    }
}

static void close_facts(struct simulate_world *world) {
    struct simulate_facts *facts = world->facts;
    int64_t for_us = world->options->for_us;
    for (uint32_t i = 0; i < facts->pool_count; i++) {
        struct simulate_pool *pool = &facts->pools[i];
        simulate_level_set(&pool->sessions, for_us, pool->sessions.value);
        pool->held_peak = world->core->pools[i].held_peak;
        pool->opened_count = world->core->pools[i].opened_count;
    }
    for (uint32_t i = 0; i < facts->server_count; i++)
        simulate_level_set(&facts->servers[i].foreground, for_us, facts->servers[i].foreground.value);
    simulate_tally_close(&world->tally);
}

/* Its database keeps none: on a real one a record costs a run some tenths of a millisecond. */
static void forget_history(struct core *core) {
    for (uint32_t i = 0; i < core->pool_count; i++)
        core->pools[i].recording = (struct recording){.state = RECORDING_OFF};
}

void simulate(struct taskset *set, const struct simulate_options *options, struct simulate_facts *ret) {
    /* Just before the start, because what is due strictly after is what the core waits for. */
    struct core *core = core_create(set, options->seed, true, (struct mono){SIMULATE_MONO_START_US - 1},
                                    (struct wall){options->start.us - 1});
    struct simulate_world world;
    forget_history(core);
    init_facts(ret, set, options);
    simulate_world_init(&world, options, core, ret);
    simulate_world_feed(&world, (struct event){.kind = EVENT_TICK});
    while (advance(&world))
        ;
    if (!ret->stuck)
        pass_until(&world, options->for_us);
    close_facts(&world);
    simulate_world_finish(&world);
    core_destroy(core);
}

void simulate_finish(struct simulate_facts *facts) {
    for (uint32_t i = 0; i < facts->pool_count; i++)
        simulate_level_finish(&facts->pools[i].sessions);
    for (uint32_t i = 0; i < facts->server_count; i++)
        simulate_level_finish(&facts->servers[i].foreground);
    free(facts->tasks);
    free(facts->pools);
    free(facts->servers);
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
