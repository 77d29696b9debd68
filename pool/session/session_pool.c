#include "pool/session/session_pool.h"

#include <stdlib.h>
#include <string.h>

#include "pool/budget/look.h"
#include "pool/session/internal.h"

/* A login takes some 4 ms (measured), so few at once are enough; and one that hangs is one of few. */
#define LOGIN_THREADS_MAX  8
#define CANCEL_THREADS_MAX 4

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
    pool->name = text_copy(settings->name);
    pool->conninfo = conninfo;
    pool->conninfo_text = text_copy(settings->conninfo);
    pool->statement_timeout_us = settings->statement_timeout_us;
    pool->connect_timeout_us = settings->connect_timeout_us;
    pool->logins = aside_open(loop, LOGIN_THREADS_MAX);
    pool->cancels = aside_open(loop, CANCEL_THREADS_MAX);
    pool->command_names = look_name_commands(set, index);
    channels_follow(&pool->channels, wakes_of_pool(set->wakes, index));
    TAILQ_INIT(&pool->sessions);
    TAILQ_INIT(&pool->unsent);
    pool->report = report;
    pool->context = context;
    look_name_sessions(settings->name, identity, pool->application_name);
    return pool;
}

void session_pool_follow(struct session_pool *pool, const struct taskset *set, uint32_t index) {
    free(pool->command_names);
    pool->command_names = look_name_commands(set, index);
    channels_follow(&pool->channels, wakes_of_pool(set->wakes, index));
    pool->connect_timeout_us = set->pools[index].connect_timeout_us;
}

void session_pool_inherit(struct session_pool *pool, const struct session_pool *before) {
    if (strcmp(pool->name, before->name) != 0 || strcmp(pool->conninfo_text, before->conninfo_text) != 0)
        return;
    pool->sampled_since = before->sampled_since;
    pool->pooled = before->pooled;
}

bool session_pool_fits(const struct session_pool *pool, const struct pool_settings *settings) {
    return strcmp(pool->name, settings->name) == 0 && strcmp(pool->conninfo_text, settings->conninfo) == 0 &&
           pool->statement_timeout_us == settings->statement_timeout_us;
}

static void free_when_unused(struct session_pool *pool) {
    if (!pool->released || pool->kept_count || !TAILQ_EMPTY(&pool->sessions))
        return;
    aside_close(pool->logins);
    aside_close(pool->cancels);
    conninfo_finish(&pool->conninfo);
    channels_finish(&pool->channels);
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

void session_pool_keep(struct session_pool *pool) {
    pool->kept_count++;
}

void session_pool_release_kept(struct session_pool *pool) {
    pool->kept_count--;
    free_when_unused(pool);
}

void session_pool_enter(struct session_pool *pool, struct session *session) {
    TAILQ_INSERT_TAIL(&pool->sessions, session, in_pool);
}

void session_pool_leave(struct session_pool *pool, struct session *session) {
    TAILQ_REMOVE(&pool->sessions, session, in_pool);
    if (session->unsent)
        TAILQ_REMOVE(&pool->unsent, session, in_unsent);
    free_when_unused(pool);
}
