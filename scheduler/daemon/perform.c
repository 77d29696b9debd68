/*
 * The core's actions, carried out: sessions opened and closed, runs handed to them, children started. And the
 * other way: what a session's end means for the memory that it had.
 */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/daemon/state.h"
#include "tasks/duration.h"

_Static_assert(SHARED_RUNS_MAX <= SESSION_RUNS_MAX, "the core sends a session no more than it takes");

struct session *perform_session(const struct daemon *daemon, struct handle handle) {
    struct session *session = handle.generation ? daemon->sessions[handle.index] : NULL;
    return session && handle_is(session_handle(session), handle) ? session : NULL;
}

static void forget(struct daemon *daemon, struct handle handle) {
    session_forget(perform_session(daemon, handle));
    daemon->sessions[handle.index] = NULL;
}

static void perform_forget(struct daemon *daemon, const struct action *action) {
    LOG(&daemon->log, LOG_WARNING, "linger_passed", log_number("session", action->session.index + 1),
        log_text("effect", "its token is free, although the server never said that its backend is gone"));
    forget(daemon, action->session);
}

static const char *close_reason(enum close_cause cause) {
    switch (cause) {
    case CLOSE_IDLE: return "idle";
    case CLOSE_RECYCLE: return "old enough to be replaced";
    case CLOSE_ROOM: return "its token is needed";
    case CLOSE_GATE: return "the application needs its slot";
    case CLOSE_LIMIT: return "the limit went down";
    case CLOSE_TIMEOUT: return "no answer in time";
    case CLOSE_CANCELLED: return "its run was cancelled";
    case CLOSE_STANDBY: return "its server is a standby, and runs need the primary";
    case CLOSE_CONNINFO: return "conninfo was changed";
    case CLOSE_DRAIN: return "not needed any more";
    }
    return "?";
}

static void perform_close(struct daemon *daemon, const struct action *action) {
    struct session *session = perform_session(daemon, action->session);
    LOG(&daemon->log, LOG_DEBUG, "session_closed", log_number("session", action->session.index + 1),
        log_text("reason", close_reason(action->close_cause)));
    session_close(session, close_reason(action->close_cause));
}

struct command_work perform_command_work(const struct daemon *daemon, struct handle handle,
                                         const struct run *run) {
    return (struct command_work){
        .run = handle,
        .task = run->definition->name,
        .argv = run->definition->argv,
        .directory = daemon->directory,
        .conninfo = &daemon->pools[run->pool]->conninfo,
        .run_number = run->number,
        .due = run_key(run->definition, run->due_first, run->occurrence_count),
        .input = -1,
    };
}

static void start_command(struct daemon *daemon, const struct action *action, const struct run *run) {
    struct command_work work = perform_command_work(daemon, action->run, run);
    daemon->commands[action->run.index] = command_start(&daemon->loop, &work, daemon_report, daemon);
}

/* From here on the plans of what a run calls are worth more than they cost to keep. */
#define PLANS_KEPT_FROM_US US_PER_MS

struct session_work perform_session_work(const struct daemon *daemon, struct handle handle,
                                         const struct run *run) {
    return (struct session_work){
        .run = handle,
        .label = run->definition->name,
        .claim = run->claim,
        .keeps_plans = run->expected_us >= PLANS_KEPT_FROM_US,
        .claimed = {.service = run->definition->service,
                    .due_first = run_key(run->definition, run->due_first, run->occurrence_count),
                    .due_last = run_key(run->definition, run->due_last, run->occurrence_count),
                    .started = daemon->core->wall,
                    .every_us = run->definition->schedule.every_us,
                    .occurrence_count = run->occurrence_count,
                    .lateness_us = run_lateness_us(run, daemon->core->now),
                    .attempt_count = run->attempts.failed_count + 1,
                    .tokens = run->definition->tokens,
                    .looks = run->reclaims},
    };
}

