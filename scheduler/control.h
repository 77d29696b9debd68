/*
 * The control socket: where `headgate status`, `pause`, `resume` and `trigger` ask, and the lock that keeps a
 * second daemon off the same file. One line in, an answer out, closed. Mode 0600.
 */
#ifndef SCHEDULER_CONTROL_H
#define SCHEDULER_CONTROL_H

#include <uv.h>

#include "tasks/taskset.h"
#include "tasks/text.h"

/* A request, with its newline. */
#define CONTROL_REQUEST_BYTES 4096

/* Puts the answer to one request line into `answer`. uid: of the asker, as the kernel says. */
typedef void control_handler(void *context, const char *request, uid_t uid, struct text *answer);

struct control;

/* The socket's path for a file: its own choice, or one derived from the file's real path. */
void control_path(const struct taskset *set, const char *ini_path, struct text *ret_path);

/* NULL when another daemon has it, or it cannot be made; then error says so. */
struct control *control_open(uv_loop_t *loop, const char *path, control_handler *handler, void *context,
                             struct text *error);

/* Closes the socket and what is connected to it, removes both files, gives up the lock. Accepts NULL. */
void control_close(struct control *control);

/* A client: sends the request and puts the whole answer into `answer`. Blocks. False with `error` filled. */
bool control_ask(const char *path, const char *request, struct text *answer, struct text *error);

#endif
