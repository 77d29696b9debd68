#include "tests/unit/fixture.h"

#include <stdio.h>

#include "scheduler/core/hands.h"
#include "scheduler/core/opening.h"

/* The wall clock begins on Sunday 2001-09-09 at 01:46:40 UTC. */
#define OPENS_S  800                  /* at 02:00 */
#define CLOSES_S (OPENS_S + 2 * 3600) /* at 04:00 */
#define WINDOW   "window = 02:00-04:00\n"
#define POOL     "[pool p]\nsize = 1\n"
#define COMMAND  "tokens = 0\ncommand = true\n"
#define HOURLY   "[task a]\nevery = 1h\nphase = 55min\n" COMMAND /* due 500 s after the start */
#define MINUTELY "[task a]\nevery = 1min\nphase = 0\n" COMMAND

#define S US_PER_S

static const struct run *waiting(const struct fixture *f) {
    uint32_t run = fixture_core_task(f, "a")->waiting_run;
    assert_int_not_equal(run, INDEX_NONE);
    return &f->core->runs[run];
}

/* The session is asked whether it lives, and what the database is like. */
static void answer_checks(struct fixture *f) {
    const struct action *action;
    while ((action = fixture_find(f, ACTION_CHECK)) || (action = fixture_find(f, ACTION_SAMPLE))) {
        struct handle session = action->session;
        if (action->kind == ACTION_CHECK)
            fixture_session(f, EVENT_SESSION_READY, session);
        else
            fixture_sample(f, session, 0);
    }
}

/* To so many seconds after the start, with a step at each instant that the core asks for, as the daemon has.
 */
static uint32_t pass_until(struct fixture *f, int64_t at_s, enum action_kind kind) {
    uint32_t count = 0;
    while (f->now.us < at_s * S) {
        int64_t next_us = core_next_wake(f->core).us;
        next_us = next_us > at_s * S ? at_s * S : next_us;
        fixture_pass(f, next_us > f->now.us ? next_us - f->now.us : 0);
        count += fixture_count(f, kind);
        answer_checks(f);
    }
    return count;
}

static int64_t spread_of_a(const struct fixture *f, int64_t opened_s) {
    const struct task *task = fixture_core_task(f, "a")->definition;
    return window_spread_us(task->window, task->zone, (struct wall){WALL_START_US + opened_s * S}, "a");
}

static void outside_waits_for_the_opening_and_its_share_of_the_first_minutes(void **state) {
    struct fixture *f = fixture_create(POOL HOURLY WINDOW);
    (void)state;
    fixture_pass(f, 500 * S);
    assert_null(fixture_find(f, ACTION_START));
    assert_int_equal(waiting(f)->held, HELD_BY_WINDOW);
    int64_t at = OPENS_S * S + spread_of_a(f, OPENS_S);
    assert_in_range(at, OPENS_S * S, (OPENS_S + 600) * S);
    assert_true(core_next_wake(f->core).us == at);
    fixture_pass(f, at - f->now.us - 1);
    assert_null(fixture_find(f, ACTION_START));
    fixture_pass(f, 1);
    struct handle run = fixture_started(f, "a");
    fixture_end(f, run, OUTCOME_OK);
    const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
    assert_int_equal(record->occurrence_count, 1);
    assert_true(record->due_first.us == WALL_START_US + 500 * S);
    assert_true(record->lateness_us == 0); /* it was not to be earlier */
    fixture_destroy(f);
}

/* One run for all, and one more due instant inside lets it begin at once. */
static void what_falls_due_outside_is_one_run_with_the_first_that_falls_inside(void **state) {
    struct fixture *f = fixture_create(POOL MINUTELY WINDOW);
    (void)state;
    assert_int_equal(pass_until(f, OPENS_S - 1, ACTION_START), 0);
    assert_int_equal(waiting(f)->occurrence_count, 13);
    fixture_pass(f, 1 * S);
    fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
    const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
    assert_int_equal(record->occurrence_count, 14);
    assert_true(record->due_last.us == WALL_START_US + OPENS_S * S);
    assert_int_equal(fixture_core_task(f, "a")->stats.merged_count, 13);
    fixture_destroy(f);
}

/* The wall clock lags a little behind the one by which things are due: what is due with the opening is
 * inside. */
static void due_with_the_opening_is_inside(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\nevery = 1d\nphase = 2h\n" COMMAND WINDOW);
    (void)state;
    fixture_advance(f, OPENS_S * S);
    f->wall.us -= 3 * US_PER_MS;
    fixture_tick(f);
    fixture_started(f, "a");
    fixture_destroy(f);
}

