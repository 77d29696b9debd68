/* A record on its way to the database: what the columns of headgate.run are made of. */
#include "tests/unit/helper.h"

#include <string.h>

#include "scheduler/history/line.h"

static const struct schedule schedule = {.every_us = 60 * US_PER_S};

static struct record record(void) {
    return (struct record){
        .outcome = OUTCOME_OK,
        .service = "office",
        .key_first = {US_PER_S},
        .key_last = {US_PER_S + 500},
        .schedule = &schedule,
        .occurrence_count = 2,
        .tokens = 1,
        .has_rows = true,
        .row_count = 3,
        .lateness_us = 4,
        .took_us = 5,
        .session_us = 6,
        .outside_us = 7,
        .attempt_count = 8,
        .started = {2 * US_PER_S},
        .within = true,
    };
}

static void expect(const struct record *of, const char *message, const char *expected) {
    struct text line = {0};
    text_add(&line, "what stood there before");
    line_compose(&line, of, "tick", message, NULL, "host:/x.ini (1-2)");
    helper_expect_text("line", line.bytes, expected);
    text_finish(&line);
}

#define BEGINNING                                                                                            \
    "{\"service\":\"office\",\"task\":\"tick\",\"due\":\"1970-01-01T00:00:01.000000Z\","                     \
    "\"due_until\":\"1970-01-01T00:00:01.000500Z\",\"every_us\":60000000,\"occurrences\":2,"

static void line_compose_run_has_all_that_was_measured(void **state) {
    struct record ok = record();
    (void)state;
    expect(&ok, NULL,
           BEGINNING "\"outcome\":\"ok\",\"reason\":null,\"message\":null,\"daemon\":\"host:/x.ini (1-2)\","
                     "\"started\":\"1970-01-01T00:00:02.000000Z\","
                     "\"finished\":\"1970-01-01T00:00:02.000005Z\",\"lateness_us\":4,\"attempts\":8,"
                     "\"rows\":3,\"tokens\":1,\"session_us\":6,\"outside_us\":7,"
                     "\"transactional\":true,\"claiming\":false}");
}

static void line_compose_run_in_bites_has_their_number_and_why_it_left_some(void **state) {
    struct text line = {0};
    struct record of = record();
    (void)state;
    of.bite_count = 312;
    line_compose(&line, &of, "purge", NULL, NULL, "d");
    assert_non_null(strstr(line.bytes, "\"reason\":null"));
    assert_non_null(strstr(line.bytes, "\"rows\":3,\"bites\":312,"));
    of.rest = SKIP_DRAIN;
    line_compose(&line, &of, "purge", NULL, NULL, "d");
    assert_non_null(strstr(line.bytes, "\"outcome\":\"ok\",\"reason\":\"the rest is the next run's: the daemon was told to stop\""));
    text_finish(&line);
}

static void line_compose_cancelled_says_by_what(void **state) {
    static const char *const reasons[] = {"\"reason\":\"cancelled: the daemon was told to stop\"",
                                          "\"reason\":\"cancelled: its window has closed\""};
    (void)state;
    for (int shut_out = 0; shut_out < 2; shut_out++) {
        struct text line = {0};
        struct record of = record();
        of.outcome = OUTCOME_CANCELLED;
        of.shut_out = shut_out;
        line_compose(&line, &of, "tick", NULL, NULL, "d");
        assert_non_null(strstr(line.bytes, reasons[shut_out]));
        text_finish(&line);
    }
}

static void line_compose_skip_says_why_and_no_more(void **state) {
    struct record skip = record();
    (void)state;
    skip.outcome = OUTCOME_SKIPPED;
    skip.skip = SKIP_PAUSED;
    skip.within = false;
    expect(&skip, "",
           BEGINNING "\"outcome\":\"skipped\",\"reason\":\"its task is paused\",\"message\":null,"
                     "\"daemon\":\"host:/x.ini (1-2)\",\"transactional\":false,\"claiming\":false}");
}

static void line_compose_outcome_is_one_of_the_table(void **state) {
    static const struct {
        enum outcome outcome;
        enum skip_cause skip;
        const char *expected;
    } rows[] = {
        {OUTCOME_NOTHING, SKIP_NONE, "\"outcome\":\"ok\",\"reason\":\"its read gave no row\""},
        {OUTCOME_FAILED, SKIP_NONE, "\"outcome\":\"failed\",\"reason\":null,\"message\":\"no \\\"x\\\"\""},
        {OUTCOME_TIMEOUT, SKIP_NONE, "\"outcome\":\"failed\",\"reason\":\"timeout\""},
        {OUTCOME_CANCELLED, SKIP_NONE, "\"outcome\":\"failed\",\"reason\":\"cancelled: "},
        {OUTCOME_UNKNOWN, SKIP_NONE, "\"outcome\":\"unknown\",\"reason\":null"},
        {OUTCOME_SKIPPED, SKIP_MISSED, "\"outcome\":\"missed\",\"reason\":\"no daemon ran\""},
        {OUTCOME_SKIPPED, SKIP_DRAIN, "\"outcome\":\"released\",\"reason\":\"the daemon is stopping\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text line = {0};
        struct record of = record();
        of.outcome = rows[i].outcome;
        of.skip = rows[i].skip;
        line_compose(&line, &of, "tick", "no \"x\"", NULL, "d");
        if (!strstr(line.bytes, rows[i].expected))
            fail_msg("%s is not in %s", rows[i].expected, line.bytes);
        text_finish(&line);
    }
}

static void line_compose_instant_before_1970_has_no_negative_part(void **state) {
    struct text line = {0};
    struct record of = record();
    (void)state;
    of.key_first.us = -1;
    line_compose(&line, &of, "tick", NULL, NULL, "d");
    assert_non_null(strstr(line.bytes, "\"due\":\"1969-12-31T23:59:59.999999Z\""));
    text_finish(&line);
}

/* A guard's no is on record only behind an attempt that failed; a claim whose answer was lost is given back. */
static void line_compose_guard_s_no_is_an_end_or_gives_back(void **state) {
    (void)state;
    for (uint32_t attempts = 1; attempts <= 2; attempts++) {
        struct text line = {0};
        struct record of = record();
        of.outcome = OUTCOME_NOTHING;
        of.said_no = true;
        of.attempt_count = attempts;
        line_compose(&line, &of, "a", NULL, NULL, "d");
        const char *expected = attempts == 1 ? "\"outcome\":\"released\"" : "\"outcome\":\"ok\",\"reason\":\"its guard (when) said no\"";
        if (!strstr(line.bytes, expected))
            fail_msg("%s", line.bytes);
        text_finish(&line);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_compose_run_has_all_that_was_measured),
        cmocka_unit_test(line_compose_run_in_bites_has_their_number_and_why_it_left_some),
        cmocka_unit_test(line_compose_skip_says_why_and_no_more),
        cmocka_unit_test(line_compose_outcome_is_one_of_the_table),
        cmocka_unit_test(line_compose_cancelled_says_by_what),
        cmocka_unit_test(line_compose_guard_s_no_is_an_end_or_gives_back),
        cmocka_unit_test(line_compose_instant_before_1970_has_no_negative_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
