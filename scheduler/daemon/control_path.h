/*
 * Where a daemon's control socket is.
 */
#ifndef SCHEDULER_DAEMON_CONTROL_PATH_H
#define SCHEDULER_DAEMON_CONTROL_PATH_H

#include <stdbool.h>
#include <sys/un.h>

#include "tasks/taskset.h"
#include "tasks/text.h"

/* The socket's path for a file: its own choice, or one derived from the file's real path. */
void control_path(const struct taskset *set, const char *ini_path, struct text *ret_path);

/*
 * The folder of the default socket, which is in /run/headgate or else in one that this user alone may enter:
 * made if it is not there. False with `error` when something else is at its place.
 */
bool control_path_make_folder(const char *path, struct text *error);

/* False with `error`: the path is too long for a socket. */
bool control_path_address(const char *path, struct sockaddr_un *ret, struct text *error)
    __attribute__((warn_unused_result));

#endif
