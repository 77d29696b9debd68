#include "tests/unit/helper.h"

#include <string.h>

#include "tasks/words.h"

/* The vector as one text, words in angle brackets. */
static void join(char **argv, struct text *text) {
    text_add(text, "%s", "");
    for (; *argv; argv++)
        text_add(text, "<%s>", *argv);
}

static void words_split_right_is_a_vector(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"true", "<true>"},
        {"  a   b\tc\n d ", "<a><b><c><d>"},
        {"/usr/bin/python3 report.py --title 'Hourly report'", "</usr/bin/python3><report.py><--title><Hourly report>"},
        {"''", "<>"},
        {"a '' \"\"", "<a><><>"},
        {"a'b c'd\"e f\"g", "<ab cde fg>"},
        {"'it'\\''s'", "<it's>"},
        {"\"a \\\"b\\\" \\\\ \\$ \\` \\n\"", "<a \"b\" \\ $ ` \\n>"},
        {"a\\ b \\; \\| \\$HOME", "<a b><;><|><$HOME>"},
        {"/bin/sh -c 'a | b; c > d && $(e) * ~'", "</bin/sh><-c><a | b; c > d && $(e) * ~>"},
        {"a~b c#d", "<a~b><c#d>"},
        {"--x=1,2 a:b @ % ^ + - _", "<--x=1,2><a:b><@><%><^><+><-><_>"},
        {"\xC3\xA4", "<\xC3\xA4>"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena = {0};
        struct text text = {0};
        char **argv = NULL;
        const char *at = NULL;
        if (words_split(rows[i].text, &arena, &argv, &at) != WORDS_OK)
            fail_msg("'%s' was refused", rows[i].text);
        join(argv, &text);
        helper_expect_text(rows[i].text, text.bytes, rows[i].words);
        text_finish(&text);
        arena_finish(&arena);
    }
}

static void words_split_wrong_says_why_and_where(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum words_error error;
        const char *at; /* WORDS_SHELL_SYNTAX: what is left from the offending character on */
    } rows[] = {
        {"", WORDS_EMPTY, NULL},
        {" \t\n", WORDS_EMPTY, NULL},
        {"a 'b", WORDS_OPEN_QUOTE, NULL},
        {"a \"b", WORDS_OPEN_QUOTE, NULL},
        {"a \"b\\", WORDS_OPEN_QUOTE, NULL},
        {"'", WORDS_OPEN_QUOTE, NULL},
        {"a \\", WORDS_TRAILING_BACKSLASH, NULL},
        {"a | b", WORDS_SHELL_SYNTAX, "| b"},
        {"a; b", WORDS_SHELL_SYNTAX, "; b"},
        {"a && b", WORDS_SHELL_SYNTAX, "&& b"},
        {"a > b", WORDS_SHELL_SYNTAX, "> b"},
        {"a < b", WORDS_SHELL_SYNTAX, "< b"},
        {"a $HOME", WORDS_SHELL_SYNTAX, "$HOME"},
        {"a \"$HOME\"", WORDS_SHELL_SYNTAX, "$HOME\""},
        {"a \"`id`\"", WORDS_SHELL_SYNTAX, "`id`\""},
        {"a `id`", WORDS_SHELL_SYNTAX, "`id`"},
        {"a *.c", WORDS_SHELL_SYNTAX, "*.c"},
        {"a b?c", WORDS_SHELL_SYNTAX, "?c"},
        {"a [b]", WORDS_SHELL_SYNTAX, "[b]"},
        {"a {b,c}", WORDS_SHELL_SYNTAX, "{b,c}"},
        {"a (b)", WORDS_SHELL_SYNTAX, "(b)"},
        {"~/a", WORDS_SHELL_SYNTAX, "~/a"},
        {"a # b", WORDS_SHELL_SYNTAX, "# b"},
        {"! a", WORDS_SHELL_SYNTAX, "! a"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena = {0};
        char *untouched[1], **argv = untouched;
        const char *at = NULL;
        enum words_error error = words_split(rows[i].text, &arena, &argv, &at);
        if (error != rows[i].error)
            fail_msg("'%s' gave error %d", rows[i].text, error);
        assert_ptr_equal(argv, untouched);
        if (rows[i].at)
            assert_string_equal(at, rows[i].at);
        arena_finish(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_split_right_is_a_vector),
        cmocka_unit_test(words_split_wrong_says_why_and_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
