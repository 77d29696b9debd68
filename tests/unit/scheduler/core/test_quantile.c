#include "tests/unit/fixture.h"

#include "scheduler/core/quantile.h"

#define SHARE_OF_ERROR 10 /* a tenth */

static void assert_near(int64_t got, int64_t want) {
    int64_t slack = want / SHARE_OF_ERROR + 1;
    assert_true(got >= want - slack && got <= want + slack);
}

static void quantile_without_values_is_not_known(void **state) {
    struct quantile quantile = {0};
    (void)state;
    assert_int_equal(quantile_get(&quantile, 500), -1);
    assert_int_equal(quantile_get(&quantile, 990), -1);
}

static void quantile_one_value_is_all_of_them(void **state) {
    static const int64_t values[] = {100, 1000, 12345, 1000000, 8000000, 60000000, INT64_C(3600000000),
                                     INT64_C(86400000000)};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct quantile quantile = {0};
        quantile_add(&quantile, values[i]);
        assert_near(quantile_get(&quantile, 500), values[i]);
        assert_near(quantile_get(&quantile, 990), values[i]);
    }
}

static void quantile_values_out_of_range_fall_at_the_ends(void **state) {
    static const struct {
        int64_t value, least, most;
    } table[] = {
        {INT64_MIN, 0, 64},
        {-1, 0, 64},
        {0, 0, 64},
        {63, 0, 64},
        {INT64_MAX, INT64_C(30) * 3600 * 1000000, INT64_C(70) * 3600 * 1000000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct quantile quantile = {0};
        quantile_add(&quantile, table[i].value);
        int64_t got = quantile_get(&quantile, 500);
        assert_true(got >= table[i].least && got <= table[i].most);
    }
}

static void quantile_median_and_tail_are_told_apart(void **state) {
    struct quantile quantile = {0};
    (void)state;
    for (int i = 0; i < 98; i++)
        quantile_add(&quantile, 1000);
    quantile_add(&quantile, 500000);
    quantile_add(&quantile, 500000);
    assert_near(quantile_get(&quantile, 500), 1000);
    assert_near(quantile_get(&quantile, 980), 1000);
    assert_near(quantile_get(&quantile, 990), 500000);
}

static void quantile_grows_with_the_share(void **state) {
    struct quantile quantile = {0};
    (void)state;
    for (int64_t i = 1; i <= 200; i++)
        quantile_add(&quantile, i * 1000);
    int64_t before = 0;
    for (uint32_t permille = 1; permille <= 1000; permille++) {
        int64_t got = quantile_get(&quantile, permille);
        assert_true(got >= before);
        before = got;
    }
}

static void quantile_full_counter_lets_the_past_fade(void **state) {
    struct quantile quantile = {0};
    (void)state;
    for (int i = 0; i < 10000; i++)
        quantile_add(&quantile, 1000);
    for (int i = 0; i < 400; i++)
        quantile_add(&quantile, 100000);
    assert_near(quantile_get(&quantile, 500), 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantile_without_values_is_not_known),
        cmocka_unit_test(quantile_one_value_is_all_of_them),
        cmocka_unit_test(quantile_values_out_of_range_fall_at_the_ends),
        cmocka_unit_test(quantile_median_and_tail_are_told_apart),
        cmocka_unit_test(quantile_grows_with_the_share),
        cmocka_unit_test(quantile_full_counter_lets_the_past_fade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
