#include "tests/unit/fixture.h"

#include "scheduler/core/admission.h"
#include "scheduler/core/ended.h"
#include "scheduler/core/grant.h"

#include <stdio.h>
#include <string.h>

#define S      US_PER_S
#define POOL_2 "[pool p]\nsize = 2\n"
#define C      "[task c]\nevery = 1d\ntimeout = 10s\ncommand = x\n"
#define D      "[task d]\nevery = 1d\ncommand = x\n"
#define A      "[task a]\nevery = 1d\nsql = SELECT 1\n"

static const struct tokens *tokens(const struct fixture *f) {
    return &f->core->pools[0].tokens;
}

static void end_command(struct fixture *f, struct handle run, bool cut_short) {
    struct event event = {.kind = EVENT_RUN_ENDED, .run = run};
    event.ended.outcome = cut_short ? OUTCOME_FAILED : OUTCOME_OK;
    event.ended.cut_short = cut_short;
    fixture_step(f, event);
}

/* The look that is asked for in the last step finds these sessions of commands. */
static void look(struct fixture *f, const char *tasks) {
    struct sample sample = fixture_roomy();
    snprintf(sample.command_tasks, sizeof sample.command_tasks, "%s", tasks);
    for (const char *at = tasks; *at; at += strcspn(at, ","), at += *at == ',')
        sample.command_count++;
    fixture_look(f, fixture_need(f, ACTION_SAMPLE)->session, &sample);
}

static enum reason_code why(const struct fixture *f, const char *task) {
    const struct run *run = &f->core->runs[fixture_core_task(f, task)->waiting_run];
    return grant_ask(f->core, run->pool, run).reason;
}

/* One session is warm, and the command runs beside it; its timeout kills it. */
static struct fixture *one_was_killed(const char *ini) {
    struct fixture *f = fixture_create_unarmed(ini);
    fixture_warm_up(f, "a");
    fixture_trigger(f, "c");
    struct handle run = fixture_started(f, "c");
    assert_int_equal(tokens(f)->command, 1);
    end_command(f, run, true);
    assert_int_equal(tokens(f)->command, 0);
    assert_int_equal(tokens(f)->ended, 1);
    assert_int_equal(tokens_free(tokens(f)), 0);
    return f;
}

static void ended_command_holds_its_token_until_a_look_shows_that_it_is_gone(void **state) {
    struct fixture *f = one_was_killed(POOL_2 A C D);
    (void)state;
    fixture_trigger(f, "d");
    assert_null(fixture_find(f, ACTION_START));
    look(f, "c"); /* the one that was asked for at once */
    assert_null(fixture_find(f, ACTION_START));
    assert_null(fixture_find(f, ACTION_CLOSE)); /* the warm session stays, to look */
    assert_int_equal(why(f, "d"), REASON_ENDED);
    fixture_pass(f, 2 * S);
    look(f, "");
    assert_int_equal(tokens(f)->ended, 0);
    fixture_started(f, "d");
    fixture_destroy(f);
}

static void ended_command_is_not_seen_by_a_look_that_was_under_way(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL_2 A C D);
    (void)state;
    fixture_warm_up(f, "a");
    fixture_trigger(f, "c");
    struct handle run = fixture_started(f, "c");
    fixture_pass(f, 2 * S);
    struct sample before = fixture_roomy();
    struct handle asked = fixture_need(f, ACTION_SAMPLE)->session;
    end_command(f, run, true);
    fixture_trigger(f, "d");
    fixture_look(f, asked, &before); /* the command had not opened its session yet */
    assert_int_equal(tokens(f)->ended, 1);
    assert_null(fixture_find(f, ACTION_START));
    look(f, "");
    fixture_started(f, "d");
    fixture_destroy(f);
}

static void ended_well_means_that_its_sessions_are_closed(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL_2 A C D);
    (void)state;
    fixture_warm_up(f, "a");
    fixture_trigger(f, "c");
    end_command(f, fixture_started(f, "c"), false);
    assert_int_equal(tokens(f)->ended, 0);
    fixture_trigger(f, "d");
    fixture_started(f, "d");
    fixture_destroy(f);
}

