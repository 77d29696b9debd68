#include "tests/unit/fixture.h"

#include "scheduler/core/gate.h"

#include <stdio.h>
#include <string.h>

#include "tasks/text.h"

#define POOL(size)    "[pool p]\nsize = " #size "\n"
#define SQL(name)     "[task " name "]\nevery = 10s\nphase = 0\nsql = SELECT 1\n"
#define COMMAND(name) "[task " name "]\nevery = 10s\nphase = 0\ncommand = true\n"

#define S US_PER_S

static enum run_state run_state_of(const struct fixture *f, struct handle run) {
    const struct run *found = core_run(f->core, run);
    return found ? found->state : RUN_FREE;
}

/* Ends the run and cleans its session, so that the next in line can start on it; the sample comes first if it is due. */
static void hand_on(struct fixture *f, struct handle run) {
    struct handle session = core_run(f->core, run)->session;
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    if (fixture_find(f, ACTION_SAMPLE))
        fixture_sample(f, session, 0);
}

/* --- time --- */

static void clock_stall_becomes_one_run_that_answers_all_missed(void **state) {
    struct fixture *f = fixture_create(POOL(1) COMMAND("a") "tokens = 0\n");
    (void)state;
    fixture_pass(f, 9 * S);
    assert_int_equal(f->count, 0);
    fixture_pass(f, 41 * S); /* due at 10, 20, 30, 40 and 50 */
    assert_int_equal(fixture_count(f, ACTION_START), 1);
    fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
    const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
    assert_int_equal(record->occurrence_count, 5);
    assert_int_equal(record->due_first.us, WALL_START_US + 10 * S);
    assert_int_equal(record->due_last.us, WALL_START_US + 50 * S);
    assert_int_equal(record->lateness_us, 40 * S);
    assert_int_equal(fixture_core_task(f, "a")->stats.merged_count, 4);
    assert_int_equal(core_next_wake(f->core).us, 60 * S);
    fixture_destroy(f);
}

static void clock_waiting_run_answers_what_becomes_due_meanwhile(void **state) {
    struct fixture *f = fixture_create(POOL(1) SQL("a"));
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_pass(f, 9 * S);
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_pass(f, 5 * S); /* due again while the survey is under way */
    fixture_sample(f, session, 0);
    struct handle run = fixture_started(f, "a");
    assert_int_equal(core_run(f->core, run)->occurrence_count, 2);
    assert_int_equal(fixture_core_task(f, "a")->stats.merged_count, 1);
    fixture_destroy(f);
}

static const struct {
    const char *name;
    int64_t step_us;      /* of the wall clock, one second after the start */
    bool told;            /* as STEPPED */
    uint32_t start_count; /* at once */
    int64_t occurrence_count;
    int64_t next_wake_us; /* monotonic */
} steps[] = {
    {"slewed", 400 * US_PER_MS, false, 0, 0, 10 * S},
    {"forward, nothing missed", 5 * S, true, 0, 0, 5 * S},
    {"forward over three", 30 * S, true, 1, 3, 10 * S},
    {"a little back", -5 * S, true, 0, 0, 15 * S},
    {"back by less than two intervals", -10 * S, true, 0, 0, 20 * S},
    {"far back", -86400 * S, true, 0, 0, 10 * S},
};

static void clock_step_keeps_or_renews_the_due_instant(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct fixture *f = fixture_create(POOL(1) COMMAND("a") "tokens = 0\n");
        f->wall.us += steps[i].step_us;
        fixture_pass(f, 1 * S);
        if ((fixture_find(f, ACTION_STEPPED) != NULL) != steps[i].told ||
            fixture_count(f, ACTION_START) != steps[i].start_count ||
            core_next_wake(f->core).us != steps[i].next_wake_us)
            fail_msg("%s: %u actions, next wake %d ms", steps[i].name, f->count,
                     (int)(core_next_wake(f->core).us / US_PER_MS));
        if (steps[i].told)
            assert_int_equal(fixture_need(f, ACTION_STEPPED)->stepped_us, steps[i].step_us);
        if (steps[i].start_count)
            assert_int_equal(core_run(f->core, fixture_started(f, "a"))->occurrence_count, steps[i].occurrence_count);
        fixture_destroy(f);
    }
}

static void clock_disabled_task_is_never_due(void **state) {
    struct fixture *f = fixture_create(POOL(1) COMMAND("a") "enabled = off\n");
    (void)state;
    assert_true(core_next_wake(f->core).us == INSTANT_MAX);
    fixture_pass(f, 100 * S);
    assert_int_equal(f->count, 0);
    fixture_destroy(f);
}

