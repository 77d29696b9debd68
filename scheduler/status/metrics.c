#include "scheduler/status/metrics.h"

#include "scheduler/core/gate.h"
#include "scheduler/core/hearing.h"
#include "scheduler/core/reload.h"
#include "scheduler/core/state.h"
#include "scheduler/status/after.h"
#include "scheduler/status/group.h"

struct family {
    const char *name, *type, *help;
};

/* One line of a family, without its value: headgate_NAME{KIND="OF" */
struct series {
    struct text *text;
    const char *name; /* of the family */
    const char *kind; /* "task", "pool" or "group" */
    const char *of;   /* its name, which holds no character that would need an escape: keys.c sees to it */
};

static void put_with(const struct series *series, const char *label, const char *value, int decimals,
                     double number) {
    text_add(series->text, "headgate_%s{%s=\"%s\"", series->name, series->kind, series->of);
    if (label)
        text_add(series->text, ",%s=\"%s\"", label, value);
    text_add(series->text, "} %.*f\n", decimals, number);
}

/* Doubles are exact up to 2^53, so counts are told exactly. */
static void put(const struct series *series, int64_t number) {
    put_with(series, NULL, NULL, 0, (double)number);
}

static void put_seconds(const struct series *series, const char *label, const char *value, int64_t us) {
    put_with(series, label, value, 6, (double)us / US_PER_S);
}

static void begin_family(const struct family *family, struct text *text) {
    text_add(text, "# HELP headgate_%s %s\n# TYPE headgate_%s %s\n", family->name, family->help, family->name,
             family->type);
}

/* --- pools --- */

enum pool_metric {
    POOL_TOKENS,
    POOL_SIZE,
    POOL_LIMIT,
    POOL_PRESSURE,
    POOL_WAITING,
    POOL_OPENED,
    POOL_FAILING,
    POOL_SLOTS,
    POOL_APPLICATION,
    POOL_SAMPLES,
    POOL_SAMPLE_AGE,
    POOL_ROUND_TRIP,
    POOL_LISTENING,
    POOL_METRICS
};

static const struct family pool_families[POOL_METRICS] = {
    [POOL_TOKENS] = {"pool_tokens", "gauge", "Tokens by what they are at."},
    [POOL_SIZE] = {"pool_size_tokens", "gauge", "Tokens of the pool."},
    [POOL_LIMIT] = {"pool_limit_tokens", "gauge", "Tokens in force now."},
    [POOL_PRESSURE] = {"pool_pressure_ratio", "gauge",
                       "How far the tokens in force are pushed below the size, 0 to 1."},
    [POOL_WAITING] = {"pool_waiting_runs", "gauge", "Runs that wait for the pool."},
    [POOL_OPENED] = {"pool_sessions_opened_total", "counter", "Sessions opened."},
    [POOL_FAILING] = {"pool_connect_failing", "gauge", "1 while the last attempt to connect failed."},
    [POOL_SLOTS] = {"database_slots", "gauge", "Connection slots in the scope that leaves least."},
    [POOL_APPLICATION] = {"application_sessions", "gauge",
                          "Sessions that are not headgate's, by what they do."},
    [POOL_SAMPLES] = {"samples_total", "counter", "Looks at the database."},
    [POOL_SAMPLE_AGE] = {"sample_age_seconds", "gauge", "Since the last look."},
    [POOL_ROUND_TRIP] = {"sample_round_trip_seconds", "gauge", "What the last look took."},
    [POOL_LISTENING] = {"pool_listening", "gauge", "1 while a session hears what wakes the pool's tasks."},
};

