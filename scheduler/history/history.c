#include "scheduler/history/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/core/record.h"
#include "scheduler/history/line.h"
#include "scheduler/history/released.h"

/*
 * Old rows are looked for once a minute and after so many records. A look deletes a thousand, and twice what
 * was written since the one before, so that more leave than come; a thousand rows take 3 to 12 ms
 * (tests/bench/README.md).
 */
#define PRUNE_EVERY_US    (60 * US_PER_S)
#define PRUNE_EVERY_COUNT 5000
#define PRUNE_COUNT       1000

/* Who else has our name is asked this often, when records are written anyway: it is one row that two daemons
 * update, and a person who reads of it has all day. */
#define MEET_EVERY_US (10 * US_PER_S)

/* --- its backlog --- */

static void tell_unusable(struct history *history, struct text *error) {
    if (error->bytes_count)
        LOG(history->writer->log, LOG_ERROR, "history_spool_unusable", log_text("pool", history->pool),
            log_text("message", error->bytes));
    text_finish(error);
}

struct history *history_open(struct history_writer *writer, const char *pool, const char *place,
                             const char *path) {
    struct text error = {0};
    struct history *history = calloc(1, sizeof *history);
    if (!history)
        abort();
    history->writer = writer;
    history->pool = text_copy(pool);
    history->place = text_copy(place);
    history->backlog = backlog_create(path, &error);
    tell_unusable(history, &error);
    return history;
}

void history_close(struct history *history) {
    if (!history)
        return;
    struct text error = {0};
    uint32_t count = backlog_count(history->backlog);
    char *path = text_copy(backlog_path(history->backlog));
    bool kept = backlog_destroy(history->backlog, &error);
    if (!kept)
        LOG(history->writer->log, LOG_ERROR, "history_lost", log_text("pool", history->pool),
            log_number("records", count), log_text("message", error.bytes));
    else if (count)
        LOG(history->writer->log, LOG_WARNING, "history_spooled", log_text("pool", history->pool),
            log_number("records", count), log_text("file", path),
            log_text("effect", "they are written by the next start that has this spool and this database"));
    text_finish(&error);
    free(path);
    free(history->pool);
    free(history->place);
    free(history);
}

void history_move(struct history *history, const char *path) {
    struct text error = {0};
    if (strcmp(path, backlog_path(history->backlog)) != 0)
        backlog_move(history->backlog, path, &error);
    tell_unusable(history, &error);
}

void history_take_in(struct history *history, const char *path) {
    struct text error = {0};
    struct backlog *left = backlog_create(path, &error);
    uint32_t count = backlog_count(left);
    backlog_take_in(history->backlog, left, &error);
    tell_unusable(history, &error);
    LOG(history->writer->log, LOG_INFO, "history_found", log_text("file", path),
        log_text("pool", history->pool), log_number("records", count),
        log_text("reason", "it is of the same database"));
}

void history_add(struct history *history, const struct record *record, const char *message) {
    struct history_writer *writer = history->writer;
    struct text error = {0};
    struct text released = {0};
    if (record->occurrence_count)
        released_compose(&released, writer->core, record->task);
    line_compose(&writer->line, record, writer->core->tasks[record->task].definition->name, message,
                 released.bytes, writer->life);
    text_finish(&released);
    backlog_add(history->backlog, writer->line.bytes, &error);
    if (error.bytes_count)
        LOG(writer->log, LOG_ERROR, "history_lost", log_text("pool", history->pool),
            log_text("message", error.bytes),
            log_text("effect", "runs go on; what is not recorded is counted"));
    text_finish(&error);
}

/* --- asking --- */

/* answers_us: of one that is disabled there is none. What a guard said no to has no row. */
static json_t *task_of(const struct core_task *task) {
    const struct schedule *schedule = &task->definition->schedule;
    json_t *json = json_pack("{s:s,s:I,s:I,s:I}", "task", task->definition->name, "every_us",
                             (json_int_t)schedule->every_us, "phase_us", (json_int_t)schedule->phase_us,
                             "most_us", (json_int_t)schedule_gap_most_us(schedule));
    if (schedule->kind == SCHEDULE_CALENDAR) {
        json_object_set_new(json, "calendar",
                            json_sprintf("%s %s", schedule->text, zone_name(schedule->zone)));
        json_object_set_new(json, "gap_us", json_integer(schedule_gap_least_us(schedule)));
    }
    if (task->definition->after) {
        struct text names = {0};
        after_names(task->definition->after, &names);
        json_object_set_new(json, "calendar", json_sprintf("after %s", names.bytes));
        text_finish(&names);
    }
    if (task->definition->after || task->definition->when)
        json_object_set_new(json, "sparse", json_true());
    if (task->definition->enabled && task->answered_from.us)
        json_object_set_new(json, "answers_us", json_integer(schedule_key(schedule, task->answered_from).us));
    return json;
}

