#include "tests/unit/helper.h"

#include <stdio.h>
#include <string.h>

#include "scheduler/import/names.h"
#include "tasks/keys.h"
#include "tasks/task.h"

static void names_are_valid_and_each_only_once(void **state) {
    (void)state;
    static const struct {
        const char *wanted, *name;
    } rows[] = {
        {"backup", "backup"},
        {"backup", "backup-2"},
        {"backup-2", "backup-2-2"},
        {"backup", "backup-3"},
        {"Nightly Vacuum (all)", "Nightly-Vacuum-all"},
        {"db:sessions:trim", "db-sessions-trim"},
        {"--x--", "x"},
        {"a..", "a"},
        {"", "job"},
        {"\xE2\x82\xAC", "job-2"},
        {X40 "y", X40},
        {X40 "z", "xxxxxxxxxx" "xxxxxxxxxx" "xxxxxxxxxx" "xxxxxxxx" "-2"},
    };
    struct arena arena = {0};
    struct names names = {.arena = &arena};
    for (size_t i = 0; i < COUNT(rows); i++)
        helper_expect_text(rows[i].wanted, names_take(&names, rows[i].wanted), rows[i].name);
    arena_finish(&arena);
}

static void names_of_many_are_all_different(void **state) {
    (void)state;
    struct arena arena = {0};
    struct names names = {.arena = &arena}, again = {.arena = &arena};
    for (int i = 0; i < 20000; i++) {
        struct faults faults = {0};
        const char *name = names_take(&names, i % 2 ? "run" : "run-2");
        assert_true(keys_check_name(name, 1, &faults));
        assert_string_equal(names_take(&again, name), name); /* it was not there before */
    }
    arena_finish(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_valid_and_each_only_once),
        cmocka_unit_test(names_of_many_are_all_different),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
