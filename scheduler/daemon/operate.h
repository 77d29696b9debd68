/*
 * What a person asks for over the control socket beside the dump: pause, resume, trigger. One line in
 *
 *     pause | resume | trigger  USER  TASK...
 *
 * and out "ok" or "no" on a line, then what is to be told. USER is who asked, as the asker's side says: only
 * root and the daemon's own user may connect, names are looked up in places that may block (LDAP), and behind
 * sudo only the asker knows. The log adds the uid that the kernel says.
 */
#ifndef SCHEDULER_DAEMON_OPERATE_H
#define SCHEDULER_DAEMON_OPERATE_H

#include "scheduler/daemon/state.h"

/* Reads what is paused; control_path: of the socket, beside which that may be kept. */
void operate_open(struct daemon *daemon, const char *control_path);

/* After a reload: the socket's path, and with it the place where it is kept, may be another. */
void operate_move(struct daemon *daemon, const char *control_path);

/* Tells the core what is paused of its present file. */
void operate_follow(struct daemon *daemon);

void operate_close(struct daemon *daemon);

/* False: this is none of its requests. uid: of the asker. */
bool operate(struct daemon *daemon, const char *request, uid_t uid, struct text *answer);

#endif
