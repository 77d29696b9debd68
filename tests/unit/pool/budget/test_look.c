/* answer.c and look.c: what a server that lies can make of the look at the database. */
#include "tests/unit/helper.h"

#include <stdlib.h>
#include <string.h>

#include "pool/answer.h"
#include "pool/budget/look.h"

#define COLUMNS_MOST 16

static PGresult *rows_of(int columns, int row_count, const char *const rows[][COLUMNS_MOST]) {
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc attributes[COLUMNS_MOST] = {0};
    for (int i = 0; i < columns; i++)
        attributes[i].name = (char *)"c";
    if (columns > 0)
        assert_true(PQsetResultAttrs(result, columns, attributes));
    for (int row = 0; row < row_count; row++)
        for (int i = 0; i < columns; i++)
            assert_true(PQsetvalue(result, row, i, (char *)rows[row][i], rows[row][i] ? (int)strlen(rows[row][i]) : -1));
    return result;
}

#define FACT_COLUMNS    12
#define BACKEND_COLUMNS 14

static const char *const honest_facts[1][COLUMNS_MOST] = {
    {"100", "3", "0", "f", "f", "-1", "-1", "f", NULL, "1700000000.123456", "f", "0"}};

/* The one that answers, the application's, a command of ours. */
static const char *const honest_backends[3][COLUMNS_MOST] = {
    {"1", "10", "5", "headgate/p 00000001", "active", NULL, "f", "t", "f", "4711", "1700000000.1", "0.1", "0.2", NULL},
    {"7", "10", "5", "shop", "idle in transaction", "f", "f", "f", "f", NULL, NULL, "30.5", "31", NULL},
    {"2", "10", "5", "headgate/nightly", "active", "f", "f", "f", "t", NULL, "1700000001.1", "1", "1",
     "4712\n815\n14\nidle in transaction\nshop"}};

static const char *const lies[] = {
    NULL, "", " ", "-1", "0", "-2147483649", "2147483647", "2147483648", "262144", "9223372036854775807",
    "9223372036854775808", "-9223372036854775809", "99999999999999999999999999", "1e400", "-1e400", "1e300", "nan",
    "NaN", "inf", "-Infinity", "0x10", "1 ", "1x", "1\n2", "1\n2\n3", "1\n-2\n3\n\n", "\n\n\n\n", "1\n2\n3\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nx", "t", "f", "headgate/", "/", "no slash", "a,b,c"};

static bool read_facts(const PGresult *result, struct answer *answer, struct sample *sample) {
    look_read_facts(result, answer, sample);
    assert_int_equal(sample->known, !*answer->wrong);
    return sample->known;
}

static void look_facts_that_lie_are_a_failed_look(void **state) {
    (void)state;
    struct answer answer;
    struct sample sample;
    for (int column = 0; column < FACT_COLUMNS; column++) {
        for (size_t i = 0; i < COUNT(lies); i++) {
            const char *facts[1][COLUMNS_MOST];
            memcpy(facts, honest_facts, sizeof facts);
            facts[0][column] = lies[i];
            PGresult *result = rows_of(FACT_COLUMNS, 1, facts);
            if (read_facts(result, &answer, &sample)) {
                assert_in_range(sample.max_connections, 1, ANSWER_BACKENDS_MOST);
                assert_in_range(sample.scopes[SCOPE_SERVER].usable, 0, sample.max_connections);
                assert_true(sample.replica_lag_us >= 0);
            }
            PQclear(result);
        }
    }
}

static void look_facts_of_another_shape_are_a_failed_look(void **state) {
    (void)state;
    struct answer answer;
    struct sample sample;
    static const char *const two[2][COLUMNS_MOST] = {{"100"}, {"100"}};
    const struct {
        int columns, rows;
    } shapes[] = {{0, 0}, {1, 1}, {FACT_COLUMNS - 1, 1}, {FACT_COLUMNS + 1, 1}, {FACT_COLUMNS, 0}, {FACT_COLUMNS, 2}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        PGresult *result = rows_of(shapes[i].columns, shapes[i].rows, two);
        assert_false(read_facts(result, &answer, &sample));
        PQclear(result);
    }
    PGresult *nothing = PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
    assert_false(read_facts(nothing, &answer, &sample));
    assert_false(read_facts(NULL, &answer, &sample));
    PQclear(nothing);
    PGresult *honest = rows_of(FACT_COLUMNS, 1, honest_facts);
    assert_true(read_facts(honest, &answer, &sample));
    assert_int_equal(sample.scopes[SCOPE_SERVER].usable, 97);
    PQclear(honest);
}

