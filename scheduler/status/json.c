#include "scheduler/status/json.h"

#include "scheduler/core/chain.h"
#include "scheduler/core/gate.h"
#include "scheduler/core/pause.h"
#include "scheduler/core/reload.h"
#include "scheduler/core/state.h"
#include "scheduler/json.h"
#include "scheduler/status/group.h"
#include "scheduler/status/wake_words.h"
#include "scheduler/status/words.h"
#include "tasks/schedule_words.h"

static json_t *known_json(int64_t us) {
    return us < 0 ? json_null() : json_integer(us);
}

static json_t *tokens_json(const struct tokens *tokens) {
    return json_pack("{si si si si si si si si si si si}", "size", tokens->size, "limit", tokens->limit,
                     "taken", tokens_taken(tokens), "warm", tokens->warm + tokens->checking, "opening",
                     tokens->opening, "closing", tokens->closing, "leftover", tokens->leftover,
                     "ended_commands", tokens->ended, "before_reload", tokens->before, "free",
                     tokens_free(tokens), "held", tokens_held(tokens));
}

/* null before the first look at the database, and after one that failed. */
static json_t *gate_json(const struct status *status, const struct core_pool *pool) {
    static const char *const scopes[] = {"server", "role", "database"};
    struct headroom headroom = gate_headroom(status->core, pool);
    const struct sample *sample = &pool->gate.sample;
    if (headroom.slots == INT32_MAX)
        return json_null();
    return json_pack("{ss si si si si si si sI sI sI si si si sI sI sb sb}", "scope", scopes[headroom.scope],
                     "usable", headroom.usable, "foreground", headroom.foreground, "ours", headroom.held,
                     "reserve", headroom.kept, "headroom", headroom.slots, "invisible",
                     sample->invisible_count, "age", (json_int_t)mono_since(status->now, pool->gate.known_at),
                     "round_trip", (json_int_t)sample->round_trip_us, "clock_ahead",
                     (json_int_t)sample->ahead_us, "active", sample->active_count, "lock_waiters",
                     sample->lock_waiter_count, "idle_in_transaction", sample->idle_in_transaction_count,
                     "idle_in_transaction_for", (json_int_t)sample->idle_in_transaction_us,
                     "oldest_transaction", (json_int_t)sample->oldest_transaction_us, "standby",
                     sample->standby, "pooler", sample->pooled);
}

static const char *limit_state_name(enum limit_state state) {
    static const char *const names[] = {"clear", "hold", "high", "critical", "lost", "returning"};
    return names[state];
}

/* null where history = off */
static json_t *history_json(const struct status *status, const struct core_pool *pool) {
    static const char *const states[] = {
        [RECORDING_NEW] = "not read yet", [RECORDING_ON] = "on", [RECORDING_BROKEN] = "not recorded"};
    if (pool->recording.state == RECORDING_OFF || !status->context->bookkeeping_of)
        return json_null();
    struct bookkeeping books = status_bookkeeping(status, pool);
    return json_pack("{ss so so sI sI sI}", "state", states[pool->recording.state], "error",
                     *books.error ? json_of(books.error) : json_null(), "name_shared_with",
                     *books.shared ? json_of(books.shared) : json_null(), "waiting",
                     (json_int_t)books.waiting_count, "on_disk", (json_int_t)books.disk_count, "lost",
                     (json_int_t)books.lost_count);
}

/* null where no task is woken */
static json_t *hearing_json(const struct status *status, const struct core_pool *pool) {
    const char *state = status_hearing_name(status, pool), *error = status_listen_error(status, pool);
    if (!state)
        return json_null();
    return json_pack("{ss so so}", "state", state, "off_for",
                     pool->hearing.on ? json_null()
                                      : json_integer(mono_since(status->now, pool->hearing.off_since)),
                     "error", pool->hearing.failed_count && error ? json_of(error) : json_null());
}

static json_t *wake_json(const struct task *task) {
    json_t *channels = task->wake ? json_array() : json_null();
    for (uint32_t i = 0; task->wake && i < task->wake->channel_count; i++)
        json_array_append_new(channels, json_of(task->wake->channels[i]));
    return channels;
}

