/*
 * The forecast on files whose answer can be worked out by hand, and the office's day with every occurrence
 * accounted for.
 */
#include "tests/unit/helper.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/simulate/report.h"
#include "scheduler/simulate/spec.h"
#include "tasks/config.h"
#include "tasks/stage.h"

#define START_US (INT64_C(20454) * US_PER_DAY) /* 2026-01-01 00:00 UTC */

struct forecast {
    struct taskset *set;
    struct simulate_options options;
    struct simulate_foreground foregrounds[4];
    int64_t *took_us, *work_us;
    struct simulate_facts facts;
};

static struct forecast prepare(const char *ini, int64_t took_us, int64_t for_us) {
    struct forecast forecast = {0};
    forecast.set = helper_taskset(ini);
    forecast.took_us = calloc(forecast.set->task_count + 1, sizeof *forecast.took_us);
    forecast.work_us = calloc(forecast.set->task_count + 1, sizeof *forecast.work_us);
    assert_non_null(forecast.took_us);
    assert_non_null(forecast.work_us);
    for (uint32_t i = 0; i < forecast.set->task_count; i++) {
        forecast.took_us[i] = took_us;
        forecast.work_us[i] = stage_expect_us(&forecast.set->tasks[i], STAGE_WORK);
    }
    forecast.options = (struct simulate_options){
        .start = {START_US},
        .for_us = for_us,
        .seed = 1,
        .exact = true,
        .took_us = forecast.took_us,
        .work_us = forecast.work_us,
        .slot_count = 100,
        .reserved_count = 3,
        .part_count = 24,
    };
    return forecast;
}

static void add_foreground(struct forecast *forecast, const char *spec) {
    struct text error = {0};
    uint32_t i = forecast->options.foreground_count++;
    if (!simulate_spec_foreground(spec, &forecast->foregrounds[i], &error))
        fail_msg("%s", error.bytes);
}

static void run(struct forecast *forecast) {
    forecast->options.foregrounds = forecast->foregrounds;
    simulate(forecast->set, &forecast->options, &forecast->facts);
    assert_false(forecast->facts.stuck);
    for (uint32_t i = 0; i < forecast->facts.task_count; i++) {
        const struct simulate_task *task = &forecast->facts.tasks[i];
        assert_int_equal(task->due_count, task->run_count + task->merged_count + task->skipped_count +
                                              task->unfinished_count);
    }
}

static void finish(struct forecast *forecast) {
    simulate_finish(&forecast->facts);
    taskset_unref(forecast->set);
    free(forecast->took_us);
    free(forecast->work_us);
}

#define EACH(forecast, task)                                                                                       \
    (const struct simulate_task *task = (forecast)->facts.tasks;                                                    \
     task < (forecast)->facts.tasks + (forecast)->facts.task_count; task++)

static uint64_t runs_of(const struct forecast *forecast) {
    uint64_t count = 0;
    for EACH(forecast, task)
        count += task->run_count;
    return count;
}

/* `head`, and `count` tasks of SQL with these keys. To free(). */
static char *tasks_text(const char *head, uint32_t count, const char *keys) {
    struct text ini = {0};
    text_add(&ini, "%s", head);
    for (uint32_t i = 0; i < count; i++)
        text_add(&ini, "[task t%u]\nsql = SELECT 1\n%s", i, keys);
    return ini.bytes;
}

/* --- by hand --- */

/* 50 ms of work, and a second's patience: nobody needs to wait for long behind the others. */
static void simulate_ten_short_tasks_due_together_need_one_session(void **state) {
    (void)state;
    char *ini = tasks_text("[pool p]\nsize = 8\n", 10, "every = 10s\nphase = 0\nexpect = 5ms\n");
    struct forecast forecast = prepare(ini, 5 * US_PER_MS, US_PER_H);
    run(&forecast);
    const struct simulate_pool *pool = &forecast.facts.pools[0];
    assert_int_equal(pool->sessions.peak, 1);
    assert_in_range(simulate_level_mean_permille(&pool->sessions), 990, 1000);
    assert_int_equal(forecast.facts.servers[0].free_least, 96);
    for EACH(&forecast, task) {
        assert_int_equal(task->run_count, 360);
        assert_in_range(task->late_worst_us, 1, 60 * US_PER_MS);
    }
    finish(&forecast);
    free(ini);
}