static void perform_start(struct daemon *daemon, const struct action *action) {
    const struct run *run = core_run(daemon->core, action->run);
    assert(run);
    if (run->stage == STAGE_CLAIM) {
        struct session_work work = perform_session_work(daemon, action->run, run);
        session_run(perform_session(daemon, action->session), &work);
        return;
    }
    if (run->definition->work == WORK_COMMAND) {
        start_command(daemon, action, run);
        return;
    }
    if (run->definition->work == WORK_STAGES) {
        errand_start(daemon, action, run);
        return;
    }
    struct session_work work = perform_session_work(daemon, action->run, run);
    work.sql = run->definition->sql;
    work.transaction = run->definition->transaction;
    work.simple = daemon->core->tasks[run->task].simple;
    work.proven = daemon->core->tasks[run->task].proven;
    work.clean = run->definition->session == SESSION_CLEAN && !daemon->core->tasks[run->task].breached;
    session_run(perform_session(daemon, action->session), &work);
}

static void perform_stop(struct daemon *daemon, const struct action *action) {
    const struct run *run = core_run(daemon->core, action->run);
    bool abort_it = action->kind == ACTION_ABORT;
    if (!run) /* it ended in the same step */
        return;
    LOG(&daemon->log, LOG_INFO, abort_it ? "aborting" : "cancelling", log_text("task", run->definition->name),
        log_number("run", (int64_t)run->number),
        log_text("reason", run->stop == STOP_TIMEOUT ? "its timeout has passed"
                           : run->stop == STOP_YIELD ? "others wait, and it takes far longer than usual"
                                                     : "the daemon is stopping"));
    if (run->definition->work == WORK_COMMAND)
        command_signal(daemon->commands[action->run.index], abort_it ? SIGKILL : SIGTERM);
    else if (run->stage == STAGE_WORK)
        errand_signal(daemon, action->run.index, abort_it ? SIGKILL : SIGTERM);
    else if (abort_it)
        session_close(perform_session(daemon, action->session), "it did not answer to a cancel within 5 s");
    else
        session_cancel(perform_session(daemon, action->session));
}

static void perform_held(struct daemon *daemon, const struct action *action) {
    const struct run *run = core_run(daemon->core, action->run);
    char held[DURATION_TEXT_BYTES];
    if (run)
        LOG(&daemon->log, LOG_WARNING, "token_held_long", log_text("task", run->definition->name),
            log_number("run", (int64_t)run->number), log_text("for", duration_glance(action->held_us, held)),
            log_text("pool", daemon->core->pools[run->pool].settings->name));
}

static void perform_record(struct daemon *daemon, const struct action *action) {
    const struct failure *failure = daemon->failure;
    struct failure complaint;
    bool is_run = action->run.generation != 0;
    if (is_run && !failure && errand_complaint(daemon, action->run.index, &complaint))
        daemon->failure = &complaint;
    log_record(daemon, action);
    history_record(daemon, action);
    daemon->failure = failure;
    if (is_run)
        errand_end(daemon, action->run.index);
}

