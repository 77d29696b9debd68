/* An answer of the history is read as a whole or not at all: whoever owns that schema may have written it. */
#include "tests/unit/helper.h"

#include <string.h>

#include "scheduler/history/reply.h"

static const char ini[] = "[pool p]\nsize = 1\n[task a]\nevery = 1h\nsql = SELECT 1\n"
                          "[task b]\nevery = 1h\nsql = SELECT 1\n"
                          "[task c]\nafter = a, b\nsql = SELECT 1\n";

static struct taskset *set;

static int open_set(void **state) {
    (void)state;
    set = helper_taskset(ini);
    return 0;
}

static int close_set(void **state) {
    (void)state;
    taskset_unref(set);
    return 0;
}

static struct reply read_right(const char *answer) {
    struct reply reply;
    if (!reply_read(&reply, answer, set))
        fail_msg("refused: %s", answer);
    return reply;
}

static void reply_read_restored_is_an_event_of_its_task(void **state) {
    struct reply reply = read_right("[[{\"task\":\"b\",\"answered_us\":7,\"ahead_us\":null,\"ok_count\":3,"
                                    "\"failed_count\":2,\"skipped_count\":1,\"took_us\":5}]]");
    (void)state;
    assert_int_equal(reply.count, 1);
    const struct event *event = &reply.rows[0].event;
    assert_int_equal(event->kind, EVENT_RESTORED);
    assert_int_equal(event->task, taskset_find_task(set, "b"));
    assert_int_equal(event->restored.answered_until.us, 7);
    assert_int_equal(event->restored.ahead_until.us, 0);
    assert_int_equal(event->restored.ok_count, 3);
    assert_int_equal(event->restored.failed_count, 2);
    assert_int_equal(event->restored.skipped_count, 1);
    assert_int_equal(event->restored.took_us, 5);
    reply_finish(&reply);
}

static void reply_read_resolved_is_told_also_of_a_task_that_is_gone(void **state) {
    struct reply reply =
        read_right("[[{\"task\":\"a\",\"due\":\"D\",\"due_us\":9,\"until_us\":9,\"outcome\":\"ok\"},"
                   "{\"task\":\"gone\",\"due\":\"E\",\"due_us\":10,\"until_us\":12,\"outcome\":\"failed\"}]]");
    (void)state;
    assert_int_equal(reply.count, 2);
    assert_int_equal(reply.rows[0].event.kind, EVENT_RESOLVED);
    assert_int_equal(reply.rows[0].event.task, taskset_find_task(set, "a"));
    assert_int_equal(reply.rows[0].event.resolved.due.us, 9);
    assert_true(reply.rows[0].event.resolved.ok);
    assert_string_equal(reply.rows[0].due, "D");
    assert_int_equal(reply.rows[1].event.task, TASKSET_NONE);
    assert_false(reply.rows[1].event.resolved.ok);
    assert_int_equal(reply.rows[1].event.resolved.due_until.us, 12);
    assert_string_equal(reply.rows[1].task, "gone");
    reply_finish(&reply);
}

