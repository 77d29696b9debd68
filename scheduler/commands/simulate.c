/*
 * `headgate simulate`: reads the options, asks a running daemon for the durations that it has learned, and
 * prints the forecast.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool/conninfo.h"
#include "scheduler/commands/arguments.h"
#include "scheduler/commands/ask.h"
#include "scheduler/simulate/json.h"
#include "scheduler/simulate/plot.h"
#include "scheduler/simulate/spec.h"
#include "scheduler/terminal.h"
#include "tasks/duration.h"
#include "tasks/rfc3339.h"
#include "tasks/stage.h"

#define FOREGROUNDS_MOST 16   /* parts of an application; each costs something in each step of virtual time */
#define TOOKS_MOST       1024 /* tasks that a person tells of */
#define SLOTS_MOST       1000000 /* beyond PostgreSQL's own most, 2^18 - 1 */
#define RESERVED_COUNT   3       /* PostgreSQL's default of superuser_reserved_connections */
#define WIDTH_PLAIN      80      /* columns, where there is no terminal */
#define WIDTH_LEAST      40
#define WIDTH_MOST       200
#define JSON_PARTS       96                 /* quarters of an hour of a day */
#define FOR_MOST_US      (1096 * US_PER_DAY) /* three years, with a leap day: a busy day takes a second or so */

/* Unless told otherwise, the same days for everybody, so that two forecasts can be compared: 2026-01-01 00:00
 * UTC.
 */
#define START_US (INT64_C(20454) * US_PER_DAY)

struct request {
    struct arguments arguments;
    const char *tooks[TOOKS_MOST];
    uint32_t took_count;
    struct simulate_foreground foregrounds[FOREGROUNDS_MOST];
    uint32_t foreground_count;
    int64_t for_us;
    const char *from;
    uint32_t slot_count;
    bool json;
};

/* --- the arguments --- */

static bool take_foreground(void *request, const char *value, struct text *error) {
    struct request *into = request;
    if (into->foreground_count < FOREGROUNDS_MOST)
        return simulate_spec_foreground(value, &into->foregrounds[into->foreground_count++], error);
    text_add(error, "it may be given %d times", FOREGROUNDS_MOST);
    return false;
}

/* Read once the tasks are known. */
static bool take_took(void *request, const char *value, struct text *error) {
    struct request *into = request;
    if (into->took_count < TOOKS_MOST) {
        into->tooks[into->took_count++] = value;
        return true;
    }
    text_add(error, "it may be given %d times", TOOKS_MOST);
    return false;
}

static const struct option_spec option_specs[] = {
    {.key = {"for", KEY_DURATION, offsetof(struct request, for_us), NULL, US_PER_S, FOR_MOST_US},
     .value = "DURATION",
     .example = "24h",
     .help = "how long; 24h if not said"},
    {.key = {"from", KEY_TEXT, offsetof(struct request, from)},
     .value = "INSTANT",
     .example = "2027-03-27",
     .help = "2027-03-27, 2027-03-27T06:30 or with an offset, 2027-03-27T06:30:00+01:00; a date is\n"
             "its midnight in the zone of [headgate]. 2026-01-01 in UTC, if not said"},
    {.key = {"foreground"},
     .value = "SPEC",
     .take = take_foreground,
     .help = "what the application does, as key=value,...; may be repeated:\n"
             "sessions=40 all the time; burst=30,every=10min,for=20s that many more, so often,\n"
             "for so long; active=2 how many of them are active at a time"},
    {.key = {"took"},
     .value = "TASK=DURATION",
     .take = take_took,
     .help = "how long the task's runs take; DURATION alone is for all; may be repeated.\n"
             "Else what the daemon of FILE has learned, else the task's key expect. Of a staged\n"
             "task it is for its read and its write each; its outside work takes what was\n"
             "learned, else its key expect_work"},
    {.key = {"slots", KEY_COUNT, offsetof(struct request, slot_count), NULL, RESERVED_COUNT + 1, SLOTS_MOST},
     .value = "N",
     .example = "100",
     .help = "max_connections of the server; 100 if not said, 3 of them for superusers"},
    {.key = {"json", KEY_SWITCH, offsetof(struct request, json)},
     .help = "the same facts for programs; durations and instants are microseconds"},
    {.help = NULL},
};

/* A burst that never comes would be no forecast. */
static bool check_bursts(const struct request *request, struct text *error) {
    for (uint32_t i = 0; i < request->foreground_count && error->bytes_count == 0; i++) {
        int64_t every_us = request->foregrounds[i].burst_every_us;
        if (every_us >= request->for_us)
            text_add(error, "a burst every %s never comes within %s; write a longer --for",
                     DURATION_FORMAT(every_us), DURATION_FORMAT(request->for_us));
    }
    return error->bytes_count == 0;
}

