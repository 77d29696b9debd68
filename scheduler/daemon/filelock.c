#include "scheduler/daemon/filelock.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/daemon/peer.h"
#include "scheduler/path.h"
#include "tasks/hash.h"

#define WAITING_MOST 256 /* as many clients as a daemon serves at once: CLIENTS_MAX of control.c */

/* A second in all: a daemon that begins or ends has the name for a millisecond without listening on it. */
#define TRIES    20
#define PAUSE_MS 50

/* --- its names --- */

/* The filesystem is a part of the name: containers that share a network may have other files at the same
 * path.
 */
static void name_after(const char *path, struct filelock_name *ret) {
    char *folder = path_folder(path);
    struct stat found = {0};
    if (stat(folder, &found) != 0)
        found.st_dev = 0;
    free(folder);
    uint64_t hash = hash_bytes(HASH_START, (const char *)&found.st_dev, sizeof found.st_dev);
    hash = hash_finish(hash_bytes(hash, path, strlen(path)));
    *ret = (struct filelock_name){.address = {.sun_family = AF_UNIX}};
    int length =
        snprintf(ret->address.sun_path + 1, sizeof ret->address.sun_path - 1, "headgate-%016" PRIx64, hash);
    ret->bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

/* The file's folder without links, and its own name as it is: that may be a link. */
static void path_as_named(const char *ini_path, struct text *path) {
    char real[PATH_MAX], *folder = path_folder(ini_path), *name = text_copy(ini_path);
    const char *base = basename(name);
    if (realpath(folder, real))
        text_add(path, "%s/%s", strcmp(real, "/") == 0 ? "" : real, base);
    else
        text_add(path, "%s", ini_path);
    free(folder);
    free(name);
}

uint32_t filelock_names(const char *ini_path, struct filelock_name ret[static FILELOCK_NAMES]) {
    struct text named = {0};
    char real[PATH_MAX];
    uint32_t count = 1;
    path_as_named(ini_path, &named);
    name_after(named.bytes, &ret[0]);
    if (realpath(ini_path, real) && strcmp(real, named.bytes) != 0)
        name_after(real, &ret[count++]);
    text_finish(&named);
    return count;
}

/* --- taking one --- */

static int listen_at(const struct filelock_name *name) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&name->address, name->bytes) == 0 &&
        listen(fd, WAITING_MOST) == 0)
        return fd;
    int why = errno;
    if (fd >= 0)
        close(fd);
    errno = why;
    return -1;
}

enum holder { HOLDER_GONE, HOLDER_DAEMON, HOLDER_FOREIGN };

static enum holder find_holder(const struct filelock_name *name, const char *ini_path, struct text *error) {
    struct peer peer;
    enum holder holder = HOLDER_GONE;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&name->address, name->bytes) == 0 &&
        peer_of(fd, &peer)) {
        holder = peer_may_read(&peer, ini_path) ? HOLDER_DAEMON : HOLDER_FOREIGN;
        text_add(error,
                 holder == HOLDER_DAEMON
                     ? "a daemon with pid %d already runs this file (uid %u)"
                     : "the process %d of uid %u, who may not read this file, holds its lock",
                 (int)peer.pid, (unsigned)peer.uid);
    } else if (fd < 0 || errno == EAGAIN) { /* it listens, and more ask than it answers */
        holder = HOLDER_DAEMON;
        text_add(error, "a daemon that does not answer already runs this file");
    }
    if (fd >= 0)
        close(fd);
    return holder;
}

/* A name that nobody listens on belongs to a daemon that begins or ends, for a moment; after a second it is
 * no daemon's. */
int filelock_take(const struct filelock_name *name, const char *ini_path, struct text *error) {
    for (int attempt = 0; attempt < TRIES; attempt++) {
        int fd = listen_at(name);
        if (fd >= 0)
            return fd;
        if (errno != EADDRINUSE) {
            text_add(error, "cannot make the lock of this file: %s", strerror(errno));
            return FILELOCK_HELD;
        }
        enum holder holder = find_holder(name, ini_path, error);
        if (holder != HOLDER_GONE)
            return holder == HOLDER_DAEMON ? FILELOCK_HELD : FILELOCK_FOREIGN;
        poll(NULL, 0, PAUSE_MS);
    }
    text_add(error, "somebody holds the lock of this file and does not listen, which no daemon does");
    return FILELOCK_FOREIGN;
}