/* --- overlap --- */

static void overlap_skip_records_the_occurrence(void **state) {
    struct fixture *f = fixture_create(POOL(1) COMMAND("a") "tokens = 0\n");
    (void)state;
    fixture_pass(f, 10 * S);
    fixture_started(f, "a");
    fixture_pass(f, 25 * S); /* due at 20 and 30 */
    assert_int_equal(f->count, 1);
    const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
    assert_int_equal(record->skip, SKIP_OVERLAP);
    assert_int_equal(record->outcome, OUTCOME_SKIPPED);
    assert_int_equal(record->occurrence_count, 2);
    assert_int_equal(record->run_number, 0);
    assert_int_equal(fixture_core_task(f, "a")->stats.skipped_count, 2);
    fixture_destroy(f);
}

static void overlap_queue_holds_one_run_until_the_first_ended(void **state) {
    struct fixture *f = fixture_create(POOL(1) COMMAND("a") "tokens = 0\noverlap = queue\n");
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle first = fixture_started(f, "a");
    fixture_pass(f, 10 * S);
    fixture_pass(f, 10 * S);
    assert_int_equal(f->count, 0);
    assert_int_equal(f->core->runs[fixture_core_task(f, "a")->waiting_run].state, RUN_HELD);
    fixture_end(f, first, OUTCOME_OK);
    struct handle second = fixture_started(f, "a");
    assert_int_equal(core_run(f->core, second)->occurrence_count, 2);
    fixture_destroy(f);
}

static void overlap_allow_starts_another(void **state) {
    struct fixture *f = fixture_create(POOL(1) COMMAND("a") "tokens = 0\noverlap = allow\n");
    (void)state;
    fixture_pass(f, 10 * S);
    fixture_started(f, "a");
    fixture_pass(f, 10 * S);
    fixture_started(f, "a");
    assert_int_equal(fixture_core_task(f, "a")->running_count, 2);
    fixture_destroy(f);
}

/* --- stopping a run --- */

static void timeout_cancels_then_aborts(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") "timeout = 3s\n");
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    struct handle session = core_run(f->core, run)->session;
    fixture_pass(f, 3 * S - 1);
    assert_int_equal(f->count, 0);
    fixture_pass(f, 1);
    assert_true(handle_is(fixture_need(f, ACTION_CANCEL)->run, run));
    fixture_pass(f, STOP_GRACE_US - 1);
    assert_int_equal(f->count, 0);
    fixture_pass(f, 1);
    assert_true(handle_is(fixture_need(f, ACTION_ABORT)->run, run));
    assert_true(handle_is(fixture_need(f, ACTION_ABORT)->session, session));
    fixture_end(f, run, OUTCOME_FAILED);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome, OUTCOME_TIMEOUT);
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_CANCELLED);
    assert_int_equal(f->core->pools[0].tokens.closing, 1);
    fixture_destroy(f);
}

static void timeout_of_a_run_that_finished_all_the_same_is_ok(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") "timeout = 3s\n");
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    fixture_pass(f, 3 * S);
    fixture_end(f, run, OUTCOME_OK);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome, OUTCOME_OK);
    assert_int_equal(fixture_core_task(f, "a")->stats.ok_count, 1);
    fixture_destroy(f);
}

static void leak_warning_is_told_once(void **state) {
    struct fixture *f = fixture_create_unarmed("[pool p]\nsize = 1\nleak_warning = 2s\n" SQL("a") "timeout = 1h\n");
    (void)state;
    fixture_first_run(f, "a");
    fixture_pass(f, 2 * S);
    assert_int_equal(fixture_need(f, ACTION_HELD)->held_us, 2 * S);
    fixture_pass(f, 100 * S);
    assert_int_equal(f->count, 0);
    fixture_destroy(f);
}

/* --- connecting --- */

/* Lets the attempt fail and returns after how long the core asks for the next one. */
static int64_t delay_after_failure(struct fixture *f, struct handle *session, enum connect_failure failure) {
    fixture_fail(f, *session, failure);
    assert_null(fixture_find(f, ACTION_OPEN));
    fixture_session(f, EVENT_SESSION_GONE, *session);
    int64_t delay_us = core_next_wake(f->core).us - f->now.us;
    fixture_pass(f, delay_us - 1);
    assert_null(fixture_find(f, ACTION_OPEN));
    fixture_pass(f, 1);
    assert_int_equal(fixture_count(f, ACTION_OPEN), 1);
    *session = fixture_need(f, ACTION_OPEN)->session;
    fixture_tick(f);
    assert_int_equal(f->count, 0);
    return delay_us;
}

