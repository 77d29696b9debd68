/* Every line comes back once, in its order, wherever it was kept; what cannot be kept is counted. */
#include "tests/unit/helper.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/history/backlog.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

#define BATCH_MOST_COUNT 500
#define BATCH_MOST_BYTES (512 * KIB)

static char directory[200];
static char path[250];

static int make_directory(void **state) {
    const char *temporary = getenv("TMPDIR");
    (void)state;
    snprintf(directory, sizeof directory, "%s/headgate-backlog.XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/p.history", directory);
    return 0;
}

static int remove_directory(void **state) {
    (void)state;
    unlink(path);
    rmdir(path);
    return rmdir(directory); /* nothing else is left in it */
}

static struct backlog *open_backlog(void) {
    struct text error = {0};
    struct backlog *backlog = backlog_create(path, &error);
    if (error.bytes_count)
        fail_msg("%s", error.bytes);
    return backlog;
}

static void close_backlog(struct backlog *backlog) {
    struct text error = {0};
    if (!backlog_destroy(backlog, &error) || error.bytes_count)
        fail_msg("%s", error.bytes_count ? error.bytes : "not saved, and no word why");
}

/* A line that says its number; `bytes` long, where that leaves room. */
static void make_line(char *line, uint32_t number, size_t bytes) {
    int length = snprintf(line, 40, "{\"n\":%u,\"x\":\"", number);
    size_t fill = bytes > (size_t)length + 2 ? bytes - (size_t)length - 2 : 0;
    memset(line + length, 'x', fill);
    memcpy(line + length + fill, "\"}", 3);
}

static bool add_one(struct backlog *backlog, uint32_t number, size_t bytes, struct text *error) {
    char *line = malloc(bytes + 50);
    make_line(line, number, bytes);
    bool added = backlog_add(backlog, line, error);
    free(line);
    return added;
}

static void add(struct backlog *backlog, uint32_t first, uint32_t count, size_t bytes) {
    struct text error = {0};
    for (uint32_t i = first; i < first + count; i++)
        if (!add_one(backlog, i, bytes, &error))
            fail_msg("%u: %s", i, error.bytes);
}

/* The numbers in a batch; fails unless it is a JSON array of whole lines. */
static uint32_t numbers_of(const struct text *batch, uint32_t *ret_numbers) {
    uint32_t count = 0;
    const char *at = batch->bytes;
    assert_int_equal(strlen(at), batch->bytes_count);
    assert_int_equal(*at, '[');
    for (at++; *at != ']'; count++) {
        int length = 0;
        assert_in_range(count, 0, BATCH_MOST_COUNT - 1);
        if (sscanf(at, "{\"n\":%u,\"x\":\"%n", &ret_numbers[count], &length) != 1 || length == 0)
            fail_msg("'%.60s' is no line", at);
        at += length;
        at += strspn(at, "x");
        if (strncmp(at, "\"}", 2) != 0)
            fail_msg("'%.60s' is not the end of a line", at);
        at += 2;
        at += *at == ',';
    }
    assert_int_equal(at[1], '\0');
    return count;
}

static uint32_t batch_of(struct backlog *backlog, uint32_t *ret_numbers) {
    struct text batch = {0};
    uint32_t sent_count = backlog_batch(backlog, &batch), count = numbers_of(&batch, ret_numbers);
    assert_int_equal(sent_count, count);
    text_finish(&batch);
    return count;
}

/* All of them are written, batch by batch: they are first, first + 1, ... */
static void expect_all(struct backlog *backlog, uint32_t first, uint32_t count) {
    static uint32_t numbers[BATCH_MOST_COUNT];
    uint32_t left = count;
    assert_int_equal(backlog_count(backlog), count);
    while (left) {
        uint32_t got = batch_of(backlog, numbers);
        assert_in_range(got, 1, left);
        for (uint32_t i = 0; i < got; i++, first++)
            if (numbers[i] != first)
                fail_msg("%u instead of %u", numbers[i], first);
        backlog_written(backlog);
        left -= got;
        assert_int_equal(backlog_count(backlog), left);
    }
    assert_int_equal(batch_of(backlog, numbers), 0);
    backlog_written(backlog);
    assert_int_equal(backlog_on_disk_count(backlog), 0);
}

