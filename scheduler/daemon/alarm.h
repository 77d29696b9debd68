/*
 * The loop's one timer: fires once at an instant of the monotonic clock, to the microsecond. libuv's own
 * timers count whole milliseconds, which was most of what a run was late by.
 */
#ifndef SCHEDULER_DAEMON_ALARM_H
#define SCHEDULER_DAEMON_ALARM_H

#include <stdbool.h>
#include <uv.h>

#include "tasks/instant.h"

struct alarm {
    uv_poll_t poll;
    int fd;
    int64_t set_us; /* INSTANT_MAX: not set */
    void (*ring)(void *context);
    void *context;
};

/* False when the system has no timer for us; errno says why. */
bool alarm_open(struct alarm *alarm, uv_loop_t *loop, void (*ring)(void *context), void *context);

/* Replaces what was set; an instant that has passed rings in the loop's next turn. INSTANT_MAX: never. */
void alarm_set(struct alarm *alarm, struct mono at);

void alarm_close(struct alarm *alarm);
bool alarm_is_closing(const struct alarm *alarm);

#endif
