#include "tests/unit/fixture.h"

#include <stdio.h>

#include "scheduler/core/grant.h"
#include "tasks/text.h"

#define S  US_PER_S
#define MS US_PER_MS

/* count tasks t0, t1, ... */
static struct fixture *short_tasks_on(int size, int count, const char *extra) {
    struct text ini = {0};
    text_add(&ini, "[pool p]\nsize = %d\n", size);
    for (int i = 0; i < count; i++)
        text_add(&ini, "[task t%d]\nevery = 10s\nphase = 0\n%ssql = SELECT 1\n", i, extra);
    struct fixture *f = fixture_create_unarmed(ini.bytes);
    text_finish(&ini);
    return f;
}

static struct fixture *short_tasks(int count, const char *extra) {
    return short_tasks_on(8, count, extra);
}

static const char *name_of(int i) {
    static char name[16];
    snprintf(name, sizeof name, "t%d", i);
    return name;
}

/* Each runs once, for 5 ms: then it is known to be short, and its text to suit the extended protocol. */
static struct handle learn(struct fixture *f, int count) {
    struct handle session = HANDLE_NONE;
    for (int i = 0; i < count; i++) {
        struct handle run = i == 0 ? fixture_first_run(f, "t0")
                                   : (fixture_trigger(f, name_of(i)), fixture_started(f, name_of(i)));
        session = core_run(f->core, run)->session;
        fixture_advance(f, 5 * MS);
        fixture_end(f, run, OUTCOME_OK);
        fixture_session(f, EVENT_SESSION_READY, session);
    }
    return session;
}

static void slot_ten_short_tasks_due_together_take_one_session(void **state) {
    struct fixture *f = short_tasks(10, "");
    (void)state;
    struct handle session = learn(f, 10);
    for (int i = 0; i < 10; i++) {
        fixture_trigger(f, name_of(i));
        assert_true(handle_is(fixture_need(f, ACTION_START)->session, session));
        assert_null(fixture_find(f, ACTION_OPEN));
    }
    assert_int_equal(core_session(f->core, session)->run_count, 10);
    assert_int_equal(tokens_held(&f->core->pools[0].tokens), 1);
    fixture_destroy(f);
}

static void slot_patience_that_would_break_opens_another(void **state) {
    struct fixture *f = short_tasks(10, "patience = 20ms\n");
    (void)state;
    struct handle session = learn(f, 10);
    uint32_t opened = 0;
    for (int i = 0; i < 10; i++) {
        fixture_trigger(f, name_of(i));
        opened += fixture_count(f, ACTION_OPEN);
    }
    assert_int_equal(core_session(f->core, session)->run_count, 5); /* the fifth starts after 20 ms */
    assert_in_range(opened, 1, 2);
    fixture_destroy(f);
}

/* Of 5 ms each, those that begin within `short` (20 ms) are sent; the others wait where they can be
 * overtaken. */
static void slot_late_runs_are_sent_only_where_they_come_soon(void **state) {
    struct fixture *f = short_tasks_on(1, 10, "patience = 0\n");
    (void)state;
    struct handle session = learn(f, 10);
    fixture_trigger(f, "t0");
    struct handle first = fixture_started(f, "t0");
    for (int i = 1; i < 10; i++)
        fixture_trigger(f, name_of(i));
    assert_int_equal(core_session(f->core, session)->run_count, 5);
    assert_int_equal(queue_count(&f->core->pools[0].queue), 5);
    fixture_advance(f, 5 * MS);
    fixture_end(f, first, OUTCOME_OK);
    fixture_started(f, "t5");
    assert_int_equal(core_session(f->core, session)->run_count, 5);
    fixture_destroy(f);
}

static void slot_long_or_new_task_shares_with_nobody(void **state) {
    struct fixture *f = short_tasks(3, "");
    (void)state;
    learn(f, 2);
    fixture_trigger(f, "t2"); /* never ran */
    fixture_started(f, "t2");
    fixture_trigger(f, "t0");
    assert_null(fixture_find(f, ACTION_START));
    fixture_destroy(f);
}

