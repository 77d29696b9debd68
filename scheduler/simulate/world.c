#include "scheduler/simulate/world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* More steps at one instant than that are none that end: the busiest files make a few thousand. */
#define SAME_INSTANT_MOST 1000000

/* What things take, measured on a server on the same machine. */
static const int64_t usual_us[WORLD_WAITS] = {
    [WORLD_OPEN] = 4 * US_PER_MS,  [WORLD_REFUSED] = US_PER_MS,
    [WORLD_GONE] = 3 * US_PER_MS, /* from the close to the end of the backend */
    [WORLD_CLEAN] = US_PER_MS / 5, [WORLD_LOOK] = US_PER_MS / 2,
    [WORLD_CANCEL] = US_PER_MS,
};

static bool happens(struct world *world, enum world_fault fault) {
    return world->nature.happens && world->nature.happens(world->nature.context, fault);
}

static int64_t takes_us(struct world *world, enum world_wait wait) {
    return world->nature.takes_us ? world->nature.takes_us(world->nature.context, wait, usual_us[wait])
                                  : usual_us[wait];
}

/* --- slots of the server --- */

static void count_ours(struct world *world, uint32_t place, uint32_t ours_count) {
    world->places[place].ours_count = ours_count;
    if (world->nature.counts)
        world->nature.counts(world->nature.context, place, ours_count);
}

static bool slots_take(struct world *world, uint32_t place, uint32_t count) {
    if (!database_take(world->places[place].database, count)) {
        world->places[place].refused_count++;
        return false;
    }
    count_ours(world, place, world->places[place].ours_count + count);
    return true;
}

static void slots_give(struct world *world, uint32_t place, uint32_t count) {
    database_give(world->places[place].database, count);
    count_ours(world, place, world->places[place].ours_count - count);
}

/* --- sessions --- */

/* What it was to answer is overtaken. */
static void answer(struct world *world, uint32_t session, enum agenda_kind kind, int64_t at_us) {
    agenda_add(&world->agenda, at_us, kind, session, ++world->sessions[session].stamp);
}

static void answer_in(struct world *world, uint32_t session, enum agenda_kind kind, enum world_wait wait) {
    answer(world, session, kind, world->now_us + takes_us(world, wait));
}

static void open_session(struct world *world, const struct action *action) {
    uint32_t index = action->session.index;
    struct model_session *session = &world->sessions[index];
    *session = (struct model_session){
        .generation = action->session.generation,
        .place = world->place_of_pool[action->pool],
        .stamp = session->stamp,
        .run_first = INDEX_NONE,
        .run_last = INDEX_NONE,
    };
    if (happens(world, WORLD_CONNECT_HANGS)) {
        answer(world, index, AGENDA_REFUSED,
               world->now_us + world->core->pools[action->pool].settings->connect_timeout_us);
        return;
    }
    bool fails = happens(world, WORLD_CONNECT_FAILS);
    session->on_server = !fails && slots_take(world, session->place, 1);
    session->refused = !fails && !session->on_server;
    answer_in(world, index, session->on_server ? AGENDA_OPENED : AGENDA_REFUSED,
              session->on_server ? WORLD_OPEN : WORLD_REFUSED);
}

static void leave_server(struct world *world, struct model_session *session) {
    if (session->on_server)
        slots_give(world, session->place, 1);
    session->on_server = false;
}

static void listen_to(struct world *world, uint32_t index, struct taskset *set) {
    struct model_session *session = &world->sessions[index];
    struct taskset *before = session->listens;
    session->listens = set ? taskset_ref(set) : NULL;
    session->listens_pool = world->core->sessions[index].pool;
    taskset_unref(before);
}

static void close_session(struct world *world, uint32_t index) {
    struct model_session *session = &world->sessions[index];
    listen_to(world, index, NULL);
    if (session->on_server && happens(world, WORLD_NEVER_GONE)) {
        leave_server(world, session);
        session->stamp++;
    } else {
        answer_in(world, index, AGENDA_GONE, WORLD_GONE);
    }
}

