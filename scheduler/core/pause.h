/*
 * That a person has paused a task: a value.
 */
#ifndef SCHEDULER_CORE_PAUSE_H
#define SCHEDULER_CORE_PAUSE_H

#include "tasks/instant.h"

#define PAUSE_NAME_BYTES 65
#define PAUSE_BY_BYTES   33

struct pause {
    char task[PAUSE_NAME_BYTES];
    char by[PAUSE_BY_BYTES];
    struct wall since; /* whole seconds */
};

#endif
