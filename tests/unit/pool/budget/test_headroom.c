#include "tests/unit/helper.h"

#include "pool/budget/headroom.h"

#define S      US_PER_S
#define WINDOW (300 * S)

static struct sample sample_of(int32_t usable, int32_t foreground, int32_t ours) {
    struct sample sample = {.known = true};
    sample.scopes[SCOPE_SERVER] = (struct sample_scope){usable, foreground + ours, ours};
    sample.scopes[SCOPE_ROLE].usable = sample.scopes[SCOPE_DATABASE].usable = SLOTS_UNLIMITED;
    return sample;
}

static void headroom_is_what_nobody_has_and_nobody_keeps(void **state) {
    static const struct {
        int32_t usable, foreground, reserve, held, slots, kept;
    } rows[] = {
        {97, 0, 0, 0, 88, 9}, /* a tenth is kept whatever the file says */
        {97, 0, 20, 0, 77, 20},
        {97, 52, 20, 8, 17, 20},
        {97, 69, 20, 8, 0, 20},
        {97, 89, 20, 8, -20, 20},
        {3, 0, 0, 0, 3, 0},
        {10, 4, 0, 5, 0, 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sample sample = sample_of(rows[i].usable, rows[i].foreground, 2);
        struct foreground_watch watch = {0};
        struct gate_settings settings = {rows[i].reserve, WINDOW};
        watch_sample(&watch, &sample, WINDOW, (struct mono){S});
        struct headroom got = headroom_of(&sample, &watch, &settings, rows[i].held, (struct mono){S});
        if (got.slots != rows[i].slots || got.kept != rows[i].kept || got.foreground != rows[i].foreground)
            fail_msg("row %zu: slots %d, kept %d, foreground %d", i, got.slots, got.kept, got.foreground);
        assert_int_equal(got.usable, got.foreground + got.held + got.kept + got.slots);
        assert_int_equal(headroom_free(&got), rows[i].usable - rows[i].foreground - rows[i].held);
    }
}

/* The foreground had 60 sessions, now it has 10: the difference is kept for it while the window remembers. */
static void headroom_keeps_a_burst_for_as_long_as_the_window(void **state) {
    static const struct {
        int64_t later_us;
        int32_t peak, kept;
    } rows[] = {
        {0, 30, 20}, {1 * S, 30, 20}, {250 * S, 30, 20}, {331 * S, 30, 9}, /* forgotten, within a tenth of the window */
        {1 * S, 90, 24}, /* a quarter of all at most, so that work goes on */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct foreground_watch watch = {0};
        struct gate_settings settings = {0, WINDOW};
        struct sample before = sample_of(97, rows[i].peak, 0), now = sample_of(97, 10, 0);
        struct mono at = {1000 * S + rows[i].later_us};
        watch_sample(&watch, &before, WINDOW, (struct mono){1000 * S});
        watch_sample(&watch, &now, WINDOW, at);
        struct headroom got = headroom_of(&now, &watch, &settings, 0, at);
        if (got.kept != rows[i].kept)
            fail_msg("row %zu: %d are kept", i, got.kept);
    }
}

static void headroom_of_a_narrow_scope_keeps_only_for_whom_it_saw(void **state) {
    (void)state;
    struct sample sample = sample_of(97, 10, 2);
    struct gate_settings settings = {0, WINDOW};
    struct foreground_watch watch = {0};
    sample.scopes[SCOPE_ROLE] = (struct sample_scope){3, 2, 2};
    watch_sample(&watch, &sample, WINDOW, (struct mono){S});
    struct headroom got = headroom_of(&sample, &watch, &settings, 2, (struct mono){S});
    assert_int_equal(got.scope, SCOPE_ROLE);
    assert_int_equal(got.slots, 1); /* a role of its own: all three are ours */
    sample.scopes[SCOPE_ROLE].used = 3;
    watch_sample(&watch, &sample, WINDOW, (struct mono){2 * S});
    sample.scopes[SCOPE_ROLE].used = 2;
    got = headroom_of(&sample, &watch, &settings, 2, (struct mono){3 * S});
    assert_int_equal(got.kept, 1); /* the application used this role a second ago */
    assert_int_equal(got.slots, 0);
    got = headroom_of(&sample, &watch, &settings, 2, (struct mono){303 * S});
    assert_int_equal(got.slots, 1);
}

static void headroom_without_a_sample_is_unknown_and_not_zero(void **state) {
    (void)state;
    struct sample sample = {0};
    struct foreground_watch watch = {0};
    struct headroom got = headroom_of(&sample, &watch, &(struct gate_settings){20, WINDOW}, 3, (struct mono){S});
    assert_int_equal(got.slots, INT32_MAX);
    assert_int_equal(headroom_free(&got), INT32_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headroom_is_what_nobody_has_and_nobody_keeps),
        cmocka_unit_test(headroom_keeps_a_burst_for_as_long_as_the_window),
        cmocka_unit_test(headroom_of_a_narrow_scope_keeps_only_for_whom_it_saw),
        cmocka_unit_test(headroom_without_a_sample_is_unknown_and_not_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
