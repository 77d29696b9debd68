/*
 * What happened and has not been told to the core yet. Sessions and children report from within libuv's
 * callbacks and libpq's, where nothing may be done about it: a copy waits here for the loop's next turn.
 */
#ifndef SCHEDULER_DAEMON_INBOX_H
#define SCHEDULER_DAEMON_INBOX_H

#include "pool/report.h"
#include "scheduler/core/event.h"

/* An event and what was said with it that the core need not know. Owns what it points to. */
struct message {
    struct event event;
    struct failure *failure; /* NULL: nothing went wrong */
    char *answer;            /* of HISTORY; NULL: it failed */
};

struct inbox {
    struct message *items; /* in the order in which they came */
    uint32_t next, count, capacity;
};

/* A report_callback; the context is the inbox. */
void inbox_report(void *inbox, const struct report *report, const struct failure *failure);

/* An event that points to nothing. */
void inbox_add(struct inbox *inbox, const struct event *event);

bool inbox_is_empty(const struct inbox *inbox);

/* The oldest; finish it. False: there is none. More may be added while it is in hand. */
bool inbox_take(struct inbox *inbox, struct message *ret);
void message_finish(struct message *message);

void inbox_finish(struct inbox *inbox);

#endif
