#include "tests/unit/fixture.h"

#include <stdio.h>

#include "scheduler/core/hands.h"

#define POOL(size) "[pool p]\nsize = " #size "\n"
#define TASK       "[task a]\nevery = 10s\nphase = 0\ntokens = 0\ncommand = true\n"

#define S US_PER_S

static void set_paused(struct fixture *f, const char *task, bool paused) {
    struct event event = {.kind = EVENT_PAUSE, .task = fixture_task(f, task)};
    event.pause.paused = paused;
    fixture_step(f, event);
}

static void assert_passed_over(const struct action *action, int64_t first_s, int64_t last_s, int64_t count) {
    assert_int_equal(action->record.outcome, OUTCOME_SKIPPED);
    assert_int_equal(action->record.skip, SKIP_PAUSED);
    assert_int_equal(action->record.run_number, 0);
    assert_true(action->record.due_first.us == WALL_START_US + first_s * S);
    assert_true(action->record.due_last.us == WALL_START_US + last_s * S);
    assert_int_equal(action->record.occurrence_count, count);
}

/* Nothing is told while it lasts, and once it is over all is, in one record; the count is there at any time. */
static void pause_is_one_record_when_it_is_over(void **state) {
    struct fixture *f = fixture_create(POOL(1) TASK);
    (void)state;
    set_paused(f, "a", true);
    for (int i = 1; i <= 20; i++) {
        fixture_pass(f, 10 * S);
        assert_int_equal(f->count, 0);
        assert_int_equal(fixture_core_task(f, "a")->stats.skipped_count, i);
    }
    set_paused(f, "a", false);
    assert_int_equal(fixture_count(f, ACTION_RECORD), 1);
    assert_passed_over(fixture_need(f, ACTION_RECORD), 10, 200, 20);
    assert_int_equal(fixture_core_task(f, "a")->stats.skipped_count, 20);
    fixture_pass(f, 10 * S);
    fixture_started(f, "a");
    fixture_destroy(f);
}

static void pause_without_occurrences_is_no_record(void **state) {
    struct fixture *f = fixture_create(POOL(1) TASK);
    (void)state;
    set_paused(f, "a", true);
    fixture_pass(f, 5 * S);
    set_paused(f, "a", false);
    assert_null(fixture_find(f, ACTION_RECORD));
    fixture_destroy(f);
}

/* A killed daemon loses an hour of it at most; and the ranges join, each occurrence in one of them. */
static void pause_is_recorded_every_hour(void **state) {
    struct fixture *f = fixture_create(POOL(1) TASK);
    int64_t last_s = 0;
    uint32_t record_count = 0;
    (void)state;
    set_paused(f, "a", true);
    for (int i = 0; i < 3 * 360 + 60; i++) {
        fixture_pass(f, 10 * S);
        const struct action *action = fixture_find(f, ACTION_RECORD);
        if (!action)
            continue;
        assert_passed_over(action, last_s + 10, last_s + 3600, 360);
        last_s += 3600;
        record_count++;
    }
    assert_int_equal(record_count, 3);
    set_paused(f, "a", false);
    assert_passed_over(fixture_need(f, ACTION_RECORD), last_s + 10, last_s + 600, 60);
    fixture_destroy(f);
}

/* What ends a pause's stretch without a resume: nothing of it is forgotten. */
static void pause_is_recorded_by_drain_and_reload(void **state) {
    static const char *const after[] = {NULL, POOL(1) TASK, POOL(1) TASK "enabled = off\n",
                                        POOL(1) "[task b]\nevery = 1d\ncommand = true\n"};
    (void)state;
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        struct fixture *f = fixture_create(POOL(1) TASK);
        set_paused(f, "a", true);
        fixture_pass(f, 10 * S);
        fixture_pass(f, 10 * S);
        if (after[i])
            fixture_reload(f, after[i]);
        else
            fixture_drain(f);
        assert_int_equal(fixture_count(f, ACTION_RECORD), 1);
        assert_passed_over(fixture_need(f, ACTION_RECORD), 10, 20, 2);
        assert_true(after[i] || f->kept[f->count - 1].kind == ACTION_STOPPED);
        fixture_destroy(f);
    }
}

static void pause_stays_over_reloads_that_move_the_task(void **state) {
    struct fixture *f = fixture_create(POOL(1) TASK);
    (void)state;
    set_paused(f, "a", true);
    fixture_reload(f, POOL(2) "[task x]\nevery = 1d\ncommand = true\n" TASK);
    assert_false(fixture_core_task(f, "x")->paused);
    fixture_pass(f, 10 * S);
    assert_null(fixture_find(f, ACTION_START));
    fixture_destroy(f);
}

/* The wall clock is set back: instants come round again, and no record goes backwards. */
static void pause_over_a_clock_set_back_is_two_records(void **state) {
    struct fixture *f = fixture_create(POOL(1) TASK);
    (void)state;
    set_paused(f, "a", true);
    fixture_pass(f, 10 * S);
    f->wall.us -= 3600 * S;
    fixture_tick(f);
    f->count = 0;
    fixture_pass(f, 10 * S);
    assert_passed_over(fixture_need(f, ACTION_RECORD), 10, 10, 1);
    set_paused(f, "a", false);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.occurrence_count, 1);
    fixture_destroy(f);
}

