/*
 * The shipping core under virtual time: hundreds of random files in random worlds, some of them twice with
 * equal traces. After every step the sums must be right; at the end every occurrence must be in exactly one
 * record, done at most once by whatever daemon, and once the faults are over nobody may wait for long. A
 * failure prints its seed: run `test_sim SEED` to see it again; `test_sim SEED COUNT` tells so many,
 * `test_sim chains SEED COUNT` those of chains alone.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "tasks/hash.h"

#define START_WALL_US (INT64_C(1790000000) * US_PER_S)
#define FAULTY_US     (120 * US_PER_S)
#define CALMING_US                                                                                           \
    (60 *                                                                                                    \
     US_PER_S) /* until the last fault has no effect any more: idle sessions, linger, waits for answers */
#define QUIET_US (180 * US_PER_S)
#define NOTIFIED_US (60 * US_PER_S) /* of it: so long somebody still notifies */

/* --- a life of the daemon --- */

static void *grown(void *old, size_t old_count, size_t count, size_t bytes) {
    char *array = realloc(old, (count + 1) * bytes);
    assert(array);
    if (count > old_count)
        memset(array + old_count * bytes, 0, (count - old_count) * bytes);
    return array;
}

/* It outlives the file. */
static void follow_schedule(struct sim_task *task, const struct schedule *schedule) {
    task->schedule = *schedule;
    if (schedule->kind == SCHEDULE_CALENDAR) {
        task->calendar = *schedule->calendar;
        task->schedule.calendar = &task->calendar;
    }
    task->table.schedule = &task->schedule;
}

/* A task that a file does not have, or a pool that keeps no history, is known from the files. */
static void follow_file(struct story *story) {
    const struct core *core = story->world.core;
    bool is_there[TASKS_MOST] = {false};
    story->runs = grown(story->runs, story->run_capacity, core->run_capacity, sizeof *story->runs);
    story->sessions =
        grown(story->sessions, story->session_capacity, core->session_capacity, sizeof *story->sessions);
    story->run_capacity = core->run_capacity;
    story->session_capacity = core->session_capacity;
    for (uint32_t i = 0; i < core->pool_count; i++)
        story->world.place_of_pool[i] = number_of(core->pools[i].settings->name);
    for (uint32_t i = 0; i < core->set->task_count; i++) {
        struct sim_task *task = task_of(story, &core->set->tasks[i]);
        is_there[number_of(core->set->tasks[i].name)] = true;
        follow_schedule(task, &core->set->tasks[i].schedule);
        task->was_guarded |= core->set->tasks[i].when != NULL;
        task->was_unkept |= !core->set->pools[core->set->tasks[i].pool].history;
    }
    for (uint32_t i = 0; i < TASKS_MOST; i++)
        if (!is_there[i])
            story->tasks[i].was_absent = story->tasks[i].left_out = true;
    notified_follow(story);
    for (uint32_t i = 0; i < core->set->task_count;
         i++) /* what a person has said outlives files and daemons */
        if (task_of(story, &core->set->tasks[i])->paused && !core->tasks[i].paused)
            world_feed(&story->world, (struct event){.kind = EVENT_PAUSE, .task = i, .pause.paused = true});
}

static void begin_life(struct story *story) {
    struct world *world = &story->world;
    struct wall wall = {wall_us(story)};
    int64_t now_us = world->now_us, wall_start_us = world->wall_start_us;
    struct core *core =
        core_create(story->set, story->seed, true, (struct mono){WORLD_MONO_START_US + now_us}, wall);
    story->life++;
    story->stopped = false;
    for (uint32_t i = 0; i < TASKS_MOST; i++) {
        story->tasks[i].answered.count = 0;
        story->tasks[i].was_absent = false;
    }
    for (uint32_t i = 0; i < POOLS_MAX; i++) {
        story->places[i].ours_count = story->places[i].command_count = 0;
        story->databases[i].ours_count = 0;
    }
    story->run_capacity = story->session_capacity = 0;
    world_init(world, core, story->places, (struct wall){wall_start_us});
    world->now_us = now_us;
    world->nature = faults_nature;
    world->nature.context = story;
    follow_file(story);
    world_feed(world, (struct event){.kind = EVENT_TICK});
}

static void end_life(struct story *story) {
    struct world *world = &story->world;
    int64_t now_us = world->now_us, wall_start_us = world->wall_start_us;
    counts.steps += world->step_count;
    recorded_end_life(story);
    notified_end_life(story);
    core_destroy(world->core);
    world_finish(world);
    world->now_us = now_us;
    world->wall_start_us = wall_start_us;
    story->shrunk = false;
}

/* --- how it goes on --- */

/* Where nothing waits for a place, a tick before the core has asked for one finds nothing to do: else a
 * wake-up was forgotten. */
