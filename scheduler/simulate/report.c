#include "scheduler/simulate/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/core/admission.h"
#include "scheduler/simulate/plot.h"
#include "tasks/duration.h"

static const char *plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

/* --- the head --- */

static void print_foreground(const struct simulate_foreground *foreground, struct text *text) {
    char every[DURATION_TEXT_BYTES], last[DURATION_TEXT_BYTES];
    text_add(text, "application  %" PRIu32 " session%s, %" PRIu32 " active", foreground->session_count,
             plural(foreground->session_count), foreground->active_count);
    if (foreground->burst_count)
        text_add(text, "; %" PRIu32 " more for %s every %s", foreground->burst_count,
                 duration_format(foreground->burst_for_us, last),
                 duration_format(foreground->burst_every_us, every));
    text_add(text, "\n");
}

static bool has_bites(const struct taskset *set) {
    for (uint32_t i = 0; i < set->task_count; i++)
        if (set->tasks[i].repeat)
            return true;
    return false;
}

static void print_head(const struct simulate_report *report, struct text *text) {
    const struct simulate_options *options = report->options;
    char length[DURATION_TEXT_BYTES];
    text_add_line(text,
                  "headgate %s  forecast for %s: %s of the shipping scheduler on a model of the database",
                  report->version, report->path, duration_format(options->for_us, length));
    text_add_line(text, "begins       %s",
                  zone_instant_text(report->set->daemon.zone, us_seconds(options->start.us),
                                    (char[ZONE_INSTANT_TEXT_BYTES]){0}));
    text_add_line(text, "durations    %s", report->durations);
    text_add(text, "             a run takes that more or less, one in twenty three times as long; "
                   "the forecast is as good as they are\n");
    if (has_bites(report->set))
        text_add(text, "             a run with repeat = rows has up to %d bites, which take that each\n",
                 SIMULATE_BITES_MOST);
    for (uint32_t i = 0; i < options->foreground_count; i++)
        print_foreground(&options->foregrounds[i], text);
    text_add(text, "\n");
    if (report->facts->stuck)
        text_add(text, "STUCK: time did not go on any more; this is a bug in headgate, please report it\n\n");
}

/* --- pools and servers --- */

static bool is_on(const struct simulate_report *report, uint32_t pool, uint32_t server) {
    return (report->options->server_of_pool ? report->options->server_of_pool[pool] : 0) == server;
}

static void print_pool(const struct simulate_report *report, uint32_t index, struct text *text) {
    const struct simulate_pool *pool = &report->facts->pools[index];
    const struct pool_settings *settings = &report->set->pools[index];
    int64_t mean_percent = (simulate_level_mean_permille(&pool->sessions) + 5) / 10;
    text_add(text,
             "pool %s: %" PRIu32 " session%s at most, %" PRId64 ".%02d at the mean, of %" PRIu32
             "; opened %" PRIu64,
             settings->name, pool->sessions.peak, plural(pool->sessions.peak), mean_percent / 100,
             (int)(mean_percent % 100), settings->size, pool->opened_count);
    if (pool->refused_count)
        text_add(text, ", refused %" PRIu64 " times", pool->refused_count);
    if (pool->limit_least < settings->size)
        text_add(text, "; limit down to %" PRIu32, pool->limit_least);
    if (pool->yielded_count)
        text_add(text, "; %" PRIu64 " run%s gave way to others", pool->yielded_count,
                 plural(pool->yielded_count));
    text_add(text, "\n");
}

static void print_group(const struct simulate_report *report, uint32_t index, struct text *text) {
    const struct simulate_group *group = &report->facts->groups[index];
    const struct group_settings *settings = &report->set->groups[index];
    int64_t for_us = report->options->for_us, mean_percent = group->busy_us / (for_us / 100 + 1);
    char waited[DURATION_TEXT_BYTES];
    text_add(text,
             "group %s: %" PRIu32 " at a time, %" PRId64 ".%02d at the mean; no turn left for %" PRId64
             "%% of the time; runs waited %s for one\n",
             settings->name, settings->limit, mean_percent / 100, (int)(mean_percent % 100),
             group->full_us / (for_us / 100 + 1), duration_glance(group->waited_us, waited));
}

static void print_server(const struct simulate_report *report, uint32_t index, struct text *text) {
    const struct simulate_server *server = &report->facts->servers[index];
    text_add(text, "application");
    for (uint32_t i = 0; report->facts->server_count > 1 && i < report->facts->pool_count; i++)
        if (is_on(report, i, index))
            text_add(text, " beside %s", report->set->pools[i].name);
    if (report->options->foreground_count == 0) {
        text_add(text,
                 ": none (--foreground says what it does); never fewer than %" PRIu32 " of %" PRIu32
                 " slots free\n",
                 server->free_least, server->usable_count);
        return;
    }
    text_add(text, ": %" PRIu32 " session%s at most; never fewer than %" PRIu32 " of %" PRIu32 " slots free",
             server->foreground.peak, plural(server->foreground.peak), server->free_least,
             server->usable_count);
    text_add(text, "; refused %" PRIu64 " session%s", server->refused_count, plural(server->refused_count));
    if (server->refused_anyway_count)
        text_add(text, ", %" PRIu64 " without us, too", server->refused_anyway_count);
    text_add(text, "\n");
}