static void perform_one(struct daemon *daemon, const struct action *action) {
    char by[DURATION_TEXT_BYTES];
    switch (action->kind) {
    case ACTION_OPEN:
        daemon->sessions[action->session.index] = session_open(daemon->pools[action->pool], action->session);
        break;
    case ACTION_CHECK: session_check(perform_session(daemon, action->session)); break;
    case ACTION_SAMPLE: session_sample(perform_session(daemon, action->session)); break;
    case ACTION_HISTORY: history_ask(daemon, action); break;
    case ACTION_HISTORY_STATE: history_tell(daemon, action->pool); break;
    case ACTION_CLEAN: session_clean(perform_session(daemon, action->session)); break;
    case ACTION_VERIFY: session_verify(perform_session(daemon, action->session)); break;
    case ACTION_CLOSE: perform_close(daemon, action); break;
    case ACTION_FORGET: perform_forget(daemon, action); break;
    case ACTION_START: perform_start(daemon, action); break;
    case ACTION_CANCEL:
    case ACTION_ABORT: perform_stop(daemon, action); break;
    case ACTION_YIELDED: break; /* the cancel beside it was told */
    case ACTION_RETRY: log_retry(daemon, action); break;
    case ACTION_HOLD: log_hold(daemon, action); break;
    case ACTION_BREACH: log_breach(daemon, action); break;
    case ACTION_HEAVIER: log_heavier(daemon, action); break;
    case ACTION_STANDBY: log_standby(daemon, action); break;
    case ACTION_GATE: log_gate(daemon, action->pool); break;
    case ACTION_RECORD: perform_record(daemon, action); break;
    case ACTION_HELD: perform_held(daemon, action); break;
    case ACTION_AHEAD: log_ahead(daemon, action); break;
    case ACTION_KEPT: log_kept(daemon, action); break;
    case ACTION_STEPPED:
        LOG(&daemon->log, LOG_WARNING, "clock_stepped",
            log_text("by", duration_glance(action->stepped_us, by)),
            log_text("effect", "due instants follow the clock; what was missed becomes one run a task"));
        break;
    case ACTION_STOPPED: daemon->stopping = true; break;
    }
}

void perform(struct daemon *daemon, const struct actions *actions) {
    for (uint32_t i = 0; i < actions->count; i++)
        perform_one(daemon, &actions->items[i]);
}

static void tell_leftovers(struct daemon *daemon, struct session_pool *pool, uint32_t count,
                           uint32_t before) {
    if (count != before)
        LOG(&daemon->log, count ? LOG_WARNING : LOG_INFO, "leftover_sessions", log_text("pool", pool->name),
            log_number("count", count),
            log_text("effect", count ? "an earlier daemon's sessions still hold that many tokens"
                                     : "all tokens are ours"));
}

static void take_session_news(struct daemon *daemon, struct event *event, struct session *session) {
    const struct core_session *known = core_session(daemon->core, event->session);
    struct session_pool *pool = known ? daemon->pools[known->pool] : NULL;
    switch (event->kind) {
    case EVENT_SESSION_OPENED:
        if (known)
            log_connected(daemon, pool, session);
        break;
    case EVENT_SESSION_FAILED:
        if (known)
            log_connect(daemon, pool, daemon->failure);
        session_close(session, "it could not be opened");
        break;
    case EVENT_SAMPLED:
        if (known && event->sample->known)
            tell_leftovers(daemon, pool, (uint32_t)event->sample->leftover_count,
                           daemon->core->pools[known->pool].tokens.leftover);
        else if (known && !daemon->core->pools[known->pool].gate.look_failed) /* the first of a row */
            log_blind(daemon, pool);
        if (known) {
            log_clocks(daemon, event->sample, known->pool);
            lookout_sampled(daemon, known->pool, event->sample);
        }
        break;
    case EVENT_HISTORY:
        if (known)
            history_take(daemon, known->pool, event);
        break;
    case EVENT_SESSION_BROKEN:
        LOG(&daemon->log, daemon->failure->message ? LOG_INFO : LOG_DEBUG, "session_lost",
            log_text("pool", pool ? pool->name : NULL), log_number("session", event->session.index + 1),
            log_text("message", daemon->failure->message));
        session_close(session, "it was lost");
        break;
    case EVENT_SESSION_GONE: forget(daemon, event->session); break;
    default: break;
    }
}

void perform_event(struct daemon *daemon, struct event *event) {
    const struct run *run = core_run(daemon->core, event->run);
    struct session *session = perform_session(daemon, event->session);
    if (event->kind == EVENT_RUN_ENDED && run && !session) {
        daemon->commands[event->run.index] = NULL;
        errand_worked(daemon, event->run.index);
    }
    if (session)
        take_session_news(daemon, event, session);
}

/* --- following a reload --- */

