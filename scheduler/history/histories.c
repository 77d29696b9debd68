#include "scheduler/history/histories.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/replace.h"
#include "tasks/hash.h"

#define SUFFIX       ".history"
#define ENDING_BYTES (sizeof "-00000000" SUFFIX - 1) /* the database and that */

struct history *histories_of(const struct histories *histories, uint32_t pool) {
    return pool < histories->count ? histories->items[pool] : NULL;
}

/* --- names: headgate-IDENTITY-POOL-DATABASE.history --- */

static void add_beginning(const struct histories *histories, struct text *name) {
    text_add(name, "headgate-%08" PRIx32 "-", histories->identity);
}

static void add_ending(const char *place, struct text *name) {
    uint32_t hash = (uint32_t)hash_finish(hash_bytes(HASH_START, place, strlen(place)));
    text_add(name, "-%08" PRIx32 SUFFIX, hash);
}

static void add_path(const struct histories *histories, const char *pool, const char *place,
                     struct text *path) {
    text_add(path, "%s/", histories->directory);
    add_beginning(histories, path);
    text_add(path, "%s", pool);
    add_ending(place, path);
}

/* --- what an earlier file left --- */

static bool is_ours(const struct histories *histories, DIR *directory, const char *name) {
    struct text beginning = {0};
    struct stat status;
    size_t length = strlen(name);
    add_beginning(histories, &beginning);
    bool ours = strncmp(name, beginning.bytes, beginning.bytes_count) == 0 &&
                length > beginning.bytes_count + ENDING_BYTES &&
                strcmp(name + length - strlen(SUFFIX), SUFFIX) == 0 &&
                fstatat(dirfd(directory), name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                S_ISREG(status.st_mode) && status.st_uid == geteuid();
    text_finish(&beginning);
    return ours;
}

/* The history whose file it is, or else the first whose database it is of; NULL: none. */
static struct history *heir_of(const struct histories *histories, const char *name, bool *ret_own) {
    struct history *heir = NULL;
    *ret_own = false;
    for (uint32_t i = 0; i < histories->count && !*ret_own; i++) {
        struct history *history = histories->items[i];
        if (!history)
            continue;
        struct text ending = {0};
        add_ending(history->place, &ending);
        bool same_place = strcmp(name + strlen(name) - ENDING_BYTES, ending.bytes) == 0;
        *ret_own = strcmp(strrchr(backlog_path(history->backlog), '/') + 1, name) == 0;
        if (*ret_own || (same_place && !heir))
            heir = history;
        text_finish(&ending);
    }
    return heir;
}

/* A history's own file is taken up already, where it is in the present folder. */
static void look_at(struct histories *histories, const char *folder, const char *name) {
    struct text path = {0};
    bool own;
    struct history *heir = heir_of(histories, name, &own);
    text_add(&path, "%s/%s", folder, name);
    if (heir && !(own && folder == histories->directory))
        history_take_in(heir, path.bytes);
    else if (!heir)
        LOG(histories->writer.log, LOG_WARNING, "history_left_behind", log_text("file", path.bytes),
            log_text("effect", "its records are of a database that no pool with history = on has: they are "
                               "not written"),
            log_text("advice", "bring that pool back for one start, or remove the file"));
    text_finish(&path);
}

static void tell_unusable(struct histories *histories, const char *path, const char *what) {
    struct text message = {0};
    text_add(&message, "%s: %s: %s", path, what, strerror(errno));
    LOG(histories->writer.log, LOG_ERROR, "history_spool_unusable", log_text("message", message.bytes));
    text_finish(&message);
}

/* Whether files of ours are there. takes: what has an heir is taken in first, and what has none is told. */
static bool look_into(struct histories *histories, const char *folder, bool takes) {
    DIR *directory = opendir(folder);
    const struct dirent *entry;
    bool found = !directory && errno != ENOENT;
    if (!directory && takes)
        tell_unusable(histories, folder, "records may wait there, and it cannot be read");
    while (directory && takes && (entry = readdir(directory)))
        if (is_ours(histories, directory, entry->d_name))
            look_at(histories, folder, entry->d_name);
    if (directory)
        rewinddir(directory);
    while (directory && !found && (entry = readdir(directory)))
        found = is_ours(histories, directory, entry->d_name);
    if (directory)
        closedir(directory);
    return found;
}

/* Those where something is left; present: one that is listed in any case, as records may come to wait there.
 */
static void keep_list(struct histories *histories, const char *present) {
    struct folders kept = {0};
    if (present)
        folders_add(&kept, present);
    for (uint32_t i = 0; i < histories->folders.count; i++)
        if (look_into(histories, histories->folders.items[i], false))
            folders_add(&kept, histories->folders.items[i]);
    if (*histories->list_path.bytes && !folders_save(&kept, histories->list_path.bytes))
        tell_unusable(histories, histories->list_path.bytes, "the list of folders in which records may wait");
    folders_finish(&histories->folders);
    histories->folders = kept;
}

/* What is listed at a new place holds, too: a daemon of this file has left it there. */
static void follow_list(struct histories *histories, const char *list_path) {
    struct folders before = folders_load(list_path), present = {0};
    folders_add(&present, histories->directory);
    for (uint32_t i = 0; i < before.count; i++)
        folders_add(&histories->folders, before.items[i]);
    for (uint32_t i = 0; i < histories->folders.count; i++)
        if (present.count == 0 || strcmp(histories->folders.items[i], present.items[0]) != 0)
            look_into(histories, histories->folders.items[i], true);
    if (histories->list_path.bytes_count && strcmp(histories->list_path.bytes, list_path) != 0 &&
        !replace_with_nothing(histories->list_path.bytes))
        tell_unusable(histories, histories->list_path.bytes, "it cannot be removed");
    text_clear(&histories->list_path);
    text_add(&histories->list_path, "%s", list_path);
    keep_list(histories, histories->directory);
    folders_finish(&before);
    folders_finish(&present);
}

/* --- following --- */

static struct history *take_over(struct histories *histories, const struct pool_settings *pool) {
    const char *place = pool->place ? pool->place : "";
    struct history *found = NULL;
    struct text path = {0};
    add_path(histories, pool->name, place, &path);
    for (uint32_t i = 0; i < histories->count && !found; i++) {
        struct history *history = histories->items[i];
        if (!history || strcmp(history->pool, pool->name) != 0 || strcmp(history->place, place) != 0)
            continue;
        found = history;
        histories->items[i] = NULL;
        history_move(history, path.bytes);
    }
    if (!found)
        found = history_open(&histories->writer, pool->name, place, path.bytes);
    text_finish(&path);
    return found;
}

static void close_all(struct histories *histories) {
    for (uint32_t i = 0; i < histories->count; i++)
        history_close(histories->items[i]);
    free(histories->items);
    histories->items = NULL;
    histories->count = 0;
}

void histories_follow(struct histories *histories, const char *path, const char *list_path) {
    const struct core *core = histories->writer.core;
    struct history **items = calloc(core->pool_count + 1, sizeof *items);
    if (!items)
        abort();
    histories->directory = path;
    histories->writer.work_hash = taskset_work_hash(core->set);
    for (uint32_t i = 0; i < core->pool_count; i++) {
        if (!core->pools[i].settings->history)
            continue;
        items[i] = take_over(histories, core->pools[i].settings);
        items[i]->index = i;
    }
    close_all(histories);
    histories->items = items;
    histories->count = core->pool_count;
    look_into(histories, path, true);
    follow_list(histories, list_path);
}

void histories_close(struct histories *histories) {
    close_all(histories);
    if (histories->list_path.bytes)
        keep_list(histories, NULL);
    folders_finish(&histories->folders);
    text_finish(&histories->list_path);
    text_finish(&histories->writer.line);
}
