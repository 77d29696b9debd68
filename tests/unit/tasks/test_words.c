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
        struct text text = {0}, why = {0};
        char **argv = words_split(rows[i].text, &arena, &why);
        if (!argv)
            fail_msg("'%s' %s", rows[i].text, why.bytes);
        join(argv, &text);
        helper_expect_text(rows[i].text, text.bytes, rows[i].words);
        text_finish(&text);
        arena_finish(&arena);
    }
}

static void words_split_wrong_says_why_and_where(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "is empty"},
        {" \t\n", "is empty"},
        {"a 'b", "a quote that is not closed"},
        {"a \"b", "a quote that is not closed"},
        {"a \"b\\", "a quote that is not closed"},
        {"'", "a quote that is not closed"},
        {"a \\", "ends in a backslash"},
        {"a | b", "unquoted '|'"},
        {"a; b", "unquoted ';'"},
        {"a && b", "unquoted '&'"},
        {"a > b", "unquoted '>'"},
        {"a < b", "unquoted '<'"},
        {"a $HOME", "unquoted '$'"},
        {"a \"$HOME\"", "unquoted '$'"},
        {"a \"`id`\"", "unquoted '`'"},
        {"a `id`", "unquoted '`'"},
        {"a *.c", "unquoted '*'"},
        {"a b?c", "unquoted '?'"},
        {"a [b]", "unquoted '['"},
        {"a {b,c}", "unquoted '{'"},
        {"a (b)", "unquoted '('"},
        {"~/a", "unquoted '~'"},
        {"a # b", "unquoted '#'"},
        {"! a", "unquoted '!'"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena = {0};
        struct text why = {0};
        if (words_split(rows[i].text, &arena, &why))
            fail_msg("'%s' was taken", rows[i].text);
        if (!strstr(why.bytes, rows[i].why))
            fail_msg("'%s' %s", rows[i].text, why.bytes);
        text_finish(&why);
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
