/*
 * How far a run with repeat = rows is; bites.h says how it goes on.
 */
#ifndef SCHEDULER_CORE_BITE_H
#define SCHEDULER_CORE_BITE_H

#include "scheduler/core/action.h"

struct bites {
    uint32_t count;        /* bites that are done. Between two the run waits, and is under way still */
    uint32_t failed_count; /* attempts that failed, of those */
    uint64_t row_count;
    int64_t gave_way_us;  /* its breaks, and what it waited after them */
    int64_t lateness_us;  /* of the first */
    enum skip_cause rest; /* no further one begins, for this cause: what is left is the next run's */
};

#endif
