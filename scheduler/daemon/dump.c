#include "scheduler/daemon/dump.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "scheduler/daemon/errand.h"
#include "scheduler/now.h"
#include "scheduler/replace.h"
#include "scheduler/status/json.h"
#include "scheduler/status/metrics.h"
#include "scheduler/status/table.h"

static const char *failure_of(const void *context, const char *task) {
    const struct daemon *daemon = context;
    const struct trouble *trouble = trouble_find(&daemon->troubles, task);
    return trouble ? trouble->summary : NULL;
}

static const char *connect_error_of(const void *context, const char *name) {
    const struct daemon *daemon = context;
    for (uint32_t i = 0; i < daemon->pool_count; i++)
        if (strcmp(daemon->pools[i]->name, name) == 0 && *daemon->pools[i]->connect_error)
            return daemon->pools[i]->connect_error;
    return NULL;
}

static const char *listen_error_of(const void *context, const char *name) {
    const struct daemon *daemon = context;
    for (uint32_t i = 0; i < daemon->pool_count; i++)
        if (strcmp(daemon->pools[i]->name, name) == 0 && *daemon->pools[i]->listen_error)
            return daemon->pools[i]->listen_error;
    return NULL;
}

static struct progress progress_of(const void *context, uint32_t run) {
    return errand_progress(context, run);
}

static struct bookkeeping bookkeeping_of(const void *context, uint32_t pool) {
    const struct daemon *daemon = context;
    const struct history *history = histories_of(&daemon->histories, pool);
    if (!history)
        return (struct bookkeeping){.error = "", .shared = ""};
    return (struct bookkeeping){.error = history->error,
                                .shared = history->shared,
                                .waiting_count = backlog_count(history->backlog),
                                .disk_count = backlog_on_disk_count(history->backlog),
                                .lost_count = backlog_lost_count(history->backlog)};
}

static const struct pause *pause_of(const void *context, const char *task) {
    const struct daemon *daemon = context;
    return pauses_find(&daemon->pauses, task);
}

void dump_compose(struct daemon *daemon, enum dump_form form, uint32_t width, struct text *text) {
    time_t seconds = time(NULL);
    struct tm local;
    localtime_r(&seconds, &local);
    struct status_context context = {
        .version = HEADGATE_VERSION,
        .path = daemon->path,
        .pid = getpid(),
        .up_us = mono_since(now_mono(), daemon->begun),
        .loaded = daemon->loaded,
        .utc_offset_us = local.tm_gmtoff * US_PER_S,
        .failure_of = failure_of,
        .connect_error_of = connect_error_of,
        .listen_error_of = listen_error_of,
        .progress_of = progress_of,
        .bookkeeping_of = bookkeeping_of,
        .pause_of = pause_of,
        .context = daemon,
    };
    struct status status;
    status_init(&status, daemon->core, now_mono(), &context);
    if (form == DUMP_JSON)
        status_json(&status, text);
    else if (form == DUMP_METRICS)
        status_metrics(&status, text);
    else
        status_print(&status, width, text);
    status_finish(&status);
}

void dump_write(struct daemon *daemon) {
    struct text text = {0};
    const char *path = daemon->set->daemon.status_file;
    dump_compose(daemon, DUMP_TABLE, 0, &text);
    if (!*path)
        log_write_plain(&daemon->log, &text);
    else if (!replace_file(path, &text))
        LOG(&daemon->log, LOG_ERROR, "status_file_failed", log_text("path", path),
            log_text("message", strerror(errno)));
    text_finish(&text);
}
