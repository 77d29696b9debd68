#include "scheduler/status/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "scheduler/core/reload.h"
#include "scheduler/core/state.h"
#include "scheduler/status/clock.h"
#include "scheduler/status/group.h"
#include "scheduler/status/pool.h"
#include "scheduler/status/words.h"
#include "tasks/duration.h"

static void print_head(const struct status *status, struct text *text) {
    size_t start = text->bytes_count;
    text_add(text, "headgate %s  pid %" PRId64 "  up %s  %s loaded ", status->context->version,
             status->context->pid, DURATION_GLANCE(status->context->up_us), status->context->path);
    status_clock(status, status->context->loaded, text);
    text_add(text, "%s", status->core->draining ? "  STOPPING" : "");
    text_end_line(text, start, 0);
}

/* "0.8/1180": tenths below 10 ms. */
static void ms_pair(int64_t p50_us, int64_t p99_us, char *buffer, size_t bytes) {
    char part[2][24];
    const int64_t values[2] = {p50_us, p99_us};
    for (int i = 0; i < 2; i++)
        snprintf(part[i], sizeof part[i], values[i] < 10 * US_PER_MS ? "%.1f" : "%.0f",
                 (double)values[i] / 1000);
    snprintf(buffer, bytes, p50_us < 0 ? "-" : "%s/%s", part[0], part[1]);
}

static void print_row(const struct status *status, const struct status_row *row, uint32_t width,
                      struct text *text) {
    size_t start = text->bytes_count;
    const struct task_stats *stats = &row->task->stats;
    struct text due = {0}, last = {0};
    char late[64], took[64];
    if (row->due.us)
        status_clock(status, row->due, &due);
    if (stats->has_ended_run)
        text_add(&last, "%s %s", outcome_name(stats->last_outcome), DURATION_GLANCE(stats->last_took_us));
    ms_pair(row->late_p50_us, row->late_p99_us, late, sizeof late);
    ms_pair(row->took_p50_us, row->took_p99_us, took, sizeof took);
    text_add(text, "%-*s  %-8s  %-11s  %-16s %6u %5u %5u %7" PRIu64 "  %15s  %15s  ", status->name_width,
             row->task->definition->name, task_state_name(row->state), due.bytes ? due.bytes : "-",
             last.bytes ? last.bytes : "-", stats->ok_count, stats->failed_count, stats->skipped_count,
             stats->merged_count, late, took);
    status_note(status, row, text);
    text_end_line(text, start, width);
    text_finish(&due);
    text_finish(&last);
}

/* Where a task stands in the table. */
struct place {
    uint64_t order;
    uint32_t task;
};

#define AFTER_ALL_THAT_WAITS (UINT64_C(1) << 63)

#define BEHIND_THE_QUEUE     (UINT64_C(1) << 31)

/* Tasks with a run that waits come first, pool by pool in the order in which they will start, and then what is
 * held; then by state. */
static uint64_t order_of(const struct status *status, uint32_t task) {
    uint32_t run = status_waiting_run(status, task);
    if (run == INDEX_NONE)
        return AFTER_ALL_THAT_WAITS | status_task_state(status, task);
    uint64_t held = status->core->runs[run].held ? BEHIND_THE_QUEUE : 0;
    return (uint64_t)status->core->runs[run].pool << 32 | held | status->place_of_run[run];
}

static int compare_places(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    return x->order != y->order ? (x->order > y->order) - (x->order < y->order)
                                : (x->task > y->task) - (x->task < y->task);
}

void status_print(const struct status *status, uint32_t width, struct text *text) {
    const struct core *core = status->core;
    struct place *lines = malloc(((size_t)core->task_count + 1) * sizeof *lines);
    uint32_t count = 0;
    if (!lines)
        abort();
    for (uint32_t i = 0; i < core->task_count; i++)
        if (!task_is_gone(&core->tasks[i]))
            lines[count++] = (struct place){order_of(status, i), i};
    qsort(lines, count, sizeof *lines, compare_places);
    print_head(status, text);
    for (uint32_t i = 0; i < core->pool_count; i++)
        if (!pool_is_gone(core, i))
            status_pool(status, i, text);
    for (uint32_t i = 0; i < core->groups.count; i++)
        status_group(status, i, text);
    text_add(text, "%-*s  %-8s  %-11s  %-16s %6s %5s %5s %7s  %15s  %15s  %s\n", status->name_width, "task",
             "state", "due", "last", "ok", "fail", "skip", "merged", "late p50/p99 ms", "took p50/p99 ms",
             "note");
    for (uint32_t i = 0; i < count; i++) {
        struct status_row row = status_row(status, lines[i].task);
        print_row(status, &row, width, text);
    }
    free(lines);
}
