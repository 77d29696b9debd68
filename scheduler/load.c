#include "scheduler/load.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool/conninfo.h"
#include "tasks/config.h"

#define INI_BYTES_MAX ((size_t)256 * 1024 * 1024)

struct loading {
    const char *directory; /* of the ini file */
};

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

static const char *read_sql_file(void *context, const char *path, uint32_t line, struct arena *arena,
                                 struct faults *faults) {
    const struct loading *loading = context;
    struct text full = {0};
    struct stat stat;
    size_t bytes = 0;
    text_add(&full, "%s%s%s", *path == '/' ? "" : loading->directory, *path == '/' ? "" : "/", path);
    int fd = open_trusted(full.bytes, line, &stat, faults);
    char *content = fd >= 0 ? read_all(fd, SQL_BYTES_MAX, &bytes, full.bytes, line, faults) : NULL;
    const char *kept = NULL;
    if (content && memchr(content, '\0', bytes))
        fault_add(faults, line, "%s holds a NUL byte; this is not a text file", full.bytes);
    else if (content && strspn(content, " \t\r\n") == bytes)
        fault_add(faults, line, "%s is empty", full.bytes);
    else if (content)
        kept = arena_text(arena, content, bytes);
    if (fd >= 0)
        close(fd);
    free(content);
    text_finish(&full);
    return kept;
}

/* As libpq does for a private key: nobody else, but the group may read what root owns. */
static bool others_can_read(const struct stat *stat) {
    return stat->st_mode & (stat->st_uid == 0 ? S_IROTH : S_IROTH | S_IRGRP);
}

static void check_pool(const struct pool_settings *pool, const char *path, const struct stat *stat,
                       struct faults *faults) {
    struct conninfo conninfo = {0};
    char *error = NULL;
    if (!conninfo_resolve(pool->conninfo, &conninfo, &error))
        fault_add(faults, pool->conninfo_line, "conninfo of [pool %s]: %s", pool->name, error);
    free(error);
    conninfo_finish(&conninfo);
    if (others_can_read(stat) && conninfo_holds_secret(pool->conninfo))
        fault_add(faults, pool->conninfo_line,
                  "conninfo holds a password and others can read this file; chmod 600 %s, or use passfile",
                  path);
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
    char *copy = strdup(path);
    struct loading loading = {dirname(copy)};
    struct taskset *set = config_read(text, bytes, read_sql_file, &loading, faults);
    for (uint32_t i = 0; i < set->pool_count; i++)
        check_pool(&set->pools[i], path, &stat, faults);
    explicit_bzero(text, bytes);
    free(text);
    free(copy);
    return set;
}
