#include "tests/unit/helper.h"

#include <string.h>

#include "pool/outcome.h"

static void name_of_every_outcome_is_its_own(void **state) {
    (void)state;
    for (int i = OUTCOME_OK; i <= OUTCOME_ELSEWHERE; i++) {
        assert_string_not_equal(outcome_name((enum outcome)i), "?");
        for (int j = i + 1; j <= OUTCOME_ELSEWHERE; j++)
            assert_string_not_equal(outcome_name((enum outcome)i), outcome_name((enum outcome)j));
    }
}

static void connect_failure_of_a_sqlstate_is_known(void **state) {
    (void)state;
    static const struct {
        const char *sqlstate;
        enum connect_failure failure;
        const char *advice; /* a piece of it */
        const char *message;
    } cases[] = {
        {"", CONNECT_UNREACHABLE, "until the server answers", "Connection refused"},
        {"", CONNECT_UNREACHABLE, "until the server answers", "server closed the connection unexpectedly"},
        {"", CONNECT_UNREACHABLE, "until the server answers", "SSL SYSCALL error: EOF detected"},
        {"", CONNECT_UNREACHABLE, "until the server answers", "SSL error: unexpected eof while reading"},
        {"", CONNECT_UNREACHABLE, "until the server answers", "session is read-only"},
        {"", CONNECT_NEEDS_PERSON, "TLS", "server certificate for \"a\" does not match host name \"b\""},
        {"", CONNECT_NEEDS_PERSON, "TLS", "SSL error: certificate verify failed"},
        {"", CONNECT_NEEDS_PERSON, "TLS", "root certificate file \"/x\" does not exist"},
        {"", CONNECT_NEEDS_PERSON, "TLS", "server does not support SSL, but SSL was required"},
        {"", CONNECT_NEEDS_PERSON, "authentication", "fe_sendauth: no password supplied"},
        {"", CONNECT_NEEDS_PERSON, "authentication", "received invalid response to SSL negotiation: H"},
        {"53300", CONNECT_FULL, "slot", "sorry, too many clients already"},
        {"57P03", CONNECT_STARTING, "starting up", ""},
        {"57P01", CONNECT_UNREACHABLE, "until", ""},
        {"08006", CONNECT_UNREACHABLE, "until", "invalid response to a certificate"},
        {"08P01", CONNECT_OPTIONS, "startup option", "unsupported startup parameter: options"},
        {"08P01", CONNECT_OPTIONS, "startup option", "unsupported startup parameter in options: jit"},
        {"08P01", CONNECT_FULL, "max_client_conn", "no more connections allowed (max_client_conn)"},
        {"08P01", CONNECT_UNREACHABLE, "pooler refuses", "pgbouncer cannot connect to server"},
        {"42704", CONNECT_OPTIONS, "startup option", ""},
        {"22023", CONNECT_OPTIONS, "startup option", ""},
        {"28P01", CONNECT_NEEDS_PERSON, "password", ""},
        {"28000", CONNECT_NEEDS_PERSON, "pg_hba.conf", ""},
        {"3D000", CONNECT_NEEDS_PERSON, "dbname", ""},
        {"42501", CONNECT_NEEDS_PERSON, "GRANT CONNECT", ""},
        {"0A000", CONNECT_NEEDS_PERSON, "conninfo", ""},
        {"XX000", CONNECT_UNREACHABLE, "until", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum connect_failure failure = connect_failure_of(cases[i].sqlstate, cases[i].message);
        if (failure != cases[i].failure)
            fail_msg("'%s' %s gave %d", cases[i].sqlstate, cases[i].message, (int)failure);
        assert_non_null(strstr(connect_failure_advice(failure, cases[i].sqlstate), cases[i].advice));
    }
}

static void statement_advice_depends_on_the_transaction_key(void **state) {
    (void)state;
    static const struct {
        const char *sqlstate;
        bool transaction;
        const char *advice; /* a piece of it; "": none at all */
    } cases[] = {
        {"25001", true, "transaction = off"}, {"25001", false, "task of its own"},
        {"2D000", true, "transaction = off"}, {"2D000", false, "task of its own"},
        {"25P01", false, "transaction = on"}, {"25P01", true, ""},
        {"57014", true, "statement_timeout"}, {"42P01", true, ""},
        {"", false, ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *advice = statement_failure_advice(cases[i].sqlstate, cases[i].transaction);
        assert_non_null(strstr(advice, cases[i].advice));
        assert_int_equal(*advice == '\0', *cases[i].advice == '\0');
    }
}

static void sqlstate_of_syntax_and_cancel_are_told_apart(void **state) {
    (void)state;
    assert_true(sqlstate_is_syntax("42601"));
    assert_false(sqlstate_is_syntax("57014"));
    assert_true(sqlstate_is_shutdown("57P01"));
    assert_false(sqlstate_is_shutdown("57014"));
    assert_true(sqlstate_is_read_only("25006"));
    assert_false(sqlstate_is_read_only("25001"));
    assert_true(sqlstate_is_connection("08P01"));
    assert_false(sqlstate_is_connection("57P01"));
    assert_int_equal(failure_kind_of("57014"), FAILURE_CANCEL);
    assert_int_equal(failure_kind_of("57P01"), FAILURE_OTHER);
    assert_int_equal(failure_kind_of("40001"), FAILURE_CONFLICT);
    assert_int_equal(failure_kind_of("40P01"), FAILURE_CONFLICT);
    assert_int_equal(failure_kind_of("55P03"), FAILURE_LOCK);
    assert_false(sqlstate_is_syntax(""));
    assert_int_equal(failure_kind_of(""), FAILURE_OTHER);
}

static void claim_failure_kind_is_its_own_or_any_statements(void **state) {
    (void)state;
    static const struct {
        const char *sqlstate;
        enum failure_kind if_key_tells, otherwise;
    } cases[] = {
        {"HG001", FAILURE_TAKEN, FAILURE_TAKEN},
        {"HG002", FAILURE_GONE, FAILURE_GONE},
        {"23505", FAILURE_TAKEN, FAILURE_CLAIM_WAIT}, /* a row of that key, with a shorter range, may leave some */
        {"55P03", FAILURE_CLAIM_WAIT, FAILURE_CLAIM_WAIT},
        {"40001", FAILURE_CONFLICT, FAILURE_CONFLICT},
        {"40P01", FAILURE_CONFLICT, FAILURE_CONFLICT},
        {"57014", FAILURE_CANCEL, FAILURE_CANCEL},
        {"42P01", FAILURE_CLAIM, FAILURE_CLAIM}, /* no such table */
        {"42501", FAILURE_CLAIM, FAILURE_CLAIM}, /* may not */
        {"25006", FAILURE_CLAIM, FAILURE_CLAIM}, /* read-only */
        {"53100", FAILURE_CLAIM, FAILURE_CLAIM}, /* the disk is full */
        {"23514", FAILURE_CLAIM, FAILURE_CLAIM},
        {"HG003", FAILURE_CLAIM, FAILURE_CLAIM},
        {"", FAILURE_CLAIM, FAILURE_CLAIM},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (claim_failure_kind_of(cases[i].sqlstate, true) != cases[i].if_key_tells ||
            claim_failure_kind_of(cases[i].sqlstate, false) != cases[i].otherwise)
            fail_msg("'%s' gave %d and %d", cases[i].sqlstate, (int)claim_failure_kind_of(cases[i].sqlstate, true),
                     (int)claim_failure_kind_of(cases[i].sqlstate, false));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_of_every_outcome_is_its_own),
        cmocka_unit_test(connect_failure_of_a_sqlstate_is_known),
        cmocka_unit_test(statement_advice_depends_on_the_transaction_key),
        cmocka_unit_test(sqlstate_of_syntax_and_cancel_are_told_apart),
        cmocka_unit_test(claim_failure_kind_is_its_own_or_any_statements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
