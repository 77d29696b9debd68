#include "dump.h"

#include "scheduler/status/clock.h"
#include "scheduler/status/words.h"

/* Kept from running by what a clock ahead of ours has answered, it is not idle. */
static void status_kept_says_until_when_and_why(void **state) {
    struct fixture *f = fixture_create(POOL(1) SQL("kept") SQL("idle"));
    struct event event = {.kind = EVENT_RESTORED, .task = 0};
    (void)state;
    event.restored.answered_until.us = WALL_START_US;
    event.restored.ahead_until.us = WALL_START_US + 10 * S;
    fixture_step(f, event);
    assert_dump(f, (const char *const[]){"\nkept  waiting   01:47:00", "what is due up to 01:46:50 is answered already",
                                            "10.0s ahead", "\nidle  idle", NULL});
    fixture_destroy(f);
}

static void status_waiting_says_why_and_place_in_line(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("third") SQL("second") SQL("first"));
    (void)state;
    fixture_first_run(f, "first");
    fixture_pass(f, 1 * S);
    fixture_trigger(f, "second");
    fixture_pass(f, 1 * S);
    fixture_trigger(f, "third");
    fixture_pass(f, 1 * S);
    assert_dump(f,
                (const char *const[]){"headgate 0.1  pid 42", "office.ini loaded 01:46:40\n", "pool p",
                                      "1 = 1 taken + 0 warm + 0 free", "waiting 2\n", "\nsecond", "waiting",
                                      "no token: 1 of 1 taken, longest first 3", "\nthird", "; 2nd in line",
                                      "\nfirst", "running", "on session 1 for 3", NULL});
    fixture_destroy(f);
}

static void status_heavy_command_says_what_it_needs(void **state) {
    struct fixture *f =
        fixture_create_unarmed(POOL(2) SQL("a") "[task heavy]\nevery = 1h\ncommand = x\ntokens = 2\n");
    (void)state;
    fixture_first_run(f, "a");
    fixture_trigger(f, "heavy");
    assert_dump(f, (const char *const[]){"\nheavy", "too few tokens: needs 2, has 1, longest a", NULL});
    fixture_destroy(f);
}

static void status_held_and_stopping_runs_are_told(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") "overlap = queue\ntimeout = 5s\n");
    (void)state;
    fixture_first_run(f, "a");
    fixture_trigger(f, "a");
    fixture_pass(f, 5 * S);
    assert_dump(f,
                (const char *const[]){"\na ", "waiting",
                                      "its own run comes first (overlap = queue); on session 1",
                                      ", timed out\n", NULL});
    fixture_drain(f);
    assert_dump(f, (const char *const[]){"  STOPPING\n", "stopping", ", timed out\n", NULL});
    fixture_destroy(f);
}

/* A run whose first bite took 4 s, in its second one; and b behind it. */
static struct handle in_the_second_bite(struct fixture *f) {
    struct handle run = fixture_first_run(f, "a"), session = core_run(f->core, run)->session;
    fixture_pass(f, 4 * S);
    fixture_end_with(f, run, OUTCOME_OK, FAILURE_OTHER, 1000);
    fixture_session(f, EVENT_SESSION_READY, session);
    fixture_sample(f, session, 0);
    assert_dump(f, (const char *const[]){"\na     waiting", "bite 2, 1000 rows, 250 rows/s, gave way 1.0s: a break, the next in 1.0s\n", NULL});
    fixture_pass(f, 1 * S);
    return run;
}

static void status_bites_say_how_far_they_are(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) BITES("a") SQL("b"));
    (void)state;
    in_the_second_bite(f);
    fixture_pass(f, 5 * S);
    assert_dump(f, (const char *const[]){"\na     running", "bite 2, 1000 rows, 100 rows/s, gave way 1.0s: on session 1 for 5.0s", NULL});
    fixture_destroy(f);
}

static void status_before_the_first_sample_says_so(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    (void)state;
    fixture_trigger(f, "a");
    assert_dump(f, (const char *const[]){"\na ", "looking at the database first\n", NULL});
    fixture_destroy(f);
}