static void slot_runs_are_timed_from_when_they_come_first(void **state) {
    struct fixture *f = short_tasks(3, "");
    (void)state;
    learn(f, 3);
    struct handle runs[3];
    for (int i = 0; i < 3; i++) {
        fixture_trigger(f, name_of(i));
        runs[i] = fixture_started(f, name_of(i));
    }
    assert_int_equal(core_run(f->core, runs[1])->state, RUN_SENT);
    for (int i = 0; i < 3; i++) {
        fixture_advance(f, 4 * MS);
        fixture_end(f, runs[i], OUTCOME_OK);
        const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
        assert_int_equal(record->took_us, 4 * MS);
        assert_int_equal(record->lateness_us, 4 * MS * i);
    }
    fixture_destroy(f);
}

static void slot_run_in_the_way_is_taken_off_and_not_spent(void **state) {
    struct fixture *f = short_tasks(3, "");
    (void)state;
    struct handle session = learn(f, 3);
    struct handle runs[3];
    for (int i = 0; i < 3; i++) {
        fixture_trigger(f, name_of(i));
        runs[i] = fixture_started(f, name_of(i));
    }
    fixture_pass(f, 1 * S + MS);
    assert_true(handle_is(fixture_need(f, ACTION_CANCEL)->run, runs[0]));
    /* the cancel comes late and hits the next one: the first is done, the second is not spent */
    fixture_end(f, runs[0], OUTCOME_OK);
    fixture_end_with(f, runs[1], OUTCOME_FAILED, FAILURE_CANCEL, 0);
    assert_null(fixture_find(f, ACTION_RECORD));
    assert_int_equal(core_run(f->core, runs[1])->state, RUN_WAITING);
    assert_false(core_run(f->core, runs[1])->yielded); /* it was not to blame */
    fixture_end(f, runs[2], OUTCOME_OK);
    assert_int_equal(core_session(f->core, session)->state,
                     CORE_SESSION_CLOSING); /* a cancel may still be on its way to it */
    fixture_destroy(f);
}

static struct handle started_on_a_new_session(struct fixture *f, const char *task) {
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    if (fixture_find(f, ACTION_SAMPLE))
        fixture_sample(f, session, 0);
    return fixture_started(f, task);
}

/* Tasks t0, t1 and t2, known to take took_us, and an idle session for each. */
static struct fixture *three_idle_sessions(int64_t took_us) {
    struct fixture *f = short_tasks_on(3, 3, "patience = 0\n");
    struct handle runs[3], sessions[3];
    for (int i = 0; i < 3; i++) {
        if (i > 0)
            fixture_trigger(f, name_of(i));
        runs[i] = i == 0 ? fixture_first_run(f, "t0") : started_on_a_new_session(f, name_of(i));
        sessions[i] = core_run(f->core, runs[i])->session;
    }
    fixture_advance(f, took_us);
    for (int i = 0; i < 3; i++)
        fixture_end(f, runs[i], OUTCOME_OK);
    for (int i = 0; i < 3; i++)
        fixture_session(f, EVENT_SESSION_READY, sessions[i]);
    fixture_pass(f, 10 * MS);
    assert_int_equal(f->core->pools[0].tokens.warm, 3);
    return f;
}

static void slot_idle_sessions_are_woken_a_little_apart(void **state) {
    struct fixture *f = three_idle_sessions(20 * MS);
    (void)state;
    fixture_trigger(f, "t0");
    fixture_started(f, "t0");
    for (int i = 1; i < 3; i++) {
        struct mono before = f->now;
        fixture_trigger(f, name_of(i));
        assert_null(fixture_find(f, ACTION_START));
        assert_int_equal(core_next_wake(f->core).us, before.us + MS);
        fixture_pass(f, MS - 1);
        assert_null(fixture_find(f, ACTION_START));
        fixture_pass(f, 1);
        fixture_started(f, name_of(i));
    }
    fixture_destroy(f);
}

