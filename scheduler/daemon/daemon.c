#include "scheduler/daemon/daemon.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "scheduler/daemon/footing.h"
#include "scheduler/daemon/load.h"
#include "scheduler/daemon/state.h"
#include "tasks/hash.h"

#define STEPS_PER_TURN 256

/* --- clocks --- */

struct mono daemon_now(void) {
    return (struct mono){(int64_t)(uv_hrtime() / 1000)};
}

static struct wall wall_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (struct wall){now.tv_sec * US_PER_S + now.tv_nsec / 1000};
}

/* --- events to the core --- */

static const char *owned(const char *text) {
    return text ? text_copy(text) : NULL;
}

static struct queued *enqueue(struct daemon *daemon, const struct event *event) {
    if (daemon->queue_count == daemon->queue_capacity) {
        daemon->queue_capacity = daemon->queue_capacity ? daemon->queue_capacity * 2 : 64;
        daemon->queue = realloc(daemon->queue, daemon->queue_capacity * sizeof *daemon->queue);
        if (!daemon->queue)
            abort();
    }
    struct queued *queued = &daemon->queue[daemon->queue_count++];
    *queued = (struct queued){.event = *event};
    return queued;
}

static const struct sample *copied(const struct sample *sample) {
    struct sample *copy = malloc(sizeof *copy);
    if (!copy)
        abort();
    *copy = *sample;
    return copy;
}

static struct event event_of(const struct report *report) {
    static const enum event_kind kinds[] = {
        [REPORT_SESSION_OPENED] = EVENT_SESSION_OPENED,
        [REPORT_SESSION_FAILED] = EVENT_SESSION_FAILED,
        [REPORT_SESSION_READY] = EVENT_SESSION_READY,
        [REPORT_SESSION_BROKEN] = EVENT_SESSION_BROKEN,
        [REPORT_SESSION_GONE] = EVENT_SESSION_GONE,
        [REPORT_SAMPLED] = EVENT_SAMPLED,
        [REPORT_HISTORY] = EVENT_HISTORY,
        [REPORT_RUN_COMMITS] = EVENT_RUN_COMMITS,
        [REPORT_RUN_UNSENT] = EVENT_RUN_UNSENT,
        [REPORT_RUN_ENDED] = EVENT_RUN_ENDED,
    };
    struct event event = {.kind = kinds[report->kind], .session = report->session, .run = report->run};
    if (report->kind == REPORT_SESSION_FAILED)
        event.failed.failure = report->connect_failure;
    if (report->kind == REPORT_SESSION_READY)
        event.ready.breach = report->ready.breach;
    if (report->kind == REPORT_SAMPLED)
        event.sample = copied(report->sample);
    if (report->kind == REPORT_HISTORY)
        event.history.failed_for_long = report->history.locked;
    if (report->kind == REPORT_RUN_ENDED) {
        event.ended.outcome = report->ended.outcome;
        event.ended.simple = report->ended.simple;
        event.ended.failure = report->ended.failure;
        event.ended.claimed = report->ended.claimed;
        event.ended.claimed_from = report->ended.claimed_from;
        event.ended.answered_until = report->ended.answered_until;
        event.ended.row_count = report->ended.row_count;
        event.ended.done_count = report->ended.done_count;
    }
    return event;
}

void daemon_event(struct daemon *daemon, const struct event *event) {
    enqueue(daemon, event);
}

void daemon_report(void *context, const struct report *report, const struct failure *failure) {
    struct event event = event_of(report);
    if (report->kind == REPORT_SESSION_OPENED || report->kind == REPORT_SESSION_FAILED)
        footing_stands();
    struct queued *queued = enqueue(context, &event);
    if (report->kind == REPORT_HISTORY)
        queued->answer = (char *)owned(report->history.answer);
    if (!failure)
        return;
    queued->has_failure = true;
    queued->failure = *failure;
    queued->failure.message = owned(failure->message);
    queued->failure.detail = owned(failure->detail);
    queued->failure.hint = owned(failure->hint);
    queued->failure.context = owned(failure->context);
    queued->failure.output = owned(failure->output);
}

static void queued_finish(struct queued *queued) {
    if (queued->event.kind == EVENT_SAMPLED)
        free((void *)queued->event.sample);
    free(queued->answer);
    free((char *)queued->failure.message);
    free((char *)queued->failure.detail);
    free((char *)queued->failure.hint);
    free((char *)queued->failure.context);
    free((char *)queued->failure.output);
}

void daemon_feed(struct daemon *daemon, struct event *event) {
    struct actions actions;
    perform_event(daemon, event); /* may feed others first */
    event->now = daemon_now();
    event->wall = wall_now();
    daemon->core_has_more = core_step(daemon->core, event, &actions);
    perform(daemon, &actions);
}

