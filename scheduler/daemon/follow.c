#include "scheduler/daemon/follow.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/daemon/errand.h"
#include "scheduler/daemon/lookout.h"
#include "scheduler/daemon/pauses.h"

/* With one item more, so that it is never empty; what is new is zeroed, and takes no memory before it is
 * used. */
static void *resized(void *old, size_t old_count, size_t count, size_t bytes) {
    char *array = calloc(count + 1, bytes);
    if (!array)
        abort();
    if (old)
        memcpy(array, old, (old_count < count ? old_count : count) * bytes);
    free(old);
    return array;
}

/* Where the daemon has one that can go on under these settings; NULL: it has none, or it went already. */
static struct session_pool **find_fitting(const struct daemon *daemon, const struct pool_settings *settings) {
    for (uint32_t i = 0; i < daemon->pool_count; i++)
        if (daemon->pools[i] && session_pool_fits(daemon->pools[i], settings))
            return &daemon->pools[i];
    return NULL;
}

struct session_pool **follow_prepare(struct daemon *daemon, struct taskset *set, struct text *error) {
    struct session_pool **fresh = resized(NULL, 0, set->pool_count, sizeof *fresh);
    for (uint32_t i = 0; i < set->pool_count; i++) {
        char *why = NULL;
        if (find_fitting(daemon, &set->pools[i]))
            continue;
        fresh[i] =
            session_pool_create(&daemon->loop, set, i, daemon->identity, inbox_report, &daemon->inbox, &why);
        if (fresh[i])
            continue;
        text_add(error, "conninfo of [pool %s]: %s", set->pools[i].name, why);
        free(why);
        while (i-- > 0)
            session_pool_release(fresh[i]);
        free(fresh);
        return NULL;
    }
    return fresh;
}

/* The core's pools are the file's, and behind them those that are retired. */
static void follow_pools(struct daemon *daemon, struct session_pool **fresh) {
    const struct core *core = daemon->core;
    struct session_pool **pools = resized(NULL, 0, core->pool_count, sizeof *pools);
    for (uint32_t i = 0; i < core->pool_count; i++) {
        bool is_of_file = i < core->set->pool_count;
        if (is_of_file && fresh[i]) {
            pools[i] = fresh[i];
            for (uint32_t j = 0; j < daemon->pool_count; j++)
                if (daemon->pools[j])
                    session_pool_inherit(pools[i], daemon->pools[j]);
        } else {
            struct session_pool **fitting = find_fitting(daemon, core->pools[i].settings);
            pools[i] = *fitting;
            *fitting = NULL;
            if (is_of_file)
                session_pool_follow(pools[i], core->set, i);
        }
        pools[i]->daemon_name = daemon->life;
    }
    for (uint32_t i = 0; i < daemon->pool_count; i++)
        session_pool_release(daemon->pools[i]);
    free(daemon->pools);
    free(fresh);
    daemon->pools = pools;
    daemon->pool_count = core->pool_count;
}

/* Where the folders of records are listed: beside the pauses. One run by hand leaves it to the daemon. */
static void list_path(const struct daemon *daemon, struct text *path) {
    pauses_path(daemon->core->set, daemon->path, path);
    if (path->bytes_count && !daemon->once_task) {
        path->bytes_count -= strlen(".paused");
        text_add(path, ".spools");
    } else {
        text_clear(path);
    }
}

void follow_file(struct daemon *daemon, struct session_pool **fresh) {
    const struct core *core = daemon->core;
    const char *temporary = getenv("TMPDIR");
    struct text list = {0};
    lookout_close(daemon);
    follow_pools(daemon, fresh);
    lookout_follow(daemon);
    daemon->sessions =
        resized(daemon->sessions, daemon->session_capacity, core->session_capacity, sizeof *daemon->sessions);
    daemon->session_capacity = core->session_capacity;
    daemon->commands =
        resized(daemon->commands, daemon->run_capacity, core->run_capacity, sizeof *daemon->commands);
    daemon->errands =
        resized(daemon->errands, daemon->run_capacity, core->run_capacity, sizeof *daemon->errands);
    daemon->run_capacity = core->run_capacity;
    daemon->spools.directory = *core->set->daemon.spool  ? core->set->daemon.spool
                               : temporary && *temporary ? temporary
                                                         : "/tmp";
    list_path(daemon, &list);
    histories_follow(&daemon->histories, daemon->spools.directory, list.bytes);
    text_finish(&list);
}

void follow_finish(struct daemon *daemon) {
    lookout_close(daemon);
    histories_close(&daemon->histories);
    for (uint32_t i = 0; i < daemon->session_capacity; i++)
        session_forget(daemon->sessions[i]);
    for (uint32_t i = 0; i < daemon->pool_count; i++)
        session_pool_release(daemon->pools[i]);
    for (uint32_t i = 0; i < daemon->run_capacity; i++)
        errand_end(daemon, i);
    free(daemon->sessions);
    free(daemon->errands);
    free(daemon->commands);
    free(daemon->pools);
}
