#include "tests/unit/helper.h"

#include "scheduler/core/queue.h"

#define S US_PER_S

static void queue_rank_is_slack_priority_and_arrival(void **state) {
    static const struct {
        const char *name;
        struct task first, second;
        int64_t first_due_us, second_due_us, first_expected_us, second_expected_us;
    } rows[] = {
        {"arrival", {.priority = PRIORITY_NORMAL}, {.priority = PRIORITY_NORMAL}, 1, 2, 0, 0},
        {"less patience", {.priority = PRIORITY_NORMAL, .patience_us = 1}, {.priority = PRIORITY_NORMAL, .patience_us = S}, 5, 0, 0, 0},
        {"longer, so less slack", {.priority = PRIORITY_NORMAL, .patience_us = S}, {.priority = PRIORITY_NORMAL, .patience_us = S}, 0, 0, S / 2, 1},
        {"priority", {.priority = PRIORITY_HIGH}, {.priority = PRIORITY_NORMAL}, 29 * S, 0, 0, 0},
        {"but not for ever", {.priority = PRIORITY_NORMAL}, {.priority = PRIORITY_HIGH}, 0, 31 * S, 0, 0},
        {"nor two levels", {.priority = PRIORITY_LOW}, {.priority = PRIORITY_HIGH}, 0, 61 * S, 0, 0},
        {"long patience is no sentence", {.priority = PRIORITY_NORMAL, .patience_us = 3600 * S}, {.priority = PRIORITY_NORMAL}, 0, 61 * S, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (queue_rank(&rows[i].first, rows[i].first_due_us, rows[i].first_expected_us, 60 * S) >=
            queue_rank(&rows[i].second, rows[i].second_due_us, rows[i].second_expected_us, 60 * S))
            fail_msg("%s: the first is not before the second", rows[i].name);
}

/* Whatever the two are: who waited for max_wait is ahead of who became due just now. */
static void queue_rank_of_who_waited_for_max_wait_is_ahead(void **state) {
    (void)state;
    for (enum priority a = PRIORITY_LOW; a <= PRIORITY_HIGH; a++)
        for (enum priority b = PRIORITY_LOW; b <= PRIORITY_HIGH; b++)
            for (int64_t patience_us = 0; patience_us < 100 * S; patience_us += 7 * S) {
                struct task waited = {.priority = a, .patience_us = patience_us}, fresh = {.priority = b};
                assert_true(queue_rank(&waited, 0, 0, 40 * S) <= queue_rank(&fresh, 40 * S, S, 40 * S));
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_rank_is_slack_priority_and_arrival),
        cmocka_unit_test(queue_rank_of_who_waited_for_max_wait_is_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
