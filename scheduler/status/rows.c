#include "scheduler/status/rows.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/core/clock.h"
#include "scheduler/core/gate.h"
#include "scheduler/core/grant.h"
#include "scheduler/core/group.h"
#include "scheduler/core/release.h"
#include "scheduler/core/reload.h"
#include "scheduler/core/state.h"

const char *task_state_name(enum task_state state) {
    static const char *const names[] = {
        [TASK_WAITING] = "waiting",   [TASK_RUNNING] = "running",   [TASK_ASKING] = "asking",
        [TASK_READING] = "reading",   [TASK_WORKING] = "working",   [TASK_WRITING] = "writing",
        [TASK_STOPPING] = "stopping", [TASK_PAUSED] = "paused",     [TASK_ON_HOLD] = "on hold",
        [TASK_IDLE] = "idle",         [TASK_DISABLED] = "disabled",
    };
    return names[state];
}

/* --- who waits and who runs --- */

/* INDEX_NONE throughout. */
static uint32_t *none_array(uint32_t count) {
    uint32_t *array = malloc(((size_t)count + 1) * sizeof *array);
    if (!array)
        abort();
    memset(array, 0xff, ((size_t)count + 1) * sizeof *array);
    return array;
}

static int compare_entries(const void *a, const void *b) {
    const struct due_entry *x = a, *y = b;
    return x->at != y->at ? (x->at > y->at) - (x->at < y->at) : (x->id > y->id) - (x->id < y->id);
}

/* Gives all that waits for one budget its place, whatever line of the queue it is in, and sums up what is
 * before it. */
static void number_places(struct status *status, const struct due *lines, int line_count) {
    uint32_t count = 0, at = 0;
    for (int i = 0; i < line_count; i++)
        count += lines[i].count;
    struct due_entry *order = malloc(((size_t)count + 1) * sizeof *order);
    if (!order)
        abort();
    for (int i = 0; i < line_count; i++) {
        if (lines[i].count)
            memcpy(order + at, lines[i].entries, lines[i].count * sizeof *order);
        at += lines[i].count;
    }
    qsort(order, count, sizeof *order, compare_entries);
    int64_t ahead_us = 0;
    for (uint32_t i = 0; i < count; i++) {
        status->place_of_run[order[i].id] = i + 1;
        status->ahead_of_run_us[order[i].id] = ahead_us;
        ahead_us += status->core->runs[order[i].id].expected_us;
    }
    free(order);
}

struct held {
    int64_t rank;
    uint64_t arrival;
    uint32_t run;
};

static int compare_held(const void *a, const void *b) {
    const struct held *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return (x->arrival > y->arrival) - (x->arrival < y->arrival);
}

/* Gives all that a group holds its place, whatever pool it is of. */
static void number_held(struct status *status, const struct core_group *group) {
    const struct core *core = status->core;
    uint32_t count = 0;
    struct held *order = malloc(((size_t)group_held_count(core, group) + 1) * sizeof *order);
    if (!order)
        abort();
    for (uint32_t i = group->strand_first; i < group->strand_first + group->strand_count; i++)
        for (int priority = PRIORITY_LOW; priority <= PRIORITY_HIGH; priority++)
            for (uint32_t run = core->groups.strands[i].held[priority].first; run != INDEX_NONE;
                 run = core->runs[run].place.next)
                order[count++] = (struct held){group_rank(core, run), core->runs[run].place.arrival, run};
    qsort(order, count, sizeof *order, compare_held);
    for (uint32_t i = 0; i < count; i++)
        status->place_of_run[order[i].run] = i + 1;
    free(order);
}

/* Keeps the run that started first. */
static void keep_longest(const struct core *core, uint32_t *kept, uint32_t run) {
    if (*kept == INDEX_NONE || core->runs[run].started.us < core->runs[*kept].started.us)
        *kept = run;
}

