#include "scheduler/daemon/daemon.h"

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scheduler/daemon/dump.h"
#include "scheduler/daemon/feed.h"
#include "scheduler/daemon/follow.h"
#include "scheduler/daemon/footing.h"
#include "scheduler/daemon/identity.h"
#include "scheduler/daemon/load.h"
#include "scheduler/daemon/operate.h"
#include "scheduler/daemon/state.h"
#include "scheduler/now.h"
#include "scheduler/path.h"

/* Of what the core has left to do, so many steps are taken before sockets and signals have their turn: with
 * 64 actions each, at 0.2 to 0.6 us (tests/bench, "core"), these are 10 ms at most. */
#define STEPS_PER_TURN 256

/* --- stop --- */

static const int signal_numbers[SIGNALS] = {SIGUSR1, SIGHUP, SIGTERM, SIGINT};

static void ask_to_drain(struct daemon *daemon) {
    inbox_add(&daemon->inbox, &(struct event){.kind = EVENT_DRAIN});
}

/* From here on a signal could only ask for what is under way already. */
static void close_signals(struct daemon *daemon) {
    for (int i = 0; i < SIGNALS; i++) {
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
        signal(signal_numbers[i], SIG_IGN);
    }
}

/* Where the server refused our startup options, another try without them is under way. */
static bool cannot_connect_for_once(const struct daemon *daemon) {
    if (!daemon->once_task || daemon->once_done || daemon->core->draining)
        return false;
    const struct core_task *task = &daemon->core->tasks[taskset_find_task(daemon->set, daemon->once_task)];
    const struct core_pool *pool = &daemon->core->pools[task->pool];
    return pool->failing && pool->failure != CONNECT_OPTIONS;
}

static void stop_when_done(struct daemon *daemon) {
    bool once_failed = cannot_connect_for_once(daemon);
    if ((daemon->once_done || once_failed) && !daemon->core->draining)
        ask_to_drain(daemon);
    if (!daemon->stopping || alarm_is_closing(&daemon->alarm))
        return;
    alarm_close(&daemon->alarm);
    uv_close((uv_handle_t *)&daemon->prepare, NULL);
    uv_close((uv_handle_t *)&daemon->check, NULL);
    close_signals(daemon);
    control_close(daemon->control);
    daemon->control = NULL;
}

/* --- the loop --- */

/* The core is told after what came in by the same turn of the loop: behind a stall, the answer to a run whose
 * deadline has passed may be among it. */
static void on_alarm(void *context) {
    struct daemon *daemon = context;
    daemon->core_has_more = true;
}

/* All that was reported goes through the core, and what the core has left to do, up to a bound a turn. */
static void take_in(struct daemon *daemon) {
    struct message message;
    uint32_t steps = 0;
    if (!daemon->core)
        return;
    while (inbox_take(&daemon->inbox, &message)) {
        feed_message(daemon, &message);
        message_finish(&message);
    }
    while (daemon->core_has_more && steps++ < STEPS_PER_TURN && inbox_is_empty(&daemon->inbox))
        feed_tick(daemon);
    if (!inbox_is_empty(&daemon->inbox)) /* an action failed at once */
        daemon->core_has_more = true;
    for (uint32_t i = 0; i < daemon->pool_count; i++)
        session_pool_flush(daemon->pools[i]);
    alarm_set(&daemon->alarm, daemon->core_has_more ? now_mono() : core_next_wake(daemon->core));
    stop_when_done(daemon);
}

static void on_prepare(uv_prepare_t *prepare) {
    take_in(prepare->data);
}

static void on_check(uv_check_t *check) {
    take_in(check->data);
}

/* --- reload --- */

static void report_faults(struct daemon *daemon, const struct faults *faults) {
    struct text text = {0};
    faults_print(faults, daemon->path, &text);
    LOG(&daemon->log, LOG_ERROR, "reload_refused", log_number("faults", (int64_t)faults->count),
        log_text("effect", "the running configuration stays"));
    log_write_plain(&daemon->log, &text);
    text_finish(&text);
}

static void go_over_to(struct daemon *daemon, struct taskset *set, struct session_pool **fresh) {
    core_reload(daemon->core, set, now_mono(), now_wall());
    follow_file(daemon, fresh);
    struct taskset *before = daemon->set;
    daemon->set = taskset_ref(set);
    taskset_unref(before);
    daemon->loaded = now_wall();
    daemon->log.level = set->daemon.log_level;
    LOG(&daemon->log, LOG_INFO, "reloaded", log_text("file", daemon->path),
        log_number("tasks", set->task_count), log_number("pools", set->pool_count));
    operate_follow(daemon);
    feed_tick(daemon);
}

static void reload(struct daemon *daemon) {
    struct faults faults = {0};
    struct text error = {0};
    take_in(daemon); /* what was reported is of pools as they are numbered now */
    struct taskset *set = load_file(daemon->path, &faults);
    bool fine = set && !faults.count && operate_listen(daemon, set, &error);
    struct session_pool **fresh = fine ? follow_prepare(daemon, set, &error) : NULL;
    if (error.bytes_count)
        fault_add(&faults, 0, "%s", error.bytes);
    if (fine && !fresh)
        operate_listen(daemon, daemon->set, &error);
    if (fresh)
        go_over_to(daemon, set, fresh);
    else
        report_faults(daemon, &faults);
    taskset_unref(set);
    faults_finish(&faults);
    text_finish(&error);
}