static void due_with_the_closing_is_outside(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\nevery = 1d\nphase = 4h\n" COMMAND WINDOW);
    (void)state;
    assert_int_equal(pass_until(f, CLOSES_S, ACTION_START), 0);
    assert_int_equal(waiting(f)->held, HELD_BY_WINDOW);
    assert_int_equal(pass_until(f, CLOSES_S + 22 * 3600 + 600, ACTION_START), 1);
    fixture_destroy(f);
}

static void outside_skip_is_counted_and_recorded_every_hour_and_at_the_opening(void **state) {
    struct fixture *f = fixture_create(POOL MINUTELY WINDOW "outside = skip\n");
    (void)state;
    pass_until(f, OPENS_S - 1, ACTION_RECORD);
    assert_int_equal(fixture_core_task(f, "a")->stats.skipped_count, 13);
    fixture_pass(f, 1 * S);
    const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
    assert_int_equal(record->skip, SKIP_WINDOW);
    assert_int_equal(record->occurrence_count, 13);
    struct handle run = fixture_started(f, "a");
    fixture_end(f, run, OUTCOME_OK);
    for (int i = 0; i < 119; i++) {
        fixture_pass(f, 60 * S);
        fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
    }
    assert_int_equal(pass_until(f, CLOSES_S + 22 * 3600 - 1, ACTION_RECORD), 21);
    assert_int_equal(fixture_core_task(f, "a")->stats.skipped_count, 13 + 22 * 60);
    fixture_destroy(f);
}

static void outside_skip_of_a_paused_task_is_the_pauses(void **state) {
    struct fixture *f = fixture_create(POOL MINUTELY WINDOW "outside = skip\n");
    struct event pause = {.kind = EVENT_PAUSE, .task = 0, .pause.paused = true};
    (void)state;
    fixture_pass(f, 60 * S);
    fixture_step(f, pause);
    fixture_pass(f, 60 * S);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_WINDOW);
    pause.pause.paused = false;
    fixture_step(f, pause);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_PAUSED);
    fixture_destroy(f);
}

/* What waits for a token when the window closes waits for the next opening, and in no line. */
static void waiting_run_is_held_when_the_window_closes(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\nevery = 1d\nphase = 3h59min\nsql = SELECT 1\n" WINDOW
                                            "[task b]\nevery = 1d\nphase = 3h\nsql = SELECT 1\n");
    (void)state;
    struct handle other = fixture_first_run(f, "b");
    pass_until(f, CLOSES_S - 1, ACTION_START);
    assert_int_equal(waiting(f)->state, RUN_WAITING);
    fixture_pass(f, 1 * S);
    assert_int_equal(waiting(f)->held, HELD_BY_WINDOW);
    assert_int_equal(queue_count(&f->core->pools[0].queue), 0);
    fixture_end(f, other, OUTCOME_OK);
    assert_null(fixture_find(f, ACTION_START));
    fixture_destroy(f);
}

/* So does what waits for its group: it is not skipped for what its window keeps from it. */
static void run_that_waits_for_its_group_is_held_when_the_window_closes(void **state) {
    struct fixture *f = fixture_create("[group g]\nlimit = 1\n" POOL "[task a]\nevery = 1d\nphase = 3h59min\n" COMMAND
                                       "group = g\nstart_deadline = 10min\n" WINDOW "[task b]\nevery = 1d\nphase = 3h\n" COMMAND
                                       "group = g\n");
    (void)state;
    pass_until(f, CLOSES_S - 3600, ACTION_START);
    struct handle other = fixture_started(f, "b");
    pass_until(f, CLOSES_S - 1, ACTION_START);
    assert_int_equal(waiting(f)->held, HELD_BY_GROUP);
    fixture_pass(f, 1 * S);
    assert_int_equal(waiting(f)->held, HELD_BY_WINDOW);
    assert_int_equal(pass_until(f, CLOSES_S + 3600, ACTION_RECORD), 0);
    fixture_end(f, other, OUTCOME_OK);
    assert_null(fixture_find(f, ACTION_START));
    assert_int_equal(pass_until(f, CLOSES_S + 22 * 3600 + 600, ACTION_START), 1);
    fixture_destroy(f);
}

