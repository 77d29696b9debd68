#include "tests/unit/fixture.h"

#include "scheduler/core/admission.h"

struct row {
    const char *name;
    struct supply supply;
    struct demand demand;
    struct decision want;
};

#define SQL(weight)     {weight, true}
#define COMMAND(weight) {weight, false}
/* A pool of 4 in good health with a fresh sample and room for 10; the fields behind it override. */
#define POOL(...) \
    {.wanted_count = 1, .may_connect = true, .fresh = true, .gate_slots = 10, .free_slots = 20, __VA_ARGS__}
#define OF_4(...) .tokens = {.size = 4, .limit = 4, __VA_ARGS__}
#define FAILING   .failing = true, .may_connect = false
#define BLIND     .fresh = false, .free_slots = INT32_MAX, .gate_slots = INT32_MAX

static const struct row rows[] = {
    {"drain", POOL(OF_4(.warm = 1), .draining = true), SQL(1), {VERDICT_WAIT, 0, REASON_DRAIN}},
    /* the floor: a pool's only session */
    {"floor, nothing known", POOL(OF_4(.warm = 0), BLIND), SQL(1), {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"floor, for a command", POOL(OF_4(.warm = 0), BLIND), COMMAND(1), {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"floor, for heavy SQL", POOL(OF_4(.warm = 0)), SQL(3), {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"floor, on the way", POOL(OF_4(.opening = 1), BLIND), COMMAND(1), {VERDICT_WAIT, 0, REASON_SAMPLE}},
    {"floor may use the reserve", POOL(OF_4(.warm = 0), .gate_slots = -9, .free_slots = 1), SQL(1),
     {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"floor, the database is full", POOL(OF_4(.warm = 0), .gate_slots = -10, .free_slots = 0), SQL(1),
     {VERDICT_WAIT, 0, REASON_FULL, 0, 1}},
    {"floor, failing, not yet", POOL(OF_4(.warm = 0), BLIND, FAILING), SQL(1), {VERDICT_WAIT, 0, REASON_CONNECT}},
    {"floor, failing, one attempt", POOL(OF_4(.warm = 0), BLIND, .failing = true), SQL(1),
     {VERDICT_OPEN, 1, REASON_CONNECT, 1}},
    {"floor, failing, for a command", POOL(OF_4(.warm = 0), .failing = true), COMMAND(2),
     {VERDICT_OPEN, 1, REASON_CONNECT, 1}},
    {"floor, all closing", POOL(OF_4(.closing = 4)), SQL(1), {VERDICT_WAIT, 0, REASON_CLOSING, 4}},
    {"floor beside what is left over", POOL(OF_4(.leftover = 4), BLIND), SQL(1), {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"floor beside commands that hold all", POOL(OF_4(.command = 4)), SQL(1), {VERDICT_WAIT, 0, REASON_TOKENS, 4, 4}},
    {"floor, an ended command may be gone any moment", POOL(OF_4(.ended = 4)), SQL(1), {VERDICT_WAIT, 0, REASON_ENDED, 4, 4}},
    {"floor beside an ended command that stays", POOL(OF_4(.ended = 4), .ended_stay = true), SQL(1),
     {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"floor, there is room beside an ended command", POOL(OF_4(.ended = 3)), SQL(1), {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"floor beside commands that hold all, one of them ended", POOL(OF_4(.command = 3, .ended = 1)), SQL(1),
     {VERDICT_WAIT, 0, REASON_ENDED, 1, 4}},
    /* light SQL */
    {"warm, beside an ended command", POOL(OF_4(.warm = 1, .ended = 3)), SQL(1), {.verdict = VERDICT_START}},
    {"an ended command in the way", POOL(OF_4(.busy = 2, .ended = 2), .wanted_count = 3), SQL(1),
     {VERDICT_WAIT, 0, REASON_ENDED, 2, 4}},
    {"warm", POOL(OF_4(.warm = 1), .gate_slots = -5), SQL(1), {.verdict = VERDICT_START}}, /* it grows nothing */
    {"stale warm", POOL(OF_4(.warm = 1), .warm_is_stale = true), SQL(1), {VERDICT_CHECK, 1, REASON_CHECKING, 1}},
    {"stale warm, enough checked", POOL(OF_4(.warm = 1, .checking = 1), .warm_is_stale = true), SQL(1),
     {VERDICT_WAIT, 0, REASON_CHECKING, 1}},
    {"enough sessions", POOL(OF_4(.busy = 2), .wanted_count = 2), SQL(1), {VERDICT_WAIT, 0, REASON_SHARING, 2, 2}},
    {"enough, one opening", POOL(OF_4(.busy = 1, .opening = 1), .wanted_count = 2), SQL(1),
     {VERDICT_WAIT, 0, REASON_OPENING, 1}},
    {"more wanted", POOL(OF_4(.busy = 1), .wanted_count = 3), SQL(1), {VERDICT_OPEN, 2, REASON_OPENING, 2}},
    {"more wanted than the size", POOL(OF_4(.busy = 1), .wanted_count = 9), SQL(1), {VERDICT_OPEN, 3, REASON_OPENING, 3}},
    {"more wanted than the gate leaves", POOL(OF_4(.busy = 1), .wanted_count = 9, .gate_slots = 1), SQL(1),
     {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"no headroom", POOL(OF_4(.busy = 1), .wanted_count = 9, .gate_slots = 0), SQL(1),
     {VERDICT_WAIT, 0, REASON_HEADROOM, 0, 1}},
    {"gate overrun", POOL(OF_4(.busy = 1), .wanted_count = 9, .gate_slots = -3), SQL(1),
     {VERDICT_WAIT, 0, REASON_HEADROOM, -3, 1}},
    {"stale sample, all at work", POOL(OF_4(.busy = 1), .wanted_count = 9, .fresh = false), SQL(1),
     {VERDICT_WAIT, 0, REASON_STALE}},
    {"stale sample, trickle", POOL(OF_4(.busy = 1), .wanted_count = 9, .fresh = false, .trickle = true), SQL(1),
     {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"failing beside others, not yet", POOL(OF_4(.busy = 1), .wanted_count = 9, FAILING), SQL(1),
     {VERDICT_WAIT, 0, REASON_CONNECT}},
    {"failing beside others, one attempt", POOL(OF_4(.busy = 1), .wanted_count = 9, .failing = true), SQL(1),
     {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"failing beside others, no headroom",
     POOL(OF_4(.busy = 1), .wanted_count = 9, .failing = true, .gate_slots = 0), SQL(1),
     {VERDICT_WAIT, 0, REASON_HEADROOM, 0, 1}},
    {"all taken", POOL(OF_4(.busy = 4), .wanted_count = 9), SQL(1), {VERDICT_WAIT, 0, REASON_TOKENS, 4, 4}},
    /* weight */
    {"heavy SQL, enough", POOL(OF_4(.warm = 1)), SQL(4), {.verdict = VERDICT_START}},
    {"heavy SQL, the gate leaves too few", POOL(OF_4(.warm = 1), .gate_slots = 2), SQL(4),
     {VERDICT_WAIT, 0, REASON_HEADROOM, 2, 3}},
    {"heavy SQL, warm in the way", POOL(OF_4(.warm = 3)), SQL(3), {VERDICT_CLOSE, 1, REASON_CLOSING, 0}},
    {"heavy SQL, too few", POOL(OF_4(.busy = 2, .warm = 1)), SQL(3), {VERDICT_WAIT, 0, REASON_WEIGHT, 2, 3}},
    {"heavy SQL, all taken", POOL(OF_4(.busy = 4)), SQL(3), {VERDICT_WAIT, 0, REASON_TOKENS, 4, 4}},
    {"command, free", POOL(OF_4(.busy = 3)), COMMAND(1), {.verdict = VERDICT_START}},
    {"command, stale sample", POOL(OF_4(.warm = 1), .fresh = false, .look_due = true), COMMAND(1),
     {VERDICT_SAMPLE, 1, REASON_SAMPLE}},
    {"command, the look has just failed", POOL(OF_4(.warm = 1), .fresh = false), COMMAND(1), {VERDICT_WAIT, 0, REASON_STALE}},
    {"two wait, one is warm, the look has just failed", POOL(OF_4(.warm = 1), .fresh = false, .wanted_count = 2), SQL(1),
     {.verdict = VERDICT_START}},
    {"two wait, one is warm, the sample is stale",
     POOL(OF_4(.warm = 1), .fresh = false, .look_due = true, .wanted_count = 2), SQL(1), {VERDICT_SAMPLE, 1, REASON_SAMPLE}},
    {"command, stale sample, all at work", POOL(OF_4(.busy = 1), .fresh = false), COMMAND(1),
     {VERDICT_WAIT, 0, REASON_STALE}},
    {"command, stale sample, trickle", POOL(OF_4(.busy = 1), .fresh = false, .trickle = true), COMMAND(1),
     {.verdict = VERDICT_START}},
    {"command, no headroom", POOL(OF_4(.busy = 1), .gate_slots = 0), COMMAND(1),
     {VERDICT_WAIT, 0, REASON_HEADROOM, 0, 1}},
    {"command, a warm session has its slot", POOL(OF_4(.busy = 1, .warm = 1), .gate_slots = 0), COMMAND(1),
     {VERDICT_CLOSE, 1, REASON_CLOSING, 0}},
    {"command, not even the warm ones would do", POOL(OF_4(.warm = 1), .gate_slots = 0), COMMAND(3),
     {VERDICT_WAIT, 0, REASON_HEADROOM, 0, 3}},
    {"command, the warm one is not enough for a gate overrun", POOL(OF_4(.warm = 1), .gate_slots = -5), COMMAND(1),
     {VERDICT_WAIT, 0, REASON_HEADROOM, -5, 1}},
    {"command, warm in the way", POOL(OF_4(.warm = 4)), COMMAND(2), {VERDICT_CLOSE, 2, REASON_CLOSING, 0}},
    {"command, warm being closed", POOL(OF_4(.warm = 2, .closing = 2)), COMMAND(2),
     {VERDICT_WAIT, 0, REASON_CLOSING, 2, 0}},
    {"command, some being closed", POOL(OF_4(.warm = 3, .closing = 1)), COMMAND(3),
     {VERDICT_CLOSE, 2, REASON_CLOSING, 1}},
    {"command, too few", POOL(OF_4(.command = 2)), COMMAND(3), {VERDICT_WAIT, 0, REASON_WEIGHT, 2, 3}},
    {"command, opening in the way", POOL(OF_4(.opening = 4)), COMMAND(1), {VERDICT_WAIT, 0, REASON_OPENING, 4, 0}},
    {"command, left over in the way", POOL(OF_4(.leftover = 3, .checking = 1)), COMMAND(1),
     {VERDICT_WAIT, 0, REASON_LEFTOVER, 3, 4}},
    {"command, an ended one in the way", POOL(OF_4(.busy = 1, .ended = 3)), COMMAND(1), {VERDICT_WAIT, 0, REASON_ENDED, 3, 4}},
    {"command, an ended one in the way and nobody to look", POOL(OF_4(.ended = 3)), COMMAND(2),
     {VERDICT_OPEN, 1, REASON_OPENING, 1}},
    {"command, an ended one in the way, one warm to look", POOL(OF_4(.warm = 1, .ended = 3)), COMMAND(1),
     {VERDICT_WAIT, 0, REASON_ENDED, 3, 4}},
    {"command, an ended one in the way, two warm", POOL(OF_4(.warm = 2, .ended = 2)), COMMAND(1),
     {VERDICT_CLOSE, 1, REASON_CLOSING, 0}},
    {"command, room beside an ended one", POOL(OF_4(.ended = 3)), COMMAND(1), {.verdict = VERDICT_START}},
    {"command, failing, not yet", POOL(OF_4(.warm = 1), FAILING), COMMAND(1), {VERDICT_WAIT, 0, REASON_CONNECT}},
    /* a limit below the size */
    {"limit reached", POOL(.tokens = {.size = 4, .limit = 1, .busy = 1, .warm = 1}), SQL(1),
     {VERDICT_WAIT, 0, REASON_LIMIT, 1, 1}},
    {"limit reached, nobody can look", POOL(.tokens = {.size = 4, .limit = 1, .busy = 1}, .fresh = false), SQL(1),
     {VERDICT_WAIT, 0, REASON_LIMIT, 1, 1}},
    {"limit reached, nobody could look for long",
     POOL(.tokens = {.size = 4, .limit = 1, .busy = 1}, .fresh = false, .trickle = true), SQL(1),
     {VERDICT_OPEN, 1, REASON_LIMIT, 1, 1}},
    {"limit reached, nobody could look for long, the gate is shut",
     POOL(.tokens = {.size = 4, .limit = 1, .busy = 1}, .fresh = false, .trickle = true, .gate_slots = 0), SQL(1),
     {VERDICT_WAIT, 0, REASON_LIMIT, 1, 1}},
    {"limit reached by sessions", POOL(.tokens = {.size = 4, .limit = 2, .busy = 1, .closing = 1}, .wanted_count = 9),
     SQL(1), {VERDICT_WAIT, 0, REASON_CLOSING, 1}},
    {"limit reached before any is at work", POOL(.tokens = {.size = 4, .limit = 1, .opening = 1}, .wanted_count = 9),
     SQL(1), {VERDICT_WAIT, 0, REASON_OPENING, 1}},
    {"weight above the limit, alone", POOL(.tokens = {.size = 4, .limit = 1}), COMMAND(3), {.verdict = VERDICT_START}},
    {"weight above the limit, not alone", POOL(.tokens = {.size = 4, .limit = 2, .command = 1}), COMMAND(3),
     {VERDICT_WAIT, 0, REASON_WEIGHT, 1, 3}},
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
        int32_t slots = (int32_t)(code % 7) - 2;
        struct supply supply = {.tokens = tokens, .wanted_count = 3, .may_connect = true, .fresh = true,
                                .gate_slots = slots, .free_slots = slots + 2};
        bool floor = digit[0] + digit[1] + digit[2] + digit[3] == 0;
        if (tokens_held(&tokens) > 5)
            continue;
        for (uint32_t weight = 1; weight <= 5; weight++) {
            for (int sql = 0; sql < 2; sql++) {
                struct decision got = admission_decide(&supply, &(struct demand){weight, sql});
                if (got.verdict == VERDICT_START) {
                    assert_true(tokens_held(&tokens) + weight - (sql != 0) <= 5);
                    assert_true(!sql || tokens.warm > 0);
                    assert_true((int32_t)weight - (sql != 0) <= (slots > 0 ? slots : 0));
                } else if (got.verdict == VERDICT_OPEN) {
                    assert_in_range(got.session_count, 1, tokens_free(&tokens));
                    assert_true((int32_t)got.session_count <= (floor ? slots + 2 : slots));
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
