#include "tests/unit/helper.h"

#include <stdio.h>
#include <string.h>

#include "tasks/taskset.h"

static struct taskset *set_of(const char *const *names) {
    struct taskset *set = taskset_create();
    while (names[set->task_count])
        set->task_count++;
    set->pool_count = set->task_count;
    set->tasks = arena_alloc(&set->arena, (set->task_count + 1) * sizeof *set->tasks);
    set->pools = arena_alloc(&set->arena, (set->pool_count + 1) * sizeof *set->pools);
    for (uint32_t i = 0; i < set->task_count; i++)
        set->tasks[i].name = set->pools[i].name = arena_text(&set->arena, names[i], strlen(names[i]));
    taskset_seal(set);
    return set;
}

static const char *const some[] = {"tick", "awards", "nightly", NULL};
static const char *const others[] = {"nightly", "new", "tick", NULL};
static const char *const none[] = {NULL};

static void ref_keeps_the_set_until_the_last_unref(void **state) {
    (void)state;
    struct taskset *set = set_of(some);
    assert_int_equal(set->references, 1);
    assert_ptr_equal(taskset_ref(set), set);
    taskset_unref(set);
    assert_int_equal(set->references, 1);
    assert_string_equal(set->tasks[0].name, "tick");
    taskset_unref(set); /* the sanitizer would tell of a leak */
    taskset_unref(NULL);
}

static void find_by_name_gives_its_index_or_none(void **state) {
    (void)state;
    struct taskset *set = set_of(some);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(taskset_find_task(set, some[i]), i);
        assert_int_equal(taskset_find_pool(set, some[i]), i);
    }
    assert_int_equal(taskset_find_task(set, "tic"), TASKSET_NONE);
    assert_int_equal(taskset_find_pool(set, "tickk"), TASKSET_NONE);
    taskset_unref(set);
}

/* Each row of a restored history is looked for: with as many comparisons as tasks it would take minutes. */
static void find_among_a_hundred_thousand_takes_no_search(void **state) {
    (void)state;
    enum { MANY = 100 * 1000 };
    struct taskset *set = taskset_create();
    set->task_count = MANY;
    set->tasks = arena_alloc(&set->arena, (MANY + 1) * sizeof *set->tasks);
    for (uint32_t i = 0; i < MANY; i++) {
        char name[32];
        int length = snprintf(name, sizeof name, "a_task_with_a_number_%06d", (int)(i * 7919 % MANY));
        set->tasks[i].name = arena_text(&set->arena, name, (size_t)length);
    }
    taskset_seal(set);
    for (uint32_t turn = 0; turn < 3; turn++)
        for (uint32_t i = 0; i < MANY; i++)
            assert_int_equal(taskset_find_task(set, set->tasks[i].name), i);
    taskset_unref(set);
}

static void match_by_name_gives_old_indexes(void **state) {
    (void)state;
    struct taskset *from = set_of(some), *to = set_of(others), *empty = set_of(none);
    uint32_t from_of[3];
    taskset_match(from, to, from_of);
    assert_int_equal(from_of[0], 2);
    assert_int_equal(from_of[1], TASKSET_NONE);
    assert_int_equal(from_of[2], 0);
    taskset_match(empty, to, from_of);
    for (size_t i = 0; i < COUNT(from_of); i++)
        assert_int_equal(from_of[i], TASKSET_NONE);
    taskset_match(from, empty, NULL);
    taskset_unref(from);
    taskset_unref(to);
    taskset_unref(empty);
}

/* What was learned of a task holds as long as it does, and asks, the same. */
static void work_is_the_same_with_the_same_guard(void **state) {
    (void)state;
    static const char *const inis[] = {
        "[pool p]\nsize = 1\n[task a]\nevery = 1s\nsql = x\n",
        "[pool p]\nsize = 1\n[task a]\nevery = 1s\nsql = x\nwhen = SELECT true\n",
        "[pool p]\nsize = 1\n[task a]\nevery = 1s\nsql = x\nwhen = SELECT false\n",
    };
    struct taskset *sets[COUNT(inis)], *again = helper_taskset(inis[1]);
    for (size_t i = 0; i < COUNT(inis); i++)
        sets[i] = helper_taskset(inis[i]);
    for (size_t i = 0; i < COUNT(inis); i++) {
        assert_int_equal(task_same_work(&again->tasks[0], &sets[i]->tasks[0]), i == 1);
        assert_int_equal(taskset_work_hash(again) == taskset_work_hash(sets[i]), i == 1);
    }
    for (size_t i = 0; i < COUNT(inis); i++)
        taskset_unref(sets[i]);
    taskset_unref(again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ref_keeps_the_set_until_the_last_unref),
        cmocka_unit_test(find_by_name_gives_its_index_or_none),
        cmocka_unit_test(find_among_a_hundred_thousand_takes_no_search),
        cmocka_unit_test(match_by_name_gives_old_indexes),
        cmocka_unit_test(work_is_the_same_with_the_same_guard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
