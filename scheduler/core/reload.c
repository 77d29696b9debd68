/*
 * The only place where the core's memory is made: for the first file, and for each one that replaces it.
 * Tasks and pools are matched by name; what is no longer in the file stays on, retired, while something of it
 * runs.
 */
#include "scheduler/core/reload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/core/chain_build.h"
#include "scheduler/core/clock.h"
#include "scheduler/core/core.h"
#include "scheduler/core/ended.h"
#include "scheduler/core/hearing.h"
#include "scheduler/core/group.h"
#include "scheduler/core/recording.h"
#include "scheduler/core/release.h"
#include "scheduler/core/run.h"
#include "scheduler/core/session.h"
#include "scheduler/core/wake.h"

static void *zeroed(size_t count, size_t bytes) {
    void *memory = calloc(count ? count : 1, bytes);
    if (!memory)
        abort();
    return memory;
}

/* A larger array with the first `used` items of the old one. */
static void *grown(void *old, size_t used, size_t count, size_t bytes) {
    void *larger = zeroed(count, bytes);
    if (used)
        memcpy(larger, old, used * bytes);
    free(old);
    return larger;
}

static void due_grow(struct due *due, uint32_t capacity) {
    struct due larger;
    due_init(&larger, capacity);
    for (uint32_t i = 0; i < due->count; i++)
        due_set(&larger, due->entries[i].id, due->entries[i].at);
    due_finish(due);
    *due = larger;
}

/* --- pools --- */

/* Old indexes to new ones, INDEX_NONE for what is dropped. */
struct moved {
    uint32_t *pools;
    uint32_t *tasks;
};

static bool is_same_connection(const struct pool_settings *a, const struct pool_settings *b) {
    return strcmp(a->conninfo, b->conninfo) == 0 && a->statement_timeout_us == b->statement_timeout_us;
}

/* Who logs in, and how, may change under what runs; the database may not. */
static bool is_same_place(const struct pool_settings *a, const struct pool_settings *b) {
    return !a->place || !b->place || strcmp(a->place, b->place) == 0;
}

static struct wakes wakes_before(const struct core_pool *pool) {
    if (!pool->set)
        return (struct wakes){0};
    return wakes_of_pool(pool->set->wakes, (uint32_t)(pool->settings - pool->set->pools));
}

static void pool_take_over(struct core *core, struct core_pool *pool, struct taskset *set, uint32_t index) {
    const struct pool_settings *settings = &set->pools[index];
    hearing_follow(core, pool, wakes_before(pool), wakes_of_pool(set->wakes, index));
    if (pool->settings && !is_same_connection(pool->settings, settings)) {
        pool_hears_no_more(core, pool);
        pool->conninfo_version++;
        pool->failing = false;
        pool->failure_count = 0;
        if (strcmp(pool->settings->conninfo, settings->conninfo) != 0) { /* another server, maybe */
            pool->gate = (struct gate){0};
            pool->tokens.leftover = 0;
            pool->recording = (struct recording){0};
            limit_init(&pool->gate.limit, settings->size);
        }
    } else if (pool->settings) {
        limit_resize(&pool->gate.limit, pool->settings->size, settings->size);
    } else {
        limit_init(&pool->gate.limit, settings->size);
    }
    struct taskset *before = pool->set;
    pool->set = taskset_ref(set);
    pool->settings = settings;
    pool->gate.pooler_waiting_count = 0; /* until the next answer, should there still be a pooler */
    pool->tokens.size = settings->size;
    pool->tokens.limit = pool->gate.limit.tokens;
    pool->retired = false;
    recording_begin(pool);
    taskset_unref(before);
}

static bool task_is_in_use(const struct core_task *task) {
    return task->running_count > 0 || task->waiting_count > 0 || task->passed_over.due.count > 0;
}

/* No session and no run of its own. */
static bool pool_is_quiet(const struct core_pool *pool) {
    struct tokens none = pool->tokens;
    none.leftover = none.ended = none.before = 0;
    return tokens_held(&none) == 0;
}

