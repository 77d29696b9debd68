#include "scheduler/core/held.h"

#include "scheduler/core/opening.h"

bool held_by_group(const struct core *core, const struct run *run) {
    return core->tasks[run->task].strand != INDEX_NONE && run->place.line != GROUP_CALLED;
}

/* The group comes last: nobody is to have a turn there that he cannot use. */
enum held_by held_by(const struct core *core, const struct run *run) {
    if (opening_keeps_out(core, run))
        return HELD_BY_WINDOW;
    if (run->comes_behind)
        return HELD_BY_OWN_RUN;
    return held_by_group(core, run) ? HELD_BY_GROUP : HELD_BY_NOTHING;
}
