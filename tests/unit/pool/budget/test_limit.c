#include "tests/unit/helper.h"

#include "pool/budget/limit.h"

#define S US_PER_S

static const struct limit_settings settings = {
    .size = 8, .active_high = 4, .lock_waiters_high = 5, .round_trip_high = 20, .replica_lag_high_us = 10 * S,
    .pooler_waiting_high = 1, .low_percent = 70, .high_samples = 2, .clear_samples = 5, .cool_down_us = 10 * S,
};

/* What one second's sample says. */
struct second {
    int32_t active, locks, spare;
    bool unwanted, unknown, refused;
    int64_t round_trip_us, lag_us;
    int32_t invisible;
    uint32_t pooler;
    uint32_t want; /* tokens after it */
    enum limit_state want_state;
};

#define AT_EASE .spare = 5
#define CLEAR_8 {AT_EASE, .want = 8, .want_state = LIMIT_CLEAR}

struct story {
    const char *name;
    struct second seconds[24];
};

static const struct story stories[] = {
    {"at ease it stays", {CLEAR_8, CLEAR_8, CLEAR_8}},
    {"one high sample is not enough, two are",
     {{AT_EASE, .active = 8, .want = 8, .want_state = LIMIT_HIGH},
      {AT_EASE, .active = 8, .want = 6, .want_state = LIMIT_HIGH},
      {AT_EASE, .active = 8, .want = 6, .want_state = LIMIT_HIGH},
      {AT_EASE, .active = 8, .want = 4, .want_state = LIMIT_HIGH}}},
    {"between the watermarks it holds, and the count begins anew",
     {{AT_EASE, .active = 8, .want = 8, .want_state = LIMIT_HIGH},
      {AT_EASE, .active = 6, .want = 8, .want_state = LIMIT_HOLD},
      {AT_EASE, .active = 8, .want = 8, .want_state = LIMIT_HIGH}}},
    {"locks", {{AT_EASE, .locks = 5, .want = 8, .want_state = LIMIT_HIGH}, {AT_EASE, .locks = 9, .want = 6, .want_state = LIMIT_HIGH}}},
    {"replica", {{AT_EASE, .lag_us = 10 * S, .want = 8, .want_state = LIMIT_HIGH}, {AT_EASE, .lag_us = 7 * S, .want = 8, .want_state = LIMIT_HOLD}}},
    {"pooler", {{AT_EASE, .pooler = 1, .want = 8, .want_state = LIMIT_HIGH}, {AT_EASE, .pooler = 3, .want = 6, .want_state = LIMIT_HIGH}}},
    {"a round trip against its baseline, which a slow one does not move",
     {{AT_EASE, .round_trip_us = 2000, .want = 8, .want_state = LIMIT_CLEAR},
      {AT_EASE, .round_trip_us = 40000, .want = 8, .want_state = LIMIT_HIGH},
      {AT_EASE, .round_trip_us = 40000, .want = 6, .want_state = LIMIT_HIGH}}},
    {"a round trip that is short in itself is no sign",
     {{AT_EASE, .round_trip_us = 100, .want = 8, .want_state = LIMIT_CLEAR},
      {AT_EASE, .round_trip_us = 10000, .want = 8, .want_state = LIMIT_CLEAR}}},
    {"over the gate: halved once a cool-down, then slowly up if demand asks for it",
     {{.spare = -1, .want = 4, .want_state = LIMIT_CRITICAL}, {.spare = -3, .want = 4, .want_state = LIMIT_CRITICAL},
      {AT_EASE, .want = 4, .want_state = LIMIT_CRITICAL}, {AT_EASE, .want = 4, .want_state = LIMIT_CRITICAL},
      {AT_EASE, .want = 4, .want_state = LIMIT_CRITICAL}, {AT_EASE, .want = 4, .want_state = LIMIT_CRITICAL},
      {AT_EASE, .want = 4, .want_state = LIMIT_CRITICAL}, {AT_EASE, .want = 4, .want_state = LIMIT_CRITICAL},
      {AT_EASE, .want = 4, .want_state = LIMIT_CRITICAL}, {AT_EASE, .want = 4, .want_state = LIMIT_CRITICAL},
      {AT_EASE, .want = 4, .want_state = LIMIT_CLEAR}, {AT_EASE, .want = 4, .want_state = LIMIT_CLEAR},
      {AT_EASE, .want = 4, .want_state = LIMIT_CLEAR}, {AT_EASE, .want = 4, .want_state = LIMIT_CLEAR},
      {AT_EASE, .unwanted = true, .want = 4, .want_state = LIMIT_CLEAR}, {AT_EASE, .want = 5, .want_state = LIMIT_CLEAR}}},
    {"refused by the server", {{.refused = true, .want = 4, .want_state = LIMIT_CRITICAL}}},
    {"a lost sample is a state of its own; then one more by each",
     {CLEAR_8, {.unknown = true, .want = 1, .want_state = LIMIT_LOST}, {.unknown = true, .want = 1, .want_state = LIMIT_LOST},
      {AT_EASE, .want = 1, .want_state = LIMIT_RETURNING}, {AT_EASE, .want = 2, .want_state = LIMIT_RETURNING},
      {AT_EASE, .want = 3, .want_state = LIMIT_RETURNING}, {.unknown = true, .want = 1, .want_state = LIMIT_LOST},
      {AT_EASE, .want = 1, .want_state = LIMIT_RETURNING}, {AT_EASE, .want = 2, .want_state = LIMIT_RETURNING},
      {AT_EASE, .want = 3, .want_state = LIMIT_RETURNING}, {AT_EASE, .want = 4, .want_state = LIMIT_RETURNING},
      {AT_EASE, .want = 5, .want_state = LIMIT_RETURNING}, {AT_EASE, .want = 6, .want_state = LIMIT_RETURNING},
      {AT_EASE, .want = 7, .want_state = LIMIT_RETURNING}, CLEAR_8}},
    {"what cannot be seen halves it", {{AT_EASE, .invisible = 3, .want = 4, .want_state = LIMIT_HOLD}}},
};

