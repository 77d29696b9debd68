/* What the history is asked, by what waits to be written and what is known. */
#include "tests/unit/fixture.h"

#include <string.h>

#include "scheduler/history/history.h"

/* Some batches of records from a life before. What they answer must be on record before anybody looks for what was missed. */
static void history_ask_reads_what_is_on_record_behind_all_that_waits(void **state) {
    struct fixture *f = fixture_create("[pool p]\nconninfo = dbname=x\nhistory = on\n[task a]\nevery = 1h\nsql = SELECT 1\n");
    struct history_writer writer = {.core = f->core, .name = "d", .life = "d 1"};
    struct history *history = history_open(&writer, "p", "place", "/nowhere/at/all");
    struct text error = {0};
    int asked = 0;
    (void)state;
    for (int i = 0; i < 3 * RECORDING_BATCH_COUNT; i++)
        assert_true(backlog_add(history->backlog, "{}", &error));
    for (bool restoring = false; !restoring; asked++) {
        struct history_asking asking;
        history_ask(history, &asking);
        assert_true(asking.question.makes_schema);
        assert_null(asking.question.keep);
        restoring = asking.question.tasks != NULL;
        assert_int_equal(restoring, history->restoring);
        history_asking_finish(&asking);
        backlog_written(history->backlog);
        assert_int_equal(backlog_count(history->backlog) == 0, restoring);
    }
    assert_int_equal(asked, 3);
    text_finish(&error);
    text_finish(&writer.line);
    history_close(history);
    fixture_destroy(f);
}

/* So that nobody looks for what has no row. */
static void history_ask_says_which_tasks_are_sparse(void **state) {
    struct fixture *f = fixture_create("[pool p]\nconninfo = dbname=x\nhistory = on\n[task a]\nevery = 1h\nsql = SELECT 1\n"
                                       "[task b]\nevery = 1h\nsql = SELECT 1\nwhen = SELECT true\n");
    struct history_writer writer = {.core = f->core, .name = "d", .life = "d 1"};
    struct history *history = history_open(&writer, "p", "place", "/nowhere/at/all");
    struct history_asking asking;
    (void)state;
    history_ask(history, &asking);
    const char *a = strstr(asking.question.tasks, "\"a\""), *b = strstr(asking.question.tasks, "\"b\"");
    assert_true(a && b && a < b && strstr(b, "\"sparse\":true") && strstr(a, "\"sparse\":true") > b);
    history_asking_finish(&asking);
    text_finish(&writer.line);
    history_close(history);
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(history_ask_reads_what_is_on_record_behind_all_that_waits),
        cmocka_unit_test(history_ask_says_which_tasks_are_sparse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