/* Four begin at once, four when they are done: a minute late, and half of the time nothing is to do. */
static void simulate_long_tasks_fill_the_pool(void **state) {
    (void)state;
    char *ini = tasks_text("[pool p]\nsize = 4\n", 8, "every = 5min\nphase = 0\nexpect = 1min\n");
    struct forecast forecast = prepare(ini, US_PER_MIN, US_PER_H);
    run(&forecast);
    assert_int_equal(forecast.facts.pools[0].sessions.peak, 4);
    assert_int_equal(forecast.facts.pools[0].opened_count <= 4 * 12 + 4, true);
    uint32_t late_count = 0;
    for EACH(&forecast, task) {
        assert_int_equal(task->run_count, 12);
        assert_in_range(task->late_worst_us, 0, US_PER_MIN + 100 * US_PER_MS);
        late_count += task->late_worst_us >= US_PER_MIN;
    }
    assert_in_range(late_count, 4, 8);
    assert_true(forecast.facts.pools[0].waited_us[REASON_TOKENS] >= 4 * 12 * (US_PER_MIN - US_PER_S));
    finish(&forecast);
    free(ini);
}

/* 97 slots, of which the application has 90 then: less than the tenth that is always its own. */
static void simulate_burst_takes_all_headroom_runs_wait_for_it(void **state) {
    (void)state;
    char *ini = tasks_text("[pool p]\nsize = 4\n", 4, "every = 1min\nphase = 0\n");
    struct forecast forecast = prepare(ini, 5 * US_PER_S, US_PER_H);
    add_foreground(&forecast, "sessions=40,burst=50,every=10min,for=90s");
    run(&forecast);
    const struct simulate_pool *pool = &forecast.facts.pools[0];
    const struct simulate_server *server = &forecast.facts.servers[0];
    assert_int_equal(server->foreground.peak, 90);
    assert_int_equal(server->refused_count, 0);
    assert_true(pool->waited_us[REASON_HEADROOM] > 10 * US_PER_S);
    assert_int_equal(pool->limit_least, 1);
    assert_int_equal(runs_of(&forecast), 4 * 60);
    finish(&forecast);
    free(ini);
}

/* What does not fit into the model is not our fault. */
static void simulate_application_above_the_server_is_refused_anyway(void **state) {
    (void)state;
    char *ini = tasks_text("[pool p]\nsize = 4\n", 1, "every = 1min\n");
    struct forecast forecast = prepare(ini, US_PER_MS, US_PER_H);
    add_foreground(&forecast, "sessions=60,burst=50,every=10min,for=20s");
    run(&forecast);
    assert_int_equal(forecast.facts.servers[0].refused_anyway_count, 5 * 13);
    assert_in_range(forecast.facts.servers[0].refused_count, 5 * 13 + 3, 5 * 14); /* our one session, if it is open */
    assert_int_equal(forecast.facts.servers[0].free_least, 0);
    finish(&forecast);
    free(ini);
}

/* 15 s of work every 10 s. */
static void simulate_overlap_is_skipped_or_waits_for_its_own_run(void **state) {
    (void)state;
    struct forecast forecast = prepare("[pool p]\nsize = 4\n"
                                       "[task skips]\nevery = 10s\nphase = 0\nsql = x\noverlap = skip\n"
                                       "[task queues]\nevery = 10s\nphase = 0\nsql = x\noverlap = queue\n",
                                       15 * US_PER_S, 10 * US_PER_MIN);
    run(&forecast);
    const struct simulate_task *tasks = forecast.facts.tasks;
    assert_int_equal(tasks[0].due_count, 60);
    assert_int_equal(tasks[0].skipped_count, 30);
    assert_int_equal(tasks[1].skipped_count, 0);
    assert_in_range(tasks[1].run_count, 38, 40); /* one after another, 15 s each */
    assert_true(tasks[1].waited_us[REASON_OWN_RUN] > US_PER_MIN);
    assert_true(tasks[0].waited_us[REASON_OWN_RUN] == 0);
    finish(&forecast);
}

