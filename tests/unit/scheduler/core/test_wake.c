/* Tasks that are woken, and the session that listens for them. */
#include "tests/unit/fixture.h"

#include "scheduler/core/hearing.h"

#define S     US_PER_S
#define POOL  "[pool p]\nsize = 2\nidle = 5s\nping = 20s\n"
#define WOKEN "[task a]\nwake = x\nwake_most_every = 0\nsql = SELECT 1\n"
#define LATER "[task a]\nwake = x\nwake_most_every = 3s\nsql = SELECT 1\n"
#define OTHER "[task b]\nsql = SELECT 2\n"

static void wake(struct fixture *f, const char *task) {
    fixture_step(f, (struct event){.kind = EVENT_WAKE, .task = fixture_task(f, task)});
}

static void answer(struct fixture *f, struct handle session, bool failed) {
    struct event event = {.kind = EVENT_LISTENS, .session = session};
    event.listens.failed = failed;
    fixture_step(f, event);
}

/* The floor is opened to listen: what its tick has asked for. Returns its session, which was asked to. */
static struct handle ask_to_listen(struct fixture *f) {
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    assert_true(handle_is(fixture_need(f, ACTION_LISTEN)->session, session));
    return session;
}

static struct handle listen_on_floor(struct fixture *f) {
    struct handle session = ask_to_listen(f);
    answer(f, session, false);
    assert_int_equal(hearing_state_of(f->core, f->core->pools), HEARING_ON);
    return session;
}

static void end_and_clean(struct fixture *f, struct handle run, struct handle session) {
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    if (fixture_find(f, ACTION_SAMPLE))
        fixture_sample(f, session, 0);
}

/* --- runs --- */

static void woken_task_runs_at_once_and_answers_no_occurrence(void **state) {
    struct fixture *f = fixture_create(POOL WOKEN);
    (void)state;
    struct handle session = listen_on_floor(f);
    wake(f, "a");
    struct handle run = fixture_started(f, "a");
    fixture_end(f, run, OUTCOME_OK);
    const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
    assert_int_equal(record->occurrence_count, 0);
    assert_true(record->woken && !record->triggered);
    fixture_session(f, EVENT_SESSION_READY, session);
    assert_null(fixture_find(f, ACTION_START));
    fixture_destroy(f);
}

static void woken_while_it_runs_runs_once_more(void **state) {
    struct fixture *f = fixture_create(POOL WOKEN);
    (void)state;
    struct handle session = listen_on_floor(f);
    wake(f, "a");
    struct handle run = fixture_started(f, "a");
    for (int i = 0; i < 5; i++) {
        wake(f, "a");
        assert_null(fixture_find(f, ACTION_START));
    }
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    run = fixture_started(f, "a");
    end_and_clean(f, run, session);
    fixture_pass(f, S);
    assert_null(fixture_find(f, ACTION_START));
    assert_int_equal(fixture_core_task(f, "a")->stats.woken_count, 2);
    fixture_destroy(f);
}

static void woken_while_it_waits_is_that_run(void **state) {
    struct fixture *f = fixture_create(POOL WOKEN);
    (void)state;
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_trigger(f, "a"); /* waits for it */
    wake(f, "a");
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    assert_int_equal(fixture_core_task(f, "a")->waiting_count + fixture_core_task(f, "a")->running_count, 1);
    assert_int_equal(fixture_core_task(f, "a")->stats.woken_count, 0);
    fixture_destroy(f);
}

static void woken_task_begins_no_sooner_than_its_bound(void **state) {
    struct fixture *f = fixture_create(POOL LATER);
    (void)state;
    struct handle session = listen_on_floor(f);
    fixture_pass(f, S);
    wake(f, "a");
    struct handle run = fixture_started(f, "a");
    fixture_advance(f, S);
    end_and_clean(f, run, session);
    wake(f, "a");
    wake(f, "a");
    assert_null(fixture_find(f, ACTION_START));
    assert_true(core_next_wake(f->core).us <= 4 * S);
    fixture_pass(f, S);
    assert_null(fixture_find(f, ACTION_START));
    fixture_pass(f, S);
    run = fixture_started(f, "a");
    end_and_clean(f, run, session);
    fixture_pass(f, 5 * S);
    assert_null(fixture_find(f, ACTION_START));
    fixture_destroy(f);
}

