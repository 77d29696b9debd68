/*
 * `headgate next`: what will be due. The instants of all tasks come out of a heap in their order, and each is
 * printed before the next is looked for: however many there are, the memory is that of the tasks.
 */
#include "scheduler/commands/arguments.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/core/due.h"
#include "scheduler/now.h"
#include "scheduler/terminal.h"
#include "tasks/rfc3339.h"
#include "tasks/suggest.h"
#include "tasks/window.h"

#define COUNT_GLANCE 20 /* of one task: a screen */
#define COUNT_MOST   1000000000
#define NAMES_MOST   20 /* of tasks that time alone does not make due */

struct request {
    struct arguments arguments;
    const char *from;
    int64_t for_us;
    uint32_t count; /* 0: not given */
    bool json;
};

static const struct option_spec option_specs[] = {
    {.key = {"from", KEY_TEXT, offsetof(struct request, from)},
     .value = "INSTANT",
     .help = "2027-03-27, 2027-03-27T06:30 or with an offset, 2027-03-27T06:30:00+01:00; a date is\n"
             "its midnight in the zone of [headgate]. Now, if not said"},
    {.key = {"for", KEY_DURATION, offsetof(struct request, for_us), NULL, 1, SCHEDULE_EVERY_MAX_US},
     .value = "DURATION",
     .example = "7d",
     .help = "all of so long; without it, the next one of each task, or the next 20 of TASK"},
    {.key = {"count", KEY_COUNT, offsetof(struct request, count), NULL, 1, COUNT_MOST},
     .value = "N",
     .example = "100",
     .help = "the next so many, whosever they are"},
    {.key = {"json", KEY_SWITCH, offsetof(struct request, json)},
     .help = "the same for programs: an array of objects with task, due (UTC) and local"},
    {.help = NULL},
};

/* --- one of them --- */

/* What the task's window makes of it, where it is closed then. */
enum window_word { WINDOW_OPEN, WINDOW_WAITS, WINDOW_SKIPS };

static enum window_word window_of(const struct task *task, struct wall due, struct wall *ret_opens) {
    if (!task->window || window_is_open(task->window, task->zone, due))
        return WINDOW_OPEN;
    *ret_opens = window_next_open(task->window, task->zone, due);
    return task->outside == OUTSIDE_SKIP || ret_opens->us == INSTANT_MAX ? WINDOW_SKIPS : WINDOW_WAITS;
}

/* "Mon 2026-12-07 06:30:00 +0100". has_ms: some instants lie between two seconds. */
static void add_local(struct text *line, struct wall at, const struct zone *zone, bool has_ms) {
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    char offset[ZONE_OFFSET_TEXT_BYTES];
    int64_t at_s = us_seconds(at.us);
    struct civil civil = zone_civil(zone, at_s);
    text_add(line, "%s %04" PRId64 "-%02d-%02d %02d:%02d:%02d", days[civil.weekday], civil.year, civil.month,
             civil.day, civil.hour, civil.minute, civil.second);
    if (has_ms)
        text_add(line, ".%03d", (int)((at.us - at_s * US_PER_S) / US_PER_MS));
    text_add(line, " %s", zone_offset_text(zone_offset_s(zone, at_s), offset));
}

static void add_line(struct text *line, const struct task *task, struct wall due, bool has_ms) {
    struct wall opens;
    enum window_word word = window_of(task, due, &opens);
    add_local(line, due, task->zone, has_ms);
    text_add(line, "  %s", task->name);
    if (word == WINDOW_WAITS) {
        text_add(line, ": its window is closed until ");
        add_local(line, opens, task->zone, false);
    } else if (word == WINDOW_SKIPS) {
        text_add(line, ": skipped, as its window is closed");
    }
    text_add(line, "\n");
}

static void add_object(struct text *line, const struct task *task, struct wall due, bool is_first) {
    struct wall opens;
    enum window_word word = window_of(task, due, &opens);
    text_add(line, "%s{\"task\":\"%s\",\"due\":\"", is_first ? "" : ",\n",
             task->name); /* a name needs no quotes */
    rfc3339_add(line, due, zone_utc());
    text_add(line, "\",\"local\":\"");
    rfc3339_add(line, due, task->zone);
    text_add(line, "\"");
    if (word == WINDOW_WAITS) {
        text_add(line, ",\"waits_until\":\"");
        rfc3339_add(line, opens, zone_utc());
        text_add(line, "\"");
    } else if (word == WINDOW_SKIPS) {
        text_add(line, ",\"skipped\":true");
    }
    text_add(line, "}");
}

/* --- all of them --- */

struct listing {
    const struct taskset *set;
    const struct request *request;
    struct due due;    /* by task: when it is due next */
    struct wall until; /* the first instant that is not listed */
    struct wall from;
    uint32_t only; /* the task that is listed; TASKSET_NONE: all */
    bool once;     /* of each task the first alone */
    uint32_t most; /* lines */
    bool has_ms;
};

static bool is_listed(const struct listing *listing, uint32_t task) {
    return listing->only == TASKSET_NONE || listing->only == task;
}

