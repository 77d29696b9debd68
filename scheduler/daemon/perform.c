#include "scheduler/daemon/perform.h"

#include <assert.h>
#include <signal.h>

#include "scheduler/daemon/errand.h"
#include "scheduler/daemon/log_events.h"
#include "scheduler/daemon/lookout.h"
#include "scheduler/daemon/work.h"

_Static_assert(SHARED_RUNS_MAX <= SESSION_RUNS_MAX, "the core sends a session no more than it takes");

static void forget(struct daemon *daemon, struct handle handle) {
    session_forget(work_session(daemon, handle));
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
    struct session *session = work_session(daemon, action->session);
    LOG(&daemon->log, LOG_DEBUG, "session_closed", log_number("session", action->session.index + 1),
        log_text("reason", close_reason(action->close_cause)));
    session_close(session, close_reason(action->close_cause));
}

static void start_command(struct daemon *daemon, struct handle handle, const struct run *run) {
    struct command_work work = work_of_command(daemon, handle, run);
    struct report report = {.kind = REPORT_RUN_ENDED, .run = handle};
    struct text why = {0};
    int error;
    daemon->commands[handle.index] =
        command_start(&daemon->loop, &work, inbox_report, &daemon->inbox, &error);
    if (daemon->commands[handle.index])
        return;
    command_add_refusal(&why, &work, error);
    report.ended.outcome = OUTCOME_FAILED;
    inbox_report(&daemon->inbox, &report, &(struct failure){.message = why.bytes, .output = ""});
    text_finish(&why);
}

/* It is taken at its word, as the core does. */
static bool leaves_nothing(const struct daemon *daemon, const struct run *run) {
    return run->definition->session == SESSION_CLEAN && daemon->core->tasks[run->task].trust != TRUST_BROKEN;
}

/* What comes before the work, on a session: the guard is asked, or the claim is committed. */
static void start_before_work(struct daemon *daemon, const struct action *action, const struct run *run) {
    struct session_work work = work_on_session(daemon, action->run, run);
    if (run->stage == STAGE_WHEN) {
        work.stage = SESSION_GUARD;
        work.sql = run->definition->when;
        work.transaction = work.proven = true;
        work.clean = leaves_nothing(daemon, run);
    }
    session_run(work_session(daemon, action->session), &work);
}

static void perform_start(struct daemon *daemon, const struct action *action) {
    const struct run *run = core_run(daemon->core, action->run);
    assert(run);
    if (run->stage < stage_first(run->definition)) {
        start_before_work(daemon, action, run);
        return;
    }
    if (run->definition->work == WORK_COMMAND) {
        start_command(daemon, action->run, run);
        return;
    }
    if (run->definition->work == WORK_STAGES) {
        errand_start(daemon, action, run);
        return;
    }
    struct session_work work = work_on_session(daemon, action->run, run);
    work.sql = run->definition->sql;
    work.transaction = run->definition->transaction;
    work.simple = daemon->core->tasks[run->task].protocol == PROTOCOL_SIMPLE;
    work.proven = daemon->core->tasks[run->task].protocol == PROTOCOL_EXTENDED;
    work.clean = leaves_nothing(daemon, run);
    session_run(work_session(daemon, action->session), &work);
}

static void perform_stop(struct daemon *daemon, const struct action *action) {
    const struct run *run = core_run(daemon->core, action->run);
    bool abort_it = action->kind == ACTION_ABORT;
    if (!run) /* it ended in the same step */
        return;
    log_stopping(daemon, run, abort_it);
    if (stage_needs_session(run->definition, run->stage)) {
        if (abort_it)
            session_close(work_session(daemon, action->session), "it did not answer to a cancel within 5 s");
        else
            session_cancel(work_session(daemon, action->session));
    } else if (run->stage == STAGE_WORK) {
        errand_signal(daemon, action->run.index, abort_it ? SIGKILL : SIGTERM);
    } else {
        command_signal(daemon->commands[action->run.index], abort_it ? SIGKILL : SIGTERM);
    }
}

/* What a part of its outside work failed of is told, though the run itself went well. */
static void perform_record(struct daemon *daemon, const struct action *action,
                           const struct failure *failure) {
    const struct record *record = &action->record;
    struct history *history = histories_of(&daemon->histories, record->pool);
    struct failure complaint;
    bool is_run = action->run.generation != 0;
    if (record->abandoned) {
        complaint = (struct failure){
            .message =
                "what it had done so far is lost: its database, which a reload took out of the file, was "
                "out of reach for ten minutes",
            .detail = failure ? failure->message : NULL};
        failure = &complaint;
    } else if (is_run && !failure && errand_complaint(daemon, action->run.index, &complaint)) {
        failure = &complaint;
    }
    log_record(daemon, action, failure);
    if (daemon->once_task) {
        daemon->once_done = true;
        daemon->once_outcome = record->outcome;
    }
    if (history && record->kept)
        history_add(history, record, failure ? failure->message : NULL);
    if (is_run)
        errand_end(daemon, action->run.index);
}