static json_t *pool_json(const struct status *status, const struct core_pool *pool) {
    const char *error = status_connect_error(status, pool);
    struct text pressure = {0};
    status_pressure(&pool->gate.limit, &pressure);
    json_t *json = json_pack(
        "{ss so sI si si sb so sb so ss so si sI so so}", "name", pool->settings->name, "tokens",
        tokens_json(&pool->tokens), "opened", (json_int_t)pool->opened_count, "peak", pool->held_peak,
        "waiting", queue_count(&pool->queue), "connect_failing", pool->failing, "connect_error",
        json_of(error), "removed", pool->retired, "gate", gate_json(status, pool), "limit_state",
        limit_state_name(pool->gate.limit.state), "limit_cause", json_of(pressure.bytes), "pressure",
        gate_pressure_permille(status->core, pool), "samples", (json_int_t)pool->gate.sample_count, "history",
        history_json(status, pool), "wake", hearing_json(status, pool));
    text_finish(&pressure);
    return json;
}

static json_t *group_json(const struct status *status, const struct core_group *group) {
    uint32_t longest = group->busy.first;
    json_t *json = json_pack("{ss si si si so}", "name", group->settings->name, "limit", group->settings->limit,
                             "running", group->busy.count, "waiting", status_group_waiting(status, group),
                             "longest", json_null());
    if (longest == INDEX_NONE)
        return json;
    const struct run *run = &status->core->runs[longest];
    json_object_set_new(json, "longest",
                        json_pack("{ss sI}", "task", run->definition->name, "running_for",
                                  (json_int_t)mono_since(status->now, status_group_since(run))));
    return json;
}

/* Of the file that counts now; a task that it does not have any more may still be in one. */
static json_t *group_of_json(const struct status *status, const struct core_task *task) {
    if (task->strand == INDEX_NONE)
        return json_null();
    return json_string(status->core->groups.items[status->core->groups.strands[task->strand].group].settings->name);
}

static json_t *why_json(const struct status_row *row) {
    if (!row->waiting)
        return json_null();
    return json_pack("{ss sI sI si so}", "reason", admission_reason_name(row->why.reason), "number",
                     (json_int_t)row->why.number, "threshold", (json_int_t)row->why.threshold, "place",
                     row->place, "starts_in",
                     row->starts_in_us > 0 ? json_integer(row->starts_in_us) : json_null());
}

static json_t *pause_json(const struct status *status, const struct status_row *row) {
    const struct pause *pause = status_pause(status, row);
    if (!pause)
        return json_null();
    return json_pack("{sI so}", "since", (json_int_t)pause->since.us, "by", json_of(pause->by));
}

/* Who holds the lock that the run waits for. */
static json_t *lock_json(const struct status *status, const struct status_row *row) {
    const struct sample_wait *wait =
        row->running ? gate_wait_of(&status->core->pools[row->running->pool], row->running) : NULL;
    if (!wait)
        return json_null();
    return json_pack("{si so so sI}", "pid", wait->holder_pid, "name",
                     *wait->holder_name ? json_of(wait->holder_name) : json_null(), "state",
                     *wait->holder_state ? json_of(wait->holder_state) : json_null(), "state_for",
                     (json_int_t)wait->holder_state_us);
}

/* Of the run that is shown, while it has done a bite. */
static json_t *bites_json(const struct status *status, const struct status_row *row) {
    const struct run *run = row->running ? row->running : row->waiting;
    if (!run || run->bites.count == 0)
        return json_null();
    return json_pack("{si sI sI sI}", "bite", run->bites.count + 1, "rows", (json_int_t)run->bites.row_count,
                     "rows_per_second", (json_int_t)status_rows_a_second(status, run), "gave_way",
                     (json_int_t)status_gave_way_us(status, run));
}

/* null without one */
static json_t *window_json(const struct status_row *row) {
    if (!row->task->definition->window)
        return json_null();
    return json_pack("{sb so}", "open", !row->window_closed, "opens",
                     row->window_closed ? json_integer(row->window_opens.us) : json_null());
}

/* null of a task that comes after no other. */
static json_t *after_json(const struct status *status, uint32_t task) {
    const struct core *core = status->core;
    const struct chain *chain = core->link_count ? &core->chains[task] : NULL;
    if (!chain || chain->link_count == 0)
        return json_null();
    json_t *all = json_array();
    for (uint32_t i = 0; i < chain->link_count; i++) {
        const struct link *link = &core->links[chain->link_first + i];
        struct wall ended = link_ended(core, link);
        json_array_append_new(all,
                              json_pack("{ss so sb}", "task", core->tasks[link->predecessor].definition->name,
                                        "ended", ended.us ? json_integer(ended.us) : json_null(), "missing",
                                        !link_is_fresh(core, link)));
    }
    return all;
}

