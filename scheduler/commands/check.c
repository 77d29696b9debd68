/*
 * `headgate check`: what is wrong with a file, and, with --connect, whether its budget fits the databases.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pool/ask/check.h"
#include "pool/conninfo.h"
#include "scheduler/commands/arguments.h"
#include "scheduler/daemon/identity.h"
#include "scheduler/now.h"
#include "scheduler/terminal.h"
#include "tasks/schedule_words.h"
#include "tasks/window_text.h"

#define NEXTS 3 /* instants of a calendar that are told */

struct request {
    struct arguments arguments;
    bool connect;
};

static const struct option_spec option_specs[] = {
    {.key = {"connect", KEY_SWITCH, offsetof(struct request, connect)},
     .help = "also log in to each pool's database: does the budget fit, may the history be kept?\n"
             "On the daemon's host its sessions are told from the application's"},
    {.help = NULL},
};

static void add_summary(struct text *text, const struct taskset *set, uint32_t pool) {
    uint32_t sql = 0, staged = 0, commands = 0, off = 0, by_hand = 0, woken = 0;
    double per_minute = 0;
    for (uint32_t i = 0; i < set->task_count; i++) {
        const struct task *task = &set->tasks[i];
        if (task->pool != pool)
            continue;
        sql += task->work == WORK_SQL;
        staged += task->work == WORK_STAGES;
        commands += task->work == WORK_COMMAND;
        off += !task->enabled;
        by_hand += task->schedule.kind == SCHEDULE_NONE && !task->after && !task->wake;
        woken += task->wake != NULL;
        per_minute += task->enabled ? schedule_per_minute(&task->schedule) : 0;
    }
    text_add(text, "pool %s: never more than %u sessions; %u SQL task%s, ", set->pools[pool].name,
             set->pools[pool].size, sql, text_plural(sql));
    if (staged)
        text_add(text, "%u staged, ", staged);
    text_add(text, "%u command%s", commands, text_plural(commands));
    if (off)
        text_add(text, ", %u of them disabled", off);
    if (woken)
        text_add(text, ", %u woken by notifications", woken);
    if (by_hand)
        text_add(text, ", %u without an interval or cron: run when triggered", by_hand);
    text_add(text, "; %.1f runs a minute\n", per_minute);
}

/* What a calendar means, and when that is next. */
static void add_calendar(struct text *text, const struct task *task, struct wall now) {
    text_add(text, "task %s: ", task->name);
    schedule_words(&task->schedule, text);
    text_add(text, ": next ");
    schedule_add_nexts(&task->schedule, task->zone, now, NEXTS, text);
    text_add(text, task->enabled ? "\n" : ", but it is disabled\n");
}

/* What a window means, and when it opens; or, while it is open, until when, and when again. */
static void add_window(struct text *text, const struct task *task, struct wall now) {
    bool is_open = window_is_open(task->window, task->zone, now);
    struct wall opens = window_next_open(task->window, task->zone, now);
    text_add(text, "task %s: begins only ", task->name);
    window_add_words(task->window, text);
    if (is_open) {
        struct wall closes = window_next_close(task->window, task->zone, now);
        text_add(text, ": open until ");
        window_add_opening(task->zone, closes, now, text);
        opens = window_next_open(task->window, task->zone, closes);
    }
    text_add(text, "%s opens ", is_open ? "," : ":");
    window_add_opening(task->zone, opens, now, text);
    text_add(text, "\n");
}

static void add_group(struct text *text, const struct group_settings *group) {
    if (group->task_count == 0)
        text_add(text, "group %s: WARNING, it limits nothing: no task has group = %s\n", group->name,
                 group->name);
    else
        text_add(text, "group %s: never more than %u run%s at a time; %u task%s\n", group->name, group->limit,
                 text_plural(group->limit), group->task_count, text_plural(group->task_count));
}