static void perform_history(struct daemon *daemon, const struct action *action) {
    struct history_asking asking;
    history_ask(histories_of(&daemon->histories, action->pool), &asking);
    session_history(work_session(daemon, action->session), &asking.question);
    history_asking_finish(&asking);
}

static void perform_history_state(struct daemon *daemon, uint32_t pool, const struct failure *failure) {
    struct history *history = histories_of(&daemon->histories, pool);
    if (history)
        history_note_state(history, daemon->core->pools[pool].recording.state == RECORDING_BROKEN, failure);
}

static void perform_one(struct daemon *daemon, const struct action *action, const struct failure *failure) {
    struct session *session = work_session(daemon, action->session);
    const struct run *run = core_run(daemon->core, action->run);
    switch (action->kind) {
    case ACTION_OPEN:
        daemon->sessions[action->session.index] = session_open(daemon->pools[action->pool], action->session);
        break;
    case ACTION_CHECK: session_check(session); break;
    case ACTION_SAMPLE: session_sample(session); break;
    case ACTION_HISTORY: perform_history(daemon, action); break;
    case ACTION_LISTEN: session_listen(session); break;
    case ACTION_HISTORY_STATE: perform_history_state(daemon, action->pool, failure); break;
    case ACTION_CLEAN: session_clean(session); break;
    case ACTION_VERIFY: session_verify(session); break;
    case ACTION_CLOSE: perform_close(daemon, action); break;
    case ACTION_FORGET: perform_forget(daemon, action); break;
    case ACTION_START: perform_start(daemon, action); break;
    case ACTION_CANCEL:
    case ACTION_ABORT: perform_stop(daemon, action); break;
    case ACTION_YIELDED: break; /* the cancel beside it was told */
    case ACTION_RETRY: log_retry(daemon, action, failure); break;
    case ACTION_HOLD: log_hold(daemon, action); break;
    case ACTION_BREACH: log_breach(daemon, action, failure); break;
    case ACTION_HEAVIER: log_heavier(daemon, action); break;
    case ACTION_STANDBY: log_standby(daemon, action, failure); break;
    case ACTION_GATE: log_gate(daemon, action->pool); break;
    case ACTION_RECORD: perform_record(daemon, action, failure); break;
    case ACTION_HELD:
        if (run)
            log_held(daemon, run, action->held_us);
        break;
    case ACTION_AHEAD: log_ahead(daemon, action); break;
    case ACTION_KEPT: log_kept(daemon, action); break;
    case ACTION_STEPPED: log_stepped(daemon, action->stepped_us); break;
    case ACTION_STOPPED: daemon->stopping = true; break;
    }
}

void perform(struct daemon *daemon, const struct actions *actions, const struct failure *failure) {
    for (uint32_t i = 0; i < actions->count; i++)
        perform_one(daemon, &actions->items[i], failure);
}

static void take_sample(struct daemon *daemon, uint32_t index, const struct sample *sample,
                        const struct failure *failure) {
    const struct core_pool *pool = &daemon->core->pools[index];
    if (sample->known)
        log_leftovers(daemon, daemon->pools[index], (uint32_t)sample->leftover_count, pool->tokens.leftover);
    else if (!pool->gate.look_failed) /* the first of a row */
        log_blind(daemon, daemon->pools[index], failure);
    log_clocks(daemon, sample, index);
    lookout_sampled(daemon, index, sample);
}

static void take_session_news(struct daemon *daemon, const struct event *event, const struct failure *failure,
                              struct session *session) {
    const struct core_session *known = core_session(daemon->core, event->session);
    struct session_pool *pool = known ? daemon->pools[known->pool] : NULL;
    switch (event->kind) {
    case EVENT_SESSION_OPENED:
        if (known)
            log_connected(daemon, pool, session);
        break;
    case EVENT_SESSION_FAILED:
        if (known)
            log_connect(daemon, pool, failure);
        session_close(session, "it could not be opened");
        break;
    case EVENT_SAMPLED:
        if (known)
            take_sample(daemon, known->pool, event->sample, failure);
        break;
    case EVENT_LISTENS:
        if (known)
            log_listens(daemon, pool, event, failure);
        break;
    case EVENT_CHANNELS:
        if (known)
            log_channels(daemon, pool, known->pool, failure);
        break;
    case EVENT_SESSION_BROKEN:
        LOG(&daemon->log, failure->message ? LOG_INFO : LOG_DEBUG, "session_lost",
            log_text("pool", pool ? pool->name : NULL), log_number("session", event->session.index + 1),
            log_text("message", failure->message));
        session_close(session, "it was lost");
        break;
    case EVENT_SESSION_GONE: forget(daemon, event->session); break;
    default: break;
    }
}

void perform_news(struct daemon *daemon, const struct event *event, const struct failure *failure) {
    const struct run *run = core_run(daemon->core, event->run);
    struct session *session = work_session(daemon, event->session);
    if (event->kind == EVENT_RUN_ENDED && run && !session) {
        daemon->commands[event->run.index] = NULL;
        errand_worked(daemon, event->run.index, failure);
    }
    if (session)
        take_session_news(daemon, event, failure, session);
}