static void reply_read_other_is_who_shares_the_name(void **state) {
    static const struct {
        const char *answer, *shared;
    } rows[] = {
        {"[]", ""},
        {"[[{\"other\":\"app01:/srv/b.ini\",\"seen_s\":2}]]", "app01:/srv/b.ini (seen 2.0s ago)"},
        {"[[],[{\"other\":\"x\",\"seen_s\":-5}]]", "x (seen 0.0ms ago)"},
        {"[[{\"other\":\"x\",\"seen_s\":9223372036854775807}]]", "x (seen 0.0ms ago)"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reply reply = read_right(rows[i].answer);
        assert_int_equal(reply.count, 0);
        assert_string_equal(reply.shared, rows[i].shared);
        reply_finish(&reply);
    }
}

static void reply_read_chain_has_the_last_that_was_answered_of_each(void **state) {
    struct reply reply = read_right("[[{\"task\":\"c\",\"last_us\":90,\"since_us\":50,\"released\":{\"a\":70,\"x\":1},"
                                    "\"ok_us\":80,\"failed_us\":null,\"runs_elsewhere\":true},"
                                    "{\"task\":\"b\",\"last_us\":null,\"since_us\":50,\"released\":null,"
                                    "\"ok_us\":null,\"failed_us\":9,\"runs_elsewhere\":false},"
                                    "{\"task\":\"gone\",\"runs_elsewhere\":false}]]");
    (void)state;
    assert_int_equal(reply.count, 2);
    const struct event *event = &reply.rows[0].event;
    assert_int_equal(event->kind, EVENT_CHAIN);
    assert_int_equal(event->task, taskset_find_task(set, "c"));
    assert_int_equal(event->chain.ok.us, 80);
    assert_int_equal(event->chain.failed.us, 0);
    assert_true(event->chain.runs_elsewhere);
    assert_int_equal(event->chain.last.us, 90);
    assert_int_equal(event->chain.answered_count, 2);
    assert_int_equal(event->chain.answered_us[0], 70);
    assert_int_equal(event->chain.answered_us[1], 50); /* it was not named then */
    assert_int_equal(reply.rows[1].event.chain.failed.us, 9);
    assert_int_equal(reply.rows[1].event.chain.answered_count, 0);
    reply_finish(&reply);
}

static void reply_read_of_nothing_to_do_is_no_row(void **state) {
    static const char *const answers[] = {
        "[[{\"task\":\"a\"}]]", /* nothing is on record of it */
        "[[{\"task\":\"a\",\"answered_us\":null}]]",
        "[[{\"task\":\"a\",\"outcome\":\"ok\"}]]",
        "[[{\"task\":\"a\",\"due\":\"D\",\"due_us\":\"9\",\"outcome\":\"ok\"}]]",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct reply reply = read_right(answers[i]);
        assert_int_equal(reply.count, 0);
        reply_finish(&reply);
    }
}

static void reply_read_what_no_history_says_is_refused(void **state) {
    static const char *const answers[] = {
        "",
        "{}",
        "[{}]",
        "[[1]]",
        "[[{}]]",
        "[[{\"task\":5}]]",
        "[[{\"task\":\"a\",\"answered_us\":-1}]]",
        "[[{\"task\":\"a\",\"answered_us\":\"7\"}]]",
        "[[{\"task\":\"a\",\"answered_us\":1.5}]]",
        "[[{\"task\":\"a\",\"answered_us\":253402300799000001}]]",           /* after the year 9999 */
        "[[{\"task\":\"a\",\"answered_us\":7,\"took_us\":31622400000001}]]", /* more than a year */
        "[[{\"runs_elsewhere\":true}]]",
        "[[{\"task\":\"c\",\"runs_elsewhere\":true,\"ok_us\":-1}]]",
        "[[{\"task\":\"c\",\"runs_elsewhere\":true,\"last_us\":\"1\"}]]",
        "[[{\"task\":\"c\",\"runs_elsewhere\":true,\"released\":[]}]]",
        "[[{\"task\":\"c\",\"runs_elsewhere\":true,\"released\":{\"b\":\"1\"}}]]",
        "[[{\"task\":\"a\",\"answered_us\":7}],[{\"task\":\"b\",\"ok_count\":-1}]]",
        "[[{\"task\":\"a\",\"answered_us\":7}]",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct reply reply;
        if (reply_read(&reply, answers[i], set))
            fail_msg("believed: %s", answers[i]);
        assert_null(reply.rows);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reply_read_restored_is_an_event_of_its_task),
        cmocka_unit_test(reply_read_resolved_is_told_also_of_a_task_that_is_gone),
        cmocka_unit_test(reply_read_other_is_who_shares_the_name),
        cmocka_unit_test(reply_read_chain_has_the_last_that_was_answered_of_each),
        cmocka_unit_test(reply_read_of_nothing_to_do_is_no_row),
        cmocka_unit_test(reply_read_what_no_history_says_is_refused),
    };
    return cmocka_run_group_tests(tests, open_set, close_set);
}