static void tick(struct daemon *daemon) {
    struct event event = {.kind = EVENT_TICK};
    daemon_feed(daemon, &event);
}

/* After what came in by the same turn of the loop: behind a stall, the answer to a run may be among it. */
static void on_alarm(void *context) {
    struct daemon *daemon = context;
    daemon->core_has_more = true;
}

static void set_alarm(struct daemon *daemon) {
    alarm_set(&daemon->alarm, daemon->core_has_more ? daemon_now() : core_next_wake(daemon->core));
}

static void stop_when_done(struct daemon *daemon);

/* All that was reported goes through the core, and what the core has left to do, up to a bound a turn. */
static void drain_queue(struct daemon *daemon) {
    uint32_t steps = 0;
    if (!daemon->core)
        return;
    for (uint32_t next = 0; next < daemon->queue_count; next++) {
        struct queued queued = daemon->queue[next]; /* a copy: the queue may grow and move meanwhile */
        daemon->failure = queued.has_failure ? &queued.failure : NULL;
        daemon->answer = queued.answer;
        daemon_feed(daemon, &queued.event);
        daemon->failure = NULL;
        queued_finish(&queued);
    }
    daemon->queue_count = 0;
    while (daemon->core_has_more && steps++ < STEPS_PER_TURN && daemon->queue_count == 0)
        tick(daemon);
    if (daemon->queue_count) /* an action failed at once */
        daemon->core_has_more = true;
    for (uint32_t i = 0; i < daemon->pool_count; i++)
        session_pool_flush(daemon->pools[i]);
    set_alarm(daemon);
    stop_when_done(daemon);
}

static void on_prepare(uv_prepare_t *prepare) {
    drain_queue(prepare->data);
}

static void on_check(uv_check_t *check) {
    drain_queue(check->data);
}

static void ask_to_drain(struct daemon *daemon) {
    struct event event = {.kind = EVENT_DRAIN};
    enqueue(daemon, &event);
}

