#include "dump.h"

#include "scheduler/status/diagnosis.h"

static struct diagnosis diagnose(const struct fixture *f) {
    struct status status;
    status_init(&status, f->core, f->now, &context);
    struct diagnosis diagnosis = diagnosis_of(&status, 0);
    status_finish(&status);
    return diagnosis;
}

static void diagnosis_of_too_much_work_says_size_and_intervals(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) SQL("a") "expect = 8s\n" SQL("b") "expect = 1h\n" /* always at it */
                                               SQL("c") "expect = 7s\n" SQL("off") "expect = 9s\nenabled = off\n");
    (void)state;
    struct diagnosis diagnosis = diagnose(f);
    assert_int_equal(diagnosis.work_permille, 800 + 1000 + 700);
    assert_int_equal(diagnosis.size_wanted, 4); /* 2.5 and a quarter of it */
    assert_int_equal(diagnosis.interval_percent, 157);
    fixture_destroy(f);
}

static void diagnosis_of_work_that_fits_says_nothing(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") "expect = 9s\n");
    (void)state;
    struct diagnosis diagnosis = diagnose(f);
    assert_int_equal(diagnosis.size_wanted, 0);
    assert_int_equal(diagnosis.interval_percent, 0);
    assert_null(diagnosis.kept);
    assert_false(diagnosis.foreground_keeps);
    assert_int_equal(diagnosis.size_possible, 0);
    fixture_destroy(f);
}

/* Longer than leak_warning, and ten times as long as it usually is. */
static void diagnosis_of_a_token_that_is_kept_names_the_run(void **state) {
    struct fixture *f = fixture_create_unarmed("[pool p]\nsize = 1\nleak_warning = 20s\n" SQL("a") "expect = 3s\n");
    (void)state;
    fixture_first_run(f, "a");
    f->now = mono_add(f->now, 29 * S);
    assert_null(diagnose(f).kept);
    f->now = mono_add(f->now, 2 * S);
    struct diagnosis diagnosis = diagnose(f);
    assert_non_null(diagnosis.kept);
    assert_true(diagnosis.kept_us >= 30 * S);
    fixture_destroy(f);
    f = fixture_create_unarmed("[pool p]\nsize = 1\nleak_warning = 20s\n" SQL("short") "expect = 1s\n");
    fixture_first_run(f, "short");
    f->now = mono_add(f->now, 15 * S); /* ten times, and a moment all the same */
    assert_null(diagnose(f).kept);
    fixture_destroy(f);
}

static void diagnosis_of_an_application_that_idles_in_transactions(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    struct sample *sample = &f->core->pools[0].gate.sample;
    (void)state;
    sample->known = true;
    sample->idle_in_transaction_us = 30 * S - 1;
    assert_false(diagnose(f).foreground_keeps);
    sample->idle_in_transaction_us = 30 * S;
    assert_true(diagnose(f).foreground_keeps);
    fixture_destroy(f);
}

static void diagnosis_of_a_pool_that_is_smaller_than_the_room(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") SQL("b"));
    (void)state;
    fixture_first_run(f, "a");
    assert_int_equal(diagnose(f).size_possible, 0); /* nothing waits */
    fixture_trigger(f, "b");
    assert_true(diagnose(f).size_possible > 50);
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diagnosis_of_too_much_work_says_size_and_intervals),
        cmocka_unit_test(diagnosis_of_work_that_fits_says_nothing),
        cmocka_unit_test(diagnosis_of_a_token_that_is_kept_names_the_run),
        cmocka_unit_test(diagnosis_of_an_application_that_idles_in_transactions),
        cmocka_unit_test(diagnosis_of_a_pool_that_is_smaller_than_the_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