static void write_file(const char *bytes, size_t bytes_count) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, bytes_count, file), bytes_count);
    fclose(file);
}

static bool is_there(void) {
    struct stat status;
    return lstat(path, &status) == 0;
}

/* Lines of a KiB until some are in the file. Returns how many there are in all. */
static uint32_t fill_memory(struct backlog *backlog, uint32_t on_disk_count) {
    uint32_t count = (uint32_t)(BACKLOG_MEMORY_BYTES / KIB) + on_disk_count;
    add(backlog, 0, count, KIB);
    assert_int_equal(backlog_on_disk_count(backlog), on_disk_count);
    return count;
}

/* --- order --- */

static void backlog_empty_is_an_empty_batch_and_no_file(void **state) {
    struct backlog *backlog = open_backlog();
    (void)state;
    expect_all(backlog, 0, 0);
    backlog_refused(backlog, 0);
    backlog_give_up(backlog);
    close_backlog(backlog);
    assert_false(is_there());
    close_backlog(NULL);
}

static void backlog_keeps_the_order_in_memory(void **state) {
    struct backlog *backlog = open_backlog();
    (void)state;
    add(backlog, 0, 1234, 100);
    assert_false(is_there());
    expect_all(backlog, 0, 1234);
    close_backlog(backlog);
    assert_false(is_there());
}

static void backlog_keeps_the_order_over_the_file(void **state) {
    struct backlog *backlog = open_backlog();
    struct stat status;
    (void)state;
    uint32_t count = fill_memory(backlog, 10000);
    assert_int_equal(lstat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    expect_all(backlog, 0, count);
    assert_false(is_there());
    add(backlog, count, 10, 100); /* in memory again */
    assert_int_equal(backlog_on_disk_count(backlog), 0);
    expect_all(backlog, count, 10);
    close_backlog(backlog);
}

/* What is added while some of the file was read goes behind the rest of it. */
static void backlog_keeps_the_order_while_more_comes(void **state) {
    static uint32_t numbers[BATCH_MOST_COUNT];
    struct backlog *backlog = open_backlog();
    uint32_t next = 0, added = fill_memory(backlog, 9000);
    (void)state;
    for (int round = 0; next < added; round++) {
        uint32_t got = batch_of(backlog, numbers);
        if (round < 40) { /* while it is under way */
            add(backlog, added, 300, KIB);
            added += 300;
        }
        for (uint32_t i = 0; i < got; i++, next++)
            if (numbers[i] != next)
                fail_msg("%u instead of %u", numbers[i], next);
        backlog_written(backlog);
    }
    assert_int_equal(backlog_count(backlog), 0);
    close_backlog(backlog);
}

/* --- batches --- */

static void batch_is_bounded_by_count_and_bytes(void **state) {
    static const struct {
        uint32_t count;
        size_t bytes;
        uint32_t expected;
    } table[] = {{499, 50, 499},      {500, 50, 500},    {501, 50, 500},    {600, KIB, 500},
                 {600, 2 * KIB, 255}, {3, 300 * KIB, 1}, {2, 200 * KIB, 2}, {2, 600 * KIB, 1}};
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        static uint32_t numbers[BATCH_MOST_COUNT];
        struct backlog *backlog = open_backlog();
        struct text batch = {0};
        add(backlog, 0, table[i].count, table[i].bytes);
        backlog_batch(backlog, &batch);
        assert_int_equal(numbers_of(&batch, numbers), table[i].expected);
        assert_true(table[i].expected == 1 || batch.bytes_count <= BATCH_MOST_BYTES);
        text_finish(&batch);
        backlog_written(backlog);
        assert_int_equal(backlog_count(backlog), table[i].count - table[i].expected);
        expect_all(backlog, table[i].expected, table[i].count - table[i].expected);
        close_backlog(backlog);
    }
}

