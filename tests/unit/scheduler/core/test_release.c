#include "tests/unit/fixture.h"

#define POOL(size) "[pool p]\nsize = " #size "\n"
#define TASK(name) "[task " name "]\nevery = 10s\nphase = 0\ntokens = 0\ncommand = true\n"

#define S US_PER_S

static const struct run *waiting(const struct fixture *f, const char *task) {
    uint32_t run = fixture_core_task(f, task)->waiting_run;
    assert_int_not_equal(run, INDEX_NONE);
    return &f->core->runs[run];
}

/* A run that comes behind its task's own is skipped when its start_deadline passes, and not only when its turn
 * has come. */
static void start_deadline_counts_while_a_run_is_held(void **state) {
    struct fixture *f = fixture_create(POOL(1) TASK("a") "overlap = queue\nstart_deadline = 3s\n");
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle first = fixture_started(f, "a");
    fixture_pass(f, 10 * S);
    assert_int_equal(waiting(f, "a")->held, HELD_BY_OWN_RUN);
    fixture_pass(f, 3 * S - 1);
    assert_int_equal(f->count, 0);
    fixture_pass(f, 1);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_LATE);
    fixture_end(f, first, OUTCOME_OK);
    assert_null(fixture_find(f, ACTION_START));
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_deadline_counts_while_a_run_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
