#include "tests/unit/helper.h"

#include <string.h>

#include "tasks/taskset.h"

#define FILE_OF(lines) "[pool p]\nsize = 1\n[pool q]\nsize = 1\n" lines
#define TASK(name, pool, channels)                                                                                     \
    "[task " name "]\nsql = x\npool = " pool "\nwake = " channels "\n"

static void wake_list_is_its_channels_in_its_order(void **state) {
    struct arena arena = {0};
    struct text error = {0};
    (void)state;
    const struct wake *wake = wake_read(" new_mail,Other\t,\n third ", &arena, &error);
    assert_non_null(wake);
    assert_int_equal(wake->channel_count, 3);
    assert_string_equal(wake->channels[0], "new_mail");
    assert_string_equal(wake->channels[1], "Other");
    assert_string_equal(wake->channels[2], "third");
    text_finish(&error);
    arena_finish(&arena);
}

static void wakes_are_found_by_pool_and_channel(void **state) {
    struct taskset *set = helper_taskset(
        FILE_OF(TASK("a", "q", "y x") TASK("b", "p", "x") TASK("c", "q", "x") TASK("d", "q", "x\nenabled = off")));
    (void)state;
    assert_int_equal(set->wakes.count, 4);
    struct wakes of_q = wakes_of_pool(set->wakes, 1), x = wakes_of_channel(set->wakes, 1, "x");
    assert_int_equal(of_q.count, 3);
    assert_int_equal(wakes_channel_count(of_q), 2);
    assert_int_equal(x.count, 2);
    assert_int_equal(x.items[0].task, 0);
    assert_int_equal(x.items[1].task, 2);
    assert_int_equal(wakes_of_channel(set->wakes, 0, "y").count, 0);
    assert_int_equal(wakes_of_channel(set->wakes, 0, "z").count, 0);
    assert_int_equal(wakes_of_channel(set->wakes, 7, "x").count, 0);
    taskset_unref(set);
}

static void wakes_of_the_same_channels_may_wake_others(void **state) {
    struct taskset *set = helper_taskset(FILE_OF(TASK("a", "p", "x y") TASK("b", "q", "x") TASK("c", "q", "y")));
    struct taskset *other = helper_taskset(FILE_OF(TASK("a", "p", "x y z") TASK("b", "q", "x")));
    (void)state;
    struct wakes p = wakes_of_pool(set->wakes, 0);
    assert_true(wakes_same_channels(p, wakes_of_pool(set->wakes, 1)));
    assert_false(wakes_same_channels(p, wakes_of_pool(other->wakes, 0)));
    assert_false(wakes_same_channels(p, wakes_of_pool(other->wakes, 1)));
    assert_true(wakes_same_channels((struct wakes){0}, wakes_of_pool(set->wakes, 2)));
    taskset_unref(set);
    taskset_unref(other);
}

static void wake_is_part_of_what_a_file_does(void **state) {
    struct taskset *set = helper_taskset(FILE_OF(TASK("a", "p", "x"))), *other = helper_taskset(FILE_OF(TASK("a", "p", "y")));
    (void)state;
    assert_true(taskset_work_hash(set) != taskset_work_hash(other));
    taskset_unref(set);
    taskset_unref(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wake_list_is_its_channels_in_its_order),
        cmocka_unit_test(wakes_are_found_by_pool_and_channel),
        cmocka_unit_test(wakes_of_the_same_channels_may_wake_others),
        cmocka_unit_test(wake_is_part_of_what_a_file_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
