/*
 * Who runs an ini file. The lock is a listening socket without a file, whose name comes from where the ini
 * file is and from nothing else: no folder has to be there, nothing can be deleted, and it is gone when its
 * daemon is. It holds whatever the file says, also when the file is replaced by another one of its name, and
 * between users.
 */
#ifndef SCHEDULER_DAEMON_FILELOCK_H
#define SCHEDULER_DAEMON_FILELOCK_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tasks/text.h"

struct filelock_name {
    struct sockaddr_un address;
    socklen_t bytes;
};

/* As it was named, and what the name leads to, if it is a link: the link may be turned to another file
 * meanwhile. */
#define FILELOCK_NAMES 2

/* How many there are. */
uint32_t filelock_names(const char *ini_path, struct filelock_name ret[static FILELOCK_NAMES]);

#define FILELOCK_HELD    (-1)
#define FILELOCK_FOREIGN (-2)

/*
 * A listening descriptor; or HELD with `error` filled: a daemon runs the file, or the system refuses.
 * FOREIGN, with `error` filled: somebody who may not read the file sits on its name, which is no reason not
 * to run it.
 */
int filelock_take(const struct filelock_name *name, const char *ini_path, struct text *error);

#endif
