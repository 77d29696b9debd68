#include "dump.h"

static struct status_row row_of(const struct fixture *f, struct status *status, const char *task) {
    status_init(status, f->core, f->now, &context);
    return status_row(status, fixture_task(f, task));
}

static void row_of_a_task_at_rest_has_its_next_instant(void **state) {
    struct fixture *f = fixture_create(POOL(1) SQL("a"));
    struct status status;
    (void)state;
    struct status_row row = row_of(f, &status, "a");
    assert_int_equal(row.state, TASK_IDLE);
    assert_null(row.waiting);
    assert_null(row.running);
    assert_true(row.due.us == WALL_START_US + 10 * S);
    assert_true(row.late_p50_us == -1 && row.took_p99_us == -1);
    status_finish(&status);
    fixture_destroy(f);
}

static void row_of_a_run_that_waits_has_reason_place_and_guess(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("first") SQL("second") "expect = 4s\n" SQL("third"));
    struct status status;
    (void)state;
    fixture_first_run(f, "first");
    fixture_trigger(f, "second");
    fixture_pass(f, 1 * S);
    fixture_trigger(f, "third");
    struct status_row row = row_of(f, &status, "third");
    assert_int_equal(row.state, TASK_WAITING);
    assert_int_equal(row.why.reason, REASON_TOKENS);
    assert_int_equal(row.place, 2);
    assert_true(row.starts_in_us >= 4 * S);
    int64_t guess_us = row.starts_in_us;
    status_finish(&status);
    f->now = mono_add(f->now, 1 * S); /* no step since: the guess is as of the dump all the same */
    row = row_of(f, &status, "third");
    assert_true(row.starts_in_us == guess_us - 1 * S);
    status_finish(&status);
    fixture_destroy(f);
}

static void rows_of_a_run_are_as_of_the_dump(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    (void)state;
    fixture_first_run(f, "a");
    f->now = mono_add(f->now, 7 * S);
    assert_dump(f, (const char *const[]){"\na ", "running", "on session 1 for 7", NULL});
    fixture_destroy(f);
}

static void row_of_a_paused_task_says_so_until_it_runs(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    struct status status;
    (void)state;
    f->core->tasks[0].paused = true;
    assert_int_equal(row_of(f, &status, "a").state, TASK_PAUSED);
    status_finish(&status);
    fixture_first_run(f, "a");
    assert_int_equal(row_of(f, &status, "a").state, TASK_RUNNING);
    status_finish(&status);
    fixture_destroy(f);
}

static void task_state_has_a_name_of_its_own(void **state) {
    (void)state;
    for (enum task_state a = TASK_WAITING; a <= TASK_DISABLED; a++)
        for (enum task_state b = TASK_WAITING; b < a; b++)
            assert_string_not_equal(task_state_name(a), task_state_name(b));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_of_a_task_at_rest_has_its_next_instant),
        cmocka_unit_test(row_of_a_run_that_waits_has_reason_place_and_guess),
        cmocka_unit_test(rows_of_a_run_are_as_of_the_dump),
        cmocka_unit_test(row_of_a_paused_task_says_so_until_it_runs),
        cmocka_unit_test(task_state_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
