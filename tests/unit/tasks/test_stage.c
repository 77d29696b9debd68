#include "tests/unit/helper.h"

#include <stdio.h>

#include "tasks/stage.h"

#define POOL "[pool p]\nsize = 3\n"

/* A task with the keys given, beside its interval. */
static struct taskset *set_of(const char *keys) {
    struct text text = {0};
    text_add(&text, POOL "[task t]\nevery = 1min\n%s", keys);
    struct taskset *set = helper_taskset(text.bytes);
    text_finish(&text);
    return set;
}

static void stages_of_a_task_follow_each_other(void **state) {
    (void)state;
    static const struct {
        const char *keys;
        enum stage stages[4]; /* the last is END */
    } rows[] = {
        {"sql = x\n", {STAGE_WHOLE, STAGE_END}},
        {"command = x\n", {STAGE_WHOLE, STAGE_END}},
        {"read = r\nwork = x\nwrite = w\n", {STAGE_READ, STAGE_WORK, STAGE_WRITE, STAGE_END}},
        {"read = r\nwork = x\n", {STAGE_READ, STAGE_WORK, STAGE_END}},
        {"work = x\nwrite = w\n", {STAGE_WORK, STAGE_WRITE, STAGE_END}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct taskset *set = set_of(rows[i].keys);
        const struct task *task = &set->tasks[0];
        assert_int_equal(stage_first(task), rows[i].stages[0]);
        assert_int_equal(stage_after(task, STAGE_WHEN), rows[i].stages[0]);
        assert_int_equal(stage_after(task, STAGE_CLAIM), rows[i].stages[0]);
        for (const enum stage *stage = rows[i].stages; *stage != STAGE_END; stage++)
            assert_int_equal(stage_after(task, *stage), stage[1]);
        taskset_unref(set);
    }
}

static void stage_of_outside_work_holds_nothing(void **state) {
    (void)state;
    struct taskset *set = set_of("read = r\nwork = x\nwrite = w\nread_timeout = 1s\nwork_timeout = 2s\ntimeout = 3s\n"
                                 "expect = 4s\nexpect_work = 5s\n");
    static const struct {
        enum stage stage;
        bool needs_session;
        uint32_t tokens;
        int64_t timeout_s, expect_s;
    } rows[] = {
        {STAGE_WHEN, true, 1, 3, 0},
        {STAGE_CLAIM, true, 1, 0, 0}, {STAGE_WHOLE, true, 1, 3, 0},  {STAGE_READ, true, 1, 1, 4},
        {STAGE_WORK, false, 0, 2, 5}, {STAGE_WRITE, true, 1, 3, 4},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct task *task = &set->tasks[0];
        assert_int_equal(stage_needs_session(task, rows[i].stage), rows[i].needs_session);
        assert_int_equal(stage_tokens(task, rows[i].stage), rows[i].tokens);
        assert_true(stage_timeout_us(task, rows[i].stage) == rows[i].timeout_s * US_PER_S);
        assert_true(stage_expect_us(task, rows[i].stage) == rows[i].expect_s * US_PER_S);
    }
    taskset_unref(set);
}

static void stage_of_a_guard_takes_one_token_of_any_task(void **state) {
    (void)state;
    static const char *const works[] = {"sql = x\ntokens = 3\n", "command = x\ntokens = 0\n", "read = r\nwork = x\n"};
    for (size_t i = 0; i < COUNT(works); i++) {
        char keys[128];
        snprintf(keys, sizeof keys, "%swhen = SELECT true\ntimeout = 3s\nexpect = 4s\n", works[i]);
        struct taskset *set = set_of(keys);
        const struct task *task = &set->tasks[0];
        assert_true(stage_needs_session(task, STAGE_WHEN));
        assert_int_equal(stage_tokens(task, STAGE_WHEN), 1);
        assert_true(stage_timeout_us(task, STAGE_WHEN) == 3 * US_PER_S);
        assert_true(stage_expect_us(task, STAGE_WHEN) == 4 * US_PER_S);
        taskset_unref(set);
    }
}

static void stage_of_a_command_has_its_tokens_and_no_session(void **state) {
    (void)state;
    struct taskset *set = set_of("command = x\ntokens = 2\n");
    assert_false(stage_needs_session(&set->tasks[0], STAGE_WHOLE));
    assert_int_equal(stage_tokens(&set->tasks[0], STAGE_WHOLE), 2);
    taskset_unref(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_of_a_task_follow_each_other),
        cmocka_unit_test(stage_of_outside_work_holds_nothing),
        cmocka_unit_test(stage_of_a_guard_takes_one_token_of_any_task),
        cmocka_unit_test(stage_of_a_command_has_its_tokens_and_no_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