static void status_tokens_name_every_part(void **state) {
    static const struct {
        struct tokens tokens;
        const char *want;
    } table[] = {
        {{.size = 4}, "4 = 0 taken + 0 warm + 4 free"},
        {{.size = 8, .busy = 2, .command = 1, .warm = 1, .checking = 1}, "8 = 3 taken + 2 warm + 3 free"},
        {{.size = 4, .opening = 1, .closing = 2, .leftover = 1},
         "4 = 0 taken + 0 warm + 1 opening + 2 closing + 1 left over + 0 free"},
        {{.size = 1, .busy = 1, .leftover = 1}, "1 < 1 taken + 0 warm + 1 left over + 0 free"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct text text = {0};
        status_tokens(&table[i].tokens, &text);
        assert_string_equal(text.bytes, table[i].want);
        text_finish(&text);
    }
}

static void status_pressure_says_who_is_busy(void **state) {
    static const struct {
        struct limit limit;
        const char *want;
    } table[] = {
        {{.cause = PRESSURE_ACTIVE, .number = 12, .threshold = 8}, "12 application sessions were active, 8 are many"},
        {{.cause = PRESSURE_GATE, .number = 1}, "the application took 1 slot of its reserve"},
        {{.cause = PRESSURE_GATE, .number = 2}, "the application took 2 slots of its reserve"},
        {{.cause = PRESSURE_ROUND_TRIP, .number = 300 * US_PER_MS, .threshold = 20 * US_PER_MS},
         "a look at the database took 300ms, 20ms is long"},
        {{.cause = PRESSURE_LOST}, "the database could not be looked at"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct text text = {0};
        status_pressure(&table[i].limit, &text);
        assert_string_equal(text.bytes, table[i].want);
        text_finish(&text);
    }
}

static void status_clock_counts_days_from_now(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    static const struct {
        int64_t us;
        const char *want;
    } table[] = {
        {WALL_START_US, "01:46:40"},
        {WALL_START_US + 24 * US_PER_H, "01:46:40+1d"},
        {WALL_START_US - 2 * US_PER_H, "23:46:40-1d"},
    };
    struct status status;
    (void)state;
    fixture_tick(f);
    status_init(&status, f->core, f->now, &context);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct text text = {0};
        status_clock(&status, (struct wall){table[i].us}, &text);
        assert_string_equal(text.bytes, table[i].want);
        text_finish(&text);
    }
    status_finish(&status);
    fixture_destroy(f);
}

/* The wall clock begins on a Sunday at 01:46:40 UTC. */
static void status_window_says_until_when_it_is_closed(void **state) {
    struct fixture *f = fixture_create(POOL(1) SQL("late") "window = mon 22:00-06:00\n" SQL("rests")
                                       "window = 01:00-02:00\nexcept = 09-09..10-31\noutside = skip\n" "[task stays]\nevery = 1d\nphase = 1h46min50s\n"
                                       "sql = SELECT 1\n" "window = 02:00-04:00\n");
    (void)state;
    fixture_pass(f, 10 * S);
    assert_dump(f, (const char *const[]){"\nlate   waiting", "window closed until Mon 22:00 +0000 (UTC)", "\nstays  waiting",
                                         "window closed until Sun 02:00 +0000 (UTC)", "\nrests  idle",
                                         "window closed until Thu 2001-11-01 01:00 +0000 (UTC)\n", NULL});
    f->wall.us += 3600 * S; /* what waited goes on within its share of the first minutes */
    fixture_tick(f);
    assert_dump(f, (const char *const[]){"\nstays  waiting", "window is open, what waited is spread: starts in", NULL});
    fixture_destroy(f);
}

static void status_after_says_what_is_missing(void **state) {
    struct fixture *f = fixture_create(POOL(2) SQL("import") "[task prices]\nevery = 1h\nphase = 15min\nsql = x\n"
                                       "[task off]\nenabled = off\nsql = x\n[task hand]\nsql = x\n"
                                       "[task all]\nafter = import, prices\nsql = x\n"
                                       "[task any]\nafter = off, all\nafter_any = on\nsql = x\n"
                                       "[task many]\nafter = off, hand, prices, import, any\nsql = x\n");
    (void)state;
    struct handle run = fixture_first_run(f, "import");
    fixture_advance(f, 2 * S);
    assert_dump(f, (const char *const[]){"\nall     idle", "  after import: running for 2.0s, prices: due 02:15:00\n", "any     idle",
                                         "  after any of off: disabled, or all: after others itself\n", "many    idle",
                                         "after off: disabled, hand: runs when it is triggered, prices: due 02:15:00, and 2 more\n",
                                         NULL});
    fixture_end(f, run, OUTCOME_OK);
    assert_dump(f, (const char *const[]){"\nall     idle", "  after prices: due 02:15:00\n", NULL});
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_kept_says_until_when_and_why),
        cmocka_unit_test(status_waiting_says_why_and_place_in_line),
        cmocka_unit_test(status_heavy_command_says_what_it_needs),
        cmocka_unit_test(status_held_and_stopping_runs_are_told),
        cmocka_unit_test(status_bites_say_how_far_they_are),
        cmocka_unit_test(status_before_the_first_sample_says_so),
        cmocka_unit_test(status_tokens_name_every_part),
        cmocka_unit_test(status_pressure_says_who_is_busy),
        cmocka_unit_test(status_window_says_until_when_it_is_closed),
        cmocka_unit_test(status_after_says_what_is_missing),
        cmocka_unit_test(status_clock_counts_days_from_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