static void woken_task_waits_out_a_pause_and_looks_then(void **state) {
    struct fixture *f = fixture_create(POOL LATER);
    struct event pause = {.kind = EVENT_PAUSE};
    (void)state;
    struct handle session = listen_on_floor(f);
    fixture_pass(f, S);
    wake(f, "a");
    struct handle run = fixture_started(f, "a");
    end_and_clean(f, run, session);
    wake(f, "a"); /* for its bound, and then for the pause */
    pause.pause.paused = true;
    fixture_step(f, pause);
    fixture_pass(f, 10 * S);
    wake(f, "a");
    assert_null(fixture_find(f, ACTION_START));
    pause.pause.paused = false;
    fixture_step(f, pause);
    fixture_started(f, "a");
    fixture_destroy(f);
}

/* --- who listens --- */

static void listener_that_is_lost_is_followed_by_another(void **state) {
    struct fixture *f = fixture_create(POOL WOKEN);
    (void)state;
    struct handle session = listen_on_floor(f);
    fixture_session(f, EVENT_SESSION_BROKEN, session);
    assert_int_equal(hearing_state_of(f->core, f->core->pools), HEARING_OFF);
    struct handle next = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, next);
    if (!fixture_find(f, ACTION_LISTEN))
        fixture_sample(f, next, 0);
    assert_true(handle_is(fixture_need(f, ACTION_LISTEN)->session, next));
    fixture_destroy(f);
}

static void listener_that_is_refused_is_asked_again_later(void **state) {
    struct fixture *f = fixture_create(POOL WOKEN);
    (void)state;
    struct handle session = ask_to_listen(f);
    for (int64_t delay_us = S; delay_us <= 64 * S; delay_us *= 2) {
        int64_t wait_us = delay_us < 30 * S ? delay_us : 30 * S;
        answer(f, session, true);
        assert_null(fixture_find(f, ACTION_LISTEN));
        for (int64_t passed_us = S; passed_us <= wait_us; passed_us += S) {
            fixture_pass(f, S);
            if (fixture_find(f, ACTION_SAMPLE))
                fixture_sample(f, session, 0);
            if (passed_us < wait_us)
                assert_null(fixture_find(f, ACTION_LISTEN));
        }
        fixture_need(f, ACTION_LISTEN);
    }
    fixture_destroy(f);
}

static void listener_that_is_silent_is_asked_and_closed(void **state) {
    struct fixture *f = fixture_create(POOL WOKEN);
    bool asked = false;
    (void)state;
    struct handle session = listen_on_floor(f);
    for (int i = 0; i < 25 && !asked; i++) {
        fixture_pass(f, S);
        asked = fixture_find(f, ACTION_LISTEN) != NULL;
        if (fixture_find(f, ACTION_SAMPLE))
            fixture_sample(f, session, 0);
    }
    assert_true(asked);
    fixture_pass(f, 31 * S); /* no answer */
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_TIMEOUT);
    assert_int_equal(hearing_state_of(f->core, f->core->pools), HEARING_OFF);
    fixture_destroy(f);
}

static void listener_at_a_long_run_is_left_for_another(void **state) {
    struct fixture *f = fixture_create(POOL WOKEN OTHER);
    (void)state;
    listen_on_floor(f);
    fixture_trigger(f, "b");
    fixture_started(f, "b");
    fixture_pass(f, DEAF_US);
    if (!fixture_find(f, ACTION_OPEN))
        fixture_pass(f, S); /* it is not expected to end soon */
    assert_int_equal(hearing_state_of(f->core, f->core->pools), HEARING_DEAF);
    struct handle next = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, next);
    if (fixture_find(f, ACTION_SAMPLE))
        fixture_sample(f, next, 0);
    assert_true(handle_is(fixture_need(f, ACTION_LISTEN)->session, next));
    answer(f, next, false);
    assert_int_equal(hearing_state_of(f->core, f->core->pools), HEARING_ON);
    fixture_destroy(f);
}

