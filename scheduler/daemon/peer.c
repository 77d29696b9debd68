#include "scheduler/daemon/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/path.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

#define GROUPS_MOST 65536 /* NGROUPS_MAX */
/* Whom a user namespace does not know: that may be anybody, and two of them need not be one. */
#define UID_NONE 65534

bool peer_of(int fd, struct peer *ret) {
    struct ucred found;
    socklen_t bytes = sizeof found;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &found, &bytes) != 0 || found.uid == (uid_t)-1)
        return false;
    *ret = (struct peer){fd, found.pid, found.uid, found.gid};
    return true;
}

bool peer_is_trusted(const struct peer *peer, const char *ini_path) {
    struct stat ini;
    return peer->uid == 0 || peer->uid == geteuid() ||
           (stat(ini_path, &ini) == 0 && ini.st_uid == peer->uid && peer->uid != UID_NONE);
}

bool peer_owns_folder(const struct peer *peer, const char *socket_path) {
    struct stat found;
    char *folder = path_folder(socket_path);
    bool owns = stat(folder, &found) == 0 && found.st_uid == peer->uid && peer->uid != UID_NONE &&
                (found.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    free(folder);
    return owns;
}

static bool is_in_group(const struct peer *peer, gid_t group) {
    socklen_t bytes = GROUPS_MOST * sizeof(gid_t);
    gid_t *groups = malloc(bytes);
    if (!groups)
        abort();
    bool found = peer->gid == group;
    if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) == 0)
        for (size_t i = 0; i < bytes / sizeof *groups; i++)
            found |= groups[i] == group;
    free(groups);
    return found;
}

bool peer_may_read(const struct peer *peer, const char *ini_path) {
    struct stat ini;
    if (peer->uid == 0 || peer->uid == geteuid() || stat(ini_path, &ini) != 0)
        return true;
    if (peer->uid == ini.st_uid)
        return true;
    return ini.st_mode & (is_in_group(peer, ini.st_gid) ? S_IRGRP : S_IROTH);
}