static void slot_idle_sessions_are_woken_at_once_for_runs_of_a_millisecond(void **state) {
    struct fixture *f = three_idle_sessions(MS);
    (void)state;
    for (int i = 0; i < 3; i++) {
        fixture_trigger(f, name_of(i));
        fixture_started(f, name_of(i));
    }
    assert_int_equal(f->core->pools[0].tokens.warm, 0);
    fixture_destroy(f);
}

/* While others wait it is not for a token alone that it waits. */
static void slot_run_taken_off_waits_for_a_token_that_others_leave(void **state) {
    struct fixture *f = short_tasks_on(2, 4, "");
    (void)state;
    struct handle session = fixture_warm_up(f, "t0");
    fixture_trigger(f, "t1"); /* it and those after it never ran: they share with nobody */
    struct handle first = fixture_started(f, "t1");
    fixture_trigger(f, "t0");
    fixture_pass(f, 1 * S + MS);
    struct handle hit = started_on_a_new_session(f, "t0");
    fixture_trigger(f, "t2");
    fixture_trigger(f, "t3");
    fixture_pass(f, 1 * S + MS);
    assert_true(handle_is(fixture_need(f, ACTION_CANCEL)->run, hit));
    struct handle its_session = core_run(f->core, hit)->session;
    fixture_end_with(f, hit, OUTCOME_FAILED, FAILURE_CANCEL, 0);
    fixture_session(f, EVENT_SESSION_GONE, its_session);
    started_on_a_new_session(f, "t2");
    assert_int_equal(tokens_taken(&f->core->pools[0].tokens), 2);
    assert_int_equal(grant_why(f->core, 0, LINE_RETURNED).reason, REASON_RETURNED);
    fixture_end(f, first, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    fixture_pass(f, MS); /* t2 has just begun */
    fixture_started(f, "t3");
    assert_int_equal(tokens_taken(&f->core->pools[0].tokens), 2);
    assert_int_equal(grant_why(f->core, 0, LINE_RETURNED).reason, REASON_TOKENS);
    fixture_destroy(f);
}

static void slot_failure_of_its_own_is_spent_even_while_it_is_cancelled(void **state) {
    struct fixture *f = short_tasks(2, "");
    (void)state;
    learn(f, 2);
    fixture_trigger(f, "t0");
    struct handle run = fixture_started(f, "t0");
    fixture_trigger(f, "t1");
    fixture_pass(f, 1 * S + MS);
    fixture_need(f, ACTION_CANCEL);
    fixture_end(f, run, OUTCOME_FAILED);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome, OUTCOME_FAILED);
    fixture_destroy(f);
}

/* Each is a batch alone; of those within a second only the first is looked at. */
static struct handle learn_clean(struct fixture *f, int count) {
    struct handle session = HANDLE_NONE;
    for (int i = 0; i < count; i++) {
        struct handle run = i == 0 ? fixture_first_run(f, "t0")
                                   : (fixture_trigger(f, name_of(i)), fixture_started(f, name_of(i)));
        session = core_run(f->core, run)->session;
        fixture_end(f, run, OUTCOME_OK);
        assert_true(handle_is(fixture_need(f, i == 0 ? ACTION_VERIFY : ACTION_CLEAN)->session, session));
        fixture_session(f, EVENT_SESSION_READY, session);
    }
    return session;
}

static void slot_clean_task_is_verified_once_for_many_runs(void **state) {
    struct fixture *f = short_tasks(3, "session = clean\n");
    (void)state;
    struct handle runs[3];
    learn_clean(f, 3);
    for (int i = 0; i < 3; i++) {
        fixture_trigger(f, name_of(i));
        runs[i] = fixture_started(f, name_of(i));
    }
    fixture_advance(f, 1 * S);
    for (int i = 0; i < 2; i++) {
        fixture_end(f, runs[i], OUTCOME_OK);
        assert_null(fixture_find(f, ACTION_VERIFY));
        assert_null(fixture_find(f, ACTION_CLEAN));
    }
    fixture_end(f, runs[2], OUTCOME_OK);
    fixture_need(f, ACTION_VERIFY);
    fixture_destroy(f);
}