/* --- runs --- */

static void end_run_at(struct world *world, uint32_t index, int64_t at_us) {
    struct model_run *run = &world->runs[index];
    run->begun = true;
    agenda_add(&world->agenda, at_us, AGENDA_RUN_ENDED, index, ++run->stamp);
}

/* The server, or its child, gets to it. */
static void begin_run(struct world *world, uint32_t index, int64_t at_us) {
    struct model_run *run = &world->runs[index];
    enum world_begin begin = WORLD_GOES_ON;
    run->begun = true;
    if (world->nature.begins)
        begin = world->nature.begins(world->nature.context, index, &run->end);
    bool breaks = run->session != INDEX_NONE && happens(world, WORLD_SESSION_BREAKS);
    if (begin == WORLD_LOSES_SESSION || breaks) {
        world_break_session(world, run->session);
        return;
    }
    run->refused = begin == WORLD_IS_REFUSED;
    bool claims =
        world->core->runs[index].stage == STAGE_CLAIM; /* within lock_timeout, or its session is lost */
    if (run->refused || claims || !happens(world, WORLD_RUN_HANGS))
        end_run_at(world, index, at_us + (run->refused ? 0 : run->took_us));
}

static void send_to_session(struct world *world, uint32_t index, uint32_t session_index) {
    struct model_session *session = &world->sessions[session_index];
    world->runs[index].session = session_index;
    session->stamp++; /* it will not be idle before this run's end */
    if (session->run_first != INDEX_NONE) {
        world->runs[session->run_last].behind = index;
        session->run_last = index;
        return;
    }
    session->run_first = session->run_last = index;
    begin_run(world, index, world->now_us > session->free_at_us ? world->now_us : session->free_at_us);
}

static void start_run(struct world *world, const struct action *action) {
    const struct run *run = core_run(world->core, action->run);
    uint32_t index = action->run.index;
    struct model_run *model = &world->runs[index];
    bool sql = stage_needs_session(run->definition, run->stage);
    *model = (struct model_run){
        .generation = action->run.generation,
        .stamp = model->stamp + 1,
        .session = INDEX_NONE,
        .behind = INDEX_NONE,
        .place = world->place_of_pool[run->pool],
        .took_us = world->nature.run_takes_us(world->nature.context, run),
        .slot_count = stage_tokens(run->definition, run->stage) - sql,
        .discard = run->definition->session == SESSION_DISCARD ||
                   world->core->tasks[run->task].trust == TRUST_BROKEN,
        .end = {.kind = EVENT_RUN_ENDED, .run = action->run, .session = action->session},
    };
    if (sql && (world->sessions[action->session.index].broken || happens(world, WORLD_RUN_UNSENT))) {
        model->slot_count = 0;
        agenda_add(&world->agenda, world->now_us, AGENDA_RUN_UNSENT, index, ++model->stamp);
        world_break_session(world, action->session.index);
        return;
    }
    if (model->slot_count && !slots_take(world, model->place, model->slot_count)) {
        model->slot_count = 0;
        model->failed = true;
        model->took_us = takes_us(world, WORLD_REFUSED);
    }
    world->places[model->place].command_count += model->slot_count;
    if (sql)
        send_to_session(world, index, action->session.index);
    else
        begin_run(world, index, world->now_us);
}

/* A cancel request, or TERM. It hits what runs. */
static void cancel_run(struct world *world, uint32_t index) {
    struct model_run *run = &world->runs[index];
    if (!run->begun || run->refused || run->lost || happens(world, WORLD_ANSWER_HANGS))
        return;
    run->failed = run->cancelled = true;
    end_run_at(world, index, world->now_us + takes_us(world, WORLD_CANCEL));
}

/* Its session is closed, or its group killed: whether it was done nobody knows. */
static void lose_run(struct world *world, uint32_t index) {
    world->runs[index].lost = true;
    end_run_at(world, index, world->now_us);
}

