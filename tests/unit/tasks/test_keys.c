#include "tests/unit/helper.h"

#include <string.h>

#include "tasks/keys.h"

struct values {
    int64_t duration_us;
    int64_t range_us[2];
    uint32_t count;
    uint64_t bytes;
    int choice;
    bool is_on;
    const char *text;
};

static const char *const choices[] = {"red", "green", NULL};

#define FIELD(field) offsetof(struct values, field)

static const struct key keys[] = {
    {"duration", KEY_DURATION, FIELD(duration_us), "1s", 1, 60 * US_PER_S},
    {"range", KEY_RANGE, FIELD(range_us), "1s..2s", 1, 60 * US_PER_S},
    {"count", KEY_COUNT, FIELD(count), "7", 2, 1000},
    {"bytes", KEY_BYTES, FIELD(bytes), "1KiB", 1024, 4096},
    {"choice", KEY_CHOICE, FIELD(choice), "green", 0, 0, choices},
    {"switch", KEY_SWITCH, FIELD(is_on), "off"},
    {"text", KEY_TEXT, FIELD(text)},
    {0},
};

static const struct key *key_of(const char *name) {
    const struct key *key = keys;
    while (strcmp(key->name, name) != 0)
        key++;
    return key;
}

static void keys_read_value_puts_it_where_the_key_says(void **state) {
    (void)state;
    struct values values = {0};
    struct text wrong = {0};
    assert_true(keys_read_value(key_of("duration"), "1min", &values, &wrong));
    assert_true(keys_read_value(key_of("range"), "3s", &values, &wrong));
    assert_true(values.range_us[0] == 3 * US_PER_S && values.range_us[1] == 3 * US_PER_S);
    assert_true(keys_read_value(key_of("range"), "15s..20s", &values, &wrong));
    assert_true(keys_read_value(key_of("count"), "1000", &values, &wrong));
    assert_true(keys_read_value(key_of("bytes"), "4KiB", &values, &wrong));
    assert_true(keys_read_value(key_of("choice"), "green", &values, &wrong));
    assert_true(keys_read_value(key_of("switch"), "on", &values, &wrong));
    assert_true(keys_read_value(key_of("text"), "any = thing", &values, &wrong));
    assert_true(values.duration_us == 60 * US_PER_S);
    assert_true(values.range_us[0] == 15 * US_PER_S && values.range_us[1] == 20 * US_PER_S);
    assert_int_equal(values.count, 1000);
    assert_int_equal(values.bytes, 4096);
    assert_int_equal(values.choice, 1);
    assert_true(values.is_on);
    assert_string_equal(values.text, "any = thing");
    assert_int_equal(wrong.bytes_count, 0);
}

static void keys_read_value_that_is_wrong_says_why_and_changes_nothing(void **state) {
    (void)state;
    static const struct {
        const char *key, *value, *wrong;
    } rows[] = {
        {"duration", "5", "'5' has no unit; write one of ms, s, min (or m), h, d"},
        {"duration", "0", "'0' is out of bounds; it goes from 1us to 1min"},
        {"duration", "61s", "'61s' is out of bounds; it goes from 1us to 1min"},
        {"range", "1s..", "'' is empty; write a duration such as 15s"},
        {"range", "1s..2", "'2' has no unit; write one of ms, s, min (or m), h, d"},
        {"range", "2s..1s", "'2s..1s' ends before it begins; write the shorter one first"},
        {"count", "1", "'1' is out of bounds; it goes from 2 to 1000"},
        {"count", "-3", "'-3' is not a whole number"},
        {"count", "", "'' is not a whole number"},
        {"count", "99999999999999999999", "'99999999999999999999' is out of bounds; it goes from 2 to 1000"},
        {"bytes", "1023", "'1023' is out of bounds; it goes from 1KiB to 4KiB"},
        {"bytes", "1MB", "'1MB' has an unknown unit; write one of KiB, MiB, GiB after a whole number"},
        {"choice", "Green", "'Green' is none of red | green"},
        {"switch", "yes", "'yes' is neither on nor off"},
        {"switch", "onn", "'onn' is neither on nor off"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct values values = {0}, untouched = {0};
        struct text wrong = {0};
        assert_false(keys_read_value(key_of(rows[i].key), rows[i].value, &values, &wrong));
        helper_expect_text(rows[i].value, wrong.bytes, rows[i].wrong);
        assert_memory_equal(&values, &untouched, sizeof values);
        text_finish(&wrong);
    }
}

static void keys_read_begins_with_the_defaults(void **state) {
    (void)state;
    struct inifile_entry entries[] = {{"count", "8", 4}, {"switch", "on", 5}};
    struct inifile_section section = {.name = "colours", .line = 3, .entries = entries, .entry_count = 2};
    struct values values = {0};
    struct faults faults = {0};
    keys_read(keys, &section, &values, &faults);
    helper_expect_no_fault("colours", &faults);
    assert_true(values.duration_us == US_PER_S && values.range_us[1] == 2 * US_PER_S && values.bytes == 1024);
    assert_true(values.count == 8 && values.choice == 1 && values.is_on && !values.text);
    assert_int_equal(keys_line(&section, "switch"), 5);
    assert_int_equal(keys_line(&section, "text"), 3);
    assert_null(keys_find(&section, "text"));
}

static void keys_read_names_the_line_of_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        struct inifile_entry entry;
        const char *message;
    } rows[] = {
        {{"cuont", "8", 4}, "[colours] has no key 'cuont'; did you mean 'count'?"},
        {{"zzz", "8", 4}, "[colours] has no key 'zzz'; etc/full.ini lists them all"},
        {{"text", "", 4}, "'text' is empty; give it a value or remove the line"},
        {{"count", "x", 4}, "count = 'x' is not a whole number"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct inifile_entry entry = rows[i].entry;
        struct inifile_section section = {.name = "colours", .line = 3, .entries = &entry, .entry_count = 1};
        struct values values = {0};
        struct faults faults = {0};
        keys_read(keys, &section, &values, &faults);
        helper_expect_fault(entry.key, &faults, 4, rows[i].message);
        faults_finish(&faults);
    }
}

static void keys_section_name_is_behind_its_kind(void **state) {
    (void)state;
    struct faults faults = {0};
    struct inifile_section right = {.name = "task a_b-c.9", .line = 1}, wrong = {.name = "task a b", .line = 2};
    assert_true(keys_is_kind(&right, "task"));
    assert_false(keys_is_kind(&right, "tas"));
    assert_false(keys_is_kind(&right, "pool"));
    assert_string_equal(keys_section_name(&right, &faults), "a_b-c.9");
    helper_expect_no_fault("a_b-c.9", &faults);
    assert_string_equal(keys_section_name(&wrong, &faults), "");
    helper_expect_fault("a b", &faults, 2, "the name 'a b' may hold letters, digits");
    faults_finish(&faults);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_read_value_puts_it_where_the_key_says),
        cmocka_unit_test(keys_read_value_that_is_wrong_says_why_and_changes_nothing),
        cmocka_unit_test(keys_read_begins_with_the_defaults),
        cmocka_unit_test(keys_read_names_the_line_of_what_is_wrong),
        cmocka_unit_test(keys_section_name_is_behind_its_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
