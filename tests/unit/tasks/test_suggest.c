#include "tests/unit/helper.h"

#include "tasks/suggest.h"

static void suggest_distance_counts_edits(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance;
    } rows[] = {
        {"", "", 0},          {"size", "size", 0},     {"size", "sizes", 1},       {"size", "sze", 1},
        {"size", "sise", 1},  {"size", "siez", 1},     {"", "size", 4},            {"size", "", 4},
        {"every", "eveyr", 1}, {"kitten", "sitting", 3}, {"idle", "timeout", 6},
        {X50 X10 "xxx", "x", 62}, {X50 X10 "xxxx", "x", 63},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(suggest_distance(rows[i].a, rows[i].b), rows[i].distance);
        assert_int_equal(suggest_distance(rows[i].b, rows[i].a), rows[i].distance);
    }
}

static void suggest_better_means_a_slip(void **state) {
    (void)state;
    static const struct {
        const char *word, *candidate;
        int near;
    } rows[] = {
        {"evry", "every", 1},     {"Every", "every", 1},      {"time_out", "timeout", 1}, {"sqlfile", "sql_file", 1},
        {"statement_timout", "statement_timeout", 1},         {"conn_info", "conninfo", 1},
        {"cron", "every", 0},     {"retries", "priority", 0}, {"x", "sql", 0},            {"ab", "", 0},
        {X100, "every", 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if ((suggest_better(rows[i].word, NULL, rows[i].candidate) != NULL) != rows[i].near)
            fail_msg("%s and %s", rows[i].word, rows[i].candidate);
}

static void suggest_better_keeps_the_nearest(void **state) {
    (void)state;
    assert_string_equal(suggest_better("timeou", "timeout", "time_out"), "timeout");
    assert_string_equal(suggest_better("timeou", "time_out", "timeout"), "timeout");
    assert_string_equal(suggest_better("timeout", "timeout", "timeou"), "timeout");
    assert_string_equal(suggest_better("evry", "every", "retries"), "every");
}

static void suggest_text_is_nothing_without_a_word(void **state) {
    (void)state;
    assert_string_equal(SUGGEST_TEXT("size"), "; did you mean 'size'?");
    assert_string_equal(SUGGEST_TEXT(NULL), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suggest_distance_counts_edits),
        cmocka_unit_test(suggest_better_means_a_slip),
        cmocka_unit_test(suggest_better_keeps_the_nearest),
        cmocka_unit_test(suggest_text_is_nothing_without_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
