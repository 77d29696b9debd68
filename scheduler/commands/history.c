#include "scheduler/commands/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "scheduler/commands/arguments.h"
#include "scheduler/core/skip_words.h"
#include "scheduler/json.h"
#include "scheduler/terminal.h"
#include "tasks/duration.h"
#include "tasks/suggest.h"

#define JSON_VERSION 1

/* Rows of a pool: without --since the newest, some screens full; with it as many as libpq may hold in memory,
 * which are tens of MiB. */
#define ROWS_GLANCE 100
#define ROWS_MOST   100000

struct request {
    struct arguments arguments;
    const char *task; /* NULL: all */
    struct history_request rows;
    bool json;
};

static const struct option_spec option_specs[] = {
    {.key = {"since", KEY_DURATION, offsetof(struct request, rows.since_us), NULL, 1, SCHEDULE_EVERY_MAX_US},
     .value = "DURATION",
     .example = "1d",
     .help = "what was due within so long before now; without it the newest 100 of each pool"},
    {.key = {"failed", KEY_SWITCH, offsetof(struct request, rows.failed)},
     .help = "only what is failed, lost, unknown or missed"},
    {.key = {"json", KEY_SWITCH, offsetof(struct request, json)},
     .help = "the same facts for programs; durations and instants are microseconds"},
    {.help = NULL},
};

/* --- for people --- */

static void add_instant(struct text *text, int64_t us) {
    char date[40] = "";
    struct tm local;
    time_t seconds = (time_t)us_seconds(us);
    if (localtime_r(&seconds, &local))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &local);
    text_add(text, "%s", date);
}

/* What stands between a note that began at `start` and its next part. */
static const char *gap(const struct text *text, size_t start, const char *between) {
    return text->bytes_count > start ? between : "";
}

static void add_note(struct text *text, const struct history_row *row) {
    size_t start = text->bytes_count;
    text_add(text, "%s", row->reason);
    if (*row->message && strcmp(row->message, row->reason) != 0)
        text_add(text, "%s%s", gap(text, start, ": "), row->message);
    if (row->occurrences == 0 && strcmp(row->reason, REASON_WOKEN) != 0)
        text_add(text, "%striggered by hand", gap(text, start, ", "));
    if (row->occurrences > 1) {
        text_add(text, "%s%" PRId64 " occurrences, up to ", gap(text, start, ", "), row->occurrences);
        add_instant(text, row->due_until_us);
    }
    if (row->bites > 0)
        text_add(text, "%s%" PRId64 " bite%s", gap(text, start, ", "), row->bites, text_plural(row->bites));
    if (row->attempts > 1)
        text_add(text, "%sattempt %" PRId64, gap(text, start, ", "), row->attempts);
    if (row->outside_us > 0)
        text_add(text, "%soutside for %s", gap(text, start, ", "), DURATION_GLANCE(row->outside_us));
}

static int name_width(const struct history *history) {
    size_t most = strlen("task");
    for (uint32_t i = 0; i < history->count; i++) {
        size_t length = strlen(history_get(history, i).task);
        most = length > most ? length : most;
    }
    return (int)(most < NAME_BYTES_MAX ? most : NAME_BYTES_MAX);
}

void history_print_rows(const struct history *history, uint32_t width, struct text *text) {
    int names = name_width(history);
    text_add(text, "%-19s  %-*s  %-7s  %6s  %6s  %6s  %s\n", "due", names, "task", "outcome", "late", "took",
             "rows", "note");
    for (uint32_t i = 0; i < history->count; i++) {
        struct history_row row = history_get(history, i);
        const char *late = row.lateness_us == HISTORY_NULL ? "" : DURATION_GLANCE(row.lateness_us);
        const char *took = row.took_us == HISTORY_NULL ? "" : DURATION_GLANCE(row.took_us);
        char rows[24] = "";
        size_t start = text->bytes_count;
        if (row.rows != HISTORY_NULL)
            snprintf(rows, sizeof rows, "%" PRId64, row.rows);
        add_instant(text, row.due_us);
        text_add(text, "  %-*s  %-7s  %6s  %6s  %6s  ", names, row.task, row.outcome, late, took, rows);
        add_note(text, &row);
        text_end_line(text, start, width);
    }
}

static void print_pool(const struct request *request, const struct pool_settings *pool,
                       const struct history *history, struct text *text) {
    int64_t since_us = request->rows.since_us;
    size_t start = text->bytes_count;
    text_add(text, "pool %s", pool->name);
    if (history->is_cut)
        text_add(text, ": the newest %u; %s", history->count,
                 since_us ? "a shorter --since shows all of its time" : "--since 1d shows all of a day");
    else if (history->count == 0)
        text_add(text, ": nothing %s%s%s%s%s", request->rows.failed ? "failed" : "on record",
                 request->task ? " of " : "", request->task ? request->task : "",
                 since_us ? " in the last " : "", since_us ? DURATION_FORMAT(since_us) : "");
    text_end_line(text, start, 0);
    if (history->count)
        history_print_rows(history, terminal_width(), text);
}

/* --- for programs --- */