/* --- the table --- */

/* "sharing 80%, opening 20%": the three that waited longest. */
static void print_reasons(const int64_t waited_us[SIMULATE_REASONS], struct text *text) {
    int64_t all_us = simulate_waited_us(waited_us), below_us = INT64_MAX;
    bool told[SIMULATE_REASONS] = {false};
    for (int i = 0; i < 3 && all_us > 0 && below_us > 0; i++) {
        int most = -1;
        for (int reason = 0; reason < SIMULATE_REASONS; reason++)
            if (!told[reason] && waited_us[reason] > 0 && (most < 0 || waited_us[reason] > waited_us[most]))
                most = reason;
        if (most < 0)
            return;
        told[most] = true;
        int percent = (int)(100.0 * (double)waited_us[most] / (double)all_us);
        if (i && percent == 0)
            return;
        text_add(text, "%s%s %d%%", i ? ", " : "  ", admission_reason_name((enum reason_code)most), percent);
    }
}

static void print_duration(int64_t us, struct text *text) {
    char glance[DURATION_TEXT_BYTES];
    text_add(text, " %8s", us < 0 ? "-" : duration_glance(us, glance));
}

static void print_task(const struct simulate_report *report, uint32_t index, int name_width,
                       struct text *text) {
    const struct simulate_task *task = &report->facts->tasks[index];
    const struct task *definition = &report->set->tasks[index];
    char runs[48];
    if (!definition->enabled) {
        text_add(text, "%-*s  off\n", name_width, definition->name);
        return;
    }
    snprintf(runs, sizeof runs, "%" PRIu64 "/%" PRIu64, task->run_count, task->due_count);
    text_add(text, "%-*s %13s %6" PRIu64 " %6" PRIu64 " %6" PRIu64, name_width, definition->name, runs,
             task->merged_count, task->skipped_count, task->failed_count + task->timeout_count);
    print_duration(simulate_per_run_us(task, task->session_us), text);
    print_duration(task->outside_us ? simulate_per_run_us(task, task->outside_us) : -1, text);
    print_duration(task->late_p50_us, text);
    print_duration(task->late_p99_us, text);
    print_duration(task->late_worst_us, text);
    print_reasons(task->waited_us, text);
    text_add(text, "\n");
}

static void print_tasks(const struct simulate_report *report, struct text *text) {
    int name_width = 8;
    for (uint32_t i = 0; i < report->facts->task_count; i++) {
        int length = (int)strlen(report->set->tasks[i].name);
        name_width = length > name_width ? length : name_width;
    }
    text_add(text, "\n%-*s %13s %6s %6s %6s %8s %8s %8s %8s %8s  %s\n", name_width, "task", "runs/due",
             "merged", "skip", "fail", "session", "outside", "late p50", "p99", "worst", "waits");
    for (uint32_t i = 0; i < report->facts->task_count; i++)
        print_task(report, i, name_width, text);
}

static void print_waits(const struct simulate_report *report, struct text *text) {
    for (uint32_t i = 0; i < report->facts->pool_count; i++) {
        const int64_t *waited_us = report->facts->pools[i].waited_us;
        char glance[DURATION_TEXT_BYTES];
        text_add(text, "%sruns of pool %s waited for %s in all", i ? "" : "\n", report->set->pools[i].name,
                 duration_glance(simulate_waited_us(waited_us), glance));
        for (int reason = 0; reason < SIMULATE_REASONS; reason++)
            if (waited_us[reason] > 0)
                text_add(text, ", %s %s", admission_reason_name((enum reason_code)reason),
                         duration_glance(waited_us[reason], glance));
        text_add(text, "\n");
    }
}

/* --- the pictures --- */

static void print_plots(const struct simulate_report *report, struct text *text) {
    for (uint32_t i = 0; i < report->facts->pool_count; i++) {
        text_add(text, "\nsessions of pool %s", report->set->pools[i].name);
        simulate_plot(&report->facts->pools[i].sessions, text);
    }
    for (uint32_t i = 0; report->options->foreground_count && i < report->facts->server_count; i++) {
        text_add(text, "\nsessions of the application");
        for (uint32_t pool = 0; report->facts->server_count > 1 && pool < report->facts->pool_count; pool++)
            if (is_on(report, pool, i))
                text_add(text, " beside %s", report->set->pools[pool].name);
        simulate_plot(&report->facts->servers[i].foreground, text);
    }
}

void simulate_report(const struct simulate_report *report, struct text *text) {
    print_head(report, text);
    for (uint32_t i = 0; i < report->facts->pool_count; i++)
        print_pool(report, i, text);
    for (uint32_t i = 0; i < report->facts->group_count; i++)
        print_group(report, i, text);
    for (uint32_t i = 0; i < report->facts->server_count; i++)
        print_server(report, i, text);
    print_tasks(report, text);
    print_waits(report, text);
    print_plots(report, text);
}
