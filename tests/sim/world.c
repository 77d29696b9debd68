#include "world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/hash.h"

uint32_t world_random(struct world *world, uint32_t below) {
    world->random += UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)hash_below(hash_finish(world->random), below);
}

static bool happens(struct world *world, uint32_t permille) {
    return world_random(world, 1000) < permille;
}

/* From a tenth of the mean to ten times it, mostly below. */
static int64_t some_time(struct world *world, int64_t mean_us) {
    int64_t us = mean_us / 10 + world_random(world, (uint32_t)mean_us + 1);
    return happens(world, 50) ? us * 10 : us;
}

/* --- the queue of what will happen --- */

static bool is_before(const struct timed_event *a, const struct timed_event *b) {
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->number < b->number;
}

static void happen_in(struct world *world, int64_t us, struct event event) {
    if (world->event_count == world->event_capacity) {
        world->event_capacity = world->event_capacity ? world->event_capacity * 2 : 64;
        world->events = realloc(world->events, world->event_capacity * sizeof *world->events);
        assert(world->events);
    }
    bool of_run = event.kind == EVENT_RUN_ENDED || event.kind == EVENT_RUN_UNSENT;
    uint64_t start = of_run ? world->runs[event.run.index].start : 0;
    struct timed_event new = {world->now_us + us, ++world->event_number, start, event};
    uint32_t i = world->event_count++;
    for (; i > 0 && is_before(&new, &world->events[(i - 1) / 2]); i = (i - 1) / 2)
        world->events[i] = world->events[(i - 1) / 2];
    world->events[i] = new;
}

/* A tick instead of an end that was overtaken by another one. */
static struct event next_event(struct world *world) {
    struct event first = world->events[0].event;
    if (world->events[0].start && world->runs[first.run.index].start != world->events[0].start)
        first = (struct event){.kind = EVENT_TICK};
    struct timed_event last = world->events[--world->event_count];
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child + 1 < world->event_count && is_before(&world->events[child + 1], &world->events[child]))
            child++;
        if (child >= world->event_count || !is_before(&world->events[child], &last))
            break;
        world->events[i] = world->events[child];
        i = child;
    }
    world->events[i] = last;
    return first;
}

/* --- sessions --- */

static struct model_session *model_of(struct world *world, struct handle handle) {
    struct model_session *session = &world->sessions[handle.index];
    return session->generation == handle.generation ? session : NULL;
}

static void session_event(struct world *world, int64_t us, enum event_kind kind, struct handle handle) {
    happen_in(world, us, (struct event){.kind = kind, .session = handle});
}

static void run_ends(struct world *world, int64_t us, struct handle run, struct handle session,
                     enum outcome outcome, bool cancelled) {
    struct event event = {.kind = EVENT_RUN_ENDED, .run = run, .session = session};
    event.ended.outcome = outcome;
    if (cancelled)
        event.ended.failure = FAILURE_CANCEL;
    else if (outcome == OUTCOME_FAILED && session.generation && happens(world, 500))
        event.ended.failure = world_random(world, 2) ? FAILURE_CONFLICT : FAILURE_LOCK;
    event.ended.row_count = world_random(world, 4) ? world_random(world, 20) : 0;
    world->runs[run.index].ends = true;
    happen_in(world, us, event);
}

/* The server lets go of the backend after a while, or is never heard of again. */
static void leave_server(struct world *world, struct handle handle) {
    struct model_session *session = model_of(world, handle);
    bool was_on_server = session->on_server;
    if (!was_on_server || !happens(world, world->faults.never_gone))
        session_event(world, some_time(world, 3000), EVENT_SESSION_GONE, handle);
    else
        session->on_server = false, world->server_used[session->pool]--; /* gone, but nobody says so */
}

static void open_session(struct world *world, const struct action *action) {
    struct handle handle = action->session;
    struct model_session *session = &world->sessions[handle.index];
    *session = (struct model_session){.generation = handle.generation, .pool = action->pool};
    struct event failed = {.kind = EVENT_SESSION_FAILED, .session = handle};
    failed.failed.failure = CONNECT_UNREACHABLE;
    if (happens(world, world->faults.connect_hangs)) {
        happen_in(world, world->core->pools[action->pool].settings->connect_timeout_us, failed);
        return;
    }
    if (world->server_used[action->pool] + world->foreground[action->pool] >= world->server_slots)
        failed.failed.failure = CONNECT_FULL;
    else if (!world->down && !happens(world, world->faults.connect_fails)) {
        session->on_server = true;
        world->server_used[action->pool]++;
        session_event(world, some_time(world, 4000), EVENT_SESSION_OPENED, handle);
        return;
    }
    happen_in(world, some_time(world, 1000), failed);
}

/* Nothing more is heard of this start of the run. */
static void forget_start(struct world *world, struct handle run) {
    world->runs[run.index] = (struct model_run){.start = ++world->start_number};
}