static void on_control(void *context, const char *request, uid_t uid, struct text *answer) {
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

/*
 * The file's lock is enough to be found by `headgate status`: only a socket that somebody asked for must be
 * there. What is read now says where.
 */
static bool follow_control(struct daemon *daemon, const struct taskset *set, struct text *error) {
    struct text path = {0}, why = {0};
    bool chosen = *set->daemon.control;
    bool locked = control_lock(daemon->control, error);
    if (locked && error->bytes_count)
        LOG(&daemon->log, LOG_WARNING, "lock_incomplete", log_text("message", error->bytes),
            log_text("effect", "a second daemon on this file would not be noticed"));
    if (locked)
        text_clear(error);
    control_path(set, daemon->path, &path);
    bool listens = locked && (chosen || control_make_folder(path.bytes, &why)) &&
                   control_listen(daemon->control, path.bytes, &why);
    if (locked && !listens && chosen)
        text_add(error, "%s", why.bytes);
    else if (locked && !listens)
        LOG(&daemon->log, LOG_WARNING, "no_control_socket", log_text("message", why.bytes),
            log_text("effect", "headgate status finds this daemon by the lock of its file only"));
    text_finish(&path);
    text_finish(&why);
    return locked && (listens || !chosen);
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

static void move_pauses(struct daemon *daemon) {
    struct text path = {0};
    control_path(daemon->set, daemon->path, &path);
    operate_move(daemon, path.bytes);
    text_finish(&path);
}

static void go_over_to(struct daemon *daemon, struct taskset *set, struct session_pool **fresh) {
    core_reload(daemon->core, set, daemon_now(), wall_now());
    perform_follow(daemon, fresh);
    struct taskset *before = daemon->set;
    daemon->set = taskset_ref(set);
    taskset_unref(before);
    daemon->loaded = wall_now();
    daemon->log.level = set->daemon.log_level;
    move_pauses(daemon);
    LOG(&daemon->log, LOG_INFO, "reloaded", log_text("file", daemon->path),
        log_number("tasks", set->task_count), log_number("pools", set->pool_count));
    operate_follow(daemon); /* a task that came back may be paused */
    tick(daemon);
}

static void reload(struct daemon *daemon) {
    struct faults faults = {0};
    struct text error = {0};
    drain_queue(daemon); /* what was reported is of pools as they are numbered now */
    struct taskset *set = load_file(daemon->path, &faults);
    bool fine = set && !faults.count && follow_control(daemon, set, &error);
    struct session_pool **fresh = fine ? perform_prepare(daemon, set, &error) : NULL;
    if (error.bytes_count)
        fault_add(&faults, 0, "%s", error.bytes);
    if (fine && !fresh)
        follow_control(daemon, daemon->set, &error);
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

/* --- start and stop --- */

static const int signal_numbers[SIGNALS] = {SIGUSR1, SIGHUP, SIGTERM, SIGINT};

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

/* What comes now would say what is under way: the end. */
static void close_signals(struct daemon *daemon) {
    for (int i = 0; i < SIGNALS; i++) {
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
        signal(signal_numbers[i], SIG_IGN);
    }
}

/* What is refused for our options is tried without them. */
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

uint32_t daemon_identity(const char *path) {
    char host[256] = "", real[PATH_MAX] = "";
    gethostname(host, sizeof host - 1);
    if (!realpath(path, real))
        real[0] = '\0';
    return (uint32_t)hash_finish(hash_bytes(hash_bytes(HASH_START, host, strlen(host)), real, strlen(real)));
}

static char *directory_of(const char *path) {
    char real[PATH_MAX];
    if (!realpath(path, real))
        return text_copy("/");
    char *slash = strrchr(real, '/');
    slash[slash == real] = '\0';
    return text_copy(real);
}

static bool open_control(struct daemon *daemon) {
    struct text path = {0}, error = {0};
    daemon->control = control_create(&daemon->loop, daemon->path, on_control, daemon);
    bool fine = follow_control(daemon, daemon->set, &error);
    if (fine) {
        control_path(daemon->set, daemon->path, &path);
        operate_open(daemon, path.bytes);
    } else {
        LOG(&daemon->log, LOG_ERROR, "not_started", log_text("message", error.bytes));
        control_close(daemon->control);
        daemon->control = NULL;
    }
    text_finish(&path);
    text_finish(&error);
    return fine;
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
    daemon->begun = daemon_now();
    daemon->loaded = wall_now();
    daemon->core =
        core_create(daemon->set, (uint64_t)wall_now().us, !daemon->once_task, daemon->begun, daemon->loaded);
    perform_follow(daemon, fresh);
    open_handles(daemon);
    LOG(&daemon->log, daemon->once_task ? LOG_DEBUG : LOG_INFO, "started", log_text("file", daemon->path),
        log_text("version", HEADGATE_VERSION), log_number("pid", getpid()),
        log_number("tasks", daemon->set->task_count), log_number("pools", daemon->set->pool_count));
    operate_follow(daemon);
    struct event event = {.kind = EVENT_TICK};
    if (daemon->once_task)
        event =
            (struct event){.kind = EVENT_TRIGGER, .task = taskset_find_task(daemon->set, daemon->once_task)};
    daemon_feed(daemon, &event);
}

static int exit_code(const struct daemon *daemon) {
    bool fine = daemon->once_outcome == OUTCOME_OK || daemon->once_outcome == OUTCOME_NOTHING;
    return daemon->once_task && !(daemon->once_done && fine);
}

static int finish(struct daemon *daemon, int code) {
    LOG(&daemon->log, daemon->once_task ? LOG_DEBUG : LOG_INFO, "stopped", log_number("exit", code));
    for (uint32_t i = 0; i < daemon->queue_count; i++)
        queued_finish(&daemon->queue[i]);
    free(daemon->queue);
    perform_finish(daemon);
    core_destroy(daemon->core);
    taskset_unref(daemon->set);
    troubles_finish(&daemon->troubles);
    operate_close(daemon);
    free(daemon->directory);
    free(daemon->name);
    free(daemon->life);
    text_finish(&daemon->line);
    log_finish(&daemon->log);
    return code;
}

static void nothing(uv_work_t *work) {
    (void)work;
}

int daemon_run(const struct daemon_request *request) {
    struct daemon daemon = {
        .path = request->path,
        .directory = directory_of(request->path),
        .set = taskset_ref(request->set),
        .identity = daemon_identity(request->path),
        .name = history_name(request->path),
        .once_task = request->once_task,
    };
    struct text error = {0};
    daemon.life = history_life(daemon.name, wall_now());
    log_init(&daemon.log, request->set->daemon.log_level, STDERR_FILENO);
    int code = 1, failed = uv_loop_init(&daemon.loop);
    if (failed) {
        LOG(&daemon.log, LOG_ERROR, "not_started", log_text("message", uv_strerror(failed)));
        return finish(&daemon, code);
    }
    uv_queue_work(&daemon.loop, &daemon.first_work, nothing, NULL);
    if (open_control(&daemon)) {
        struct session_pool **fresh = perform_prepare(&daemon, daemon.set, &error);
        if (fresh) {
            begin(&daemon, fresh);
            uv_run(&daemon.loop, UV_RUN_DEFAULT);
            code = exit_code(&daemon);
        } else {
            LOG(&daemon.log, LOG_ERROR, "not_started", log_text("message", error.bytes));
            control_close(daemon.control);
        }
    }
    uv_run(&daemon.loop, UV_RUN_DEFAULT); /* lets closing handles finish */
    code = finish(&daemon, code);
    uv_run(&daemon.loop, UV_RUN_NOWAIT);
    uv_loop_close(&daemon.loop);
    text_finish(&error);
    return code;
}