static void nudge(struct story *story, int64_t until_us) {
    struct world *world = &story->world;
    const struct due_entry *due = due_first(&world->core->due);
    int64_t now_us = WORLD_MONO_START_US + world->now_us, next_us = core_next_wake(world->core).us;
    int64_t ends_us[] = {us_add(WORLD_MONO_START_US, agenda_next_us(&world->agenda)), now_us + US_PER_S,
                         WORLD_MONO_START_US + until_us, due ? due->at : INSTANT_MAX};
    for (uint32_t i = 0; i < world->core->pool_count; i++)
        if (queue_count(&world->core->pools[i]
                             .queue)) /* how soon its session gets to it is judged anew at any time */
            return;
    if (world->core->draining) /* what ends is looked at anew at any time */
        return;
    for (size_t i = 0; i < sizeof ends_us / sizeof *ends_us;
         i++) /* what falls due may be taken in a little later */
        next_us = ends_us[i] < next_us ? ends_us[i] : next_us;
    if (next_us <= now_us + 1)
        return;
    world->now_us += 1 + draw(story, (uint32_t)(next_us - now_us - 1));
    struct event tick = {
        .kind = EVENT_TICK, .now = {WORLD_MONO_START_US + world->now_us}, .wall = {wall_us(story)}};
    struct actions actions;
    bool more = core_step(world->core, &tick, &actions);
    if (more || actions.count)
        fail_dump(story, "something was to be done, and nobody would have woken for it");
}

static void live_until(struct story *story, int64_t until_us) {
    struct world *world = &story->world;
    for (bool more = true; more && !story->stopped;) {
        int64_t next_us = notified_next_us(story);
        more = world_advance(world, next_us < until_us ? next_us : until_us);
        if (world->stuck)
            break;
        if (!more && next_us < until_us) {
            notified_pass(story);
            more = true;
        }
        check_step(story);
        if (world->step_count % 4096 < 4)
            check_dump(story);
        if (story->faults.rival && world->step_count % 8 == 0)
            rival_look(story);
        if (world->step_count % 16 == 0)
            nudge(story, until_us);
    }
    if (world->stuck)
        fail_dump(story, "time does not go on");
}

/* Once or twice; the end comes whatever else goes wrong. */
static void stop(struct story *story) {
    struct world *world = &story->world;
    int64_t end_us = world->now_us + 60 * US_PER_S;
    world_feed(world, (struct event){.kind = EVENT_DRAIN});
    check_step(story);
    live_until(story, world->now_us + draw(story, 6000000));
    if (!story->stopped && draw(story, 3) == 0)
        world_feed(world, (struct event){.kind = EVENT_DRAIN});
    live_until(story, end_us);
    if (!story->stopped)
        fail_dump(story, "the drain does not end");
    for (uint32_t i = 0; i < world->core->run_used; i++)
        if (world->core->runs[i].state != RUN_FREE)
            fail(story, "the drain has ended before a run");
    check_answered(story);
}

static void new_file(struct story *story) {
    taskset_unref(story->set);
    story->set = random_set(story);
    story->reloaded = true;
}

/* The daemon is stopped, or killed; after a while there is another one, maybe with another file. */
static void restart(struct story *story) {
    counts.restarts++;
    if (draw(story, 2))
        recorded_crash(story);
    else
        stop(story);
    end_life(story);
    if (draw(story, 4) == 0)
        new_file(story);
    story->world.now_us += draw(story, 20000000);
    begin_life(story);
}

static void reload(struct story *story) {
    struct world *world = &story->world;
    new_file(story);
    story->shrunk = true;
    core_reload(world->core, story->set, (struct mono){WORLD_MONO_START_US + world->now_us},
                (struct wall){wall_us(story)});
    world_follow_reload(world);
    follow_file(story);
    world_feed(world, (struct event){.kind = EVENT_TICK});
}

static void step_clock(struct story *story) {
    int64_t by_us = (int64_t)draw(story, 30) * US_PER_S;
    if (draw(story, 3) == 2) /* back, a little: no occurrence may be answered again. Far back: see clock.c */
        by_us = -(int64_t)draw(story, 20000);
    story->world.wall_start_us += by_us;
    world_feed(&story->world, (struct event){.kind = EVENT_TICK});
}

/* A person pauses a task, lets it go on, or wants it now. */
static void lay_hands_on(struct story *story) {
    struct event event = {.kind = EVENT_TRIGGER, .task = draw(story, story->world.core->set->task_count)};
    if (draw(story, 2)) {
        struct sim_task *task = task_of(story, &story->world.core->set->tasks[event.task]);
        task->paused = !task->paused;
        event.kind = EVENT_PAUSE;
        event.pause.paused = task->paused;
    }
    world_feed(&story->world, event);
}