static void connect_failure_waits_a_second_or_for_a_person(void **state) {
    static const struct {
        enum connect_failure failure;
        int64_t delays_s[7]; /* and up to a quarter more */
    } table[] = {
        {CONNECT_UNREACHABLE, {1, 1, 1, 1, 1, 1, 1}},
        {CONNECT_FULL, {1, 1, 1, 1, 1, 1, 1}},
        {CONNECT_STARTING, {1, 1, 1, 1, 1, 1, 1}},
        {CONNECT_NEEDS_PERSON, {1, 2, 4, 8, 16, 30, 30}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture *f = fixture_create_unarmed(POOL(4) SQL("a") "patience = 0\n" SQL("b") "patience = 0\n" SQL("c") "patience = 0\n");
        fixture_trigger(f, "a");
        struct handle session = fixture_need(f, ACTION_OPEN)->session;
        fixture_trigger(f, "b");
        fixture_trigger(f, "c");
        for (size_t j = 0; j < 7; j++) {
            int64_t delay_us = delay_after_failure(f, &session, table[i].failure);
            assert_in_range(delay_us, table[i].delays_s[j] * S, table[i].delays_s[j] * S * 5 / 4);
        }
        fixture_session(f, EVENT_SESSION_OPENED, session);
        assert_false(f->core->pools[0].failing);
        fixture_sample(f, session, 0);
        fixture_started(f, "a");
        assert_int_equal(fixture_count(f, ACTION_OPEN), 0); /* after an outage one more by each sample, no herd */
        assert_int_equal(f->core->pools[0].tokens.limit, 1);
        fixture_destroy(f);
    }
}

static void connect_refused_options_are_tried_without_at_once(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(4) SQL("a"));
    (void)state;
    fixture_trigger(f, "a");
    fixture_fail(f, fixture_need(f, ACTION_OPEN)->session, CONNECT_OPTIONS);
    assert_int_equal(fixture_count(f, ACTION_OPEN), 1);
    fixture_destroy(f);
}

static void connect_without_answer_ends_by_the_shells_word(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    (void)state;
    fixture_trigger(f, "a");
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_pass(f, 600 * S); /* it may have many hosts */
    assert_int_equal(f->core->pools[0].tokens.opening, 1);
    fixture_fail(f, session, CONNECT_UNREACHABLE);
    assert_int_equal(f->core->pools[0].tokens.closing, 1);
    assert_true(f->core->pools[0].failing);
    fixture_destroy(f);
}

/* One login a second, while others that only read go first. */
static void standby_that_refuses_a_run_is_left_and_the_run_is_not_spent(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("w") SQL("r"));
    (void)state;
    struct handle run = fixture_first_run(f, "w");
    for (uint32_t i = 1; i <= 3; i++) {
        struct handle session = core_run(f->core, run)->session;
        fixture_end_with(f, run, OUTCOME_FAILED, FAILURE_STANDBY, 0);
        assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_STANDBY);
        assert_int_equal(fixture_need(f, ACTION_STANDBY)->number, i);
        assert_null(fixture_find(f, ACTION_RECORD));
        fixture_session(f, EVENT_SESSION_GONE, session);
        assert_int_equal(f->core->pools[0].failure, CONNECT_STANDBY);
        fixture_pass(f, 1 * S - 1);
        assert_null(fixture_find(f, ACTION_OPEN));
        fixture_trigger(f, "r");
        fixture_pass(f, S / 4 + 1);
        session = fixture_need(f, ACTION_OPEN)->session;
        fixture_session(f, EVENT_SESSION_OPENED, session);
        assert_true(f->core->pools[0].failing); /* it may be the same one */
        if (fixture_find(f, ACTION_SAMPLE))
            fixture_sample(f, session, 0);
        fixture_end(f, fixture_started(f, "r"), OUTCOME_OK);
        fixture_session(f, EVENT_SESSION_READY, session);
        run = fixture_started(f, "w");
    }
    fixture_end(f, run, OUTCOME_OK);
    assert_false(f->core->pools[0].failing);
    assert_int_equal(fixture_core_task(f, "w")->stats.failed_count, 0);
    assert_int_equal(fixture_core_task(f, "w")->stats.ok_count, 1);
    fixture_destroy(f);
}

/* --- what an earlier daemon left --- */