static bool pool_is_used(const struct core *core, uint32_t pool) {
    for (uint32_t i = 0; i < core->task_count; i++)
        if (core->tasks[i].pool == pool && task_is_in_use(&core->tasks[i]))
            return true;
    for (uint32_t i = 0; i < core->run_used; i++)
        if (core->runs[i].state != RUN_FREE && core->runs[i].pool == pool)
            return true;
    return !pool_is_quiet(&core->pools[pool]);
}

bool task_is_gone(const struct core_task *task) {
    return task->retired && !task_is_in_use(task);
}

bool pool_is_gone(const struct core *core, uint32_t pool) {
    const struct core_pool *own = &core->pools[pool];
    return own->retired && !pool_is_used(core, pool) && recording_is_settled(core, own);
}

static void reload_pools(struct core *core, struct taskset *set, struct moved *moved) {
    struct core_pool *pools = zeroed((size_t)set->pool_count + core->pool_count, sizeof *pools);
    uint32_t count = set->pool_count;
    for (uint32_t i = 0; i < set->pool_count; i++)
        pools[i].warm_newest = pools[i].warm_oldest = INDEX_NONE;
    for (uint32_t i = 0; i < core->pool_count; i++) {
        uint32_t to = taskset_find_pool(set, core->pools[i].settings->name);
        if (to != TASKSET_NONE && !is_same_place(core->pools[i].settings, &set->pools[to]))
            to = TASKSET_NONE; /* what it has begun ends where it began */
        moved->pools[i] = to;
        if (to == TASKSET_NONE && pool_is_used(core, i))
            moved->pools[i] = to = count++;
        if (to != TASKSET_NONE) {
            pools[to] = core->pools[i];
            pools[to].retired = true;    /* unless it is taken over below */
            if (to >= set->pool_count) { /* it works off what it has begun, and grows no more */
                limit_init(&pools[to].gate.limit, 1);
                pools[to].tokens.limit = 1;
                pools[to].tokens.leftover = 0; /* nobody looks there any more whether they are gone */
            }
        } else {
            queue_finish(&core->pools[i].queue);
            due_finish(&core->pools[i].sharing);
            taskset_unref(core->pools[i].set);
        }
    }
    for (uint32_t i = 0; i < set->pool_count; i++)
        pool_take_over(core, &pools[i], set, i);
    free(core->pools);
    core->pools = pools;
    core->pool_count = count;
}

/* --- tasks --- */

struct new_tasks {
    struct core_task *tasks;
    struct quantile *late, *took;
    struct due due;
    uint32_t count;
};

static void task_carry(const struct core *core, struct new_tasks *new, uint32_t from, uint32_t to) {
    new->tasks[to] = core->tasks[from];
    if (!core->tasks[from].stats.has_ended_run)
        return;
    new->late[to] = core->late[from];
    new->took[to] = core->took[from];
}

/* The old task of the same name: in the file before, or retired by an earlier one and still running. */
static uint32_t find_retired(const struct core *core, const struct moved *moved, const char *name) {
    for (uint32_t i = core->set ? core->set->task_count : 0; i < core->task_count; i++)
        if (moved->tasks[i] == INDEX_NONE && strcmp(core->tasks[i].definition->name, name) == 0)
            return i;
    return INDEX_NONE;
}

/* What was learned of another text says nothing of this one. */
static void forget_work(struct core_task *task, const struct task *definition) {
    task->trust = TRUST_GIVEN;
    task->protocol = PROTOCOL_UNKNOWN;
    task->seen_most = 0;
    for (int stage = 0; stage < STAGES; stage++)
        task->expected_us[stage] = stage_expect_us(definition, stage);
    task->failed_in_row = 0;
    task->held_until = (struct mono){0};
}

