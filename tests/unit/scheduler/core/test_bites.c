/* Work in bites, on a whole core: who has a turn between two, and how a run of them ends. */
#include "tests/unit/fixture.h"

#include <string.h>

#define S  US_PER_S
#define MS US_PER_MS

#define POOL(size)  "[pool p]\nsize = " #size "\nidle = 1h\nrecycle = 1h\nping = 1h\n"
#define TASK(name)  "[task " name "]\nevery = 1h\nphase = 0\nsql = SELECT 1\n"
#define BITES(name) "[task " name "]\nevery = 1h\nphase = 0\nsql = DELETE FROM x\nrepeat = rows\n"

static const struct run *run_of(const struct fixture *f, struct handle handle) {
    const struct run *run = core_run(f->core, handle);
    assert_non_null(run);
    return run;
}

static const struct record *record_of(const struct fixture *f, struct handle run) {
    for (uint32_t i = 0; i < f->count; i++)
        if (f->kept[i].kind == ACTION_RECORD && handle_is(f->kept[i].run, run))
            return &f->kept[i].record;
    fail_msg("no record");
    return NULL;
}

/* A bite ends, and its session is clean after it. */
static void end(struct fixture *f, struct handle run, enum outcome outcome, uint64_t rows) {
    struct handle session = run_of(f, run)->session;
    fixture_end_with(f, run, outcome, FAILURE_OTHER, rows);
    if (core_session(f->core, session) && core_session(f->core, session)->state == CORE_SESSION_CLEANING) {
        struct fixture ended = *f; /* what its end brought stays to be looked at */
        fixture_session(f, EVENT_SESSION_READY, session);
        if (fixture_find(f, ACTION_SAMPLE))
            fixture_sample(f, session, 0);
        if (!core_run(f->core, run)) {
            f->count = ended.count;
            memcpy(f->kept, ended.kept, sizeof f->kept);
        }
    }
}

static bool runs(const struct fixture *f, struct handle run) {
    return run_of(f, run)->state == RUN_RUNNING;
}

static void bites_go_on_until_one_changes_nothing(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) BITES("a"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    uint64_t number = run_of(f, run)->number;
    for (uint32_t i = 1; i <= 5; i++) {
        fixture_advance(f, 10 * MS);
        end(f, run, OUTCOME_OK, 1000);
        assert_int_equal(run_of(f, run)->state, RUN_DELAYED);
        fixture_pass(f, 9 * MS);
        assert_false(runs(f, run));
        fixture_pass(f, 1 * MS); /* a break as long as the bite */
        assert_true(runs(f, run)); /* again, on the session that is clean */
        assert_int_equal(run_of(f, run)->bites.count, i);
        assert_int_equal(run_of(f, run)->bites.gave_way_us, 10 * MS * i);
        assert_int_equal(run_of(f, run)->number, number);
        assert_int_equal(fixture_core_task(f, "a")->running_count, 1);
    }
    fixture_advance(f, 10 * MS);
    end(f, run, OUTCOME_OK, 0);
    const struct record *record = record_of(f, run);
    assert_int_equal(record->outcome, OUTCOME_OK);
    assert_int_equal(record->bite_count, 6);
    assert_int_equal(record->row_count, 5000);
    assert_int_equal(record->took_us, 110 * MS);
    assert_int_equal(record->session_us, 60 * MS);
    assert_int_equal(record->lateness_us, 0);
    assert_int_equal(record->rest, SKIP_NONE);
    assert_int_equal(fixture_core_task(f, "a")->stats.ok_count, 1);
    assert_int_equal(fixture_core_task(f, "a")->stats.bite_count, 6);
    assert_int_equal(f->core->begun_count, 0);
    fixture_destroy(f);
}

static void bites_do_not_go_on_without_the_key(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) TASK("a"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    end(f, run, OUTCOME_OK, 1000);
    assert_int_equal(record_of(f, run)->bite_count, 0);
    fixture_destroy(f);
}

static void bites_give_their_token_to_who_waited_longer(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) BITES("a") TASK("b"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    fixture_advance(f, 10 * MS);
    fixture_trigger(f, "b");
    assert_null(fixture_find(f, ACTION_START));
    fixture_advance(f, 10 * MS);
    struct handle session = run_of(f, run)->session;
    fixture_end_with(f, run, OUTCOME_OK, FAILURE_OTHER, 1000);
    fixture_session(f, EVENT_SESSION_READY, session);
    struct handle other = fixture_started(f, "b");
    fixture_pass(f, 20 * MS);
    assert_int_equal(run_of(f, run)->state, RUN_WAITING);
    assert_int_equal(run_of(f, run)->session.generation, 0);
    fixture_advance(f, 50 * MS);
    end(f, other, OUTCOME_OK, 1);
    assert_true(runs(f, run));
    assert_int_equal(run_of(f, run)->bites.gave_way_us, 70 * MS);
    end(f, run, OUTCOME_OK, 0);
    assert_int_equal(record_of(f, run)->bite_count, 2);
    fixture_destroy(f);
}

