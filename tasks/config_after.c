#include "tasks/config_after.h"

#include <string.h>

/* Members of a circle that are told: more is no help to a reader. */
#define MEMBERS_TOLD 8

/* --- the names --- */

static size_t item_length(const char *at) {
    size_t length = strcspn(at, ",");
    while (length && strchr(" \t\n", at[length - 1]))
        length--;
    return length;
}

static const char *next_item(const char *at) {
    at += strcspn(at, ",");
    return *at ? at + 1 : NULL;
}

static bool is_there(const char *const *names, uint32_t count, const char *name) {
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool take_name(struct faults *faults, const struct after *draft, const char *name, const char *own,
                      const char **names, uint32_t count) {
    const char *fault = !*name                   ? "after has an empty name; write names with commas between"
                        : strcmp(name, own) == 0 ? "after has the task's own name; leave it out"
                        : is_there(names, count, name) ? "after has a name twice; once is enough"
                                                       : NULL;
    if (fault)
        fault_add(faults, draft->line, "[task %s]: %s", own, fault);
    else
        names[count] = name;
    return !fault;
}

const struct after *config_after_read(struct taskset *set, struct faults *faults, const struct after *draft,
                                      const char *list, const char *name) {
    struct arena *arena = &set->arena;
    uint32_t most = 0, count = 0;
    for (const char *at = list; at; at = next_item(at))
        most++;
    if (most > AFTER_MOST) {
        fault_add(faults, draft->line,
                  "[task %s]: after has %u names; the limit is %d. A task between them can gather some", name,
                  most, AFTER_MOST);
        return NULL;
    }
    const char **names = arena_alloc(arena, most * sizeof *names);
    for (const char *at = list; at; at = next_item(at)) {
        at += strspn(at, " \t\n");
        count += take_name(faults, draft, arena_text(arena, at, item_length(at)), name, names, count);
    }
    struct after *after = arena_alloc(arena, sizeof *after);
    *after = *draft;
    after->names = names;
    after->count = count;
    return count == most ? after : NULL;
}

/* --- the tasks --- */

/* False: there is none of that name. */
static bool link_task(struct taskset *set, struct faults *faults, struct task *task) {
    struct after *after = arena_alloc(&set->arena, sizeof *after);
    uint32_t *tasks = arena_alloc(&set->arena, task->after->count * sizeof *tasks);
    bool found = true;
    *after = *task->after;
    for (uint32_t i = 0; i < after->count; i++) {
        const char *name = after->names[i];
        tasks[i] = taskset_find_task(set, name);
        if (tasks[i] != TASKSET_NONE)
            continue;
        bool is_told = faults->count < FAULTS_MAX; /* to look for a near one takes its time */
        const char *near = is_told ? taskset_nearest_task(set, name) : NULL;
        fault_add(faults, after->line, "[task %s] is after '%s', and there is no such task%s%s%s", task->name,
                  name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        found = false;
    }
    after->tasks = tasks;
    task->after = found ? after : NULL;
    return found;
}

/* --- circles: each task is walked to once, from followers to those before them --- */

enum colour { UNSEEN, ON_THE_WAY, SEEN };

struct walk {
    const struct taskset *set;
    unsigned char *colours;
    uint32_t *next;   /* of a task on the way: which of its predecessors is looked at next */
    uint32_t *behind; /* and the task that led to it */
};

/* `from` is after `to`, which is on the way. Told at the first line of its members. */
static void tell_circle(struct faults *faults, const struct walk *walk, uint32_t from, uint32_t to) {
    const struct task *tasks = walk->set->tasks;
    struct text members = {0};
    if (faults->count == FAULTS_MAX) { /* nobody reads it, and a circle may be long */
        fault_add(faults, 0, "after goes in a circle");
        return;
    }
    uint32_t line = tasks[to].after->line, count = 0;
    for (uint32_t at = from;; at = walk->behind[at]) {
        line = tasks[at].after->line < line ? tasks[at].after->line : line;
        if (count++ < MEMBERS_TOLD)
            text_add(&members, "%s%s (line %u)", count > 1 ? ", which comes before " : "", tasks[at].name,
                     tasks[at].after->line);
        if (at == to)
            break;
    }
    if (count > MEMBERS_TOLD)
        text_add(&members, " and %u more", count - MEMBERS_TOLD);
    fault_add(faults, line, "after goes in a circle: %s, which comes before %s; take one of them out",
              members.bytes, tasks[from].name);
    text_finish(&members);
}

static void walk_from(struct faults *faults, struct walk *walk, uint32_t start) {
    walk->colours[start] = ON_THE_WAY;
    walk->behind[start] = TASKSET_NONE;
    for (uint32_t at = start; at != TASKSET_NONE;) {
        const struct after *after = walk->set->tasks[at].after;
        if (!after || walk->next[at] == after->count) {
            walk->colours[at] = SEEN;
            at = walk->behind[at];
            continue;
        }
        uint32_t to = after->tasks[walk->next[at]++];
        if (walk->colours[to] == ON_THE_WAY)
            tell_circle(faults, walk, at, to);
        if (walk->colours[to] != UNSEEN)
            continue;
        walk->colours[to] = ON_THE_WAY;
        walk->behind[to] = at;
        at = to;
    }
}

static void look_for_circles(const struct taskset *set, struct faults *faults) {
    struct arena scratch = {0};
    size_t count = (size_t)set->task_count + 1;
    struct walk walk = {
        .set = set,
        .colours = arena_alloc(&scratch, count),
        .next = arena_alloc(&scratch, count * sizeof *walk.next),
        .behind = arena_alloc(&scratch, count * sizeof *walk.behind),
    };
    for (uint32_t i = 0; i < set->task_count; i++)
        if (walk.colours[i] == UNSEEN && set->tasks[i].after)
            walk_from(faults, &walk, i);
    arena_finish(&scratch);
}

void config_after_link(struct taskset *set, struct faults *faults) {
    bool some = false;
    for (uint32_t i = 0; i < set->task_count; i++)
        if (set->tasks[i].after)
            some |= link_task(set, faults, &set->tasks[i]);
    if (some)
        look_for_circles(set, faults);
}
