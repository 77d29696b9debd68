#include "tests/unit/helper.h"

#include <stdlib.h>
#include <string.h>

#include "pool/children/cargo.h"

#define KIB ((size_t)1024)

static struct spool_place place = {.directory = "/tmp"};

static void print(struct spool *spool, const char *bytes, size_t count) {
    struct text error = {0};
    if (!spool_add(spool, bytes, count, &error))
        fail_msg("%s", error.bytes);
}

/* One child printed that. False as cargo_add_lines(). */
static bool add_lines(struct cargo *cargo, const char *bytes, size_t count, struct text *error) {
    struct spool printed;
    spool_init(&printed, &place);
    print(&printed, bytes, count);
    bool added = cargo_add_lines(cargo, &printed, error);
    spool_clear(&printed);
    return added;
}

static void expect_error(struct text *error, const char *expected) {
    helper_expect_text("error", error->bytes ? error->bytes : "", expected);
    text_finish(error);
}

static void expect_lines(const struct spool *spool, const char *const *lines, size_t count) {
    struct cargo_reader reader;
    struct text error = {0};
    size_t length;
    cargo_read(&reader, spool);
    for (size_t i = 0; i < count; i++) {
        const char *line = cargo_next_line(&reader, &length, &error);
        assert_non_null(line);
        helper_expect_text("line", line, lines[i]);
        assert_int_equal(length, strlen(lines[i]));
        assert_int_equal(reader.line_number, i + 1);
    }
    assert_null(cargo_next_line(&reader, &length, &error));
    assert_null(cargo_next_line(&reader, &length, &error));
    assert_int_equal(error.bytes_count, 0);
    cargo_reader_finish(&reader);
    cargo_reader_finish(&reader);
}

static void cargo_rows_are_counted_and_read_back(void **state) {
    (void)state;
    static const char *const lines[] = {"{\"a\":1}", "{\"a\":2}"};
    struct cargo *cargo = cargo_create(&place, KIB);
    struct text error = {0};
    assert_true(cargo_add_row(cargo, "{\"old\":0}\n", 10, &error));
    cargo_begin_rows(cargo);
    assert_int_equal(cargo->row_count, 0);
    expect_lines(&cargo->rows, NULL, 0);
    assert_true(cargo_add_row(cargo, "{\"a\":1}\n", 8, &error));
    assert_true(cargo_add_row(cargo, "{\"a\":2}\n", 8, &error));
    assert_int_equal(cargo->row_count, 2);
    expect_lines(&cargo->rows, lines, 2);
    cargo_destroy(cargo);
    cargo_destroy(NULL);
}

static void cargo_rows_above_the_limit_are_refused(void **state) {
    (void)state;
    struct cargo *cargo = cargo_create(&place, KIB);
    struct text error = {0};
    char line[KIB];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    assert_true(cargo_add_row(cargo, line, sizeof line, &error)); /* just fits */
    assert_false(cargo_add_row(cargo, "\n", 1, &error));
    expect_error(&error, "more than max_bytes = 1KiB of rows; LIMIT the read or raise max_bytes");
    assert_int_equal(cargo->row_count, 1);
    assert_int_equal(cargo->rows.bytes_count, KIB);
    cargo_destroy(cargo);
}

static void cargo_lines_of_several_children_follow_each_other(void **state) {
    (void)state;
    static const char *const lines[] = {"one", "", "two", "three", "", "gr\xC3\xBC\xC3\x9F"};
    struct cargo *cargo = cargo_create(&place, KIB);
    struct text error = {0};
    assert_true(add_lines(cargo, BYTES(""), &error));
    assert_true(add_lines(cargo, BYTES("one\n\ntwo"), &error)); /* gets its newline */
    assert_true(add_lines(cargo, BYTES(""), &error));
    assert_true(add_lines(cargo, BYTES("three\n\n"), &error));
    assert_true(add_lines(cargo, BYTES("gr\xC3\xBC\xC3\x9F\n"), &error));
    assert_int_equal(cargo->line_count, COUNT(lines));
    expect_lines(&cargo->lines, lines, COUNT(lines));
    cargo_destroy(cargo);
    assert_int_equal(place.memory_bytes, 0);
}

static void cargo_lines_wrong_are_named_and_not_taken(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t count;
        const char *error;
    } rows[] = {
        {BYTES("a\nb\n\xFF\n"), "line 3 of its output is not UTF-8"},
        {BYTES("\xC3"), "line 1 of its output is not UTF-8"},
        {BYTES("a\n\xE2\x82\n\xAC"), "line 2 of its output is not UTF-8"},
        {BYTES("\xED\xA0\x80"), "line 1 of its output is not UTF-8"},
        {BYTES("\xC0\x80\n"), "line 1 of its output is not UTF-8"},
        {BYTES("a\n\nb\0c\n"), "line 3 of its output holds a NUL byte"},
        {BYTES("\0"), "line 1 of its output holds a NUL byte"},
        {BYTES("a\nb\0"), "line 2 of its output holds a NUL byte"},
    };
    static const char *const kept[] = {"kept"};
    struct cargo *cargo = cargo_create(&place, KIB);
    struct text error = {0};
    assert_true(add_lines(cargo, BYTES("kept\n"), &error));
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_false(add_lines(cargo, rows[i].bytes, rows[i].count, &error));
        expect_error(&error, rows[i].error);
        assert_int_equal(cargo->line_count, 1);
        expect_lines(&cargo->lines, kept, 1);
    }
    cargo_destroy(cargo);
}