static void listener_whose_texts_unlisten_is_asked_when_it_is_idle(void **state) {
    struct fixture *f = fixture_create(POOL WOKEN OTHER);
    struct event changed = {.kind = EVENT_CHANNELS};
    (void)state;
    struct handle session = listen_on_floor(f);
    fixture_trigger(f, "b");
    struct handle run = fixture_started(f, "b");
    fixture_end(f, run, OUTCOME_OK);
    changed.session = session;
    changed.channels.missing = true;
    fixture_step(f, changed);
    assert_null(fixture_find(f, ACTION_LISTEN));
    fixture_session(f, EVENT_SESSION_READY, session);
    fixture_need(f, ACTION_LISTEN);
    fixture_destroy(f);
}

static void listener_follows_the_channels_of_a_new_file(void **state) {
    struct fixture *f = fixture_create(POOL WOKEN);
    (void)state;
    struct handle session = listen_on_floor(f);
    fixture_reload(f, POOL WOKEN OTHER);
    assert_null(fixture_find(f, ACTION_LISTEN));
    fixture_reload(f, POOL WOKEN "[task c]\nwake = y\nsql = SELECT 3\n");
    assert_true(handle_is(fixture_need(f, ACTION_LISTEN)->session, session));
    answer(f, session, false);
    fixture_reload(f, POOL WOKEN "[task c]\nwake = y\nsql = SELECT 3\n[task d]\nwake = x\nsql = SELECT 3\n");
    assert_null(fixture_find(f, ACTION_LISTEN));
    fixture_started(f, "d"); /* its channel was heard all the time, and it was not there */
    fixture_reload(f, POOL OTHER);
    fixture_destroy(f);
}

static void standby_and_pooler_are_not_asked(void **state) {
    static const bool standby[] = {true, false};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture *f = fixture_create(POOL WOKEN);
        struct sample sample = fixture_roomy();
        sample.standby = standby[i];
        sample.pooled = !standby[i];
        struct handle session = fixture_need(f, ACTION_OPEN)->session;
        fixture_session(f, EVENT_SESSION_OPENED, session);
        fixture_look(f, session, &sample);
        assert_null(fixture_find(f, ACTION_LISTEN));
        assert_int_equal(hearing_state_of(f->core, f->core->pools), standby[i] ? HEARING_STANDBY : HEARING_POOLED);
        fixture_pass(f, 30 * S);
        fixture_look(f, session, &(struct sample){.known = false});
        sample.standby = sample.pooled = false;
        fixture_pass(f, 30 * S);
        fixture_look(f, session, &sample);
        fixture_need(f, ACTION_LISTEN);
        fixture_destroy(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(woken_task_runs_at_once_and_answers_no_occurrence),
        cmocka_unit_test(woken_while_it_runs_runs_once_more),
        cmocka_unit_test(woken_while_it_waits_is_that_run),
        cmocka_unit_test(woken_task_begins_no_sooner_than_its_bound),
        cmocka_unit_test(woken_task_waits_out_a_pause_and_looks_then),
        cmocka_unit_test(listener_that_is_lost_is_followed_by_another),
        cmocka_unit_test(listener_that_is_refused_is_asked_again_later),
        cmocka_unit_test(listener_that_is_silent_is_asked_and_closed),
        cmocka_unit_test(listener_at_a_long_run_is_left_for_another),
        cmocka_unit_test(listener_whose_texts_unlisten_is_asked_when_it_is_idle),
        cmocka_unit_test(listener_follows_the_channels_of_a_new_file),
        cmocka_unit_test(standby_and_pooler_are_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