static void survey_comes_before_the_first_run(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(4) SQL("a") SQL("b") COMMAND("c"));
    (void)state;
    fixture_trigger(f, "c");
    struct handle session = fixture_need(f, ACTION_OPEN)->session; /* a command needs none, but the survey does */
    fixture_trigger(f, "a");
    assert_int_equal(f->count, 0);
    fixture_session(f, EVENT_SESSION_OPENED, session);
    assert_int_equal(f->count, 1);
    fixture_need(f, ACTION_SAMPLE);
    fixture_sample(f, session, 0);
    fixture_started(f, "c");
    fixture_started(f, "a");
    fixture_destroy(f);
}

static void survey_leftovers_hold_tokens_until_they_are_gone(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) SQL("a"));
    (void)state;
    fixture_trigger(f, "a");
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 1); /* one of two is left over: the other is this session */
    fixture_started(f, "a");
    assert_int_equal(f->core->pools[0].tokens.leftover, 1);
    assert_int_equal(tokens_free(&f->core->pools[0].tokens), 0);
    fixture_destroy(f);
}

static void survey_is_asked_again_while_leftovers_keep_a_command_out(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) COMMAND("c") "tokens = 2\n");
    (void)state;
    fixture_trigger(f, "c");
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 2);
    assert_null(fixture_find(f, ACTION_START));
    for (int turn = 0; turn < 20 && !fixture_find(f, ACTION_START); turn++) {
        const struct action *survey = fixture_find(f, ACTION_SAMPLE), *open = fixture_find(f, ACTION_OPEN);
        const struct action *close = fixture_find(f, ACTION_CLOSE);
        if (survey)
            fixture_sample(f, survey->session, 0);
        else if (open)
            fixture_session(f, EVENT_SESSION_OPENED, open->session);
        else if (close)
            fixture_session(f, EVENT_SESSION_GONE, close->session);
        else
            fixture_pass(f, core_next_wake(f->core).us - f->now.us);
    }
    fixture_started(f, "c");
    assert_true(f->now.us <= 2 * S);
    fixture_destroy(f);
}

/* --- sessions --- */

static void run_unsent_waits_again_and_is_not_spent(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    struct handle session = core_run(f->core, run)->session;
    uint64_t number = core_run(f->core, run)->number;
    fixture_session(f, EVENT_SESSION_BROKEN, session);
    assert_int_equal(f->core->pools[0].tokens.busy, 1); /* until the run's own event */
    fixture_unsent(f, run);
    assert_null(fixture_find(f, ACTION_RECORD));
    assert_int_equal(run_state_of(f, run), RUN_WAITING);
    assert_int_equal(core_session(f->core, session)->state, CORE_SESSION_CLOSING);
    fixture_session(f, EVENT_SESSION_GONE, session);
    fixture_session(f, EVENT_SESSION_OPENED, fixture_need(f, ACTION_OPEN)->session);
    assert_true(handle_is(fixture_started(f, "a"), run));
    assert_int_equal(core_run(f->core, run)->number, number);
    fixture_destroy(f);
}

static void session_never_gone_is_forgotten_after_linger(void **state) {
    struct fixture *f = fixture_create_unarmed("[pool p]\nsize = 1\nlinger = 20s\n" SQL("a"));
    (void)state;
    struct handle session = fixture_warm_up(f, "a");
    fixture_session(f, EVENT_SESSION_BROKEN, session);
    fixture_trigger(f, "a");
    assert_int_equal(f->count, 0); /* its token is not free */
    fixture_pass(f, 20 * S);
    assert_true(handle_is(fixture_need(f, ACTION_FORGET)->session, session));
    fixture_need(f, ACTION_OPEN);
    fixture_session(f, EVENT_SESSION_GONE, session); /* after all: too late, and not counted twice */
    assert_int_equal(tokens_held(&f->core->pools[0].tokens), 1);
    fixture_destroy(f);
}

static void session_that_sat_long_is_checked_first(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) "ping = 20s\n" SQL("a"));
    (void)state;
    struct handle session = fixture_warm_up(f, "a");
    fixture_advance(f, 20 * S);
    fixture_trigger(f, "a");
    assert_int_equal(f->count, 1);
    assert_true(handle_is(fixture_need(f, ACTION_SAMPLE)->session, session)); /* due by then, and as good a check */
    fixture_sample(f, session, 0);
    assert_true(handle_is(core_run(f->core, fixture_started(f, "a"))->session, session));
    fixture_destroy(f);
}

static void session_that_sat_short_is_used_at_once(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) SQL("a"));
    (void)state;
    struct handle session = fixture_warm_up(f, "a");
    fixture_advance(f, 30 * S - 1);
    fixture_trigger(f, "a");
    assert_int_equal(f->count, 1);
    assert_true(handle_is(core_run(f->core, fixture_started(f, "a"))->session, session));
    fixture_destroy(f);
}

