/*
 * What the core records becomes lines of a pool's backlog, and the backlog's lines go to the database on the
 * session that the core says. And the other way: what the history knows of the tasks, at the start.
 */
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "scheduler/daemon/daemon.h"
#include "scheduler/daemon/state.h"

/* Old rows are looked for this often, a thousand and twice what came since, so that more leave than come. */
#define PRUNE_EVERY_US    (60 * US_PER_S)
#define PRUNE_EVERY_COUNT 5000
#define PRUNE_COUNT       1000
#define PRUNE_TEXT_BYTES  32

/* --- a record as JSON --- */

static void add_string(struct text *line, const char *name, const char *value) {
    text_add(line, "\"%s\":", name);
    text_add_json(line, value);
    text_add_bytes(line, ",", 1);
}

static void add_number(struct text *line, const char *name, int64_t value) {
    text_add(line, "\"%s\":%" PRId64 ",", name, value);
}

static void add_instant(struct text *line, const char *name, struct wall at) {
    int64_t seconds = at.us / US_PER_S - (at.us % US_PER_S < 0);
    time_t time = (time_t)seconds;
    struct tm utc;
    gmtime_r(&time, &utc);
    text_add(line, "\"%s\":\"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ\",", name, utc.tm_year + 1900,
             utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
             (int)(at.us - seconds * US_PER_S));
}

static const char *outcome_of(const struct record *record) {
    switch (record->outcome) {
    case OUTCOME_OK:
    case OUTCOME_NOTHING: return "ok";
    case OUTCOME_UNKNOWN: return "unknown";
    case OUTCOME_SKIPPED: return record->skip == SKIP_DRAIN ? "released" : log_skip_outcome(record->skip);
    default: return "failed";
    }
}

static const char *reason_of(const struct record *record) {
    switch (record->outcome) {
    case OUTCOME_NOTHING: return "its read gave no row";
    case OUTCOME_TIMEOUT: return "timeout";
    case OUTCOME_CANCELLED: return "cancelled: the daemon was told to stop";
    case OUTCOME_SKIPPED: return log_skip_reason(record->skip);
    default: return NULL;
    }
}

static void add_run(struct text *line, const struct record *record) {
    add_instant(line, "started", record->started);
    add_instant(line, "finished", (struct wall){record->started.us + record->took_us});
    add_number(line, "lateness_us", record->lateness_us);
    add_number(line, "attempts", record->attempt_count);
    if (record->has_rows)
        add_number(line, "rows", (int64_t)record->row_count);
    add_number(line, "tokens", record->tokens);
    add_number(line, "session_us", record->session_us);
    add_number(line, "outside_us", record->outside_us);
}

static void add_record(const struct daemon *daemon, const struct record *record, struct text *line) {
    const char *message = daemon->failure ? daemon->failure->message : NULL;
    text_add(line, "{");
    add_string(line, "service", record->service);
    add_string(line, "task", daemon->core->tasks[record->task].definition->name);
    add_instant(line, "due", record->key_first);
    add_instant(line, "due_until", record->key_last);
    add_number(line, "every_us", record->every_us);
    add_number(line, "occurrences", record->occurrence_count);
    add_string(line, "outcome", outcome_of(record));
    add_string(line, "reason", reason_of(record));
    add_string(line, "message", message && *message ? message : NULL);
    add_string(line, "daemon", daemon->life);
    if (record->outcome != OUTCOME_SKIPPED)
        add_run(line, record);
    text_add(line, "\"transactional\":%s,\"claiming\":%s}", record->within ? "true" : "false",
             record->claiming ? "true" : "false");
}

static struct history *history_of(struct daemon *daemon, uint32_t pool) {
    return daemon->histories[pool];
}

void history_record(struct daemon *daemon, const struct action *action) {
    const struct record *record = &action->record;
    uint32_t pool = record->pool;
    struct history *history = history_of(daemon, pool);
    struct text error = {0};
    if (!history || !record->kept)
        return;
    text_clear(&daemon->line);
    add_record(daemon, record, &daemon->line);
    backlog_add(history->backlog, daemon->line.bytes, &error);
    if (error.bytes_count)
        LOG(&daemon->log, LOG_ERROR, "history_lost", log_text("pool", daemon->pools[pool]->name),
            log_text("message", error.bytes),
            log_text("effect", "runs go on; what is not recorded is counted"));
    text_finish(&error);
}