/* The next instant of the task is the first behind this one. */
static void arm(struct listing *listing, uint32_t task, struct wall after) {
    struct wall next = schedule_next_after(&listing->set->tasks[task].schedule, after);
    if (next.us < listing->until.us && !(listing->once && due_has(&listing->due, task)))
        due_set(&listing->due, task, next.us);
    else
        due_remove(&listing->due, task);
}

static void arm_all(struct listing *listing) {
    for (uint32_t i = 0; i < listing->set->task_count; i++) {
        const struct task *task = &listing->set->tasks[i];
        bool by_time = is_listed(listing, i) && task->enabled && task->schedule.kind != SCHEDULE_NONE;
        if (by_time)
            arm(listing, i, (struct wall){listing->from.us - 1});
        listing->has_ms |=
            by_time && (task->schedule.phase_us % US_PER_S != 0 || task->schedule.every_us % US_PER_S != 0);
    }
}

static void print_all(struct listing *listing) {
    const struct request *request = listing->request;
    const struct due_entry *first;
    uint32_t count = 0;
    struct text line = {0};
    if (request->json)
        fputs("[", stdout);
    while ((first = due_first(&listing->due)) && count < listing->most && !ferror(stdout)) {
        const struct task *task = &listing->set->tasks[first->id];
        struct wall due = {first->at};
        text_clear(&line);
        if (request->json)
            add_object(&line, task, due, count == 0);
        else
            add_line(&line, task, due, listing->has_ms);
        fwrite(line.bytes, 1, line.bytes_count, stdout);
        arm(listing, first->id, due);
        count++;
    }
    if (request->json)
        fputs("]\n", stdout);
    else if (count == 0)
        puts("nothing is due then");
    text_finish(&line);
}

static void add_other(struct text *text, const struct task *task) {
    text_add(text, "%s%s", text->bytes_count ? ", " : "", task->name);
    if (!task->enabled) {
        text_add(text, " (disabled)");
    } else if (task->wake) {
        text_add(text, " (when it is woken)");
    } else if (task->after) {
        text_add(text, " (after ");
        after_names(task->after, text);
        text_add(text, ")");
    }
}

/* Tasks that time alone does not make due, with the reason; on standard error, so that it disturbs no
 * program. */
static void say_others(const struct listing *listing) {
    struct text text = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < listing->set->task_count; i++) {
        const struct task *task = &listing->set->tasks[i];
        if (!is_listed(listing, i) || (task->enabled && task->schedule.kind != SCHEDULE_NONE))
            continue;
        if (count++ < NAMES_MOST)
            add_other(&text, task);
    }
    if (count > NAMES_MOST)
        text_add(&text, " and %" PRIu32 " more", count - NAMES_MOST);
    if (count)
        terminal_say(stderr, "not due by time: %s\n", text.bytes);
    text_finish(&text);
}

static bool find_from(const struct request *request, const struct taskset *set, struct wall *ret_from) {
    struct text wrong = {0};
    *ret_from = now_wall();
    bool right = !request->from || rfc3339_read(request->from, set->daemon.zone, ret_from, &wrong);
    if (!right)
        arguments_refuse(&next_command, "--from '%.60s' %s", request->from, wrong.bytes);
    text_finish(&wrong);
    return right;
}

static int list(const struct request *request, const struct taskset *set) {
    const char *only = request->arguments.task_count ? request->arguments.tasks[0] : NULL;
    struct listing listing = {.set = set, .request = request, .only = TASKSET_NONE};
    if (!find_from(request, set, &listing.from))
        return COMMAND_USAGE;
    if (only && (listing.only = taskset_find_task(set, only)) == TASKSET_NONE)
        return terminal_complain("%s has no [task %s]%s", request->arguments.file, only,
                                 SUGGEST_TEXT(taskset_nearest_task(set, only)));
    listing.until.us = request->for_us ? us_add(listing.from.us, request->for_us) : INSTANT_MAX;
    listing.once = !only && !request->for_us && !request->count;
    listing.most = request->count ? request->count : only && !request->for_us ? COUNT_GLANCE : UINT32_MAX;
    due_init(&listing.due, set->task_count);
    arm_all(&listing);
    print_all(&listing);
    fflush(stdout); /* before what is said of the rest */
    say_others(&listing);
    due_finish(&listing.due);
    return COMMAND_FINE;
}

static int next(int argc, char **argv) {
    struct request request = {0};
    int code = arguments_read(&next_command, argc, argv, &request);
    if (code >= 0)
        return code;
    struct taskset *set = arguments_load(&request.arguments);
    code = set ? list(&request, set) : COMMAND_FAILS;
    taskset_unref(set);
    return code;
}

const struct command next_command = {
    .name = "next",
    .usage = "next FILE [TASK] [--from 2027-03-27] [--for 7d] [--count N] [--json]",
    .about = "Lists what will be due, of TASK or of all tasks, in the order of time, on the clocks of each\n"
             "task's zone. No daemon has to run.\n",
    .notes = "An elastic interval is listed as it is at ease. What is due while a task's window is closed\n"
             "says so; in JSON it has waits_until, or skipped.\n",
    .options = option_specs,
    .tasks_most = 1,
    .run = next,
};