static void batch_refused_comes_again_the_blocked_one_last(void **state) {
    static const struct {
        int blocked;
        uint32_t order[4];
    } table[] = {{-1, {0, 1, 2, 3}}, {0, {1, 2, 3, 0}}, {1, {0, 2, 3, 1}},
                 {3, {0, 1, 2, 3}},  {4, {0, 1, 2, 3}}, {99, {0, 1, 2, 3}}};
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        static uint32_t numbers[BATCH_MOST_COUNT];
        struct backlog *backlog = open_backlog();
        add(backlog, 0, 4, 50);
        assert_int_equal(batch_of(backlog, numbers), 4);
        backlog_refused(backlog, table[i].blocked);
        assert_int_equal(backlog_count(backlog), 4);
        assert_int_equal(batch_of(backlog, numbers), 4);
        assert_memory_equal(numbers, table[i].order, sizeof table[i].order);
        backlog_written(backlog);
        assert_int_equal(backlog_count(backlog), 0);
        close_backlog(backlog);
    }
}

/* One that came after the batch was made is not the one that blocks it, nor written with it. */
static void batch_is_what_was_sent(void **state) {
    static uint32_t numbers[BATCH_MOST_COUNT];
    struct backlog *backlog = open_backlog();
    (void)state;
    add(backlog, 0, 2, 50);
    assert_int_equal(batch_of(backlog, numbers), 2);
    add(backlog, 2, 2, 50);
    backlog_refused(backlog, 2);
    assert_int_equal(batch_of(backlog, numbers), 4);
    assert_int_equal(numbers[2], 2);
    add(backlog, 4, 1, 50);
    backlog_written(backlog);
    expect_all(backlog, 4, 1);
    backlog_written(backlog); /* of nothing */
    close_backlog(backlog);
}

/* What the database never takes is found by halves; the others are written. */
static void record_given_up_is_found_among_the_others(void **state) {
    static const uint32_t bad[] = {0, 123, 249, 250, 499, 500, 699};
    static uint32_t numbers[BATCH_MOST_COUNT];
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct backlog *backlog = open_backlog();
        uint32_t written_count = 0, tries = 0;
        add(backlog, 0, 700, 50);
        while (backlog_count(backlog)) {
            uint32_t count = batch_of(backlog, numbers);
            bool refused = numbers[0] <= bad[i] && bad[i] <= numbers[count - 1];
            assert_in_range(++tries, 1, 40);
            if (refused) {
                assert_int_equal(backlog_give_up(backlog), count == 1);
                continue;
            }
            backlog_written(backlog);
            written_count += count;
        }
        assert_int_equal(written_count, 699);
        assert_int_equal(backlog_lost_count(backlog), 1);
        close_backlog(backlog);
    }
}

/* --- from one daemon to the next --- */

static void backlog_is_saved_and_taken_up(void **state) {
    static const uint32_t on_disk[] = {0, 1, 9000};
    (void)state;
    for (size_t i = 0; i < COUNT(on_disk); i++) {
        struct backlog *backlog = open_backlog();
        uint32_t count = fill_memory(backlog, on_disk[i]);
        for (int restart = 0; restart < 3; restart++) {
            close_backlog(backlog);
            backlog = open_backlog();
            assert_int_equal(backlog_count(backlog), count);
        }
        add(backlog, count, 5, KIB);
        expect_all(backlog, 0, count + 5);
        close_backlog(backlog);
        assert_false(is_there());
    }
}

