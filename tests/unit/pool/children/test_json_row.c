#include "tests/unit/helper.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/children/json_row.h"

#define REPLACED "\xEF\xBF\xBD"

enum {
    BOOL = 16,
    BYTEA = 17,
    INT8 = 20,
    INT2 = 21,
    INT4 = 23,
    TEXT = 25,
    OID = 26,
    JSON = 114,
    POINT = 600,
    FLOAT4 = 700,
    FLOAT8 = 701,
    NUMERIC = 1700,
    JSONB = 3802,
    BOOLS = 1000,
    BYTEAS = 1001,
    INT4S = 1007,
    TEXTS = 1009,
    INT8S = 1016,
    FLOAT8S = 1022,
    NUMERICS = 1231,
    JSONS = 199,
    JSONBS = 3807,
    DATES = 1182,
};

struct row {
    uint32_t type;
    const char *value, *json;
};

static void add_one(struct text *text, const char *name, uint32_t type, const char *value) {
    struct json_column column = {
        .name = name, .type = type, .value = value, .value_bytes = value ? strlen(value) : 0};
    json_row_add(text, &column, 1);
}

static void expect_rows(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct text text = {0}, expected = {0};
        add_one(&text, "v", rows[i].type, rows[i].value);
        text_add(&expected, "{\"v\":%s}\n", rows[i].json);
        helper_expect_text(rows[i].value ? rows[i].value : "null", text.bytes, expected.bytes);
        assert_int_equal(text.bytes_count, strlen(text.bytes));
        text_finish(&text);
        text_finish(&expected);
    }
}

static void json_row_scalars_keep_their_type(void **state) {
    (void)state;
    static const struct row rows[] = {
        {TEXT, NULL, "null"},
        {INT4, NULL, "null"},
        {TEXTS, NULL, "null"},
        {BOOL, "t", "true"},
        {BOOL, "f", "false"},
        {BOOL, "true", "\"true\""},
        {BOOL, "", "\"\""},
        {INT2, "-32768", "-32768"},
        {INT4, "0", "0"},
        {INT4, "2147483647", "2147483647"},
        {INT4, "007", "\"007\""},
        {INT4, "+1", "\"+1\""},
        {INT4, "1.5", "\"1.5\""},
        {INT4, "1e3", "\"1e3\""},
        {INT4, "", "\"\""},
        {INT4, "-", "\"-\""},
        {INT4, "12 ", "\"12 \""},
        {OID, "42", "\"42\""},
        {BYTEA, "\\x00ff", "\"\\\\x00ff\""},
        {POINT, "(1,2)", "\"(1,2)\""},
        {0, "5", "\"5\""},
        {UINT32_MAX, "5", "\"5\""},
    };
    expect_rows(rows, COUNT(rows));
}

static void json_row_numbers_are_what_no_reader_rounds(void **state) {
    (void)state;
    static const struct row rows[] = {
        {INT8, "9007199254740992", "9007199254740992"},
        {INT8, "-9007199254740992", "-9007199254740992"},
        {INT8, "9007199254740993", "\"9007199254740993\""},
        {INT8, "-9007199254740993", "\"-9007199254740993\""},
        {INT8, "9223372036854775807", "\"9223372036854775807\""},
        {INT8, "-9223372036854775808", "\"-9223372036854775808\""},
        {INT8, "999999999999999", "999999999999999"},
        {FLOAT4, "1.5", "1.5"},
        {FLOAT4, "1e+20", "1e+20"},
        {FLOAT8, "-0", "-0"},
        {FLOAT8, "1.7976931348623157e+308", "1.7976931348623157e+308"},
        {FLOAT8, "5e-324", "5e-324"},
        {FLOAT8, "1e+309", "\"1e+309\""},
        {FLOAT8, "9007199254740993", "\"9007199254740993\""}, /* no server writes it so, and a reader would round it */
        {FLOAT8, "NaN", "\"NaN\""},
        {FLOAT8, "Infinity", "\"Infinity\""},
        {FLOAT4, "-Infinity", "\"-Infinity\""},
        {FLOAT8, ".5", "\".5\""},
        {FLOAT8, "5.", "\"5.\""},
        {FLOAT8, "1e", "\"1e\""},
        {FLOAT8, "0x10", "\"0x10\""},
        {NUMERIC, "0", "0"},
        {NUMERIC, "0.00", "0.00"},
        {NUMERIC, "-12.50", "-12.50"},
        {NUMERIC, "123456789012345", "123456789012345"},
        {NUMERIC, "1234567890.12345", "1234567890.12345"},
        {NUMERIC, "1234567890.123456", "\"1234567890.123456\""},
        {NUMERIC, "1234567890123456", "\"1234567890123456\""},
        {NUMERIC, "1000000000000000000000", "\"1000000000000000000000\""},
        {NUMERIC, "0.000000000000000000000123456789012345", "0.000000000000000000000123456789012345"},
        {NUMERIC, "0.0000000000000000000001234567890123456", "\"0.0000000000000000000001234567890123456\""},
        {NUMERIC, "1e5", "\"1e5\""},
        {NUMERIC, "NaN", "\"NaN\""},
        {NUMERIC, "Infinity", "\"Infinity\""},
    };
    expect_rows(rows, COUNT(rows));
}

