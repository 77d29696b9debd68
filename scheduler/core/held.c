#include "scheduler/core/held.h"

#include "scheduler/core/opening.h"

enum held_by held_by(const struct core *core, const struct run *run) {
    if (opening_keeps_out(core, run))
        return HELD_BY_WINDOW;
    return run->comes_behind ? HELD_BY_OWN_RUN : HELD_BY_NOTHING;
}
