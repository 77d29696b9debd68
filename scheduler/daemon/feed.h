/*
 * The way through the core: what happened goes in, and what it asks for is done.
 */
#ifndef SCHEDULER_DAEMON_FEED_H
#define SCHEDULER_DAEMON_FEED_H

#include "scheduler/daemon/inbox.h"

struct daemon;

/* With the instant of now. The message stays the caller's. */
void feed_message(struct daemon *daemon, struct message *message);

/* An event that points to nothing. */
void feed_event(struct daemon *daemon, const struct event *event);

/* Time has passed. */
void feed_tick(struct daemon *daemon);

#endif
