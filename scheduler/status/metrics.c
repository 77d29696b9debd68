#include "scheduler/status/metrics.h"

#include <inttypes.h>

#include "scheduler/core/gate.h"
#include "scheduler/core/parts.h"

/* --- one sample, one family --- */

static void family(struct text *text, const char *name, const char *type, const char *help) {
    text_add(text, "# HELP headgate_%s %s\n# TYPE headgate_%s %s\n", name, help, name, type);
}

/* Names of tasks and pools hold no character that would need an escape: config.c sees to it. */
static void pool_number(struct text *text, const char *name, const struct core_pool *pool, int64_t number) {
    text_add(text, "headgate_%s{pool=\"%s\"} %" PRId64 "\n", name, pool->settings->name, number);
}

static void pool_seconds(struct text *text, const char *name, const struct core_pool *pool, int64_t us) {
    text_add(text, "headgate_%s{pool=\"%s\"} %.6f\n", name, pool->settings->name, (double)us / US_PER_S);
}

typedef void pool_writer(const struct core *core, const struct core_pool *pool, struct text *text);

static void each_pool(const struct status *status, const char *name, const char *type, const char *help,
                      pool_writer *write, struct text *text) {
    family(text, name, type, help);
    for (uint32_t i = 0; i < status->core->pool_count; i++)
        if (!pool_is_gone(status->core, i))
            write(status->core, &status->core->pools[i], text);
}

/* --- pools --- */

static void write_tokens(const struct core *core, const struct core_pool *pool, struct text *text) {
    const struct tokens *tokens = &pool->tokens;
    const struct {
        const char *state;
        uint32_t count;
    } parts[] = {{"taken", tokens_taken(tokens)}, {"warm", tokens->warm + tokens->checking},
                 {"opening", tokens->opening},    {"closing", tokens->closing},
                 {"leftover", tokens->leftover},  {"before_reload", tokens->before},
                 {"free", tokens_free(tokens)}};
    (void)core;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        text_add(text, "headgate_pool_tokens{pool=\"%s\",state=\"%s\"} %u\n", pool->settings->name,
                 parts[i].state, parts[i].count);
}

static void write_size(const struct core *core, const struct core_pool *pool, struct text *text) {
    (void)core;
    pool_number(text, "pool_size_tokens", pool, pool->settings->size);
}

static void write_limit(const struct core *core, const struct core_pool *pool, struct text *text) {
    (void)core;
    pool_number(text, "pool_limit_tokens", pool, pool->tokens.limit);
}

static void write_pressure(const struct core *core, const struct core_pool *pool, struct text *text) {
    text_add(text, "headgate_pool_pressure_ratio{pool=\"%s\"} %.3f\n", pool->settings->name,
             gate_pressure_permille(core, pool) / 1000.0);
}

static void write_waiting(const struct core *core, const struct core_pool *pool, struct text *text) {
    (void)core;
    pool_number(text, "pool_waiting_runs", pool, queue_count(&pool->queue));
}

static void write_opened(const struct core *core, const struct core_pool *pool, struct text *text) {
    (void)core;
    pool_number(text, "pool_sessions_opened_total", pool, (int64_t)pool->opened_count);
}

static void write_failing(const struct core *core, const struct core_pool *pool, struct text *text) {
    (void)core;
    pool_number(text, "pool_connect_failing", pool, pool->failing);
}

static void write_slots(const struct core *core, const struct core_pool *pool, struct text *text) {
    struct headroom headroom = gate_headroom(core, pool);
    const struct {
        const char *of;
        int32_t count;
    } parts[] = {{"application", headroom.foreground},
                 {"ours", headroom.held},
                 {"reserve", headroom.kept},
                 {"free", headroom.slots}};
    for (size_t i = 0; headroom.slots != INT32_MAX && i < sizeof parts / sizeof *parts; i++)
        text_add(text, "headgate_database_slots{pool=\"%s\",of=\"%s\"} %d\n", pool->settings->name,
                 parts[i].of, parts[i].count);
}

static void write_foreground(const struct core *core, const struct core_pool *pool, struct text *text) {
    const struct sample *sample = &pool->gate.sample;
    const struct {
        const char *doing;
        int32_t count;
    } parts[] = {{"active", sample->active_count},
                 {"lock_wait", sample->lock_waiter_count},
                 {"idle_in_transaction", sample->idle_in_transaction_count},
                 {"invisible", sample->invisible_count}};
    (void)core;
    for (size_t i = 0; sample->known && i < sizeof parts / sizeof *parts; i++)
        text_add(text, "headgate_application_sessions{pool=\"%s\",doing=\"%s\"} %d\n", pool->settings->name,
                 parts[i].doing, parts[i].count);
}

static void write_samples(const struct core *core, const struct core_pool *pool, struct text *text) {
    (void)core;
    pool_number(text, "samples_total", pool, (int64_t)pool->gate.sample_count);
}

static void write_sample_age(const struct core *core, const struct core_pool *pool, struct text *text) {
    if (pool->gate.sample.known)
        pool_seconds(text, "sample_age_seconds", pool, mono_since(core->now, pool->gate.known_at));
}

static void write_round_trip(const struct core *core, const struct core_pool *pool, struct text *text) {
    (void)core;
    if (pool->gate.sample.known)
        pool_seconds(text, "sample_round_trip_seconds", pool, pool->gate.sample.round_trip_us);
}

