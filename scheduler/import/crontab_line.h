/*
 * One line of a crontab, as cron cuts it: crontab(5).
 */
#ifndef SCHEDULER_IMPORT_CRONTAB_LINE_H
#define SCHEDULER_IMPORT_CRONTAB_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "tasks/arena.h"

/* A line that says when something runs. All are pieces of the line, which is cut for them. */
struct crontab_job {
    const char *schedule; /* @daily, or five fields with the blanks between them */
    const char *user;     /* NULL: it has none */
    const char *command;  /* as it stands, % and all */
};

/* has_user: as in a system's crontab. False: it is no such line, and is cut all the same. */
bool crontab_read_job(char *line, bool has_user, struct crontab_job *ret);

/* NAME = value: quotes around either go, and so do blanks around the whole. False: it is no such line, and
 * may be cut all the same. */
bool crontab_read_variable(char *line, const char **ret_name, const char **ret_value);

/*
 * What the shell gets: up to the first % that has no backslash before it. Lines of its input follow, each up
 * to the next one. Such a backslash goes. All in the arena.
 */
const char *crontab_split_input(struct arena *arena, const char *command, const char ***ret_lines,
                                size_t *ret_count);

#endif
