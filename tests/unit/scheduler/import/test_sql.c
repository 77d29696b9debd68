/* SQL that was printed is read back by the reader of ini files, and means the same: its pieces are the same, but for
 * blanks and comments, and literals that were cut are held together again. */
#include "tests/unit/helper.h"

#include <string.h>

#include "scheduler/import/sql.h"
#include "tasks/inifile.h"
#include "tests/unit/scheduler/import/meaning.h"

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

static void expect_same(const char *sql, bool in_code) {
    struct arena arena = {0};
    struct text page = {0}, before = {0}, after = {0};
    if (!sql_print(&page, "sql", sql))
        fail_msg("'%s' is not printed", sql);
    const char *back = read_back(page.bytes, &arena);
    add_meaning(sql, sql + strlen(sql), in_code, &before);
    add_meaning(back, back + strlen(back), in_code, &after);
    helper_expect_text(page.bytes, after.bytes, before.bytes);
    text_finish(&page);
    text_finish(&before);
    text_finish(&after);
    arena_finish(&arena);
}

#define WIDE "SELECT aaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbb, cccccccccccccccc FROM dddddddddddddd WHERE eeeeeee = 1 AND fffffff IS NULL AND ggggggggggggggg IN (SELECT 1) AND hhhhhhhhhhhhhhh < now() - interval '1 day'"

static void sql_is_printed_for_people(void **state) {
    (void)state;
    static const struct {
        const char *sql, *page;
    } rows[] = {
        {"SELECT 1", "sql = SELECT 1\n"},
        {"  VACUUM ;\n", "sql = VACUUM;\n"},
        {"DELETE FROM a\n WHERE b < now()\n   AND c", "sql =\n    DELETE FROM a\n     WHERE b < now()\n       AND c\n"},
        {"\n\t\tSELECT 1\n\t\t  FROM x\n\n\t\tLIMIT 1\n\t", "sql =\n    SELECT 1\n      FROM x\n    LIMIT 1\n"},
        {"DO $$\nBEGIN\n  PERFORM f('a;b'); -- it's\n  COMMIT;\nEND\n$$",
         "sql =\n    DO $$\n    BEGIN\n      PERFORM f('a;b'); -- it's\n      COMMIT;\n    END\n    $$\n"},
        {"-- purge\nDELETE FROM a /* all */", "sql =\n    -- purge\n    DELETE FROM a /* all */\n"},
        {WIDE, "sql =\n    SELECT aaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbb, cccccccccccccccc FROM dddddddddddddd WHERE eeeeeee = 1 AND\n"
               "    fffffff IS NULL AND ggggggggggggggg IN (SELECT 1) AND hhhhhhhhhhhhhhh < now() - interval '1 day'\n"},
        {"SELECT a\n# b, c\n[1]", "sql = SELECT a # b, c [1]\n"},
        {"SELECT 1 -- x ; y\n ;", "sql = SELECT 1;\n"},
        {"SELECT 'a ;b'", "sql =\n    SELECT 'a '\n    ';b'\n"},
        {"SELECT 'a\n  b'", "sql = SELECT E'a\\n  b'\n"},
        {"SELECT 1;\n  ; SELECT 2", "sql = SELECT 1;; SELECT 2\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text page = {0};
        assert_true(sql_print(&page, "sql", rows[i].sql));
        helper_expect_text(rows[i].sql, page.bytes, rows[i].page);
        text_finish(&page);
        expect_same(rows[i].sql, true);
    }
}

static void sql_means_the_same_when_read_back(void **state) {
    (void)state;
    static const char *const rows[] = {
        "SELECT 'it''s ; so', E'a\\'b ; c', $$x ; y\n  z'$$, $q$ \\ $q$, n'x', U&'\\0041', \"a b\".\"c\"",
        "SELECT 'a\\b\n;c', E'\\x41\n\\u00e4\\\\ ;', '\t;', '\r\n', '\f\v'",
        "SELECT net.http_post(url := 'https://example.org/" X100 X100 "', headers := '{\"Authorization\": \"Bearer " X100 X100 X100 "\"}'::jsonb)",
        "SELECT '" X100 " " X100 "''" X100 "' || 'x'",
        "SELECT E'" X100 "\\n" X100 "\\\\" X100 "\\x4142'",
        "SELECT 'aa\xC3\xA4\xE2\x82\xAC" X100 "\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC'",
        "INSERT INTO t VALUES (1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64,65,66,67,68,69,70)",
        "SELECT a#>>'{b}' #- c, x '1' ;-- end",
        "SELECT date'2020-01-01', 1.5e3, a[1], a [2], b::text, $1, $2::int",
        "DO LANGUAGE plpython3u $$\nif True:\n    x = 'a ; b'\n$$",
        "SELECT 1 /* a\n b */ + 2 /* /* nested */ ; */ -- c\n;",
        "SELECT'" X100 X100 "'",
        "COPY a FROM PROGRAM 'x'",
        "SELECT '[task x]\n[pool y]\n# z\n; u'",
        "\n\n[1]",
        "SELECT $a$ $b$ x $b$ $a$",
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i][0] != '\n')
            expect_same(rows[i], false);
}

static void sql_that_no_line_can_hold_is_refused(void **state) {
    (void)state;
    static const char *const rows[] = {"", "  \n", "-- only words", "SELECT \"a ;b\"", "SELECT \"a\nb\"", "SELECT " X100 X100,
                                       "# SELECT", "SELECT U&'" X100 X100 "'", "SELECT 'a\nb", "SELECT 'a", "SELECT $$a", "DELETE FROM a /* WHERE b"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text page = {0};
        if (sql_print(&page, "sql", rows[i]))
            fail_msg("'%s' is printed: %s", rows[i], page.bytes);
        assert_int_equal(page.bytes_count, 0);
    }
}

static void sql_that_wants_no_transaction_is_known(void **state) {
    (void)state;
    static const char *const wants[] = {"VACUUM", " /* x */ vacuum analyze a", "CALL p()", "REINDEX INDEX CONCURRENTLY i", "CREATE INDEX CONCURRENTLY ON a (b)",
                                        "CLUSTER;", "DO $$ BEGIN COMMIT; END $$", "BEGIN; SELECT 1; COMMIT", "ALTER SYSTEM SET a = 1", "DROP DATABASE x"};
    static const char *const fits[] = {"SELECT 1", "DO $$ BEGIN PERFORM 'commit'; END $$", "REFRESH MATERIALIZED VIEW CONCURRENTLY v", "CLUSTER a",
                                       "REINDEX TABLE a", "CREATE TABLE a ()", "", "SELECT 'vacuum'", "INSERT INTO database SELECT 1", "ALTER TABLE a SET SCHEMA b"};
    for (size_t i = 0; i < COUNT(wants); i++)
        if (!sql_wants_no_transaction(wants[i]))
            fail_msg("%s", wants[i]);
    for (size_t i = 0; i < COUNT(fits); i++)
        if (sql_wants_no_transaction(fits[i]))
            fail_msg("%s", fits[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sql_is_printed_for_people),
        cmocka_unit_test(sql_means_the_same_when_read_back),
        cmocka_unit_test(sql_that_no_line_can_hold_is_refused),
        cmocka_unit_test(sql_that_wants_no_transaction_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
