#include "tests/unit/helper.h"

#include <string.h>

#include "scheduler/json.h"

static void json_of_takes_what_is_no_utf8(void **state) {
    (void)state;
    static const struct {
        const char *text, *value;
    } rows[] = {
        {"", ""},
        {"plain \"quoted\" \\", "plain \"quoted\" \\"},
        {"z\xC3\xA9ro\n", "z\xC3\xA9ro\n"},
        {"a\xFF" "b", "a?b"},
        {"\xC3", "?"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *json = json_of(rows[i].text);
        assert_string_equal(json_string_value(json), rows[i].value);
        json_decref(json);
    }
    json_t *none = json_of(NULL);
    assert_true(json_is_null(none));
    json_decref(none);
}

/* What steers a terminal is escaped: the same text for a program. */
static void json_print_steers_no_terminal(void **state) {
    (void)state;
    const char *hostile = "a\x1b[31m\xE2\x80\xAE\x7F\xC2\x9B";
    struct text text = {0};
    json_print(json_pack("{so}", "key", json_of(hostile)), JSON_COMPACT, &text);
    assert_int_equal(strcasecmp(text.bytes, "{\"key\":\"a\\u001b[31m\\u202e\\u007f\\u009b\"}\n"), 0);
    json_t *back = json_loads(text.bytes, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(back, "key")), hostile);
    json_decref(back);
    text_finish(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_of_takes_what_is_no_utf8),
        cmocka_unit_test(json_print_steers_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