static void json_row_numeric_near_zero_is_a_string(void **state) {
    (void)state;
    char value[340] = "0.", json[345];
    memset(value + 2, '0', 330);
    value[332] = '1';
    snprintf(json, sizeof json, "\"%s\"", value);
    struct row row = {NUMERIC, value, json};
    expect_rows(&row, 1);
}

static void json_row_strings_are_escaped(void **state) {
    (void)state;
    static const struct row rows[] = {
        {TEXT, "", "\"\""},
        {TEXT, "a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {TEXT, "\n\r\t\b\f\x01\x1f\x7f", "\"\\u000a\\u000d\\u0009\\u0008\\u000c\\u0001\\u001f\x7f\""},
        {TEXT, "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80",
         "\"gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80\""},
        {TEXT, "a\xFCz", "\"a" REPLACED "z\""},
        {TEXT, "\xC3", "\"" REPLACED "\""},
        {TEXT, "\xE2\x82", "\"" REPLACED REPLACED "\""},
        {TEXT, "\xC0\xAF", "\"" REPLACED REPLACED "\""},
        {TEXT, "\xED\xA0\x80", "\"" REPLACED REPLACED REPLACED "\""},
        {TEXT, "\xF4\x90\x80\x80", "\"" REPLACED REPLACED REPLACED REPLACED "\""},
        {TEXT, "\xC3\"", "\"" REPLACED "\\\"\""},
        {TEXT, "\xE2\x82\n", "\"" REPLACED REPLACED "\\u000a\""},
    };
    expect_rows(rows, COUNT(rows));
}

static void json_row_json_is_embedded_on_one_line(void **state) {
    (void)state;
    static const struct row rows[] = {
        {JSON, "{\"a\": [1, 2]}", "{\"a\": [1, 2]}"},
        {JSON, "{\n\t\"a\":\r\n 1 }\n", "{ \t\"a\":   1 } "},
        {JSON, "\"a\\nb\"", "\"a\\nb\""},
        {JSON, "null", "null"},
        {JSONB, "123456789012345678901234567890.50", "123456789012345678901234567890.50"},
        {JSONB, "\"a\xFF\"", "\"a" REPLACED "\""},
        {JSON, "\"\xC3\"", "\"" REPLACED "\""},
        {JSON, "", "\"\""},
    };
    expect_rows(rows, COUNT(rows));
}

static void json_row_arrays_become_arrays(void **state) {
    (void)state;
    static const struct row rows[] = {
        {INT4S, "{}", "[]"},
        {INT4S, "{1,-2,NULL}", "[1,-2,null]"},
        {INT4S, "{{1,2},{3,4}}", "[[1,2],[3,4]]"},
        {INT4S, "[0:1]={7,8}", "[7,8]"},
        {INT4S, "[-1:0][2:3]={{1,2},{3,4}}", "[[1,2],[3,4]]"},
        {INT4S, "{{{{{{1}}}}}}", "[[[[[[1]]]]]]"},
        {BOOLS, "{t,f,NULL}", "[true,false,null]"},
        {INT8S, "{1,9007199254740993}", "[1,\"9007199254740993\"]"},
        {FLOAT8S, "{1.5,NaN,-Infinity,1e-07}", "[1.5,\"NaN\",\"-Infinity\",1e-07]"},
        {NUMERICS, "{1.50,12345678901234567}", "[1.50,\"12345678901234567\"]"},
        {TEXTS, "{a,\"b c\",\"\",\"NULL\",NULL,null}", "[\"a\",\"b c\",\"\",\"NULL\",null,\"null\"]"},
        {TEXTS, "{\"a\\\"b\",\"c\\\\d\",\"{e,f}\",\"[0:1]=\"}",
         "[\"a\\\"b\",\"c\\\\d\",\"{e,f}\",\"[0:1]=\"]"},
        {TEXTS, "{\"a\nb\",\xC3\xBC,\xFC}", "[\"a\\u000ab\",\"\xC3\xBC\",\"" REPLACED "\"]"},
        {BYTEAS, "{\"\\\\x00ff\"}", "[\"\\\\x00ff\"]"},
        {DATES, "{2024-02-29,infinity}", "[\"2024-02-29\",\"infinity\"]"},
        {JSONS, "{\"{\\\"a\\\": [1,\n2]}\",NULL,\"null\",3}", "[{\"a\": [1, 2]},null,null,3]"},
        {JSONBS, "{\"\\\"x\\\\\\\\y\\\"\"}", "[\"x\\\\y\"]"},
    };
    expect_rows(rows, COUNT(rows));
}

