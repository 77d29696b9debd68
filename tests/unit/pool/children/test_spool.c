/* Everything that was added comes back, wherever it went; a disk that refuses changes nothing. */
#include "tests/unit/helper.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool/children/spool.h"

#define KIB ((size_t)1024)

static const char *temporary(void) {
    const char *directory = getenv("TMPDIR");
    return directory ? directory : "/tmp";
}

static char byte_at(uint64_t offset) {
    return (char)(offset * 31 + offset / 251);
}

/* `count` bytes, each of which depends on where it is. False as spool_add(). */
static bool add_more(struct spool *spool, size_t count, struct text *error) {
    char *bytes = malloc(count);
    for (size_t i = 0; i < count; i++)
        bytes[i] = byte_at(spool->bytes_count + i);
    bool added = spool_add(spool, bytes, count, error);
    free(bytes);
    return added;
}

static void add(struct spool *spool, size_t count) {
    struct text error = {0};
    if (!add_more(spool, count, &error))
        fail_msg("%s", error.bytes);
}

static void expect_bytes(const char *bytes, size_t count, uint64_t offset) {
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != byte_at(offset + i))
            fail_msg("byte %llu differs", (unsigned long long)(offset + i));
}

static void expect_whole(const struct spool *spool, uint64_t count) {
    struct text error = {0};
    char chunk[1000];
    uint64_t at = 0;
    long got;
    while ((got = spool_read(spool, at, chunk, sizeof chunk, &error)) > 0) {
        expect_bytes(chunk, (size_t)got, at);
        at += (uint64_t)got;
    }
    assert_int_equal(got, 0);
    assert_int_equal(at, count);
    assert_int_equal(spool->bytes_count, count);
}

static void expect_descriptor(const struct spool *spool, uint64_t count) {
    struct text error = {0};
    char chunk[1000];
    uint64_t at = 0;
    ssize_t got;
    int fd = spool_open(spool, &error);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    while ((got = read(fd, chunk, sizeof chunk)) > 0) {
        expect_bytes(chunk, (size_t)got, at);
        at += (uint64_t)got;
    }
    close(fd);
    assert_int_equal(at, count);
}

static void spool_zeroed_is_cleared_without_harm(void **state) {
    (void)state;
    struct spool spool = {0};
    int before = fcntl(0, F_GETFD);
    spool_clear(&spool);
    assert_int_equal(fcntl(0, F_GETFD), before); /* a zeroed fd is that of stdin */
}

static void spool_nothing_added_reads_as_empty(void **state) {
    (void)state;
    struct spool_place place = {.directory = temporary()};
    struct spool spool;
    spool_init(&spool, &place);
    add(&spool, 0);
    expect_whole(&spool, 0);
    expect_descriptor(&spool, 0);
    spool_clear(&spool);
}

static void spool_small_stays_in_memory(void **state) {
    (void)state;
    struct spool_place place = {.directory = "/nowhere"};
    struct spool spool;
    spool_init(&spool, &place);
    for (size_t i = 0; i < SPOOL_MEMORY_BYTES / KIB; i++)
        add(&spool, KIB);
    assert_int_equal(spool.fd, -1);
    assert_int_equal(place.memory_bytes, SPOOL_MEMORY_BYTES);
    expect_whole(&spool, SPOOL_MEMORY_BYTES);
    expect_descriptor(&spool, SPOOL_MEMORY_BYTES);
    expect_descriptor(&spool, SPOOL_MEMORY_BYTES);
    spool_clear(&spool);
    assert_int_equal(place.memory_bytes, 0);
}