/* Some bites a run, each as long as the break behind it. */
static void simulate_bites_end_and_are_one_run(void **state) {
    (void)state;
    struct forecast forecast = prepare("[pool p]\nsize = 1\n"
                                       "[task bites]\nevery = 1min\nphase = 0\nsql = DELETE FROM x\nrepeat = rows\n"
                                       "[task other]\nevery = 1s\nsql = x\n",
                                       100 * US_PER_MS, 10 * US_PER_MIN);
    run(&forecast);
    const struct simulate_task *tasks = forecast.facts.tasks;
    assert_int_equal(tasks[0].due_count, 10);
    assert_int_equal(tasks[0].run_count, 10);
    assert_in_range(tasks[0].session_us, 11 * 100 * US_PER_MS, 10 * SIMULATE_BITES_MOST * 100 * US_PER_MS);
    assert_in_range(tasks[1].run_count, 599, 600); /* the last may be under way */
    assert_true(tasks[1].late_worst_us < 250 * US_PER_MS); /* it waits for one bite, and not for all */
    finish(&forecast);
}

/* Of 24 instants a day eight fall inside; sixteen wait for the opening as one run, or are skipped. */
static void simulate_window_is_opened_and_closed(void **state) {
    (void)state;
    struct forecast forecast = prepare("[pool p]\nsize = 4\n"
                                       "[task waits]\nevery = 1h\nphase = 30min\nsql = x\nwindow = 22:00-06:00\n"
                                       "[task skips]\nevery = 1h\nphase = 30min\nsql = x\nwindow = 22:00-06:00\noutside = skip\n",
                                       US_PER_S, 2 * US_PER_DAY - 3 * US_PER_H);
    run(&forecast);
    const struct simulate_task *waits = &forecast.facts.tasks[0], *skips = &forecast.facts.tasks[1];
    assert_int_equal(waits->due_count, 45);
    assert_int_equal(waits->run_count, 15); /* on the second day until 21:00 */
    assert_int_equal(waits->merged_count, 15);
    assert_int_equal(waits->unfinished_count, 15);
    assert_true(waits->late_worst_us < US_PER_MIN); /* the wait for the window is not late */
    assert_true(waits->waited_us[REASON_WINDOW] > 29 * US_PER_H);
    assert_int_equal(skips->run_count, 14);
    assert_int_equal(skips->skipped_count, 31);
    finish(&forecast);
}

static void simulate_command_takes_its_weight_in_slots(void **state) {
    (void)state;
    struct forecast forecast = prepare("[pool p]\nsize = 4\n"
                                       "[task c]\nevery = 1h\nphase = 30min\ntokens = 3\ncommand = x\n",
                                       6 * US_PER_MIN, 2 * US_PER_H);
    run(&forecast);
    const struct simulate_level *sessions = &forecast.facts.pools[0].sessions;
    assert_int_equal(forecast.facts.tasks[0].run_count, 2);
    assert_in_range(sessions->peak, 3, 4);                         /* and the one that looked first */
    assert_in_range(sessions->sum_us, 3 * 12 * US_PER_MIN, 7 * 3 * 12 * US_PER_MIN);
    finish(&forecast);
}

/* Ten that would need ten sessions for a second each need one for 20 ms each. */
static void simulate_outside_work_holds_no_session(void **state) {
    (void)state;
    struct text text = {0};
    text_add(&text, "[pool p]\nsize = 8\n");
    for (int i = 0; i < 10; i++)
        text_add(&text, "[task t%d]\nevery = 10s\nphase = 0\nread = x\nwork = y\nwrite = z\nexpect_work = 2s\n", i);
    text_add(&text, "[task half]\nevery = 10s\nphase = 5s\nread = x\nwork = y\nexpect_work = 1s\n");
    struct forecast forecast = prepare(text.bytes, 10 * US_PER_MS, US_PER_H);
    run(&forecast);
    const struct simulate_task *tasks = forecast.facts.tasks;
    assert_in_range(forecast.facts.pools[0].sessions.peak, 1, 2);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(tasks[i].run_count, 360);
        assert_int_equal(simulate_per_run_us(&tasks[i], tasks[i].session_us), 20 * US_PER_MS);
        assert_int_equal(simulate_per_run_us(&tasks[i], tasks[i].outside_us), 2 * US_PER_S);
    }
    assert_int_equal(simulate_per_run_us(&tasks[10], tasks[10].session_us), 10 * US_PER_MS);
    assert_int_equal(simulate_per_run_us(&tasks[10], tasks[10].outside_us), US_PER_S);
    finish(&forecast);
    text_finish(&text);
}