static void json_row_no_array_is_a_string(void **state) {
    (void)state;
    static const struct row rows[] = {
        {INT4S, "", "\"\""},
        {INT4S, "1 2 3", "\"1 2 3\""},
        {INT4S, "{", "\"{\""},
        {INT4S, "}", "\"}\""},
        {INT4S, "{1", "\"{1\""},
        {INT4S, "{1,", "\"{1,\""},
        {INT4S, "{1,}", "\"{1,}\""},
        {INT4S, "{,1}", "\"{,1}\""},
        {INT4S, "{1}}", "\"{1}}\""},
        {INT4S, "{1}x", "\"{1}x\""},
        {INT4S, "{{1}", "\"{{1}\""},
        {INT4S, "{{1}2}", "\"{{1}2}\""},
        {INT4S, "{1{2}}", "\"{1{2}}\""},
        {INT4S, "[0:1]{1}", "\"[0:1]{1}\""},
        {INT4S, "[0:1={1}", "\"[0:1={1}\""},
        {INT4S, "={1}", "\"={1}\""},
        {INT4S, "[", "\"[\""},
        {INT4S, "[[[", "\"[[[\""},
        {INT4S, "[x]=", "\"[x]=\""},
        {INT4S, "{{{{{{{1}}}}}}}", "\"{{{{{{{1}}}}}}}\""},
        {TEXTS, "{\"", "\"{\\\"\""},
        {TEXTS, "{\"\\", "\"{\\\"\\\\\""},
        {TEXTS, "{\"a\\\"}", "\"{\\\"a\\\\\\\"}\""},
        {TEXTS, "{\"a\"b}", "\"{\\\"a\\\"b}\""},
        {TEXTS, "{a\"b\"}", "\"{a\\\"b\\\"}\""},
    };
    expect_rows(rows, COUNT(rows));
}

static void json_row_many_columns_are_one_line(void **state) {
    (void)state;
    static const struct json_column columns[] = {
        {"id", INT4, "7", 1}, {"a \"b\"", TEXT, "x", 1}, {"", BOOL, NULL, 0}, {"\xFF\n", TEXT, "", 0}};
    struct text text = {0};
    json_row_add(&text, columns, COUNT(columns));
    json_row_add(&text, columns, 0);
    helper_expect_text("columns", text.bytes,
                       "{\"id\":7,\"a \\\"b\\\"\":\"x\",\"\":null,\"" REPLACED "\\u000a\":\"\"}\n{}\n");
    text_finish(&text);
}

static void json_row_twice_finds_the_first(void **state) {
    (void)state;
    static const struct json_column columns[] = {{"a"}, {"b"}, {"A"}, {"b"}, {"a"}};
    assert_null(json_row_twice(columns, 0));
    assert_null(json_row_twice(columns, 3));
    assert_string_equal(json_row_twice(columns, 5), "b");
}

static uint32_t next(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*seed >> 33);
}

/* Half of the values look like arrays or numbers, so that the parsers get further than the first byte. */
static void fuzz_value(uint64_t *seed, char *value, size_t most) {
    static const char likely[] =
        "{}[]:=,,\"\"\\0123456789.-+eENULLtf \n\r\t\xC3\xBC\xE2\x82\xAC\xED\xA0\xF4\x90\xFF";
    size_t length = next(seed) % most;
    bool is_likely = next(seed) % 2;
    for (size_t i = 0; i < length; i++)
        value[i] = is_likely ? likely[next(seed) % (sizeof likely - 1)] : (char)(next(seed) % 255 + 1);
    if (next(seed) % 2 && length >= 2) {
        value[0] = '{';
        value[length - 1] = '}';
    }
    value[length] = '\0';
}

/* The server vouches for json and jsonb; a test without a server has to leave them out. */
static void json_row_random_bytes_are_valid_json(void **state) {
    (void)state;
    static const uint32_t oids[] = {16,   20,   21,   23,   25,   700,  701,  1700, 17,   2950, 1000,
                                    1001, 1003, 1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022, 1028,
                                    1041, 1115, 1182, 1183, 1185, 1187, 1231, 2951, 651,  9999};
    uint64_t seed = 1;
    for (int i = 0; i < 200000; i++) {
        char name[12], value[19];
        fuzz_value(&seed, name, sizeof name);
        fuzz_value(&seed, value, sizeof value);
        uint32_t type = oids[next(&seed) % COUNT(oids)];
        struct text text = {0};
        add_one(&text, name, type, value);
        json_error_t error;
        json_t *parsed = json_loadb(text.bytes, text.bytes_count, JSON_REJECT_DUPLICATES, &error);
        if (!parsed || strchr(text.bytes, '\n') != text.bytes + text.bytes_count - 1)
            fail_msg("type %u, value '%s' became %s%s", type, value, text.bytes, parsed ? "" : error.text);
        json_decref(parsed);
        text_finish(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_row_scalars_keep_their_type),
        cmocka_unit_test(json_row_numbers_are_what_no_reader_rounds),
        cmocka_unit_test(json_row_numeric_near_zero_is_a_string),
        cmocka_unit_test(json_row_strings_are_escaped),
        cmocka_unit_test(json_row_json_is_embedded_on_one_line),
        cmocka_unit_test(json_row_arrays_become_arrays),
        cmocka_unit_test(json_row_no_array_is_a_string),
        cmocka_unit_test(json_row_many_columns_are_one_line),
        cmocka_unit_test(json_row_twice_finds_the_first),
        cmocka_unit_test(json_row_random_bytes_are_valid_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
