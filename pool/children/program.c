#include "pool/children/program.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tasks/text.h"

/* A text has no NUL in its first line; what has, is a program of some format, or nothing that a shell could
 * run. */
static bool is_plain_text(int fd) {
    char begin[256];
    ssize_t got = pread(fd, begin, sizeof begin, 0);
    size_t count = got > 0 ? (size_t)got : 0;
    const char *newline = memchr(begin, '\n', count);
    size_t line = newline ? (size_t)(newline - begin) : count;
    bool has_interpreter = count >= 2 && begin[0] == '#' && begin[1] == '!';
    return got >= 0 && !has_interpreter && !memchr(begin, '\0', line) &&
           memcmp(begin, "\177ELF", count < 4 ? 0 : 4);
}

/* One that may be executed and can be read; -1: not here. */
static int open_program(const char *path) {
    struct stat stat;
    int fd = access(path, X_OK) == 0 ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
    if (fd < 0 || (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode)))
        return fd;
    close(fd);
    return -1;
}

static int open_in(const char *directory, const char *folder, size_t folder_bytes, const char *file) {
    struct text path = {0};
    if (!folder_bytes || *folder != '/')
        text_add(&path, "%s/", directory);
    text_add_bytes(&path, folder, folder_bytes);
    text_add(&path, "%s%s", folder_bytes ? "/" : "", file);
    int fd = open_program(path.bytes);
    text_finish(&path);
    return fd;
}

static int find(const char *file, const char *directory) {
    const char *path = getenv("PATH");
    if (*file == '/')
        return open_program(file);
    if (strchr(file, '/'))
        return open_in(directory, "", 0, file);
    for (const char *at = path ? path : "/bin:/usr/bin";; at++) {
        size_t bytes = strcspn(at, ":");
        int fd = open_in(directory, at, bytes, file);
        at += bytes;
        if (fd >= 0 || !*at)
            return fd;
    }
}

bool program_needs_shell(const char *file, const char *directory) {
    int fd = find(file, directory);
    bool needs = fd >= 0 && is_plain_text(fd);
    if (fd >= 0)
        close(fd);
    return needs;
}
