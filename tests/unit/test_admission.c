#include "fixture.h"

#include "scheduler/admission.h"

struct row {
    const char *name;
    struct supply supply;
    struct demand demand;
    struct decision want;
};

#define SQL(weight)     {weight, true}
#define COMMAND(weight) {weight, false}
/* A pool of 4 in good health that one run waits for; the fields behind it override. */
#define POOL(...) {.waiting_sql_count = 1, .may_connect = true, .surveyed = true, __VA_ARGS__}
#define OF_4(...) .tokens = {.size = 4, .limit = 4, __VA_ARGS__}

static const struct row rows[] = {
    /* stopping, and what an earlier daemon left */
    {"drain", POOL(OF_4(.warm = 1), .any_session = true, .draining = true), SQL(1), {VERDICT_WAIT, 0, REASON_DRAIN}},
    {"not surveyed", POOL(OF_4(.warm = 0), .surveyed = false), SQL(1), {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"not surveyed, on the way", POOL(OF_4(.opening = 1), .surveyed = false, .any_session = true), SQL(1),
     {VERDICT_WAIT, 0, REASON_SURVEY}},
    {"not surveyed, command", POOL(OF_4(.warm = 0), .surveyed = false), COMMAND(1),
     {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"not surveyed, failing", POOL(OF_4(.warm = 0), .surveyed = false, .failing = true, .may_connect = false), SQL(1),
     {VERDICT_WAIT, 0, REASON_CONNECT}},
    {"not surveyed, all closing", POOL(OF_4(.closing = 4), .surveyed = false), SQL(1),
     {VERDICT_WAIT, 0, REASON_SURVEY}},
    {"left over holds all, nobody asks", POOL(OF_4(.leftover = 4), .survey_due = true), SQL(1), {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"left over holds all", POOL(OF_4(.leftover = 4, .checking = 1), .any_session = true), COMMAND(1),
     {VERDICT_WAIT, 0, REASON_LEFTOVER, 4, 4}},
    /* SQL and sessions */
    {"warm", POOL(OF_4(.warm = 1), .any_session = true), SQL(1), {.verdict = VERDICT_START}},
    {"stale warm", POOL(OF_4(.warm = 1), .any_session = true, .warm_is_stale = true), SQL(1),
     {VERDICT_CHECK, 1, REASON_CHECKING, 1}},
    {"stale warm, enough checked", POOL(OF_4(.warm = 1, .checking = 1), .any_session = true, .warm_is_stale = true),
     SQL(1), {VERDICT_WAIT, 0, REASON_CHECKING, 1}},
    {"none open", POOL(OF_4(.warm = 0)), SQL(1), {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"none open, many wait", POOL(OF_4(.warm = 0), .waiting_sql_count = 9), SQL(1),
     {VERDICT_OPEN, 4, REASON_OPENING, 4}},
    {"some opening, more wait", POOL(OF_4(.opening = 1), .waiting_sql_count = 3, .any_session = true), SQL(1),
     {VERDICT_OPEN, 2, REASON_OPENING, 3}},
    {"enough opening", POOL(OF_4(.opening = 1), .any_session = true), SQL(1), {VERDICT_WAIT, 0, REASON_OPENING, 1}},
    {"failing, not yet", POOL(OF_4(.warm = 0), .failing = true, .may_connect = false), SQL(1),
     {VERDICT_WAIT, 0, REASON_CONNECT}},
    {"failing, one attempt", POOL(OF_4(.warm = 0), .failing = true, .waiting_sql_count = 9), SQL(1),
     {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"all taken", POOL(OF_4(.busy = 4), .any_session = true), SQL(1), {VERDICT_WAIT, 0, REASON_TOKENS, 4, 4}},
    {"all closing", POOL(OF_4(.closing = 4)), SQL(1), {VERDICT_WAIT, 0, REASON_CLOSING, 4, 0}},
    /* weight */
    {"heavy SQL, enough", POOL(OF_4(.warm = 1), .any_session = true), SQL(4), {.verdict = VERDICT_START}},
    {"heavy SQL, warm in the way", POOL(OF_4(.warm = 3), .any_session = true), SQL(3),
     {VERDICT_CLOSE, 1, REASON_CLOSING, 0}},
    {"heavy SQL, too few", POOL(OF_4(.busy = 2, .warm = 1), .any_session = true), SQL(3),
     {VERDICT_WAIT, 0, REASON_WEIGHT, 2, 3}},
    {"heavy SQL, all taken", POOL(OF_4(.busy = 4), .any_session = true), SQL(3),
     {VERDICT_WAIT, 0, REASON_TOKENS, 4, 4}},
    {"command, free", POOL(OF_4(.busy = 3), .any_session = true), COMMAND(1), {.verdict = VERDICT_START}},
    {"command, warm in the way", POOL(OF_4(.warm = 4), .any_session = true), COMMAND(2),
     {VERDICT_CLOSE, 2, REASON_CLOSING, 0}},
    {"command, warm being closed", POOL(OF_4(.warm = 2, .closing = 2), .any_session = true), COMMAND(2),
     {VERDICT_WAIT, 0, REASON_CLOSING, 2, 0}},
    {"command, some being closed", POOL(OF_4(.warm = 3, .closing = 1), .any_session = true), COMMAND(3),
     {VERDICT_CLOSE, 2, REASON_CLOSING, 1}},
    {"command, too few", POOL(OF_4(.command = 2)), COMMAND(3), {VERDICT_WAIT, 0, REASON_WEIGHT, 2, 3}},
    {"command, opening in the way", POOL(OF_4(.opening = 4), .any_session = true), COMMAND(1),
     {VERDICT_WAIT, 0, REASON_OPENING, 4, 0}},
    {"command, failing, not yet", POOL(OF_4(.warm = 0), .failing = true, .may_connect = false), COMMAND(1),
     {VERDICT_WAIT, 0, REASON_CONNECT}},
    {"command, failing, one attempt", POOL(OF_4(.warm = 0), .failing = true), COMMAND(2),
     {VERDICT_OPEN, 1, REASON_CONNECT, 1}},
    /* a limit below the size */
    {"limit reached", POOL(.tokens = {.size = 4, .limit = 1, .busy = 1, .warm = 1}, .any_session = true), SQL(1),
     {VERDICT_WAIT, 0, REASON_TOKENS, 1, 1}},
    {"weight above the limit, alone", POOL(.tokens = {.size = 4, .limit = 1}), COMMAND(3),
     {.verdict = VERDICT_START}},
};

static void admission_supply_and_demand_give_verdict_and_reason(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct decision want = rows[i].want;
        struct decision got = admission_decide(&rows[i].supply, &rows[i].demand);
        if (got.verdict != want.verdict || got.session_count != want.session_count || got.reason != want.reason ||
            got.number != want.number || got.threshold != want.threshold)
            fail_msg("%s: verdict %d, %u sessions, reason %d, %d of %d", rows[i].name, got.verdict, got.session_count,
                     got.reason, (int)got.number, (int)got.threshold);
    }
}

/* Whatever the numbers are: nothing starts, opens or closes that there is no token or session for. */
static void admission_any_supply_never_exceeds_the_budget(void **state) {
    (void)state;
    for (uint32_t code = 0; code < 6 * 6 * 6 * 6 * 6 * 6; code++) {
        uint32_t digit[6], rest = code;
        for (int i = 0; i < 6; i++, rest /= 6)
            digit[i] = rest % 6;
        struct tokens tokens = {.size = 5, .limit = 5, .opening = digit[0], .warm = digit[1], .checking = digit[2],
                                .busy = digit[3], .closing = digit[4], .command = digit[5]};
        struct supply supply = {.tokens = tokens, .waiting_sql_count = 3, .may_connect = true, .surveyed = true,
                                .any_session = digit[0] + digit[1] + digit[2] + digit[3] > 0};
        if (tokens_held(&tokens) > 5)
            continue;
        for (uint32_t weight = 1; weight <= 5; weight++) {
            for (int sql = 0; sql < 2; sql++) {
                struct decision got = admission_decide(&supply, &(struct demand){weight, sql});
                if (got.verdict == VERDICT_START) {
                    assert_true(tokens_held(&tokens) + weight - (sql != 0) <= 5);
                    assert_true(!sql || tokens.warm > 0);
                } else if (got.verdict == VERDICT_OPEN) {
                    assert_in_range(got.session_count, 1, tokens_free(&tokens));
                } else if (got.verdict == VERDICT_CLOSE) {
                    assert_in_range(got.session_count, 1, tokens.warm);
                }
                assert_true((got.reason == REASON_NONE) == (got.verdict == VERDICT_START));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(admission_supply_and_demand_give_verdict_and_reason),
        cmocka_unit_test(admission_any_supply_never_exceeds_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