static void session_without_answer_to_a_check_is_closed(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) SQL("a"));
    (void)state;
    struct handle session = fixture_warm_up(f, "a");
    fixture_advance(f, 30 * S);
    fixture_trigger(f, "a");
    fixture_pass(f, ANSWER_WAIT_US);
    assert_true(handle_is(fixture_need(f, ACTION_CLOSE)->session, session));
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_TIMEOUT);
    fixture_need(f, ACTION_OPEN);
    fixture_destroy(f);
}

/* A second session for `b`, which has no patience, while `a` holds the first; both warm in the end. */
static struct handle two_warm(struct fixture *f) {
    struct handle first = fixture_warm_up(f, "a");
    fixture_trigger(f, "a");
    struct handle run = fixture_started(f, "a");
    fixture_advance(f, 1); /* longer than it was learned to take */
    fixture_trigger(f, "b");
    struct handle second = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, second);
    hand_on(f, fixture_started(f, "b"));
    hand_on(f, run);
    assert_int_equal(f->core->pools[0].tokens.warm, 2);
    (void)first;
    return second;
}

static void session_is_closed_when_idle_or_old(void **state) {
    static const struct {
        const char *ini;
        int64_t least_us, most_us;
        enum close_cause cause;
    } table[] = {
        {"idle = 40s\nrecycle = 1h\n", 40 * S, 40 * S + 1, CLOSE_IDLE},
        {"idle = 1h\nrecycle = 40s\n", 36 * S, 40 * S + 1, CLOSE_RECYCLE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char ini[512];
        snprintf(ini, sizeof ini, "[pool p]\nsample_idle = 2h\n%s%s", table[i].ini, SQL("a") SQL("b") "patience = 0\n");
        struct fixture *f = fixture_create_unarmed(ini);
        two_warm(f);
        int64_t wake_us = core_next_wake(f->core).us;
        assert_in_range(wake_us, table[i].least_us, table[i].most_us);
        fixture_pass(f, wake_us - f->now.us - 1);
        assert_int_equal(f->count, 0);
        fixture_pass(f, 1);
        assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, table[i].cause);
        fixture_destroy(f);
    }
}

static void session_that_is_the_last_stays(void **state) {
    struct fixture *f = fixture_create_unarmed("[pool p]\nsample_idle = 2h\nidle = 10s\nrecycle = 1h\n" SQL("a"));
    (void)state;
    fixture_warm_up(f, "a");
    for (int i = 0; i < 30; i++) {
        fixture_pass(f, 10 * S);
        assert_int_equal(f->count, 0);
    }
    assert_int_equal(f->core->pools[0].tokens.warm, 1);
    fixture_destroy(f);
}

static void session_old_after_a_run_is_closed_when_clean(void **state) {
    struct fixture *f = fixture_create_unarmed("[pool p]\nrecycle = 40s\n" SQL("a"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    struct handle session = core_run(f->core, run)->session;
    fixture_pass(f, 50 * S);
    assert_null(fixture_find(f, ACTION_CLOSE));
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_RECYCLE);
    fixture_destroy(f);
}

/* --- tokens --- */

static void command_closes_warm_sessions_for_its_tokens(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) SQL("a") COMMAND("c") "tokens = 2\n");
    (void)state;
    struct handle session = fixture_warm_up(f, "a");
    fixture_trigger(f, "c");
    assert_int_equal(f->count, 1);
    assert_true(handle_is(fixture_need(f, ACTION_CLOSE)->session, session));
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_ROOM);
    fixture_session(f, EVENT_SESSION_GONE, session); /* only now are both free */
    fixture_started(f, "c");
    assert_int_equal(tokens_free(&f->core->pools[0].tokens), 0);
    fixture_destroy(f);
}

static void pool_of_one_runs_sql_and_command_in_turn(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") COMMAND("c"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    struct handle session = core_run(f->core, run)->session;
    fixture_trigger(f, "c");
    assert_int_equal(f->count, 0);
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    assert_true(handle_is(fixture_need(f, ACTION_CLOSE)->session, session));
    fixture_session(f, EVENT_SESSION_GONE, session);
    struct handle command = fixture_started(f, "c");
    fixture_trigger(f, "a");
    assert_int_equal(f->count, 0);
    fixture_end(f, command, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_OPENED, fixture_need(f, ACTION_OPEN)->session);
    fixture_started(f, "a");
    fixture_destroy(f);
}