static const struct {
    const char *name, *type, *help;
    pool_writer *write;
} pool_families[] = {
    {"pool_tokens", "gauge", "Tokens by what they are at.", write_tokens},
    {"pool_size_tokens", "gauge", "Tokens of the pool.", write_size},
    {"pool_limit_tokens", "gauge", "Tokens in force now.", write_limit},
    {"pool_pressure_ratio", "gauge", "How far the tokens in force are pushed below the size, 0 to 1.",
     write_pressure},
    {"pool_waiting_runs", "gauge", "Runs that wait for the pool.", write_waiting},
    {"pool_sessions_opened_total", "counter", "Sessions opened.", write_opened},
    {"pool_connect_failing", "gauge", "1 while the last attempt to connect failed.", write_failing},
    {"database_slots", "gauge", "Connection slots in the scope that leaves least.", write_slots},
    {"application_sessions", "gauge", "Sessions that are not headgate's, by what they do.", write_foreground},
    {"samples_total", "counter", "Looks at the database.", write_samples},
    {"sample_age_seconds", "gauge", "Since the last look.", write_sample_age},
    {"sample_round_trip_seconds", "gauge", "What the last look took.", write_round_trip},
};

/* --- tasks --- */

static void each_task(const struct status *status, const char *name, const char *type, const char *help,
                      void (*write)(const struct status_row *row, const char *name, struct text *text),
                      struct text *text) {
    family(text, name, type, help);
    for (uint32_t i = 0; i < status->core->task_count; i++) {
        if (task_is_gone(&status->core->tasks[i]))
            continue;
        struct status_row row = status_row(status, i);
        write(&row, name, text);
    }
}

static void write_runs(const struct status_row *row, const char *name, struct text *text) {
    const struct task_stats *stats = &row->task->stats;
    const char *task = row->task->definition->name;
    text_add(text, "headgate_%s{task=\"%s\",outcome=\"ok\"} %u\n", name, task, stats->ok_count);
    text_add(text, "headgate_%s{task=\"%s\",outcome=\"failed\"} %u\n", name, task, stats->failed_count);
    text_add(text, "headgate_%s{task=\"%s\",outcome=\"skipped\"} %u\n", name, task, stats->skipped_count);
}

static void write_merged(const struct status_row *row, const char *name, struct text *text) {
    text_add(text, "headgate_%s{task=\"%s\"} %" PRIu64 "\n", name, row->task->definition->name,
             row->task->stats.merged_count);
}

static void write_retried(const struct status_row *row, const char *name, struct text *text) {
    text_add(text, "headgate_%s{task=\"%s\"} %" PRIu64 "\n", name, row->task->definition->name,
             row->task->stats.retried_count);
}

static void write_seconds(const struct status_row *row, const char *name, struct text *text) {
    const struct task_stats *stats = &row->task->stats;
    const char *task = row->task->definition->name;
    text_add(text, "headgate_%s{task=\"%s\",where=\"session\"} %.6f\n", name, task,
             (double)stats->session_us / US_PER_S);
    text_add(text, "headgate_%s{task=\"%s\",where=\"outside\"} %.6f\n", name, task,
             (double)stats->outside_us / US_PER_S);
}

static void write_state(const struct status_row *row, const char *name, struct text *text) {
    text_add(text, "headgate_%s{task=\"%s\",state=\"%s\"} 1\n", name, row->task->definition->name,
             task_state_name(row->state));
}

static void write_quantiles(const char *task, const char *name, int64_t p50_us, int64_t p99_us,
                            struct text *text) {
    if (p50_us >= 0)
        text_add(text,
                 "headgate_%s{task=\"%s\",quantile=\"0.5\"} %.6f\nheadgate_%s{task=\"%s\",quantile=\"0.99\"} "
                 "%.6f\n",
                 name, task, (double)p50_us / US_PER_S, name, task, (double)p99_us / US_PER_S);
}

static void write_lateness(const struct status_row *row, const char *name, struct text *text) {
    write_quantiles(row->task->definition->name, name, row->late_p50_us, row->late_p99_us, text);
}

static void write_duration(const struct status_row *row, const char *name, struct text *text) {
    write_quantiles(row->task->definition->name, name, row->took_p50_us, row->took_p99_us, text);
}

static void write_paused(const struct status_row *row, const char *name, struct text *text) {
    text_add(text, "headgate_%s{task=\"%s\"} %d\n", name, row->task->definition->name, row->task->paused);
}

static void write_interval(const struct status_row *row, const char *name, struct text *text) {
    text_add(text, "headgate_%s{task=\"%s\"} %.6f\n", name, row->task->definition->name,
             (double)row->task->interval_us / US_PER_S);
}

void status_metrics(const struct status *status, struct text *text) {
    family(text, "up_seconds", "gauge", "Since the daemon began.");
    text_add(text, "headgate_up_seconds %.3f\n", (double)status->context->up_us / US_PER_S);
    for (size_t i = 0; i < sizeof pool_families / sizeof *pool_families; i++)
        each_pool(status, pool_families[i].name, pool_families[i].type, pool_families[i].help,
                  pool_families[i].write, text);
    each_task(status, "task_runs_total", "counter", "Runs and skipped occurrences.", write_runs, text);
    each_task(status, "task_merged_total", "counter", "Occurrences that another one's run answered.",
              write_merged, text);
    each_task(status, "task_retries_total", "counter", "Attempts that failed and were followed by another.",
              write_retried, text);
    each_task(status, "task_seconds_total", "counter", "Time of runs, with tokens and without.",
              write_seconds, text);
    each_task(status, "task_state", "gauge", "1 for the state that the task is in.", write_state, text);
    each_task(status, "task_paused", "gauge", "1 while a person has paused it.", write_paused, text);
    each_task(status, "task_interval_seconds", "gauge", "The interval in force.", write_interval, text);
    each_task(status, "task_lateness_seconds", "gauge", "Start minus due, recent quantiles.", write_lateness,
              text);
    each_task(status, "task_duration_seconds", "gauge", "What runs took, recent quantiles.", write_duration,
              text);
}