static void retry_is_held_when_the_window_has_closed(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\nevery = 1d\nphase = 3h59min\n" COMMAND WINDOW
                                            "retries = 1\nretry_delay = 5min..5min\n");
    (void)state;
    pass_until(f, CLOSES_S - 60, ACTION_START);
    fixture_end(f, fixture_started(f, "a"), OUTCOME_FAILED);
    assert_int_equal(waiting(f)->state, RUN_DELAYED);
    assert_int_equal(pass_until(f, CLOSES_S + 300, ACTION_START), 0);
    assert_int_equal(waiting(f)->held, HELD_BY_WINDOW);
    pass_until(f, CLOSES_S + 22 * 3600, ACTION_START);
    fixture_pass(f, spread_of_a(f, CLOSES_S + 22 * 3600));
    fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
    const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
    assert_int_equal(record->attempt_count, 2);
    assert_true(record->lateness_us == 0); /* of its first attempt */
    fixture_destroy(f);
}

static void running_run_finishes_when_the_window_closes(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\nevery = 1d\nphase = 3h59min\n" COMMAND WINDOW);
    (void)state;
    pass_until(f, CLOSES_S - 60, ACTION_START);
    struct handle run = fixture_started(f, "a");
    assert_int_equal(pass_until(f, CLOSES_S + 60, ACTION_CANCEL), 0);
    fixture_end(f, run, OUTCOME_OK);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome, OUTCOME_OK);
    fixture_destroy(f);
}

/* It is cancelled, which is no failure: nothing is put on hold for it. */
static void running_run_is_cancelled_with_the_window(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\nevery = 1d\nphase = 3h59min\n" COMMAND WINDOW
                                            "window_end = cancel\nhold_after = 1\nretries = 3\n");
    (void)state;
    pass_until(f, CLOSES_S - 60, ACTION_START);
    struct handle run = fixture_started(f, "a");
    assert_int_equal(pass_until(f, CLOSES_S - 1, ACTION_CANCEL), 0);
    fixture_pass(f, 1 * S);
    assert_true(handle_is(fixture_need(f, ACTION_CANCEL)->run, run));
    assert_int_equal(pass_until(f, CLOSES_S + 4, ACTION_ABORT), 0);
    assert_int_equal(pass_until(f, CLOSES_S + 5, ACTION_ABORT), 1);
    fixture_end_with(f, run, OUTCOME_FAILED, FAILURE_CANCEL, 0);
    const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
    assert_int_equal(record->outcome, OUTCOME_CANCELLED);
    assert_true(record->shut_out);
    assert_null(fixture_find(f, ACTION_HOLD));
    assert_null(fixture_find(f, ACTION_RETRY));
    fixture_destroy(f);
}

#define STAGED "[task a]\nevery = 1d\nphase = 3h59min\nread = r\nwork = w\nwrite = x\n" WINDOW

static struct handle read_before_the_window_closes(struct fixture *f) {
    pass_until(f, CLOSES_S - 60, ACTION_START);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    struct handle run = fixture_started(f, "a");
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    return run;
}

/* What has begun goes through all its stages, also behind the closing. */
static void stages_are_finished_behind_the_closing(void **state) {
    struct fixture *f = fixture_create(POOL STAGED);
    (void)state;
    struct handle run = read_before_the_window_closes(f);
    assert_int_equal(pass_until(f, CLOSES_S + 60, ACTION_CANCEL), 0);
    fixture_end(f, run, OUTCOME_OK);
    answer_checks(f);
    fixture_started(f, "a");
    assert_int_equal(core_run(f->core, run)->stage, STAGE_WRITE);
    assert_int_not_equal(core_run(f->core, run)->state, RUN_HELD);
    fixture_destroy(f);
}

/* With window_end = cancel its work is stopped; what that printed is written all the same. */
static void cancelled_work_is_written(void **state) {
    struct fixture *f = fixture_create(POOL STAGED "window_end = cancel\n");
    (void)state;
    struct handle run = read_before_the_window_closes(f);
    assert_int_equal(pass_until(f, CLOSES_S, ACTION_CANCEL), 1);
    fixture_end_with(f, run, OUTCOME_FAILED, FAILURE_CANCEL, 1);
    answer_checks(f);
    assert_int_equal(core_run(f->core, run)->stage, STAGE_WRITE);
    assert_int_equal(pass_until(f, CLOSES_S + 10, ACTION_CANCEL), 0);
    fixture_end(f, run, OUTCOME_OK);
    const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
    assert_int_equal(record->outcome, OUTCOME_CANCELLED);
    assert_true(record->shut_out);
    fixture_destroy(f);
}

#define BITES "[task a]\nevery = 1d\nphase = 3h59min\nsql = DELETE FROM x\nrepeat = rows\n" WINDOW

