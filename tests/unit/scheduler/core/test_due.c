#include "tests/unit/fixture.h"

#include "scheduler/core/due.h"

#define IDS 200

static void due_empty_has_no_first(void **state) {
    struct due due;
    (void)state;
    due_init(&due, IDS);
    assert_null(due_first(&due));
    due_remove(&due, 3); /* not in: nothing happens */
    assert_false(due_has(&due, 3));
    due_finish(&due);
}

static void due_ties_go_to_the_lower_id(void **state) {
    struct due due;
    (void)state;
    due_init(&due, IDS);
    for (uint32_t i = 0; i < IDS; i++)
        due_set(&due, (i * 77) % IDS, 5);
    for (uint32_t i = 0; i < IDS; i++) {
        assert_int_equal(due_first(&due)->id, i);
        due_remove(&due, i);
    }
    assert_null(due_first(&due));
    due_finish(&due);
}

static void due_set_again_moves_the_id(void **state) {
    struct due due;
    (void)state;
    due_init(&due, IDS);
    due_set(&due, 1, 10);
    due_set(&due, 2, 20);
    due_set(&due, 3, 30);
    due_set(&due, 3, 5);
    assert_int_equal(due.count, 3);
    assert_int_equal(due_first(&due)->id, 3);
    due_set(&due, 3, 40);
    assert_int_equal(due_first(&due)->id, 1);
    due_finish(&due);
}

static void due_extreme_instants_keep_their_order(void **state) {
    struct due due;
    (void)state;
    due_init(&due, IDS);
    due_set(&due, 0, INT64_MAX);
    due_set(&due, 1, INT64_MIN);
    due_set(&due, 2, 0);
    assert_int_equal(due_first(&due)->id, 1);
    due_remove(&due, 1);
    assert_int_equal(due_first(&due)->id, 2);
    due_finish(&due);
}

/* Against a plain array searched from end to end. */
static void due_many_changes_match_a_plain_search(void **state) {
    struct due due;
    int64_t at_of[IDS];
    bool in[IDS] = {0};
    uint64_t random = 1;
    (void)state;
    due_init(&due, IDS);
    for (int turn = 0; turn < 20000; turn++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint32_t id = (uint32_t)(random >> 33) % IDS;
        if (random >> 62) {
            in[id] = true;
            at_of[id] = (int64_t)(random >> 50) % 50;
            due_set(&due, id, at_of[id]);
        } else {
            in[id] = false;
            due_remove(&due, id);
        }
        uint32_t best = IDS, count = 0;
        for (uint32_t i = 0; i < IDS; i++) {
            assert_int_equal(due_has(&due, i), in[i]);
            count += in[i];
            if (in[i] && (best == IDS || at_of[i] < at_of[best]))
                best = i;
        }
        assert_int_equal(due.count, count);
        if (count > 0) {
            assert_int_equal(due_first(&due)->id, best);
            assert_int_equal(due_first(&due)->at, at_of[best]);
        }
    }
    due_finish(&due);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due_empty_has_no_first),
        cmocka_unit_test(due_ties_go_to_the_lower_id),
        cmocka_unit_test(due_set_again_moves_the_id),
        cmocka_unit_test(due_extreme_instants_keep_their_order),
        cmocka_unit_test(due_many_changes_match_a_plain_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
