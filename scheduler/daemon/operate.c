#include "scheduler/daemon/operate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "scheduler/core/hands.h"
#include "scheduler/core/opening.h"
#include "scheduler/daemon/control_path.h"
#include "scheduler/daemon/dump.h"
#include "scheduler/daemon/feed.h"
#include "scheduler/replace.h"
#include "scheduler/status/words.h"
#include "tasks/window_text.h"

/* --- words --- */

/* Local time; with the date unless that is today's. */
static const char *clock_words(const struct daemon *daemon, struct wall at, char buffer[static 40]) {
    time_t seconds = (time_t)(at.us / US_PER_S), now_seconds = (time_t)(daemon->core->wall.us / US_PER_S);
    struct tm local, now;
    localtime_r(&seconds, &local);
    localtime_r(&now_seconds, &now);
    bool today = local.tm_yday == now.tm_yday && local.tm_year == now.tm_year;
    strftime(buffer, 40, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &local);
    return buffer;
}

/* Who asks, and for which tasks. */
struct asked {
    const char *by;
    uid_t uid;
    const char *names[CONTROL_REQUEST_BYTES / 2];
    uint32_t count;
    int name_width; /* of the longest */
};

/* --- pause and resume --- */

static bool complain_unknown(const struct daemon *daemon, const char *task, struct text *answer) {
    const char *near = taskset_nearest_task(daemon->set, task);
    text_add(answer, "%s has no [task %s]", daemon->path, task);
    if (near)
        text_add(answer, "; did you mean '%s'?", near);
    text_add(answer, "\n");
    return false;
}

/* All are known; paused ones may have left the file. */
static bool check_names(const struct daemon *daemon, const struct asked *asked, bool pause,
                        struct text *answer) {
    bool fine = true;
    for (uint32_t i = 0; i < asked->count; i++)
        if (taskset_find_task(daemon->set, asked->names[i]) == TASKSET_NONE &&
            (pause || !pauses_find(&daemon->pauses, asked->names[i])))
            fine = complain_unknown(daemon, asked->names[i], answer);
    return fine;
}

static void feed_pause(struct daemon *daemon, const char *task, bool paused) {
    struct event event = {.kind = EVENT_PAUSE, .task = taskset_find_task(daemon->set, task)};
    event.pause.paused = paused;
    if (event.task != TASKSET_NONE)
        feed_event(daemon, &event);
}

static void pause_one(struct daemon *daemon, const struct asked *asked, const char *task, bool before,
                      struct text *answer) {
    const struct pause *pause = pauses_find(&daemon->pauses, task);
    const struct core_task *core_task = &daemon->core->tasks[taskset_find_task(daemon->set, task)];
    char at[40];
    if (!before) {
        LOG(&daemon->log, LOG_INFO, "paused", log_text("task", task), log_text("by", asked->by),
            log_number("uid", asked->uid));
        feed_pause(daemon, task, true);
    }
    text_add(answer, "%-*s %s since %s by %s%s\n", asked->name_width, task,
             before ? "is paused already," : "is paused", clock_words(daemon, pause->since, at), pause->by,
             core_task->running_count ? "; its run under way may finish" : "");
}

static void resume_one(struct daemon *daemon, const struct asked *asked, const char *task,
                       const struct pause *pause, struct text *answer) {
    uint32_t index = taskset_find_task(daemon->set, task);
    char since[40], due[40];
    if (!pause) {
        text_add(answer, "%-*s was not paused\n", asked->name_width, task);
        return;
    }
    LOG(&daemon->log, LOG_INFO, "resumed", log_text("task", task), log_text("by", asked->by),
        log_number("uid", asked->uid));
    feed_pause(daemon, task, false);
    text_add(answer, "%-*s goes on", asked->name_width, task);
    if (index == TASKSET_NONE)
        text_add(answer, " if it comes back into the file");
    else if (due_has(&daemon->core->due, index))
        text_add(answer, ", due %s", clock_words(daemon, daemon->core->tasks[index].due, due));
    text_add(answer, "; was paused since %s by %s\n", clock_words(daemon, pause->since, since), pause->by);
}

/* The list is on disk before anybody is told: what is said to be paused stays so. */
static bool keep(struct daemon *daemon, const struct asked *asked, bool pause, struct pauses *ret_before,
                 struct text *answer) {
    struct pauses next = pauses_copy(&daemon->pauses);
    struct text error = {0};
    for (uint32_t i = 0; i < asked->count; i++) {
        if (pause && !pauses_find(&next, asked->names[i]))
            pauses_add(&next, asked->names[i], asked->by, daemon->core->wall);
        else if (!pause)
            pauses_remove(&next, asked->names[i]);
    }
    bool fine = pauses_save(&next, daemon->pauses_path.bytes, &error);
    *ret_before = fine ? daemon->pauses : next;
    if (fine)
        daemon->pauses = next;
    else
        text_add(answer, "nothing is %s: %s\n", pause ? "paused" : "resumed", error.bytes);
    text_finish(&error);
    return fine;
}