static void ready_with_breach(struct fixture *f, struct handle session) {
    struct event event = {.kind = EVENT_SESSION_READY, .session = session};
    event.ready.breach = true;
    fixture_step(f, event);
}

static void slot_breach_of_one_in_a_batch_is_found_by_running_each_alone(void **state) {
    struct fixture *f = short_tasks(2, "session = clean\n");
    (void)state;
    struct handle runs[2], session = learn_clean(f, 2);
    for (int i = 0; i < 2; i++) {
        fixture_trigger(f, name_of(i));
        runs[i] = fixture_started(f, name_of(i));
    }
    fixture_advance(f, 1 * S);
    fixture_end(f, runs[0], OUTCOME_OK);
    fixture_end(f, runs[1], OUTCOME_OK);
    ready_with_breach(f, session);
    assert_int_equal(fixture_need(f, ACTION_BREACH)->number, 2);
    assert_int_equal(fixture_core_task(f, "t0")->trust, TRUST_SUSPECTED);
    assert_int_equal(fixture_core_task(f, "t1")->trust, TRUST_SUSPECTED);
    fixture_sample(f, session, 0);
    fixture_trigger(f, "t0");
    struct handle run = fixture_started(f, "t0");
    fixture_trigger(f, "t1");
    assert_null(fixture_find(f, ACTION_START)); /* not behind t0: each is looked at alone */
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    assert_int_equal(fixture_core_task(f, "t0")->trust, TRUST_GIVEN);
    run = fixture_started(f, "t1");
    fixture_end(f, run, OUTCOME_OK);
    ready_with_breach(f, session);
    assert_int_equal(fixture_need(f, ACTION_BREACH)->number, 0);
    assert_int_equal(fixture_need(f, ACTION_BREACH)->task, fixture_task(f, "t1"));
    assert_int_equal(fixture_core_task(f, "t1")->trust, TRUST_BROKEN);
    fixture_trigger(f, "t1");
    fixture_end(f, fixture_started(f, "t1"), OUTCOME_OK);
    assert_null(fixture_find(f, ACTION_VERIFY)); /* its session is cleaned after the run like any other's */
    assert_null(fixture_find(f, ACTION_CLEAN));
    fixture_destroy(f);
}

static void slot_behind_a_pooler_nothing_is_shared(void **state) {
    struct fixture *f = short_tasks(2, "");
    (void)state;
    learn(f, 2);
    f->core->pools[0].gate.sample.pooled = true;
    fixture_trigger(f, "t0");
    fixture_started(f, "t0");
    fixture_trigger(f, "t1");
    assert_null(fixture_find(f, ACTION_START));
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slot_ten_short_tasks_due_together_take_one_session),
        cmocka_unit_test(slot_patience_that_would_break_opens_another),
        cmocka_unit_test(slot_late_runs_are_sent_only_where_they_come_soon),
        cmocka_unit_test(slot_long_or_new_task_shares_with_nobody),
        cmocka_unit_test(slot_runs_are_timed_from_when_they_come_first),
        cmocka_unit_test(slot_run_in_the_way_is_taken_off_and_not_spent),
        cmocka_unit_test(slot_idle_sessions_are_woken_a_little_apart),
        cmocka_unit_test(slot_idle_sessions_are_woken_at_once_for_runs_of_a_millisecond),
        cmocka_unit_test(slot_run_taken_off_waits_for_a_token_that_others_leave),
        cmocka_unit_test(slot_failure_of_its_own_is_spent_even_while_it_is_cancelled),
        cmocka_unit_test(slot_clean_task_is_verified_once_for_many_runs),
        cmocka_unit_test(slot_breach_of_one_in_a_batch_is_found_by_running_each_alone),
        cmocka_unit_test(slot_behind_a_pooler_nothing_is_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