static void put_pool(const struct status *status, const struct core_pool *pool, enum pool_metric metric,
                     const struct series *series) {
    const struct tokens *tokens = &pool->tokens;
    const struct gate *gate = &pool->gate;
    struct headroom headroom = gate_headroom(status->core, pool);
    switch (metric) {
    case POOL_TOKENS:
        put_with(series, "state", "taken", 0, tokens_taken(tokens));
        put_with(series, "state", "warm", 0, tokens->warm + tokens->checking);
        put_with(series, "state", "opening", 0, tokens->opening);
        put_with(series, "state", "closing", 0, tokens->closing);
        put_with(series, "state", "leftover", 0, tokens->leftover);
        put_with(series, "state", "ended_commands", 0, tokens->ended);
        put_with(series, "state", "before_reload", 0, tokens->before);
        put_with(series, "state", "free", 0, tokens_free(tokens));
        break;
    case POOL_SIZE: put(series, pool->settings->size); break;
    case POOL_LIMIT: put(series, tokens->limit); break;
    case POOL_PRESSURE:
        put_with(series, NULL, NULL, 3, gate_pressure_permille(status->core, pool) / 1000.0);
        break;
    case POOL_WAITING: put(series, queue_count(&pool->queue)); break;
    case POOL_OPENED: put(series, (int64_t)pool->opened_count); break;
    case POOL_FAILING: put(series, pool->failing); break;
    case POOL_SLOTS:
        if (headroom.slots == INT32_MAX)
            break;
        put_with(series, "of", "application", 0, headroom.foreground);
        put_with(series, "of", "ours", 0, headroom.held);
        put_with(series, "of", "reserve", 0, headroom.kept);
        put_with(series, "of", "free", 0, headroom.slots);
        break;
    case POOL_APPLICATION:
        if (!gate->sample.known)
            break;
        put_with(series, "doing", "active", 0, gate->sample.active_count);
        put_with(series, "doing", "lock_wait", 0, gate->sample.lock_waiter_count);
        put_with(series, "doing", "idle_in_transaction", 0, gate->sample.idle_in_transaction_count);
        put_with(series, "doing", "invisible", 0, gate->sample.invisible_count);
        break;
    case POOL_SAMPLES: put(series, (int64_t)gate->sample_count); break;
    case POOL_SAMPLE_AGE:
        if (gate->sample.known)
            put_seconds(series, NULL, NULL, mono_since(status->now, gate->known_at));
        break;
    case POOL_ROUND_TRIP:
        if (gate->sample.known)
            put_seconds(series, NULL, NULL, gate->sample.round_trip_us);
        break;
    case POOL_LISTENING:
        if (hearing_state_of(status->core, pool) != HEARING_NOTHING)
            put(series, hearing_state_of(status->core, pool) == HEARING_ON);
        break;
    case POOL_METRICS: break;
    }
}

/* --- groups --- */

enum group_metric { GROUP_LIMIT, GROUP_RUNNING, GROUP_WAITING, GROUP_METRICS };

static const struct family group_families[GROUP_METRICS] = {
    [GROUP_LIMIT] = {"group_limit", "gauge", "Runs of the group that may be under way at once."},
    [GROUP_RUNNING] = {"group_running", "gauge", "Runs of the group that are under way."},
    [GROUP_WAITING] = {"group_waiting", "gauge", "Runs of the group that wait."},
};

static void put_groups(const struct status *status, struct text *text) {
    const struct core *core = status->core;
    for (enum group_metric metric = 0; core->groups.count && metric < GROUP_METRICS; metric++) {
        begin_family(&group_families[metric], text);
        for (uint32_t i = 0; i < core->groups.count; i++) {
            const struct core_group *group = &core->groups.items[i];
            uint32_t number = metric == GROUP_LIMIT     ? group->settings->limit
                              : metric == GROUP_RUNNING ? group->busy.count
                                                        : status_group_waiting(status, group);
            put(&(struct series){text, group_families[metric].name, "group", group->settings->name}, number);
        }
    }
}

/* --- tasks --- */

enum task_metric {
    TASK_RUNS,
    TASK_MERGED,
    TASK_WOKEN,
    TASK_RETRIES,
    TASK_BITES,
    TASK_BITE_ROWS,
    TASK_SECONDS,
    TASK_STATE,
    TASK_IS_PAUSED,
    TASK_INTERVAL,
    TASK_AFTER_MISSING,
    TASK_WINDOW,
    TASK_LATENESS,
    TASK_DURATION,
    TASK_METRICS
};

