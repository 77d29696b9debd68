#include "scheduler/core/group.h"

#include <stdlib.h>

#include "scheduler/core/queue.h"

/* --- lists through the runs --- */

static const struct run_list empty = {INDEX_NONE, INDEX_NONE, 0};

static void list_remove(struct core *core, struct run_list *list, uint32_t index) {
    struct group_place *place = &core->runs[index].place;
    if (place->before != INDEX_NONE)
        core->runs[place->before].place.next = place->next;
    else
        list->first = place->next;
    if (place->next != INDEX_NONE)
        core->runs[place->next].place.before = place->before;
    else
        list->last = place->before;
    list->count--;
}

/* before: the run that it comes behind; INDEX_NONE: it is the first. */
static void list_insert(struct core *core, struct run_list *list, uint32_t index, uint32_t before) {
    struct group_place *place = &core->runs[index].place;
    place->before = before;
    place->next = before != INDEX_NONE ? core->runs[before].place.next : list->first;
    if (before != INDEX_NONE)
        core->runs[before].place.next = index;
    else
        list->first = index;
    if (place->next != INDEX_NONE)
        core->runs[place->next].place.before = index;
    else
        list->last = index;
    list->count++;
}

/* --- who comes first --- */

/* It has not begun, or that does not matter: the present one. */
static const struct task *definition_of(const struct core *core, uint32_t run) {
    return core->tasks[core->runs[run].task].definition;
}

int64_t group_rank(const struct core *core, uint32_t run) {
    return core->runs[run].place.since.us - queue_head_start_us(definition_of(core, run));
}

bool group_is_before(const struct core *core, uint32_t a, uint32_t b) {
    int64_t rank_a = group_rank(core, a), rank_b = group_rank(core, b);
    return rank_a != rank_b ? rank_a < rank_b : core->runs[a].place.arrival < core->runs[b].place.arrival;
}

uint32_t group_first_held(const struct core *core, const struct strand *strand) {
    uint32_t first = INDEX_NONE;
    for (int priority = PRIORITY_LOW; priority <= PRIORITY_HIGH; priority++) {
        uint32_t head = strand->held[priority].first;
        if (head != INDEX_NONE && (first == INDEX_NONE || group_is_before(core, head, first)))
            first = head;
    }
    return first;
}

uint32_t group_held_count(const struct core *core, const struct core_group *group) {
    uint32_t count = 0;
    for (uint32_t i = group->strand_first; i < group->strand_first + group->strand_count; i++)
        for (int priority = PRIORITY_LOW; priority <= PRIORITY_HIGH; priority++)
            count += core->groups.strands[i].held[priority].count;
    return count;
}

/* --- the place of a run --- */

static struct run_list *list_of(struct core *core, uint32_t index, enum group_line line) {
    struct strand *strand = &core->groups.strands[core->tasks[core->runs[index].task].strand];
    switch (line) {
    case GROUP_NONE: return NULL;
    case GROUP_HELD: return &strand->held[definition_of(core, index)->priority];
    case GROUP_CALLED: return &strand->called;
    case GROUP_BUSY: return &core->groups.items[strand->group].busy;
    }
    return NULL;
}

static void unsettle(struct core *core, uint32_t index) {
    struct core_group *group = &core->groups.items[index];
    if (group->unsettled)
        return;
    group->unsettled = true;
    group->next_unsettled = core->groups.unsettled;
    core->groups.unsettled = index;
}

static void come(struct core *core, struct group_place *place) {
    place->since = core->now;
    place->arrival = ++core->groups.arrival_count;
}

/* Behind whom a run stands that is sent back: all that are held came later, but for a few that were sent back
 * while its guard was asked or its claim was made. */
static uint32_t place_of_sent_back(const struct core *core, const struct run_list *list, uint32_t index) {
    uint32_t before = INDEX_NONE;
    for (uint32_t run = list->first; run != INDEX_NONE && group_is_before(core, run, index);
         run = core->runs[run].place.next)
        before = run;
    return before;
}

static void enter(struct core *core, uint32_t index, enum group_line line) {
    struct group_place *place = &core->runs[index].place;
    struct run_list *list = list_of(core, index, line);
    uint32_t before = list ? list->last : INDEX_NONE;
    if (line == GROUP_HELD && place->line == GROUP_CALLED)
        before = place_of_sent_back(core, list, index);
    else if (line == GROUP_HELD || (line == GROUP_CALLED && place->line == GROUP_NONE))
        come(core, place);
    while (line == GROUP_CALLED && before != INDEX_NONE && group_is_before(core, index, before))
        before = core->runs[before].place.before;
    if (list)
        list_insert(core, list, index, before);
    place->line = line;
}

static void place_in(struct core *core, uint32_t index, enum group_line line) {
    struct group_place *place = &core->runs[index].place;
    if (place->line == line)
        return;
    if (place->line != GROUP_NONE)
        list_remove(core, list_of(core, index, place->line), index);
    enter(core, index, line);
    unsettle(core, core->groups.strands[core->tasks[core->runs[index].task].strand].group);
}

static enum group_line line_of(const struct run *run) {
    if (run->begun && !run_is_between_bites(run))
        return GROUP_BUSY;
    if (run->held == HELD_BY_GROUP)
        return GROUP_HELD;
    return run->state == RUN_WAITING ? GROUP_CALLED : GROUP_NONE;
}

void group_follow(struct core *core, uint32_t run) {
    place_in(core, run, line_of(&core->runs[run]));
}

void group_call(struct core *core, uint32_t run) {
    place_in(core, run, GROUP_CALLED);
}