static void backlog_partly_written_is_saved_without_that(void **state) {
    static uint32_t numbers[BATCH_MOST_COUNT];
    struct backlog *backlog = open_backlog();
    (void)state;
    uint32_t count = fill_memory(backlog, 9000), first = 0;
    for (int i = 0; i < 15; i++) {
        first += batch_of(backlog, numbers);
        backlog_written(backlog);
    }
    batch_of(backlog, numbers); /* nobody says what became of it */
    close_backlog(backlog);
    backlog = open_backlog();
    expect_all(backlog, first, count - first);
    close_backlog(backlog);
}

/* A daemon that is killed leaves in the file what it read from there and did not write. */
static void backlog_keeps_the_file_until_all_of_it_is_written(void **state) {
    static uint32_t numbers[BATCH_MOST_COUNT];
    struct backlog *backlog = open_backlog();
    (void)state;
    add(backlog, 0, 700, 50);
    close_backlog(backlog);
    backlog = open_backlog();
    assert_int_equal(backlog_on_disk_count(backlog), 0);
    struct backlog *after_kill = open_backlog();
    assert_int_equal(backlog_count(after_kill), 700);
    batch_of(backlog, numbers);
    backlog_written(backlog);
    add(backlog, 700, 100, 50); /* not in the file: there is room in memory */
    assert_true(is_there());
    batch_of(backlog, numbers);
    backlog_written(backlog);
    assert_false(is_there());
    assert_int_equal(backlog_count(backlog), 0);
    close_backlog(backlog);
    expect_all(after_kill, 0, 700);
    close_backlog(after_kill);
}

