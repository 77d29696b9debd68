/* What arrives when: the requests of an application, or the occurrences of tasks. Made before the load
 * begins, so the load is open: what is slow does not slow down what comes. Wall-clock microseconds, so that
 * programs agree on it. */
#ifndef BENCH_LOAD_PLAN_H
#define BENCH_LOAD_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At at_us employee `who` opens a page, or the task with index `who` is due. */
struct arrival {
    int64_t at_us;
    uint32_t who;
};

struct plan {
    struct arrival *arrivals; /* owned, by time */
    size_t count;
};

struct load_task {
    char name[48];
    int64_t every_us;
    char sql[160];
};

struct load_tasks {
    struct load_task *list; /* owned */
    size_t count;
};

/* Poisson arrivals from start to end, the same for every run; with bursts, ten times as many for a second in
 * ten. */
void plan_requests(struct plan *plan, int64_t start_us, int64_t end_us, bool bursts);

/* Every task is due at start + k * every. By time among themselves, as requests are. */
void plan_occurrences(struct plan *plan, const struct load_tasks *tasks, int64_t start_us, int64_t end_us);

/* Several are planned into one: by time then. */
void plan_sort(struct plan *plan);

void plan_finish(struct plan *plan);

/* One task a line: name, interval in ms, SQL, parted by tabs. False: the file can't be read or a line is
 * wrong. */
bool load_tasks_read(struct load_tasks *tasks, const char *path);
void load_tasks_finish(struct load_tasks *tasks);

#endif