/* --- asking --- */

/* answers_us: of one that is disabled there is none. */
static json_t *task_of(const struct core_task *task) {
    const struct schedule *schedule = &task->definition->schedule;
    json_t *json = json_pack("{s:s,s:I,s:I,s:I}", "task", task->definition->name, "every_us",
                             (json_int_t)schedule->every_us, "phase_us", (json_int_t)schedule->phase_us,
                             "most_us", (json_int_t)schedule_gap_most_us(schedule));
    if (task->definition->enabled && task->answered_from.us)
        json_object_set_new(json, "answers_us", json_integer(schedule_key(schedule, task->answered_from).us));
    return json;
}

static json_t *tasks_of(const struct daemon *daemon, uint32_t pool) {
    json_t *tasks = json_array();
    for (uint32_t i = 0; i < daemon->core->task_count; i++) {
        const struct core_task *task = &daemon->core->tasks[i];
        if (task->pool == pool && !task->retired)
            json_array_append_new(tasks, task_of(task));
    }
    return tasks;
}

static void ask_to_prune(struct daemon *daemon, uint32_t pool, struct history_question *request,
                         char (*texts)[PRUNE_TEXT_BYTES]) {
    struct history *history = history_of(daemon, pool);
    const struct pool_settings *settings = daemon->core->pools[pool].settings;
    if (daemon->core->now.us < history->prune_at.us && history->written_count < PRUNE_EVERY_COUNT)
        return;
    history->prune_at = mono_add(daemon->core->now, PRUNE_EVERY_US);
    snprintf(texts[0], PRUNE_TEXT_BYTES, "%" PRId64 " s", settings->history_keep_us / US_PER_S);
    snprintf(texts[1], PRUNE_TEXT_BYTES, "%" PRIu32, settings->history_rows);
    snprintf(texts[2], PRUNE_TEXT_BYTES, "%" PRIu32, PRUNE_COUNT + 2 * history->written_count);
    request->keep = texts[0];
    request->rows = texts[1];
    request->count = texts[2];
    history->written_count = 0;
}

void history_ask(struct daemon *daemon, const struct action *action) {
    struct history *history = history_of(daemon, action->pool);
    struct text batch = {0};
    char prune_texts[3][PRUNE_TEXT_BYTES], meet_text[NAMESAKE_TEXT_BYTES];
    struct history_question request = {
        .service = daemon->core->set->daemon.name, .daemon = daemon->name, .life = daemon->life};
    char *tasks = NULL;
    backlog_batch(history->backlog, &batch);
    request.records = batch.bytes;
    history->restoring = !daemon->core->pools[action->pool].recording.restored;
    if (history->restoring) {
        json_t *json = tasks_of(daemon, action->pool);
        request.tasks = tasks = json_dumps(json, JSON_COMPACT);
        json_decref(json);
    } else {
        ask_to_prune(daemon, action->pool, &request, prune_texts);
    }
    namesake_ask(daemon, history, &request, meet_text);
    session_history(perform_session(daemon, action->session), &request);
    text_finish(&batch);
    free(tasks);
}

/* --- what is answered --- */

/* Where it was the last word on its task, the dump has another one now. */
static void take_resolved(struct daemon *daemon, const json_t *row) {
    const char *name = json_string_value(json_object_get(row, "task"));
    const char *due = json_string_value(json_object_get(row, "due"));
    const char *outcome = json_string_value(json_object_get(row, "outcome"));
    const json_t *due_us = json_object_get(row, "due_us");
    uint32_t task = name ? taskset_find_task(daemon->set, name) : TASKSET_NONE;
    struct event event = {.kind = EVENT_RESOLVED, .task = task};
    if (!name || !due || !outcome || !json_is_integer(due_us))
        return;
    event.resolved.due.us = json_integer_value(due_us);
    event.resolved.ok = strcmp(outcome, "ok") == 0;
    log_resolved(daemon, name, due, &event);
    if (task != TASKSET_NONE)
        daemon_feed(daemon, &event);
}

