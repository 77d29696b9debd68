/* A file in a folder that all may write is opened only if it is ours. */
#include "tests/unit/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/path.h"

static char directory[160], path[200], other[200];

static int make_directory(void **state) {
    const char *temporary = getenv("TMPDIR");
    (void)state;
    snprintf(directory, sizeof directory, "%s/headgate-path.XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/file", directory);
    snprintf(other, sizeof other, "%s/other", directory);
    return 0;
}

static int remove_directory(void **state) {
    (void)state;
    unlink(path);
    unlink(other);
    rmdir(path);
    return rmdir(directory);
}

static void expect_open(int flags) {
    int fd = path_open_own(path, flags);
    if (fd < 0)
        fail_msg("%s: %d", path, errno);
    close(fd);
}

static void expect_refused(int reason) {
    assert_int_equal(path_open_own(path, O_RDONLY), -1);
    assert_int_equal(errno, reason);
}

static void path_folder_is_that_of_dirname(void **state) {
    static const struct {
        const char *path, *folder;
    } rows[] = {{"/srv/app.ini", "/srv"}, {"/app.ini", "/"}, {"app.ini", "."}, {"a/b/", "a"}, {"", "."}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *folder = path_folder(rows[i].path);
        assert_string_equal(folder, rows[i].folder);
        free(folder);
    }
}

static void path_open_own_makes_it_for_us_alone(void **state) {
    struct stat made;
    (void)state;
    expect_refused(ENOENT);
    expect_open(O_RDWR | O_CREAT);
    assert_int_equal(stat(path, &made), 0);
    assert_int_equal(made.st_mode & 0777, 0600);
    expect_open(O_RDONLY);
}

static void path_open_own_follows_no_link(void **state) {
    (void)state;
    close(open(other, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(symlink(other, path), 0);
    expect_refused(ELOOP);
}

/* A pipe would hold whoever opens it. */
static void path_open_own_refuses_what_is_no_file(void **state) {
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refused(EPERM);
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refused(EPERM);
}

static void path_open_own_refuses_what_is_anothers(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    close(open(path, O_WRONLY | O_CREAT, 0666));
    assert_int_equal(chown(path, 65533, 65533), 0);
    expect_refused(EPERM);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)
    const struct CMUnitTest tests[] = {
        TEST(path_folder_is_that_of_dirname),         TEST(path_open_own_makes_it_for_us_alone),
        TEST(path_open_own_follows_no_link),          TEST(path_open_own_refuses_what_is_no_file),
        TEST(path_open_own_refuses_what_is_anothers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