/* --- how long runs take --- */

/* By task; in the set's arena. */
struct durations {
    int64_t *took_us;
    int64_t *work_us;     /* outside */
    const char **sources; /* where the first is from: see simulate_json() */
};

/* What the daemon knows is of both stages on the database together. */
static int64_t each_stage_us(const struct task *task, int64_t us) {
    bool both = stage_expect_us(task, STAGE_READ) && stage_expect_us(task, STAGE_WRITE);
    return both && us > 1 ? us / 2 : us;
}

static void take_learned(const struct taskset *set, const json_t *tasks, struct durations *durations) {
    size_t i;
    const json_t *task;
    json_array_foreach(tasks, i, task) {
        const char *name = json_string_value(json_object_get(task, "name"));
        json_int_t us = json_integer_value(json_object_get(task, "expected"));
        json_int_t outside_us = json_integer_value(json_object_get(task, "expected_outside"));
        uint32_t index = name ? taskset_find_task(set, name) : TASKSET_NONE;
        if (index == TASKSET_NONE || us <= 0)
            continue;
        durations->took_us[index] = each_stage_us(&set->tasks[index], us);
        durations->work_us[index] = outside_us > 0 ? outside_us : durations->work_us[index];
        durations->sources[index] = "daemon";
    }
}

/* Nobody needs to answer. */
static void take_from_daemon(const struct taskset *set, const char *file, struct durations *durations) {
    struct text answer = {0}, error = {0};
    if (ask_daemon(set, file, "status json", &answer, &error)) {
        json_t *status = json_loadb(answer.bytes, answer.bytes_count, JSON_DISABLE_EOF_CHECK, NULL);
        take_learned(set, json_object_get(status, "tasks"), durations);
        json_decref(status);
    }
    text_finish(&answer);
    text_finish(&error);
}

/* What is for all goes first, whatever the order on the command line. */
static bool take_tooks(const struct request *request, const struct taskset *set, bool for_all,
                       struct durations *durations, struct text *error) {
    struct text why = {0};
    for (uint32_t i = 0; i < request->took_count && why.bytes_count == 0; i++) {
        uint32_t task;
        int64_t us;
        if (!simulate_spec_took(request->tooks[i], set, &task, &us, &why))
            text_add(error, "--took: %s", why.bytes);
        for (uint32_t t = 0; t < set->task_count && why.bytes_count == 0; t++) {
            if (for_all ? task != TASKSET_NONE : t != task)
                continue;
            durations->took_us[t] = us;
            durations->sources[t] = "took";
        }
    }
    text_finish(&why);
    return error->bytes_count == 0;
}

static bool find_durations(const struct request *request, struct taskset *set, struct durations *durations,
                           struct text *error) {
    durations->took_us = arena_alloc(&set->arena, set->task_count * sizeof *durations->took_us);
    durations->work_us = arena_alloc(&set->arena, set->task_count * sizeof *durations->work_us);
    durations->sources = arena_alloc(&set->arena, set->task_count * sizeof *durations->sources);
    for (uint32_t i = 0; i < set->task_count; i++) {
        durations->took_us[i] = set->tasks[i].expect_us;
        durations->work_us[i] = stage_expect_us(&set->tasks[i], STAGE_WORK);
        durations->sources[i] = "expect";
    }
    take_from_daemon(set, request->arguments.file, durations);
    return take_tooks(request, set, true, durations, error) &&
           take_tooks(request, set, false, durations, error);
}

/* "3 tasks by --took; 2 tasks learned by the daemon that runs this file" */
static void tell_sources(const struct taskset *set, const struct durations *durations, struct text *told) {
    static const char *const names[] = {"took", "daemon", "expect"};
    static const char *const words[] = {"by --took", "learned by the daemon that runs this file",
                                        "by their keys expect and expect_work, 50ms and 1s if not given"};
    for (int i = 0; i < 3; i++) {
        uint32_t count = 0;
        for (uint32_t t = 0; t < set->task_count; t++)
            count += strcmp(durations->sources[t], names[i]) == 0;
        if (count)
            text_add(told, "%s%" PRIu32 " task%s %s", told->bytes_count ? "; " : "", count,
                     text_plural(count), words[i]);
    }
    if (told->bytes_count == 0)
        text_add(told, "no task");
}

/* --- which pools are on one server --- */

