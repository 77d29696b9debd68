/*
 * The clocks, read. Only the shell does: the core is told the instant with each event.
 */
#ifndef SCHEDULER_NOW_H
#define SCHEDULER_NOW_H

#include "tasks/instant.h"

struct mono now_mono(void); /* CLOCK_MONOTONIC, as libuv and the alarm have it */
struct wall now_wall(void);

#endif
