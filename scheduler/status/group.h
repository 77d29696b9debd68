/*
 * What the dump says of a group: how many of its runs are under way and wait, and which is in the way.
 */
#ifndef SCHEDULER_STATUS_GROUP_H
#define SCHEDULER_STATUS_GROUP_H

#include "scheduler/status/rows.h"
#include "tasks/text.h"

/* Runs that wait for their turn in the group, or have it and wait for their pool. */
uint32_t status_group_waiting(const struct status *status, const struct core_group *group);

/* Since when a run of a group is under way. */
struct mono status_group_since(const struct run *run);

/* Who is in the way of those that the group holds: "monthly runs for 12s". Adds nothing where nobody is. */
void status_group_in_the_way(const struct status *status, const struct core_group *group, struct text *text);

/* Adds the line about one group. */
void status_group(const struct status *status, uint32_t group, struct text *text);

#endif