static void command_without_tokens_starts_whatever_the_pool_does(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") COMMAND("c") "tokens = 0\noverlap = allow\n");
    (void)state;
    fixture_trigger(f, "a");
    fixture_fail(f, fixture_need(f, ACTION_OPEN)->session, CONNECT_FULL);
    fixture_trigger(f, "c");
    struct handle run = fixture_started(f, "c");
    assert_int_equal(f->core->child_count, 1);
    assert_int_equal(f->core->pools[0].tokens.command, 0);
    fixture_end(f, run, OUTCOME_OK);
    assert_int_equal(f->core->child_count, 0);
    fixture_destroy(f);
}

static void command_without_tokens_waits_behind_64_others(void **state) {
    struct fixture *f = fixture_create(POOL(1) COMMAND("c") "tokens = 0\noverlap = allow\n");
    struct handle first = HANDLE_NONE;
    (void)state;
    for (int i = 0; i < 64; i++) {
        fixture_pass(f, 10 * S);
        struct handle run = fixture_started(f, "c");
        first = i == 0 ? run : first;
    }
    fixture_pass(f, 10 * S);
    assert_null(fixture_find(f, ACTION_START));
    fixture_end(f, first, OUTCOME_OK);
    fixture_started(f, "c");
    fixture_destroy(f);
}

static void priority_is_worth_thirty_seconds_of_waiting(void **state) {
    static const struct {
        int64_t waited_us; /* the normal one, when the high one comes */
        const char *first;
    } table[] = {
        {29 * S, "high"},
        {31 * S, "normal"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture *f =
            fixture_create_unarmed(POOL(1) SQL("busy") SQL("normal") SQL("high") "priority = high\n");
        struct handle run = fixture_first_run(f, "busy");
        fixture_trigger(f, "normal");
        fixture_pass(f, table[i].waited_us);
        fixture_trigger(f, "high");
        hand_on(f, run);
        assert_int_equal(fixture_count(f, ACTION_START), 1);
        fixture_started(f, table[i].first);
        fixture_destroy(f);
    }
}

static void heavy_run_is_passed_within_its_patience_only(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) SQL("a") SQL("b") COMMAND("heavy") "tokens = 2\n");
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    fixture_advance(f, 1);
    fixture_trigger(f, "heavy");
    fixture_advance(f, 1);
    fixture_trigger(f, "b");
    hand_on(f, run);
    run = fixture_started(f, "b"); /* heavy has a second's patience, and its two tokens are not there yet */
    fixture_trigger(f, "a");
    fixture_pass(f, 1 * S);
    struct handle session = core_run(f->core, run)->session;
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    if (fixture_find(f, ACTION_SAMPLE))
        fixture_sample(f, session, 0);
    assert_null(fixture_find(f, ACTION_START)); /* now the pool drains for it */
    assert_true(handle_is(fixture_need(f, ACTION_CLOSE)->session, session));
    fixture_session(f, EVENT_SESSION_GONE, session);
    struct handle heavy = fixture_started(f, "heavy");
    assert_int_equal(fixture_count(f, ACTION_START), 1);
    fixture_end(f, heavy, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_OPENED, fixture_need(f, ACTION_OPEN)->session);
    fixture_started(f, "a");
    fixture_destroy(f);
}

/* --- answers that come late --- */

static void handle_of_the_past_is_ignored(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    (void)state;
    struct handle old = fixture_first_run(f, "a");
    struct handle session = core_run(f->core, old)->session;
    hand_on(f, old);
    fixture_trigger(f, "a");
    struct handle run = fixture_started(f, "a");
    assert_int_equal(run.index, old.index);
    fixture_end(f, old, OUTCOME_FAILED);
    fixture_unsent(f, old);
    assert_int_equal(f->count, 0);
    assert_int_equal(run_state_of(f, run), RUN_RUNNING);
    struct handle never = {session.index, session.generation + 1};
    static const enum event_kind kinds[] = {EVENT_SESSION_OPENED, EVENT_SESSION_FAILED, EVENT_SESSION_READY,
                                            EVENT_SESSION_BROKEN, EVENT_SESSION_GONE,   EVENT_SAMPLED};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        fixture_session(f, kinds[i], never);
        fixture_session(f, kinds[i], HANDLE_NONE);
        fixture_session(f, kinds[i], (struct handle){9999, 1});
        assert_int_equal(f->count, 0);
        assert_int_equal(core_session(f->core, session)->state, CORE_SESSION_BUSY);
    }
    fixture_destroy(f);
}

/* --- stopping --- */