static bool read_backends(const PGresult *result, struct answer *answer, struct sample *sample) {
    struct look_answering answering;
    *sample = (struct sample){.known = true};
    if (!look_find_answering(result, answer, &answering))
        return false;
    look_read_backends(answer, &answering, "headgate/p 00000001", 1700000000, sample);
    assert_int_equal(sample->known, !*answer->wrong);
    return sample->known;
}

static void look_backends_that_lie_are_a_failed_look(void **state) {
    (void)state;
    struct answer answer;
    struct sample sample;
    for (int row = 0; row < 3; row++) {
        for (int column = 0; column < BACKEND_COLUMNS; column++) {
            for (size_t i = 0; i < COUNT(lies); i++) {
                const char *backends[3][COLUMNS_MOST];
                memcpy(backends, honest_backends, sizeof backends);
                backends[row][column] = lies[i];
                PGresult *result = rows_of(BACKEND_COLUMNS, 3, backends);
                if (read_backends(result, &answer, &sample)) {
                    assert_in_range(sample.scopes[SCOPE_SERVER].used, 3, ANSWER_BACKENDS_MOST);
                    assert_in_range(sample.wait_count, 0, 3);
                    assert_true(sample.idle_in_transaction_us >= 0 && sample.oldest_transaction_us >= 0);
                } else {
                    assert_int_not_equal(*answer.wrong, '\0');
                }
                PQclear(result);
            }
        }
    }
}

static void look_backends_beyond_what_a_server_has_are_refused(void **state) {
    (void)state;
    struct answer answer;
    struct sample sample;
    const char *many[12][COLUMNS_MOST];
    for (int i = 0; i < 12; i++)
        memcpy(many[i], honest_backends[i > 0], sizeof many[i]);
    for (int i = 1; i < 12; i++)
        many[i][0] = "262143";
    PGresult *result = rows_of(BACKEND_COLUMNS, 12, many);
    assert_false(read_backends(result, &answer, &sample));
    PQclear(result);
    result = rows_of(BACKEND_COLUMNS - 1, 3, honest_backends);
    assert_false(read_backends(result, &answer, &sample));
    PQclear(result);
    result = rows_of(BACKEND_COLUMNS, 3, honest_backends);
    assert_true(read_backends(result, &answer, &sample));
    assert_int_equal(sample.scopes[SCOPE_SERVER].used, 10);
    assert_int_equal(sample.command_count, 2);
    assert_string_equal(sample.command_tasks, "nightly,nightly");
    assert_int_equal(sample.wait_count, 1);
    assert_int_equal(sample.waits[0].pid, 4712);
    assert_int_equal(sample.waits[0].holder_pid, 815);
    assert_int_equal(sample.waits[0].holder_state_us, 14 * US_PER_S);
    assert_string_equal(sample.waits[0].holder_state, "idle in transaction");
    assert_string_equal(sample.waits[0].holder_name, "shop");
    PQclear(result);
}

static void answer_parse_takes_whole_numbers_within_bounds(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t least, most;
        bool right;
    } rows[] = {
        {"0", 0, 1, true},
        {"-5", -5, 5, true},
        {"6", -5, 5, false},
        {"9223372036854775807", 0, INT64_MAX, true},
        {"9223372036854775808", 0, INT64_MAX, false},
        {"-9223372036854775808", INT64_MIN, 0, true},
        {"-9223372036854775809", INT64_MIN, 0, false},
        {"", INT64_MIN, INT64_MAX, false},
        {"-", INT64_MIN, INT64_MAX, false},
        {"+1", 0, 5, false},
        {" 1", 0, 5, false},
        {"1 ", 0, 5, false},
        {"0x1", 0, 5, false},
        {"1.0", 0, 5, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t number = 77;
        if (answer_parse(rows[i].text, rows[i].least, rows[i].most, &number) != rows[i].right)
            fail_msg("'%s'", rows[i].text);
        if (!rows[i].right)
            assert_int_equal(number, 77);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(look_facts_that_lie_are_a_failed_look),
        cmocka_unit_test(look_facts_of_another_shape_are_a_failed_look),
        cmocka_unit_test(look_backends_that_lie_are_a_failed_look),
        cmocka_unit_test(look_backends_beyond_what_a_server_has_are_refused),
        cmocka_unit_test(answer_parse_takes_whole_numbers_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