static void break_session(struct world *world, struct handle handle) {
    struct model_session *session = model_of(world, handle);
    for (uint32_t i = 0; i < session->run_count; i++) {
        forget_start(world, session->runs[i]);
        run_ends(world, 0, session->runs[i], handle,
                 happens(world, 500) ? OUTCOME_FAILED : OUTCOME_UNKNOWN, false); /* before COMMIT was sent, or after */
    }
    session->run_count = 0;
    if (!session->broken)
        session_event(world, 0, EVENT_SESSION_BROKEN, handle);
    session->broken = true;
}

/* --- runs --- */

/* The first on a session, or a command: how it goes on is decided when the server gets to it. */
static void begin_run(struct world *world, struct handle run, struct handle session) {
    if (happens(world, world->faults.run_hangs))
        return; /* until it is cancelled, or aborted */
    if (session.generation && happens(world, world->faults.session_breaks)) {
        break_session(world, session);
        return;
    }
    bool fails = happens(world, world->faults.run_fails) ||
                 (session.generation && happens(world, world->faults.conflicts));
    bool outside = core_run(world->core, run)->stage == STAGE_WORK;
    run_ends(world, some_time(world, outside ? 500000 : world_random(world, 2) ? 50000 : 5000), run, session,
             fails ? OUTCOME_FAILED : OUTCOME_OK, false);
}

static void start_run(struct world *world, const struct action *action) {
    const struct run *run = core_run(world->core, action->run);
    bool sql = stage_needs_session(run->definition, run->stage);
    struct model_session *session = sql ? model_of(world, action->session) : NULL;
    forget_start(world, action->run);
    if (session && (session->broken || happens(world, world->faults.run_unsent))) {
        happen_in(world, 0,
                  (struct event){.kind = EVENT_RUN_UNSENT, .run = action->run, .session = action->session});
        break_session(world, action->session);
        return;
    }
    if (session) {
        assert(session->run_count < SHARED_RUNS_MAX);
        session->runs[session->run_count++] = action->run;
        session->unclean = run->definition->session == SESSION_CLEAN && !world->core->tasks[run->task].breached;
    }
    if (!session || session->run_count == 1)
        begin_run(world, action->run, session ? action->session : HANDLE_NONE);
}

/* A cancel hits whatever the server is at: mostly the one that it is meant for. */
static void stop_run(struct world *world, const struct action *action) {
    struct model_run *run = &world->runs[action->run.index];
    if (run->ends && action->kind == ACTION_CANCEL)
        return;
    if (action->kind == ACTION_ABORT || !happens(world, world->faults.answer_hangs)) {
        enum outcome outcome = action->kind == ACTION_ABORT ? OUTCOME_UNKNOWN : OUTCOME_FAILED;
        run_ends(world, some_time(world, 1000), action->run, action->session, outcome, outcome == OUTCOME_FAILED);
    }
    if (action->kind == ACTION_ABORT && action->session.generation) /* its session is closed */
        break_session(world, action->session);
}

static const struct sample *look(struct world *world, uint32_t pool) {
    struct sample *sample = &world->samples[pool];
    *sample = (struct sample){.known = !happens(world, world->faults.sample_fails), .core_count = 2};
    sample->scopes[SCOPE_SERVER] = (struct sample_scope){
        (int32_t)world->server_slots, (int32_t)(world->server_used[pool] + world->foreground[pool]),
        (int32_t)world->server_used[pool]};
    sample->scopes[SCOPE_ROLE].usable = sample->scopes[SCOPE_DATABASE].usable = SLOTS_UNLIMITED;
    sample->active_count = (int32_t)world_random(world, world->foreground[pool] + 1);
    sample->round_trip_us = some_time(world, 500);
    return sample;
}

static void answer(struct world *world, const struct action *action) {
    struct event event = {.kind = action->kind == ACTION_SAMPLE ? EVENT_SAMPLED : EVENT_SESSION_READY,
                          .session = action->session};
    if (action->kind == ACTION_SAMPLE)
        event.sample = look(world, model_of(world, action->session)->pool);
    else if (action->kind == ACTION_VERIFY)
        event.ready.breach = happens(world, world->faults.breaches);
    model_of(world, action->session)->unclean = false;
    if (happens(world, world->faults.session_breaks))
        break_session(world, action->session);
    else if (!happens(world, world->faults.answer_hangs))
        happen_in(world, some_time(world, 500), event);
}

/* --- actions --- */

static void remember(struct world *world, const struct action *action) {
    const uint64_t facts[] = {(uint64_t)world->now_us, action->kind,           action->session.index,
                              action->run.index,        action->run.generation, action->task};
    world->trace = hash_bytes(world->trace, facts, sizeof facts);
}

