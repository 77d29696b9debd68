#include "scheduler/path.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tasks/text.h"

char *path_folder(const char *path) {
    char *cut = text_copy(path); /* dirname() writes into it, and may return another text */
    char *folder = text_copy(dirname(cut));
    free(cut);
    return folder;
}

int path_open_own(const char *path, int flags) {
    struct stat found;
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
    if (fd < 0 || (fstat(fd, &found) == 0 && S_ISREG(found.st_mode) &&
                   (found.st_uid == geteuid() || found.st_uid == 0)))
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}
