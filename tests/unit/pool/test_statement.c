#include "tests/unit/helper.h"

#include "pool/statement.h"

static void one_transaction_is_told_by_the_first_word(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        bool one;
    } cases[] = {
        {"SELECT 1", true},
        {"select 1", true},
        {"InSeRt INTO t VALUES (1)", true},
        {"UPDATE t SET a = 1", true},
        {"DELETE FROM t", true},
        {"MERGE INTO t", true},
        {"WITH x AS (SELECT 1) SELECT 1", true},
        {"VALUES (1)", true},
        {"TABLE t", true},
        {"select", true},
        {"SELECT/**/1", true},
        {"((SELECT 1))", true},
        {" \t\r\n select 1", true},
        {"-- why\nSELECT 1", true},
        {"/* a /* nested */ comment */ SELECT 1", true},
        {"/**/SELECT 1", true},
        {"/*/ CALL p() */ SELECT 1", true},
        {"CALL p()", false},
        {"VACUUM t", false},
        {"DO $$ BEGIN END $$", false},
        {"selection", false},
        {"select_all", false},
        {"sel", false},
        {"", false},
        {"-- SELECT 1", false},
        {"/* SELECT 1", false},
        {"/* a /* b */ SELECT 1", false},
        {"/*", false},
        {"; SELECT 1", false},
        {"\"select\" 1", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (statement_is_one_transaction(cases[i].sql) != cases[i].one)
            fail_msg("wrong about: %s", cases[i].sql);
}

static void only_call_and_do_may_commit_on_their_own(void **state) {
    (void)state;
    static const char *const yes[] = {"CALL p()", "-- nightly\n/* now */ call p(1)", "DO $$ BEGIN END $$", "do 'x'"};
    static const char *const no[] = {"SELECT p()", "VACUUM t", "callback", "document", "", "/* CALL p() */ SELECT 1"};
    for (size_t i = 0; i < COUNT(yes); i++)
        assert_true(statement_may_commit(yes[i]));
    for (size_t i = 0; i < COUNT(no); i++)
        assert_false(statement_may_commit(no[i]));
}

static void tag_of_what_stays_done_is_known(void **state) {
    (void)state;
    static const char *const yes[] = {"COMMIT", "PREPARE TRANSACTION", "COMMIT PREPARED", "ROLLBACK PREPARED"};
    static const char *const no[] = {"", "BEGIN", "ROLLBACK", "INSERT 0 1", "PREPARE", "commit"};
    for (size_t i = 0; i < COUNT(yes); i++)
        assert_true(statement_tag_commits(yes[i]));
    for (size_t i = 0; i < COUNT(no); i++)
        assert_false(statement_tag_commits(no[i]));
}

static void tag_of_transaction_commands_is_known(void **state) {
    (void)state;
    static const char *const yes[] = {"BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "PREPARE TRANSACTION"};
    static const char *const no[] = {"", "SELECT 1", "CALL", "DO", "COMMIT PREPARED", "ROLLBACK PREPARED", "PREPARE", "begin"};
    for (size_t i = 0; i < COUNT(yes); i++)
        assert_true(statement_tag_is_transaction(yes[i]));
    for (size_t i = 0; i < COUNT(no); i++)
        assert_false(statement_tag_is_transaction(no[i]));
}

static void tag_of_what_changes_rows_is_known(void **state) {
    (void)state;
    static const char *const yes[] = {"INSERT 0 1", "UPDATE 0", "DELETE 12", "MERGE 3"};
    static const char *const no[] = {"", "SELECT 1", "COPY 5", "INSERTED 1", "FETCH 1", "CALL", "delete 1"};
    for (size_t i = 0; i < COUNT(yes); i++)
        assert_true(statement_tag_changes(yes[i]));
    for (size_t i = 0; i < COUNT(no); i++)
        assert_false(statement_tag_changes(no[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_transaction_is_told_by_the_first_word),
        cmocka_unit_test(only_call_and_do_may_commit_on_their_own),
        cmocka_unit_test(tag_of_what_stays_done_is_known),
        cmocka_unit_test(tag_of_transaction_commands_is_known),
        cmocka_unit_test(tag_of_what_changes_rows_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
