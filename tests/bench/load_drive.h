/* The loop of a load: gives what arrives to the caller at its instant, and polls the pool's sessions. */
#ifndef BENCH_LOAD_DRIVE_H
#define BENCH_LOAD_DRIVE_H

#include "load_plan.h"
#include "load_pool.h"

struct load_drive {
    const struct plan *plan;
    struct load_pool *pool;
    int64_t give_up_us; /* what is under way then is left so */
    void *context;
    void (*arrive)(void *context, size_t arrival, int64_t now_us);
    /* Does what else is due, returns when to call again; INT64_MAX: nothing is under way. NULL: there is
     * nothing else. */
    int64_t (*other)(void *context, int64_t now_us);
};

/* Until all that arrived is over. */
void load_drive(const struct load_drive *drive);

#endif
