#include "scheduler/daemon/log_events.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "scheduler/core/skip_words.h"
#include "scheduler/daemon/errand.h"
#include "scheduler/status/words.h"
#include "scheduler/terminal.h"
#include "tasks/duration.h"

/* 1, 10, 100 ... */
static bool is_milestone(uint64_t count) {
    while (count >= 10 && count % 10 == 0)
        count /= 10;
    return count == 1;
}

static const char *instant_text(struct wall at, char buffer[static 40]) {
    time_t seconds = (time_t)(at.us / US_PER_S);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t used = strftime(buffer, 40, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(buffer + used, 40 - used, ".%03dZ", (int)(at.us % US_PER_S / 1000));
    return buffer;
}

static void log_skip(struct daemon *daemon, const char *task, const struct record *record) {
    char due[40];
    struct trouble *trouble = trouble_get(&daemon->troubles, task);
    bool repeats = record->skip == SKIP_OVERLAP || record->skip == SKIP_HOLD || record->skip == SKIP_LATE ||
                   record->skip == SKIP_WINDOW;
    enum log_level level = trouble->skip_told && repeats ? LOG_DEBUG : LOG_INFO;
    trouble->skip_told |= repeats;
    LOG(&daemon->log, level, record->skip == SKIP_MISSED ? "missed" : "skipped", log_text("task", task),
        log_text("due", instant_text(record->due_first, due)),
        log_number("occurrences", record->occurrence_count), log_text("reason", skip_reason(record->skip)));
}

static void log_ok(struct daemon *daemon, const char *task, const struct record *record) {
    const struct trouble *trouble = trouble_find(&daemon->troubles, task);
    bool recovered = trouble && trouble->failure_count;
    LOG(&daemon->log, recovered || record->rest == SKIP_BITES ? LOG_INFO : LOG_DEBUG,
        recovered ? "recovered" : outcome_name(record->outcome), log_text("task", task),
        log_number("run", (int64_t)record->run_number), log_number("took_ms", record->took_us / 1000),
        log_number("late_ms", record->lateness_us / 1000),
        log_number_if(record->outside_us != 0, "session_ms", record->session_us / 1000),
        log_number_if(!record->said_no, "rows", (int64_t)record->row_count),
        log_number_if(record->bite_count != 0, "bites", record->bite_count),
        log_text("reason", record->said_no ? "when said no" : skip_rest_reason(record->rest)),
        log_number_if(record->attempt_count > 1, "attempts", record->attempt_count),
        log_number_if(recovered, "after_failures", trouble ? (int64_t)trouble->failure_count : 0));
    trouble_clear(&daemon->troubles, task);
}

/* At its end a program says why it gives up. Half of what a line may be (log.c): the rest is for the message.
 */
#define OUTPUT_LOGGED_BYTES 2048

static const char *end_of(const char *output) {
    size_t length = output ? strlen(output) : 0;
    return length > OUTPUT_LOGGED_BYTES ? output + length - OUTPUT_LOGGED_BYTES : output;
}

/* Stands in for a failure that nobody described. */
static const struct failure *said(const struct failure *failure) {
    static const struct failure nothing;
    return failure ? failure : &nothing;
}

static void log_failure(struct daemon *daemon, const char *task, const struct record *record,
                        const struct failure *failure) {
    const char *outcome = outcome_name(record->outcome);
    struct trouble *trouble = trouble_get(&daemon->troubles, task);
    char due[40];
    bool ours = record->outcome == OUTCOME_TIMEOUT || record->outcome == OUTCOME_CANCELLED;
    const char *advice = ours || !failure->advice ? "" : failure->advice;
    bool is_new = trouble_add(trouble, outcome, failure, advice);
    if (!is_new && !is_milestone(trouble->failure_count)) {
        LOG(&daemon->log, LOG_DEBUG, outcome, log_text("task", task),
            log_number("run", (int64_t)record->run_number),
            log_number("in_a_row", (int64_t)trouble->failure_count));
        return;
    }
    LOG(&daemon->log, record->outcome == OUTCOME_CANCELLED ? LOG_INFO : LOG_WARNING, outcome,
        log_text("task", task), log_number("run", (int64_t)record->run_number),
        log_text("due", instant_text(record->due_first, due)), log_number("took_ms", record->took_us / 1000),
        log_number_if(record->bite_count != 0, "bites", record->bite_count),
        log_number("in_a_row", (int64_t)trouble->failure_count), log_text("sqlstate", failure->sqlstate),
        log_text("message", failure->message), log_text("detail", failure->detail),
        log_text("hint", failure->hint), log_number_if(failure->line != 0, "line", failure->line),
        log_text("context", failure->context), log_text("advice", advice),
        log_text("output", end_of(failure->output)));
}

static void print_count(const char *before, uint64_t count, const char *what) {
    printf("%s%" PRIu64 " %s%s", before, count, what, count == 1 ? "" : "s");
}

static void print_stages(const struct task *task, const struct record *record,
                         const struct progress *progress) {
    if (record->outside_us)
        printf(", %.1f ms of it outside", (double)record->outside_us / 1000);
    if (task->stages->read)
        print_count(", ", progress->row_count, "row");
    if (record->outside_us)
        print_count(task->stages->read ? " to " : ", ", progress->line_count, "line");
}

static void print_counts(const struct task *task, const struct record *record,
                         const struct progress *progress) {
    switch (task->work) {
    case WORK_SQL:
        print_count(", ", record->row_count, "row");
        if (record->bite_count)
            print_count(" in ", record->bite_count, "bite");
        break;
    case WORK_COMMAND: printf(", %" PRIu64 " bytes of output", record->row_count); break;
    case WORK_STAGES: print_stages(task, record, progress); break;
    }
}

static void log_once(struct daemon *daemon, const struct action *action, const struct failure *failure) {
    const struct record *record = &action->record;
    const struct task *task = daemon->core->tasks[record->task].definition;
    struct progress progress = {0};
    if (action->run.generation)
        progress = errand_progress(daemon, action->run.index);
    if (failure->output && *failure->output)
        terminal_say(stdout, "%s\n", failure->output);
    printf("%s: %s", task->name, outcome_name(record->outcome));
    if (record->outcome != OUTCOME_SKIPPED)
        printf(" after %.1f ms", (double)record->took_us / 1000);
    if (record->said_no)
        printf(": when said no");
    else if (record->outcome != OUTCOME_SKIPPED)
        print_counts(task, record, &progress);
    printf("\n");
    fflush(stdout);
}

static void log_elsewhere(struct daemon *daemon, const char *task, const struct record *record) {
    char due[40];
    LOG(&daemon->log, LOG_DEBUG, "elsewhere", log_text("task", task),
        log_number("run", (int64_t)record->run_number), log_text("due", instant_text(record->due_first, due)),
        log_text("effect", "another daemon answers it"));
}

/* As its file wants it: no trouble of the task's. */
static void log_shut_out(struct daemon *daemon, const char *task, const struct record *record) {
    LOG(&daemon->log, LOG_INFO, outcome_name(record->outcome), log_text("task", task),
        log_number("run", (int64_t)record->run_number), log_number("took_ms", record->took_us / 1000),
        log_text("reason", "its window has closed"));
}

void log_record(struct daemon *daemon, const struct action *action, const struct failure *failure) {
    const struct record *record = &action->record;
    const char *task = daemon->core->tasks[record->task].definition->name;
    if (record->outcome == OUTCOME_OK || record->outcome == OUTCOME_NOTHING)
        log_ok(daemon, task, record);
    else if (record->outcome == OUTCOME_ELSEWHERE)
        log_elsewhere(daemon, task, record);
    else if (record->outcome == OUTCOME_SKIPPED)
        log_skip(daemon, task, record);
    else if (record->shut_out)
        log_shut_out(daemon, task, record);
    else
        log_failure(daemon, task, record, said(failure));
    if (daemon->once_task)
        log_once(daemon, action, said(failure));
}

/* Called before the core is told, so the task's numbers still show the run as unresolved. Was it the last
 * one? */
void log_resolved(struct daemon *daemon, const char *task, const char *due, const struct event *event) {
    bool ok = event->resolved.ok;
    const struct task_stats *stats =
        event->task == TASKSET_NONE ? NULL : &daemon->core->tasks[event->task].stats;
    struct trouble *trouble = trouble_find(&daemon->troubles, task);
    LOG(&daemon->log, LOG_INFO, "resolved", log_text("task", task), log_text("due", due),
        log_text("outcome", ok ? "ok" : "failed"),
        log_text("reason", ok ? "it was committed" : "it was not committed: nothing of it is done"));
    if (!trouble || !stats || stats->last_outcome != OUTCOME_UNKNOWN ||
        stats->last_key.us != event->resolved.due.us)
        return;
    if (ok)
        trouble_clear(&daemon->troubles, task);
    else
        trouble_resolve(trouble, "failed, nothing of it is done, as its connection was lost before it was "
                                 "committed");
}

void log_kept(struct daemon *daemon, const struct action *action) {
    char until[40], by[DURATION_TEXT_BYTES];
    const struct core_task *task = &daemon->core->tasks[action->task];
    LOG(&daemon->log, LOG_INFO, "kept_waiting", log_text("task", task->definition->name),
        log_text("until", instant_text(task->kept_until, until)),
        log_text("ahead", duration_glance(action->ahead_us, by)),
        log_text("reason", "up to there its occurrences are answered already: our clock, or that of another "
                           "daemon, is or was ahead"),
        log_text("advice", "compare the clocks of the hosts that run headgate"));
}

void log_retry(struct daemon *daemon, const struct action *action, const struct failure *failure) {
    const struct run *run = core_run(daemon->core, action->run);
    char delay[DURATION_TEXT_BYTES];
    LOG(&daemon->log, LOG_INFO, "retrying", log_text("task", run->definition->name),
        log_number("run", (int64_t)run->number), log_number("failed", run->attempts.failed_count),
        log_text("in", duration_glance(action->delay_us, delay)),
        log_text("sqlstate", said(failure)->sqlstate), log_text("message", said(failure)->message));
}

void log_stopping(struct daemon *daemon, const struct run *run, bool abort_it) {
    LOG(&daemon->log, LOG_INFO, abort_it ? "aborting" : "cancelling", log_text("task", run->definition->name),
        log_number("run", (int64_t)run->number),
        log_text("reason", run->stop == STOP_TIMEOUT  ? "its timeout has passed"
                           : run->stop == STOP_YIELD  ? "others wait, and it takes far longer than usual"
                           : run->stop == STOP_WINDOW ? "its window has closed"
                                                      : "the daemon is stopping"));
}

void log_held(struct daemon *daemon, const struct run *run, int64_t held_us) {
    char held[DURATION_TEXT_BYTES];
    LOG(&daemon->log, LOG_WARNING, "token_held_long", log_text("task", run->definition->name),
        log_number("run", (int64_t)run->number), log_text("for", duration_glance(held_us, held)),
        log_text("pool", daemon->core->pools[run->pool].settings->name));
}

void log_hold(struct daemon *daemon, const struct action *action) {
    const struct core_task *task = &daemon->core->tasks[action->task];
    char hold[DURATION_TEXT_BYTES];
    LOG(&daemon->log, LOG_WARNING, "on_hold", log_text("task", task->definition->name),
        log_number("failed_in_a_row", task->failed_in_row),
        log_text("for", duration_glance(action->delay_us, hold)),
        log_text("effect", "what is due meanwhile is skipped; longer after each further failure"));
}

void log_stepped(struct daemon *daemon, int64_t stepped_us) {
    char by[DURATION_TEXT_BYTES];
    LOG(&daemon->log, LOG_WARNING, "clock_stepped", log_text("by", duration_glance(stepped_us, by)),
        log_text("effect", "due instants follow the clock; what was missed becomes one run a task"));
}

void log_ahead(struct daemon *daemon, const struct action *action) {
    char by[DURATION_TEXT_BYTES];
    LOG(&daemon->log, LOG_WARNING, "record_ahead",
        log_text("task", daemon->core->tasks[action->task].definition->name),
        log_text("by", duration_glance(action->ahead_us, by)),
        log_text("effect", "its history ends in our future; it goes by our clock all the same"),
        log_text("advice", "compare the clocks of the hosts that run headgate"));
}

void log_connect(struct daemon *daemon, struct session_pool *pool, const struct failure *failure) {
    struct text where = {0};
    bool changed = strcmp(pool->connect_error, failure->message) != 0;
    snprintf(pool->connect_error, sizeof pool->connect_error, "%s", failure->message);
    pool->connect_failures++;
    bool tell = is_milestone(pool->connect_failures);
    conninfo_describe(&pool->conninfo, &where);
    LOG(&daemon->log,
        tell      ? LOG_WARNING
        : changed ? LOG_INFO
                  : LOG_DEBUG,
        "connect_failed", log_text("pool", pool->name), log_text("to", where.bytes),
        log_number("in_a_row", pool->connect_failures), log_text("sqlstate", failure->sqlstate),
        log_text("message", failure->message), log_text("advice", failure->advice));
    text_finish(&where);
}

void log_connected(struct daemon *daemon, struct session_pool *pool, struct session *session) {
    struct text where = {0};
    conninfo_describe(&pool->conninfo, &where);
    LOG(&daemon->log, pool->connect_failures ? LOG_INFO : LOG_DEBUG, "connected",
        log_text("pool", pool->name), log_text("to", where.bytes),
        log_number("backend_pid", session_backend_pid(session)),
        log_number_if(pool->connect_failures != 0, "after_failures", pool->connect_failures));
    pool->connect_failures = 0;
    pool->connect_error[0] = '\0';
    text_finish(&where);
}

/* Called for each login that leads to a standby again; those are a second apart. */
void log_standby(struct daemon *daemon, const struct action *action, const struct failure *failure) {
    const struct run *run = core_run(daemon->core, action->run);
    struct text where = {0};
    conninfo_describe(&daemon->pools[run->pool]->conninfo, &where);
    LOG(&daemon->log, is_milestone(action->number) ? LOG_WARNING : LOG_DEBUG, "standby",
        log_text("pool", daemon->pools[run->pool]->name), log_text("to", where.bytes),
        log_text("task", run->definition->name), log_number("in_a_row", action->number),
        log_text("sqlstate", said(failure)->sqlstate), log_text("message", said(failure)->message),
        log_text("effect", "the run is not spent and waits for the primary"),
        log_text("advice", connect_failure_advice(CONNECT_STANDBY, "")));
    text_finish(&where);
}

/* Of each time that it begins; that it goes on is no news. Refused: of the first in a row. */
void log_listens(struct daemon *daemon, struct session_pool *pool, const struct event *event,
                 const struct failure *failure) {
    uint32_t index = core_session(daemon->core, event->session)->pool;
    const struct listener *hearing = &daemon->core->pools[index].hearing;
    char off[DURATION_TEXT_BYTES] = "";
    snprintf(pool->listen_error, sizeof pool->listen_error, "%s", failure ? said(failure)->message : "");
    if (!hearing->on)
        duration_glance(mono_since(daemon->core->now, hearing->off_since), off);
    if (failure)
        LOG(&daemon->log, hearing->failed_count ? LOG_DEBUG : LOG_WARNING, "not_listening",
            log_text("pool", pool->name), log_text("message", failure->message),
            log_text("effect", "no notification wakes a task; those with an interval go on by it"));
    else if (event->listens.anew)
        LOG(&daemon->log, LOG_INFO, "listening", log_text("pool", pool->name),
            log_number("channels", pool->channels.count), log_text("after", *off ? off : NULL),
            log_text("effect", "its tasks look once, as nobody knows what was notified before"));
}

void log_channels(struct daemon *daemon, struct session_pool *pool, uint32_t index,
                  const struct failure *failure) {
    bool tell = is_milestone(++pool->channels_changed_count);
    LOG(&daemon->log, tell ? LOG_WARNING : LOG_DEBUG, "listening_disturbed",
        log_text("pool", daemon->core->pools[index].settings->name),
        log_number("times", pool->channels_changed_count), log_text("message", said(failure)->message),
        log_text("effect", "the session listens anew"),
        log_text("advice", "leave LISTEN and UNLISTEN out of the texts of tasks"));
}

void log_gate(struct daemon *daemon, uint32_t index) {
    const struct core_pool *pool = &daemon->core->pools[index];
    struct text cause = {0};
    status_pressure(&pool->gate.limit, &cause);
    bool worse = pool->gate.limit.state == LIMIT_CRITICAL || pool->gate.limit.state == LIMIT_LOST;
    LOG(&daemon->log, worse ? LOG_WARNING : LOG_INFO, "limit", log_text("pool", pool->settings->name),
        log_number("tokens", pool->tokens.limit), log_number("size", pool->settings->size),
        log_text("reason", cause.bytes ? cause.bytes : "the database is at ease"));
    text_finish(&cause);
}

void log_blind(struct daemon *daemon, const struct session_pool *pool, const struct failure *failure) {
    LOG(&daemon->log, LOG_WARNING, "sample_failed", log_text("pool", pool->name),
        log_text("message", said(failure)->message),
        log_text("effect", "nothing more is opened than one session or command every 5 s"));
}

void log_clocks(struct daemon *daemon, const struct sample *sample, uint32_t index) {
    const struct core_pool *pool = &daemon->core->pools[index];
    char ahead[DURATION_TEXT_BYTES];
    bool apart = sample_clocks_are_apart(sample);
    if (!sample->known || apart == sample_clocks_are_apart(&pool->gate.sample))
        return;
    if (apart)
        LOG(&daemon->log, LOG_WARNING, "clocks_differ", log_text("pool", pool->settings->name),
            log_text("database_ahead", duration_glance(sample->ahead_us, ahead)),
            log_text("effect",
                     "tasks are due by ours; how old a row of the history is goes by the database's"),
            log_text("advice", "let NTP keep the clocks of both hosts"));
    else
        LOG(&daemon->log, LOG_INFO, "clocks_agree", log_text("pool", pool->settings->name));
}

void log_breach(struct daemon *daemon, const struct action *action, const struct failure *failure) {
    const char *task = daemon->core->tasks[action->task].definition->name;
    const char *left = said(failure)->message;
    if (action->number)
        LOG(&daemon->log, LOG_WARNING, "left_behind", log_text("left", left), log_text("task", task),
            log_number("or_one_of", action->number),
            log_text("effect",
                     "session = clean was not kept; each of these runs alone next, to find out which"));
    else
        LOG(&daemon->log, LOG_ERROR, "left_behind", log_text("left", left), log_text("task", task),
            log_text("effect",
                     "session = clean was not kept; its session is cleaned after every run from now on"),
            log_text("advice", "write session = discard"));
}

void log_heavier(struct daemon *daemon, const struct action *action) {
    const struct task *task = daemon->core->tasks[action->task].definition;
    LOG(&daemon->log, LOG_WARNING, "heavier_than_declared", log_text("task", task->name),
        log_number("tokens", task->tokens), log_number("sessions", action->number),
        log_text("effect", "its sessions take slots that nobody budgeted"),
        log_text("advice", "raise its tokens"));
}

void log_pooler(struct daemon *daemon, uint32_t pool, const char *error) {
    LOG(&daemon->log, error ? LOG_WARNING : LOG_INFO, error ? "pooler_not_asked" : "pooler_asked_again",
        log_text("pool", daemon->core->pools[pool].settings->name), log_text("message", error),
        log_text("effect", error ? "clients that wait in the pooler do not count as pressure" : NULL));
}

void log_leftovers(struct daemon *daemon, const struct session_pool *pool, uint32_t count, uint32_t before) {
    if (count != before)
        LOG(&daemon->log, count ? LOG_WARNING : LOG_INFO, "leftover_sessions", log_text("pool", pool->name),
            log_number("count", count),
            log_text("effect", count ? "an earlier daemon's sessions still hold that many tokens"
                                     : "all tokens are ours"));
}
