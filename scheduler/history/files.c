/*
 * Where records wait while no database takes them: each pool's backlog has a file under `spool`, named by the
 * ini file, the pool and its database. What is there is read by the pool that has that database now, whatever
 * its name is; what no pool has is left, and told.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/daemon/state.h"
#include "tasks/hash.h"

#define SUFFIX       ".history"
#define ENDING_BYTES (sizeof "-00000000" SUFFIX - 1) /* the database and that */

static void ending_of(const char *place, struct text *ending) {
    uint32_t hash = (uint32_t)hash_finish(hash_bytes(HASH_START, place, strlen(place)));
    text_add(ending, "-%08" PRIx32 SUFFIX, hash);
}

static void beginning_of(const struct daemon *daemon, struct text *beginning) {
    text_add(beginning, "headgate-%08" PRIx32 "-", daemon->identity);
}

static void path_of(const struct daemon *daemon, const char *pool, const char *place, struct text *path) {
    text_add(path, "%s/", daemon->spools.directory);
    beginning_of(daemon, path);
    text_add(path, "%s", pool);
    ending_of(place, path);
}

static void tell_unusable(struct daemon *daemon, const char *pool, struct text *error) {
    if (error->bytes_count)
        LOG(&daemon->log, LOG_ERROR, "history_spool_unusable", log_text("pool", pool),
            log_text("message", error->bytes));
    text_clear(error);
}

static void close_one(struct daemon *daemon, struct history *history) {
    struct text error = {0};
    if (!history)
        return;
    uint32_t count = backlog_count(history->backlog);
    char *path = text_copy(backlog_path(history->backlog));
    if (!backlog_destroy(history->backlog, &error))
        LOG(&daemon->log, LOG_ERROR, "history_lost", log_text("pool", history->pool),
            log_number("records", count), log_text("message", error.bytes));
    else if (count)
        LOG(&daemon->log, LOG_WARNING, "history_spooled", log_text("pool", history->pool),
            log_number("records", count), log_text("file", path),
            log_text("effect", "they are written by the next start that has this spool and this database"));
    text_finish(&error);
    free(path);
    free(history->pool);
    free(history->place);
    free(history);
}

static struct history *open_one(struct daemon *daemon, const char *pool, const char *place) {
    struct text path = {0}, error = {0};
    struct history *history = calloc(1, sizeof *history);
    if (!history)
        abort();
    path_of(daemon, pool, place, &path);
    history->pool = text_copy(pool);
    history->place = text_copy(place);
    history->backlog = backlog_create(path.bytes, &error);
    tell_unusable(daemon, pool, &error);
    text_finish(&path);
    text_finish(&error);
    return history;
}

/* `spool` was changed: what waits goes there. */
static void follow_spool(struct daemon *daemon, struct history *history) {
    struct text path = {0}, error = {0};
    path_of(daemon, history->pool, history->place, &path);
    if (strcmp(path.bytes, backlog_path(history->backlog)) != 0) {
        backlog_move(history->backlog, path.bytes, &error);
        tell_unusable(daemon, history->pool, &error);
    }
    text_finish(&path);
    text_finish(&error);
}

static struct history *take_over(struct daemon *daemon, const struct pool_settings *pool) {
    const char *place = pool->place ? pool->place : "";
    for (uint32_t i = 0; i < daemon->history_count; i++) {
        struct history *history = daemon->histories[i];
        if (!history || strcmp(history->pool, pool->name) != 0 || strcmp(history->place, place) != 0)
            continue;
        daemon->histories[i] = NULL;
        follow_spool(daemon, history);
        return history;
    }
    return open_one(daemon, pool->name, place);
}

/* --- what an earlier file left --- */

/* The one whose file it is, or whose database it is of; NULL: none. */
static struct history *heir_of(const struct daemon *daemon, const char *name, bool *ret_own) {
    struct history *heir = NULL;
    *ret_own = false;
    for (uint32_t i = 0; i < daemon->history_count && !*ret_own; i++) {
        struct history *history = daemon->histories[i];
        if (!history)
            continue;
        struct text ending = {0};
        ending_of(history->place, &ending);
        bool same_place = strcmp(name + strlen(name) - ENDING_BYTES, ending.bytes) == 0;
        *ret_own = strcmp(strrchr(backlog_path(history->backlog), '/') + 1, name) == 0;
        if (*ret_own || (same_place && !heir))
            heir = history;
        text_finish(&ending);
    }
    return heir;
}

static void take_in(struct daemon *daemon, struct history *heir, const char *path) {
    struct text error = {0};
    struct backlog *left = backlog_create(path, &error);
    uint32_t count = backlog_count(left);
    backlog_take_in(heir->backlog, left, &error);
    tell_unusable(daemon, heir->pool, &error);
    LOG(&daemon->log, LOG_INFO, "history_found", log_text("file", path), log_text("pool", heir->pool),
        log_number("records", count), log_text("reason", "it is of the same database"));
    text_finish(&error);
}

static bool is_ours(const struct daemon *daemon, DIR *directory, const char *name) {
    struct text beginning = {0};
    struct stat status;
    size_t length = strlen(name);
    beginning_of(daemon, &beginning);
    bool ours = strncmp(name, beginning.bytes, beginning.bytes_count) == 0 &&
                length > beginning.bytes_count + ENDING_BYTES &&
                strcmp(name + length - strlen(SUFFIX), SUFFIX) == 0 &&
                fstatat(dirfd(directory), name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                S_ISREG(status.st_mode) && status.st_uid == geteuid();
    text_finish(&beginning);
    return ours;
}

static void look_at(struct daemon *daemon, const char *name) {
    struct text path = {0};
    bool own;
    struct history *heir = heir_of(daemon, name, &own);
    text_add(&path, "%s/%s", daemon->spools.directory, name);
    if (heir && !own)
        take_in(daemon, heir, path.bytes);
    else if (!heir)
        LOG(&daemon->log, LOG_WARNING, "history_left_behind", log_text("file", path.bytes),
            log_text("effect",
                     "its records are of a database that no pool with history = on has: they are not "
                     "written"),
            log_text("advice", "bring that pool back for one start, or remove the file"));
    text_finish(&path);
}

static void look_for_left(struct daemon *daemon) {
    DIR *directory = opendir(daemon->spools.directory);
    const struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (is_ours(daemon, directory, entry->d_name))
            look_at(daemon, entry->d_name);
    if (directory)
        closedir(directory);
}

void history_follow(struct daemon *daemon) {
    const struct core *core = daemon->core;
    struct history **histories = calloc(core->pool_count + 1, sizeof *histories);
    if (!histories)
        abort();
    for (uint32_t i = 0; i < core->pool_count; i++)
        if (core->pools[i].settings->history)
            histories[i] = take_over(daemon, core->pools[i].settings);
    daemon->work_hash = taskset_work_hash(core->set);
    history_close(daemon);
    daemon->histories = histories;
    daemon->history_count = core->pool_count;
    look_for_left(daemon);
}

void history_close(struct daemon *daemon) {
    for (uint32_t i = 0; i < daemon->history_count; i++)
        close_one(daemon, daemon->histories[i]);
    free(daemon->histories);
    daemon->histories = NULL;
    daemon->history_count = 0;
}