/* What a pause meets: waiting, held back, delayed runs end as skipped; what runs or is half done finishes. */
static void pause_skips_what_waits_and_lets_run_what_runs(void **state) {
    struct fixture *f = fixture_create(POOL(1) "[task a]\nevery = 10s\nphase = 0\noverlap = queue\nsql = SELECT 1\n");
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    struct handle run = fixture_started(f, "a");
    fixture_pass(f, 10 * S); /* held back behind it */
    set_paused(f, "a", true);
    assert_int_equal(fixture_count(f, ACTION_RECORD), 1);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_PAUSED);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.run_number, 2);
    assert_null(fixture_find(f, ACTION_CANCEL));
    fixture_end(f, run, OUTCOME_OK);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome, OUTCOME_OK);
    assert_null(fixture_find(f, ACTION_START));
    fixture_destroy(f);
}

#define RETRIED TASK "retries = 3\nretry_delay = 5s\n"

static void pause_ends_retries(void **state) {
    static const struct {
        const char *name;
        bool pause_first; /* before the attempt fails */
        bool triggered;
        enum action_kind expected;
    } table[] = {
        {"delayed", false, false, ACTION_RECORD},
        {"fails while paused", true, false, ACTION_RECORD},
        {"triggered, fails while paused", true, true, ACTION_RETRY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture *f = fixture_create_unarmed(POOL(1) RETRIED);
        fixture_trigger(f, "a");
        struct handle run = fixture_started(f, "a");
        core_run(f->core, run)->triggered = table[i].triggered;
        if (table[i].pause_first)
            set_paused(f, "a", true);
        fixture_end(f, run, OUTCOME_FAILED);
        if (!table[i].pause_first)
            set_paused(f, "a", true);
        if (!fixture_find(f, table[i].expected))
            fail_msg("%s", table[i].name);
        if (table[i].expected == ACTION_RECORD)
            assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome,
                             table[i].pause_first ? OUTCOME_FAILED : OUTCOME_SKIPPED);
        fixture_destroy(f);
    }
}

static void pause_lets_a_triggered_run_through(void **state) {
    struct fixture *f = fixture_create(POOL(1) TASK);
    (void)state;
    set_paused(f, "a", true);
    fixture_pass(f, 10 * S);
    fixture_trigger(f, "a");
    struct handle run = fixture_started(f, "a");
    fixture_pass(f, 10 * S);
    fixture_end(f, run, OUTCOME_OK);
    const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
    assert_true(record->triggered);
    assert_int_equal(record->occurrence_count, 0);
    set_paused(f, "a", false);
    assert_passed_over(fixture_need(f, ACTION_RECORD), 10, 20, 2);
    assert_false(fixture_need(f, ACTION_RECORD)->record.triggered);
    fixture_destroy(f);
}

/* Neither time nor a reload makes it due; a reload may give it an interval, and take that away again. */
static void task_without_an_interval_runs_when_triggered(void **state) {
    struct fixture *f = fixture_create(POOL(1) "[task a]\ntokens = 0\ncommand = true\n");
    (void)state;
    fixture_pass(f, 400 * US_PER_DAY);
    assert_int_equal(f->count, 0);
    assert_false(due_has(&f->core->due, 0));
    fixture_trigger(f, "a");
    struct handle run = fixture_started(f, "a");
    fixture_end(f, run, OUTCOME_OK);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.occurrence_count, 0);
    fixture_reload(f, POOL(1) TASK);
    fixture_pass(f, 10 * S);
    fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
    fixture_reload(f, POOL(1) "[task a]\ntokens = 0\ncommand = true\n");
    assert_false(due_has(&f->core->due, 0));
    fixture_destroy(f);
}

static void trigger_is_refused_for_a_reason(void **state) {
    static const struct {
        const char *more; /* of the task */
        bool runs, waits, drains;
        enum trigger_verdict expected;
    } table[] = {
        {"", false, false, false, TRIGGER_FINE},
        {"overlap = skip\n", true, false, false, TRIGGER_OVERLAPS},
        {"overlap = queue\n", true, false, false, TRIGGER_FINE},
        {"overlap = allow\n", true, false, false, TRIGGER_FINE},
        {"overlap = queue\n", true, true, false, TRIGGER_WAITS},
        {"enabled = off\n", false, false, false, TRIGGER_DISABLED},
        {"", false, false, true, TRIGGER_STOPPING},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char ini[256];
        snprintf(ini, sizeof ini, "%s%s", POOL(1) TASK, table[i].more);
        struct fixture *f = fixture_create_unarmed(ini);
        if (table[i].runs)
            fixture_trigger(f, "a");
        if (table[i].waits)
            fixture_trigger(f, "a");
        if (table[i].drains)
            fixture_drain(f);
        if (hands_may_trigger(f->core, 0) != table[i].expected)
            fail_msg("%zu", i);
        set_paused(f, "a", true);
        assert_int_equal(hands_may_trigger(f->core, 0), table[i].expected);
        fixture_destroy(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pause_is_one_record_when_it_is_over),
        cmocka_unit_test(pause_without_occurrences_is_no_record),
        cmocka_unit_test(pause_is_recorded_every_hour),
        cmocka_unit_test(pause_is_recorded_by_drain_and_reload),
        cmocka_unit_test(pause_stays_over_reloads_that_move_the_task),
        cmocka_unit_test(pause_over_a_clock_set_back_is_two_records),
        cmocka_unit_test(pause_skips_what_waits_and_lets_run_what_runs),
        cmocka_unit_test(pause_ends_retries),
        cmocka_unit_test(pause_lets_a_triggered_run_through),
        cmocka_unit_test(task_without_an_interval_runs_when_triggered),
        cmocka_unit_test(trigger_is_refused_for_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
