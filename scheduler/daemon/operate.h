/*
 * What a person asks for over the control socket: the dump, or one line
 *
 *     pause | resume | trigger  USER  TASK...
 *
 * whose answer is "ok" or "no" on a line, then what is to be told. USER is who asked, as the asker's side
 * says: only root and the daemon's own user may connect, names are looked up in places that may block (LDAP),
 * and behind sudo only the asker knows. The log adds the uid that the kernel says.
 */
#ifndef SCHEDULER_DAEMON_OPERATE_H
#define SCHEDULER_DAEMON_OPERATE_H

#include "scheduler/daemon/state.h"

/* At the start: locks the daemon's file, listens, and reads what is paused. False with `error`. */
bool operate_open(struct daemon *daemon, struct text *error) __attribute__((warn_unused_result));

/* Locks the file by its present names, and listens where the set, which was read from it, says. False with
 * `error`: both are as they were. */
bool operate_listen(struct daemon *daemon, const struct taskset *set, struct text *error);

/* Once the daemon has gone over to a file: keeps what is paused where that says, and tells the core. */
void operate_follow(struct daemon *daemon);

/* What is paused; the socket is closed before. */
void operate_close(struct daemon *daemon);

/* False: this is none of pause, resume and trigger. uid: of the asker. */
bool operate(struct daemon *daemon, const char *request, uid_t uid, struct text *answer);

#endif
