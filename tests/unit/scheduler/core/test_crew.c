#include "tests/unit/helper.h"

#include "scheduler/core/crew.h"

#define MS US_PER_MS

static void crew_wants_no_more_than_patience_asks_for(void **state) {
    static const struct {
        const char *name;
        struct crew crew; /* sessions, stuck, busy_us, waiting, waiting_us, longest_us */
        int64_t slack_us;
        uint32_t want;
    } rows[] = {
        {"nobody waits", {1, 0, 0, 0, 0, 0}, 100 * MS, 0},
        {"one waits, nothing is open", {0, 0, 0, 1, 5 * MS, 5 * MS}, 100 * MS, 1},
        {"ten of 5 ms on one session", {1, 0, 0, 10, 50 * MS, 5 * MS}, 100 * MS, 1},
        {"ten of 5 ms, patience of 20 ms", {1, 0, 0, 10, 50 * MS, 5 * MS}, 20 * MS, 3},
        {"ten of 5 ms, no patience", {1, 0, 0, 10, 50 * MS, 5 * MS}, 0, 11},
        {"patience is over", {2, 0, 0, 3, 15 * MS, 5 * MS}, -1, 5},
        {"never more than there are runs", {0, 0, 0, 2, 60000 * MS, 30000 * MS}, 1, 2},
        {"behind a short one", {1, 0, 4 * MS, 1, 5 * MS, 5 * MS}, 100 * MS, 1},
        {"behind one that takes a minute", {1, 1, 0, 1, 5 * MS, 5 * MS}, 100 * MS, 2},
        {"behind two of a minute, ten short ones", {2, 2, 0, 10, 50 * MS, 5 * MS}, 100 * MS, 3},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t got = crew_wanted(&rows[i].crew, rows[i].slack_us);
        if (got != rows[i].want)
            fail_msg("%s: %u", rows[i].name, got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(crew_wants_no_more_than_patience_asks_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
