#include "scheduler/status/after.h"

#include "scheduler/core/chain.h"
#include "scheduler/status/clock.h"
#include "tasks/duration.h"

/* More than so many are counted. */
#define TOLD_MOST 3

static void note_predecessor(const struct status *status, uint32_t index, struct text *text) {
    const struct core *core = status->core;
    const struct core_task *task = &core->tasks[index];
    enum task_state state = status_task_state(status, index);
    uint32_t running = status->running_of_task[index];
    text_add(text, "%s: ", task->definition->name);
    if (running != INDEX_NONE) {
        text_add(text, "%s for %s", task_state_name(state == TASK_WAITING ? TASK_RUNNING : state),
                 DURATION_GLANCE(mono_since(status->now, core->runs[running].started)));
    } else if (state != TASK_IDLE) {
        text_add(text, "%s", task_state_name(state));
    } else if (due_has(&core->due, index)) {
        text_add(text, "due ");
        status_clock(status, task->due, text);
    } else {
        text_add(text, task->definition->after ? "after others itself" : "runs when it is triggered");
    }
}

static const struct link *links_of(const struct status *status, uint32_t task, uint32_t *ret_count) {
    const struct core *core = status->core;
    *ret_count = core->link_count ? core->chains[task].link_count : 0;
    return *ret_count ? &core->links[core->chains[task].link_first] : NULL;
}

uint32_t status_after_missing(const struct status *status, uint32_t task) {
    uint32_t count, missing = 0;
    const struct link *links = links_of(status, task, &count);
    for (uint32_t i = 0; i < count; i++)
        missing += !link_is_fresh(status->core, &links[i]);
    return missing;
}

void status_after(const struct status *status, uint32_t task, struct text *text) {
    uint32_t count, told = 0;
    const struct link *links = links_of(status, task, &count);
    uint32_t missing = status_after_missing(status, task);
    bool any = status->core->tasks[task].definition->after->any;
    if (missing == 0 || (any && missing < count)) { /* else a run of it would be there */
        text_add(text, "due: its history is read first");
        return;
    }
    for (uint32_t i = 0; i < count && told < TOLD_MOST; i++) {
        if (link_is_fresh(status->core, &links[i]))
            continue;
        text_add(text, "%s", told++ ? any ? ", or " : ", " : any && missing > 1 ? "after any of " : "after ");
        note_predecessor(status, links[i].predecessor, text);
    }
    if (missing > told)
        text_add(text, ", and %u more", missing - told);
}