static const struct family task_families[TASK_METRICS] = {
    [TASK_RUNS] = {"task_runs_total", "counter", "Runs and skipped occurrences."},
    [TASK_MERGED] = {"task_merged_total", "counter", "Occurrences that another one's run answered."},
    [TASK_WOKEN] = {"task_woken_total", "counter", "Runs that notifications have made."},
    [TASK_RETRIES] = {"task_retries_total", "counter", "Attempts that failed and were followed by another."},
    [TASK_BITES] = {"task_bites_total", "counter", "Bites that are done, where repeat = rows."},
    [TASK_BITE_ROWS] = {"task_bite_rows_total", "counter", "Rows of those bites."},
    [TASK_SECONDS] = {"task_seconds_total", "counter", "Time of runs, with tokens and without."},
    [TASK_STATE] = {"task_state", "gauge", "1 for the state that the task is in."},
    [TASK_IS_PAUSED] = {"task_paused", "gauge", "1 while a person has paused it."},
    [TASK_INTERVAL] = {"task_interval_seconds", "gauge", "The interval in force."},
    [TASK_WINDOW] = {"task_window_open", "gauge", "1 while the window is open in which its runs may begin."},
    [TASK_AFTER_MISSING] = {"task_after_missing", "gauge",
                            "Tasks that it comes after and that have not ended since its last start."},
    [TASK_LATENESS] = {"task_lateness_seconds", "gauge", "Start minus due, recent quantiles."},
    [TASK_DURATION] = {"task_duration_seconds", "gauge", "What runs took, recent quantiles."},
};

static void put_quantiles(const struct series *series, int64_t p50_us, int64_t p99_us) {
    if (p50_us < 0)
        return;
    put_seconds(series, "quantile", "0.5", p50_us);
    put_seconds(series, "quantile", "0.99", p99_us);
}

static void put_task(const struct status *status, const struct status_row *row, enum task_metric metric,
                     const struct series *series) {
    const struct task_stats *stats = &row->task->stats;
    switch (metric) {
    case TASK_RUNS:
        put_with(series, "outcome", "ok", 0, stats->ok_count);
        put_with(series, "outcome", "failed", 0, stats->failed_count);
        put_with(series, "outcome", "skipped", 0, stats->skipped_count);
        if (row->task->definition->when)
            put_with(series, "outcome", "nothing", 0, (double)stats->nothing_count);
        break;
    case TASK_MERGED: put(series, (int64_t)stats->merged_count); break;
    case TASK_WOKEN: put(series, (int64_t)stats->woken_count); break;
    case TASK_RETRIES: put(series, (int64_t)stats->retried_count); break;
    case TASK_BITES:
        if (row->task->definition->repeat)
            put(series, (int64_t)stats->bite_count);
        break;
    case TASK_BITE_ROWS:
        if (row->task->definition->repeat)
            put(series, (int64_t)stats->bite_row_count);
        break;
    case TASK_SECONDS:
        put_seconds(series, "where", "session", stats->session_us);
        put_seconds(series, "where", "outside", stats->outside_us);
        break;
    case TASK_STATE: put_with(series, "state", task_state_name(row->state), 0, 1); break;
    case TASK_IS_PAUSED: put(series, row->task->paused); break;
    case TASK_INTERVAL:
        if (row->task->definition->schedule.kind == SCHEDULE_EVERY)
            put_seconds(series, NULL, NULL, row->task->interval_us);
        break;
    case TASK_WINDOW:
        if (row->task->definition->window)
            put(series, !row->window_closed);
        break;
    case TASK_AFTER_MISSING:
        if (row->task->definition->after)
            put(series, status_after_missing(status, (uint32_t)(row->task - status->core->tasks)));
        break;
    case TASK_LATENESS: put_quantiles(series, row->late_p50_us, row->late_p99_us); break;
    case TASK_DURATION: put_quantiles(series, row->took_p50_us, row->took_p99_us); break;
    case TASK_METRICS: break;
    }
}

void status_metrics(const struct status *status, struct text *text) {
    static const struct family up = {"up_seconds", "gauge", "Since the daemon began."};
    const struct core *core = status->core;
    begin_family(&up, text);
    text_add(text, "headgate_up_seconds %.3f\n", (double)status->context->up_us / US_PER_S);
    for (enum pool_metric metric = 0; metric < POOL_METRICS; metric++) {
        begin_family(&pool_families[metric], text);
        for (uint32_t i = 0; i < core->pool_count; i++) {
            const char *name = core->pools[i].settings->name;
            const struct series series = {text, pool_families[metric].name, "pool", name};
            if (!pool_is_gone(core, i))
                put_pool(status, &core->pools[i], metric, &series);
        }
    }
    put_groups(status, text);
    for (enum task_metric metric = 0; metric < TASK_METRICS; metric++) {
        begin_family(&task_families[metric], text);
        for (uint32_t i = 0; i < core->task_count; i++) {
            struct status_row row;
            if (task_is_gone(&core->tasks[i]))
                continue;
            row = status_row(status, i);
            put_task(status, &row, metric,
                     &(struct series){text, task_families[metric].name, "task", row.task->definition->name});
        }
    }
}