static void simulate_timeout_ends_a_run(void **state) {
    (void)state;
    struct forecast forecast = prepare("[pool p]\nsize = 1\n[task t]\nevery = 1min\ntimeout = 2s\nhold_after = 0\nsql = x\n",
                                       10 * US_PER_S, US_PER_H);
    run(&forecast);
    assert_int_equal(forecast.facts.tasks[0].timeout_count, 60);
    assert_int_equal(forecast.facts.pools[0].sessions.peak, 1);
    finish(&forecast);
}

/* --- what the first forecasts found in the core --- */

/*
 * Active application sessions push the limit to 1. While no session was at work more than that were opened,
 * closed as too many, and opened again: hundreds a second.
 */
static void simulate_low_limit_opens_no_session_beyond_it(void **state) {
    (void)state;
    char *ini = tasks_text("[pool p]\nsize = 4\n", 20, "every = 5s\nphase = 0\nexpect = 300ms\n");
    struct forecast forecast = prepare(ini, 300 * US_PER_MS, 10 * US_PER_MIN);
    add_foreground(&forecast, "sessions=40,active=30");
    run(&forecast);
    assert_int_equal(forecast.facts.pools[0].limit_least, 1);
    assert_in_range(forecast.facts.pools[0].opened_count, 1, 60);
    finish(&forecast);
    free(ini);
}

/* 97 slots less 70 less 24 kept: three are ours. The command of five waits, and nobody waits behind it. */
static void simulate_too_heavy_a_command_holds_nobody_up(void **state) {
    (void)state;
    struct forecast forecast = prepare("[pool p]\nsize = 8\nreserve = 24\n"
                                       "[task five]\nevery = 10s\nphase = 1s\ntokens = 5\ncommand = x\n"
                                       "[task two]\nevery = 10s\nphase = 2s\ntokens = 2\ncommand = x\n"
                                       "[task sql]\nevery = 1s\nphase = 0\nsql = x\n",
                                       100 * US_PER_MS, US_PER_H);
    add_foreground(&forecast, "sessions=70");
    run(&forecast);
    assert_int_equal(forecast.facts.tasks[0].run_count, 0);
    assert_int_equal(forecast.facts.tasks[1].run_count, 360);
    assert_int_equal(forecast.facts.tasks[2].run_count, 3600);
    finish(&forecast);
}

/* No slot beyond the floor: it was closed for a command that could not start then either, over and over. */
static void simulate_shut_gate_keeps_the_floor_for_sql(void **state) {
    (void)state;
    struct forecast forecast = prepare("[pool p]\nsize = 8\nreserve = 24\n"
                                       "[task one]\nevery = 10s\nphase = 1s\ncommand = x\n"
                                       "[task sql]\nevery = 1s\nphase = 0\nsql = x\n",
                                       100 * US_PER_MS, US_PER_H);
    add_foreground(&forecast, "sessions=80");
    run(&forecast);
    assert_int_equal(forecast.facts.tasks[0].run_count, 0);
    assert_int_equal(forecast.facts.tasks[1].run_count, 3600);
    assert_int_equal(forecast.facts.pools[0].sessions.peak, 1);
    finish(&forecast);
}

/* --- a day --- */

static uint64_t due_in(const struct task *task, int64_t for_us) {
    struct wall first = schedule_next_after(&task->schedule, (struct wall){START_US - 1});
    return (uint64_t)schedule_between(&task->schedule, first, (struct wall){START_US + for_us - 1}).count;
}

static struct forecast office(void) {
    size_t bytes;
    char *ini = helper_source_file("etc/office.ini", &bytes);
    assert_non_null(ini);
    struct forecast forecast = prepare(ini, 50 * US_PER_MS, US_PER_DAY);
    forecast.options.exact = false;
    run(&forecast);
    free(ini);
    return forecast;
}

static void simulate_office_for_a_day_accounts_for_every_occurrence(void **state) {
    (void)state;
    struct forecast forecast = office();
    for (uint32_t i = 0; i < forecast.set->task_count; i++)
        assert_int_equal(forecast.facts.tasks[i].due_count, due_in(&forecast.set->tasks[i], US_PER_DAY));
    assert_in_range(forecast.facts.pools[0].sessions.peak, 1, 3);
    finish(&forecast);
}

