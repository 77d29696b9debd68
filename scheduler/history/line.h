/*
 * A record as the database takes it: one JSON object on one line.
 */
#ifndef SCHEDULER_HISTORY_LINE_H
#define SCHEDULER_HISTORY_LINE_H

#include "scheduler/core/action.h"
#include "tasks/text.h"

/*
 * Replaces the line. message: what the server or the command said of a failure; NULL or "": nothing.
 * released: of a task that comes after others, an object as JSON; or NULL. life: of the daemon whose record
 * it is.
 */
void line_compose(struct text *line, const struct record *record, const char *task, const char *message,
                  const char *released, const char *life);

#endif
