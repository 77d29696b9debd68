/*
 * What inih r55 would cut, merge or drop without a word, each as a row: the text, the one line that is told and a
 * piece of what is told. And what must pass, as it is read.
 */
#include "tests/unit/helper.h"

#include <string.h>

#include "tasks/inifile.h"

/* A file around the line in question, which is line 3. */
#define IN_TASK(line) "[task a]\nevery = 8s\n" line

struct refused {
    const char *name;
    const char *text;
    size_t bytes;
    uint32_t line;
    const char *piece;
};

static const struct refused refused[] = {
    /* a line that inih would split, its tail read as a new line */
    {"long_line", BYTES(IN_TASK("sql = " X100 X50 X40 "xxx\n")), 3, "is 199 bytes long and the limit is 198"},
    {"long_line_without_end", BYTES(IN_TASK("sql = " X100 X50 X40 "xxx")), 3, "is 199 bytes"},
    {"long_line_with_cr", BYTES(IN_TASK("sql = " X100 X50 X40 "xxx\r\n")), 3, "is 199 bytes"},
    {"long_continuation", BYTES(IN_TASK("sql = 1\n    " X100 X50 X40 "xxxxx\n")), 4, "is 199 bytes"},
    {"long_line_injects_key", BYTES(IN_TASK("sql = " X100 X50 X40 "xxxconninfo = host=evil\n")), 3, "is 219 bytes"},
    {"long_line_injects_section", BYTES(IN_TASK("sql = " X100 X50 X40 "xxx[pool evil]\n")), 3, "the limit is 198"},
    {"long_section_line", BYTES("[task a]" X100 X100 "\nevery = 8s\n"), 1, "is 208 bytes"},
    {"long_only_key_of_its_section", BYTES("[task a]\nsql = " X100 X100 "\n"), 2, "is 206 bytes"},
    /* names that inih would cut, so that two become one */
    {"long_section_name", BYTES("[task " X40 "xxxxx]\nevery = 8s\n"), 1, "name is 50 bytes; the limit is 49"},
    {"long_key", BYTES(IN_TASK(X50 " = 1\n")), 3, "the key is 50 bytes; the limit is 49"},
    /* an inline comment that would cut the value */
    {"inline_comment", BYTES(IN_TASK("sql = select 1 ; drop table x\n")), 3, "blank before ';'"},
    {"inline_comment_after_tab", BYTES(IN_TASK("sql = select 1\t; drop\n")), 3, "blank before ';'"},
    {"inline_comment_at_the_end", BYTES(IN_TASK("sql = select 1 ;\n")), 3, "blank before ';'"},
    {"inline_comment_is_the_value", BYTES(IN_TASK("sql = ;select 1\n")), 3, "blank before ';'"},
    {"inline_comment_in_continuation", BYTES(IN_TASK("sql = 1\n  + 2 ; 3\n")), 4, "blank before ';'"},
    {"inline_comment_on_only_key", BYTES("[task a]\nsql = 1 ; 2\n"), 2, "blank before ';'"},
    {"inline_comment_after_section", BYTES("[task a] ; mine\nevery = 8s\n"), 1, "blank before ';'"},
    {"inline_comment_in_section", BYTES("[task a ;b]\nevery = 8s\n"), 1, "blank before ';'"},
    {"inline_comment_before_equals", BYTES(IN_TASK("sql ; = 1\n")), 3, "blank before ';'"},
    /* sections */
    {"empty_section", BYTES("[task a]\n[task b]\nevery = 8s\n"), 1, "[task a] is empty"},
    {"empty_last_section", BYTES("[task b]\nevery = 8s\n[task a]\n# every = 8s\n"), 3, "[task a] is empty"},
    {"duplicate_section", BYTES("[task a]\nevery = 8s\n[task b]\nx = 1\n[task a]\nsql = 1\n"), 5,
     "[task a] stands here a second time; the first is on line 1"},
    {"section_without_end", BYTES("[task a\nevery = 8s\n"), 1, "the section has no ']'"},
    {"section_without_name", BYTES("[]\nevery = 8s\n"), 1, "the section has no name"},
    {"section_with_tail", BYTES("[task a] every = 8s\nsql = 1\n"), 1, "text after ']' would be dropped"},
    {"section_with_two_ends", BYTES("[task a]]\nsql = 1\n"), 1, "text after ']' would be dropped"},
    /* keys */
    {"duplicate_key", BYTES(IN_TASK("sql = 1\nevery = 9s\n")), 4, "'every' stands here a second time; the first is on line 2"},
    {"duplicate_key_apart", BYTES(IN_TASK("a = 1\nb = 1\nc = 1\na = 2\n")), 6, "the first is on line 3"},
    {"key_before_any_section", BYTES("every = 8s\n[task a]\nsql = 1\n"), 1, "'every' stands before the first section"},
    {"key_with_colon", BYTES(IN_TASK("sql: select 1 = 1\n")), 3, "a ':' stands before the '='"},
    {"key_with_colon_only", BYTES(IN_TASK("sql: select 1\n")), 3, "neither a section, a comment nor 'key = value'"},
    {"line_without_equals", BYTES(IN_TASK("select 1\n")), 3, "neither a section, a comment nor 'key = value'"},
    {"line_without_key", BYTES(IN_TASK("= select 1\n")), 3, "no key before the '='"},
    /* continuations */
    {"continuation_of_nothing", BYTES("[task a]\n  every = 8s\nsql = 1\n"), 2, "there is no value to continue"},
    {"continuation_before_any_section", BYTES("  x = 1\n[task a]\nevery = 8s\n"), 1, "no value to continue"},
    {"continuation_after_comment_cut", BYTES(IN_TASK("sql = 1\n  # 2\n  + 3\n")), 4, "an indented '#' line would be cut"},
    {"continuation_with_semicolon", BYTES(IN_TASK("sql = 1\n  ; 2\n")), 4, "blank before ';'"},
    {"continuation_swallows_section", BYTES(IN_TASK("sql = 1\n  [task b]\n")), 4, "an indented section would continue"},
    {"continuation_of_refused_key", BYTES(IN_TASK("sql: 1\n  2\n  3\n")), 3, "neither a section"},
    {"continuation_of_long_line", BYTES(IN_TASK("sql = " X100 X100 "\n  2\n  3\n")), 3, "the limit is 198"},
    /* not a text */
    {"nul", BYTES(IN_TASK("sql = 1\0 2\nx = 1\n")), 3, "holds a NUL byte"},
    {"nul_in_comment", BYTES("# \0\n[task a]\nevery = 8s\n"), 1, "holds a NUL byte"},
    {"nul_at_the_end", BYTES(IN_TASK("sql = 1\n\0")), 4, "holds a NUL byte"},
    {"nul_in_section", BYTES("[task a\0]\nevery = 8s\n"), 1, "holds a NUL byte"},
    {"nul_in_only_key", BYTES("[task a]\nsql = \0\n"), 2, "holds a NUL byte"},
};