static char *tasks_of(const struct core *core, uint32_t pool) {
    json_t *tasks = json_array();
    for (uint32_t i = 0; i < core->task_count; i++)
        if (core->tasks[i].pool == pool && !core->tasks[i].retired)
            json_array_append_new(tasks, task_of(&core->tasks[i]));
    char *text = json_dumps(tasks, JSON_COMPACT);
    json_decref(tasks);
    return text;
}

/* NULL: none of the pool's tasks is in a chain. */
static char *chains_of(const struct core *core, uint32_t pool) {
    json_t *names = json_array();
    for (uint32_t i = 0; core->link_count && i < core->task_count; i++)
        if (core->tasks[i].pool == pool && !core->tasks[i].retired &&
            (core->chains[i].link_count || core->chains[i].follower_count))
            json_array_append_new(names, json_string(core->tasks[i].definition->name));
    char *text = json_array_size(names) ? json_dumps(names, JSON_COMPACT) : NULL;
    json_decref(names);
    return text;
}

static void ask_to_prune(struct history *history, struct history_asking *asking) {
    const struct core *core = history->writer->core;
    const struct pool_settings *settings = core->pools[history->index].settings;
    if (core->now.us < history->prune_at.us && history->written_count < PRUNE_EVERY_COUNT)
        return;
    history->prune_at = mono_add(core->now, PRUNE_EVERY_US);
    snprintf(asking->keep, sizeof asking->keep, "%" PRId64 " s", settings->history_keep_us / US_PER_S);
    snprintf(asking->rows, sizeof asking->rows, "%" PRIu32, settings->history_rows);
    snprintf(asking->count, sizeof asking->count, "%" PRIu32, PRUNE_COUNT + 2 * history->written_count);
    asking->question.keep = asking->keep;
    asking->question.rows = asking->rows;
    asking->question.count = asking->count;
    history->written_count = 0;
}

void history_ask(struct history *history, struct history_asking *ret) {
    const struct history_writer *writer = history->writer;
    const struct core *core = writer->core;
    *ret = (struct history_asking){
        .question = {.service = core->set->daemon.name, .daemon = writer->name, .life = writer->life}};
    uint32_t sent_count = backlog_batch(history->backlog, &ret->records);
    ret->question.records = ret->records.bytes;
    ret->question.makes_schema = !core->pools[history->index].recording.restored;
    /* What waits may answer occurrences: read before all of it is written, they would count as missed. */
    history->restoring = ret->question.makes_schema && sent_count == backlog_count(history->backlog);
    if (history->restoring)
        ret->question.tasks = ret->tasks = tasks_of(core, history->index);
    else if (!ret->question.makes_schema)
        ask_to_prune(history, ret);
    if (history->restoring || (!ret->question.makes_schema && core->pools[history->index].recording.learns))
        ret->question.chains = ret->chains = chains_of(core, history->index);
    history->meeting = history->restoring || core->now.us >= history->meet_at.us;
    if (!history->meeting)
        return;
    history->meet_at = mono_add(core->now, MEET_EVERY_US);
    snprintf(ret->meets, sizeof ret->meets, "%016" PRIx64, writer->work_hash);
    ret->question.meets = ret->meets;
}

void history_asking_finish(struct history_asking *asking) {
    text_finish(&asking->records);
    free(asking->tasks);
    free(asking->chains);
}

/* --- what is answered --- */

static size_t name_length(const char *shared) {
    const char *end = strstr(shared, " (seen ");
    return end ? (size_t)(end - shared) : strlen(shared);
}

/* Told when it is another one than before. */
static void note_shared(struct history *history, const char *shared) {
    size_t length = name_length(shared);
    bool told = length == name_length(history->shared) && strncmp(shared, history->shared, length) == 0;
    snprintf(history->shared, sizeof history->shared, "%s", shared);
    if (*shared && !told)
        LOG(history->writer->log, LOG_WARNING, "name_shared", log_text("pool", history->pool),
            log_text("name", history->writer->core->set->daemon.name), log_text("by", shared),
            log_text("effect", "its tasks are others, and of those with the same name one of the two runs "
                               "what is due"),
            log_text("advice", "write another name into [headgate] of one of the files; for two hosts of one "
                               "service, give both the same tasks"));
}

/* The same batch may be taken at the next try: two transactions met, a person or a timeout cancelled it, or a
 * lock was not to be had in time. */
static bool is_passing(const struct failure *failure) {
    static const char *const passing[] = {"40001", "40P01", "57014", "55P03"};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (strcmp(failure->sqlstate, passing[i]) == 0)
            return true;
    return false;
}

