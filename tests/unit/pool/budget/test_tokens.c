#include "tests/unit/helper.h"

#include "pool/budget/tokens.h"

static void sums_of_a_budget_add_up(void **state) {
    (void)state;
    static const struct {
        struct tokens tokens;
        uint32_t held, taken, free;
    } cases[] = {
        {{.size = 4, .limit = 4}, 0, 0, 4},
        {{.size = 4, .opening = 1}, 1, 0, 3},
        {{.size = 4, .warm = 1}, 1, 0, 3},
        {{.size = 4, .checking = 1}, 1, 0, 3},
        {{.size = 4, .busy = 1}, 1, 1, 3},
        {{.size = 4, .closing = 1}, 1, 0, 3},
        {{.size = 4, .command = 1}, 1, 1, 3},
        {{.size = 4, .leftover = 1}, 1, 0, 3},
        {{.size = 4, .ended = 2}, 2, 0, 2},
        {{.size = 9, .opening = 1, .warm = 1, .checking = 1, .busy = 2, .closing = 1, .command = 2, .leftover = 1}, 9, 4, 0},
        {{.size = 4, .busy = 4}, 4, 4, 0},
        {{.size = 4, .busy = 4, .leftover = 3}, 7, 4, 0}, /* a smaller size after a reload, say */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(tokens_held(&cases[i].tokens), cases[i].held);
        assert_int_equal(tokens_taken(&cases[i].tokens), cases[i].taken);
        assert_int_equal(tokens_free(&cases[i].tokens), cases[i].free);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_a_budget_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