static bool set_pauses(struct daemon *daemon, const struct asked *asked, bool pause, struct text *answer) {
    struct pauses before;
    if (!check_names(daemon, asked, pause, answer)) {
        text_add(answer, "nothing is %s\n", pause ? "paused" : "resumed");
        return false;
    }
    feed_tick(daemon); /* instants are as of now, not as of the last event */
    bool fine = keep(daemon, asked, pause, &before, answer);
    for (uint32_t i = 0; fine && i < asked->count; i++)
        if (pause)
            pause_one(daemon, asked, asked->names[i], pauses_find(&before, asked->names[i]), answer);
        else
            resume_one(daemon, asked, asked->names[i], pauses_find(&before, asked->names[i]), answer);
    pauses_finish(&before);
    return fine;
}

/* --- trigger --- */

static const struct run *newest_run(const struct core *core, uint32_t task) {
    const struct run *newest = NULL;
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        if (run->state != RUN_FREE && run->task == task && (!newest || run->number > newest->number))
            newest = run;
    }
    return newest;
}

/* "run 12 of tick waits: no token ..." */
static void tell_waiting(const struct daemon *daemon, uint32_t task, const char *already,
                         struct text *answer) {
    static const struct status_context nothing;
    const struct core *core = daemon->core;
    struct status status;
    status_init(&status, core, core->now, &nothing);
    struct status_row row = status_row(&status, task);
    row.running = NULL; /* of interest is why this one waits */
    size_t start = answer->bytes_count;
    text_add(answer, "run %" PRIu64 " of %s waits%s: ", core->runs[core->tasks[task].waiting_run].number,
             core->tasks[task].definition->name, already);
    status_note(&status, &row, answer);
    text_end_line(answer, start, 0);
    status_finish(&status);
}

static bool refuse(const struct daemon *daemon, uint32_t task, enum trigger_verdict verdict,
                   struct text *answer) {
    const char *name = daemon->core->tasks[task].definition->name;
    switch (verdict) {
    case TRIGGER_FINE: return false;
    case TRIGGER_STOPPING: text_add(answer, "the daemon is stopping\n"); break;
    case TRIGGER_WAITS: tell_waiting(daemon, task, " already", answer); break;
    case TRIGGER_FULL: text_add(answer, "too many runs wait: no run record is free\n"); break;
    case TRIGGER_DISABLED: text_add(answer, "%s is disabled; write enabled = on and reload\n", name); break;
    case TRIGGER_OVERLAPS:
        text_add(answer,
                 "run %" PRIu64 " of %s is under way, and overlap = skip; ask again when it has ended\n",
                 newest_run(daemon->core, task)->number, name);
        break;
    }
    return true;
}

/* What a person asks for runs at any time. */
static void tell_window(const struct core *core, uint32_t index, struct text *answer) {
    const struct task *task = core->tasks[index].definition;
    if (opening_is_open(core, index, core->wall))
        return;
    text_add(answer, "its window is closed until ");
    window_add_opening(task->zone, window_next_open(task->window, task->zone, core->wall), core->wall,
                       answer);
    text_add(answer, ", which does not keep what is triggered\n");
}

static bool trigger(struct daemon *daemon, const struct asked *asked, const char *name, struct text *answer) {
    const struct core *core = daemon->core;
    struct event event = {.kind = EVENT_TRIGGER, .task = taskset_find_task(daemon->set, name)};
    if (event.task == TASKSET_NONE)
        return complain_unknown(daemon, name, answer);
    if (refuse(daemon, event.task, hands_may_trigger(core, event.task), answer))
        return false;
    feed_event(daemon, &event);
    const struct run *run = newest_run(core, event.task); /* what became due in the same step has joined it */
    if (!run) { /* a step of the clock, noticed just now, has taken the last record */
        refuse(daemon, event.task, TRIGGER_FULL, answer);
        return false;
    }
    LOG(&daemon->log, LOG_INFO, "triggered", log_text("task", name), log_number("run", (int64_t)run->number),
        log_text("by", asked->by), log_number("uid", asked->uid));
    if (core->tasks[event.task].waiting_run != INDEX_NONE)
        tell_waiting(daemon, event.task, "", answer);
    else
        text_add(answer, "run %" PRIu64 " of %s has started\n", run->number, name);
    if (core->tasks[event.task].definition->when)
        text_add(answer, "its guard (when) is asked first: where that says no, the run ends as nothing\n");
    if (core->tasks[event.task].paused)
        text_add(answer, "the task stays paused\n");
    tell_window(core, event.task, answer);
    return true;
}

/* --- all of them --- */