static void drain_skips_what_waits_and_lets_runs_end(void **state) {
    struct fixture *f = fixture_create(POOL(1) SQL("a") SQL("b") COMMAND("z") "tokens = 0\nenabled = off\n");
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    struct handle run = fixture_started(f, "a");
    fixture_drain(f);
    assert_int_equal(f->count, 1);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_DRAIN);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.task, fixture_task(f, "b"));
    fixture_pass(f, 20 * S);
    assert_int_equal(f->count, 0); /* nothing becomes due */
    fixture_trigger(f, "z");
    assert_int_equal(f->count, 0);
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_DRAIN);
    assert_null(fixture_find(f, ACTION_STOPPED));
    fixture_session(f, EVENT_SESSION_GONE, session);
    fixture_need(f, ACTION_STOPPED);
    fixture_tick(f);
    assert_int_equal(f->count, 0); /* it stops once */
    fixture_destroy(f);
}

static void drain_deadline_or_second_drain_cancels(void **state) {
    (void)state;
    for (int second = 0; second < 2; second++) {
        struct fixture *f = fixture_create_unarmed("[headgate]\ndrain_timeout = 7s\n" POOL(1) SQL("a"));
        struct handle run = fixture_first_run(f, "a");
        struct handle session = core_run(f->core, run)->session;
        fixture_drain(f);
        assert_int_equal(f->count, 0);
        assert_int_equal(core_next_wake(f->core).us, 7 * S);
        if (second)
            fixture_drain(f);
        else
            fixture_pass(f, 7 * S);
        assert_true(handle_is(fixture_need(f, ACTION_CANCEL)->run, run));
        fixture_end(f, run, OUTCOME_FAILED);
        assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome, OUTCOME_CANCELLED);
        assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_CANCELLED);
        fixture_session(f, EVENT_SESSION_GONE, session);
        fixture_need(f, ACTION_STOPPED);
        fixture_destroy(f);
    }
}

static void drain_leaves_a_timeout_its_name(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") "timeout = 3s\n");
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    fixture_drain(f);
    fixture_pass(f, 3 * S);
    assert_true(handle_is(fixture_need(f, ACTION_CANCEL)->run, run));
    fixture_end_with(f, run, OUTCOME_FAILED, FAILURE_CANCEL, 0);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome, OUTCOME_TIMEOUT);
    fixture_destroy(f);
}

static void drain_closes_warm_and_opening_sessions(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) SQL("a") SQL("b") "patience = 0\n");
    (void)state;
    fixture_warm_up(f, "a");
    fixture_trigger(f, "a");
    fixture_advance(f, 1);
    fixture_trigger(f, "b");
    struct handle opening = fixture_need(f, ACTION_OPEN)->session;
    fixture_drain(f);
    assert_true(handle_is(fixture_need(f, ACTION_CLOSE)->session, opening));
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome, OUTCOME_SKIPPED);
    fixture_session(f, EVENT_SESSION_OPENED, opening); /* it was on its way */
    assert_int_equal(f->count, 0);
    fixture_destroy(f);
}

static void drain_with_nothing_open_stops_at_once(void **state) {
    struct fixture *f = fixture_create(POOL(1) SQL("a"));
    (void)state;
    fixture_drain(f);
    fixture_need(f, ACTION_STOPPED);
    assert_true(core_next_wake(f->core).us == INSTANT_MAX);
    fixture_destroy(f);
}

/* --- many at once --- */

static void step_with_more_than_the_actions_hold_goes_on(void **state) {
    struct text ini = {0};
    (void)state;
    text_add(&ini, "[pool p]\nsize = 80\n");
    for (int i = 0; i < 300; i++)
        text_add(&ini, "[task t%d]\nevery = 10s\nphase = 0\npatience = 0\nsql = SELECT 1\n", i);
    struct fixture *f = fixture_create(ini.bytes);
    fixture_pass(f, 10 * S);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    assert_int_equal(fixture_count(f, ACTION_START), 1);
    assert_int_equal(fixture_count(f, ACTION_OPEN), 79); /* more than one step has room for */
    fixture_destroy(f);
    text_finish(&ini);
}

static void clock_does_not_wake_for_each_due_run_while_others_wait(void **state) {
    struct fixture *f = fixture_create("[pool p]\nsize = 1\n"
                                       "[task a]\nevery = 10s\nphase = 1s\nsql = SELECT 1\n"
                                       "[task b]\nevery = 10s\nphase = 1001ms\nsql = SELECT 1\n");
    (void)state;
    assert_int_equal(core_next_wake(f->core).us, 1 * S);
    fixture_pass(f, 1 * S);
    assert_int_equal(queue_count(&f->core->pools[0].queue), 1); /* for its session to be opened */
    assert_int_equal(core_next_wake(f->core).us, 1 * S + 5 * US_PER_MS);
    fixture_pass(f, 5 * US_PER_MS);
    assert_int_equal(queue_count(&f->core->pools[0].queue), 2);
    fixture_destroy(f);
}