void status_init(struct status *status, const struct core *core, struct mono now,
                 const struct status_context *context) {
    *status = (struct status){.core = core,
                              .now = now,
                              .context = context,
                              .place_of_run = none_array(core->run_used),
                              .ahead_of_run_us = calloc((size_t)core->run_used + 1, sizeof(int64_t)),
                              .running_of_task = none_array(core->task_count),
                              .between_of_task = none_array(core->task_count),
                              .longest_of_pool = none_array(core->pool_count),
                              .name_width = 4};
    if (!status->ahead_of_run_us)
        abort();
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        bool runs = run_is_under_way(run->state);
        if (runs)
            keep_longest(core, &status->running_of_task[run->task], i);
        else if (run->begun)
            keep_longest(core, &status->between_of_task[run->task], i);
        if (runs && stage_tokens(run->definition, run->stage))
            keep_longest(core, &status->longest_of_pool[run->pool], i);
    }
    for (uint32_t i = 0; i < core->pool_count; i++)
        number_places(status, core->pools[i].queue.lines, LINES);
    number_places(status, &core->unweighted, 1);
    for (uint32_t i = 0; i < core->groups.count; i++)
        number_held(status, &core->groups.items[i]);
    for (uint32_t i = 0; i < core->task_count; i++) {
        if (task_is_gone(&core->tasks[i]))
            continue;
        int length = (int)strlen(core->tasks[i].definition->name);
        status->name_width = length > status->name_width ? length : status->name_width;
    }
}

void status_finish(struct status *status) {
    free(status->place_of_run);
    free(status->ahead_of_run_us);
    free(status->running_of_task);
    free(status->between_of_task);
    free(status->longest_of_pool);
    *status = (struct status){0};
}

static struct wall opens_at(const struct core *core, const struct core_task *task) {
    const struct task *definition = task->definition;
    return definition->window ? window_next_open(definition->window, definition->zone, core->wall)
                              : core->wall;
}

static struct decision why_waiting(const struct status *status, const struct run *run) {
    const struct core *core = status->core;
    if (core->draining && !run_is_half_done(run))
        return admission_wait(REASON_DRAIN, 0, 0);
    if (run->state == RUN_DELAYED && run->bites.count && run->attempts.failed_count == 0)
        return admission_wait(REASON_BREAK, 0, 0);
    if (run->state == RUN_DELAYED)
        return admission_wait(REASON_RETRY, run->attempts.failed_count, 0);
    if (run->held == HELD_BY_WINDOW)
        return admission_wait(REASON_WINDOW, opens_at(core, &core->tasks[run->task]).us,
                              us_add(core->wall.us, mono_since(run->window_at, core->now)));
    if (run->held == HELD_BY_OWN_RUN)
        return admission_wait(REASON_OWN_RUN, 0, 0);
    if (run->held == HELD_BY_GROUP) {
        const struct core_group *group =
            &core->groups.items[core->groups.strands[core->tasks[run->task].strand].group];
        return admission_wait(REASON_GROUP, release_turn_count(core, group), group->settings->limit);
    }
    if (stage_tokens(run->definition, run->stage) == 0)
        return admission_wait(REASON_CHILDREN, core->child_count, core->set->daemon.children);
    return grant_why(core, run->pool, queue_line(run->definition, run->stage, run->yielded));
}

uint32_t status_waiting_run(const struct status *status, uint32_t index) {
    uint32_t waiting = status->core->tasks[index].waiting_run;
    return waiting != INDEX_NONE ? waiting : status->between_of_task[index];
}

static enum task_state state_of_running(const struct run *run) {
    if (run->state == RUN_STOPPING)
        return TASK_STOPPING;
    switch (run->stage) {
    case STAGE_WHEN: return TASK_ASKING;
    case STAGE_READ: return TASK_READING;
    case STAGE_WORK: return TASK_WORKING;
    case STAGE_WRITE: return TASK_WRITING;
    default: return TASK_RUNNING;
    }
}

enum task_state status_task_state(const struct status *status, uint32_t index) {
    const struct core_task *task = &status->core->tasks[index];
    uint32_t running = status->running_of_task[index];
    if (status_waiting_run(status, index) != INDEX_NONE)
        return TASK_WAITING;
    if (running != INDEX_NONE)
        return state_of_running(&status->core->runs[running]);
    if (task->paused && task->definition->enabled && !task->retired)
        return TASK_PAUSED;
    if (due_has(&status->core->due, index) && clock_is_kept(status->core, index))
        return TASK_WAITING;
    if (status->now.us < task->held_until.us)
        return TASK_ON_HOLD;
    return task->definition->enabled && !task->retired ? TASK_IDLE : TASK_DISABLED;
}