bool operate(struct daemon *daemon, const char *request, uid_t uid, struct text *answer) {
    char verb[16], by[64], tasks[CONTROL_REQUEST_BYTES], uid_text[24], *rest = tasks;
    if (sscanf(request, "%15s %63s %4095[^\n]", verb, by, tasks) != 3)
        return false;
    snprintf(uid_text, sizeof uid_text, "uid-%u", (unsigned)uid);
    struct asked asked = {.by = pauses_is_name(by) ? by : uid_text, .uid = uid};
    struct text told = {0};
    bool fine;
    if (strcmp(verb, "trigger") == 0) {
        fine = trigger(daemon, &asked, tasks, &told);
    } else if (strcmp(verb, "pause") == 0 || strcmp(verb, "resume") == 0) {
        for (char *name; (name = strsep(&rest, " "));) {
            int width = (int)strlen(name);
            if (width > 0)
                asked.names[asked.count++] = name;
            asked.name_width = width > asked.name_width ? width : asked.name_width;
        }
        fine = set_pauses(daemon, &asked, *verb == 'p', &told);
    } else {
        return false;
    }
    text_add(answer, "%s\n%s", fine ? "ok" : "no", told.bytes ? told.bytes : "");
    text_finish(&told);
    return true;
}

static void on_request(void *context, const char *request, uid_t uid, struct text *answer) {
    unsigned width = 0;
    if (strcmp(request, "status json") == 0)
        dump_compose(context, DUMP_JSON, 0, answer);
    else if (strcmp(request, "status metrics") == 0)
        dump_compose(context, DUMP_METRICS, 0, answer);
    else if (sscanf(request, "status %u", &width) == 1)
        dump_compose(context, DUMP_TABLE, width, answer);
    else if (!operate(context, request, uid, answer))
        text_add(answer, "unknown request\n");
}

/* --- following a file --- */

/*
 * The lock of the file is enough to be found by `headgate status`, so that of the socket's only one that
 * somebody asked for must be there.
 */
bool operate_listen(struct daemon *daemon, const struct taskset *set, struct text *error) {
    struct text path = {0}, why = {0};
    bool chosen = *set->daemon.control;
    if (!control_lock(daemon->control, error))
        return false;
    if (error->bytes_count)
        LOG(&daemon->log, LOG_WARNING, "lock_incomplete", log_text("message", error->bytes),
            log_text("effect", "a second daemon on this file would not be noticed"));
    text_clear(error);
    control_path(set, daemon->path, &path);
    bool listens = (chosen || control_path_make_folder(path.bytes, &why)) &&
                   control_listen(daemon->control, path.bytes, &why);
    if (!listens && chosen)
        text_add(error, "%s", why.bytes);
    else if (!listens)
        LOG(&daemon->log, LOG_WARNING, "no_control_socket", log_text("message", why.bytes),
            log_text("effect", "headgate status finds this daemon by the lock of its file only"));
    text_finish(&path);
    text_finish(&why);
    return listens || !chosen;
}

bool operate_open(struct daemon *daemon, struct text *error) {
    struct text complaint = {0};
    daemon->control = control_create(&daemon->loop, daemon->path, on_request, daemon);
    if (!operate_listen(daemon, daemon->set, error))
        return false;
    pauses_path(daemon->set, daemon->path, &daemon->pauses_path);
    daemon->pauses = pauses_load(daemon->pauses_path.bytes, &complaint);
    if (complaint.bytes_count)
        LOG(&daemon->log, LOG_WARNING, "pauses_unreadable", log_text("message", complaint.bytes),
            log_text("effect", "what it may have held is not paused"));
    text_finish(&complaint);
    return true;
}

/* The list goes to another place. What one that is there says holds, too: a daemon of this file has left it.
 */
static void move_list(struct daemon *daemon, struct text path) {
    struct text error = {0};
    struct pauses there = pauses_load(path.bytes, &error);
    for (uint32_t i = 0; i < there.count; i++)
        if (!pauses_find(&daemon->pauses, there.items[i].task))
            pauses_add(&daemon->pauses, there.items[i].task, there.items[i].by, there.items[i].since);
    pauses_finish(&there);
    if (error.bytes_count == 0 && pauses_save(&daemon->pauses, path.bytes, &error)) {
        if (*daemon->pauses_path.bytes && !replace_with_nothing(daemon->pauses_path.bytes))
            text_add(&error, "cannot remove %s", daemon->pauses_path.bytes);
        text_finish(&daemon->pauses_path);
        daemon->pauses_path = path;
    } else {
        text_finish(&path);
    }
    if (error.bytes_count)
        LOG(&daemon->log, LOG_WARNING, "pauses_not_moved", log_text("message", error.bytes),
            log_text("effect", "after a restart what is paused now may not be"));
    text_finish(&error);
}

void operate_follow(struct daemon *daemon) {
    struct text path = {0};
    pauses_path(daemon->set, daemon->path, &path);
    if (strcmp(path.bytes, daemon->pauses_path.bytes) == 0)
        text_finish(&path);
    else
        move_list(daemon, path);
    for (uint32_t i = 0; i < daemon->pauses.count; i++)
        feed_pause(daemon, daemon->pauses.items[i].task, true);
}

void operate_close(struct daemon *daemon) {
    pauses_finish(&daemon->pauses);
    text_finish(&daemon->pauses_path);
}