/* Work in bites ends when its window closes: the bite under way is its last. The rest is the next run's. */
static void no_bite_begins_behind_the_closing(void **state) {
    struct fixture *f = fixture_create(POOL BITES);
    (void)state;
    struct handle run = read_before_the_window_closes(f); /* its first bite */
    fixture_started(f, "a");
    assert_int_equal(pass_until(f, CLOSES_S + 10, ACTION_CANCEL), 0);
    fixture_end(f, run, OUTCOME_OK);
    const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
    assert_int_equal(record->outcome, OUTCOME_OK);
    assert_int_equal(record->bite_count, 2);
    assert_int_equal(record->rest, SKIP_WINDOW);
    fixture_destroy(f);
}

/* A run that waits for its second bite, behind the run of another task. */
static struct handle wait_between_two_bites(struct fixture *f) {
    pass_until(f, CLOSES_S - 60, ACTION_START);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    struct handle run = fixture_started(f, "a");
    fixture_trigger(f, "b");
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    answer_checks(f);
    pass_until(f, CLOSES_S - 50, ACTION_START); /* its break is over */
    assert_int_equal(core_run(f->core, run)->state, RUN_WAITING);
    return run;
}

static void bite_that_waits_when_the_window_closes_does_not_begin(void **state) {
    (void)state;
    for (int by_step = 0; by_step < 2; by_step++) {
        struct fixture *f =
            fixture_create(POOL BITES "priority = low\n[task b]\nevery = 1d\nphase = 12h\nsql = SELECT 1\n");
        wait_between_two_bites(f);
        if (by_step)
            f->wall.us += 3600 * S;
        else
            assert_int_equal(pass_until(f, CLOSES_S - 1, ACTION_RECORD), 0);
        fixture_pass(f, 1 * S);
        const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
        assert_int_equal(record->outcome, OUTCOME_OK);
        assert_int_equal(record->rest, SKIP_WINDOW);
        fixture_destroy(f);
    }
}

/* However often it is woken outside, it looks once when the window opens. */
static void wake_outside_waits_for_the_opening(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\nwake = mail\n" COMMAND WINDOW);
    struct event wake = {.kind = EVENT_WAKE, .task = 0};
    (void)state;
    for (int i = 0; i < 3; i++) {
        fixture_step(f, wake);
        assert_null(fixture_find(f, ACTION_START));
        fixture_advance(f, 10 * S);
    }
    assert_int_equal(waiting(f)->held, HELD_BY_WINDOW);
    assert_int_equal(pass_until(f, OPENS_S - 1, ACTION_START), 0);
    assert_int_equal(pass_until(f, CLOSES_S, ACTION_START), 1);
    fixture_destroy(f);
}

static void triggered_run_ignores_the_window(void **state) {
    struct fixture *f = fixture_create(POOL HOURLY WINDOW "window_end = cancel\n");
    (void)state;
    assert_int_equal(hands_may_trigger(f->core, 0), TRIGGER_FINE);
    fixture_trigger(f, "a");
    struct handle run = fixture_started(f, "a");
    assert_int_equal(pass_until(f, CLOSES_S + 60, ACTION_CANCEL), 0);
    fixture_end(f, run, OUTCOME_OK);
    fixture_destroy(f);
}

/* The run that waits for its window is the one that a person wants: it begins, and answers what it did. */
static void trigger_lets_go_of_the_run_that_waits_for_its_window(void **state) {
    struct fixture *f = fixture_create(POOL HOURLY WINDOW);
    (void)state;
    fixture_pass(f, 500 * S);
    assert_int_equal(waiting(f)->held, HELD_BY_WINDOW);
    assert_int_equal(hands_may_trigger(f->core, 0), TRIGGER_FINE);
    fixture_trigger(f, "a");
    fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
    const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
    assert_true(record->triggered);
    assert_int_equal(record->occurrence_count, 1);
    fixture_destroy(f);
}

static void start_deadline_counts_from_the_opening(void **state) {
    struct fixture *f = fixture_create(
        POOL "[task a]\nevery = 1h\nphase = 55min\nsql = SELECT 1\npriority = low\n"
             "start_deadline = 1min\n" WINDOW "[task b]\nevery = 1d\nphase = 12h\nsql = SELECT 1\n");
    (void)state;
    fixture_first_run(f, "b");
    int64_t at_s = OPENS_S + spread_of_a(f, OPENS_S) / S;
    assert_int_equal(pass_until(f, at_s + 59, ACTION_RECORD), 0);
    assert_int_equal(waiting(f)->state, RUN_WAITING);
    assert_int_equal(pass_until(f, at_s + 61, ACTION_RECORD), 1);
    fixture_destroy(f);
}

