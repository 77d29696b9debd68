#include "scheduler/simulate/json.h"

#include "scheduler/json.h"

static json_t *known_json(int64_t us) {
    return us < 0 ? json_null() : json_integer(us);
}

static json_t *permille_json(int64_t permille) {
    return json_real((double)permille / 1000);
}

static json_t *waited_json(const int64_t waited_us[SIMULATE_REASONS]) {
    json_t *json = json_object();
    for (int i = 0; i < SIMULATE_REASONS; i++)
        if (waited_us[i] > 0)
            json_object_set_new(json, admission_reason_name((enum reason_code)i), json_integer(waited_us[i]));
    return json;
}

/* Peak and mean of each part, one after another. */
static json_t *parts_json(const struct simulate_level *level) {
    json_t *json = json_array();
    for (uint32_t i = 0; i < level->part_count; i++)
        json_array_append_new(json, json_pack("{si so}", "peak", level->parts[i].peak, "mean",
                                              permille_json(simulate_level_part_mean_permille(level, i))));
    return json;
}

static json_t *pool_json(const struct simulate_report *report, uint32_t index) {
    const struct simulate_pool *pool = &report->facts->pools[index];
    const struct pool_settings *settings = &report->set->pools[index];
    const uint32_t *server_of_pool = report->options->server_of_pool;
    return json_pack(
        "{ss si si si so si sI sI sI si so so}", "name", settings->name, "server",
        server_of_pool ? server_of_pool[index] : 0, "size", settings->size, "sessions_peak",
        pool->sessions.peak, "sessions_mean", permille_json(simulate_level_mean_permille(&pool->sessions)),
        "held_peak", pool->held_peak, "opened", (json_int_t)pool->opened_count, "refused",
        (json_int_t)pool->refused_count, "yielded", (json_int_t)pool->yielded_count, "limit_least",
        pool->limit_least, "waited", waited_json(pool->waited_us), "sessions", parts_json(&pool->sessions));
}

static json_t *server_json(const struct simulate_server *server) {
    return json_pack("{si si so si sI sI so}", "usable", server->usable_count, "foreground_peak",
                     server->foreground.peak, "foreground_mean",
                     permille_json(simulate_level_mean_permille(&server->foreground)), "free_least",
                     server->free_least, "foreground_refused", (json_int_t)server->refused_count,
                     "foreground_refused_anyway", (json_int_t)server->refused_anyway_count, "foreground",
                     parts_json(&server->foreground));
}

static json_t *task_json(const struct simulate_report *report, uint32_t index, const char *source) {
    const struct simulate_task *task = &report->facts->tasks[index];
    const struct task *definition = &report->set->tasks[index];
    return json_pack("{ss ss sb sI so ss sI sI sI sI sI sI sI so so so so so so}", "name", definition->name,
                     "pool", report->set->pools[definition->pool].name, "enabled", definition->enabled,
                     "took", (json_int_t)report->options->took_us[index], "took_outside",
                     known_json(definition->work == WORK_STAGES ? report->options->work_us[index] : -1),
                     "took_from", source, "due", (json_int_t)task->due_count, "runs",
                     (json_int_t)task->run_count, "failed", (json_int_t)task->failed_count, "timeout",
                     (json_int_t)task->timeout_count, "merged", (json_int_t)task->merged_count, "skipped",
                     (json_int_t)task->skipped_count, "unfinished", (json_int_t)task->unfinished_count,
                     "session", known_json(simulate_per_run_us(task, task->session_us)), "outside",
                     known_json(simulate_per_run_us(task, task->outside_us)), "late_p50",
                     known_json(task->late_p50_us), "late_p99", known_json(task->late_p99_us), "late_worst",
                     known_json(task->late_worst_us), "waited", waited_json(task->waited_us));
}

static json_t *groups_json(const struct simulate_report *report) {
    json_t *json = json_array();
    for (uint32_t i = 0; i < report->facts->group_count; i++) {
        const struct simulate_group *group = &report->facts->groups[i];
        json_array_append_new(json, json_pack("{ss si sI sI sI}", "name", report->set->groups[i].name,
                                              "limit", report->set->groups[i].limit, "busy",
                                              (json_int_t)group->busy_us, "full", (json_int_t)group->full_us,
                                              "waited", (json_int_t)group->waited_us));
    }
    return json;
}

void simulate_json(const struct simulate_report *report, const char *const *sources, struct text *text) {
    const struct simulate_facts *facts = report->facts;
    json_t *pools = json_array(), *servers = json_array(), *tasks = json_array();
    for (uint32_t i = 0; i < facts->pool_count; i++)
        json_array_append_new(pools, pool_json(report, i));
    for (uint32_t i = 0; i < facts->server_count; i++)
        json_array_append_new(servers, server_json(&facts->servers[i]));
    for (uint32_t i = 0; i < facts->task_count; i++)
        json_array_append_new(tasks, task_json(report, i, sources[i]));
    json_t *all = json_pack("{si ss so so sI sI sI sb so so so}", "schema", SIMULATE_JSON_SCHEMA, "version",
                            report->version, "file", json_of(report->path), "durations",
                            json_of(report->durations), "start", (json_int_t)report->options->start.us, "for",
                            (json_int_t)report->options->for_us, "steps", (json_int_t)facts->step_count,
                            "stuck", facts->stuck, "pools", pools, "servers", servers, "tasks", tasks);
    json_object_set_new(all, "groups", groups_json(report));
    json_print(all, JSON_COMPACT | JSON_REAL_PRECISION(6), text);
}