/* A crash cuts the last line; one before it may be all zeros, where the machine lost its power. */
static void backlog_after_a_crash_has_the_whole_lines(void **state) {
    static const struct {
        const char *name, *bytes;
        size_t bytes_count;
        uint32_t count;
        uint32_t lost_count;
    } table[] = {
        {"empty", BYTES(""), 0, 0},
        {"cut", BYTES("{\"n\":0,\"x\":\"\"}\n{\"n\":1,\"x\":\"\"}\n{\"n\":2,\"x"), 2, 0},
        {"nothing whole", BYTES("{\"n\":0"), 0, 0},
        {"end missing", BYTES("{\"n\":0,\"x\":\"\"}\n{\"n\":1,\"x\":\"\"}"), 1, 0},
        {"zeros", BYTES("{\"n\":0,\"x\":\"\"}\n\0\0\0\0\0\0\n{\"n\":1,\"x\":\"\"}\n"), 2, 1},
        {"zeros at the end", BYTES("{\"n\":0,\"x\":\"\"}\n\0\0\0\0"), 1, 0},
        {"an empty line", BYTES("{\"n\":0,\"x\":\"\"}\n\n{\"n\":1,\"x\":\"\"}\n"), 2, 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        write_file(table[i].bytes, table[i].bytes_count);
        struct backlog *backlog = open_backlog();
        if (backlog_count(backlog) != table[i].count || backlog_lost_count(backlog) != table[i].lost_count)
            fail_msg("%s: %u lines, %u lost", table[i].name, backlog_count(backlog),
                     (unsigned)backlog_lost_count(backlog));
        add(backlog, table[i].count, 3, 50);
        expect_all(backlog, 0, table[i].count + 3);
        close_backlog(backlog);
    }
}

/* Where memory has no room for the whole file, more is appended to it: not to the piece of a line. */
static void backlog_after_a_crash_appends_whole_lines(void **state) {
    struct backlog *backlog = open_backlog();
    (void)state;
    uint32_t count = fill_memory(backlog, 9000);
    close_backlog(backlog);
    FILE *file = fopen(path, "a");
    fputs("{\"n\":77,\"x", file);
    fclose(file);
    backlog = open_backlog();
    assert_int_equal(backlog_count(backlog), count);
    add(backlog, count, 20, 50);
    close_backlog(backlog);
    backlog = open_backlog();
    expect_all(backlog, 0, count + 20);
    close_backlog(backlog);
}

static void backlog_whose_file_was_cut_counts_what_is_gone(void **state) {
    static uint32_t numbers[BATCH_MOST_COUNT];
    struct backlog *backlog = open_backlog();
    uint32_t count = fill_memory(backlog, 100), read_count = 0;
    (void)state;
    assert_int_equal(truncate(path, 40 * KIB), 0);
    for (uint32_t got; (got = batch_of(backlog, numbers)) > 0; read_count += got)
        backlog_written(backlog);
    assert_int_equal(read_count + backlog_lost_count(backlog), count);
    assert_int_equal(backlog_lost_count(backlog), 61);
    assert_int_equal(backlog_count(backlog), 0);
    close_backlog(backlog);
}

/* --- a place that is not ours --- */

static void expect_refused(const char *piece) {
    struct text error = {0};
    struct backlog *backlog = backlog_create(path, &error);
    assert_non_null(backlog);
    assert_non_null(error.bytes);
    if (!strstr(error.bytes, piece))
        fail_msg("'%s' does not say '%s'", error.bytes, piece);
    add(backlog, 0, 10, 50); /* memory does */
    expect_all(backlog, 0, 10);
    text_finish(&error);
    assert_true(backlog_destroy(backlog, &error));
    text_finish(&error);
}

static void expect_content(const char *of, const char *expected) {
    char bytes[100] = "";
    FILE *file = fopen(of, "r");
    assert_non_null(file);
    size_t count = fread(bytes, 1, sizeof bytes - 1, file);
    fclose(file);
    bytes[count] = '\0';
    assert_string_equal(bytes, expected);
}

/* Beyond memory, nothing is written there either. */
static void expect_overflow_is_lost(void) {
    struct text error = {0};
    struct backlog *backlog = backlog_create(path, &error);
    text_clear(&error);
    add(backlog, 0, (uint32_t)(BACKLOG_MEMORY_BYTES / KIB), KIB);
    assert_false(add_one(backlog, 0, 50, &error));
    assert_true(error.bytes_count > 0);
    assert_int_equal(backlog_lost_count(backlog), 1);
    for (uint32_t left = backlog_count(backlog); left; left = backlog_count(backlog)) {
        static uint32_t numbers[BATCH_MOST_COUNT];
        batch_of(backlog, numbers);
        backlog_written(backlog);
    }
    backlog_destroy(backlog, &error);
    text_finish(&error);
}

/* --- another file --- */

/* `spool` was changed: what was sent, what is in memory and what is in the file, then what lay there. */
static void backlog_moved_keeps_the_order_and_leaves_nothing(void **state) {
    char elsewhere[300], old[250];
    struct text error = {0}, batch = {0};
    (void)state;
    snprintf(elsewhere, sizeof elsewhere, "%s.moved", path);
    snprintf(old, sizeof old, "%s", path);
    snprintf(path, sizeof path, "%s", elsewhere);
    struct backlog *backlog = open_backlog();
    add(backlog, 9000, 10, 100);
    close_backlog(backlog);
    snprintf(path, sizeof path, "%s", old);
    backlog = open_backlog();
    add(backlog, 0, 9000, KIB);
    assert_true(backlog_on_disk_count(backlog) > 0);
    uint32_t sent_count = backlog_batch(backlog, &batch);
    backlog_move(backlog, elsewhere, &error);
    assert_int_equal(error.bytes_count, 0);
    assert_int_equal(access(old, F_OK), -1);
    assert_int_equal(backlog_count(backlog), 9010);
    assert_int_equal(backlog_written(backlog), sent_count);
    expect_all(backlog, sent_count, 9010 - sent_count);
    assert_int_equal(backlog_lost_count(backlog), 0);
    snprintf(path, sizeof path, "%s", elsewhere);
    close_backlog(backlog);
    assert_int_equal(access(elsewhere, F_OK), -1);
    snprintf(path, sizeof path, "%s", old);
    text_finish(&batch);
}

static void backlog_takes_in_what_another_one_has(void **state) {
    char other[300], old[250];
    struct text error = {0};
    (void)state;
    snprintf(other, sizeof other, "%s.other", path);
    snprintf(old, sizeof old, "%s", path);
    snprintf(path, sizeof path, "%s", other);
    struct backlog *left = open_backlog();
    add(left, 5, 9000, KIB);
    close_backlog(left);
    left = open_backlog();
    snprintf(path, sizeof path, "%s", old);
    struct backlog *backlog = open_backlog();
    add(backlog, 0, 5, 100);
    backlog_take_in(backlog, left, &error);
    assert_int_equal(error.bytes_count, 0);
    assert_int_equal(access(other, F_OK), -1);
    expect_all(backlog, 0, 9005);
    close_backlog(backlog);
}

static void backlog_follows_no_symbolic_link(void **state) {
    char target[250];
    (void)state;
    snprintf(target, sizeof target, "%s/target", directory);
    FILE *file = fopen(target, "w");
    fputs("precious\n", file);
    fclose(file);
    assert_int_equal(symlink(target, path), 0);
    expect_refused("symbolic link");
    expect_overflow_is_lost();
    assert_true(is_there()); /* what it did not make it does not remove */
    expect_content(target, "precious\n");
    unlink(target);
}

static void backlog_at_a_directory_says_so(void **state) {
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refused("directory");
    expect_overflow_is_lost();
    assert_true(is_there());
}

static void backlog_of_somebody_else_is_left_alone(void **state) {
    (void)state;
    write_file("precious\n", 9);
    if (chown(path, 12345, 12345) != 0)
        skip(); /* it needs root */
    chmod(path, 0666);
    expect_refused("Operation not permitted");
    expect_overflow_is_lost();
    expect_content(path, "precious\n");
}

static void backlog_in_no_directory_works_until_it_is_full(void **state) {
    struct text error = {0};
    (void)state;
    struct backlog *backlog = backlog_create("/nowhere/p.history", &error);
    assert_int_equal(error.bytes_count, 0);
    uint32_t count = (uint32_t)(BACKLOG_MEMORY_BYTES / KIB);
    add(backlog, 0, count, KIB);
    assert_false(add_one(backlog, count, KIB, &error));
    helper_expect_text("error", error.bytes, "/nowhere/p.history: No such file or directory");
    text_clear(&error);
    assert_false(backlog_destroy(backlog, &error)); /* so many are lost */
    assert_non_null(strstr(error.bytes, "/nowhere/p.history"));
    assert_non_null(strstr(error.bytes, "No such file or directory"));
    text_finish(&error);
}

/* --- a disk that refuses --- */

static void backlog_at_its_limit_counts_and_tells_once(void **state) {
    struct backlog *backlog = open_backlog();
    struct text error = {0};
    (void)state;
    add(backlog, 0, 5, MIB); /* 4 in memory */
    add(backlog, 5, 63, MIB);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(add_one(backlog, 68, 50, &error) == false);
    assert_int_equal(backlog_lost_count(backlog), 3);
    assert_non_null(strstr(error.bytes, "has reached its limit of 64 MiB"));
    assert_null(strstr(strstr(error.bytes, "limit") + 1, "limit")); /* once */
    expect_all(backlog, 0, 68);
    text_clear(&error);
    assert_true(add_one(backlog, 0, 50, &error));
    assert_int_equal(error.bytes_count, 0);
    expect_all(backlog, 0, 1);
    assert_int_equal(backlog_lost_count(backlog), 3);
    close_backlog(backlog);
    text_finish(&error);
}

/* A line that does not fit leaves nothing of itself, neither in the file nor on its way there. */
static void backlog_on_a_full_disk_keeps_whole_lines(void **state) {
    static const size_t sizes[] = {50, KIB, 3 * KIB, 100 * KIB};
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct backlog *backlog = open_backlog();
        struct text error = {0};
        uint32_t count = fill_memory(backlog, 100), lost = 0;
        helper_limit_files(101 * KIB + 100);
        while (add_one(backlog, count, sizes[i], &error))
            count++;
        assert_non_null(strstr(error.bytes, "File too large"));
        text_clear(&error);
        for (lost = 1; lost < 5; lost++)
            assert_false(add_one(backlog, 99, sizes[i], &error));
        assert_int_equal(error.bytes_count, 0); /* told once */
        helper_limit_files(RLIM_INFINITY);
        assert_int_equal(backlog_lost_count(backlog), lost);
        assert_int_equal(backlog_count(backlog), count);
        add(backlog, count, 10, sizes[i]); /* there is room again */
        if (i % 2) {
            close_backlog(backlog);
            backlog = open_backlog();
        }
        expect_all(backlog, 0, count + 10);
        close_backlog(backlog);
        text_finish(&error);
    }
}