/* Its own run is still under way: it comes behind that, and is not skipped. */
static void outside_waits_behind_its_own_run(void **state) {
    struct fixture *f = fixture_create(POOL MINUTELY WINDOW);
    (void)state;
    pass_until(f, OPENS_S, ACTION_START);
    struct handle run = fixture_started(f, "a");
    pass_until(f, CLOSES_S + 90, ACTION_START);
    assert_int_equal(waiting(f)->held, HELD_BY_WINDOW);
    assert_int_equal(waiting(f)->occurrence_count, 2);
    pass_until(f, CLOSES_S + 22 * 3600 + 600, ACTION_START);
    assert_int_equal(waiting(f)->held, HELD_BY_OWN_RUN);
    fixture_end(f, run, OUTCOME_OK);
    fixture_started(f, "a");
    fixture_destroy(f);
}

static void clock_set_beyond_the_opening_lets_go_and_back_again_holds(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\nevery = 1d\nphase = 1h55min\nsql = SELECT 1\n" WINDOW
                                            "[task b]\nevery = 1d\nphase = 12h\nsql = SELECT 1\n");
    (void)state;
    struct handle other = fixture_first_run(f, "b");
    fixture_pass(f, 500 * S);
    assert_int_equal(waiting(f)->held, HELD_BY_WINDOW);
    f->wall.us += 1000 * S;
    fixture_tick(f);
    assert_int_equal(waiting(f)->held, HELD_BY_WINDOW); /* for its share of the first minutes */
    fixture_pass(f, 600 * S);
    assert_int_equal(waiting(f)->state, RUN_WAITING);
    f->wall.us -= 1500 * S;
    fixture_tick(f);
    assert_int_equal(waiting(f)->held, HELD_BY_WINDOW);
    fixture_end(f, other, OUTCOME_OK);
    assert_null(fixture_find(f, ACTION_START));
    fixture_destroy(f);
}

static void clock_set_beyond_the_closing_cancels(void **state) {
    struct fixture *f = fixture_create(POOL MINUTELY WINDOW "window_end = cancel\n");
    (void)state;
    pass_until(f, OPENS_S, ACTION_START);
    fixture_started(f, "a");
    f->wall.us += 3 * 3600 * S;
    fixture_tick(f);
    fixture_need(f, ACTION_CANCEL);
    fixture_destroy(f);
}

static void reload_judges_the_waiting_run_anew(void **state) {
    static const struct {
        const char *window;
        bool starts_now, starts_soon;
    } rows[] = {
        {WINDOW, false, false},
        {"", true, true},
        {"window = 01:00-03:00\n", false, true},
        {"window = 05:00-06:00\n", false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fixture *f = fixture_create(POOL HOURLY WINDOW);
        char ini[400];
        fixture_pass(f, 500 * S);
        snprintf(ini, sizeof ini, POOL HOURLY "%s", rows[i].window);
        fixture_reload(f, ini);
        assert_int_equal(fixture_count(f, ACTION_START), rows[i].starts_now);
        assert_int_equal(rows[i].starts_now + pass_until(f, OPENS_S - 1, ACTION_START), rows[i].starts_soon);
        fixture_destroy(f);
    }
}

static void reload_with_a_new_window_holds_what_waits(void **state) {
    struct fixture *f =
        fixture_create(POOL "[task a]\nevery = 1d\nphase = 1h55min\nsql = SELECT 1\n[task b]\n"
                            "every = 1d\nphase = 12h\nsql = SELECT 1\n");
    (void)state;
    fixture_first_run(f, "b");
    fixture_pass(f, 500 * S);
    assert_int_equal(waiting(f)->state, RUN_WAITING);
    fixture_reload(f, POOL "[task a]\nevery = 1d\nphase = 1h55min\nsql = SELECT 1\n" WINDOW
                           "[task b]\nevery = 1d\nphase = 12h\nsql = SELECT 1\n");
    assert_int_equal(waiting(f)->held, HELD_BY_WINDOW);
    fixture_destroy(f);
}

static void drain_and_pause_end_what_waits_for_its_window(void **state) {
    struct fixture *f = fixture_create(POOL HOURLY WINDOW);
    (void)state;
    fixture_pass(f, 500 * S);
    fixture_step(f, (struct event){.kind = EVENT_PAUSE, .task = 0, .pause.paused = true});
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_PAUSED);
    fixture_destroy(f);
    f = fixture_create(POOL HOURLY WINDOW);
    fixture_pass(f, 500 * S);
    fixture_drain(f);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_DRAIN);
    fixture_need(f, ACTION_STOPPED);
    fixture_destroy(f);
}