static void on_signal(uv_signal_t *handle, int number) {
    struct daemon *daemon = handle->data;
    if (number == SIGUSR1) {
        dump_write(daemon);
    } else if (number == SIGHUP) {
        reload(daemon);
    } else {
        LOG(&daemon->log, LOG_INFO, "stopping", log_text("signal", strsignal(number)),
            log_number("running", daemon->core->begun_count),
            log_text("effect", daemon->core->draining ? "what runs is cancelled"
                                                      : "no new runs; what runs may finish"));
        ask_to_drain(daemon);
    }
}

/* --- start --- */

static void open_signals(struct daemon *daemon) {
    for (int i = 0; i < SIGNALS; i++) {
        if (uv_signal_init(&daemon->loop, &daemon->signals[i]) != 0)
            abort();
        daemon->signals[i].data = daemon;
        if (uv_signal_start(&daemon->signals[i], on_signal, signal_numbers[i]) != 0)
            abort();
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of its write */
}

/*
 * Woken, we wait for a processor until one is free, where we would otherwise take it from who is at work:
 * often the server that has just answered us, or the application. Our children inherit it.
 */
static void give_way(void) {
    if (sched_getscheduler(0) == SCHED_OTHER)
        sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
}

static char *directory_of(const char *path) {
    char real[PATH_MAX];
    return realpath(path, real) ? path_folder(real) : text_copy("/");
}

static void open_handles(struct daemon *daemon) {
    if (!alarm_open(&daemon->alarm, &daemon->loop, on_alarm, daemon))
        abort(); /* no descriptor at the very start */
    uv_prepare_init(&daemon->loop, &daemon->prepare);
    uv_check_init(&daemon->loop, &daemon->check);
    daemon->prepare.data = daemon->check.data = daemon;
    uv_prepare_start(&daemon->prepare, on_prepare);
    uv_check_start(&daemon->check, on_check);
    open_signals(daemon);
    give_way();
}

static void begin(struct daemon *daemon, struct session_pool **fresh) {
    daemon->begun = now_mono();
    daemon->loaded = now_wall();
    daemon->core =
        core_create(daemon->set, (uint64_t)now_wall().us, !daemon->once_task, daemon->begun, daemon->loaded);
    daemon->histories = (struct histories){
        .identity = daemon->identity,
        .writer = {.core = daemon->core, .name = daemon->name, .life = daemon->life, .log = &daemon->log}};
    follow_file(daemon, fresh);
    open_handles(daemon);
    LOG(&daemon->log, daemon->once_task ? LOG_DEBUG : LOG_INFO, "started", log_text("file", daemon->path),
        log_text("version", HEADGATE_VERSION), log_number("pid", getpid()),
        log_number("tasks", daemon->set->task_count), log_number("pools", daemon->set->pool_count));
    operate_follow(daemon);
    if (daemon->once_task)
        feed_event(daemon, &(struct event){.kind = EVENT_TRIGGER,
                                           .task = taskset_find_task(daemon->set, daemon->once_task)});
    else
        feed_tick(daemon);
}

static int exit_code(const struct daemon *daemon) {
    bool fine = daemon->once_outcome == OUTCOME_OK || daemon->once_outcome == OUTCOME_NOTHING;
    return daemon->once_task && !(daemon->once_done && fine);
}

static int finish(struct daemon *daemon, int code) {
    LOG(&daemon->log, daemon->once_task ? LOG_DEBUG : LOG_INFO, "stopped", log_number("exit", code));
    inbox_finish(&daemon->inbox);
    follow_finish(daemon);
    core_destroy(daemon->core);
    taskset_unref(daemon->set);
    troubles_finish(&daemon->troubles);
    operate_close(daemon);
    text_finish(&daemon->released);
    free(daemon->directory);
    free(daemon->name);
    free(daemon->life);
    log_finish(&daemon->log);
    return code;
}

static void do_nothing(uv_work_t *work) {
    (void)work;
}

int daemon_run(const struct daemon_request *request) {
    struct daemon daemon = {
        .path = request->path,
        .directory = directory_of(request->path),
        .set = taskset_ref(request->set),
        .identity = identity_of(request->path),
        .name = identity_name(request->path),
        .once_task = request->once_task,
    };
    struct text error = {0};
    daemon.life = identity_life(daemon.name, now_wall());
    log_init(&daemon.log, request->set->daemon.log_level, STDERR_FILENO);
    int code = 1, failed = uv_loop_init(&daemon.loop);
    if (failed) {
        LOG(&daemon.log, LOG_ERROR, "not_started", log_text("message", uv_strerror(failed)));
        return finish(&daemon, code);
    }
    uv_queue_work(&daemon.loop, &daemon.first_work, do_nothing, NULL);
    struct session_pool **fresh = NULL;
    if (operate_open(&daemon, &error))
        fresh = follow_prepare(&daemon, daemon.set, &error);
    if (fresh) {
        begin(&daemon, fresh);
        uv_run(&daemon.loop, UV_RUN_DEFAULT);
        code = exit_code(&daemon);
    } else {
        LOG(&daemon.log, LOG_ERROR, "not_started", log_text("message", error.bytes));
        control_close(daemon.control);
    }
    uv_run(&daemon.loop, UV_RUN_DEFAULT); /* lets closing handles finish */
    code = finish(&daemon, code);
    uv_run(&daemon.loop, UV_RUN_NOWAIT);
    uv_loop_close(&daemon.loop);
    text_finish(&error);
    return code;
}