static void bites_end_after_the_most_of_them(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) BITES("a") "repeat_most = 3\n");
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    end(f, run, OUTCOME_OK, 7);
    end(f, run, OUTCOME_OK, 7);
    end(f, run, OUTCOME_OK, 7);
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_OK);
    assert_int_equal(record_of(f, run)->bite_count, 3);
    assert_int_equal(record_of(f, run)->rest, SKIP_BITES);
    fixture_destroy(f);
}

static void bites_end_at_a_failure_with_what_was_done(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) BITES("a") "retries = 1\nretry_delay = 1s..1s\n");
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    for (int i = 0; i < 3; i++) { /* each bite has its own attempts */
        end(f, run, OUTCOME_FAILED, 0);
        assert_int_equal(run_of(f, run)->state, RUN_DELAYED);
        fixture_pass(f, 1 * S);
        assert_true(runs(f, run));
        end(f, run, OUTCOME_OK, 10);
        assert_true(runs(f, run));
    }
    end(f, run, OUTCOME_FAILED, 0);
    fixture_pass(f, 1 * S);
    end(f, run, OUTCOME_FAILED, 0);
    const struct record *record = record_of(f, run);
    assert_int_equal(record->outcome, OUTCOME_FAILED);
    assert_int_equal(record->bite_count, 3);
    assert_int_equal(record->row_count, 30);
    assert_int_equal(record->attempt_count, 5);
    assert_int_equal(fixture_core_task(f, "a")->failed_in_row, 0); /* three were done: that is progress */
    fixture_destroy(f);
}

static void bites_that_are_lost_are_followed_by_another(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) BITES("a"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    end(f, run, OUTCOME_OK, 10);
    fixture_end_with(f, run, OUTCOME_UNKNOWN, FAILURE_OTHER, 0);
    assert_int_equal(run_of(f, run)->state, RUN_DELAYED);
    fixture_destroy(f);
    f = fixture_create_unarmed(POOL(1) BITES("a"));
    run = fixture_first_run(f, "a"); /* the first may not be on record */
    fixture_end_with(f, run, OUTCOME_UNKNOWN, FAILURE_OTHER, 0);
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_UNKNOWN);
    fixture_destroy(f);
}

/* A bite of a millisecond ends, and the look that is due after it shows so many active sessions of the application. */
static void end_before_a_look(struct fixture *f, struct handle run, int32_t active_count) {
    struct handle session = run_of(f, run)->session;
    struct sample sample = fixture_roomy();
    sample.active_count = active_count;
    fixture_advance(f, 1 * MS);
    fixture_end_with(f, run, OUTCOME_OK, FAILURE_OTHER, 10);
    fixture_session(f, EVENT_SESSION_READY, session);
    fixture_need(f, ACTION_SAMPLE);
    fixture_look(f, session, &sample);
}

static void bites_have_long_breaks_while_the_application_is_under_pressure(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) BITES("a"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    fixture_pass(f, 2 * S);
    end_before_a_look(f, run, 9); /* more than 4 for each of the 2 processors */
    fixture_pass(f, 999 * MS);
    assert_int_equal(run_of(f, run)->state, RUN_DELAYED); /* a bite of 2 s has a break of a second, too */
    fixture_pass(f, 1 * MS);
    for (int i = 3; i > 0; i--) {
        assert_true(runs(f, run));
        end_before_a_look(f, run, i > 1 ? 9 : 0);
        fixture_pass(f, 999 * MS);
        assert_int_equal(run_of(f, run)->state, RUN_DELAYED);
        fixture_pass(f, 1 * MS);
    }
    fixture_advance(f, 1 * MS);
    end(f, run, OUTCOME_OK, 10);
    fixture_pass(f, 1 * MS);
    assert_true(runs(f, run));
    fixture_destroy(f);
}

/* A run that waits between two of its bites, as a run of b has the only token. */
static struct handle between_two(struct fixture *f, struct handle *ret_other) {
    struct handle run = fixture_first_run(f, "a"), session = run_of(f, run)->session;
    fixture_trigger(f, "b"); /* the bite took no time, so there is no break */
    fixture_end_with(f, run, OUTCOME_OK, FAILURE_OTHER, 10);
    fixture_session(f, EVENT_SESSION_READY, session);
    *ret_other = fixture_started(f, "b");
    assert_int_equal(run_of(f, run)->state, RUN_WAITING);
    return run;
}

static void expect_left(const struct fixture *f, struct handle run, enum skip_cause rest) {
    const struct record *record = record_of(f, run);
    assert_int_equal(record->outcome, OUTCOME_OK);
    assert_int_equal(record->bite_count, 1);
    assert_int_equal(record->row_count, 10);
    assert_int_equal(record->rest, rest);
}

