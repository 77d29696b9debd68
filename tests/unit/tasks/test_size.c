#include "tests/unit/helper.h"

#include <string.h>

#include "tasks/size.h"

#define KIB UINT64_C(1024)

static void size_parse_right_is_bytes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        {"0", 0},
        {"0MiB", 0},
        {"1", 1},
        {"1000", 1000},
        {"64KiB", 64 * KIB},
        {"016MiB", 16 * KIB * KIB},
        {"1GiB", KIB * KIB * KIB},
        {"18446744073709551615", UINT64_MAX},
        {"17179869183GiB", UINT64_C(17179869183) << 30},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t bytes = 77;
        if (size_parse(rows[i].text, &bytes) || bytes != rows[i].bytes)
            fail_msg("'%s' became %llu", rows[i].text, (unsigned long long)bytes);
    }
}

static void size_parse_wrong_says_why(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"", "is empty"},
        {"MiB", "is not a number"},
        {"-1MiB", "is not a number"},
        {"+1MiB", "is not a number"},
        {" 1MiB", "is not a number"},
        {"much", "is not a number"},
        {"1 MiB", "has an unknown unit"},
        {"1MiB ", "has an unknown unit"},
        {"1MB", "has an unknown unit"},
        {"1M", "has an unknown unit"},
        {"1mib", "has an unknown unit"},
        {"1B", "has an unknown unit"},
        {"1TiB", "has an unknown unit"},
        {"1.5MiB", "has an unknown unit"},
        {"1e6", "has an unknown unit"},
        {"0x10", "has an unknown unit"},
        {"1MiB512KiB", "has an unknown unit"},
        {"18446744073709551616", "is too large"},
        {"17179869184GiB", "is too large"},
        {"99999999999999999999999KiB", "is too large"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t bytes = 77;
        const char *why = size_parse(rows[i].text, &bytes);
        if (!why || !strstr(why, rows[i].why))
            fail_msg("'%s' %s", rows[i].text, why ? why : "was taken");
        assert_true(bytes == 77); /* untouched */
    }
}

static void size_format_is_exact(void **state) {
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0"},
        {1000, "1000"},
        {KIB, "1KiB"},
        {KIB + 1, "1025"},
        {1536 * KIB, "1536KiB"},
        {16 * KIB * KIB, "16MiB"},
        {2048 * KIB * KIB, "2GiB"},
        {UINT64_MAX, "18446744073709551615"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char buffer[SIZE_TEXT_BYTES];
        assert_string_equal(size_format(rows[i].bytes, buffer), rows[i].text);
    }
}

static void size_format_reads_back(void **state) {
    (void)state;
    for (uint64_t bytes = 1; bytes < UINT64_MAX / 9; bytes = bytes % 3 ? bytes * 8 : bytes * 5 + 1) {
        char buffer[SIZE_TEXT_BYTES];
        uint64_t back = 77;
        assert_null(size_parse(size_format(bytes, buffer), &back));
        assert_true(back == bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size_parse_right_is_bytes),
        cmocka_unit_test(size_parse_wrong_says_why),
        cmocka_unit_test(size_format_is_exact),
        cmocka_unit_test(size_format_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
