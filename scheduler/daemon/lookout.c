#include "scheduler/daemon/lookout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/work/sockets.h"
#include "scheduler/daemon/log_events.h"

static void on_pooler(void *context, const struct pooler_load *load) {
    struct lookout *lookout = context;
    struct event event = {.kind = EVENT_POOLER, .pool = lookout->pool};
    event.pooler.waiting_count = load->known && load->waiting_count > 0 ? (uint32_t)load->waiting_count : 0;
    inbox_add(&lookout->daemon->inbox, &event);
    if (load->known == lookout->failed)
        log_pooler(lookout->daemon, lookout->pool, load->known ? NULL : load->error);
    lookout->failed = !load->known;
}

static void open_pooler(struct lookout *lookout) {
    const struct core_pool *pool = &lookout->daemon->core->pools[lookout->pool];
    const struct conninfo *conninfo = &lookout->daemon->pools[lookout->pool]->conninfo;
    const char *database = conninfo_get(conninfo, "dbname");
    if (*pool->settings->pooler_conninfo && !pool->retired)
        lookout->pooler =
            pooler_open(&lookout->daemon->loop, pool->settings->pooler_conninfo,
                        *database ? database : conninfo_get(conninfo, "user"), NULL, on_pooler, lookout);
}

void lookout_follow(struct daemon *daemon) {
    daemon->lookouts = calloc((size_t)daemon->pool_count + 1, sizeof *daemon->lookouts);
    if (!daemon->lookouts)
        abort();
    for (uint32_t i = 0; i < daemon->pool_count; i++) {
        daemon->lookouts[i] = (struct lookout){.daemon = daemon, .pool = i};
        open_pooler(&daemon->lookouts[i]);
    }
}

void lookout_close(struct daemon *daemon) {
    for (uint32_t i = 0; daemon->lookouts && i < daemon->pool_count; i++)
        pooler_close(daemon->lookouts[i].pooler);
    free(daemon->lookouts);
    daemon->lookouts = NULL;
}

/* --- a command's sessions: by the name that it was given for them, and by its processes' sockets --- */

/* How often a task is named in a list with commas. */
static uint32_t count_of(const char *tasks, const char *task) {
    size_t length = strlen(task);
    uint32_t count = 0;
    for (const char *at = tasks; *at; at += strcspn(at, ","), at += *at == ',')
        count += strncmp(at, task, length) == 0 && strchr(",", at[length]) != NULL;
    return count;
}

struct count {
    uv_work_t request;
    struct daemon *daemon;
    struct handle run;
    int process_group;
    struct sockets_server server;
    uint32_t by_name, by_socket;
};

static void count_sockets(uv_work_t *request) {
    struct count *count = request->data;
    count->by_socket = sockets_count(count->process_group, &count->server);
}

static void counted(uv_work_t *request, int status) {
    struct count *count = request->data;
    struct event event = {.kind = EVENT_COMMAND_SEEN, .run = count->run};
    event.seen.session_count = count->by_name > count->by_socket ? count->by_name : count->by_socket;
    if (status == 0 && event.seen.session_count > 0)
        inbox_add(&count->daemon->inbox, &event);
    free(count);
}

static struct sockets_server server_of(const struct conninfo *conninfo) {
    struct sockets_server server = {.port = (uint16_t)strtoul(conninfo_get(conninfo, "port"), NULL, 10)};
    const char *host = conninfo_get(conninfo, "host");
    if (*conninfo_get(conninfo, "hostaddr") == '\0' && (*host == '/' || *host == '\0'))
        snprintf(server.path, sizeof server.path, "%s/.s.PGSQL.%u", *host ? host : "/var/run/postgresql",
                 server.port);
    return server;
}

static void count_command(struct daemon *daemon, uint32_t index, uint32_t by_name) {
    const struct run *run = &daemon->core->runs[index];
    struct count *count = calloc(1, sizeof *count);
    if (!count)
        abort();
    *count = (struct count){.daemon = daemon,
                            .run = core_run_handle(daemon->core, index),
                            .process_group = command_pid(daemon->commands[index]),
                            .server = server_of(&daemon->pools[run->pool]->conninfo),
                            .by_name = by_name};
    count->request.data = count;
    if (uv_queue_work(&daemon->loop, &count->request, count_sockets, counted) != 0)
        free(count);
}

static void count_commands(struct daemon *daemon, uint32_t pool, const struct sample *sample) {
    const struct core *core = daemon->core;
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        if (run->pool == pool && run->state == RUN_RUNNING && run->definition->work == WORK_COMMAND &&
            daemon->commands[i])
            count_command(daemon, i, count_of(sample->command_tasks, run->definition->name));
    }
}

void lookout_sampled(struct daemon *daemon, uint32_t pool, const struct sample *sample) {
    if (daemon->lookouts[pool].pooler)
        pooler_ask(daemon->lookouts[pool].pooler);
    if (sample->known && daemon->core->pools[pool].tokens.command > 0)
        count_commands(daemon, pool, sample);
}
