#include "scheduler/simulate/world.h"

#include <assert.h>
#include <stdlib.h>

#include "tasks/hash.h"

/* What things take, measured on a server on the same machine. */
#define OPEN_US    (4 * US_PER_MS)
#define REFUSED_US US_PER_MS
#define GONE_US    (3 * US_PER_MS) /* from the close to the end of the backend */
#define CLEAN_US   (US_PER_MS / 5)
#define SAMPLE_US  (US_PER_MS / 2)
#define CANCEL_US  US_PER_MS

/* --- slots of the server --- */

static struct simulate_database *database_of(const struct simulate_world *world, uint32_t pool) {
    return &world->databases[world->options->server_of_pool ? world->options->server_of_pool[pool] : 0];
}

static bool slots_take(struct simulate_world *world, uint32_t pool, uint32_t count) {
    if (!simulate_database_take(database_of(world, pool), count)) {
        world->facts->pools[pool].refused_count++;
        return false;
    }
    world->ours_counts[pool] += count;
    simulate_level_set(&world->facts->pools[pool].sessions, world->now_us, world->ours_counts[pool]);
    return true;
}

static void slots_give(struct simulate_world *world, uint32_t pool, uint32_t count) {
    simulate_database_give(database_of(world, pool), count);
    world->ours_counts[pool] -= count;
    simulate_level_set(&world->facts->pools[pool].sessions, world->now_us, world->ours_counts[pool]);
}

/* --- sessions --- */

/* What it was to answer is overtaken. */
static void answer(struct simulate_world *world, uint32_t session, enum simulate_kind kind, int64_t at_us) {
    simulate_agenda_add(&world->agenda, at_us, kind, session, ++world->sessions[session].stamp);
}

static void open_session(struct simulate_world *world, const struct action *action) {
    struct model_session *session = &world->sessions[action->session.index];
    session->generation = action->session.generation;
    session->pool = action->pool;
    session->run_first = session->run_last = INDEX_NONE;
    session->on_server = slots_take(world, action->pool, 1);
    if (session->on_server)
        answer(world, action->session.index, SIMULATE_OPENED, world->now_us + OPEN_US);
    else
        answer(world, action->session.index, SIMULATE_REFUSED, world->now_us + REFUSED_US);
}

static void close_session(struct simulate_world *world, uint32_t session) {
    answer(world, session, SIMULATE_GONE, world->now_us + GONE_US);
}

/* --- runs --- */

/* Around the median by the task and its occurrence: mostly within a fifth, and one in twenty takes thrice as
 * long. */
static int64_t some_time(const struct simulate_world *world, const struct run *run) {
    static const uint16_t spread_permille[] = {620,  700,  750,  800,  840,  880,  920,  960,
                                               1000, 1045, 1090, 1140, 1200, 1280, 1390, 1610};
    const uint64_t facts[] = {world->options->seed, run->task, (uint64_t)run->due_first.us, run->stage};
    uint64_t hash = hash_finish(hash_bytes(HASH_START, facts, sizeof facts));
    int64_t took_us =
        run->stage == STAGE_WORK ? world->options->work_us[run->task] : world->options->took_us[run->task];
    if (world->options->exact)
        return took_us;
    bool slow = hash_below(hash_finish(hash + 1), 20) == 0;
    took_us =
        took_us / 1000 * spread_permille[hash % 16] + took_us % 1000 * spread_permille[hash % 16] / 1000;
    return slow ? 3 * took_us : took_us;
}

static void begin_run(struct simulate_world *world, uint32_t slot, int64_t at_us) {
    struct model_run *run = &world->runs[slot];
    run->begun = true;
    simulate_agenda_add(&world->agenda, at_us + run->took_us, SIMULATE_RUN_ENDED, slot, ++run->stamp);
}

static void send_to_session(struct simulate_world *world, uint32_t slot, uint32_t session_slot) {
    struct model_session *session = &world->sessions[session_slot];
    world->runs[slot].session = session_slot;
    session->stamp++; /* it will not be idle before this run's end */
    if (session->run_first != INDEX_NONE) {
        world->runs[session->run_last].behind = slot;
        session->run_last = slot;
        return;
    }
    session->run_first = session->run_last = slot;
    begin_run(world, slot, world->now_us > session->free_at_us ? world->now_us : session->free_at_us);
}

static void start_run(struct simulate_world *world, const struct action *action) {
    const struct run *run = core_run(world->core, action->run);
    struct model_run *model = &world->runs[action->run.index];
    bool sql = stage_needs_session(run->definition, run->stage);
    *model = (struct model_run){
        .generation = action->run.generation,
        .stamp = model->stamp,
        .session = INDEX_NONE,
        .behind = INDEX_NONE,
        .pool = run->pool,
        .took_us = some_time(world, run),
        .slot_count = stage_tokens(run->definition, run->stage) - sql,
        .discard = run->definition->session == SESSION_DISCARD || world->core->tasks[run->task].breached,
    };
    if (model->slot_count && !slots_take(world, run->pool, model->slot_count)) {
        model->slot_count = 0;
        model->failed = true;
        model->took_us = REFUSED_US;
    }
    world->command_counts[run->pool] += model->slot_count;
    if (sql)
        send_to_session(world, action->run.index, action->session.index);
    else
        begin_run(world, action->run.index, world->now_us);
}