/* NULL: libpq cannot read the conninfo, and the pool is on a server of its own. */
static const char *address_of(const struct pool_settings *pool, struct arena *arena) {
    struct conninfo conninfo = {0};
    struct text address = {0};
    char *error = NULL;
    if (conninfo_resolve(pool->conninfo, &conninfo, &error))
        text_add(&address, "%s %s %s", conninfo_get(&conninfo, "hostaddr"), conninfo_get(&conninfo, "host"),
                 conninfo_get(&conninfo, "port"));
    const char *kept = address.bytes ? arena_text(arena, address.bytes, address.bytes_count) : NULL;
    free(error);
    conninfo_finish(&conninfo);
    text_finish(&address);
    return kept;
}

/* The number of its server, by pool; in the set's arena. */
static const uint32_t *find_servers(struct taskset *set, uint32_t *ret_count) {
    uint32_t *servers = arena_alloc(&set->arena, set->pool_count * sizeof *servers);
    const char *addresses[POOLS_MAX];
    *ret_count = 0;
    for (uint32_t i = 0; i < set->pool_count; i++) {
        addresses[i] = address_of(&set->pools[i], &set->arena);
        servers[i] = *ret_count;
        for (uint32_t j = 0; j < i && servers[i] == *ret_count; j++)
            if (addresses[i] && addresses[j] && strcmp(addresses[i], addresses[j]) == 0)
                servers[i] = servers[j];
        *ret_count += servers[i] == *ret_count;
    }
    return servers;
}

/* --- the forecast --- */

static uint32_t plot_width(void) {
    uint32_t width = terminal_width();
    if (width == 0)
        return WIDTH_PLAIN;
    return width < WIDTH_LEAST ? WIDTH_LEAST : width > WIDTH_MOST ? WIDTH_MOST : width;
}

static bool find_start(const struct request *request, const struct taskset *set, struct wall *ret_start,
                       struct text *error) {
    struct text wrong = {0};
    *ret_start = (struct wall){START_US};
    if (request->from && !rfc3339_read(request->from, set->daemon.zone, ret_start, &wrong))
        text_add(error, "--from '%.60s' %s", request->from, wrong.bytes);
    else if (ret_start->us < US_PER_DAY)
        text_add(error, "--from '%.60s' is before 1970-01-02", request->from);
    text_finish(&wrong);
    return error->bytes_count == 0;
}

static int forecast(const struct request *request, struct taskset *set, struct wall start,
                    const struct durations *durations) {
    struct text text = {0}, told = {0};
    struct simulate_facts facts;
    struct simulate_options options = {
        .start = start,
        .for_us = request->for_us,
        .seed = 1,
        .took_us = durations->took_us,
        .work_us = durations->work_us,
        .slot_count = request->slot_count,
        .reserved_count = RESERVED_COUNT,
        .foregrounds = request->foregrounds,
        .foreground_count = request->foreground_count,
        .part_count = request->json ? JSON_PARTS : plot_width() - SIMULATE_PLOT_MARGIN,
    };
    options.server_of_pool = find_servers(set, &options.server_count);
    simulate(set, &options, &facts);
    tell_sources(set, durations, &told);
    struct simulate_report report = {set,       &options, &facts, HEADGATE_VERSION, request->arguments.file,
                                     told.bytes};
    if (request->json)
        simulate_json(&report, durations->sources, &text);
    else
        simulate_report(&report, &text);
    fwrite(text.bytes, 1, text.bytes_count, stdout);
    int code = facts.stuck ? COMMAND_FAILS : COMMAND_FINE;
    simulate_finish(&facts);
    text_finish(&text);
    text_finish(&told);
    return code;
}

static int simulate_file(int argc, char **argv) {
    struct request request = {.for_us = US_PER_DAY, .slot_count = 100};
    struct durations durations;
    struct text error = {0};
    struct taskset *set = NULL;
    struct wall start;
    int code = arguments_read(&simulate_command, argc, argv, &request);
    if (code >= 0)
        return code;
    code = COMMAND_FAILS;
    if (check_bursts(&request, &error) && (set = arguments_load(&request.arguments)) &&
        find_start(&request, set, &start, &error) && find_durations(&request, set, &durations, &error))
        code = forecast(&request, set, start, &durations);
    if (error.bytes_count)
        code = arguments_refuse(&simulate_command, "%s", error.bytes);
    taskset_unref(set);
    text_finish(&error);
    return code;
}

const struct command simulate_command = {
    .name = "simulate",
    .usage = "simulate FILE [--for 24h] [--from 2027-03-27] [--foreground SPEC]... [--took "
             "[TASK=]DURATION]... [--slots N] [--json]",
    .about = "Says before anyone deploys FILE what it will do: the shipping scheduler on virtual time,\n"
             "with a model of the database. Sessions, lateness, what waits and why, and what the\n"
             "application keeps.\n",
    .options = option_specs,
    .run = simulate_file,
};
