#include "tests/unit/fixture.h"

#include "scheduler/core/gate.h"
#include "tasks/text.h"

#define S US_PER_S

#define POOL     "[pool p]\nsize = 4\nreserve = 20\n"
#define SQL(name) "[task " name "]\nevery = 10s\nphase = 0\npatience = 0\nsql = SELECT 1\n"

/* 97 usable slots, so many of them the application's. */
static struct sample busy(struct fixture *f, int32_t foreground) {
    struct sample sample = fixture_roomy();
    int32_t ours = (int32_t)tokens_held(&f->core->pools[0].tokens);
    sample.scopes[SCOPE_SERVER].used = foreground + ours;
    sample.scopes[SCOPE_ROLE].used = sample.scopes[SCOPE_DATABASE].used = ours;
    for (int scope = 0; scope < SCOPES; scope++)
        sample.scopes[scope].ours = ours;
    return sample;
}

/* Opens sessions for all four tasks and lets them fall idle: four warm ones, sampled a moment ago. */
static void four_warm(struct fixture *f) {
    static const char *const names[] = {"a", "b", "c", "d"};
    struct handle runs[4];
    runs[0] = fixture_first_run(f, "a");
    for (int i = 1; i < 4; i++) {
        fixture_trigger(f, names[i]);
        fixture_session(f, EVENT_SESSION_OPENED, fixture_need(f, ACTION_OPEN)->session);
        runs[i] = fixture_started(f, names[i]);
    }
    for (int i = 0; i < 4; i++) {
        struct handle session = core_run(f->core, runs[i])->session;
        fixture_end(f, runs[i], OUTCOME_OK);
        fixture_session(f, EVENT_SESSION_READY, session);
    }
    assert_int_equal(f->core->pools[0].tokens.warm, 4);
}

/* Time passes until the core wants to look, and it sees this. */
static void look_again(struct fixture *f, int32_t foreground) {
    for (int turn = 0; turn < 100 && !fixture_find(f, ACTION_SAMPLE); turn++)
        fixture_pass(f, core_next_wake(f->core).us - f->now.us);
    struct sample sample = busy(f, foreground);
    fixture_look(f, fixture_need(f, ACTION_SAMPLE)->session, &sample);
}

static void gate_application_that_takes_all_gets_our_idle_sessions_at_once(void **state) {
    struct fixture *f = fixture_create_unarmed("[pool p]\nsize = 4\nreserve = 20\nidle = 1h\n" SQL("a") SQL("b") SQL("c") SQL("d"));
    (void)state;
    four_warm(f);
    look_again(f, 93);
    assert_int_equal(fixture_count(f, ACTION_CLOSE), 3); /* all but the floor */
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_GATE);
    assert_int_equal(f->core->pools[0].tokens.warm, 1);
    assert_int_equal(f->core->pools[0].tokens.limit, 2); /* halved */
    fixture_destroy(f);
}

static void gate_floor_runs_one_after_the_other_while_it_is_shut(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL SQL("a") SQL("b"));
    (void)state;
    fixture_warm_up(f, "a");
    look_again(f, 96);
    fixture_trigger(f, "a");
    struct handle run = fixture_started(f, "a");
    fixture_pass(f, 1);
    fixture_trigger(f, "b");
    assert_null(fixture_find(f, ACTION_OPEN));
    assert_null(fixture_find(f, ACTION_START));
    struct handle session = core_run(f->core, run)->session;
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    if (fixture_find(f, ACTION_SAMPLE)) {
        struct sample sample = busy(f, 96);
        fixture_look(f, session, &sample);
    }
    fixture_started(f, "b");
    fixture_destroy(f);
}

static void gate_opens_no_more_than_it_has_room_for(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL SQL("a") SQL("b") SQL("c") SQL("d"));
    (void)state;
    fixture_trigger(f, "a");
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_trigger(f, "b");
    fixture_trigger(f, "c");
    fixture_trigger(f, "d");
    fixture_session(f, EVENT_SESSION_OPENED, session);
    struct sample sample = busy(f, 74); /* 97 - 74 - 20 kept - 1 ours = 2 */
    fixture_look(f, session, &sample);
    assert_int_equal(fixture_count(f, ACTION_START), 1);
    assert_int_equal(fixture_count(f, ACTION_OPEN), 2);
    assert_int_equal(gate_headroom(f->core, &f->core->pools[0]).slots, 0);
    fixture_destroy(f);
}

