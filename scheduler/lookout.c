/*
 * What a look at the database leads to beside its numbers: the pooler in front of it is asked, too, and the
 * sessions of running commands are counted for each.
 */
#include <stdlib.h>
#include <string.h>

#include "scheduler/daemon_parts.h"

static void on_pooler(void *context, const struct pooler_load *load) {
    struct pooler_context *whom = context;
    struct event event = {.kind = EVENT_POOLER, .pool = whom->pool};
    event.pooler.waiting_count = load->known && load->waiting_count > 0 ? (uint32_t)load->waiting_count : 0;
    daemon_event(whom->daemon, &event);
    if (load->known == whom->told)
        journal_pooler(whom->daemon, whom->pool, load->known ? NULL : load->error);
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

static void count_commands(struct daemon *daemon, uint32_t pool, const struct sample *sample) {
    const struct core *core = daemon->core;
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        if (run->pool != pool || run->state != RUN_RUNNING || run->definition->work != WORK_COMMAND)
            continue;
        struct event event = {.kind = EVENT_COMMAND_SEEN, .run = core_run_handle(core, i)};
        event.seen.session_count = count_of(sample->command_tasks, run->definition->name);
        if (event.seen.session_count > core->tasks[run->task].seen_most)
            daemon_event(daemon, &event);
    }
}

void lookout_sampled(struct daemon *daemon, uint32_t pool, const struct sample *sample) {
    if (daemon->poolers[pool])
        pooler_ask(daemon->poolers[pool]);
    if (sample->known && sample->command_count > 0)
        count_commands(daemon, pool, sample);
}