static void live_with_faults(struct story *story) {
    struct world *world = &story->world;
    while (world->now_us < FAULTY_US) {
        live_until(story, world->now_us + 1000000 + draw(story, 10000000));
        if (story->faults.outage_every_us && draw(story, 3) == 0) {
            outage(story, true);
            live_until(story, world->now_us + story->faults.outage_us);
            outage(story, false);
        }
        if (draw(story, 4) == 0)
            step_clock(story);
        uint32_t slot_count = draw(story, 4) ? story->servers[0].usable_count : 1 + draw(story, 30);
        for (uint32_t i = 0; i < POOLS_MAX; i++)
            set_server(story, i, slot_count,
                       draw(story, 3) ? story->databases[i].application_count : draw(story, slot_count));
        if (draw(story, 4) == 0)
            lay_hands_on(story);
        if (story->seed % 4 == 3 && draw(story, 6) == 0)
            reload(story);
        if (story->seed % 4 < 2 && draw(story, 6) == 0)
            restart(story);
    }
}

static void live_without(struct story *story) {
    struct world *world = &story->world;
    story->faults = (struct faults_mix){0};
    story->scarce = story->seed % 5 == 1;
    for (uint32_t i = 0; i < POOLS_MAX; i++)
        set_server(story, i, 100, story->scarce ? 99 : 0);
    if (draw(story, 2)) /* what was notified while things went wrong is to be answered by that */
        story->notices.next_us = INSTANT_MAX;
    live_until(story, world->now_us + CALMING_US);
    story->quiet = true;
    int64_t since_us = world->now_us;
    live_until(story, since_us + NOTIFIED_US);
    story->notices.next_us = INSTANT_MAX;
    live_until(story, since_us + QUIET_US);
    check_waits(story);
    check_quiet(story, since_us);
    notified_check(story);
}

static void finish(struct story *story) {
    for (uint32_t i = 0; i < TASKS_MOST; i++) {
        struct sim_task *task = &story->tasks[i];
        spans_finish(&task->answered);
        spans_finish(&task->done);
        spans_finish(&task->excused);
        spans_finish(&task->table.rows);
        spans_finish(&task->table.triggered);
    }
    for (uint32_t i = 0; i < POOLS_MAX; i++) {
        database_finish(&story->databases[i]);
        simulate_level_finish(&story->servers[i].foreground);
        free(story->backlogs[i].lines);
    }
    free(story->runs);
    free(story->sessions);
    taskset_unref(story->set);
}

static uint64_t tell(uint64_t seed) {
    static struct story story;
    const struct simulate_options options = {.for_us = US_PER_DAY, .part_count = 1, .slot_count = 100};
    story = (struct story){.seed = seed, .random = seed, .trace = HASH_START};
    for (uint32_t i = 0; i < TASKS_MOST; i++)
        story.tasks[i].table.known_us = NO_INSTANT;
    for (uint32_t i = 0; i < POOLS_MAX; i++) {
        database_init(&story.databases[i], &options, &story.servers[i]);
        story.places[i].database = &story.databases[i];
    }
    story.world.wall_start_us = START_WALL_US + (int64_t)(seed % 1000);
    story.set = random_set(&story);
    draw_faults(&story);
    begin_life(&story);
    live_with_faults(&story);
    if (seed % 8 != 5)
        live_without(&story);
    stop(&story);
    end_life(&story);
    recorded_close(&story);
    finish(&story);
    return story.trace;
}

int main(int argc, char **argv) {
    bool only_chains = argc > 1 && strcmp(argv[1], "chains") == 0;
    argc -= only_chains;
    argv += only_chains;
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2                  ? strtoull(argv[2], NULL, 10)
                     : argc > 1                ? 1
                     : getenv("HEADGATE_LONG") ? 20000
                                               : 40;
    for (uint64_t i = seed; i < seed + count; i++) {
        uint64_t trace = only_chains ? 0 : tell(i);
        if (i % 4 == 0 && !only_chains && tell(i) != trace) {
            fprintf(stderr, "seed %" PRIu64 ": the same events gave other actions\n", i);
            return 1;
        }
        chained_tell(i);
    }
    printf("chains: %" PRIu64 " claims, %" PRIu64 " refused as taken, %" PRIu64 " kills, %" PRIu64 " releases\n",
           chained_counts.claims, chained_counts.taken, chained_counts.kills, chained_counts.releases);
    printf("%" PRIu64 " worlds, %" PRIu64 " steps, %" PRIu64 " runs gave way, %" PRIu64 " breaches, %" PRIu64
           " attempts were followed by another one, %" PRIu64 " holds, %" PRIu64 " bites\n",
           count, counts.steps, counts.yields, counts.breaches, counts.retries, counts.holds, counts.bites);
    printf("%" PRIu64 " answers of guards, %" PRIu64 " of them no; ", counts.asked, counts.nothing);
    printf("%" PRIu64 " claims, %" PRIu64 " refused as taken, %" PRIu64 " runs of the second daemon, %" PRIu64
           " restarts, %" PRIu64 " holes;",
           counts.claims, counts.taken, counts.rivals, counts.restarts, counts.holes);
    for (int outcome = 0; outcome <= OUTCOME_ELSEWHERE; outcome++)
        printf(" %" PRIu64 " %s", counts.outcomes[outcome], outcome_name((enum outcome)outcome));
    printf("\n");
    return 0;
}