static void inifile_trap_is_refused(void **state) {
    const struct refused *row = *state;
    struct arena arena = {0};
    struct faults faults = {0};
    struct inifile file;
    inifile_read(row->text, row->bytes, &arena, &arena, &faults, &file);
    helper_expect_fault(row->name, &faults, row->line, row->piece);
    faults_finish(&faults);
    arena_finish(&arena);
}

struct read_as {
    const char *name;
    const char *text;
    size_t bytes;
    const char *expected; /* "line [section]" and "line key=value" lines; a newline in a value as | */
};

static const struct read_as read_rows[] = {
    {"nothing", BYTES(""), ""},
    {"comments", BYTES("# a\n; b\n\n   \n  # c\n"), ""},
    {"plain", BYTES("[task a]\nevery = 8s\nsql=select 1\n"), "1 [task a]\n2 every=8s\n3 sql=select 1\n"},
    {"no_newline_at_the_end", BYTES("[task a]\nevery = 8s"), "1 [task a]\n2 every=8s\n"},
    {"crlf", BYTES("[task a]\r\nevery = 8s\r\nsql = 1\r\n  + 2\r\n"), "1 [task a]\n2 every=8s\n3 sql=1|+ 2\n"},
    {"byte_order_mark", BYTES("\xEF\xBB\xBF[task a]\nevery = 8s\n"), "1 [task a]\n2 every=8s\n"},
    {"blanks_around", BYTES("[task a]  \nevery   =    8s   \n"), "1 [task a]\n2 every=8s\n"},
    {"semicolon_without_blank", BYTES("[task a]\nsql = select 1; select 2;\n"), "1 [task a]\n2 sql=select 1; select 2;\n"},
    {"hash_in_value", BYTES("[task a]\nsql = select 1 # 2\n"), "1 [task a]\n2 sql=select 1 # 2\n"},
    {"equals_and_colon_in_value", BYTES("[pool p]\nconninfo = host=a port=1 x::int\n"),
     "1 [pool p]\n2 conninfo=host=a port=1 x::int\n"},
    {"brackets_in_value", BYTES("[task a]\nsql = select\n  [1]\n"), "1 [task a]\n2 sql=select|[1]\n"},
    {"continuation", BYTES("[task a]\nsql =\n  select 1,\n\t\t2\nevery = 8s\n"),
     "1 [task a]\n2 sql=select 1,|2\n5 every=8s\n"},
    {"continuation_over_blank_and_comment", BYTES("[task a]\nsql = a\n\n  b\n# c\n  d\n"),
     "1 [task a]\n2 sql=a||b||d\n"},
    {"continuation_with_equals", BYTES("[task a]\nsql = update t\n  set a = 1\n"), "1 [task a]\n2 sql=update t|set a = 1\n"},
    {"empty_value", BYTES("[task a]\nsql =\nevery = 8s\n"), "1 [task a]\n2 sql=\n3 every=8s\n"},
    {"line_of_198_bytes", BYTES("[task a]\nsql = " X100 X50 X40 "xx\n"), "1 [task a]\n2 sql=" X100 X50 X40 "xx\n"},
    {"long_comment", BYTES("# " X100 X100 "\n[task a]\nevery = 8s\n"), "2 [task a]\n3 every=8s\n"},
    {"long_comment_within_section", BYTES("[task a]\n;" X100 X100 X100 "\nevery = 8s\n"), "1 [task a]\n3 every=8s\n"},
    {"key_of_49_bytes", BYTES("[a]\nxxxxxxxxx" X40 " = 1\n"), "1 [a]\n2 xxxxxxxxx" X40 "=1\n"},
    {"section_of_49_bytes", BYTES("[xxxxxxxxx" X40 "]\na = 1\n"), "1 [xxxxxxxxx" X40 "]\n2 a=1\n"},
    {"comment_after_section_name", BYTES("[a]\n  # indented, and it continues nothing\nb = 1\n"), "1 [a]\n3 b=1\n"},
};