/* --- when it wants to be woken --- */

static void wake_comes_when_the_patience_of_the_head_is_over(void **state) {
    struct fixture *f = fixture_create_unarmed("[pool p]\nsize = 1\n[task a]\nevery = 1d\nsql = SELECT 1\n"
                                               "[task b]\nevery = 1d\nsql = SELECT 1\n");
    (void)state;
    fixture_first_run(f, "a");
    fixture_trigger(f, "b");
    const struct run *head = &f->core->runs[fixture_core_task(f, "b")->waiting_run];
    assert_int_equal(core_next_wake(f->core).us, run_latest_start(head));
    fixture_destroy(f);
}

static void wake_comes_when_a_session_that_is_asked_is_silent(void **state) {
    struct fixture *f = fixture_create_unarmed("[pool p]\nsize = 2\n[task a]\nevery = 1d\nsql = SELECT 1\n");
    (void)state;
    fixture_warm_up(f, "a");
    while (!fixture_find(f, ACTION_SAMPLE))
        fixture_pass(f, core_next_wake(f->core).us - f->now.us);
    assert_int_equal(core_next_wake(f->core).us, gate_silent_at(&f->core->pools[0]));
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_stall_becomes_one_run_that_answers_all_missed),
        cmocka_unit_test(clock_waiting_run_answers_what_becomes_due_meanwhile),
        cmocka_unit_test(clock_does_not_wake_for_each_due_run_while_others_wait),
        cmocka_unit_test(clock_step_keeps_or_renews_the_due_instant),
        cmocka_unit_test(clock_disabled_task_is_never_due),
        cmocka_unit_test(overlap_skip_records_the_occurrence),
        cmocka_unit_test(overlap_queue_holds_one_run_until_the_first_ended),
        cmocka_unit_test(overlap_allow_starts_another),
        cmocka_unit_test(timeout_cancels_then_aborts),
        cmocka_unit_test(timeout_of_a_run_that_finished_all_the_same_is_ok),
        cmocka_unit_test(leak_warning_is_told_once),
        cmocka_unit_test(connect_failure_waits_a_second_or_for_a_person),
        cmocka_unit_test(connect_refused_options_are_tried_without_at_once),
        cmocka_unit_test(connect_without_answer_ends_by_the_shells_word),
        cmocka_unit_test(standby_that_refuses_a_run_is_left_and_the_run_is_not_spent),
        cmocka_unit_test(survey_comes_before_the_first_run),
        cmocka_unit_test(survey_leftovers_hold_tokens_until_they_are_gone),
        cmocka_unit_test(survey_is_asked_again_while_leftovers_keep_a_command_out),
        cmocka_unit_test(run_unsent_waits_again_and_is_not_spent),
        cmocka_unit_test(session_never_gone_is_forgotten_after_linger),
        cmocka_unit_test(session_that_sat_long_is_checked_first),
        cmocka_unit_test(session_that_sat_short_is_used_at_once),
        cmocka_unit_test(session_without_answer_to_a_check_is_closed),
        cmocka_unit_test(session_is_closed_when_idle_or_old),
        cmocka_unit_test(session_that_is_the_last_stays),
        cmocka_unit_test(session_old_after_a_run_is_closed_when_clean),
        cmocka_unit_test(command_closes_warm_sessions_for_its_tokens),
        cmocka_unit_test(pool_of_one_runs_sql_and_command_in_turn),
        cmocka_unit_test(command_without_tokens_starts_whatever_the_pool_does),
        cmocka_unit_test(command_without_tokens_waits_behind_64_others),
        cmocka_unit_test(priority_is_worth_thirty_seconds_of_waiting),
        cmocka_unit_test(heavy_run_is_passed_within_its_patience_only),
        cmocka_unit_test(handle_of_the_past_is_ignored),
        cmocka_unit_test(drain_skips_what_waits_and_lets_runs_end),
        cmocka_unit_test(drain_deadline_or_second_drain_cancels),
        cmocka_unit_test(drain_leaves_a_timeout_its_name),
        cmocka_unit_test(drain_closes_warm_and_opening_sessions),
        cmocka_unit_test(drain_with_nothing_open_stops_at_once),
        cmocka_unit_test(step_with_more_than_the_actions_hold_goes_on),
        cmocka_unit_test(wake_comes_when_the_patience_of_the_head_is_over),
        cmocka_unit_test(wake_comes_when_a_session_that_is_asked_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
