/*
 * A whole ini file, validated: what runs, until a reload replaces it.
 * Counted references, because a run that started under the old file finishes under it.
 */
#ifndef TASKS_TASKSET_H
#define TASKS_TASKSET_H

#include <stddef.h>

#include "tasks/arena.h"
#include "tasks/task.h"
#include "tasks/text.h"
#include "tasks/wake.h"

struct named {
    const char *name;
    uint32_t index;
};

struct taskset {
    struct arena arena; /* holds all below and every text they point to */
    struct daemon_settings daemon;
    struct pool_settings *pools;
    uint32_t pool_count;
    struct group_settings *groups; /* sorted by name */
    uint32_t group_count;
    struct task *tasks;
    uint32_t task_count;
    struct named *by_name; /* the tasks, sorted; NULL before it is sealed */
    struct wakes wakes;    /* which of them a channel wakes */
    uint32_t references;
};

#define TASKSET_NONE UINT32_MAX

/* Starts with one reference. */
struct taskset *taskset_create(void);
struct taskset *taskset_ref(struct taskset *set);
void taskset_unref(struct taskset *set);

/* To be called once all groups are in the set, before the first task: from then on they are found by name. */
void taskset_sort_groups(struct taskset *set);

/* To be called once all tasks are in the set and have their names: from then on they are found by name. */
void taskset_seal(struct taskset *set);

/* The index of the task, pool or group of that name, or TASKSET_NONE. */
uint32_t taskset_find_task(const struct taskset *set, const char *name);
uint32_t taskset_find_pool(const struct taskset *set, const char *name);
uint32_t taskset_find_group(const struct taskset *set, const char *name);

/* The name of the task that was probably meant by one that is not there; NULL: none is near. Borrowed from
 * the set. */
const char *taskset_nearest_task(const struct taskset *set, const char *name);

/* Adds the names, with ", " between them. */
void after_names(const struct after *after, struct text *text);

/* Adds when that is: "when import, prices have ended ok". */
void after_words(const struct after *after, struct text *text);

/* Whether two definitions of a task do the same: what was learned of one is true of the other. */
bool task_same_work(const struct task *a, const struct task *b);

/* A hash of the tasks' names, of when they are due and what they do: two files of the same tasks, in whatever
 * order, have the same. */
uint64_t taskset_work_hash(const struct taskset *set);

/* for each task of `to`: the index of the task of the same name in `from`, or TASKSET_NONE. O(n log n). */
void taskset_match(const struct taskset *from, const struct taskset *to, uint32_t *ret_from_of);

#endif
