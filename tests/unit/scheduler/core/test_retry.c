#include "tests/unit/helper.h"

#include "scheduler/core/retry.h"
#include "tasks/instant.h"

#define MS US_PER_MS
#define S  US_PER_S

/* 5 conflicts are tried again at once, 3 other failures after 1 s, 2 s, 4 s. */
static const struct task sql = {.work = WORK_SQL,
                                .tokens = 1,
                                .transaction = true,
                                .conflict_retries = 5,
                                .retries = 3,
                                .retry_delay = {S, 5 * S}};

static struct task task_of(enum work work, bool transaction, bool retry_lock) {
    struct task task = sql;
    task.work = work;
    task.transaction = transaction;
    task.retry_lock = retry_lock;
    return task;
}

static void retry_is_conflict_asks_for_one_transaction(void **state) {
    static const struct {
        const char *name;
        enum work work;
        bool transaction, retry_lock;
        enum stage stage;
        enum failure_kind failure;
        bool expected;
    } table[] = {
        {"40001", WORK_SQL, true, false, STAGE_WHOLE, FAILURE_CONFLICT, true},
        {"lost before COMMIT", WORK_SQL, true, false, STAGE_WHOLE, FAILURE_LOST, true},
        {"lock", WORK_SQL, true, false, STAGE_WHOLE, FAILURE_LOCK, false},
        {"lock, where asked", WORK_SQL, true, true, STAGE_WHOLE, FAILURE_LOCK, true},
        {"cancelled", WORK_SQL, true, true, STAGE_WHOLE, FAILURE_CANCEL, false},
        {"any other", WORK_SQL, true, true, STAGE_WHOLE, FAILURE_OTHER, false},
        {"own transactions", WORK_SQL, false, true, STAGE_WHOLE, FAILURE_CONFLICT, false},
        {"own transactions, lost", WORK_SQL, false, true, STAGE_WHOLE, FAILURE_LOST, false},
        {"command", WORK_COMMAND, true, true, STAGE_WHOLE, FAILURE_CONFLICT, false},
        {"read", WORK_STAGES, true, false, STAGE_READ, FAILURE_CONFLICT, true},
        {"work", WORK_STAGES, true, true, STAGE_WORK, FAILURE_CONFLICT, false},
        {"write", WORK_STAGES, true, false, STAGE_WRITE, FAILURE_CONFLICT, true},
        {"write, lock", WORK_STAGES, true, true, STAGE_WRITE, FAILURE_LOCK, true},
        {"write, always one", WORK_STAGES, false, false, STAGE_WRITE, FAILURE_LOST, true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct task task = task_of(table[i].work, table[i].transaction, table[i].retry_lock);
        if (retry_is_conflict(&task, table[i].stage, table[i].failure) != table[i].expected)
            fail_msg("%s", table[i].name);
    }
}

static void retry_delay_grows_by_what_failed_and_ends(void **state) {
    static const struct {
        const char *name;
        enum outcome outcome;
        enum failure_kind failure;
        struct attempts attempts;
        int64_t most_us; /* -1: no further attempt */
    } table[] = {
        {"first conflict", OUTCOME_FAILED, FAILURE_CONFLICT, {0, 0}, 10 * MS},
        {"second conflict", OUTCOME_FAILED, FAILURE_CONFLICT, {1, 1}, 20 * MS},
        {"fifth conflict", OUTCOME_FAILED, FAILURE_CONFLICT, {4, 4}, 160 * MS},
        {"conflicts use up their own count, then retries", OUTCOME_FAILED, FAILURE_CONFLICT, {5, 5}, 1 * S},
        {"a conflict after other failures", OUTCOME_FAILED, FAILURE_CONFLICT, {2, 0}, 10 * MS},
        {"first failure", OUTCOME_FAILED, FAILURE_OTHER, {0, 0}, 1 * S},
        {"first failure after conflicts", OUTCOME_FAILED, FAILURE_OTHER, {4, 4}, 1 * S},
        {"third failure", OUTCOME_FAILED, FAILURE_OTHER, {2, 0}, 4 * S},
        {"fourth failure", OUTCOME_FAILED, FAILURE_OTHER, {3, 0}, -1},
        {"all used up", OUTCOME_FAILED, FAILURE_CONFLICT, {8, 5}, -1},
        {"timeout", OUTCOME_TIMEOUT, FAILURE_CANCEL, {0, 0}, 1 * S},
        {"timeout that met a conflict", OUTCOME_TIMEOUT, FAILURE_CONFLICT, {1, 0}, 2 * S},
        {"ok", OUTCOME_OK, FAILURE_OTHER, {0, 0}, -1},
        {"unknown may have been done", OUTCOME_UNKNOWN, FAILURE_LOST, {0, 0}, -1},
        {"cancelled", OUTCOME_CANCELLED, FAILURE_CANCEL, {0, 0}, -1},
        {"a write whose run is lost stays so", OUTCOME_FAILED, FAILURE_GONE, {0, 0}, -1},
        {"what may be done in part", OUTCOME_FAILED, FAILURE_PARTLY, {0, 0}, -1},
        {"the same, in time for its timeout", OUTCOME_TIMEOUT, FAILURE_PARTLY, {0, 0}, -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++)
        for (uint64_t j = 0; j < 100; j++) {
            int64_t us = retry_delay_us(&sql, STAGE_WHOLE, table[i].outcome, table[i].failure,
                                        &table[i].attempts, j * UINT64_C(0x9e3779b97f4a7c15));
            int64_t most_us = table[i].most_us, least_us = most_us < 0 ? -1 : most_us / 2;
            if (us < least_us || us > most_us)
                fail_msg("%s: %d us", table[i].name, (int)us);
        }
}

static void retry_delay_stays_within_its_range(void **state) {
    struct task task = sql;
    (void)state;
    task.retries = 1000;
    for (uint32_t i = 0; i < 1000; i++) {
        struct attempts attempts = {i, 0};
        int64_t us = retry_delay_us(&task, STAGE_WHOLE, OUTCOME_FAILED, FAILURE_OTHER, &attempts, i);
        assert_in_range(us, S / 2, 5 * S);
        if (i > 2)
            assert_in_range(us, 5 * S / 2, 5 * S);
    }
}

static void retry_delay_is_drawn(void **state) {
    const struct attempts attempts = {0};
    int64_t least_us = INT64_MAX, most_us = 0;
    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        int64_t us = retry_delay_us(&sql, STAGE_WHOLE, OUTCOME_FAILED, FAILURE_OTHER, &attempts,
                                    i * UINT64_C(0x9e3779b97f4a7c15));
        least_us = us < least_us ? us : least_us;
        most_us = us > most_us ? us : most_us;
    }
    assert_in_range(least_us, 500 * MS, 510 * MS);
    assert_in_range(most_us, 990 * MS, 1000 * MS);
}

/* Whatever fails, there is an end: at most conflict_retries and retries together. */
static void retry_count_comes_to_an_end(void **state) {
    (void)state;
    for (uint32_t mix = 0; mix < 1024; mix++) {
        struct attempts attempts = {0};
        uint32_t count = 0;
        for (;; count++) {
            enum failure_kind failure = mix >> (count % 10) & 1 ? FAILURE_CONFLICT : FAILURE_OTHER;
            if (retry_delay_us(&sql, STAGE_WHOLE, OUTCOME_FAILED, failure, &attempts, mix) < 0)
                break;
            retry_count(&sql, STAGE_WHOLE, OUTCOME_FAILED, failure, &attempts);
            assert_in_range(count, 0, 8);
        }
        assert_int_equal(attempts.failed_count, count);
        assert_in_range(attempts.conflict_count, 0, 5);
    }
}

static void retry_count_calls_a_conflict_what_is_tried_at_once(void **state) {
    static const struct {
        const char *name;
        enum stage stage;
        enum outcome outcome;
        enum failure_kind failure;
        struct attempts before;
        uint32_t conflict_count;
    } table[] = {
        {"conflict", STAGE_WHOLE, OUTCOME_FAILED, FAILURE_CONFLICT, {2, 1}, 2},
        {"beyond their count", STAGE_WHOLE, OUTCOME_FAILED, FAILURE_CONFLICT, {5, 5}, 5},
        {"timeout that met one", STAGE_WHOLE, OUTCOME_TIMEOUT, FAILURE_CONFLICT, {0, 0}, 0},
        {"any other", STAGE_WHOLE, OUTCOME_FAILED, FAILURE_OTHER, {1, 1}, 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct attempts attempts = table[i].before;
        retry_count(&sql, table[i].stage, table[i].outcome, table[i].failure, &attempts);
        if (attempts.failed_count != table[i].before.failed_count + 1 ||
            attempts.conflict_count != table[i].conflict_count)
            fail_msg("%s", table[i].name);
    }
}

static void retry_hold_begins_after_its_count_and_doubles(void **state) {
    static const struct {
        uint32_t hold_after, failed_in_row;
        int64_t expected_us;
    } table[] = {
        {3, 0, 0},       {3, 2, 0},       {3, 3, 60 * S},         {3, 4, 120 * S},  {3, 8, 1920 * S},
        {3, 9, 3600 * S}, {3, 500, 3600 * S}, {3, UINT32_MAX, 3600 * S}, {0, 0, 0}, {0, 1000, 0},
        {1, 1, 60 * S},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct task task = {.hold_after = table[i].hold_after, .hold = {60 * S, 3600 * S}};
        if (retry_hold_us(&task, table[i].failed_in_row) != table[i].expected_us)
            fail_msg("hold_after %u, %u in a row", table[i].hold_after, table[i].failed_in_row);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retry_is_conflict_asks_for_one_transaction),
        cmocka_unit_test(retry_delay_grows_by_what_failed_and_ends),
        cmocka_unit_test(retry_delay_stays_within_its_range),
        cmocka_unit_test(retry_delay_is_drawn),
        cmocka_unit_test(retry_count_comes_to_an_end),
        cmocka_unit_test(retry_count_calls_a_conflict_what_is_tried_at_once),
        cmocka_unit_test(retry_hold_begins_after_its_count_and_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