void world_break_session(struct world *world, uint32_t index) {
    struct model_session *session = &world->sessions[index];
    for (uint32_t run = session->run_first; run != INDEX_NONE; run = world->runs[run].behind)
        lose_run(world, run);
    session->run_first = INDEX_NONE;
    if (!session->broken)
        answer(world, index, AGENDA_BROKEN, world->now_us);
    session->broken = true;
    listen_to(world, index, NULL);
}

static void end_listening(struct world *world, uint32_t index) {
    listen_to(world, index, NULL);
    agenda_add(&world->agenda, world->now_us, AGENDA_CHANNELS, index, world->sessions[index].generation);
}

/* The next on its session begins, or the session is clean after a while. */
static void leave_session(struct world *world, uint32_t index) {
    struct model_run *run = &world->runs[index];
    struct model_session *session = &world->sessions[run->session];
    assert(session->run_first == index);
    session->run_first = run->behind;
    session->free_at_us = world->now_us + (run->discard ? takes_us(world, WORLD_CLEAN) : 0);
    if (session->listens && happens(world, WORLD_UNLISTENS))
        end_listening(world, run->session);
    if (session->run_first != INDEX_NONE)
        begin_run(world, session->run_first, session->free_at_us);
    else if (run->discard)
        answer(world, run->session, AGENDA_READY, session->free_at_us);
}

/* --- actions --- */

/* Of one that is broken the end is told instead. */
static void ask(struct world *world, uint32_t session, enum agenda_kind kind, enum world_wait wait) {
    if (world->sessions[session].broken)
        return;
    if (happens(world, WORLD_SESSION_BREAKS))
        world_break_session(world, session);
    else if (!happens(world, WORLD_ANSWER_HANGS))
        answer_in(world, session, kind, wait);
}

static void abort_run(struct world *world, uint32_t index) {
    if (world->runs[index].session == INDEX_NONE)
        lose_run(world, index);
    else
        world_break_session(world, world->runs[index].session);
}

static void carry_out(struct world *world, const struct action *action) {
    if (world->nature.sees)
        world->nature.sees(world->nature.context, action);
    switch (action->kind) {
    case ACTION_OPEN: open_session(world, action); break;
    case ACTION_CHECK:
    case ACTION_CLEAN: ask(world, action->session.index, AGENDA_READY, WORLD_CLEAN); break;
    case ACTION_VERIFY: ask(world, action->session.index, AGENDA_VERIFIED, WORLD_CLEAN); break;
    case ACTION_SAMPLE: ask(world, action->session.index, AGENDA_SAMPLED, WORLD_LOOK); break;
    case ACTION_LISTEN: ask(world, action->session.index, AGENDA_LISTENS, WORLD_LOOK); break;
    case ACTION_HISTORY: ask(world, action->session.index, AGENDA_HISTORY, WORLD_LOOK); break;
    case ACTION_CLOSE: close_session(world, action->session.index); break;
    case ACTION_START: start_run(world, action); break;
    case ACTION_CANCEL: cancel_run(world, action->run.index); break;
    case ACTION_ABORT: abort_run(world, action->run.index); break;
    case ACTION_RECORD: /* the rest is told to people */
    case ACTION_GATE:
    case ACTION_YIELDED:
    case ACTION_FORGET:
    case ACTION_BREACH:
    case ACTION_HEAVIER:
    case ACTION_STANDBY:
    case ACTION_RETRY:
    case ACTION_HOLD:
    case ACTION_HISTORY_STATE:
    case ACTION_HELD:
    case ACTION_AHEAD:
    case ACTION_KEPT:
    case ACTION_STEPPED:
    case ACTION_STOPPED: break;
    }
}

void world_feed(struct world *world, struct event event) {
    struct actions actions;
    bool more = true;
    while (more) {
        event.now = (struct mono){WORLD_MONO_START_US + world->now_us};
        event.wall = (struct wall){world->wall_start_us + world->now_us};
        more = core_step(world->core, &event, &actions);
        world->step_count++;
        world->instant_step_count++;
        for (uint32_t i = 0; i < actions.count; i++)
            carry_out(world, &actions.items[i]);
        event = (struct event){.kind = EVENT_TICK};
    }
}

