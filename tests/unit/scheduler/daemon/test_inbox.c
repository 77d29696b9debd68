/* What was reported is kept with all that was said, in its order, also while more comes. */
#include "tests/unit/helper.h"

#include <string.h>

#include "pool/budget/sample.h"
#include "scheduler/daemon/inbox.h"

static void inbox_report_of_a_failure_outlives_its_texts(void **state) {
    struct inbox inbox = {0};
    struct message message;
    char said[] = "no such table";
    struct report report = {.kind = REPORT_RUN_ENDED, .run = {3, 4}};
    struct failure failure = {.sqlstate = "42P01", .message = said};
    (void)state;
    inbox_report(&inbox, &report, &failure);
    memset(said, 'x', sizeof said - 1);
    assert_true(inbox_take(&inbox, &message));
    assert_int_equal(message.event.kind, EVENT_RUN_ENDED);
    assert_int_equal(message.event.run.index, 3);
    assert_string_equal(message.failure->message, "no such table");
    assert_string_equal(message.failure->sqlstate, "42P01");
    assert_null(message.failure->detail);
    message_finish(&message);
    inbox_finish(&inbox);
}

static void inbox_report_of_a_sample_is_a_copy(void **state) {
    struct inbox inbox = {0};
    struct message message;
    struct sample sample = {.known = true, .leftover_count = 7};
    struct report report = {.kind = REPORT_SAMPLED, .sample = &sample};
    (void)state;
    inbox_report(&inbox, &report, NULL);
    sample.leftover_count = 0;
    assert_true(inbox_take(&inbox, &message));
    assert_int_equal(message.event.sample->leftover_count, 7);
    assert_null(message.failure);
    message_finish(&message);
    inbox_finish(&inbox);
}

static void inbox_report_of_the_history_has_its_answer(void **state) {
    struct inbox inbox = {0};
    struct message message;
    struct report report = {.kind = REPORT_HISTORY, .history = {.answer = "[]", .locked = true}};
    (void)state;
    inbox_report(&inbox, &report, NULL);
    assert_true(inbox_take(&inbox, &message));
    assert_string_equal(message.answer, "[]");
    assert_true(message.event.history.failed_for_long);
    message_finish(&message);
    inbox_finish(&inbox);
}

/* As when an action fails at once: it reports while the message that led to it is in hand. */
static void inbox_take_while_more_is_added_keeps_the_order(void **state) {
    struct inbox inbox = {0};
    struct message message;
    uint32_t added = 0, taken = 0;
    (void)state;
    for (; added < 3; added++)
        inbox_add(&inbox, &(struct event){.kind = EVENT_TRIGGER, .task = added});
    while (inbox_take(&inbox, &message)) {
        assert_int_equal(message.event.task, taken++);
        for (int i = 0; i < 2 && added < 1000; i++, added++)
            inbox_add(&inbox, &(struct event){.kind = EVENT_TRIGGER, .task = added});
        message_finish(&message);
    }
    assert_int_equal(taken, 1000);
    assert_true(inbox_is_empty(&inbox));
    inbox_finish(&inbox);
}

static void inbox_finish_frees_what_nobody_took(void **state) {
    struct inbox inbox = {0};
    struct sample sample = {0};
    struct failure failure = {.message = "lost"};
    struct report sampled = {.kind = REPORT_SAMPLED, .sample = &sample},
                  broken = {.kind = REPORT_SESSION_BROKEN};
    (void)state;
    inbox_report(&inbox, &sampled, NULL);
    inbox_report(&inbox, &broken, &failure);
    inbox_finish(&inbox); /* the leak sanitizer looks */
    assert_true(inbox_is_empty(&inbox));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inbox_report_of_a_failure_outlives_its_texts),
        cmocka_unit_test(inbox_report_of_a_sample_is_a_copy),
        cmocka_unit_test(inbox_report_of_the_history_has_its_answer),
        cmocka_unit_test(inbox_take_while_more_is_added_keeps_the_order),
        cmocka_unit_test(inbox_finish_frees_what_nobody_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
