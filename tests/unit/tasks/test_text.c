#include "tests/unit/helper.h"

#include <stdlib.h>
#include <string.h>

#include "tasks/text.h"

static void text_nothing_added_has_no_bytes(void **state) {
    (void)state;
    struct text text = {0};
    text_clear(&text);
    assert_null(text.bytes);
    text_finish(&text);
    text_finish(&text);
}

static void text_add_formats_and_appends(void **state) {
    (void)state;
    struct text text = {0};
    text_add(&text, "%d of %s", 3, "four");
    text_add_bytes(&text, ", and more", 5);
    assert_string_equal(text.bytes, "3 of four, and");
    assert_int_equal(text.bytes_count, strlen("3 of four, and"));
    text_finish(&text);
}

static void text_add_across_growth_keeps_all(void **state) {
    (void)state;
    struct text text = {0};
    for (int i = 0; i < 1000; i++)
        text_add(&text, "%03d ", i);
    assert_int_equal(text.bytes_count, 4000);
    assert_memory_equal(text.bytes, "000 001 ", 8);
    assert_string_equal(text.bytes + 3992, "998 999 ");
    text_finish(&text);
}

static void text_clear_keeps_the_memory(void **state) {
    (void)state;
    struct text text = {0};
    text_add(&text, "a long life");
    size_t capacity = text.capacity_bytes;
    text_clear(&text);
    assert_string_equal(text.bytes, "");
    assert_int_equal(text.bytes_count, 0);
    assert_int_equal(text.capacity_bytes, capacity);
    text_finish(&text);
    assert_null(text.bytes);
}

static void text_utf8_length_takes_what_rfc_3629_takes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } rows[] = {
        {"a", 1},
        {"\x7f", 1},
        {"\xc2\x80", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80", 0}, /* nothing begins so */
        {"\xc3", 0}, /* ends early */
        {"\xe2\x82", 0},
        {"\xf0\x9f\x98", 0},
        {"\xc0\xaf", 0}, /* longer than needed */
        {"\xc1\xbf", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xed\xa0\x80", 0}, /* surrogates */
        {"\xed\xbf\xbf", 0},
        {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (text_utf8_length(rows[i].text) != rows[i].length)
            fail_msg("row %zu: %zu bytes", i, text_utf8_length(rows[i].text));
}

/* What of others' texts may reach a terminal, a log, a line of JSON. */
static const struct hostile {
    const char *name, *text, *line, *json;
} hostile[] = {
    {"nothing", "", "\n", "\"\""},
    {"letters of all sizes", "a\u00e9\u20ac\U0001f600", "a\u00e9\u20ac\U0001f600\n",
     "\"a\u00e9\u20ac\U0001f600\""},
    {"escape", "a\x1b[31mb", "a [31mb\n", "\"a\\u001b[31mb\""},
    {"newline, tab, return", "a\nb\tc\rd", "a b c d\n", "\"a\\nb\\u0009c\\u000dd\""},
    {"DEL",
     "a\x7f"
     "b",
     "a b\n", "\"a\\u007fb\""},
    {"C1: CSI", "a\302\23331m", "a?31m\n", "\"a\\u009b31m\""},
    {"C1: the first and the last", "\xc2\x80\xc2\x9f\u00a0", "??\u00a0\n", "\"\\u0080\\u009f\u00a0\""},
    {"raw C1",
     "a\x9b"
     "b",
     "a?b\n", "\"a?b\""},
    {"overrides", "\u202a\u202e.", "??.\n", "\"\\u202a\\u202e.\""},
    {"isolates", "\u2066\u2069.", "??.\n", "\"\\u2066\\u2069.\""},
    {"marks", "\u200e\u200f\u061c.", "???.\n", "\"\\u200e\\u200f\\u061c.\""},
    {"separators", "\u2028\u2029.", "??.\n", "\"\\u2028\\u2029.\""},
    {"neighbours of these", "\u2027\u202f\u2065\u206a", "\u2027\u202f\u2065\u206a\n",
     "\"\u2027\u202f\u2065\u206a\""},
    {"no UTF-8", "a\xff\xc3.\xed\xa0\x80", "a??.???\n", "\"a??.???\""},
    {"cut within a character", "a\xe2\x82", "a??\n", "\"a??\""},
    {"quotes", "a\"b\\c", "a\"b\\c\n", "\"a\\\"b\\\\c\""},
};

static void text_of_others_steers_no_terminal(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(hostile); i++) {
        struct text line = {0}, json = {0}, shown = {0};
        text_add_line(&line, "%s", hostile[i].text);
        text_add_json(&json, hostile[i].text);
        for (const char *at = hostile[i].text; *at;)
            at += text_add_shown(&shown, at);
        text_add_bytes(&shown, "\n", 1);
        if (strcmp(line.bytes, hostile[i].line) != 0 || strcmp(shown.bytes, hostile[i].line) != 0)
            fail_msg("%s: line %s", hostile[i].name, line.bytes);
        if (strcmp(json.bytes, hostile[i].json) != 0)
            fail_msg("%s: json %s", hostile[i].name, json.bytes);
        text_finish(&line);
        text_finish(&json);
        text_finish(&shown);
    }
}

static void text_end_line_cuts_to_the_width_in_characters(void **state) {
    (void)state;
    struct text text = {0};
    text_add(&text, "kept\nna\u00efve\302\233 text   ");
    text_end_line(&text, strlen("kept\n"), 7);
    assert_string_equal(text.bytes, "kept\nna\u00efve?\n");
    text_finish(&text);
}

static void text_add_lines_ends_each(void **state) {
    (void)state;
    struct text text = {0};
    text_add_lines(&text, "one\r\ntwo\x1b  \n\nlast");
    assert_string_equal(text.bytes, "one\ntwo\n\nlast\n");
    text_finish(&text);
}

static void text_taken_is_cut_between_characters(void **state) {
    (void)state;
    static char given[3 * TEXT_OUTSIDE_BYTES];
    assert_null(text_taken(NULL));
    for (size_t before = 0; before < 8; before++) {
        memset(given, 'x', before);
        for (size_t at = before; at + 3 < sizeof given; at += 3)
            memcpy(given + at, "\u20ac", 3);
        char *taken = text_taken(given);
        size_t length = strlen(taken);
        assert_in_range(length, TEXT_OUTSIDE_BYTES - 3, TEXT_OUTSIDE_BYTES);
        assert_string_equal(taken + length - 3, "...");
        for (const char *at = taken; *at; at += text_utf8_length(at))
            assert_int_not_equal(text_utf8_length(at), 0);
        free(taken);
    }
    memset(given, 'y', TEXT_OUTSIDE_BYTES);
    given[TEXT_OUTSIDE_BYTES] = '\0';
    given[7] = '\xff';
    char *whole = text_taken(given);
    assert_int_equal(strlen(whole), TEXT_OUTSIDE_BYTES);
    assert_memory_equal(whole, "yyyyyyy?yyy", 11);
    free(whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_nothing_added_has_no_bytes),
        cmocka_unit_test(text_add_formats_and_appends),
        cmocka_unit_test(text_add_across_growth_keeps_all),
        cmocka_unit_test(text_clear_keeps_the_memory),
        cmocka_unit_test(text_utf8_length_takes_what_rfc_3629_takes),
        cmocka_unit_test(text_of_others_steers_no_terminal),
        cmocka_unit_test(text_end_line_cuts_to_the_width_in_characters),
        cmocka_unit_test(text_add_lines_ends_each),
        cmocka_unit_test(text_taken_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