static void join(const struct inifile *file, struct text *text) {
    text_add(text, "%s", "");
    for (uint32_t i = 0; i < file->section_count; i++) {
        const struct inifile_section *section = &file->sections[i];
        text_add(text, "%u [%s]\n", section->line, section->name);
        for (uint32_t j = 0; j < section->entry_count; j++) {
            const struct inifile_entry *entry = &section->entries[j];
            text_add(text, "%u %s=", entry->line, entry->key);
            for (const char *at = entry->value; *at; at++)
                text_add(text, "%c", *at == '\n' ? '|' : *at);
            text_add(text, "\n");
        }
    }
}

static void inifile_right_is_read(void **state) {
    const struct read_as *row = *state;
    struct arena arena = {0};
    struct faults faults = {0};
    struct text text = {0};
    struct inifile file;
    inifile_read(row->text, row->bytes, &arena, &arena, &faults, &file);
    helper_expect_no_fault(row->name, &faults);
    join(&file, &text);
    helper_expect_text(row->name, text.bytes, row->expected);
    text_finish(&text);
    arena_finish(&arena);
}

static void inifile_many_faults_are_all_told(void **state) {
    (void)state;
    static const char text[] = "x = 1\n[task a]\nsql = 1 ; 2\nevery = 8s\nevery = 9s\n[task b]\n[task a]\ny\n";
    static const uint32_t lines[] = {1, 3, 5, 6, 7, 8};
    struct arena arena = {0};
    struct faults faults = {0};
    struct inifile file;
    inifile_read(text, sizeof text - 1, &arena, &arena, &faults, &file);
    assert_int_equal(faults.count, COUNT(lines));
    for (size_t i = 0; i < COUNT(lines); i++)
        assert_int_equal(faults.items[i].line, lines[i]);
    faults_finish(&faults);
    arena_finish(&arena);
}

static void inifile_duplicate_key_keeps_the_first(void **state) {
    (void)state;
    static const char text[] = "[a]\nk = 1\nk = 2\n";
    struct arena arena = {0};
    struct faults faults = {0};
    struct inifile file;
    inifile_read(text, sizeof text - 1, &arena, &arena, &faults, &file);
    assert_int_equal(faults.count, 1);
    assert_string_equal(file.sections[0].entries[0].value, "1");
    faults_finish(&faults);
    arena_finish(&arena);
}

int main(void) {
    struct CMUnitTest tests[COUNT(refused) + COUNT(read_rows) + 2];
    size_t count = 0;
    for (size_t i = 0; i < COUNT(refused); i++)
        tests[count++] = (struct CMUnitTest){refused[i].name, inifile_trap_is_refused, NULL, NULL,
                                             (void *)(uintptr_t)&refused[i]};
    for (size_t i = 0; i < COUNT(read_rows); i++)
        tests[count++] = (struct CMUnitTest){read_rows[i].name, inifile_right_is_read, NULL, NULL,
                                             (void *)(uintptr_t)&read_rows[i]};
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(inifile_many_faults_are_all_told);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(inifile_duplicate_key_keeps_the_first);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