static void gate_lost_sample_leaves_one_token_and_comes_back_by_samples(void **state) {
    struct fixture *f = fixture_create_unarmed("[pool p]\nsize = 4\nsample_idle = 1s\n" SQL("a") SQL("b"));
    (void)state;
    fixture_warm_up(f, "a");
    for (int turn = 0; turn < 9 && !fixture_find(f, ACTION_SAMPLE); turn++)
        fixture_pass(f, core_next_wake(f->core).us - f->now.us);
    struct handle asked = fixture_need(f, ACTION_SAMPLE)->session;
    fixture_pass(f, 3 * S + 2); /* no answer */
    assert_int_equal(f->core->pools[0].gate.limit.state, LIMIT_LOST);
    assert_int_equal(f->core->pools[0].tokens.limit, 1);
    fixture_sample(f, asked, 0);
    assert_int_equal(f->core->pools[0].tokens.limit, 1);
    for (uint32_t limit = 2; limit <= 4; limit++) {
        look_again(f, 0);
        assert_int_equal(f->core->pools[0].tokens.limit, limit);
    }
    fixture_destroy(f);
}

/* As when the role may not call what the look calls: the session lives, and every look fails. */
static void gate_look_that_always_fails_is_not_asked_in_a_loop(void **state) {
    struct fixture *f = fixture_create_unarmed("[pool p]\nsize = 4\n" SQL("a") SQL("b") SQL("c") "[task d]\nevery = 1h\ncommand = x\n");
    struct sample nothing = {0};
    uint32_t looks = 0, starts = 0;
    (void)state;
    fixture_trigger(f, "a");
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_trigger(f, "b");
    fixture_trigger(f, "c");
    fixture_trigger(f, "d");
    fixture_session(f, EVENT_SESSION_OPENED, session);
    for (int turn = 0; turn < 2000 && f->now.us < 60 * S; turn++) {
        const struct action *sample = fixture_find(f, ACTION_SAMPLE), *start = fixture_find(f, ACTION_START);
        looks += sample != NULL;
        starts += fixture_count(f, ACTION_START);
        fixture_advance(f, US_PER_MS);
        if (start && start->session.generation) {
            struct handle on = start->session;
            fixture_end(f, start->run, OUTCOME_OK);
            if (!fixture_find(f, ACTION_START))
                fixture_session(f, EVENT_SESSION_READY, on);
        } else if (sample) {
            fixture_look(f, sample->session, &nothing);
        } else {
            fixture_pass(f, core_next_wake(f->core).us - f->now.us);
        }
    }
    assert_in_range(looks, 2, 70); /* about one a second */
    assert_int_equal(starts, 4);
    fixture_destroy(f);
}

static void gate_silence_of_many_pools_fits_into_steps(void **state) {
    struct text ini = {0};
    (void)state;
    for (int i = 0; i < POOLS_MAX; i++)
        text_add(&ini, "[pool p%d]\nsize = 2\n[task t%d]\nevery = 10s\nphase = 0\npool = p%d\nsql = SELECT 1\n", i, i, i);
    struct fixture *f = fixture_create(ini.bytes);
    fixture_pass(f, 10 * S);
    struct handle sessions[POOLS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->count; i++)
        if (f->kept[i].kind == ACTION_OPEN)
            sessions[count++] = f->kept[i].session;
    assert_int_equal(count, POOLS_MAX);
    for (uint32_t i = 0; i < count; i++)
        fixture_session(f, EVENT_SESSION_OPENED, sessions[i]);
    f->wall.us += 3600 * S;
    fixture_pass(f, 4 * S); /* the machine slept, and nobody answered */
    assert_int_equal(fixture_count(f, ACTION_GATE), POOLS_MAX);
    fixture_destroy(f);
    text_finish(&ini);
}