/* --- what happens --- */

static void end_run(struct world *world, uint32_t index, bool unsent) {
    struct model_run *run = &world->runs[index];
    struct event event = run->end;
    bool on_session = run->session != INDEX_NONE;
    if (unsent) {
        event.kind = EVENT_RUN_UNSENT;
        world_feed(world, event);
        return;
    }
    if (on_session && !run->lost && !run->refused && happens(world, WORLD_SESSION_BREAKS)) {
        world_break_session(world, run->session); /* before the answer arrived */
        return;
    }
    if (!run->refused) {
        event.ended.outcome = run->lost ? OUTCOME_UNKNOWN : run->failed ? OUTCOME_FAILED : OUTCOME_OK;
        event.ended.failure = run->cancelled ? FAILURE_CANCEL : FAILURE_OTHER;
        event.ended.row_count = 1;
        if (world->nature.ends)
            world->nature.ends(world->nature.context, index, run->lost, &event);
    }
    if (run->slot_count) {
        world->places[run->place].command_count -= run->slot_count;
        slots_give(world, run->place, run->slot_count);
    }
    if (on_session && !run->lost)
        leave_session(world, index);
    world_feed(world, event);
}

/* Of a channel that the session did not listen to before, all tasks look. */
static void listen(struct world *world, uint32_t index) {
    struct model_session *session = &world->sessions[index];
    struct event event = {.kind = EVENT_LISTENS, .session = {index, session->generation}};
    struct taskset *set = world->core->set, *before = session->listens ? taskset_ref(session->listens) : NULL;
    struct wakes now = wakes_of_pool(set->wakes, world->core->sessions[index].pool);
    uint32_t pool_before = session->listens_pool;
    event.listens.failed = happens(world, WORLD_LISTEN_REFUSED);
    listen_to(world, index, event.listens.failed ? NULL : set);
    world_feed(world, event);
    for (uint32_t i = 0; !event.listens.failed && i < now.count; i++)
        if (!before || wakes_of_channel(before->wakes, pool_before, now.items[i].channel).count == 0)
            world_feed(world, (struct event){.kind = EVENT_WAKE, .task = now.items[i].task});
    taskset_unref(before);
}

static void tell_of_session(struct world *world, enum agenda_kind kind, uint32_t index) {
    struct model_session *session = &world->sessions[index];
    const struct world_place *place = &world->places[session->place];
    struct event event = {.session = {index, session->generation}};
    const struct core_session *own;
    struct sample sample;
    switch (kind) {
    case AGENDA_OPENED: event.kind = EVENT_SESSION_OPENED; break;
    case AGENDA_READY: event.kind = EVENT_SESSION_READY; break;
    case AGENDA_VERIFIED:
        event.kind = EVENT_SESSION_READY;
        event.ready.breach = happens(world, WORLD_BREACHES);
        break;
    case AGENDA_SAMPLED:
        event.kind = EVENT_SAMPLED;
        sample =
            database_sample(place->database, place->ours_count, place->command_count, usual_us[WORLD_LOOK]);
        if (world->nature.looks)
            world->nature.looks(world->nature.context, &sample);
        event.sample = &sample;
        break;
    case AGENDA_HISTORY:
        event.kind = EVENT_HISTORY;
        own = core_session(world->core, event.session); /* a reload may have given its pool another index */
        if (!own || (world->nature.asked && !world->nature.asked(world->nature.context, own->pool, &event))) {
            world_break_session(world, index);
            return;
        }
        break;
    case AGENDA_LISTENS: listen(world, index); return;
    case AGENDA_BROKEN:
        event.kind = EVENT_SESSION_BROKEN;
        close_session(world, index);
        break;
    case AGENDA_REFUSED:
        event.kind = EVENT_SESSION_FAILED;
        event.failed.failure = session->refused ? CONNECT_FULL : CONNECT_UNREACHABLE;
        close_session(world, index);
        break;
    case AGENDA_GONE:
        event.kind = EVENT_SESSION_GONE;
        leave_server(world, session);
        break;
    default: assert(!"not of a session");
    }
    world_feed(world, event);
}

