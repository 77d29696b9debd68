/* What is written through page.h is read back by the reader of ini files, byte for byte. */
#include "tests/unit/helper.h"

#include <string.h>

#include "scheduler/import/page.h"
#include "tasks/inifile.h"
#include "tasks/words.h"

/* The value of the page's only key, in the arena. */
static const char *read_back(const char *page, struct arena *arena) {
    struct text text = {0};
    struct faults faults = {0};
    struct inifile file;
    text_add(&text, "[task t]\n%s", page);
    inifile_read(text.bytes, text.bytes_count, arena, arena, &faults, &file);
    helper_expect_no_fault(page, &faults);
    assert_int_equal(file.section_count, 1);
    assert_int_equal(file.sections[0].entry_count, 1);
    text_finish(&text);
    return file.sections[0].entries[0].value;
}

static void page_value_is_read_back_or_refused(void **state) {
    (void)state;
    static const struct {
        const char *value;
        bool holds;
    } rows[] = {
        {"*/5 * * * *", true},       {"a;b", true},     {"a = b : c # d", true}, {"[x]", true},
        {"", false},                 {"a ;b", false},   {"a\t;b", false},        {"; a", false},
        {" a", false},               {"a ", false},     {"a\nb", false},         {"a\r", false},
        {X100 X50 X40 "x", true},   {X100 X50 X40 "xx", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena = {0};
        struct text page = {0};
        if (page_value(&page, "cron", rows[i].value) != rows[i].holds)
            fail_msg("'%s'", rows[i].value);
        if (rows[i].holds)
            helper_expect_text(rows[i].value, read_back(page.bytes, &arena), rows[i].value);
        assert_true(rows[i].holds || page.bytes_count == 0);
        text_finish(&page);
        arena_finish(&arena);
    }
}

static void page_words_are_split_into_the_same(void **state) {
    (void)state;
    static const char *const rows[][6] = {
        {"true"},
        {"/bin/sh", "-c", "a | b; c > \"d\" && $(e) * ~"},
        {"", "a b", "it's", "it's \"so\" \\ $HOME `x`", "#", "[task t]"},
        {X100, X100, X100, X50 " " X50, "x"},
        {"a;b", ";", "~", "x=1", "%", "\xC3\xA4"},
        {"'", "''", "\"", "\\", "$"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena = {0};
        struct text page = {0}, error = {0};
        size_t count = 0;
        while (count < 6 && rows[i][count])
            count++;
        assert_true(page_words(&page, "command", rows[i], count));
        char **argv = words_split(read_back(page.bytes, &arena), &arena, &error);
        assert_non_null(argv);
        for (size_t j = 0; j < count; j++)
            helper_expect_text(page.bytes, argv[j], rows[i][j]);
        assert_null(argv[count]);
        text_finish(&page);
        arena_finish(&arena);
    }
}

static void page_words_that_would_be_cut_are_refused(void **state) {
    (void)state;
    static const char *const rows[] = {"a ;b", "a\nb", X100 X100, "\t;"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *const words[] = {"echo", rows[i]};
        struct text page = {0};
        assert_false(page_words(&page, "command", words, 2));
        assert_int_equal(page.bytes_count, 0);
        assert_false(page_holds_word(rows[i]));
    }
}

static void page_remarks_stay_comments(void **state) {
    (void)state;
    struct text page = {0};
    page_remark(&page, "one\n[task evil]\nsql = DROP \x1b[31m %s", "x\ny");
    page_keep(&page, "a\n[pool p]\n");
    helper_expect_text("remark", page.bytes,
                       "# one\n# [task evil]\n# sql = DROP  [31m x\n# y\n#     a\n#     [pool p]\n");
    text_clear(&page);
    page_remark(&page, "%s", X50 " " X50 " " X50);
    helper_expect_text("wide", page.bytes, "# " X50 " " X50 "\n# " X50 "\n");
    text_clear(&page);
    page_remark(&page, "%s", X100 X100 " a");
    helper_expect_text("a long word", page.bytes, "# " X100 X100 "\n# a\n");
    text_finish(&page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_value_is_read_back_or_refused),
        cmocka_unit_test(page_words_are_split_into_the_same),
        cmocka_unit_test(page_words_that_would_be_cut_are_refused),
        cmocka_unit_test(page_remarks_stay_comments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
