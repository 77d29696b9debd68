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
        if (size_parse(rows[i].text, &bytes) != SIZE_OK || bytes != rows[i].bytes)
            fail_msg("'%s' became %llu", rows[i].text, (unsigned long long)bytes);
    }
}

static void size_parse_wrong_says_why(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum size_error error;
    } rows[] = {
        {"", SIZE_EMPTY},
        {"MiB", SIZE_NO_NUMBER},
        {"-1MiB", SIZE_NO_NUMBER},
        {"+1MiB", SIZE_NO_NUMBER},
        {" 1MiB", SIZE_NO_NUMBER},
        {"much", SIZE_NO_NUMBER},
        {"1 MiB", SIZE_UNKNOWN_UNIT},
        {"1MiB ", SIZE_UNKNOWN_UNIT},
        {"1MB", SIZE_UNKNOWN_UNIT},
        {"1M", SIZE_UNKNOWN_UNIT},
        {"1mib", SIZE_UNKNOWN_UNIT},
        {"1B", SIZE_UNKNOWN_UNIT},
        {"1TiB", SIZE_UNKNOWN_UNIT},
        {"1.5MiB", SIZE_UNKNOWN_UNIT},
        {"1e6", SIZE_UNKNOWN_UNIT},
        {"0x10", SIZE_UNKNOWN_UNIT},
        {"1MiB512KiB", SIZE_UNKNOWN_UNIT},
        {"18446744073709551616", SIZE_TOO_LARGE},
        {"17179869184GiB", SIZE_TOO_LARGE},
        {"99999999999999999999999KiB", SIZE_TOO_LARGE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t bytes = 77;
        enum size_error error = size_parse(rows[i].text, &bytes);
        if (error != rows[i].error)
            fail_msg("'%s' gave error %d", rows[i].text, error);
        assert_true(bytes == 77); /* untouched */
        assert_true(strlen(size_error_text(error)) > 5);
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
        assert_int_equal(size_parse(size_format(bytes, buffer), &back), SIZE_OK);
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