static void bites_end_between_two_at_a_pause_a_drain_and_a_reload(void **state) {
    struct handle other;
    (void)state;
    struct fixture *f = fixture_create_unarmed(POOL(1) BITES("a") TASK("b"));
    struct handle run = between_two(f, &other);
    fixture_step(f, (struct event){.kind = EVENT_PAUSE, .task = fixture_task(f, "a"), .pause.paused = true});
    expect_left(f, run, SKIP_PAUSED); /* though it was triggered */
    fixture_destroy(f);
    f = fixture_create_unarmed(POOL(1) BITES("a") TASK("b"));
    run = between_two(f, &other);
    fixture_drain(f);
    expect_left(f, run, SKIP_DRAIN);
    fixture_destroy(f);
    f = fixture_create_unarmed(POOL(1) BITES("a") TASK("b"));
    run = between_two(f, &other);
    fixture_reload(f, POOL(1) TASK("a") TASK("b"));
    expect_left(f, run, SKIP_REMOVED);
    fixture_destroy(f);
    f = fixture_create_unarmed(POOL(1) BITES("a") TASK("b"));
    run = between_two(f, &other);
    fixture_reload(f, POOL(1) TASK("b"));
    expect_left(f, run, SKIP_REMOVED);
    fixture_destroy(f);
}

static void bites_under_way_are_the_last_after_a_pause(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) BITES("a"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    fixture_step(f, (struct event){.kind = EVENT_PAUSE, .task = fixture_task(f, "a"), .pause.paused = true});
    assert_true(runs(f, run));
    fixture_step(f, (struct event){.kind = EVENT_PAUSE, .task = fixture_task(f, "a"), .pause.paused = false});
    end(f, run, OUTCOME_OK, 10);
    expect_left(f, run, SKIP_PAUSED);
    fixture_destroy(f);
}

static void bites_stay_through_a_reload_that_changes_nothing_of_them(void **state) {
    struct handle other;
    struct fixture *f = fixture_create_unarmed(POOL(1) BITES("a") TASK("b"));
    (void)state;
    struct handle run = between_two(f, &other);
    fixture_reload(f, POOL(1) BITES("a") "repeat_most = 2\n" TASK("b"));
    assert_int_equal(run_of(f, run)->state, RUN_WAITING);
    end(f, other, OUTCOME_OK, 1);
    assert_true(runs(f, run));
    end(f, run, OUTCOME_OK, 10);
    assert_int_equal(record_of(f, run)->rest, SKIP_BITES); /* as the new file says */
    fixture_destroy(f);
}

/* The wall clock starts at 01:46:40. */
static void bites_end_when_their_window_closes_in_a_break(void **state) {
    struct fixture *f = fixture_create(POOL(1) "[task a]\nevery = 1d\nphase = 1h46m50s\nwindow = 01:00-01:47\n"
                                               "sql = DELETE FROM x\nrepeat = rows\n");
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    struct handle run = fixture_started(f, "a");
    fixture_pass(f, 9500 * MS);
    end(f, run, OUTCOME_OK, 10);
    assert_int_equal(run_of(f, run)->state, RUN_DELAYED);
    fixture_pass(f, 1 * S);
    expect_left(f, run, SKIP_WINDOW);
    fixture_destroy(f);
}

static void bites_of_a_run_are_one_for_what_falls_due_meanwhile(void **state) {
    struct fixture *f = fixture_create(POOL(1) BITES("a"));
    (void)state;
    int64_t to_us = US_PER_H - f->wall.us % US_PER_H;
    fixture_pass(f, to_us);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    struct handle run = fixture_started(f, "a");
    end(f, run, OUTCOME_OK, 10);
    fixture_pass(f, US_PER_H);
    const struct action *skipped = fixture_need(f, ACTION_RECORD);
    assert_int_equal(skipped->record.skip, SKIP_OVERLAP);
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bites_go_on_until_one_changes_nothing),
        cmocka_unit_test(bites_do_not_go_on_without_the_key),
        cmocka_unit_test(bites_give_their_token_to_who_waited_longer),
        cmocka_unit_test(bites_end_after_the_most_of_them),
        cmocka_unit_test(bites_end_at_a_failure_with_what_was_done),
        cmocka_unit_test(bites_that_are_lost_are_followed_by_another),
        cmocka_unit_test(bites_have_long_breaks_while_the_application_is_under_pressure),
        cmocka_unit_test(bites_end_between_two_at_a_pause_a_drain_and_a_reload),
        cmocka_unit_test(bites_under_way_are_the_last_after_a_pause),
        cmocka_unit_test(bites_stay_through_a_reload_that_changes_nothing_of_them),
        cmocka_unit_test(bites_end_when_their_window_closes_in_a_break),
        cmocka_unit_test(bites_of_a_run_are_one_for_what_falls_due_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
