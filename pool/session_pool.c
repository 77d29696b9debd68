#include "pool/session_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char **command_names(const struct taskset *set, uint32_t pool) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->task_count; i++)
        count += set->tasks[i].work == WORK_COMMAND && set->tasks[i].pool == pool;
    char **names = calloc((size_t)count + 1, sizeof *names);
    if (!names)
        abort();
    for (uint32_t i = 0, n = 0; i < set->task_count && n < count; i++) {
        if (set->tasks[i].work != WORK_COMMAND || set->tasks[i].pool != pool)
            continue;
        struct text name = {0};
        text_add(&name, "headgate/%s", set->tasks[i].name);
        names[n++] = name.bytes;
    }
    return names;
}

struct session_pool *session_pool_create(uv_loop_t *loop, const struct taskset *set, uint32_t index,
                                         uint32_t identity, report_callback *report, void *context,
                                         char **ret_error) {
    const struct pool_settings *settings = &set->pools[index];
    struct conninfo conninfo = {0};
    if (!conninfo_resolve(settings->conninfo, &conninfo, ret_error))
        return NULL;
    struct session_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        abort();
    pool->loop = loop;
    pool->name = strdup(settings->name);
    pool->conninfo = conninfo;
    pool->conninfo_text = strdup(settings->conninfo);
    pool->statement_timeout_us = settings->statement_timeout_us;
    pool->command_names = command_names(set, index);
    pool->report = report;
    pool->context = context;
    snprintf(pool->application_name, sizeof pool->application_name, "headgate/%s %08x", settings->name,
             identity);
    return pool;
}

bool session_pool_fits(const struct session_pool *pool, const struct pool_settings *settings) {
    return strcmp(pool->name, settings->name) == 0 && strcmp(pool->conninfo_text, settings->conninfo) == 0 &&
           pool->statement_timeout_us == settings->statement_timeout_us;
}

static void free_when_unused(struct session_pool *pool) {
    if (!pool->released || pool->session_count)
        return;
    conninfo_finish(&pool->conninfo);
    for (char **name = pool->command_names; *name; name++)
        free(*name);
    free(pool->command_names);
    free(pool->name);
    explicit_bzero(pool->conninfo_text, strlen(pool->conninfo_text));
    free(pool->conninfo_text);
    free(pool);
}

void session_pool_release(struct session_pool *pool) {
    if (!pool)
        return;
    pool->released = true;
    free_when_unused(pool);
}

void session_pool_left(struct session_pool *pool) {
    pool->session_count--;
    free_when_unused(pool);
}