static void ended_command_that_is_tried_again_holds_its_token_too(void **state) {
    struct fixture *f = one_was_killed(POOL_2 A C "retries = 3\nretry_delay = 1s..1s\n");
    (void)state;
    fixture_pass(f, 2 * S);
    assert_null(fixture_find(f, ACTION_START));
    look(f, "c");
    fixture_pass(f, 2 * S);
    look(f, "");
    fixture_started(f, "c");
    fixture_destroy(f);
}

/* Nobody is left to look. A session for it would be one more than there are tokens, so the server is given the time
 * that it needs to notice by itself; then it is opened all the same, lest everything wait for ever. */
static void ended_commands_that_hold_all_let_the_floor_look_in_the_end(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL_2 A C "tokens = 2\n");
    (void)state;
    struct handle session = fixture_warm_up(f, "a");
    fixture_trigger(f, "c");
    assert_true(handle_is(fixture_need(f, ACTION_CLOSE)->session, session));
    fixture_session(f, EVENT_SESSION_GONE, session);
    end_command(f, fixture_started(f, "c"), true);
    fixture_trigger(f, "a");
    fixture_trigger(f, "c");
    assert_null(fixture_find(f, ACTION_OPEN));
    assert_int_equal(why(f, "a"), REASON_ENDED);
    assert_true(core_next_wake(f->core).us <= ended_settle_at(&f->core->pools[0]).us);
    fixture_pass(f, ended_settle_at(&f->core->pools[0]).us - f->now.us);
    session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    look(f, "c");
    assert_int_equal(tokens(f)->ended, 1); /* of the two that it might have had */
    struct handle run = fixture_started(f, "a");
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    assert_int_equal(why(f, "c"), REASON_ENDED);
    fixture_pass(f, 2 * S);
    look(f, "");
    fixture_need(f, ACTION_CLOSE);
    fixture_session(f, EVENT_SESSION_GONE, session);
    fixture_started(f, "c");
    fixture_destroy(f);
}

static void ended_commands_of_another_name_are_told_apart(void **state) {
    struct fixture *f = fixture_create_unarmed("[pool p]\nsize = 3\n" A C D);
    (void)state;
    fixture_warm_up(f, "a");
    fixture_trigger(f, "d");
    fixture_started(f, "d");
    fixture_trigger(f, "c");
    end_command(f, fixture_started(f, "c"), true);
    fixture_trigger(f, "c");
    look(f, "d,d,d"); /* more than it said; none is of the one that ended */
    assert_int_equal(tokens(f)->ended, 0);
    fixture_started(f, "c");
    fixture_destroy(f);
}

static void ended_commands_behind_a_pooler_leave_nothing_of_ours(void **state) {
    struct fixture *f = one_was_killed(POOL_2 A C D);
    struct sample sample = fixture_roomy();
    (void)state;
    sample.pooled = true;
    sample.command_count = 1; /* the pooler's, which it keeps open */
    strcpy(sample.command_tasks, "c");
    fixture_trigger(f, "d");
    fixture_look(f, fixture_need(f, ACTION_SAMPLE)->session, &sample);
    end_command(f, fixture_started(f, "d"), true);
    assert_int_equal(tokens(f)->ended, 0);
    fixture_destroy(f);
}

static void ended_commands_are_held_over_a_reload_of_their_pool(void **state) {
    struct fixture *f = one_was_killed(POOL_2 A C);
    (void)state;
    fixture_reload(f, POOL_2 C A D);
    assert_int_equal(tokens(f)->ended, 1);
    fixture_reload(f, "[pool q]\nsize = 3\n" POOL_2 C "pool = q\n" A "pool = p\n"); /* nobody looks for it in p any more */
    assert_int_equal(f->core->pools[0].tokens.ended + f->core->pools[1].tokens.ended, 0);
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ended_command_holds_its_token_until_a_look_shows_that_it_is_gone),
        cmocka_unit_test(ended_command_is_not_seen_by_a_look_that_was_under_way),
        cmocka_unit_test(ended_well_means_that_its_sessions_are_closed),
        cmocka_unit_test(ended_command_that_is_tried_again_holds_its_token_too),
        cmocka_unit_test(ended_commands_that_hold_all_let_the_floor_look_in_the_end),
        cmocka_unit_test(ended_commands_of_another_name_are_told_apart),
        cmocka_unit_test(ended_commands_behind_a_pooler_leave_nothing_of_ours),
        cmocka_unit_test(ended_commands_are_held_over_a_reload_of_their_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