static void burst(struct world *world, const struct agenda_entry *entry) {
    struct database *database = &world->databases[entry->stamp];
    const struct simulate_foreground *foreground = &database->foregrounds[entry->index];
    bool begins = entry->kind == AGENDA_BURST_BEGIN;
    database_burst(database, entry->index, begins, world->now_us);
    if (!begins)
        return;
    agenda_add(&world->agenda, world->now_us + foreground->burst_for_us, AGENDA_BURST_END, entry->index,
               entry->stamp);
    agenda_add(&world->agenda, world->now_us + foreground->burst_every_us, AGENDA_BURST_BEGIN, entry->index,
               entry->stamp);
}

static void happen(struct world *world) {
    struct agenda_entry entry = agenda_take(&world->agenda);
    if (entry.kind == AGENDA_BURST_BEGIN || entry.kind == AGENDA_BURST_END) {
        burst(world, &entry);
    } else if (entry.kind == AGENDA_RUN_ENDED || entry.kind == AGENDA_RUN_UNSENT) {
        if (entry.stamp == world->runs[entry.index].stamp)
            end_run(world, entry.index, entry.kind == AGENDA_RUN_UNSENT);
    } else if (entry.kind == AGENDA_CHANNELS) {
        struct event event = {.kind = EVENT_CHANNELS, .session = {entry.index, entry.stamp}};
        event.channels.missing = true;
        world_feed(world, event);
    } else if (entry.stamp == world->sessions[entry.index].stamp) {
        tell_of_session(world, entry.kind, entry.index);
    }
}

static void pass_until(struct world *world, int64_t at_us) {
    if (at_us <= world->now_us)
        return;
    if (world->nature.passes)
        world->nature.passes(world->nature.context, at_us - world->now_us);
    world->now_us = at_us;
    world->instant_step_count = 0;
}

bool world_advance(struct world *world, int64_t until_us) {
    int64_t wake_us = core_next_wake(world->core).us, event_us = agenda_next_us(&world->agenda);
    wake_us = wake_us == INSTANT_MAX ? wake_us : wake_us - WORLD_MONO_START_US;
    int64_t at_us = event_us <= wake_us ? event_us : wake_us;
    world->stuck = world->instant_step_count > SAME_INSTANT_MOST;
    if (world->stuck)
        return false;
    pass_until(world, at_us < until_us ? at_us : until_us);
    if (at_us >= until_us)
        return false;
    if (event_us <= wake_us)
        happen(world);
    else
        world_feed(world, (struct event){.kind = EVENT_TICK});
    return true;
}

/* --- memory --- */

static void *grown(void *old, uint32_t old_count, uint32_t count, size_t bytes) {
    char *array = realloc(old, ((size_t)count + 1) * bytes);
    if (!array)
        abort();
    memset(array + old_count * bytes, 0, (count - old_count) * bytes);
    return array;
}

void world_follow_reload(struct world *world) {
    const struct core *core = world->core;
    world->sessions =
        grown(world->sessions, world->session_capacity, core->session_capacity, sizeof *world->sessions);
    world->runs = grown(world->runs, world->run_capacity, core->run_capacity, sizeof *world->runs);
    world->session_capacity = core->session_capacity;
    world->run_capacity = core->run_capacity;
}

void world_init(struct world *world, struct core *core, struct world_place *places, struct wall start) {
    *world = (struct world){.core = core, .places = places, .wall_start_us = start.us};
    for (uint32_t i = 0; i < 2 * POOLS_MAX; i++)
        world->place_of_pool[i] = i;
    world_follow_reload(world);
}

void world_finish(struct world *world) {
    agenda_finish(&world->agenda);
    for (uint32_t i = 0; i < world->session_capacity; i++)
        taskset_unref(world->sessions[i].listens);
    free(world->sessions);
    free(world->runs);
    *world = (struct world){0};
}
