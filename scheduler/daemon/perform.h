/*
 * What the core asks for, done: sessions opened and closed, runs handed to them, children started. And the
 * other way: what an event means for the memory that its session or child has.
 */
#ifndef SCHEDULER_DAEMON_PERFORM_H
#define SCHEDULER_DAEMON_PERFORM_H

#include "scheduler/daemon/state.h"

/* failure: what was said of the event that led to the actions; NULL: nothing went wrong. */
void perform(struct daemon *daemon, const struct actions *actions, const struct failure *failure);

/* Before the core is told. */
void perform_news(struct daemon *daemon, const struct event *event, const struct failure *failure);

#endif