/* The year 9999; and a run of a year: sums of many of these are still numbers. */
#define INSTANT_MOST_US  (INT64_C(253402300799) * US_PER_S)
#define DURATION_MOST_US (366 * US_PER_DAY)

/* NULL is 0. False: the server says what no history of ours can hold. */
static bool read_number(const json_t *row, const char *key, int64_t most, int64_t *ret) {
    const json_t *value = json_object_get(row, key);
    *ret = json_is_integer(value) ? json_integer_value(value) : 0;
    return (json_is_integer(value) || !value || json_is_null(value)) && *ret >= 0 && *ret <= most;
}

static bool read_restored(const json_t *row, struct event *event) {
    *event = (struct event){.kind = EVENT_RESTORED};
    return json_is_string(json_object_get(row, "task")) &&
           read_number(row, "answered_us", INSTANT_MOST_US, &event->restored.answered_until.us) &&
           read_number(row, "ahead_us", INSTANT_MOST_US, &event->restored.ahead_until.us) &&
           read_number(row, "ok_count", INT64_MAX, &event->restored.ok_count) &&
           read_number(row, "failed_count", INT64_MAX, &event->restored.failed_count) &&
           read_number(row, "skipped_count", INT64_MAX, &event->restored.skipped_count) &&
           read_number(row, "took_us", DURATION_MOST_US, &event->restored.took_us);
}

static void take_restored(struct daemon *daemon, const json_t *row) {
    struct event event;
    if (!read_restored(row, &event) || !json_is_integer(json_object_get(row, "answered_us")))
        return;
    event.task = taskset_find_task(daemon->set, json_string_value(json_object_get(row, "task")));
    if (event.task != TASKSET_NONE)
        daemon_feed(daemon, &event);
}

/* What a row is of, its fields say. */
static bool is_of_another_daemon(const json_t *row) {
    return json_is_string(json_object_get(row, "other"));
}

static bool is_resolved(const json_t *row) {
    return json_is_string(json_object_get(row, "outcome"));
}

static bool is_right(const json_t *row) {
    struct event event;
    return is_of_another_daemon(row) || is_resolved(row) || read_restored(row, &event);
}

/* All of it is read before any of it is believed. */
static json_t *read_answer(const char *answer) {
    json_t *answers = json_loads(answer, 0, NULL), *rows, *row;
    bool right = json_is_array(answers);
    size_t i, j;
    json_array_foreach(answers, i, rows) {
        right = right && json_is_array(rows);
        json_array_foreach(rows, j, row) right = right && json_is_object(row) && is_right(row);
    }
    if (right)
        return answers;
    json_decref(answers);
    return NULL;
}

static void take_row(struct daemon *daemon, const json_t *row, char *shared, size_t shared_bytes) {
    if (is_of_another_daemon(row))
        namesake_take(row, shared, shared_bytes);
    else if (is_resolved(row))
        take_resolved(daemon, row);
    else
        take_restored(daemon, row);
}

static void take_answers(struct daemon *daemon, uint32_t pool, const json_t *answers) {
    char shared[sizeof(struct history){0}.shared] = "";
    size_t i, j;
    const json_t *rows, *row;
    json_array_foreach(answers, i, rows) {
        json_array_foreach(rows, j, row) take_row(daemon, row, shared, sizeof shared);
    }
    if (history_of(daemon, pool)->meeting)
        namesake_note(daemon, pool, shared);
}

static bool is_passing(const struct failure *failure) {
    static const char *const passing[] = {"40001", "40P01", "57014", "55P03"};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (strcmp(failure->sqlstate, passing[i]) == 0)
            return true;
    return false;
}

static bool is_of_the_records(const struct failure *failure) {
    return strncmp(failure->sqlstate, "22", 2) == 0 || strncmp(failure->sqlstate, "23", 2) == 0;
}

