/*
 * Which tasks a person has paused, by name, since when and who: kept in a small file, so that a pause
 * outlives the daemon. Also of tasks that are not in the ini file at present: they come back paused.
 */
#ifndef SCHEDULER_DAEMON_PAUSES_H
#define SCHEDULER_DAEMON_PAUSES_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/core/pause.h"
#include "tasks/taskset.h"
#include "tasks/text.h"

struct pauses {
    struct pause *items;
    uint32_t count;
};

/*
 * Beside the control socket where the ini file says where that is; else in /var/lib/headgate, if that can be
 * written, because what is beside the default socket is gone after a reboot. "": there is no folder of ours
 * alone.
 */
void pauses_path(const struct taskset *set, const char *ini_path, struct text *ret_path);

/* What cannot be read is left out, and told in `complaint`. No file: no pauses. */
struct pauses pauses_load(const char *path, struct text *complaint);

/* In one piece, or not at all: then false, with `error` filled. Never over a file of somebody else. */
bool pauses_save(const struct pauses *pauses, const char *path, struct text *error)
    __attribute__((warn_unused_result));

/* NULL: not paused. Borrowed until the next change. */
const struct pause *pauses_find(const struct pauses *pauses, const char *task);
struct pauses pauses_copy(const struct pauses *pauses);
void pauses_add(struct pauses *pauses, const char *task, const char *by, struct wall since);
void pauses_remove(struct pauses *pauses, const char *task);
void pauses_finish(struct pauses *pauses);

/* Whether it can stand in the file as it is: a user's name. */
bool pauses_is_name(const char *by);

#endif
