#include "tests/unit/helper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/replace.h"

static char folder[200], path[220];

static int enter(void **state) {
    const char *temporary = getenv("TMPDIR");
    (void)state;
    signal(SIGXFSZ, SIG_IGN); /* as the daemon does: the write fails instead */
    snprintf(folder, sizeof folder, "%s/headgate-replace.XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int leave(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails if a temporary file was left */
}

static void expect_content(const char *content) {
    char buffer[64] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    buffer[fread(buffer, 1, sizeof buffer - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(buffer, content);
}

static void replace(const char *content) {
    struct text text = {0};
    text_add(&text, "%s", content);
    assert_true(replace_file(path, &text));
    text_finish(&text);
}

static void replace_file_takes_the_place_of_what_was_there(void **state) {
    (void)state;
    struct stat stat_of;
    replace("first");
    expect_content("first");
    replace("2");
    expect_content("2");
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0600);
    replace("");
    expect_content("");
}

static void replace_that_is_given_up_leaves_what_was_there(void **state) {
    (void)state;
    struct replace given_up;
    replace("kept");
    assert_true(replace_begin(&given_up, path));
    fputs("not wanted", given_up.file);
    assert_false(replace_end(&given_up, false));
    expect_content("kept");
}

static void replace_on_a_full_disk_leaves_what_was_there(void **state) {
    (void)state;
    struct text text = {0};
    replace("kept");
    text_add(&text, "%0*d", 10000, 1);
    helper_limit_files(100);
    bool fine = replace_file(path, &text);
    int why = errno;
    helper_limit_files(RLIM_INFINITY);
    assert_false(fine);
    assert_int_equal(why, EFBIG);
    expect_content("kept");
    text_finish(&text);
}

static void replace_with_nothing_is_fine_where_nothing_is(void **state) {
    (void)state;
    replace("x");
    assert_true(replace_with_nothing(path));
    assert_int_equal(access(path, F_OK), -1);
    assert_true(replace_with_nothing(path));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replace_file_takes_the_place_of_what_was_there),
        cmocka_unit_test(replace_that_is_given_up_leaves_what_was_there),
        cmocka_unit_test(replace_on_a_full_disk_leaves_what_was_there),
        cmocka_unit_test(replace_with_nothing_is_fine_where_nothing_is),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
