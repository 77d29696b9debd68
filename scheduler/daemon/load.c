#include "scheduler/daemon/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool/conninfo.h"
#include "scheduler/path.h"
#include "tasks/config.h"

/* A million short tasks are 80 MB: more is another file by mistake. */
#define INI_BYTES_MAX ((size_t)256 * 1024 * 1024)

/* The content, to free(), with a NUL behind it; NULL after a fault. */
static char *read_all(int fd, size_t most, size_t *ret_bytes, const char *path, uint32_t line,
                      struct faults *faults) {
    struct text text = {0};
    char chunk[65536];
    ssize_t got;
    while ((got = read(fd, chunk, sizeof chunk)) > 0 && text.bytes_count <= most)
        text_add_bytes(&text, chunk, (size_t)got);
    if (got < 0)
        fault_add(faults, line, "%s: %s", path, strerror(errno));
    else if (text.bytes_count > most)
        fault_add(faults, line, "%s is larger than %zu bytes", path, most);
    else {
        text_add_bytes(&text, "", 0);
        *ret_bytes = text.bytes_count;
        return text.bytes;
    }
    text_finish(&text);
    return NULL;
}

/* An open file that only its owner's side can change; -1 after a fault. */
static int open_trusted(const char *path, uint32_t line, struct stat *ret_stat, struct faults *faults) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, ret_stat) != 0)
        fault_add(faults, line, "%s cannot be read: %s", path, strerror(errno));
    else if (!S_ISREG(ret_stat->st_mode))
        fault_add(faults, line, "%s is not a file", path);
    else if (ret_stat->st_mode & S_IWOTH)
        fault_add(faults, line, "%s can be written by everybody, who could then run anything; chmod o-w %s",
                  path, path);
    else
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* context: the ini file's folder. */
static const char *read_sql_file(void *context, const char *path, uint32_t line, struct arena *arena,
                                 struct faults *faults) {
    const char *folder = context;
    struct text full = {0};
    struct stat stat;
    size_t bytes = 0;
    text_add(&full, "%s%s%s", *path == '/' ? "" : folder, *path == '/' ? "" : "/", path);
    int fd = open_trusted(full.bytes, line, &stat, faults);
    char *content = fd >= 0 ? read_all(fd, SQL_BYTES_MAX, &bytes, full.bytes, line, faults) : NULL;
    const char *kept = NULL;
    static const char mark[] = "\xEF\xBB\xBF"; /* an editor's, of UTF-8; psql passes over it, too */
    bool marked = bytes >= 3 && content && memcmp(content, mark, 3) == 0;
    const char *sql = marked ? content + 3 : content;
    bytes -= marked ? 3 : 0;
    if (content && memchr(sql, '\0', bytes))
        fault_add(faults, line, "%s holds a NUL byte; this is not a text file", full.bytes);
    else if (content && strspn(sql, " \t\r\n") == bytes)
        fault_add(faults, line, "%s is empty", full.bytes);
    else if (content)
        kept = arena_text(arena, sql, bytes);
    if (fd >= 0)
        close(fd);
    free(content);
    text_finish(&full);
    return kept;
}

/* The system's file of a time zone. Most names that do not exist are mistyped. */
static const struct zone *read_zone_file(void *context, const char *name, uint32_t line, struct arena *arena,
                                         struct faults *faults) {
    const char *folder = getenv("TZDIR");
    struct text path = {0}, wrong = {0};
    struct stat stat;
    size_t bytes = 0;
    const struct zone *zone = NULL;
    (void)context;
    text_add(&path, "%s/%s", folder && *folder ? folder : "/usr/share/zoneinfo", name);
    bool is_missing = access(path.bytes, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
    if (is_missing)
        fault_add(faults, line,
                  "zone = '%s': there is no file %s; zones are named as in the system's package tzdata, such "
                  "as Europe/Berlin",
                  name, path.bytes);
    int fd = is_missing ? -1 : open_trusted(path.bytes, line, &stat, faults);
    char *content = fd >= 0 ? read_all(fd, ZONE_FILE_BYTES_MAX, &bytes, path.bytes, line, faults) : NULL;
    if (content)
        zone = zone_parse(name, content, bytes, arena, &wrong);
    if (wrong.bytes)
        fault_add(faults, line, "zone = '%s': %s %s", name, path.bytes, wrong.bytes);
    if (fd >= 0)
        close(fd);
    free(content);
    text_finish(&path);
    text_finish(&wrong);
    return zone;
}

bool load_knows_zone(const char *name) {
    struct arena arena = {0};
    struct faults faults = {0};
    bool known = zone_is_name(name) && read_zone_file(NULL, name, 0, &arena, &faults);
    arena_finish(&arena);
    faults_finish(&faults);
    return known;
}

/* What libpq asks of a private key's file, too: nobody else may read it, but the group may where root owns
 * it. */
static bool others_can_read(const struct stat *stat) {
    return stat->st_mode & (stat->st_uid == 0 ? S_IROTH : S_IROTH | S_IRGRP);
}

/* The ini file, as far as a conninfo in it is concerned. */
struct ini {
    const char *path;
    bool others_can_read;
    struct faults *faults;
};

static void check_conninfo(const struct ini *ini, const char *pool, const char *key, const char *text,
                           uint32_t line, struct text *ret_place) {
    struct conninfo conninfo = {0};
    char *error = NULL;
    if (conninfo_resolve(text, &conninfo, &error))
        conninfo_place(&conninfo, ret_place);
    else
        fault_add(ini->faults, line, "%s of [pool %s]: %s", key, pool, error);
    free(error);
    conninfo_finish(&conninfo);
    if (ini->others_can_read && conninfo_holds_secret(text))
        fault_add(ini->faults, line,
                  "%s holds a password and others can read this file; chmod 600 %s, or use passfile", key,
                  ini->path);
}

static void check_pool(const struct ini *ini, struct taskset *set, struct pool_settings *pool) {
    struct text place = {0}, of_pooler = {0};
    check_conninfo(ini, pool->name, "conninfo", pool->conninfo, pool->conninfo_line, &place);
    if (*pool->pooler_conninfo)
        check_conninfo(ini, pool->name, "pooler_conninfo", pool->pooler_conninfo, pool->pooler_conninfo_line,
                       &of_pooler);
    if (place.bytes_count)
        pool->place = arena_text(&set->arena, place.bytes, place.bytes_count);
    text_finish(&place);
    text_finish(&of_pooler);
}

struct taskset *load_file(const char *path, struct faults *faults) {
    struct stat stat;
    size_t bytes = 0;
    int fd = open_trusted(path, 0, &stat, faults);
    char *text = fd >= 0 ? read_all(fd, INI_BYTES_MAX, &bytes, path, 0, faults) : NULL;
    if (fd >= 0)
        close(fd);
    if (!text)
        return NULL;
    char *folder = path_folder(path);
    const struct config_files files = {read_sql_file, read_zone_file, folder};
    struct taskset *set = config_read(text, bytes, &files, faults);
    config_name_service(set, path);
    struct ini ini = {path, others_can_read(&stat), faults};
    for (uint32_t i = 0; i < set->pool_count; i++)
        check_pool(&ini, set, &set->pools[i]);
    explicit_bzero(text, bytes);
    free(text);
    free(folder);
    return set;
}
