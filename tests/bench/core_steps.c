/*
 * What a decision costs, by the number of tasks: the shipping core in virtual time, fed with what a daemon would
 * tell it, a thousand runs due a second whatever the number of tasks. Prints a row of the bench's table for each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "scheduler/core/core.h"
#include "scheduler/core/state.h"
#include "tasks/config.h"

#define RUNS_PER_S 1000
#define STEPS      2000000

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* About as often as the tasks of an interval: every task_count / RUNS_PER_S seconds. */
static void add_calendar(struct text *ini, uint32_t task_count, uint32_t i) {
    if (task_count <= 1000)
        text_add(ini, "cron = * * * * * *\n");
    else if (task_count <= 10000)
        text_add(ini, "cron = %u-59/10 * * * * *\n", i % 10);
    else if (task_count <= 100000)
        text_add(ini, "cron = %u %u-59/2 * * * *\n", i % 60, i / 60 % 2);
    else
        text_add(ini, "cron = %u %u-59/15 * * * *\n", i % 60, i / 60 % 15);
}

static struct core *core_of(uint32_t task_count, bool calendars) {
    struct text ini = {0};
    struct faults faults = {0};
    text_add(&ini, "[pool p]\nsize = 8\n");
    int64_t every_ms = (int64_t)task_count * 1000 / RUNS_PER_S;
    for (uint32_t i = 0; i < task_count; i++) {
        text_add(&ini, "[task t%u]\nsql = x\n", i);
        if (calendars && i % 2)
            add_calendar(&ini, task_count, i / 2);
        else
            text_add(&ini, "every = %" PRId64 "ms\n", every_ms);
    }
    struct taskset *set = config_read(ini.bytes, ini.bytes_count, NULL, &faults);
    if (faults.count)
        abort();
    text_finish(&ini);
    struct core *core = core_create(set, 1, true, (struct mono){0}, (struct wall){INT64_C(1800000000) * US_PER_S});
    taskset_unref(set);
    return core;
}

/* What the daemon would have to tell next; a ring that never holds more than the core's sessions and runs. */
struct pending {
    struct event events[1024];
    uint32_t first, count;
};

static void tell(struct pending *pending, struct event event) {
    if (pending->count == 1024)
        abort();
    pending->events[(pending->first + pending->count++) % 1024] = event;
}

static const struct sample sample = {
    .known = true, .core_count = 2, .round_trip_us = 500,
    .scopes = {{97, 0, 0}, {SLOTS_UNLIMITED, 0, 0}, {SLOTS_UNLIMITED, 0, 0}}};

static void carry_out(struct pending *pending, const struct action *action) {
    struct event event = {.session = action->session, .run = action->run};
    switch (action->kind) {
    case ACTION_OPEN: event.kind = EVENT_SESSION_OPENED; break;
    case ACTION_CLOSE: event.kind = EVENT_SESSION_GONE; break;
    case ACTION_SAMPLE:
        event.kind = EVENT_SAMPLED;
        event.sample = &sample;
        break;
    case ACTION_CHECK: event.kind = EVENT_SESSION_READY; break;
    case ACTION_START:
        event.kind = EVENT_RUN_ENDED;
        tell(pending, event);
        event.kind = EVENT_SESSION_READY;
        break;
    default: return;
    }
    tell(pending, event);
}

static struct event next_event(struct pending *pending) {
    if (pending->count == 0)
        return (struct event){.kind = EVENT_TICK};
    pending->count--;
    return pending->events[pending->first++ % 1024];
}

/* Steps without anything else: what the loop around them costs is measured apart and taken off. */
static void measure(uint32_t task_count, bool calendars) {
    static struct pending pending;
    struct core *core = core_of(task_count, calendars);
    struct actions actions;
    int64_t now_us = 0, wall_us = INT64_C(1800000000) * US_PER_S, began_ns = 0, in_core_ns = 0;
    uint64_t decided = 0;
    pending = (struct pending){0};
    for (uint32_t step = 0; step < STEPS + STEPS / 10; step++) {
        if (step == STEPS / 10) { /* warm by now */
            began_ns = now_ns();
            decided = core->run_number;
        }
        struct event event = next_event(&pending);
        if (event.kind == EVENT_TICK) {
            int64_t wake_us = core_next_wake(core).us;
            wall_us += wake_us > now_us ? wake_us - now_us : 0;
            now_us = wake_us > now_us ? wake_us : now_us;
        }
        event.now.us = now_us += event.kind == EVENT_RUN_ENDED ? 50 : 0;
        event.wall.us = wall_us += event.kind == EVENT_RUN_ENDED ? 50 : 0;
        core_step(core, &event, &actions);
        for (uint32_t i = 0; i < actions.count; i++)
            carry_out(&pending, &actions.items[i]);
    }
    in_core_ns = now_ns() - began_ns;
    printf("| core, %u tasks%s | %.0f ns a decision | %.0f ns a run, from due to clean |\n", task_count,
           calendars ? ", half of them by calendar" : "",
           (double)in_core_ns / STEPS, (double)in_core_ns / (double)(core->run_number - decided));
    core_destroy(core);
}

int main(void) {
    static const uint32_t counts[] = {1000, 10000, 100000, 1000000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        measure(counts[i], false);
        measure(counts[i], true);
        fflush(stdout);
    }
    return 0;
}
