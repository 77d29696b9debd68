/*
 * What a look at the database leads to beside its numbers: the pooler in front of it is asked, too, and the
 * sessions of running commands are counted for each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/work/sockets.h"
#include "scheduler/daemon/state.h"

static void on_pooler(void *context, const struct pooler_load *load) {
    struct pooler_context *whom = context;
    struct event event = {.kind = EVENT_POOLER, .pool = whom->pool};
    event.pooler.waiting_count = load->known && load->waiting_count > 0 ? (uint32_t)load->waiting_count : 0;
    daemon_event(whom->daemon, &event);
    if (load->known == whom->told)
        log_pooler(whom->daemon, whom->pool, load->known ? NULL : load->error);
    whom->told = !load->known;
}

static struct pooler *open_pooler(struct daemon *daemon, uint32_t pool) {
    const struct pool_settings *settings = daemon->core->pools[pool].settings;
    const struct conninfo *conninfo = &daemon->pools[pool]->conninfo;
    const char *database = conninfo_get(conninfo, "dbname");
    if (!*settings->pooler_conninfo || daemon->core->pools[pool].retired)
        return NULL;
    return pooler_open(&daemon->loop, settings->pooler_conninfo,
                       *database ? database : conninfo_get(conninfo, "user"), NULL, on_pooler,
                       &daemon->pooler_contexts[pool]);
}

void lookout_follow(struct daemon *daemon) {
    daemon->poolers = calloc((size_t)daemon->pool_count + 1, sizeof *daemon->poolers);
    daemon->pooler_contexts = calloc((size_t)daemon->pool_count + 1, sizeof *daemon->pooler_contexts);
    if (!daemon->poolers || !daemon->pooler_contexts)
        abort();
    for (uint32_t i = 0; i < daemon->pool_count; i++) {
        daemon->pooler_contexts[i] = (struct pooler_context){daemon, i, false};
        daemon->poolers[i] = open_pooler(daemon, i);
    }
}

void lookout_close(struct daemon *daemon) {
    for (uint32_t i = 0; daemon->poolers && i < daemon->pool_count; i++)
        pooler_close(daemon->poolers[i]);
    free(daemon->poolers);
    free(daemon->pooler_contexts);
    daemon->poolers = NULL;
    daemon->pooler_contexts = NULL;
}

static uint32_t count_of(const char *tasks, const char *task) {
    size_t length = strlen(task);
    uint32_t count = 0;
    for (const char *at = tasks; *at; at += strcspn(at, ","), at += *at == ',')
        count += strncmp(at, task, length) == 0 && strchr(",", at[length]) != NULL;
    return count;
}

/* --- a command's sessions: by the name that it was given for them, and by its processes' sockets --- */

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
        daemon_event(count->daemon, &event);
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
    if (daemon->poolers[pool])
        pooler_ask(daemon->poolers[pool]);
    if (sample->known && daemon->core->pools[pool].tokens.command > 0)
        count_commands(daemon, pool, sample);
}