static void gate_pressure_stretches_an_elastic_interval_and_lets_it_relax(void **state) {
    struct fixture *f = fixture_create("[pool p]\nsize = 5\nsample_idle = 1s\nclear_samples = 1\ncool_down = 0\n"
                                       "[task a]\nevery = 10s..20s\nphase = 0\nsql = SELECT 1\n");
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    assert_int_equal(fixture_core_task(f, "a")->interval_us, 10 * S);
    look_again(f, 95); /* the reserve is touched: the limit is halved, and the gate leaves the floor */
    assert_int_equal(gate_pressure_permille(f->core, &f->core->pools[0]), 1000);
    for (int turn = 0; turn < 99 && !fixture_find(f, ACTION_START); turn++) {
        fixture_pass(f, core_next_wake(f->core).us - f->now.us);
        struct sample sample = busy(f, 95);
        if (fixture_find(f, ACTION_SAMPLE))
            fixture_look(f, fixture_need(f, ACTION_SAMPLE)->session, &sample);
    }
    assert_int_equal(f->now.us, 20 * S); /* it was armed at ease */
    assert_int_equal(fixture_core_task(f, "a")->due.us, WALL_START_US + 40 * S);
    assert_int_equal(fixture_core_task(f, "a")->interval_us, 20 * S);
    fixture_destroy(f);
}

static void gate_refusal_beside_open_sessions_halves_the_limit(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL SQL("a") SQL("b"));
    (void)state;
    fixture_first_run(f, "a");
    fixture_trigger(f, "b");
    fixture_fail(f, fixture_need(f, ACTION_OPEN)->session, CONNECT_FULL);
    assert_int_equal(f->core->pools[0].tokens.limit, 2);
    assert_int_equal(f->core->pools[0].gate.limit.cause, PRESSURE_REFUSED);
    fixture_need(f, ACTION_GATE);
    fixture_destroy(f);
}

static void gate_command_with_more_sessions_than_it_said_is_counted_and_told(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL "[task c]\nevery = 1h\ncommand = x\n");
    (void)state;
    fixture_trigger(f, "c");
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    struct handle run = fixture_started(f, "c");
    int32_t before = gate_headroom(f->core, &f->core->pools[0]).slots;
    fixture_pass(f, 2 * S);
    struct sample sample = fixture_roomy();
    sample.command_count = 3;
    fixture_look(f, fixture_need(f, ACTION_SAMPLE)->session, &sample);
    assert_int_equal(gate_headroom(f->core, &f->core->pools[0]).slots, before - 2);
    struct event seen = {.kind = EVENT_COMMAND_SEEN, .run = run, .seen.session_count = 3};
    fixture_step(f, seen);
    assert_int_equal(fixture_need(f, ACTION_HEAVIER)->number, 3);
    fixture_step(f, seen);
    assert_null(fixture_find(f, ACTION_HEAVIER)); /* once */
    fixture_destroy(f);
}

/* A command of 2 tokens fills the role's limit; once the look is old, SQL that is due opens nothing beside it. */
static void gate_own_work_never_exceeds_the_narrowest_limit(void **state) {
    (void)state;
    struct fixture *f = fixture_create("[pool p]\nsize = 8\n"
                                       "[task c]\nevery = 1d\ncommand = true\ntokens = 2\n"
                                       "[task s]\nevery = 1d\nsql = SELECT 1\n");
    struct sample sample = fixture_roomy();
    sample.scopes[SCOPE_ROLE] = (struct sample_scope){.usable = 2, .used = 1, .ours = 1};
    fixture_trigger(f, "c");
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_look(f, session, &sample);
    assert_null(fixture_find(f, ACTION_START));
    fixture_need(f, ACTION_CLOSE);
    fixture_session(f, EVENT_SESSION_GONE, session);
    struct handle command = fixture_started(f, "c");
    fixture_pass(f, 60 * US_PER_S);
    fixture_trigger(f, "s");
    assert_null(fixture_find(f, ACTION_OPEN));
    fixture_end(f, command, OUTCOME_OK);
    fixture_need(f, ACTION_OPEN);
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gate_own_work_never_exceeds_the_narrowest_limit),
        cmocka_unit_test(gate_application_that_takes_all_gets_our_idle_sessions_at_once),
        cmocka_unit_test(gate_floor_runs_one_after_the_other_while_it_is_shut),
        cmocka_unit_test(gate_opens_no_more_than_it_has_room_for),
        cmocka_unit_test(gate_lost_sample_leaves_one_token_and_comes_back_by_samples),
        cmocka_unit_test(gate_look_that_always_fails_is_not_asked_in_a_loop),
        cmocka_unit_test(gate_silence_of_many_pools_fits_into_steps),
        cmocka_unit_test(gate_pressure_stretches_an_elastic_interval_and_lets_it_relax),
        cmocka_unit_test(gate_refusal_beside_open_sessions_halves_the_limit),
        cmocka_unit_test(gate_command_with_more_sessions_than_it_said_is_counted_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