/* What is under way and what is before the run, shared among the tokens in force. */
static int64_t guess_start(const struct status *status, uint32_t index, const struct decision *why) {
    const struct run *run = &status->core->runs[index];
    const struct core_pool *pool = &status->core->pools[run->pool];
    if (run->state != RUN_WAITING || (why->reason != REASON_TOKENS && why->reason != REASON_LIMIT &&
                                      why->reason != REASON_WEIGHT && why->reason != REASON_SHARING))
        return 0;
    struct crew crew = grant_crew(status->core, pool, INSTANT_MAX); /* as of the last step */
    return (crew.busy_us + status->ahead_of_run_us[index]) / gate_in_force(status->core, pool) -
           mono_since(status->now, status->core->now);
}

struct status_row status_row(const struct status *status, uint32_t index) {
    const struct core *core = status->core;
    const struct core_task *task = &core->tasks[index];
    struct status_row row = {
        .task = task,
        .state = status_task_state(status, index),
        .due = due_has(&core->due, index) ? task->due : (struct wall){0},
        .window_opens = opens_at(core, task),
        .late_p50_us = quantile_get(&core->late[index], 500),
        .late_p99_us = quantile_get(&core->late[index], 990),
        .took_p50_us = quantile_get(&core->took[index], 500),
        .took_p99_us = quantile_get(&core->took[index], 990),
    };
    row.window_closed = row.window_opens.us > core->wall.us;
    if (status->running_of_task[index] != INDEX_NONE) {
        row.running = &core->runs[status->running_of_task[index]];
        row.due = row.running->due_first;
    }
    uint32_t waiting = status_waiting_run(status, index);
    if (waiting != INDEX_NONE) {
        row.waiting = &core->runs[waiting];
        row.due = row.waiting->due_first;
        row.why = why_waiting(status, row.waiting);
        row.place = status->place_of_run[waiting] != INDEX_NONE ? status->place_of_run[waiting] : 1;
        row.starts_in_us = guess_start(status, waiting, &row.why);
    }
    return row;
}

int64_t status_rows_a_second(const struct status *status, const struct run *run) {
    int64_t rows = (int64_t)run->bites.row_count, us = mono_since(status->now, run->began);
    us = us > 0 ? us : 1;
    return rows < INT64_MAX / US_PER_S ? rows * US_PER_S / us : rows / (us / US_PER_S + 1);
}

int64_t status_gave_way_us(const struct status *status, const struct run *run) {
    bool gives_way = run->state == RUN_WAITING && run->attempts.failed_count == 0;
    return run->bites.gave_way_us + (gives_way ? mono_since(status->now, run->since) : 0);
}

const char *status_connect_error(const struct status *status, const struct core_pool *pool) {
    if (!pool->failing)
        return NULL;
    if (pool->failure == CONNECT_STANDBY) /* which has let us in */
        return connect_failure_advice(CONNECT_STANDBY, "");
    return status->context->connect_error_of
               ? status->context->connect_error_of(status->context->context, pool->settings->name)
               : NULL;
}

const char *status_listen_error(const struct status *status, const struct core_pool *pool) {
    return status->context->listen_error_of
               ? status->context->listen_error_of(status->context->context, pool->settings->name)
               : NULL;
}

const struct pause *status_pause(const struct status *status, const struct status_row *row) {
    if (!row->task->paused || !status->context->pause_of)
        return NULL;
    return status->context->pause_of(status->context->context, row->task->definition->name);
}

struct bookkeeping status_bookkeeping(const struct status *status, const struct core_pool *pool) {
    if (!status->context->bookkeeping_of)
        return (struct bookkeeping){.error = "", .shared = ""};
    return status->context->bookkeeping_of(status->context->context, (uint32_t)(pool - status->core->pools));
}