static void cargo_lines_above_the_limit_are_refused(void **state) {
    (void)state;
    static const char *const lines[] = {"1234567", "abcdefg"};
    struct cargo *cargo = cargo_create(&place, 16);
    struct text error = {0};
    assert_true(add_lines(cargo, BYTES("1234567\n"), &error));
    assert_false(add_lines(cargo, BYTES("abcdefgh"), &error)); /* but for its newline it fits */
    expect_error(&error, "its work printed more than max_bytes = 16; have it print less or raise max_bytes");
    assert_true(add_lines(cargo, BYTES("abcdefg"), &error));
    assert_false(add_lines(cargo, BYTES("\n"), &error));
    text_finish(&error);
    assert_int_equal(cargo->line_count, 2);
    expect_lines(&cargo->lines, lines, 2);
    cargo_destroy(cargo);
}

static void cargo_lines_into_empty_are_taken_whole(void **state) {
    (void)state;
    struct cargo *cargo = cargo_create(&place, 1024 * KIB);
    struct spool printed;
    struct text error = {0};
    spool_init(&printed, &place);
    for (int i = 0; i < 4000; i++)
        print(&printed, BYTES(X100 "\n"));
    int fd = printed.fd;
    assert_true(fd >= 0);
    assert_true(cargo_add_lines(cargo, &printed, &error));
    assert_int_equal(cargo->lines.fd, fd);
    assert_int_equal(printed.bytes_count, 0);
    assert_int_equal(cargo->line_count, 4000);
    spool_clear(&printed);
    cargo_destroy(cargo);
}

/* Line n has a length of its own around `bytes`, and is of one letter. */
static void long_lines(size_t bytes, size_t count) {
    struct cargo *cargo = cargo_create(&place, 64 * KIB * KIB);
    struct cargo_reader reader;
    struct text error = {0};
    char *line = malloc(bytes + count + 1);
    for (size_t i = 0; i < count; i++) {
        memset(line, 'a' + (int)(i % 26), bytes + i);
        line[bytes + i] = '\n';
        assert_true(add_lines(cargo, line, bytes + i + (i + 1 < count), &error));
    }
    cargo_read(&reader, &cargo->lines);
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *read = cargo_next_line(&reader, &length, &error);
        assert_non_null(read);
        assert_int_equal(length, bytes + i);
        assert_int_equal(strlen(read), length);
        assert_int_equal(strspn(read, (char[]){(char)('a' + (int)(i % 26)), 0}), length);
    }
    assert_null(cargo_next_line(&reader, &(size_t){0}, &error));
    assert_true(reader.buffer_capacity <= 2 * (bytes + count) + 128 * KIB);
    cargo_reader_finish(&reader);
    free(line);
    cargo_destroy(cargo);
}

static void cargo_next_line_spans_any_number_of_reads(void **state) {
    (void)state;
    long_lines(1, 600);
    for (size_t more = 0; more < 4; more++) /* around where a read ends */
        long_lines(64 * KIB - 2 + more, 8);
    long_lines(128 * KIB - 4, 8);
    long_lines(3000 * KIB, 3);
}

static void cargo_next_line_holds_a_nul_with_its_count(void **state) {
    (void)state;
    struct spool spool;
    struct cargo_reader reader;
    struct text error = {0};
    size_t length;
    spool_init(&spool, &place);
    print(&spool, BYTES("a\0b\nlast"));
    cargo_read(&reader, &spool);
    assert_memory_equal(cargo_next_line(&reader, &length, &error), "a\0b", 4);
    assert_int_equal(length, 3);
    assert_string_equal(cargo_next_line(&reader, &length, &error), "last");
    assert_null(cargo_next_line(&reader, &length, &error));
    cargo_reader_finish(&reader);
    spool_clear(&spool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cargo_rows_are_counted_and_read_back),
        cmocka_unit_test(cargo_rows_above_the_limit_are_refused),
        cmocka_unit_test(cargo_lines_of_several_children_follow_each_other),
        cmocka_unit_test(cargo_lines_wrong_are_named_and_not_taken),
        cmocka_unit_test(cargo_lines_above_the_limit_are_refused),
        cmocka_unit_test(cargo_lines_into_empty_are_taken_whole),
        cmocka_unit_test(cargo_next_line_spans_any_number_of_reads),
        cmocka_unit_test(cargo_next_line_holds_a_nul_with_its_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