static void simulate_same_seed_gives_the_same_facts(void **state) {
    (void)state;
    struct forecast a = office(), b = office();
    assert_int_equal(a.facts.step_count, b.facts.step_count);
    assert_memory_equal(a.facts.tasks, b.facts.tasks, a.facts.task_count * sizeof *a.facts.tasks);
    assert_memory_equal(a.facts.pools[0].waited_us, b.facts.pools[0].waited_us, sizeof a.facts.pools[0].waited_us);
    assert_memory_equal(a.facts.pools[0].sessions.parts, b.facts.pools[0].sessions.parts,
                        a.options.part_count * sizeof *a.facts.pools[0].sessions.parts);
    finish(&a);
    finish(&b);
}

/* Steps, not time: a run takes a few of them, and the looks at the database take theirs. */
static void simulate_a_day_of_100_tasks_takes_a_bounded_number_of_steps(void **state) {
    static const char *const every[] = {"8s", "10s", "15s", "20s", "30s", "1min", "1min", "2min", "5min", "20min"};
    (void)state;
    struct text ini = {0};
    text_add(&ini, "[pool p]\nsize = 8\n");
    for (uint32_t i = 0; i < 100; i++)
        text_add(&ini, "[task t%u]\nevery = %s\nsql = SELECT 1\n", i, every[i % COUNT(every)]);
    struct forecast forecast = prepare(ini.bytes, 20 * US_PER_MS, US_PER_DAY);
    run(&forecast);
    assert_true(runs_of(&forecast) > 360000);
    assert_true(forecast.facts.step_count < 5 * runs_of(&forecast));
    finish(&forecast);
    text_finish(&ini);
}

/* --- levels and words --- */

static void simulate_level_tells_peak_and_mean_of_its_parts(void **state) {
    (void)state;
    struct simulate_level level;
    simulate_level_init(&level, 100, 4);
    simulate_level_set(&level, 10, 2);
    simulate_level_set(&level, 10, 6); /* for no time at all, and a peak nevertheless */
    simulate_level_set(&level, 10, 4);
    simulate_level_set(&level, 60, 1);
    simulate_level_set(&level, 100, 1);
    assert_int_equal(level.peak, 6);
    assert_int_equal(simulate_level_mean_permille(&level), (50 * 4 + 40 * 1) * 10);
    assert_int_equal(level.parts[0].peak, 6);
    assert_int_equal(level.parts[1].peak, 4);
    assert_int_equal(level.parts[3].peak, 1);
    assert_int_equal(simulate_level_part_mean_permille(&level, 0), 15 * 4 * 40);
    assert_int_equal(simulate_level_part_mean_permille(&level, 2), (10 * 4 + 15 * 1) * 40);
    simulate_level_finish(&level);
}

