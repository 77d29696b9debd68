#include "scheduler/core/release.h"

#include "scheduler/core/run.h"

/* Of several that come behind their task's other runs, the first; none while one that has its turn waits. */
static uint32_t first_behind(const struct core *core, uint32_t task) {
    uint32_t first = INDEX_NONE;
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        if (run->task != task || run->state == RUN_FREE)
            continue;
        if (!run->comes_behind)
            return INDEX_NONE;
        if (first == INDEX_NONE || run->number < core->runs[first].number)
            first = i;
    }
    return first;
}

void release_next_of(struct core *core, uint32_t task) {
    const struct core_task *own = &core->tasks[task];
    if (own->running_count > 0 || own->waiting_count == 0)
        return;
    bool one = own->waiting_count == 1 && own->waiting_run != INDEX_NONE;
    uint32_t next = one ? own->waiting_run : first_behind(core, task);
    if (next == INDEX_NONE || !core->runs[next].comes_behind)
        return;
    core->runs[next].comes_behind = false;
    run_move(core, next, RUN_WAITING);
}