/* A cancel request, or TERM. It hits what runs. */
static void cancel_run(struct simulate_world *world, uint32_t slot) {
    struct model_run *run = &world->runs[slot];
    assert(run->begun);
    run->took_us = CANCEL_US;
    run->failed = run->cancelled = true;
    begin_run(world, slot, world->now_us);
}

/* The next on its session begins, or the session is clean after a while. */
static void leave_session(struct simulate_world *world, uint32_t slot) {
    struct model_run *run = &world->runs[slot];
    struct model_session *session = &world->sessions[run->session];
    assert(session->run_first == slot);
    session->run_first = run->behind;
    session->free_at_us = world->now_us + (run->discard ? CLEAN_US : 0);
    if (session->run_first != INDEX_NONE)
        begin_run(world, session->run_first, session->free_at_us);
    else if (run->discard)
        answer(world, run->session, SIMULATE_READY, session->free_at_us);
}

/* --- actions --- */

/* Its session is closed, or its group killed: whether it was done nobody knows. */
static void lose_run(struct simulate_world *world, uint32_t slot) {
    struct model_run *run = &world->runs[slot];
    run->lost = true;
    run->took_us = 0;
    begin_run(world, slot, world->now_us);
}

static void abort_run(struct simulate_world *world, uint32_t slot) {
    uint32_t session = world->runs[slot].session;
    if (session == INDEX_NONE) {
        lose_run(world, slot);
        return;
    }
    for (uint32_t run = world->sessions[session].run_first; run != INDEX_NONE; run = world->runs[run].behind)
        lose_run(world, run);
    world->sessions[session].run_first = INDEX_NONE;
    answer(world, session, SIMULATE_BROKEN, world->now_us);
}

static void follow_gate(struct simulate_world *world, uint32_t pool) {
    uint32_t limit = world->core->pools[pool].tokens.limit;
    if (limit < world->facts->pools[pool].limit_least)
        world->facts->pools[pool].limit_least = limit;
}

static void carry_out(struct simulate_world *world, const struct action *action) {
    switch (action->kind) {
    case ACTION_OPEN: open_session(world, action); break;
    case ACTION_CHECK:
    case ACTION_CLEAN:
    case ACTION_VERIFY: answer(world, action->session.index, SIMULATE_READY, world->now_us + CLEAN_US); break;
    case ACTION_SAMPLE:
        answer(world, action->session.index, SIMULATE_SAMPLED, world->now_us + SAMPLE_US);
        break;
    case ACTION_CLOSE: close_session(world, action->session.index); break;
    case ACTION_START: start_run(world, action); break;
    case ACTION_CANCEL: cancel_run(world, action->run.index); break;
    case ACTION_ABORT: abort_run(world, action->run.index); break;
    case ACTION_RECORD: simulate_tally_record(&world->tally, &action->record); break;
    case ACTION_GATE: follow_gate(world, action->pool); break;
    case ACTION_YIELDED: world->facts->pools[core_run(world->core, action->run)->pool].yielded_count++; break;
    case ACTION_FORGET:
    case ACTION_BREACH:
    case ACTION_HEAVIER:
    case ACTION_STANDBY:
    case ACTION_RETRY:
    case ACTION_HOLD:
    case ACTION_HISTORY:
    case ACTION_HISTORY_STATE:
    case ACTION_HELD:
    case ACTION_AHEAD:
    case ACTION_KEPT:
    case ACTION_STEPPED:
    case ACTION_STOPPED: break;
    }
}

void simulate_world_feed(struct simulate_world *world, struct event event) {
    struct actions actions;
    bool more = true;
    while (more) {
        event.now = (struct mono){SIMULATE_MONO_START_US + world->now_us};
        event.wall = (struct wall){world->options->start.us + world->now_us};
        more = core_step(world->core, &event, &actions);
        world->facts->step_count++;
        world->instant_step_count++;
        for (uint32_t i = 0; i < actions.count; i++)
            carry_out(world, &actions.items[i]);
        event = (struct event){.kind = EVENT_TICK};
    }
}

/* --- what happens --- */

static void end_run(struct simulate_world *world, uint32_t slot) {
    struct model_run *run = &world->runs[slot];
    struct event event = {.kind = EVENT_RUN_ENDED, .run = {slot, run->generation}};
    event.ended.outcome = run->lost ? OUTCOME_UNKNOWN : run->failed ? OUTCOME_FAILED : OUTCOME_OK;
    event.ended.failure = run->cancelled ? FAILURE_CANCEL : FAILURE_OTHER;
    event.ended.row_count = 1;
    if (run->slot_count) {
        world->command_counts[run->pool] -= run->slot_count;
        slots_give(world, run->pool, run->slot_count);
    }
    if (run->session != INDEX_NONE) {
        event.session = (struct handle){run->session, world->sessions[run->session].generation};
        if (!run->lost)
            leave_session(world, slot);
    }
    simulate_world_feed(world, event);
}

