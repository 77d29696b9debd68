#include "scheduler/core/held.h"

enum held_by held_by(const struct core *core, const struct run *run) {
    (void)core;
    return run->comes_behind ? HELD_BY_OWN_RUN : HELD_BY_NOTHING;
}
