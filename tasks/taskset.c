#include "tasks/taskset.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/hash.h"
#include "tasks/suggest.h"

struct taskset *taskset_create(void) {
    struct taskset *set = calloc(1, sizeof *set);
    if (!set)
        abort();
    set->references = 1;
    return set;
}

struct taskset *taskset_ref(struct taskset *set) {
    set->references++;
    return set;
}

void taskset_unref(struct taskset *set) {
    if (!set)
        return;
    assert(set->references > 0);
    if (--set->references > 0)
        return;
    arena_finish(&set->arena);
    free(set);
}

static int named_compare(const void *a, const void *b) {
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

void taskset_seal(struct taskset *set) {
    set->by_name = arena_alloc(&set->arena, ((size_t)set->task_count + 1) * sizeof *set->by_name);
    for (uint32_t i = 0; i < set->task_count; i++)
        set->by_name[i] = (struct named){set->tasks[i].name, i};
    qsort(set->by_name, set->task_count, sizeof *set->by_name, named_compare);
    set->wakes = wakes_collect(set->tasks, set->task_count, &set->arena);
}

uint32_t taskset_find_task(const struct taskset *set, const char *name) {
    struct named key = {name, 0};
    assert(set->by_name);
    const struct named *found =
        bsearch(&key, set->by_name, set->task_count, sizeof *set->by_name, named_compare);
    return found ? found->index : TASKSET_NONE;
}

const char *taskset_nearest_task(const struct taskset *set, const char *name) {
    const char *near = NULL;
    for (uint32_t i = 0; i < set->task_count; i++)
        near = suggest_better(name, near, set->tasks[i].name);
    return near;
}

uint32_t taskset_find_pool(const struct taskset *set, const char *name) {
    for (uint32_t i = 0; i < set->pool_count; i++)
        if (strcmp(set->pools[i].name, name) == 0)
            return i;
    return TASKSET_NONE;
}

static int compare_groups(const void *a, const void *b) {
    return strcmp(((const struct group_settings *)a)->name, ((const struct group_settings *)b)->name);
}

void taskset_sort_groups(struct taskset *set) {
    if (set->group_count)
        qsort(set->groups, set->group_count, sizeof *set->groups, compare_groups);
}

uint32_t taskset_find_group(const struct taskset *set, const char *name) {
    struct group_settings key = {.name = name};
    const struct group_settings *found = NULL;
    if (set->group_count)
        found = bsearch(&key, set->groups, set->group_count, sizeof key, compare_groups);
    return found ? (uint32_t)(found - set->groups) : TASKSET_NONE;
}

void after_names(const struct after *after, struct text *text) {
    for (uint32_t i = 0; i < after->count; i++)
        text_add(text, "%s%s", i ? ", " : "", after->names[i]);
}

void after_words(const struct after *after, struct text *text) {
    static const char *const ends[] = {"ended ok", "failed", "ended"};
    bool one = after->any || after->count == 1;
    text_add(text, "when %s", after->any && after->count > 1 ? "one of " : "");
    after_names(after, text);
    text_add(text, " %s %s", one ? "has" : "have", ends[after->outcome]);
}

static bool same_words(char *const *a, char *const *b) {
    while (*a && *b && strcmp(*a, *b) == 0)
        a++, b++;
    return !*a && !*b;
}

static bool same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool task_same_work(const struct task *a, const struct task *b) {
    if (a->work != b->work || a->transaction != b->transaction || a->repeat != b->repeat ||
        !same_text(a->when, b->when))
        return false;
    switch (a->work) {
    case WORK_SQL: return strcmp(a->sql, b->sql) == 0;
    case WORK_COMMAND: return same_words(a->argv, b->argv);
    case WORK_STAGES:
        return same_words(a->argv, b->argv) && same_text(a->stages->read, b->stages->read) &&
               same_text(a->stages->write, b->stages->write);
    }
    return false;
}

static uint64_t hash_text(uint64_t hash, const char *text) {
    return hash_bytes(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* What falls due outside one daemon's window would be begun by another that has none. */
static uint64_t hash_window(uint64_t hash, const struct task *task) {
    const struct window *window = task->window;
    hash = hash_text(hash_bytes(hash, &task->outside, sizeof task->outside), zone_name(task->zone));
    for (uint32_t i = 0; i < window->stretch_count; i++) {
        const struct window_stretch *stretch = &window->stretches[i];
        int32_t numbers[] = {stretch->days, stretch->begin_min, stretch->end_min};
        hash = hash_bytes(hash, numbers, sizeof numbers);
    }
    for (uint32_t i = 0; i < window->except_count; i++) {
        const struct window_except *except = &window->excepts[i];
        int32_t numbers[] = {except->yearly, except->first, except->last};
        hash = hash_bytes(hash, numbers, sizeof numbers);
    }
    return hash;
}

static uint64_t task_work_hash(const struct task *task) {
    uint64_t hash = hash_text(hash_text(HASH_START, task->name), task->sql);
    hash = hash_bytes(hash, &task->schedule.kind, sizeof task->schedule.kind);
    hash = hash_bytes(hash, &task->schedule.every_us, sizeof task->schedule.every_us);
    hash = hash_bytes(hash, &task->schedule.phase_us, sizeof task->schedule.phase_us);
    if (task->schedule.kind == SCHEDULE_CALENDAR)
        hash = hash_text(hash_text(hash, task->schedule.text), zone_name(task->schedule.zone));
    for (uint32_t i = 0; task->after && i < task->after->count; i++)
        hash = hash_text(hash, task->after->names[i]);
    if (task->after)
        hash = hash_bytes(hash, &task->after->outcome, sizeof task->after->outcome) + task->after->any;
    for (char **word = task->argv; word && *word; word++)
        hash = hash_text(hash, *word);
    if (task->repeat)
        hash = hash_text(hash, "repeat");
    if (task->window)
        hash = hash_window(hash, task);
    for (uint32_t i = 0; task->wake && i < task->wake->channel_count; i++)
        hash = hash_text(hash, task->wake->channels[i]);
    if (task->stages)
        hash = hash_text(hash_text(hash, task->stages->read), task->stages->write);
    if (task->when)
        hash = hash_text(hash, task->when);
    return hash_finish(hash);
}

uint64_t taskset_work_hash(const struct taskset *set) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < set->task_count; i++)
        sum += task_work_hash(&set->tasks[i]);
    return sum;
}

void taskset_match(const struct taskset *from, const struct taskset *to, uint32_t *ret_from_of) {
    for (uint32_t i = 0; i < to->task_count; i++)
        ret_from_of[i] = taskset_find_task(from, to->tasks[i].name);
}