static void backlog_on_a_disk_without_any_room_leaves_no_file(void **state) {
    struct backlog *backlog = open_backlog();
    struct text error = {0};
    (void)state;
    uint32_t count = fill_memory(backlog, 0);
    helper_limit_files(10);
    assert_false(add_one(backlog, 99, 50, &error));
    assert_false(is_there());
    helper_limit_files(RLIM_INFINITY);
    expect_all(backlog, 0, count);
    close_backlog(backlog);
    text_finish(&error);
}

/* What could not be saved is not there in part: what was there stays. */
static void backlog_that_cannot_be_saved_says_so(void **state) {
    struct backlog *backlog = open_backlog();
    struct text error = {0};
    (void)state;
    add(backlog, 0, 100, KIB);
    helper_limit_files(50 * KIB);
    assert_false(backlog_destroy(backlog, &error));
    helper_limit_files(RLIM_INFINITY);
    assert_non_null(strstr(error.bytes, "File too large"));
    assert_false(is_there());
    text_finish(&error);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void) {
    signal(SIGXFSZ, SIG_IGN);
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(backlog_empty_is_an_empty_batch_and_no_file),
        IN_DIRECTORY(backlog_keeps_the_order_in_memory),
        IN_DIRECTORY(backlog_keeps_the_order_over_the_file),
        IN_DIRECTORY(backlog_keeps_the_order_while_more_comes),
        IN_DIRECTORY(batch_is_bounded_by_count_and_bytes),
        IN_DIRECTORY(batch_refused_comes_again_the_blocked_one_last),
        IN_DIRECTORY(batch_is_what_was_sent),
        IN_DIRECTORY(record_given_up_is_found_among_the_others),
        IN_DIRECTORY(backlog_is_saved_and_taken_up),
        IN_DIRECTORY(backlog_keeps_the_file_until_all_of_it_is_written),
        IN_DIRECTORY(backlog_partly_written_is_saved_without_that),
        IN_DIRECTORY(backlog_after_a_crash_has_the_whole_lines),
        IN_DIRECTORY(backlog_after_a_crash_appends_whole_lines),
        IN_DIRECTORY(backlog_whose_file_was_cut_counts_what_is_gone),
        IN_DIRECTORY(backlog_moved_keeps_the_order_and_leaves_nothing),
        IN_DIRECTORY(backlog_takes_in_what_another_one_has),
        IN_DIRECTORY(backlog_follows_no_symbolic_link),
        IN_DIRECTORY(backlog_at_a_directory_says_so),
        IN_DIRECTORY(backlog_of_somebody_else_is_left_alone),
        IN_DIRECTORY(backlog_in_no_directory_works_until_it_is_full),
        IN_DIRECTORY(backlog_at_its_limit_counts_and_tells_once),
        IN_DIRECTORY(backlog_on_a_full_disk_keeps_whole_lines),
        IN_DIRECTORY(backlog_on_a_disk_without_any_room_leaves_no_file),
        IN_DIRECTORY(backlog_that_cannot_be_saved_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
