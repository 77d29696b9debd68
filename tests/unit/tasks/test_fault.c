#include "tests/unit/helper.h"

#include <stdio.h>
#include <string.h>

static void expect_print(const struct faults *faults, const char *expected) {
    struct text text = {0};
    text_add(&text, "%s", "");
    faults_print(faults, "a.ini", &text);
    helper_expect_text("faults_print", text.bytes, expected);
    text_finish(&text);
}

static void fault_none_prints_nothing(void **state) {
    (void)state;
    struct faults faults = {0};
    expect_print(&faults, "");
    faults_finish(&faults);
}

static void fault_in_any_order_prints_by_line(void **state) {
    (void)state;
    struct faults faults = {0};
    fault_add(&faults, 7, "seven, %s", "first");
    fault_add(&faults, 3, "three");
    fault_add(&faults, 7, "seven, second");
    fault_add(&faults, 0, "the whole file");
    fault_add(&faults, 5, "five");
    expect_print(&faults, "a.ini: the whole file\n"
                          "a.ini:3: three\n"
                          "a.ini:5: five\n"
                          "a.ini:7: seven, first\n"
                          "a.ini:7: seven, second\n");
    faults_finish(&faults);
}

static void fault_above_the_limit_is_counted(void **state) {
    (void)state;
    struct faults faults = {0};
    struct text text = {0};
    for (uint32_t line = 1; line <= FAULTS_MAX + 7; line++)
        fault_add(&faults, line, "wrong");
    assert_int_equal(faults.count, FAULTS_MAX);
    assert_int_equal(faults.left_off_count, 7);
    faults_print(&faults, "a.ini", &text);
    assert_non_null(strstr(text.bytes, "a.ini:100: wrong\na.ini: and 7 more\n"));
    text_finish(&text);
    faults_finish(&faults);
}

static void fault_finish_leaves_nothing(void **state) {
    (void)state;
    struct faults faults = {0};
    fault_add(&faults, 1, "wrong");
    faults_finish(&faults);
    assert_int_equal(faults.count, 0);
    assert_null(faults.items);
    faults_finish(&faults);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_none_prints_nothing),
        cmocka_unit_test(fault_in_any_order_prints_by_line),
        cmocka_unit_test(fault_above_the_limit_is_counted),
        cmocka_unit_test(fault_finish_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
