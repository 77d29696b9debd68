/*
 * Who is at the other end of a local socket, as the kernel says, and whether that is somebody to believe: a
 * process that anybody may have started can sit on a name.
 */
#ifndef SCHEDULER_DAEMON_PEER_H
#define SCHEDULER_DAEMON_PEER_H

#include <stdbool.h>
#include <sys/types.h>

struct peer {
    int fd; /* borrowed: of the socket */
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

/* False: it cannot be told. */
bool peer_of(int fd, struct peer *ret) __attribute__((warn_unused_result));

/*
 * Root, we ourselves, or who owns the ini file, and so decides what its daemon does. Holds for both sides:
 * for whom a daemon does what it is asked, and whose answer a client believes.
 */
bool peer_is_trusted(const struct peer *peer, const char *ini_path);

/* It owns the folder of the socket, where nobody else may put one: who chose that folder meant this user. */
bool peer_owns_folder(const struct peer *peer, const char *socket_path);

/* Whoever may not read the ini file does not run it. By owner, groups and mode; also when there is no such
 * file. */
bool peer_may_read(const struct peer *peer, const char *ini_path);

#endif