void group_hold(struct core *core, uint32_t run) {
    place_in(core, run, GROUP_HELD);
}

void group_follow_pool(struct core *core, uint32_t pool) {
    for (uint32_t i = 0; i < core->groups.strand_count; i++)
        if (core->groups.strands[i].pool == pool)
            unsettle(core, core->groups.strands[i].group);
}

/* --- after a reload --- */

static void *zeroed(size_t count, size_t bytes) {
    void *memory = calloc(count ? count : 1, bytes);
    if (!memory)
        abort();
    return memory;
}

/* In the file that counts now: by name, where the task is of an earlier one. */
static uint32_t group_of(const struct core *core, const struct core_task *task) {
    uint32_t group = task->definition->group;
    if (group == TASKSET_NONE || task->set == core->set)
        return group;
    return taskset_find_group(core->set, task->set->groups[group].name);
}

static uint32_t tokens_of(const struct task *task) {
    enum stage first = stage_first(task);
    uint32_t tokens = stage_tokens(task, first);
    return tokens && queue_line(task, first, false) == LINE_HEAVY ? tokens : 0;
}

/* A task that is in a group, and the strand that it belongs to. */
struct member {
    uint32_t group, pool, tokens, task;
};

static int compare_members(const void *a, const void *b) {
    const struct member *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->pool != y->pool)
        return x->pool < y->pool ? -1 : 1;
    if (x->tokens != y->tokens)
        return x->tokens < y->tokens ? -1 : 1;
    return (x->task > y->task) - (x->task < y->task);
}

static uint32_t list_members(const struct core *core, struct member *members) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < core->task_count; i++) {
        const struct core_task *task = &core->tasks[i];
        uint32_t group = group_of(core, task);
        if (group != TASKSET_NONE)
            members[count++] = (struct member){group, task->pool, tokens_of(task->definition), i};
    }
    qsort(members, count, sizeof *members, compare_members);
    return count;
}

static struct strand *add_strand(struct core *core, const struct member *member) {
    struct core_group *group = &core->groups.items[member->group];
    struct strand *strand = &core->groups.strands[core->groups.strand_count];
    *strand = (struct strand){
        .group = member->group, .pool = member->pool, .tokens = member->tokens, .called = empty};
    for (int priority = PRIORITY_LOW; priority <= PRIORITY_HIGH; priority++)
        strand->held[priority] = empty;
    if (group->strand_count++ == 0)
        group->strand_first = core->groups.strand_count;
    core->groups.strand_count++;
    return strand;
}

static void make_strands(struct core *core) {
    struct member *members = zeroed(core->task_count, sizeof *members);
    uint32_t count = list_members(core, members);
    struct strand *last = NULL;
    core->groups.strands = zeroed(count, sizeof *core->groups.strands);
    for (uint32_t i = 0; i < count; i++) {
        const struct member *member = &members[i];
        if (!last || last->group != member->group || last->pool != member->pool ||
            last->tokens != member->tokens)
            last = add_strand(core, member);
        core->tasks[member->task].strand = (uint32_t)(last - core->groups.strands);
    }
    free(members);
}

struct standing {
    int64_t at;
    uint64_t arrival;
    uint32_t run;
};

static int compare_standings(const void *a, const void *b) {
    const struct standing *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (x->arrival > y->arrival) - (x->arrival < y->arrival);
}

/* All runs into their lines, in the order in which they stood: who had his turn stands before those who came
 * later, and is to be held until he is called again. */
static void line_up(struct core *core) {
    struct standing *standings = zeroed(core->run_used, sizeof *standings);
    uint32_t count = 0;
    for (uint32_t i = 0; i < core->run_used; i++) {
        struct run *run = &core->runs[i];
        if (run->state == RUN_FREE)
            continue;
        if (run->place.line == GROUP_NONE)
            come(core, &run->place);
        run->place.line = GROUP_NONE;
        if (core->tasks[run->task].strand == INDEX_NONE)
            continue;
        int64_t at = run->begun && !run_is_between_bites(run) ? run->began.us : group_rank(core, i);
        standings[count++] = (struct standing){at, run->place.arrival, i};
    }
    qsort(standings, count, sizeof *standings, compare_standings);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t run = standings[i].run;
        enum group_line line = line_of(&core->runs[run]);
        line = line == GROUP_CALLED ? GROUP_HELD : line;
        struct run_list *list = list_of(core, run, line);
        if (list)
            list_insert(core, list, run, list->last);
        core->runs[run].place.line = line;
    }
    free(standings);
}

void group_finish(struct core *core) {
    free(core->groups.items);
    free(core->groups.strands);
    core->groups.items = NULL;
    core->groups.strands = NULL;
    core->groups.count = core->groups.strand_count = 0;
    core->groups.unsettled = INDEX_NONE;
}

void group_rebuild(struct core *core) {
    bool had_groups = core->groups.count > 0;
    group_finish(core);
    core->groups.count = core->set->group_count;
    core->groups.items = zeroed(core->groups.count, sizeof *core->groups.items);
    for (uint32_t i = 0; i < core->task_count; i++)
        core->tasks[i].strand = INDEX_NONE;
    for (uint32_t i = 0; i < core->groups.count; i++)
        core->groups.items[i] = (struct core_group){.settings = &core->set->groups[i], .busy = empty};
    if (core->groups.count)
        make_strands(core);
    if (had_groups || core->groups.count)
        line_up(core);
    for (uint32_t i = 0; i < core->groups.count; i++)
        unsettle(core, i);
}
