/*
 * How much of what another scheduler has is in the page.
 */
#ifndef SCHEDULER_IMPORT_COUNT_H
#define SCHEDULER_IMPORT_COUNT_H

#include <stdint.h>

struct import_count {
    uint32_t task_count;
    uint32_t left_count; /* jobs that stand there as comments */
};

#endif