static json_t *json_number(int64_t number) {
    return number == HISTORY_NULL ? json_null() : json_integer(number);
}

static json_t *json_words(const char *words) {
    return *words ? json_of(words) : json_null();
}

static json_t *json_rows(const struct history *history) {
    json_t *rows = json_array();
    for (uint32_t i = 0; i < history->count; i++) {
        struct history_row row = history_get(history, i);
        json_array_append_new(
            rows,
            json_pack("{so so so so so so so so so so so so so so so so so}", "task", json_words(row.task),
                      "due_us", json_number(row.due_us), "due_until_us", json_number(row.due_until_us),
                      "started_us", json_number(row.started_us), "finished_us", json_number(row.finished_us),
                      "outcome", json_words(row.outcome), "reason", json_words(row.reason), "lateness_us",
                      json_number(row.lateness_us), "took_us", json_number(row.took_us), "outside_us",
                      json_number(row.outside_us), "attempts", json_number(row.attempts), "rows",
                      json_number(row.rows), "occurrences", json_number(row.occurrences), "tokens",
                      json_number(row.tokens), "bites", json_number(row.bites), "message",
                      json_words(row.message), "daemon", json_words(row.daemon)));
    }
    return rows;
}

void history_print_json(const struct history *history, struct text *text) {
    json_print(json_rows(history), JSON_COMPACT, text);
}

/* --- pool by pool --- */

struct reply {
    struct text text;               /* for people */
    json_t *pools;                  /* for programs */
    uint32_t kept_count, row_count; /* pools that keep a history; rows in all */
    bool failed;                    /* for one pool at least */
};

static void ask_pool(const struct request *request, const struct pool_settings *pool, struct reply *reply) {
    struct history history = {0};
    struct text error = {0};
    json_t *item = json_pack("{ss sb}", "name", pool->name, "history", pool->history);
    if (!pool->history) {
        if (!request->json)
            terminal_say(stderr, "pool %s: no history is kept; write history = on into [pool %s]\n",
                         pool->name, pool->name);
    } else if (history_read(pool, &request->rows, &history, &error)) {
        reply->kept_count++;
        reply->row_count += history.count;
        if (request->json)
            json_object_set_new(item, "rows", json_rows(&history));
        else
            print_pool(request, pool, &history, &reply->text);
        json_object_set_new(item, "is_cut", json_boolean(history.is_cut));
    } else {
        reply->failed = true;
        json_object_set_new(item, "error", json_words(error.bytes));
        terminal_say(stderr, "pool %s: %s\n", pool->name, error.bytes);
    }
    json_array_append_new(reply->pools, item);
    history_finish(&history);
    text_finish(&error);
}

static int ask_all(struct request *request, const struct taskset *set) {
    struct reply reply = {.pools = json_array()};
    uint32_t task = request->task ? taskset_find_task(set, request->task) : TASKSET_NONE;
    request->rows.task = request->task ? request->task : "";
    request->rows.service = set->daemon.name;
    request->rows.most = request->rows.since_us ? ROWS_MOST : ROWS_GLANCE;
    for (uint32_t i = 0; i < set->pool_count; i++)
        if (task == TASKSET_NONE || set->tasks[task].pool == i)
            ask_pool(request, &set->pools[i], &reply);
    json_t *all = json_pack("{si so}", "version", JSON_VERSION, "pools", reply.pools);
    if (request->json)
        json_print(json_incref(all), JSON_INDENT(2), &reply.text);
    if (reply.text.bytes)
        fwrite(reply.text.bytes, 1, reply.text.bytes_count, stdout);
    json_decref(all);
    text_finish(&reply.text);
    bool is_known = task != TASKSET_NONE || reply.row_count > 0; /* one that has left the file has rows */
    if (request->task && !is_known)
        return terminal_complain("%s has no [task %s], and nothing of it is on record%s",
                                 request->arguments.file, request->task,
                                 SUGGEST_TEXT(taskset_nearest_task(set, request->task)));
    return reply.failed || reply.kept_count == 0 ? COMMAND_FAILS : COMMAND_FINE;
}

static int history(int argc, char **argv) {
    struct request request = {0};
    int code = arguments_read(&history_command, argc, argv, &request);
    if (code >= 0)
        return code;
    if (request.arguments.task_count)
        request.task = request.arguments.tasks[0];
    struct taskset *set = arguments_load(&request.arguments);
    code = set ? ask_all(&request, set) : COMMAND_FAILS;
    taskset_unref(set);
    return code;
}

const struct command history_command = {
    .name = "history",
    .usage = "history FILE [TASK] [--since 1d] [--failed] [--json]",
    .about = "Says what ran, what did not, and why, of TASK or of all tasks; the newest is at the bottom.\n"
             "It asks the database of each pool with history = on; no daemon has to run. The same is in\n"
             "the view headgate.history.\n",
    .notes = "ok, failed, running; skipped: due, and not run, for the reason that stands there; missed: no\n"
             "daemon ran; lost: its daemon was killed while it ran, or no record of it was kept; unknown:\n"
             "the connection was lost at COMMIT\n",
    .options = option_specs,
    .tasks_most = 1,
    .run = history,
};
