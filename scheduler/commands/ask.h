/*
 * The asking side of the control protocol (scheduler/daemon/control.h): for the commands that talk to a
 * running daemon. Any process of any user may sit on a socket's name, so an answer is believed for who gives
 * it, and taken within bounds.
 */
#ifndef SCHEDULER_COMMANDS_ASK_H
#define SCHEDULER_COMMANDS_ASK_H

#include "tasks/taskset.h"
#include "tasks/text.h"

/*
 * Finds the daemon of the ini file, of which the set was read, sends the request and puts the whole answer
 * into `answer`. Blocks, for half a minute at most. False with `error` filled.
 */
bool ask_daemon(const struct taskset *set, const char *ini_path, const char *request, struct text *answer,
                struct text *error) __attribute__((warn_unused_result));

/* Likewise; reads the file first, whose faults do not matter: what the daemon runs may be older. */
bool ask_daemon_of(const char *ini_path, const char *request, struct text *answer, struct text *error)
    __attribute__((warn_unused_result));

#endif
