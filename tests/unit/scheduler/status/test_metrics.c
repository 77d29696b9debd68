#include "dump.h"

#include "scheduler/status/metrics.h"

static bool tells(const struct fixture *f, const char *in_dump, const char *in_metrics) {
    struct status status;
    struct text dump = {0}, metrics = {0};
    status_init(&status, f->core, f->now, &context);
    status_print(&status, 0, &dump);
    status_metrics(&status, &metrics);
    bool found = strstr(dump.bytes, in_dump) != NULL;
    assert_int_equal(strstr(metrics.bytes, in_metrics) != NULL, found);
    status_finish(&status);
    text_finish(&dump);
    text_finish(&metrics);
    return found;
}

static void status_removed_task_and_pool_are_told_of_while_a_run_is_left(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("gone"));
    (void)state;
    struct handle run = fixture_first_run(f, "gone");
    struct handle session = core_run(f->core, run)->session;
    fixture_reload(f, "[pool q]\nsize = 4\n" SQL("new"));
    assert_true(tells(f, "\ngone ", "task=\"gone\""));
    assert_true(tells(f, "pool p", "pool=\"p\""));
    fixture_end(f, run, OUTCOME_OK);
    assert_false(tells(f, "\ngone ", "task=\"gone\""));
    fixture_session(f, EVENT_SESSION_READY, session);
    assert_true(tells(f, "pool p", "pool=\"p\"")); /* its session closes */
    fixture_session(f, EVENT_SESSION_GONE, session);
    assert_false(tells(f, "pool p", "pool=\"p\""));
    assert_true(tells(f, "\nnew ", "task=\"new\""));
    fixture_destroy(f);
}

static void metrics_are_families_of_samples(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(3) SQL("a") SQL("b"));
    static const char *const lines[] = {
        "# HELP headgate_up_seconds Since the daemon began.\n# TYPE headgate_up_seconds gauge\nheadgate_up_seconds 90.000\n",
        "# TYPE headgate_pool_tokens gauge\nheadgate_pool_tokens{pool=\"p\",state=\"taken\"} 1\n",
        "headgate_pool_size_tokens{pool=\"p\"} 3\n",
        "headgate_pool_pressure_ratio{pool=\"p\"} 0.",
        "# TYPE headgate_task_runs_total counter\nheadgate_task_runs_total{task=\"a\",outcome=\"ok\"} 0\n",
        "headgate_task_state{task=\"a\",state=\"running\"} 1\nheadgate_task_state{task=\"b\",state=\"idle\"} 1\n",
        "headgate_task_interval_seconds{task=\"a\"} ",
    };
    struct status status;
    struct text metrics = {0};
    (void)state;
    fixture_first_run(f, "a");
    status_init(&status, f->core, f->now, &context);
    status_metrics(&status, &metrics);
    const char *at = metrics.bytes;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const char *found = strstr(at, lines[i]);
        if (!found)
            fail_msg("no '%s' here or not in order:\n%s", lines[i], metrics.bytes);
        at = found;
    }
    status_finish(&status);
    text_finish(&metrics);
    fixture_destroy(f);
}

static void metrics_count_bites_where_there_are_any(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) BITES("a") SQL("b"));
    struct status status;
    struct text metrics = {0};
    (void)state;
    fixture_end_with(f, fixture_first_run(f, "a"), OUTCOME_OK, FAILURE_OTHER, 1000);
    status_init(&status, f->core, f->now, &context);
    status_metrics(&status, &metrics);
    assert_non_null(strstr(metrics.bytes, "headgate_task_bites_total{task=\"a\"} 1\n"));
    assert_non_null(strstr(metrics.bytes, "headgate_task_bite_rows_total{task=\"a\"} 1000\n"));
    assert_null(strstr(metrics.bytes, "headgate_task_bites_total{task=\"b\"}"));
    status_finish(&status);
    text_finish(&metrics);
    fixture_destroy(f);
}

static void metrics_count_the_no_of_guards(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") "when = SELECT true\n" SQL("b"));
    struct status status;
    struct text metrics = {0};
    (void)state;
    fixture_end(f, fixture_first_run(f, "a"), OUTCOME_NOTHING);
    status_init(&status, f->core, f->now, &context);
    status_metrics(&status, &metrics);
    assert_non_null(strstr(metrics.bytes, "headgate_task_runs_total{task=\"a\",outcome=\"nothing\"} 1\n"));
    assert_non_null(strstr(metrics.bytes, "headgate_task_runs_total{task=\"a\",outcome=\"ok\"} 0\n"));
    assert_null(strstr(metrics.bytes, "headgate_task_runs_total{task=\"b\",outcome=\"nothing\"}"));
    status_finish(&status);
    text_finish(&metrics);
    fixture_destroy(f);
}

/* Of tasks that have one. */
static void metrics_tell_whether_a_window_is_open(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") "window = 01:00-02:00\n" SQL("b") "window = 02:00-04:00\n" SQL("c"));
    struct status status;
    struct text metrics = {0};
    (void)state;
    status_init(&status, f->core, f->now, &context);
    status_metrics(&status, &metrics);
    assert_non_null(strstr(metrics.bytes, "headgate_task_window_open{task=\"a\"} 1\nheadgate_task_window_open{task=\"b\"} 0\n#"));
    status_finish(&status);
    text_finish(&metrics);
    fixture_destroy(f);
}

static void metrics_count_what_a_chain_waits_for(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") SQL("b") "[task z]\nafter = a, b\nsql = x\n");
    struct status status;
    struct text metrics = {0};
    (void)state;
    fixture_end(f, fixture_first_run(f, "a"), OUTCOME_OK);
    status_init(&status, f->core, f->now, &context);
    status_metrics(&status, &metrics);
    assert_non_null(strstr(metrics.bytes, "headgate_task_after_missing{task=\"z\"} 1\n"));
    assert_null(strstr(metrics.bytes, "headgate_task_after_missing{task=\"a\"}"));
    status_finish(&status);
    text_finish(&metrics);
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_removed_task_and_pool_are_told_of_while_a_run_is_left),
        cmocka_unit_test(metrics_count_the_no_of_guards),
        cmocka_unit_test(metrics_tell_whether_a_window_is_open),
        cmocka_unit_test(metrics_count_what_a_chain_waits_for),
        cmocka_unit_test(metrics_are_families_of_samples),
        cmocka_unit_test(metrics_count_bites_where_there_are_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