static void *resized(void *old, size_t old_count, size_t count, size_t bytes) {
    char *array = realloc(old, (count + 1) * bytes);
    if (!array)
        abort();
    if (count > old_count)
        memset(array + old_count * bytes, 0, (count - old_count) * bytes);
    return array;
}

static struct session_pool **find_fitting(const struct daemon *daemon, const struct pool_settings *settings) {
    for (uint32_t i = 0; i < daemon->pool_count; i++)
        if (daemon->pools[i] && session_pool_fits(daemon->pools[i], settings))
            return &daemon->pools[i];
    return NULL;
}

struct session_pool **perform_prepare(struct daemon *daemon, struct taskset *set, struct text *error) {
    struct session_pool **fresh = resized(NULL, 0, set->pool_count, sizeof *fresh);
    for (uint32_t i = 0; i < set->pool_count; i++) {
        char *why = NULL;
        if (find_fitting(daemon, &set->pools[i]))
            continue;
        fresh[i] = session_pool_create(&daemon->loop, set, i, daemon->identity, daemon_report, daemon, &why);
        if (fresh[i])
            continue;
        text_add(error, "conninfo of [pool %s]: %s", set->pools[i].name, why);
        free(why);
        while (i-- > 0)
            session_pool_release(fresh[i]);
        free(fresh);
        return NULL;
    }
    return fresh;
}

static const char *spool_directory(const struct taskset *set) {
    const char *temporary = getenv("TMPDIR");
    return *set->daemon.spool ? set->daemon.spool : temporary && *temporary ? temporary : "/tmp";
}

void perform_follow(struct daemon *daemon, struct session_pool **fresh) {
    const struct core *core = daemon->core;
    struct session_pool **pools = resized(NULL, 0, core->pool_count, sizeof *pools);
    for (uint32_t i = 0; i < core->pool_count; i++) {
        bool is_fresh = i < core->set->pool_count && fresh[i];
        struct session_pool **fitting = is_fresh ? NULL : find_fitting(daemon, core->pools[i].settings);
        pools[i] = is_fresh ? fresh[i] : *fitting;
        for (uint32_t j = 0; is_fresh && j < daemon->pool_count; j++)
            if (daemon->pools[j])
                session_pool_inherit(fresh[i], daemon->pools[j]);
        if (fitting)
            *fitting = NULL;
        if (fitting && i < core->set->pool_count)
            session_pool_follow(pools[i], core->set, i);
    }
    for (uint32_t i = 0; i < daemon->pool_count; i++)
        session_pool_release(daemon->pools[i]);
    lookout_close(daemon);
    free(daemon->pools);
    free(fresh);
    daemon->pools = pools;
    daemon->pool_count = core->pool_count;
    lookout_follow(daemon);
    daemon->sessions =
        resized(daemon->sessions, daemon->session_capacity, core->session_capacity, sizeof *daemon->sessions);
    daemon->session_capacity = core->session_capacity;
    daemon->commands =
        resized(daemon->commands, daemon->command_capacity, core->run_capacity, sizeof *daemon->commands);
    daemon->errands =
        resized(daemon->errands, daemon->command_capacity, core->run_capacity, sizeof *daemon->errands);
    daemon->command_capacity = core->run_capacity;
    daemon->spools.directory = spool_directory(core->set);
    for (uint32_t i = 0; i < daemon->pool_count; i++)
        daemon->pools[i]->daemon_name = daemon->life;
    history_follow(daemon);
}

void perform_finish(struct daemon *daemon) {
    lookout_close(daemon);
    history_close(daemon);
    for (uint32_t i = 0; i < daemon->session_capacity; i++)
        session_forget(daemon->sessions[i]);
    for (uint32_t i = 0; i < daemon->pool_count; i++)
        session_pool_release(daemon->pools[i]);
    free(daemon->sessions);
    for (uint32_t i = 0; i < daemon->command_capacity; i++)
        errand_end(daemon, i);
    free(daemon->errands);
    free(daemon->commands);
    free(daemon->pools);
}
