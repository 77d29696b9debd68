#include "scheduler/status/group.h"

#include "scheduler/core/group.h"
#include "scheduler/core/release.h"
#include "tasks/duration.h"

static uint32_t called_count(const struct core *core, const struct core_group *group) {
    uint32_t count = 0;
    for (uint32_t i = group->strand_first; i < group->strand_first + group->strand_count; i++)
        count += core->groups.strands[i].called.count;
    return count;
}

uint32_t status_group_waiting(const struct status *status, const struct core_group *group) {
    return called_count(status->core, group) + group_held_count(status->core, group);
}

/* What is tried again has begun before, and was not under way all the time since. */
struct mono status_group_since(const struct run *run) {
    return run->attempts.failed_count ? run->started : run->began;
}

static uint32_t first_called(const struct core *core, const struct core_group *group) {
    uint32_t first = INDEX_NONE;
    for (uint32_t i = group->strand_first; i < group->strand_first + group->strand_count; i++) {
        uint32_t called = core->groups.strands[i].called.first;
        if (called != INDEX_NONE && (first == INDEX_NONE || group_is_before(core, called, first)))
            first = called;
    }
    return first;
}

void status_group_in_the_way(const struct status *status, const struct core_group *group, struct text *text) {
    const struct core *core = status->core;
    uint32_t busy = group->busy.first, called = first_called(core, group);
    if (busy != INDEX_NONE) {
        const struct run *run = &core->runs[busy];
        text_add(text, "%s runs for %s%s", run->definition->name,
                 DURATION_GLANCE(mono_since(status->now, status_group_since(run))),
                 group->busy.count > 1 ? ", the longest" : "");
    } else if (called != INDEX_NONE) {
        const struct run *run = &core->runs[called];
        text_add(text, "%s has its turn and waits for pool %s", run->definition->name,
                 core->pools[run->pool].settings->name);
    }
}

void status_group(const struct status *status, uint32_t index, struct text *text) {
    const struct core_group *group = &status->core->groups.items[index];
    uint32_t waiting = status_group_waiting(status, group);
    text_add(text, "group %-9s limit %u    running %u    waiting %u", group->settings->name,
             group->settings->limit, group->busy.count, waiting);
    if (waiting && release_turn_count(status->core, group)) {
        text_add(text, "    ");
        status_group_in_the_way(status, group, text);
    }
    text_add(text, "\n");
}