static void take_failure(struct daemon *daemon, uint32_t pool, const struct failure *failure,
                         struct event *event) {
    struct history *history = history_of(daemon, pool);
    event->history.failed = true;
    event->history.failed_for_long |= !is_passing(failure);
    snprintf(history->error, sizeof history->error, "%s", failure->message);
    if (is_of_the_records(failure) && !history->restoring) {
        event->history.failed_for_long = false;
        if (backlog_give_up(history->backlog))
            LOG(&daemon->log, LOG_ERROR, "history_lost", log_text("pool", daemon->pools[pool]->name),
                log_text("sqlstate", failure->sqlstate), log_text("message", failure->message),
                log_text("effect", "the database does not take this record"));
        return;
    }
    backlog_refused(history->backlog,
                    is_passing(failure) && failure->detail ? (int)strtol(failure->detail, NULL, 10) : -1);
}

void history_take(struct daemon *daemon, uint32_t pool, struct event *event) {
    static const struct failure untrue = {.sqlstate = "HG000",
                                          .message = "this is no history of headgate's: its answer is not as "
                                                     "it should be"};
    struct history *history = history_of(daemon, pool);
    if (!history)
        return;
    json_t *answers = daemon->answer ? read_answer(daemon->answer) : NULL;
    if (answers) {
        *history->error = '\0';
        history->written_count += backlog_written(history->backlog);
        take_answers(daemon, pool, answers);
        event->history.restored = history->restoring;
    } else {
        daemon->failure = daemon->failure ? daemon->failure : &untrue;
        take_failure(daemon, pool, daemon->failure, event);
    }
    json_decref(answers);
    event->history.left_count = backlog_count(history->backlog);
}

static const char *advice_on(const struct failure *failure) {
    if (failure && strcmp(failure->sqlstate, "HG003") == 0)
        return failure->detail; /* what to type */
    if (!failure || strcmp(failure->sqlstate, "42501") != 0)
        return NULL;
    return "GRANT CREATE ON DATABASE to its role, or more: headgate check FILE --connect says what to type";
}

/* Of no answer there is no failure, of a lost session one without SQLSTATE. */
static void note_why(const struct failure *failure, char *error, size_t bytes) {
    if (!failure)
        snprintf(error, bytes, "the server did not answer in time");
    else if (!*failure->sqlstate)
        snprintf(error, bytes, "the connection is lost each time that it is asked: %s",
                 failure->message && *failure->message ? failure->message : "the server says nothing");
    else if (failure->message)
        snprintf(error, bytes, "%s", failure->message);
}

void history_tell(struct daemon *daemon, uint32_t pool) {
    struct history *history = history_of(daemon, pool);
    bool broken = daemon->core->pools[pool].recording.state == RECORDING_BROKEN;
    if (!history)
        return;
    if (broken)
        note_why(daemon->failure, history->error, sizeof history->error);
    LOG(&daemon->log, broken ? LOG_WARNING : LOG_INFO, broken ? "history_broken" : "history_back",
        log_text("pool", daemon->pools[pool]->name), log_text("message", broken ? history->error : NULL),
        log_number("records_waiting", backlog_count(history->backlog)),
        log_text("effect", broken ? "tasks go on; their records wait" : "runs are put on record again"),
        log_text("advice", broken ? advice_on(daemon->failure) : NULL));
}

struct bookkeeping history_books(const struct daemon *daemon, uint32_t pool) {
    const struct history *history = pool < daemon->history_count ? daemon->histories[pool] : NULL;
    if (!history)
        return (struct bookkeeping){.error = "", .shared = ""};
    return (struct bookkeeping){.error = history->error,
                                .shared = history->shared,
                                .waiting_count = backlog_count(history->backlog),
                                .disk_count = backlog_on_disk_count(history->backlog),
                                .lost_count = backlog_lost_count(history->backlog)};
}

/* --- who we are in it --- */

char *history_life(const char *name, struct wall now) {
    struct text life = {0};
    text_add(&life, "%s (%" PRId64 "-%d)", name, now.us, (int)getpid());
    return life.bytes;
}

char *history_name(const char *path) {
    char host[256] = "", real[PATH_MAX];
    struct text name = {0};
    gethostname(host, sizeof host - 1);
    text_add(&name, "%s:%s", host, realpath(path, real) ? real : path);
    return name.bytes;
}
