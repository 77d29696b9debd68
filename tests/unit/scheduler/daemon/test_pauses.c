#include "tests/unit/helper.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/daemon/pauses.h"

#define HEAD "# headgate: paused tasks, since when (UTC), by whom; written by the daemon\n"

static char directory[128], path[160];

static int make_directory(void **state) {
    (void)state;
    const char *temporary = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/headgate-pauses.XXXXXX", temporary ? temporary : "/tmp");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/ctl.paused", directory);
    return 0;
}

static int remove_directory(void **state) {
    char temporary[200];
    (void)state;
    snprintf(temporary, sizeof temporary, "%s.new", path);
    unlink(path);
    rmdir(path);
    rmdir(temporary);
    return rmdir(directory);
}

static void put(const char *content) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void pauses_load_takes_what_is_right_and_tells_the_rest(void **state) {
    static const struct {
        const char *content; /* NULL: no file */
        uint32_t count;
        const char *complaint; /* NULL: none */
    } table[] = {
        {NULL, 0, NULL},
        {"", 0, NULL},
        {HEAD, 0, NULL},
        {HEAD "tick 2026-11-24T12:03:11Z alice\nb 2026-11-24T12:03:11Z bob@x\n", 2, NULL},
        {HEAD "tick 2026-11-24T12:03:11Z alice", 1, NULL},
        {HEAD "tick yesterday alice\nb 2026-11-24T12:03:11Z bob\n", 1, ":2: not a task"},
        {HEAD "a 9999-12-31T23:59:59Z x\nb 2147483647-01-01T00:00:00Z x\nc 9999-12-31T23:59:60Z x\nd -999-01-01T00:00:00Z x\n", 1, "3 such"},
        {HEAD "b 2026-11-24T12:03:11Z bob more\nc\nd 2026-11-24T12:03:11Z x\n", 1, "2 such lines"},
        {HEAD "a/b 2026-11-24T12:03:11Z bob\n", 0, ":2: not a task"},
        {"gold\n", 0, "is not a list of paused tasks"},
        {"tick 2026-11-24T12:03:11Z alice\n", 0, "is not a list of paused tasks"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct text complaint = {0};
        unlink(path);
        if (table[i].content)
            put(table[i].content);
        struct pauses pauses = pauses_load(path, &complaint);
        if (pauses.count != table[i].count)
            fail_msg("%zu: %u pauses", i, pauses.count);
        if (!table[i].complaint != !complaint.bytes_count ||
            (table[i].complaint && !strstr(complaint.bytes, table[i].complaint)))
            fail_msg("%zu: %s", i, complaint.bytes_count ? complaint.bytes : "no complaint");
        pauses_finish(&pauses);
        text_finish(&complaint);
    }
}

static void pauses_saved_are_loaded_and_none_is_no_file(void **state) {
    struct pauses pauses = {0};
    struct text error = {0};
    (void)state;
    unlink(path);
    pauses_add(&pauses, "tick", "alice", (struct wall){1764000191 * US_PER_S + 500});
    pauses_add(&pauses, "a-b.c", "uid-7", (struct wall){US_PER_S});
    assert_true(pauses_save(&pauses, path, &error));
    struct pauses loaded = pauses_load(path, &error);
    assert_int_equal(error.bytes_count, 0);
    assert_int_equal(loaded.count, 2);
    assert_string_equal(pauses_find(&loaded, "tick")->by, "alice");
    assert_true(pauses_find(&loaded, "tick")->since.us == 1764000191 * US_PER_S);
    pauses_remove(&loaded, "tick");
    pauses_remove(&loaded, "tick");
    assert_null(pauses_find(&loaded, "tick"));
    assert_non_null(pauses_find(&loaded, "a-b.c"));
    pauses_remove(&loaded, "a-b.c");
    assert_true(pauses_save(&loaded, path, &error));
    assert_int_equal(access(path, F_OK), -1);
    pauses_finish(&pauses);
    pauses_finish(&loaded);
    text_finish(&error);
}

static void pauses_save_replaces_no_file_of_others_and_leaves_nothing_half(void **state) {
    struct pauses pauses = {0};
    struct text error = {0};
    struct stat found;
    (void)state;
    pauses_add(&pauses, "tick", "alice", (struct wall){US_PER_S});
    put("gold\n");
    assert_false(pauses_save(&pauses, path, &error));
    assert_non_null(strstr(error.bytes, "move it away"));
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_size, 5);
    put(HEAD "old 2026-11-24T12:03:11Z alice\n");
    text_clear(&error);
    signal(SIGXFSZ, SIG_IGN);
    helper_limit_files(8);
    assert_false(pauses_save(&pauses, path, &error));
    helper_limit_files(RLIM_INFINITY);
    assert_non_null(strstr(error.bytes, "cannot write"));
    assert_non_null(strstr(error.bytes, "File too large"));
    DIR *folder = opendir(directory);
    int count = 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    assert_int_equal(count, 3); /* itself, its parent, and the list */
    text_clear(&error);
    struct pauses loaded = pauses_load(path, &error);
    assert_non_null(pauses_find(&loaded, "old"));
    pauses_finish(&loaded);
    pauses_finish(&pauses);
    text_finish(&error);
}

static void pauses_names_of_users_fit_the_file(void **state) {
    static const char *const right[] = {"alice", "uid-0", "a.b_c", "EXAMPLE\\bob", "bob@example.org", "svc$"};
    static const char *const wrong[] = {"", "a b", "a\nb", "\xc3\xa9", "0123456789012345678901234567890123"};
    (void)state;
    for (size_t i = 0; i < COUNT(right); i++)
        assert_true(pauses_is_name(right[i]));
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(pauses_is_name(wrong[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_load_takes_what_is_right_and_tells_the_rest),
        cmocka_unit_test(pauses_saved_are_loaded_and_none_is_no_file),
        cmocka_unit_test(pauses_save_replaces_no_file_of_others_and_leaves_nothing_half),
        cmocka_unit_test(pauses_names_of_users_fit_the_file),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