static void add_warning(struct text *text, const char *pool, const char *key, const char *conninfo) {
    struct text warning = {0};
    conninfo_warn(conninfo, &warning);
    if (warning.bytes)
        text_add(text, "pool %s: WARNING, %s: %s\n", pool, key, warning.bytes);
    text_finish(&warning);
}

/* What a task comes after, and what keeps that from being so. */
static void add_after(struct text *text, const struct taskset *set, const struct task *task) {
    const struct after *after = task->after;
    text_add(text, "task %s: due ", task->name);
    after_words(after, text);
    text_add(text, task->enabled ? "\n" : ", but it is disabled\n");
    for (uint32_t i = 0; i < after->count; i++) {
        const struct task *before = &set->tasks[after->tasks[i]];
        if (!before->enabled)
            text_add(text, "task %s: WARNING, %s is disabled%s\n", task->name, before->name,
                     after->any && after->count > 1 ? "" : ", so it will never be due");
    }
}

/* Pools of chains that keep no history. */
static void add_forgetful(struct text *text, const struct taskset *set) {
    bool forgets[POOLS_MAX] = {false};
    for (uint32_t i = 0; i < set->task_count; i++) {
        const struct task *task = &set->tasks[i];
        for (uint32_t j = 0; task->after && j < task->after->count; j++)
            forgets[task->pool] = forgets[set->tasks[task->after->tasks[j]].pool] = true;
    }
    for (uint32_t i = 0; i < set->pool_count; i++)
        if (forgets[i] && !set->pools[i].history)
            text_add(text,
                     "pool %s: history = off, so a restart forgets what has ended for tasks with `after`\n",
                     set->pools[i].name);
}

static bool check_pools(const struct taskset *set, const char *file) {
    char *name = identity_name(file);
    bool fits = true;
    for (uint32_t i = 0; i < set->pool_count; i++) {
        struct text text = {0};
        fits &= budget_check(set, i, identity_of(file), name, &text);
        terminal_say(stdout, "%s", text.bytes);
        text_finish(&text);
    }
    free(name);
    return fits;
}

static int check(int argc, char **argv) {
    struct request request = {0};
    struct text text = {0};
    int code = arguments_read(&check_command, argc, argv, &request);
    if (code >= 0)
        return code;
    const char *file = request.arguments.file;
    struct taskset *set = arguments_load(&request.arguments);
    if (!set)
        return COMMAND_FAILS;
    text_add(&text, "%s: %u task%s in %u pool%s, nothing wrong\n", file, set->task_count,
             text_plural(set->task_count), set->pool_count, text_plural(set->pool_count));
    for (uint32_t i = 0; i < set->pool_count; i++)
        add_summary(&text, set, i);
    for (uint32_t i = 0; i < set->group_count; i++)
        add_group(&text, &set->groups[i]);
    for (uint32_t i = 0; i < set->pool_count; i++) {
        add_warning(&text, set->pools[i].name, "conninfo", set->pools[i].conninfo);
        if (*set->pools[i].pooler_conninfo)
            add_warning(&text, set->pools[i].name, "pooler_conninfo", set->pools[i].pooler_conninfo);
    }
    struct wall now = now_wall();
    for (uint32_t i = 0; i < set->task_count; i++) {
        if (set->tasks[i].schedule.kind == SCHEDULE_CALENDAR)
            add_calendar(&text, &set->tasks[i], now);
        if (set->tasks[i].window)
            add_window(&text, &set->tasks[i], now);
        if (set->tasks[i].after)
            add_after(&text, set, &set->tasks[i]);
    }
    add_forgetful(&text, set);
    terminal_say(stdout, "%s", text.bytes);
    text_finish(&text);
    code = !request.connect || check_pools(set, file) ? COMMAND_FINE : COMMAND_FAILS;
    taskset_unref(set);
    return code;
}

const struct command check_command = {
    .name = "check",
    .usage = "check FILE [--connect]",
    .about = "Says what is wrong with FILE, every fault with its line; exits with 1 if anything is.\n",
    .options = option_specs,
    .run = check,
};