static void tell_of_session(struct simulate_world *world, enum simulate_kind kind, uint32_t slot) {
    struct model_session *session = &world->sessions[slot];
    struct event event = {.session = {slot, session->generation}};
    struct sample sample;
    switch (kind) {
    case SIMULATE_OPENED: event.kind = EVENT_SESSION_OPENED; break;
    case SIMULATE_READY: event.kind = EVENT_SESSION_READY; break;
    case SIMULATE_SAMPLED:
        event.kind = EVENT_SAMPLED;
        sample =
            simulate_database_sample(database_of(world, session->pool), world->ours_counts[session->pool],
                                     world->command_counts[session->pool], SAMPLE_US);
        event.sample = &sample;
        break;
    case SIMULATE_BROKEN:
        event.kind = EVENT_SESSION_BROKEN;
        close_session(world, slot);
        break;
    case SIMULATE_REFUSED:
        event.kind = EVENT_SESSION_FAILED;
        event.failed.failure = CONNECT_FULL;
        close_session(world, slot);
        break;
    case SIMULATE_GONE:
        event.kind = EVENT_SESSION_GONE;
        if (session->on_server)
            slots_give(world, session->pool, 1);
        session->on_server = false;
        break;
    default: assert(!"not of a session");
    }
    simulate_world_feed(world, event);
}

static void burst(struct simulate_world *world, const struct simulate_entry *entry) {
    const struct simulate_foreground *foreground = &world->options->foregrounds[entry->index];
    bool begins = entry->kind == SIMULATE_BURST_BEGIN;
    simulate_database_burst(&world->databases[entry->stamp], entry->index, begins, world->now_us);
    if (!begins)
        return;
    simulate_agenda_add(&world->agenda, world->now_us + foreground->burst_for_us, SIMULATE_BURST_END,
                        entry->index, entry->stamp);
    simulate_agenda_add(&world->agenda, world->now_us + foreground->burst_every_us, SIMULATE_BURST_BEGIN,
                        entry->index, entry->stamp);
}

void simulate_world_happen(struct simulate_world *world) {
    struct simulate_entry entry = simulate_agenda_take(&world->agenda);
    if (entry.kind == SIMULATE_BURST_BEGIN || entry.kind == SIMULATE_BURST_END)
        burst(world, &entry);
    else if (entry.kind == SIMULATE_RUN_ENDED && entry.stamp == world->runs[entry.index].stamp)
        end_run(world, entry.index);
    else if (entry.kind != SIMULATE_RUN_ENDED && entry.stamp == world->sessions[entry.index].stamp)
        tell_of_session(world, entry.kind, entry.index);
}

/* --- memory --- */

static void *zeroed(size_t count, size_t bytes) {
    void *memory = calloc(count + 1, bytes);
    if (!memory)
        abort();
    return memory;
}

static void init_server(struct simulate_world *world, uint32_t server) {
    const struct simulate_options *options = world->options;
    simulate_database_init(&world->databases[server], options, &world->facts->servers[server]);
    for (uint32_t i = 0; i < options->foreground_count; i++)
        if (options->foregrounds[i].burst_count && options->foregrounds[i].burst_every_us)
            simulate_agenda_add(&world->agenda, options->foregrounds[i].burst_every_us, SIMULATE_BURST_BEGIN,
                                i, server);
}

void simulate_world_init(struct simulate_world *world, const struct simulate_options *options,
                         struct core *core, struct simulate_facts *facts) {
    *world = (struct simulate_world){
        .options = options,
        .core = core,
        .facts = facts,
        .databases = zeroed(facts->server_count, sizeof *world->databases),
        .sessions = zeroed(core->session_capacity, sizeof *world->sessions),
        .runs = zeroed(core->run_capacity, sizeof *world->runs),
        .ours_counts = zeroed(facts->pool_count, sizeof *world->ours_counts),
        .command_counts = zeroed(facts->pool_count, sizeof *world->command_counts),
    };
    simulate_tally_init(&world->tally, core, facts);
    for (uint32_t i = 0; i < facts->server_count; i++)
        init_server(world, i);
}

void simulate_world_finish(struct simulate_world *world) {
    for (uint32_t i = 0; i < world->facts->server_count; i++)
        simulate_database_finish(&world->databases[i]);
    simulate_tally_finish(&world->tally);
    simulate_agenda_finish(&world->agenda);
    free(world->databases);
    free(world->sessions);
    free(world->runs);
    free(world->ours_counts);
    free(world->command_counts);
    *world = (struct simulate_world){0};
}