static void spool_large_goes_to_a_file_without_a_name(void **state) {
    (void)state;
    struct spool_place place = {.directory = temporary()};
    struct spool spool;
    struct stat what;
    spool_init(&spool, &place);
    for (int i = 0; i < 1000; i++)
        add(&spool, 777);
    assert_true(spool.fd >= 0);
    assert_true(fcntl(spool.fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fstat(spool.fd, &what), 0);
    assert_int_equal(what.st_nlink, 0);
    assert_int_equal(what.st_mode & 0777, 0600);
    assert_int_equal(place.memory_bytes, 0);
    expect_whole(&spool, 777000);
    expect_descriptor(&spool, 777000);
    expect_descriptor(&spool, 777000);
    spool_clear(&spool);
    add(&spool, 5); /* it may be used again */
    expect_whole(&spool, 5);
    spool_clear(&spool);
}

static void spool_open_while_another_reads_begins_at_its_start(void **state) {
    (void)state;
    struct spool_place place = {.directory = temporary()};
    struct spool spool;
    struct text error = {0};
    char some[100];
    spool_init(&spool, &place);
    add(&spool, 2 * SPOOL_MEMORY_BYTES);
    int fd = spool_open(&spool, &error);
    assert_int_equal(read(fd, some, sizeof some), sizeof some);
    expect_descriptor(&spool, 2 * SPOOL_MEMORY_BYTES);
    assert_int_equal(read(fd, some, sizeof some), sizeof some);
    expect_bytes(some, sizeof some, sizeof some);
    assert_int_equal(write(fd, some, sizeof some), -1); /* a child may not change it */
    close(fd);
    spool_clear(&spool);
}

static void spool_memory_of_all_used_up_goes_to_a_file(void **state) {
    (void)state;
    struct spool_place place = {.directory = temporary(), .memory_bytes = SPOOL_MEMORY_ALL - 8 * KIB};
    struct spool first, second;
    spool_init(&first, &place);
    spool_init(&second, &place);
    add(&first, 8 * KIB);
    add(&second, 1);
    assert_int_equal(first.fd, -1);
    assert_true(second.fd >= 0);
    add(&first, 1);
    assert_true(first.fd >= 0);
    assert_int_equal(place.memory_bytes, SPOOL_MEMORY_ALL - 8 * KIB);
    expect_whole(&first, 8 * KIB + 1);
    spool_clear(&first);
    spool_clear(&second);
}

/* What goes to the end of something is made as if it were there already. */
static void move_to(size_t there, size_t moved) {
    struct spool_place place = {.directory = temporary()};
    struct spool to, from;
    struct text error = {0};
    spool_init(&to, &place);
    spool_init(&from, &place);
    add(&to, there);
    for (size_t i = 0; i < moved; i++) {
        char byte = byte_at(there + i);
        assert_true(spool_add(&from, &byte, 1, &error));
    }
    assert_true(spool_move(&to, &from, &error));
    expect_whole(&to, there + moved);
    expect_whole(&from, 0);
    add(&from, 3);
    expect_whole(&from, 3);
    spool_clear(&to);
    spool_clear(&from);
    assert_int_equal(place.memory_bytes, 0);
}

static void spool_move_appends_wherever_both_are(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 100 * KIB, 300 * KIB};
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t j = 0; j < COUNT(sizes); j++)
            move_to(sizes[i], sizes[j]);
}

static void spool_move_to_an_empty_one_copies_nothing(void **state) {
    (void)state;
    struct spool_place place = {.directory = temporary()};
    struct spool to, from;
    struct text error = {0};
    spool_init(&to, &place);
    spool_init(&from, &place);
    add(&from, 300 * KIB);
    int fd = from.fd;
    assert_true(spool_move(&to, &from, &error));
    assert_int_equal(to.fd, fd);
    assert_int_equal(from.fd, -1);
    spool_clear(&to);
}

/* --- a disk that refuses --- */

static off_t file_bytes(const struct spool *spool) {
    struct stat what;
    assert_int_equal(fstat(spool->fd, &what), 0);
    return what.st_size;
}

static void expect_error(struct text *error, const char *piece) {
    assert_non_null(error->bytes);
    if (!strstr(error->bytes, piece))
        fail_msg("'%s' does not say '%s'", error->bytes, piece);
    text_finish(error);
}

static void spool_directory_missing_says_so(void **state) {
    (void)state;
    struct spool_place place = {.directory = "/nowhere"};
    struct spool spool;
    struct text error = {0};
    spool_init(&spool, &place);
    add(&spool, SPOOL_MEMORY_BYTES);
    assert_false(add_more(&spool, 1, &error));
    expect_error(&error, "cannot make a file in /nowhere: No such file or directory");
    expect_whole(&spool, SPOOL_MEMORY_BYTES);
    spool_clear(&spool);
}

static void expect_refused(struct spool *spool, size_t more_bytes, rlim_t file_most_bytes) {
    struct text error = {0};
    helper_limit_files(file_most_bytes);
    bool added = add_more(spool, more_bytes, &error);
    helper_limit_files(RLIM_INFINITY);
    assert_false(added);
    expect_error(&error, "cannot keep it in ");
}