static void task_take_over(struct core *core, struct taskset *set, const struct moved *moved,
                           struct new_tasks *new, uint32_t index, uint32_t from) {
    struct core_task *task = &new->tasks[index];
    const struct task *definition = &set->tasks[index];
    if (from == INDEX_NONE)
        task->waiting_run = INDEX_NONE;
    else
        task_carry(core, new, from, index);
    if (from == INDEX_NONE || !task_same_work(task->definition, definition))
        forget_work(task, definition);
    if (from != INDEX_NONE && definition->enabled && due_has(&core->due, from) &&
        schedule_is_same(&core->tasks[from].definition->schedule, &definition->schedule))
        due_set(&new->due, index, core->due.entries[core->due.positions[from] - 1].at);
    if (from != INDEX_NONE && moved->pools[core->tasks[from].pool] != definition->pool)
        task->ended_units = 0;
    task->pool = definition->pool;
    task->definition = definition;
    task->retired = false;
    struct taskset *before = task->set;
    task->set = taskset_ref(set);
    taskset_unref(before);
}

static void retire_rest(struct core *core, struct new_tasks *new, struct moved *moved) {
    for (uint32_t i = 0; i < core->task_count; i++) {
        if (moved->tasks[i] != INDEX_NONE)
            continue;
        if (!task_is_in_use(&core->tasks[i])) {
            taskset_unref(core->tasks[i].set);
            continue;
        }
        moved->tasks[i] = new->count++;
        task_carry(core, new, i, moved->tasks[i]);
        new->tasks[moved->tasks[i]].pool = moved->pools[core->tasks[i].pool];
        new->tasks[moved->tasks[i]].retired = true;
    }
}

static void reload_tasks(struct core *core, struct taskset *set, struct moved *moved) {
    size_t most = (size_t)set->task_count + core->task_count;
    struct new_tasks new = {
        .tasks = zeroed(most, sizeof *new.tasks),
        .late = zeroed(most, sizeof *new.late),
        .took = zeroed(most, sizeof *new.took),
        .count = set->task_count,
    };
    uint32_t *from_of = zeroed(set->task_count, sizeof *from_of);
    due_init(&new.due, (uint32_t)most);
    due_finish(&core->wakes);
    due_init(&core->wakes, (uint32_t)most);
    memset(moved->tasks, 0xff, core->task_count * sizeof *moved->tasks); /* INDEX_NONE */
    if (core->set)
        taskset_match(core->set, set, from_of);
    for (uint32_t i = 0; i < set->task_count; i++) {
        uint32_t from = core->set ? from_of[i] : INDEX_NONE;
        if (from == INDEX_NONE)
            from = find_retired(core, moved, set->tasks[i].name);
        if (from != INDEX_NONE)
            moved->tasks[from] = i;
        task_take_over(core, set, moved, &new, i, from);
    }
    retire_rest(core, &new, moved);
    free(from_of);
    free(core->tasks);
    free(core->late);
    free(core->took);
    due_finish(&core->due);
    core->tasks = new.tasks;
    core->task_count = new.count;
    core->late = new.late;
    core->took = new.took;
    core->due = new.due;
}

static void arm_new(struct core *core) {
    for (uint32_t i = 0; core->armed && !core->draining && i < core->set->task_count; i++)
        if (core->tasks[i].definition->enabled && !due_has(&core->due, i))
            clock_arm(core, i);
}

static void wake_up(struct core *core, const struct taskset *before) {
    for (uint32_t i = 0; i < core->task_count; i++) {
        wake_arm(core, i);
        if (i < core->set->task_count)
            wake_follow(core, i, before);
    }
}

/* --- runs and sessions --- */

static uint32_t all_tokens(const struct core *core) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < core->pool_count; i++)
        sum += core->pools[i].tokens.size + 1; /* one more: the floor, while leftovers hold all */
    return sum;
}

/* At most two runs of a task wait, beside what waits again; one is half done, or more where they may overlap
 * and there is room; and at most so many are on each session. */