/* PostgreSQL's classes "data exception" and "integrity constraint violation": what a record says is wrong. */
static bool is_of_the_records(const struct failure *failure) {
    return strncmp(failure->sqlstate, "22", 2) == 0 || strncmp(failure->sqlstate, "23", 2) == 0;
}

static void take_failure(struct history *history, const struct failure *failure, struct event *event) {
    event->history.failed = true;
    event->history.failed_for_long |= !is_passing(failure);
    snprintf(history->error, sizeof history->error, "%s", failure->message);
    if (is_of_the_records(failure) && !history->restoring) {
        event->history.failed_for_long = false;
        if (backlog_give_up(history->backlog))
            LOG(history->writer->log, LOG_ERROR, "history_lost", log_text("pool", history->pool),
                log_text("sqlstate", failure->sqlstate), log_text("message", failure->message),
                log_text("effect", "the database does not take this record"));
        return;
    }
    /* headgate.record() puts into the detail which record of the batch waited for a lock */
    backlog_refused(history->backlog,
                    is_passing(failure) && failure->detail ? (int)strtol(failure->detail, NULL, 10) : -1);
}

/* What was due between two rows of a calendar task, and has none. */
static void note_gap(struct history *history, uint32_t task, struct wall last, struct wall next) {
    const struct core_task *own = &history->writer->core->tasks[task];
    const struct schedule *schedule = &own->definition->schedule;
    struct wall first = schedule_next_after(schedule, last);
    struct occurrences missed = schedule_between(schedule, first, (struct wall){next.us - 1});
    if (missed.count == 0)
        return;
    struct record record = record_of(own->definition, task, own->pool, &missed);
    record.outcome = OUTCOME_SKIPPED;
    record.skip = SKIP_UNRECORDED;
    history_add(history, &record, NULL);
}

static void note_gaps(struct history *history, const struct reply *reply) {
    const struct core *core = history->writer->core;
    for (uint32_t i = 0; i < reply->count; i++) {
        const struct reply_row *row = &reply->rows[i];
        uint32_t task = row->event.task;
        if (task == TASKSET_NONE || core->tasks[task].definition->schedule.kind != SCHEDULE_CALENDAR)
            continue;
        for (size_t gap = 0; gap + 1 < json_array_size(row->gaps); gap += 2)
            note_gap(history, task, (struct wall){json_integer_value(json_array_get(row->gaps, gap))},
                     (struct wall){json_integer_value(json_array_get(row->gaps, gap + 1))});
    }
}

const struct failure *history_take(struct history *history, const char *answer, const struct failure *failure,
                                   struct event *event, struct reply *reply) {
    static const struct failure untrue = {.sqlstate = "HG000",
                                          .message = "this is no history of headgate's: its answer is not as "
                                                     "it should be"};
    bool taken = answer && reply_read(reply, answer, history->writer->core->set);
    if (taken) {
        failure = NULL;
        *history->error = '\0';
        history->written_count += backlog_written(history->backlog);
        note_gaps(history, reply);
        event->history.restored = history->restoring;
        if (history->meeting)
            note_shared(history, reply->shared);
    } else {
        failure = failure ? failure : &untrue;
        take_failure(history, failure, event);
    }
    event->history.left_count = backlog_count(history->backlog);
    return failure;
}

/* A lost session comes without SQLSTATE. */
static void note_why(struct history *history, const struct failure *failure) {
    char *error = history->error;
    size_t bytes = sizeof history->error;
    if (!failure)
        snprintf(error, bytes, "the server did not answer in time");
    else if (!*failure->sqlstate)
        snprintf(error, bytes, "the connection is lost each time that it is asked: %s",
                 failure->message && *failure->message ? failure->message : "the server says nothing");
    else if (failure->message)
        snprintf(error, bytes, "%s", failure->message);
}

/* HG003: the schema is not to be trusted, and the detail says what to type. 42501: insufficient privilege. */
static const char *advice_on(const struct failure *failure) {
    if (failure && strcmp(failure->sqlstate, "HG003") == 0)
        return failure->detail;
    if (!failure || strcmp(failure->sqlstate, "42501") != 0)
        return NULL;
    return "GRANT CREATE ON DATABASE to its role, or more: headgate check FILE --connect says what to type";
}

void history_note_state(struct history *history, bool broken, const struct failure *failure) {
    if (broken)
        note_why(history, failure);
    LOG(history->writer->log, broken ? LOG_WARNING : LOG_INFO, broken ? "history_broken" : "history_back",
        log_text("pool", history->pool), log_text("message", broken ? history->error : NULL),
        log_number("records_waiting", backlog_count(history->backlog)),
        log_text("effect", broken ? "tasks go on; their records wait" : "runs are put on record again"),
        log_text("advice", broken ? advice_on(failure) : NULL));
}