static void simulate_spec_says_what_is_wrong_and_the_way_out(void **state) {
    static const struct {
        const char *spec, *piece;
    } wrongs[] = {
        {"", "'' is not key=value; the keys are sessions"},
        {"sessions", "'sessions' is not key=value"},
        {"sesions=3", "there is no key in 'sesions=3'; the keys are sessions, burst, every, for, active"},
        {"sessions=many", "sessions=many is not a whole number; write sessions=20"},
        {"sessions=100001", "the most is 100000"},
        {"burst=30", "burst=30 does not say how often; write burst=30,every=10min,for=20s"},
        {"burst=30,every=1min", "does not say for how long"},
        {"burst=30,every=5,for=1s", "every=5 has no unit"},
        {"every=1min", "every belongs to a burst; add burst=30"},
        {"burst=3,every=1s,for=1min", "for=1min is not below every=1s; sessions that never leave are sessions=3"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(wrongs); i++) {
        struct simulate_foreground foreground = {.session_count = 7};
        struct text error = {0};
        assert_false(simulate_spec_foreground(wrongs[i].spec, &foreground, &error));
        if (!strstr(error.bytes, wrongs[i].piece))
            fail_msg("'%s': %s", wrongs[i].spec, error.bytes);
        assert_int_equal(foreground.session_count, 7);
        text_finish(&error);
    }
}

static void simulate_spec_reads_foreground_and_durations(void **state) {
    (void)state;
    struct taskset *set = helper_taskset("[pool p]\nsize = 1\n[task tick]\nevery = 1s\nsql = x\n");
    struct simulate_foreground foreground;
    struct text error = {0};
    uint32_t task = 0;
    int64_t us = 0;
    assert_true(simulate_spec_foreground("sessions=40,burst=30,every=10min,for=20s,active=2", &foreground, &error));
    assert_int_equal(foreground.session_count, 40);
    assert_int_equal(foreground.burst_count, 30);
    assert_int_equal(foreground.burst_every_us, 10 * US_PER_MIN);
    assert_int_equal(foreground.burst_for_us, 20 * US_PER_S);
    assert_int_equal(foreground.active_count, 2);
    assert_true(simulate_spec_took("50ms", set, &task, &us, &error));
    assert_int_equal(task, TASKSET_NONE);
    assert_true(simulate_spec_took("tick=4ms", set, &task, &us, &error));
    assert_int_equal(task, 0);
    assert_int_equal(us, 4 * US_PER_MS);
    assert_false(simulate_spec_took("tik=4ms", set, &task, &us, &error));
    assert_non_null(strstr(error.bytes, "there is no [task tik]; did you mean 'tick'?"));
    text_finish(&error);
    taskset_unref(set);
}

/* The picture and the table of a forecast small enough to be read here. */
static void simulate_report_shows_table_and_picture(void **state) {
    (void)state;
    struct forecast forecast = prepare("[pool p]\nsize = 2\nrecycle = 1d\n"
                                       "[task t]\nevery = 1h\nphase = 30min\nexpect = 10min\nsql = x\n",
                                       10 * US_PER_MIN, 2 * US_PER_H);
    struct text text = {0};
    forecast.options.part_count = 12;
    run(&forecast);
    struct simulate_report report = {forecast.set, &forecast.options, &forecast.facts, "1.0", "a.ini", "by hand"};
    simulate_report(&report, &text);
    static const char *const pieces[] = {
        "headgate 1.0  forecast for a.ini: 2h of",
        "durations    by hand\n",
        "pool p: 1 session at most, 0.75 at the mean, of 2; opened 1\n",
        "application: none (--foreground says what it does); never fewer than 96 of 97 slots free\n",
        "  session  outside late p50 ",
        "t                  2/2      0      0      0   10m00s        - ",
        "  sample ",
        ("sessions of pool p, 10m00s a column: █ mean, ░ peak\n"
         "     1    █████████\n       0s 30min 1h30min\n"),
    };
    for (size_t i = 0; i < COUNT(pieces); i++)
        if (!strstr(text.bytes, pieces[i]))
            fail_msg("no '%s' in\n%s", pieces[i], text.bytes);
    text_finish(&text);
    finish(&forecast);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simulate_ten_short_tasks_due_together_need_one_session),
        cmocka_unit_test(simulate_long_tasks_fill_the_pool),
        cmocka_unit_test(simulate_burst_takes_all_headroom_runs_wait_for_it),
        cmocka_unit_test(simulate_application_above_the_server_is_refused_anyway),
        cmocka_unit_test(simulate_overlap_is_skipped_or_waits_for_its_own_run),
        cmocka_unit_test(simulate_bites_end_and_are_one_run),
        cmocka_unit_test(simulate_window_is_opened_and_closed),
        cmocka_unit_test(simulate_command_takes_its_weight_in_slots),
        cmocka_unit_test(simulate_outside_work_holds_no_session),
        cmocka_unit_test(simulate_timeout_ends_a_run),
        cmocka_unit_test(simulate_low_limit_opens_no_session_beyond_it),
        cmocka_unit_test(simulate_too_heavy_a_command_holds_nobody_up),
        cmocka_unit_test(simulate_shut_gate_keeps_the_floor_for_sql),
        cmocka_unit_test(simulate_office_for_a_day_accounts_for_every_occurrence),
        cmocka_unit_test(simulate_same_seed_gives_the_same_facts),
        cmocka_unit_test(simulate_a_day_of_100_tasks_takes_a_bounded_number_of_steps),
        cmocka_unit_test(simulate_level_tells_peak_and_mean_of_its_parts),
        cmocka_unit_test(simulate_spec_says_what_is_wrong_and_the_way_out),
        cmocka_unit_test(simulate_spec_reads_foreground_and_durations),
        cmocka_unit_test(simulate_report_shows_table_and_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
