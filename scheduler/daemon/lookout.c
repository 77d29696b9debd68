#include "scheduler/daemon/lookout.h"

#include <stdlib.h>

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
                        *database ? database : conninfo_get(conninfo, "user"), on_pooler, lookout);
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

static void count_commands(struct daemon *daemon, uint32_t pool, const struct sample *sample) {
    const struct core *core = daemon->core;
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        struct event event = {.kind = EVENT_COMMAND_SEEN, .run = core_run_handle(core, i)};
        if (run->pool != pool || run->state != RUN_RUNNING || run->definition->work != WORK_COMMAND ||
            !daemon->commands[i])
            continue;
        event.seen.session_count = sample_sessions_of(sample, run->definition->name);
        if (event.seen.session_count > 0)
            inbox_add(&daemon->inbox, &event);
    }
}

void lookout_sampled(struct daemon *daemon, uint32_t pool, const struct sample *sample) {
    if (daemon->lookouts[pool].pooler)
        pooler_ask(daemon->lookouts[pool].pooler);
    if (sample->known && daemon->core->pools[pool].tokens.command > 0)
        count_commands(daemon, pool, sample);
}