static void limit_story_tells_tokens_and_state(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(stories); i++) {
        struct limit limit;
        limit_init(&limit, settings.size);
        for (size_t second = 0; second < 24 && stories[i].seconds[second].want; second++) {
            const struct second *this = &stories[i].seconds[second];
            struct mono now = {(int64_t)(second + 100) * S};
            struct sample sample = {.known = !this->unknown, .core_count = 2, .active_count = this->active,
                                    .lock_waiter_count = this->locks, .replica_lag_us = this->lag_us,
                                    .invisible_count = this->invisible,
                                    .round_trip_us = this->round_trip_us ? this->round_trip_us : 500};
            if (this->refused)
                limit_refused(&limit, &settings, now);
            else
                limit_sample(&limit, &settings, &sample, this->spare, this->pooler, !this->unwanted, now);
            if (limit.tokens != this->want || limit.state != this->want_state)
                fail_msg("%s, second %zu: %u tokens, state %d", stories[i].name, second, limit.tokens, limit.state);
        }
    }
}

static void limit_pressure_goes_from_nothing_to_all(void **state) {
    static const struct {
        uint32_t size, in_force, want;
    } rows[] = {{8, 8, 0}, {8, 1, 1000}, {8, 4, 571}, {2, 1, 1000}, {1, 1, 0}, {8, 9, 0}};
    (void)state;
    struct limit limit;
    limit_init(&limit, 8);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(limit_pressure_permille(&limit, rows[i].size, rows[i].in_force), rows[i].want);
    limit.state = LIMIT_HIGH;
    assert_int_equal(limit_pressure_permille(&limit, 1, 1), 1000);
}

static void limit_that_was_not_pushed_follows_the_size(void **state) {
    (void)state;
    struct limit limit;
    limit_init(&limit, 8);
    limit_resize(&limit, 8, 12);
    assert_int_equal(limit.tokens, 12);
    limit.tokens = 5;
    limit_resize(&limit, 12, 20);
    assert_int_equal(limit.tokens, 5);
    limit_resize(&limit, 20, 3);
    assert_int_equal(limit.tokens, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limit_story_tells_tokens_and_state),
        cmocka_unit_test(limit_pressure_goes_from_nothing_to_all),
        cmocka_unit_test(limit_that_was_not_pushed_follows_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