static void carry_out(struct world *world, const struct action *action) {
    remember(world, action);
    switch (action->kind) {
    case ACTION_OPEN:
        world->opened[action->pool] = true;
        open_session(world, action);
        break;
    case ACTION_CHECK:
    case ACTION_CLEAN:
    case ACTION_VERIFY:
    case ACTION_SAMPLE: answer(world, action); break;
    case ACTION_CLOSE: leave_server(world, action->session); break;
    case ACTION_START: start_run(world, action); break;
    case ACTION_CANCEL:
    case ACTION_ABORT: stop_run(world, action); break;
    case ACTION_RECORD: world->on_record(world, &action->record); break;
    case ACTION_STOPPED: world->stopped = true; break;
    case ACTION_YIELDED: world->yield_count++; break;
    case ACTION_BREACH: world->breach_count++; break;
    case ACTION_FORGET:
    case ACTION_HEAVIER:
    case ACTION_RETRY: world->retry_count++; break;
    case ACTION_HOLD: world->hold_count++; break;
    case ACTION_GATE:
    case ACTION_STANDBY:
    case ACTION_HISTORY:
    case ACTION_HISTORY_STATE:
    case ACTION_HELD:
    case ACTION_AHEAD:
    case ACTION_KEPT:
    case ACTION_STEPPED: break;
    }
}

/* What the shell does of itself when an event arrives. */
static void before_core(struct world *world, const struct event *event) {
    if (!event->session.generation || !model_of(world, event->session))
        return;
    struct model_session *session = model_of(world, event->session);
    const struct core_session *known = core_session(world->core, event->session);
    bool open = known && known->state != CORE_SESSION_CLOSING;
    if (event->kind == EVENT_SESSION_GONE && session->on_server) {
        session->on_server = false;
        world->server_used[session->pool]--;
    }
    if ((event->kind == EVENT_SESSION_BROKEN || event->kind == EVENT_SESSION_FAILED) && open)
        leave_server(world, event->session);
    if (event->kind == EVENT_RUN_ENDED && session->run_count && handle_is(session->runs[0], event->run)) {
        memmove(session->runs, session->runs + 1, --session->run_count * sizeof *session->runs);
        if (open && happens(world, world->faults.session_breaks))
            break_session(world, event->session);
        else if (session->run_count)
            begin_run(world, session->runs[0], event->session);
        else if (!session->unclean)
            session_event(world, some_time(world, 300), EVENT_SESSION_READY, event->session);
    }
}

void world_feed(struct world *world, struct event event) {
    struct actions actions;
    bool more = true;
    memset(world->opened, 0, sizeof world->opened);
    before_core(world, &event);
    while (more) {
        event.now = (struct mono){world->now_us};
        event.wall = (struct wall){world->wall_us};
        more = core_step(world->core, &event, &actions);
        world->step_count++;
        for (uint32_t i = 0; i < actions.count; i++)
            carry_out(world, &actions.items[i]);
        event = (struct event){.kind = EVENT_TICK};
    }
}

bool world_advance(struct world *world, int64_t until_us) {
    int64_t wake_us = core_next_wake(world->core).us;
    bool event_first = world->event_count && world->events[0].at_us <= wake_us;
    int64_t at_us = event_first ? world->events[0].at_us : wake_us;
    if (at_us > until_us) {
        world->wall_us += until_us - world->now_us;
        world->now_us = until_us;
        return false;
    }
    if (at_us > world->now_us) {
        world->wall_us += at_us - world->now_us;
        world->now_us = at_us;
    }
    world_feed(world, event_first ? next_event(world) : (struct event){.kind = EVENT_TICK});
    return true;
}

void world_outage(struct world *world, bool down) {
    world->down = down;
    for (uint32_t i = 0; down && i < world->core->session_used; i++) {
        const struct core_session *known = &world->core->sessions[i];
        struct handle handle = core_session_handle(world->core, i);
        if (known->state != CORE_SESSION_FREE && known->state != CORE_SESSION_CLOSING && known->state != CORE_SESSION_OPENING)
            break_session(world, handle);
    }
}

/* --- memory --- */

static void *grown(void *old, uint32_t old_count, uint32_t count, size_t bytes) {
    char *array = realloc(old, ((size_t)count + 1) * bytes);
    assert(array);
    if (count > old_count)
        memset(array + old_count * bytes, 0, (count - old_count) * bytes);
    return array;
}

void world_follow_reload(struct world *world, uint32_t old_slots, uint32_t old_runs) {
    world->sessions = grown(world->sessions, old_slots, world->core->session_capacity, sizeof *world->sessions);
    world->runs = grown(world->runs, old_runs, world->core->run_capacity, sizeof *world->runs);
}

void world_init(struct world *world, uint64_t seed, struct core *core) {
    *world = (struct world){.core = core, .random = seed, .trace = HASH_START, .server_slots = 100};
    world_follow_reload(world, 0, 0);
}

void world_finish(struct world *world) {
    free(world->events);
    free(world->sessions);
    free(world->runs);
}
