/* When requests and occurrences come, for the loads of tests/bench. Knows no database and no clock. */
#include "load_plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define REQUESTS_PER_S 60
#define BURST_FACTOR   10
#define BURST_FROM_US                                                                                        \
    5500000 /* after the start: a burst meets an instant at which many tasks are due (6 s) */
#define BURST_EVERY_US 10000000
#define BURST_LASTS_US 1000000
#define EMPLOYEES      200

static void *grown(void *list, size_t count, size_t each_bytes) {
    if (count & (count - 1))
        return list;
    list = realloc(list, (count ? 2 * count : 1) * each_bytes);
    if (!list)
        abort();
    return list;
}

static void plan_add(struct plan *plan, int64_t at_us, uint32_t who) {
    plan->arrivals = grown(plan->arrivals, plan->count, sizeof *plan->arrivals);
    plan->arrivals[plan->count++] = (struct arrival){.at_us = at_us, .who = who};
}

static bool in_burst(int64_t since_us) {
    return since_us >= BURST_FROM_US && (since_us - BURST_FROM_US) % BURST_EVERY_US < BURST_LASTS_US;
}

/* Thinning (Lewis and Shedler): candidates at the highest rate, of which the others keep their share. */
void plan_requests(struct plan *plan, int64_t start_us, int64_t end_us, bool bursts) {
    double most_per_us = 1e-6 * REQUESTS_PER_S * (bursts ? BURST_FACTOR : 1);
    unsigned short random[3] = {1, 2, 3};
    double at_us = (double)start_us;
    for (;;) {
        at_us -= log(1 - erand48(random)) / most_per_us;
        if (at_us >= (double)end_us)
            return;
        uint32_t who = 1 + (uint32_t)(erand48(random) * EMPLOYEES);
        bool kept = erand48(random) * BURST_FACTOR < 1;
        if (!bursts || kept || in_burst((int64_t)at_us - start_us))
            plan_add(plan, (int64_t)at_us, who);
    }
}

static int by_time(const void *a, const void *b) {
    const struct arrival *x = a, *y = b;
    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return x->who < y->who ? -1 : x->who > y->who;
}

void plan_sort(struct plan *plan) {
    if (plan->count)
        qsort(plan->arrivals, plan->count, sizeof *plan->arrivals, by_time);
}

void plan_occurrences(struct plan *plan, const struct load_tasks *tasks, int64_t start_us, int64_t end_us) {
    for (size_t i = 0; i < tasks->count; i++)
        for (int64_t at_us = start_us; at_us < end_us; at_us += tasks->list[i].every_us)
            plan_add(plan, at_us, (uint32_t)i);
    plan_sort(plan);
}

void plan_finish(struct plan *plan) {
    free(plan->arrivals);
    *plan = (struct plan){0};
}

bool load_tasks_read(struct load_tasks *tasks, const char *path) {
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    struct load_task task;
    int fields;
    while ((fields = fscanf(file, "%47[^\t]\t%ld\t%159[^\n]\n", task.name, &task.every_us, task.sql)) == 3 &&
           task.every_us > 0) {
        task.every_us *= 1000;
        tasks->list = grown(tasks->list, tasks->count, sizeof *tasks->list);
        tasks->list[tasks->count++] = task;
    }
    fclose(file);
    return fields == EOF;
}

void load_tasks_finish(struct load_tasks *tasks) {
    free(tasks->list);
    *tasks = (struct load_tasks){0};
}