static void spool_file_refuses_to_grow_keeps_what_it_had(void **state) {
    (void)state;
    struct spool_place place = {.directory = temporary()};
    struct spool spool;
    spool_init(&spool, &place);
    add(&spool, 300 * KIB);
    expect_refused(&spool, 200 * KIB, 400 * KIB); /* the first 100 KiB are written */
    assert_int_equal(file_bytes(&spool), 300 * KIB);
    expect_descriptor(&spool, 300 * KIB);
    add(&spool, 200 * KIB);
    expect_whole(&spool, 500 * KIB);
    spool_clear(&spool);
}

static void spool_file_refuses_to_begin_keeps_the_memory(void **state) {
    (void)state;
    struct spool_place place = {.directory = temporary()};
    struct spool spool;
    spool_init(&spool, &place);
    add(&spool, 200 * KIB);
    expect_refused(&spool, 100 * KIB, 100 * KIB);
    assert_int_equal(spool.fd, -1);
    expect_whole(&spool, 200 * KIB);
    spool_clear(&spool);
}

static void spool_move_refused_leaves_both(void **state) {
    (void)state;
    struct spool_place place = {.directory = temporary()};
    struct spool to, from;
    struct text error = {0};
    spool_init(&to, &place);
    spool_init(&from, &place);
    add(&to, 300 * KIB);
    add(&from, 270 * KIB);
    helper_limit_files(400 * KIB); /* some of the chunks fit */
    bool moved = spool_move(&to, &from, &error);
    helper_limit_files(RLIM_INFINITY);
    assert_false(moved);
    expect_error(&error, "cannot keep it in ");
    assert_int_equal(file_bytes(&to), 300 * KIB);
    expect_whole(&to, 300 * KIB);
    expect_whole(&from, 270 * KIB);
    spool_clear(&to);
    spool_clear(&from);
}

static void spool_open_refused_says_so(void **state) {
    (void)state;
    struct spool_place place = {.directory = temporary()};
    struct spool spool;
    struct text error = {0};
    spool_init(&spool, &place);
    add(&spool, 100 * KIB);
    helper_limit_files(50 * KIB);
    int fd = spool_open(&spool, &error);
    helper_limit_files(RLIM_INFINITY);
    assert_int_equal(fd, -1);
    expect_error(&error, "cannot hand on 102400 bytes in memory: ");
    spool_clear(&spool);
}

/* The last test: it needs root, and a mount that only this process sees. */
static void spool_disk_full_names_place_and_cause(void **state) {
    (void)state;
    char directory[128];
    snprintf(directory, sizeof directory, "%s/headgate-spool.XXXXXX", temporary());
    assert_non_null(mkdtemp(directory));
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", directory, "tmpfs", 0, "size=512k") != 0) {
        rmdir(directory);
        skip();
    }
    struct spool_place place = {.directory = directory};
    struct spool spool;
    struct text error = {0}, expected = {0};
    spool_init(&spool, &place);
    add(&spool, 400 * KIB);
    assert_false(add_more(&spool, 200 * KIB, &error));
    text_add(&expected, "cannot keep it in %s: No space left on device", directory);
    helper_expect_text("error", error.bytes, expected.bytes);
    expect_whole(&spool, 400 * KIB);
    add(&spool, 50 * KIB); /* the room was given back */
    expect_whole(&spool, 450 * KIB);
    spool_clear(&spool);
    text_finish(&error);
    text_finish(&expected);
    umount(directory);
    rmdir(directory);
}

int main(void) {
    signal(SIGXFSZ, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spool_zeroed_is_cleared_without_harm),
        cmocka_unit_test(spool_nothing_added_reads_as_empty),
        cmocka_unit_test(spool_small_stays_in_memory),
        cmocka_unit_test(spool_large_goes_to_a_file_without_a_name),
        cmocka_unit_test(spool_open_while_another_reads_begins_at_its_start),
        cmocka_unit_test(spool_memory_of_all_used_up_goes_to_a_file),
        cmocka_unit_test(spool_move_appends_wherever_both_are),
        cmocka_unit_test(spool_move_to_an_empty_one_copies_nothing),
        cmocka_unit_test(spool_directory_missing_says_so),
        cmocka_unit_test(spool_file_refuses_to_grow_keeps_what_it_had),
        cmocka_unit_test(spool_file_refuses_to_begin_keeps_the_memory),
        cmocka_unit_test(spool_move_refused_leaves_both),
        cmocka_unit_test(spool_open_refused_says_so),
        cmocka_unit_test(spool_disk_full_names_place_and_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