/* --- what was missed while no daemon ran --- */

static void restore(struct fixture *f, int64_t answered_s) {
    struct event event = {.kind = EVENT_RESTORED, .task = 0};
    event.restored.answered_until.us = WALL_START_US + answered_s * S;
    fixture_step(f, event);
}

static void missed_waits_for_the_window(void **state) {
    struct fixture *f = fixture_create(POOL HOURLY WINDOW);
    (void)state;
    restore(f, -24 * 3600);
    assert_null(fixture_find(f, ACTION_START));
    assert_int_equal(waiting(f)->held, HELD_BY_WINDOW);
    assert_int_equal(waiting(f)->occurrence_count, 24);
    fixture_destroy(f);
}

static void each_that_was_missed_waits_for_the_window(void **state) {
    struct fixture *f = fixture_create(POOL HOURLY WINDOW "catch_up = all\n");
    (void)state;
    restore(f, -4 * 3600);
    assert_null(fixture_find(f, ACTION_START));
    assert_int_equal(pass_until(f, OPENS_S + 600, ACTION_START), 1);
    fixture_end(f, (struct handle){0, 1}, OUTCOME_OK);
    fixture_started(f, "a"); /* the next one, at once */
    fixture_destroy(f);
}

/* What would have been skipped outside is skipped, up to the first that fell due inside. */
static void missed_outside_is_skipped_where_outside_is(void **state) {
    struct fixture *f = fixture_create(POOL HOURLY WINDOW "outside = skip\n");
    (void)state;
    restore(f, -24 * 3600); /* from 01:55 of the day before: 02:55 is inside */
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.occurrence_count, 1);
    assert_int_equal(waiting(f)->occurrence_count, 23);
    fixture_destroy(f);
    f = fixture_create(POOL HOURLY WINDOW "outside = skip\n");
    restore(f, -20 * 3600);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_WINDOW);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.occurrence_count, 20);
    assert_int_equal(fixture_core_task(f, "a")->waiting_run, INDEX_NONE);
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outside_waits_for_the_opening_and_its_share_of_the_first_minutes),
        cmocka_unit_test(what_falls_due_outside_is_one_run_with_the_first_that_falls_inside),
        cmocka_unit_test(due_with_the_opening_is_inside),
        cmocka_unit_test(due_with_the_closing_is_outside),
        cmocka_unit_test(outside_skip_is_counted_and_recorded_every_hour_and_at_the_opening),
        cmocka_unit_test(outside_skip_of_a_paused_task_is_the_pauses),
        cmocka_unit_test(waiting_run_is_held_when_the_window_closes),
        cmocka_unit_test(run_that_waits_for_its_group_is_held_when_the_window_closes),
        cmocka_unit_test(retry_is_held_when_the_window_has_closed),
        cmocka_unit_test(running_run_finishes_when_the_window_closes),
        cmocka_unit_test(running_run_is_cancelled_with_the_window),
        cmocka_unit_test(stages_are_finished_behind_the_closing),
        cmocka_unit_test(cancelled_work_is_written),
        cmocka_unit_test(no_bite_begins_behind_the_closing),
        cmocka_unit_test(bite_that_waits_when_the_window_closes_does_not_begin),
        cmocka_unit_test(wake_outside_waits_for_the_opening),
        cmocka_unit_test(triggered_run_ignores_the_window),
        cmocka_unit_test(trigger_lets_go_of_the_run_that_waits_for_its_window),
        cmocka_unit_test(start_deadline_counts_from_the_opening),
        cmocka_unit_test(outside_waits_behind_its_own_run),
        cmocka_unit_test(clock_set_beyond_the_opening_lets_go_and_back_again_holds),
        cmocka_unit_test(clock_set_beyond_the_closing_cancels),
        cmocka_unit_test(reload_judges_the_waiting_run_anew),
        cmocka_unit_test(reload_with_a_new_window_holds_what_waits),
        cmocka_unit_test(drain_and_pause_end_what_waits_for_its_window),
        cmocka_unit_test(missed_waits_for_the_window),
        cmocka_unit_test(each_that_was_missed_waits_for_the_window),
        cmocka_unit_test(missed_outside_is_skipped_where_outside_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