static void make_room(struct core *core, uint32_t children) {
    uint32_t runs = 3 * core->task_count + all_tokens(core) * SHARED_RUNS_MAX + children + core->begun_count;
    uint32_t sessions = all_tokens(core) + core->open_count;
    if (runs > core->run_capacity) {
        core->runs = grown(core->runs, core->run_used, runs, sizeof *core->runs);
        core->run_capacity = runs;
        due_grow(&core->run_deadlines, runs);
        due_grow(&core->unweighted, runs);
    }
    for (uint32_t i = 0; i < core->pool_count; i++)
        for (int line = 0; line < LINES; line++)
            due_grow(&core->pools[i].queue.lines[line], core->run_capacity);
    if (sessions > core->session_capacity) {
        core->sessions = grown(core->sessions, core->session_used, sessions, sizeof *core->sessions);
        core->session_capacity = sessions;
        due_grow(&core->session_deadlines, sessions);
    }
    for (uint32_t i = 0; i < core->pool_count; i++)
        due_grow(&core->pools[i].sharing, core->session_capacity);
}

static void rename_all(struct core *core, const struct moved *moved) {
    for (uint32_t i = 0; i < core->session_used; i++)
        if (core->sessions[i].state != CORE_SESSION_FREE) {
            struct core_session *session = &core->sessions[i];
            session->pool = moved->pools[session->pool];
            session->batch_task =
                session->batch_task == INDEX_NONE ? INDEX_NONE : moved->tasks[session->batch_task];
        }
    for (uint32_t i = 0; i < core->run_used; i++) {
        struct run *run = &core->runs[i];
        if (run->state == RUN_FREE)
            continue;
        run->task = moved->tasks[run->task];
        run->pool = moved->pools[run->pool];
        if (run_is_waiting(run->state) && !run->begun && !core->tasks[run->task].retired)
            run_redefine(core, i);
    }
}

/* Sessions that are connected as an earlier file said take no further runs. */
static void rest_left_behind(struct core *core) {
    for (uint32_t i = 0; i < core->session_used; i++)
        if (core->sessions[i].shared &&
            core->sessions[i].conninfo_version != core->pools[core->sessions[i].pool].conninfo_version)
            core_session_rest(core, i);
}

void core_reload(struct core *core, struct taskset *set, struct mono now, struct wall wall) {
    struct moved moved = {zeroed(core->pool_count, sizeof(uint32_t)),
                          zeroed(core->task_count, sizeof(uint32_t))};
    uint32_t old_count = core->task_count;
    core->now = core->wake = now;
    core->wall = wall;
    run_give_back_files(core);
    reload_pools(core, set, &moved);
    reload_tasks(core, set, &moved);
    make_room(core, set->daemon.children);
    rename_all(core, &moved);
    ended_recount(core);
    struct taskset *before = core->set;
    core->set = taskset_ref(set);
    chain_build(core, moved.tasks, old_count);
    group_rebuild(core);
    arm_new(core);
    for (uint32_t i = 0; i < core->run_used; i++)
        release_look_again(core, i);
    wake_up(core, before);
    taskset_unref(before);
    release_groups(core);
    rest_left_behind(core);
    core->sweep_run = core->sweep_session = core->sweep_task = 0;
    free(moved.pools);
    free(moved.tasks);
}

struct core *core_create(struct taskset *set, uint64_t seed, bool armed, struct mono now, struct wall wall) {
    struct core *core = zeroed(1, sizeof *core);
    core->seed = seed;
    core->armed = armed;
    core->run_free = core->session_free = core->unclean_first = INDEX_NONE;
    core_reload(core, set, now, wall);
    return core;
}

void core_destroy(struct core *core) {
    if (!core)
        return;
    for (uint32_t i = 0; i < core->run_used; i++)
        taskset_unref(core->runs[i].set);
    for (uint32_t i = 0; i < core->task_count; i++)
        taskset_unref(core->tasks[i].set);
    for (uint32_t i = 0; i < core->pool_count; i++) {
        queue_finish(&core->pools[i].queue);
        due_finish(&core->pools[i].sharing);
        taskset_unref(core->pools[i].set);
    }
    due_finish(&core->due);
    due_finish(&core->wakes);
    due_finish(&core->run_deadlines);
    due_finish(&core->session_deadlines);
    due_finish(&core->unweighted);
    run_give_back_files(core);
    chain_finish(core);
    group_finish(core);
    taskset_unref(core->set);
    free(core->pools);
    free(core->tasks);
    free(core->late);
    free(core->took);
    free(core->runs);
    free(core->sessions);
    free(core);
}