static json_t *when_json(const struct task *task) {
    struct text words = {0};
    if (task->after)
        after_words(task->after, &words);
    else
        schedule_words(&task->schedule, &words);
    json_t *json = json_of(words.bytes);
    text_finish(&words);
    return json;
}

#define NEXTS 3 /* instants that are told */

/* When it is due by time from now on, at the pace that is in force; what waits already is not among them. */
static json_t *next_json(const struct status *status, uint32_t index) {
    const struct core *core = status->core;
    const struct core_task *task = &core->tasks[index];
    const struct schedule *schedule = &task->definition->schedule;
    json_t *list = json_array();
    struct wall at = task->due;
    for (int i = 0; due_has(&core->due, index) && i < NEXTS && at.us != SCHEDULE_NEVER; i++) {
        json_array_append_new(list, json_integer(at.us));
        at = schedule_is_elastic(schedule) ? schedule_paced_next(task->interval_us, at)
                                           : schedule_next_after(schedule, at);
    }
    return list;
}

static json_t *task_json(const struct status *status, uint32_t index) {
    struct status_row row = status_row(status, index);
    const struct task_stats *stats = &row.task->stats;
    struct text note = {0};
    status_note(status, &row, &note);
    json_t *json = json_pack(
        "{ss ss ss so so so sI sI sI sI sI so so so so si so so sI sI so sI sI sI so so so so so so ss so so "
        "sI}",
        "name", row.task->definition->name, "pool", status->core->pools[row.task->pool].settings->name,
        "state", task_state_name(row.state), "due", row.due.us ? json_integer(row.due.us) : json_null(),
        "last", stats->has_ended_run ? json_string(outcome_name(stats->last_outcome)) : json_null(),
        "last_took", stats->has_ended_run ? json_integer(stats->last_took_us) : json_null(), "ok",
        (json_int_t)stats->ok_count, "failed", (json_int_t)stats->failed_count, "skipped",
        (json_int_t)stats->skipped_count, "nothing", (json_int_t)stats->nothing_count, "merged",
        (json_int_t)stats->merged_count, "late_p50", known_json(row.late_p50_us), "late_p99",
        known_json(row.late_p99_us), "took_p50", known_json(row.took_p50_us), "took_p99",
        known_json(row.took_p99_us), "running", row.task->running_count, "waiting", why_json(&row), "note",
        json_of(note.bytes), "expected", (json_int_t)task_session_us(row.task), "expected_outside",
        (json_int_t)row.task->expected_us[STAGE_WORK], "interval",
        row.task->definition->schedule.kind == SCHEDULE_EVERY ? json_integer(row.task->interval_us)
                                                              : json_null(),
        "retried", (json_int_t)stats->retried_count, "session", (json_int_t)stats->session_us, "outside",
        (json_int_t)stats->outside_us, "paused", pause_json(status, &row), "lock_of", lock_json(status, &row),
        "bites", bites_json(status, &row), "window", window_json(&row), "after", after_json(status, index),
        "when", when_json(row.task->definition), "zone", zone_name(row.task->definition->zone), "next",
        next_json(status, index), "wake", wake_json(row.task->definition), "woken",
        (json_int_t)stats->woken_count);
    json_object_set_new(json, "group", group_of_json(status, row.task));
    text_finish(&note);
    return json;
}

void status_json(const struct status *status, struct text *text) {
    const struct core *core = status->core;
    json_t *pools = json_array(), *groups = json_array(), *tasks = json_array();
    for (uint32_t i = 0; i < core->pool_count; i++)
        if (!pool_is_gone(core, i))
            json_array_append_new(pools, pool_json(status, &core->pools[i]));
    for (uint32_t i = 0; i < core->groups.count; i++)
        json_array_append_new(groups, group_json(status, &core->groups.items[i]));
    for (uint32_t i = 0; i < core->task_count; i++)
        if (!task_is_gone(&core->tasks[i]))
            json_array_append_new(tasks, task_json(status, i));
    json_t *all = json_pack("{si ss sI sI so sI sb so so so}", "schema", STATUS_JSON_SCHEMA, "version",
                            status->context->version, "pid", (json_int_t)status->context->pid, "up",
                            (json_int_t)status->context->up_us, "file", json_of(status->context->path),
                            "loaded", (json_int_t)status->context->loaded.us, "stopping", core->draining,
                            "pools", pools, "groups", groups, "tasks", tasks);
    json_print(all, JSON_COMPACT, text);
}
