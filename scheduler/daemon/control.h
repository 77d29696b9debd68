/*
 * Where `headgate status`, `pause`, `resume` and `trigger` ask. One line in, an answer out, closed. A daemon
 * listens on the lock of its ini file, which keeps a second one off the same file and is found whatever the
 * file says; and on a socket of mode 0600 in a folder, for who cannot see the lock (another network
 * namespace) and for scripts.
 */
#ifndef SCHEDULER_DAEMON_CONTROL_H
#define SCHEDULER_DAEMON_CONTROL_H

#include <uv.h>

#include "tasks/taskset.h"
#include "tasks/text.h"

/* A request, with its newline. */
#define CONTROL_REQUEST_BYTES 4096

/* Puts the answer to one request line into `answer`. uid: of the asker, as the kernel says. */
typedef void control_handler(void *context, const char *request, uid_t uid, struct text *answer);

struct control;

/* Listens on nothing yet. The ini file's path is borrowed. */
struct control *control_create(uv_loop_t *loop, const char *ini_path, control_handler *handler,
                               void *context);

/*
 * Takes the ini file's lock, by its present names. To be called at the start and at each reload. False with
 * `error`: a daemon has it; what was held is held still. True with `error`: it runs without a part of its
 * lock.
 */
bool control_lock(struct control *control, struct text *error) __attribute__((warn_unused_result));

/*
 * Listens at `path`, and no more where it did before. Does nothing if it does so already; a socket that was
 * deleted is made again. False with `error`: it listens where it did.
 */
bool control_listen(struct control *control, const char *path, struct text *error)
    __attribute__((warn_unused_result));

/* Closes all that listens and what is connected to it. Accepts NULL. */
void control_close(struct control *control);

#endif
