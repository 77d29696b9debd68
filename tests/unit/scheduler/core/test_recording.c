/*
 * A pool with history = on, on a whole core: what waits for it, how runs are put on record, and when a
 * session is asked to write.
 */
#include "tests/unit/fixture.h"

#include <stdio.h>
#include <string.h>

#include "scheduler/core/clock.h"

#define S  US_PER_S
#define MS US_PER_MS

#define QUIET      "idle = 1h\nrecycle = 1h\nping = 1h\nsample = 1h\nsample_idle = 1d\nstale = 1d\n"
#define OFF(size)  "[pool p]\nsize = " #size "\n" QUIET
#define POOL(size) OFF(size) "history = on\n"
#define TASK(name) "[task " name "]\nevery = 10s\nphase = 0\n"

#define SQL(name)        TASK(name) "sql = SELECT 1\n"
#define APART(name)      SQL(name) "transaction = off\n"
#define COMMAND(name)    TASK(name) "command = true\n"
#define STAGED(name)     TASK(name) "read = SELECT 1\nwork = true\nwrite = SELECT 2\n"
#define LONG(name)       "[task " name "]\nevery = 1d\nphase = 1h\nsql = SELECT 1\ntimeout = 1h\nexpect = 1h\n"
#define WORK_FIRST(name) TASK(name) "work = true\nwrite = SELECT 2\n"

static struct core_pool *pool_of(const struct fixture *f) {
    return &f->core->pools[0];
}

static enum recording_state state_of(const struct fixture *f) {
    return pool_of(f)->recording.state;
}

static void expect(const struct fixture *f, struct handle handle, enum stage stage, enum run_state state) {
    const struct run *run = core_run(f->core, handle);
    assert_non_null(run);
    assert_int_equal(run->stage, stage);
    assert_int_equal(run->state, state);
}

/* --- what the shell would say --- */

enum said { RESTORED, WRITTEN, PASSING, LASTING };

static void say(struct fixture *f, struct handle session, enum said said, uint32_t left_count) {
    struct event event = {.kind = EVENT_HISTORY, .session = session};
    event.history.failed = said == PASSING || said == LASTING;
    event.history.failed_for_long = said == LASTING;
    event.history.restored = said == RESTORED;
    event.history.left_count = left_count;
    fixture_step(f, event);
}

static struct handle asked(const struct fixture *f) {
    return fixture_need(f, ACTION_HISTORY)->session;
}

/* Opens the session that is asked for, and looks if that is asked; then the history is. */
static struct handle open_one(struct fixture *f) {
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    if (fixture_find(f, ACTION_SAMPLE))
        fixture_sample(f, session, 0);
    return session;
}

/* Its history read, with one warm session. */
static struct fixture *known(const char *ini, bool armed) {
    struct fixture *f = armed ? fixture_create(ini) : fixture_create_unarmed(ini);
    open_one(f);
    say(f, asked(f), RESTORED, 0);
    assert_int_equal(state_of(f), RECORDING_ON);
    assert_int_equal(pool_of(f)->tokens.warm, 1);
    return f;
}

/* The run's stage ends; its session is clean again. The actions are those of the end. */
static void end_event(struct fixture *f, struct handle run, struct event event) {
    struct handle session = core_run(f->core, run)->session;
    struct fixture *kept = f;
    event.kind = EVENT_RUN_ENDED;
    event.run = run;
    fixture_step(f, event);
    if (!core_session(f->core, session) || core_session(f->core, session)->state != CORE_SESSION_CLEANING)
        return;
    uint32_t count = kept->count;
    struct action before[KEPT_MAX];
    for (uint32_t i = 0; i < count; i++)
        before[i] = kept->kept[i];
    fixture_session(f, EVENT_SESSION_READY, session);
    assert_true(count + f->count <= KEPT_MAX);
    for (uint32_t i = 0; i < f->count; i++)
        before[count + i] = f->kept[i];
    f->count += count;
    for (uint32_t i = 0; i < f->count; i++)
        f->kept[i] = before[i];
}

static void end(struct fixture *f, struct handle run, enum outcome outcome) {
    struct event event = {0};
    event.ended.outcome = outcome;
    event.ended.row_count = 1;
    end_event(f, run, event);
}

static void refuse(struct fixture *f, struct handle run, enum failure_kind failure) {
    struct event event = {0};
    event.ended.outcome = OUTCOME_FAILED;
    event.ended.failure = failure;
    end_event(f, run, event);
}

static void accept_claim(struct fixture *f, struct handle run) {
    struct event event = {0};
    event.ended.outcome = OUTCOME_OK;
    event.ended.claimed = true;
    event.ended.claimed_from = core_run(f->core, run)->due_first;
    end_event(f, run, event);
}

static struct handle trigger(struct fixture *f, const char *task) {
    fixture_trigger(f, task);
    return fixture_started(f, task);
}

/* A run of SQL that is over and whose record waits. */
static void leave_record(struct fixture *f, const char *task) {
    end(f, trigger(f, task), OUTCOME_OK);
    fixture_need(f, ACTION_RECORD);
}

static void break_history(struct fixture *f, const char *task) {
    refuse(f, trigger(f, task), FAILURE_CLAIM);
    assert_int_equal(state_of(f), RECORDING_BROKEN);
}

static void lose(struct fixture *f, struct handle session) {
    fixture_session(f, EVENT_SESSION_BROKEN, session);
    fixture_session(f, EVENT_SESSION_GONE, session);
}

/* --- before it is read --- */

static void start_grants_nothing_before_the_history_is_read(void **state) {
    static const char *const tasks[] = {"a", "b", "c", "d"};
    struct fixture *f =
        fixture_create_unarmed(POOL(8) SQL("a") COMMAND("b") COMMAND("c") "tokens = 0\n" WORK_FIRST("d"));
    (void)state;
    assert_int_equal(fixture_count(f, ACTION_OPEN), 1); /* without anything to run */
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    for (int i = 0; i < 4; i++) {
        fixture_trigger(f, tasks[i]);
        assert_int_equal(f->count, 0);
    }
    fixture_session(f, EVENT_SESSION_OPENED, session);
    assert_null(fixture_find(f, ACTION_START));
    fixture_sample(f, session, 0);
    assert_true(handle_is(asked(f), session));
    assert_null(fixture_find(f, ACTION_START));
    fixture_pass(f, 5 * S);
    assert_int_equal(f->count, 0);
    say(f, session, RESTORED, 0);
    assert_null(fixture_find(f, ACTION_HISTORY_STATE)); /* nothing worth a line */
    assert_true(fixture_count(f, ACTION_START) >= 1);
    fixture_destroy(f);
}

static void start_without_history_opens_nothing(void **state) {
    struct fixture *f = fixture_create_unarmed(OFF(2) SQL("a"));
    (void)state;
    assert_int_equal(f->count, 0);
    assert_int_equal(core_run(f->core, fixture_first_run(f, "a"))->claim, CLAIM_NONE);
    assert_null(fixture_find(f, ACTION_HISTORY));
    fixture_destroy(f);
}

static void start_whose_history_is_refused_goes_on_without(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(4) SQL("a"));
    (void)state;
    fixture_trigger(f, "a");
    f->count = 0;
    fixture_tick(f);
    struct handle session = {0, f->core->sessions[0].generation};
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    say(f, session, LASTING, 0);
    assert_int_equal(fixture_count(f, ACTION_HISTORY_STATE), 1);
    assert_int_equal(core_run(f->core, fixture_started(f, "a"))->claim, CLAIM_NONE);
    fixture_destroy(f);
}

/* The run that was just started has no claim; ten seconds later the history can be read. */
static void run_without_until_it_is_back(struct fixture *f) {
    assert_int_equal(core_run(f->core, fixture_started(f, "a"))->claim, CLAIM_NONE);
    end(f, fixture_started(f, "a"), OUTCOME_OK);
    fixture_pass(f, 10 * S);
    say(f, asked(f), RESTORED, 0);
    assert_int_equal(state_of(f), RECORDING_ON);
}

/* A statement timeout, say, that is always too short. */
static void start_told_to_wait_for_too_long_goes_on_without(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(4) SQL("a"));
    (void)state;
    struct handle session = open_one(f);
    fixture_trigger(f, "a");
    for (int i = 0; i < 10; i++) {
        say(f, session, PASSING, 0);
        assert_int_equal(state_of(f), RECORDING_NEW);
        fixture_pass(f, 1 * S);
        session = asked(f);
    }
    say(f, session, PASSING, 0);
    assert_int_equal(state_of(f), RECORDING_BROKEN);
    run_without_until_it_is_back(f);
    fixture_destroy(f);
}

/* A trigger that ends the session, a proxy that cuts it off: the third in a row is no accident. */
static void start_whose_session_is_lost_each_time_goes_on_without(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(4) SQL("a"));
    (void)state;
    struct handle session = open_one(f);
    for (int i = 0; i < 2; i++) {
        lose(f, session);
        assert_int_equal(state_of(f), RECORDING_NEW);
        assert_null(fixture_find(f, ACTION_OPEN));
        fixture_pass(f, 1 * S);
        session = open_one(f);
        asked(f);
    }
    lose(f, session);
    assert_int_equal(state_of(f), RECORDING_BROKEN);
    fixture_trigger(f, "a");
    session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    run_without_until_it_is_back(f);
    fixture_destroy(f);
}

/* What was answered in between was no loss; what we close ourselves is none. */
static void session_lost_now_and_then_breaks_no_history(void **state) {
    struct fixture *f = known(POOL(1) SQL("a"), false);
    (void)state;
    for (int i = 0; i < 3; i++) {
        leave_record(f, "a");
        fixture_pass(f, 200 * MS);
        for (int lost = 0; lost < 2; lost++) {
            lose(f, asked(f));
            fixture_pass(f, 1 * S);
            open_one(f);
        }
        say(f, asked(f), WRITTEN, 0);
        assert_int_equal(state_of(f), RECORDING_ON);
    }
    fixture_destroy(f);
}

static void start_told_to_wait_asks_again_in_a_second(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(4) SQL("a"));
    (void)state;
    struct handle session = open_one(f);
    say(f, session, PASSING, 0);
    assert_int_equal(state_of(f), RECORDING_NEW);
    assert_int_equal(core_next_wake(f->core).us, 1 * S);
    fixture_trigger(f, "a"); /* a session is idle, but not for that */
    assert_int_equal(f->count, 0);
    fixture_pass(f, 1 * S - 1);
    assert_int_equal(f->count, 0);
    fixture_pass(f, 1);
    assert_true(handle_is(asked(f), session));
    fixture_destroy(f);
}

/* What is known of a task is told once: a second telling changes nothing. */
static void start_restores_a_task_once(void **state) {
    struct fixture *f = fixture_create(POOL(4) SQL("a"));
    struct event event = {.kind = EVENT_RESTORED};
    (void)state;
    open_one(f);
    event.task = fixture_task(f, "a");
    event.restored.answered_until.us = WALL_START_US;
    event.restored.ok_count = 3;
    event.restored.failed_count = 2;
    event.restored.skipped_count = 1;
    event.restored.took_us = 7 * MS;
    for (int i = 0; i < 2; i++) {
        fixture_step(f, event);
        event.restored.ok_count = 30;
        event.restored.took_us = 70 * MS;
        assert_int_equal(fixture_core_task(f, "a")->stats.ok_count, 3);
        assert_int_equal(fixture_core_task(f, "a")->stats.failed_count, 2);
        assert_int_equal(fixture_core_task(f, "a")->stats.skipped_count, 1);
        assert_int_equal(fixture_core_task(f, "a")->expected_us[STAGE_WHOLE], 7 * MS);
    }
    fixture_destroy(f);
}

/* --- how a run is put on record --- */

static void claim_follows_from_the_kind_of_task(void **state) {
    static const struct {
        const char *ini;
        enum stage stage;
        enum claim claim;
    } table[] = {
        {POOL(4) SQL("a"), STAGE_WHOLE, CLAIM_WITHIN},
        {POOL(4) SQL("a") "tokens = 2\n", STAGE_WHOLE, CLAIM_WITHIN},
        {POOL(4) APART("a"), STAGE_WHOLE, CLAIM_BEFORE},
        {POOL(4) STAGED("a"), STAGE_READ, CLAIM_BEFORE},
        {POOL(4) COMMAND("a"), STAGE_CLAIM, CLAIM_BEFORE},
        {POOL(4) COMMAND("a") "tokens = 0\n", STAGE_CLAIM, CLAIM_BEFORE},
        {POOL(4) COMMAND("a") "tokens = 4\n", STAGE_CLAIM, CLAIM_BEFORE},
        {POOL(4) WORK_FIRST("a"), STAGE_CLAIM, CLAIM_BEFORE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture *f = known(table[i].ini, false);
        const struct run *run = core_run(f->core, trigger(f, "a"));
        if (run->stage != table[i].stage || run->claim != table[i].claim)
            fail_msg("%s: stage %d, claim %d", table[i].ini, (int)run->stage, (int)run->claim);
        assert_true(fixture_need(f, ACTION_START)->session.generation != 0);
        fixture_destroy(f);
    }
}

static void claim_of_what_is_known_to_be_simple_comes_before(void **state) {
    struct fixture *f = known(POOL(4) SQL("a"), false);
    struct event event = {0};
    (void)state;
    struct handle run = trigger(f, "a");
    event.ended.outcome = OUTCOME_OK;
    event.ended.simple = true;
    end_event(f, run, event);
    assert_false(fixture_need(f, ACTION_RECORD)->record.within);
    run = trigger(f, "a");
    assert_int_equal(core_run(f->core, run)->claim, CLAIM_BEFORE);
    end(f, run, OUTCOME_OK);
    assert_false(fixture_need(f, ACTION_RECORD)->record.within);
    fixture_destroy(f);
}

static void claim_within_is_told_in_the_record(void **state) {
    struct fixture *f = known(POOL(4) SQL("a"), false);
    (void)state;
    end(f, trigger(f, "a"), OUTCOME_UNKNOWN);
    assert_true(fixture_need(f, ACTION_RECORD)->record.within);
    fixture_destroy(f);
}

static void claim_takes_one_token_then_the_command_its_own(void **state) {
    struct fixture *f = known(POOL(4) COMMAND("a") "tokens = 3\n", false);
    (void)state;
    struct handle run = trigger(f, "a");
    assert_int_equal(tokens_taken(&pool_of(f)->tokens), 1);
    accept_claim(f, run);
    expect(f, run, STAGE_WHOLE, RUN_RUNNING);
    assert_int_equal(core_run(f->core, run)->claim, CLAIM_NONE);
    assert_int_equal(pool_of(f)->tokens.command, 3);
    assert_int_equal(fixture_need(f, ACTION_START)->session.generation, 0);
    end(f, run, OUTCOME_OK);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome, OUTCOME_OK);
    assert_int_equal(tokens_taken(&pool_of(f)->tokens), 0);
    fixture_destroy(f);
}

static void claim_then_work_without_a_token_then_a_write_that_says_so(void **state) {
    struct fixture *f = known(POOL(1) WORK_FIRST("a"), false);
    (void)state;
    struct handle run = trigger(f, "a");
    accept_claim(f, run);
    expect(f, run, STAGE_WORK, RUN_RUNNING);
    assert_int_equal(tokens_taken(&pool_of(f)->tokens), 0);
    end(f, run, OUTCOME_OK);
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    assert_int_equal(core_run(f->core, run)->claim, CLAIM_DONE);
    end(f, run, OUTCOME_OK);
    assert_true(fixture_need(f, ACTION_RECORD)->record.within);
    fixture_destroy(f);
}

/* The time that a claim waits for its tokens is lateness, and no part of the run. */
static void claim_is_not_the_beginning(void **state) {
    struct fixture *f = known(POOL(2) LONG("b") COMMAND("a") "tokens = 2\n", false);
    (void)state;
    struct handle other = trigger(f, "b");
    fixture_trigger(f, "a");
    struct handle opened = fixture_find(f, ACTION_OPEN) ? fixture_need(f, ACTION_OPEN)->session : HANDLE_NONE;
    fixture_session(f, EVENT_SESSION_OPENED, opened);
    struct handle run = fixture_started(f, "a");
    accept_claim(f, run);
    expect(f, run, STAGE_WHOLE, RUN_WAITING);
    fixture_advance(f, 7 * S);
    end(f, other, OUTCOME_OK);
    for (uint32_t i = 0; i < f->core->session_used; i++)
        if (f->core->sessions[i].state == CORE_SESSION_CLOSING)
            fixture_session(f, EVENT_SESSION_GONE, core_session_handle(f->core, i));
    expect(f, run, STAGE_WHOLE, RUN_RUNNING);
    fixture_advance(f, 2 * S);
    end(f, run, OUTCOME_OK);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.lateness_us, 7 * S);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.took_us, 2 * S);
    fixture_destroy(f);
}

/* A command that is claimed while another run has a token that it needs. */
static struct handle claimed_and_waiting(struct fixture *f, struct handle *ret_other) {
    fixture_trigger(f, "b");
    *ret_other = fixture_started(f, "b");
    fixture_pass(f, 10 * S); /* "a" is due */
    fixture_session(f, EVENT_SESSION_OPENED, fixture_need(f, ACTION_OPEN)->session);
    struct handle run = fixture_started(f, "a");
    accept_claim(f, run);
    expect(f, run, STAGE_WHOLE, RUN_WAITING);
    return run;
}

/* Nothing of it has begun: what comes due meanwhile is answered by it, as without a history. */
static void claimed_run_that_waits_is_joined(void **state) {
    static const char *const overlaps[] = {"skip", "queue", "allow"};
    (void)state;
    for (size_t i = 0; i < sizeof overlaps / sizeof *overlaps; i++) {
        char ini[1000];
        struct handle other;
        snprintf(ini, sizeof ini, "%soverlap = %s\n", POOL(2) LONG("b") COMMAND("a") "tokens = 2\n", overlaps[i]);
        struct fixture *f = known(ini, true);
        struct handle run = claimed_and_waiting(f, &other);
        assert_int_equal(fixture_core_task(f, "a")->running_count, 0);
        assert_int_equal(fixture_core_task(f, "a")->waiting_count, 1);
        fixture_pass(f, 20 * S);
        assert_int_equal(core_run(f->core, run)->occurrence_count, 3);
        assert_int_equal(fixture_core_task(f, "a")->stats.skipped_count, 0);
        assert_int_equal(fixture_core_task(f, "a")->stats.merged_count, 2);
        end(f, other, OUTCOME_OK);
        for (uint32_t session = 0; session < f->core->session_used; session++)
            if (f->core->sessions[session].state == CORE_SESSION_CLOSING)
                fixture_session(f, EVENT_SESSION_GONE, core_session_handle(f->core, session));
        expect(f, run, STAGE_WHOLE, RUN_RUNNING);
        end(f, run, OUTCOME_OK);
        const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
        assert_int_equal(record->key_first.us, WALL_START_US + 10 * S); /* as it was claimed */
        assert_int_equal(record->key_last.us, WALL_START_US + 30 * S);
        fixture_destroy(f);
    }
}

/* A triggered run's row answers no occurrence, and can't be made to: the first one waits behind it. */
static void claimed_triggered_run_is_waited_for(void **state) {
    struct fixture *f = known(POOL(2) LONG("b") COMMAND("a") "tokens = 2\n", true);
    (void)state;
    fixture_trigger(f, "b");
    fixture_started(f, "b");
    fixture_trigger(f, "a");
    fixture_session(f, EVENT_SESSION_OPENED, fixture_need(f, ACTION_OPEN)->session);
    struct handle run = fixture_started(f, "a");
    accept_claim(f, run);
    expect(f, run, STAGE_WHOLE, RUN_WAITING);
    fixture_pass(f, 20 * S);
    assert_int_equal(core_run(f->core, run)->occurrence_count, 0);
    assert_int_equal(fixture_core_task(f, "a")->stats.skipped_count, 0);
    assert_int_equal(fixture_core_task(f, "a")->waiting_count, 2);
    assert_int_equal(f->core->runs[fixture_core_task(f, "a")->waiting_run].occurrence_count, 2);
    fixture_destroy(f);
}

/* Under another stage it has other keys; the row that it is to complete has not. */
static void record_has_the_keys_that_its_run_was_started_with(void **state) {
    static const char *const before[] = {APART("a"), STAGED("a"), COMMAND("a") "tokens = 0\n", SQL("a")};
    (void)state;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        char ini[1000], after[1000];
        snprintf(ini, sizeof ini, "%s%s", POOL(2), before[i]);
        struct fixture *f = known(ini, true);
        fixture_pass(f, 10 * S);
        struct handle run = fixture_started(f, "a");
        if (core_run(f->core, run)->stage == STAGE_CLAIM)
            accept_claim(f, run);
        snprintf(after, sizeof after, "%s", ini);
        char *phase = strstr(strstr(after, "[task"), "phase = 0");
        memcpy(phase, "phase =4s", 9);
        fixture_reload(f, after);
        struct event event = {0};
        event.ended.outcome = OUTCOME_FAILED;
        end_event(f, run, event);
        const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
        assert_int_equal(record->key_first.us, WALL_START_US + 10 * S);
        assert_int_equal(record->key_last.us, WALL_START_US + 10 * S);
        fixture_destroy(f);
    }
}

/* However long their tokens are not to be had: they do not pile up. */
static void claimed_runs_that_may_overlap_do_not_pile_up(void **state) {
    struct fixture *f = known(POOL(2) LONG("b") COMMAND("a") "tokens = 2\noverlap = allow\n", true);
    struct handle other;
    (void)state;
    claimed_and_waiting(f, &other);
    for (int i = 0; i < 50; i++) {
        fixture_pass(f, 10 * S);
        const struct action *start = fixture_find(f, ACTION_START);
        if (start)
            accept_claim(f, start->run);
        const struct action *open = fixture_find(f, ACTION_OPEN);
        if (open)
            fixture_session(f, EVENT_SESSION_OPENED, open->session);
        if (fixture_find(f, ACTION_HISTORY))
            say(f, asked(f), WRITTEN, 0);
    }
    assert_in_range(fixture_core_task(f, "a")->running_count + fixture_core_task(f, "a")->waiting_count, 1,
                    3);
    fixture_destroy(f);
}

/* What another daemon has answered is cut off the front, as far as the claim says. */
static void claim_from_later_answers_the_rest(void **state) {
    struct fixture *f = known(POOL(1) COMMAND("a") "tokens = 0\n", true);
    struct event event = {0};
    (void)state;
    fixture_pass(f, 35 * S); /* due at 10, 20 and 30 */
    struct handle run = fixture_started(f, "a");
    event.ended.outcome = OUTCOME_OK;
    event.ended.claimed = true;
    event.ended.claimed_from.us = WALL_START_US + 20 * S;
    end_event(f, run, event);
    end(f, run, OUTCOME_OK);
    const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
    assert_int_equal(record->occurrence_count, 2);
    assert_int_equal(record->due_first.us, WALL_START_US + 20 * S);
    assert_int_equal(record->due_last.us, WALL_START_US + 30 * S);
    fixture_destroy(f);
}

static void claimed_run_is_not_claimed_again_by_a_further_attempt(void **state) {
    struct fixture *f = known(POOL(1) APART("a") "retries = 1\nretry_delay = 1s\n", false);
    struct event event = {0};
    (void)state;
    struct handle run = trigger(f, "a");
    event.ended.outcome = OUTCOME_FAILED;
    event.ended.claimed = true;
    event.ended.claimed_from = core_run(f->core, run)->due_first;
    end_event(f, run, event);
    expect(f, run, STAGE_WHOLE, RUN_DELAYED);
    fixture_pass(f, 2 * S);
    if (fixture_find(f, ACTION_HISTORY))
        say(f, asked(f), WRITTEN, 0);
    expect(f, run, STAGE_WHOLE, RUN_RUNNING);
    assert_int_equal(core_run(f->core, run)->claim, CLAIM_NONE);
    fixture_destroy(f);
}

/* --- a claim that is refused --- */

static void claim_taken_is_answered_elsewhere_and_counts_nothing(void **state) {
    static const char *const tasks[] = {SQL("a"), APART("a"), STAGED("a"), COMMAND("a"), WORK_FIRST("a")};
    (void)state;
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        char ini[1000];
        snprintf(ini, sizeof ini, "%s%sretries = 3\nhold_after = 1\n", POOL(2), tasks[i]);
        struct fixture *f = known(ini, false);
        refuse(f, trigger(f, "a"), FAILURE_TAKEN);
        assert_int_equal(fixture_count(f, ACTION_RECORD), 1);
        assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome, OUTCOME_ELSEWHERE);
        assert_null(fixture_find(f, ACTION_RETRY));
        assert_null(fixture_find(f, ACTION_START));
        const struct core_task *task = fixture_core_task(f, "a");
        assert_int_equal(task->stats.ok_count + task->stats.failed_count + task->stats.skipped_count, 0);
        assert_int_equal(task->failed_in_row + task->running_count + task->waiting_count, 0);
        assert_int_equal(pool_of(f)->recording.pending_count, 0);
        assert_int_equal(state_of(f), RECORDING_ON);
        fixture_destroy(f);
    }
}

/* Another daemon, whose clock is ten minutes ahead, has all that comes due here: the dump says waiting. */
static void claim_taken_ten_minutes_ahead_keeps_the_task_waiting(void **state) {
    struct fixture *f = known(POOL(1) SQL("a"), true);
    struct event event = {0};
    (void)state;
    event.ended.outcome = OUTCOME_FAILED;
    event.ended.failure = FAILURE_TAKEN;
    for (int i = 1; i <= 3; i++) {
        fixture_pass(f, 10 * S);
        if (fixture_find(f, ACTION_HISTORY))
            say(f, asked(f), WRITTEN, 0);
        struct handle run = fixture_started(f, "a");
        assert_int_equal(core_run(f->core, run)->claim_state == CLAIM_DOUBTED, i > 1); /* the second asks how far */
        event.ended.answered_until.us = i > 1 ? f->wall.us + 600 * S : 0;
        end_event(f, run, event);
        assert_int_equal(fixture_count(f, ACTION_KEPT), i == 2); /* told once */
        assert_int_equal(clock_is_kept(f->core, 0), i > 1);
    }
    assert_int_equal(fixture_core_task(f, "a")->elsewhere_count, 3);
    fixture_pass(f, 10 * S); /* the other one is gone */
    end(f, fixture_started(f, "a"), OUTCOME_OK);
    assert_false(clock_is_kept(f->core, 0));
    assert_int_equal(fixture_core_task(f, "a")->elsewhere_count, 0);
    fixture_destroy(f);
}

/* What was unknown counts as what it was; the last word on its task is that of its last run. */
static void resolved_run_counts_as_what_it_was(void **state) {
    (void)state;
    for (int ok = 0; ok < 2; ok++)
        for (int later = 0; later < 2; later++) {
            struct fixture *f = known(POOL(1) SQL("a"), true);
            struct event event = {.kind = EVENT_RESOLVED, .task = 0};
            fixture_pass(f, 10 * S);
            end(f, fixture_started(f, "a"), OUTCOME_UNKNOWN);
            event.resolved.due.us = fixture_need(f, ACTION_RECORD)->record.key_first.us;
            event.resolved.ok = ok;
            if (later) {
                fixture_pass(f, 10 * S);
                if (fixture_find(f, ACTION_HISTORY))
                    say(f, asked(f), WRITTEN, 0);
                end(f, fixture_started(f, "a"), OUTCOME_UNKNOWN);
            }
            fixture_step(f, event);
            const struct task_stats *stats = &fixture_core_task(f, "a")->stats;
            assert_int_equal(stats->ok_count, ok);
            assert_int_equal(stats->failed_count, 1 + later - ok);
            assert_int_equal(stats->last_outcome, later ? OUTCOME_UNKNOWN : ok ? OUTCOME_OK : OUTCOME_FAILED);
            fixture_destroy(f);
        }
}

static void claim_failing_repeats_the_run_without(void **state) {
    static const struct {
        const char *task;
        enum stage stage;
    } table[] = {{SQL("a"), STAGE_WHOLE},
                 {APART("a"), STAGE_WHOLE},
                 {STAGED("a"), STAGE_READ},
                 {COMMAND("a"), STAGE_WHOLE},
                 {WORK_FIRST("a"), STAGE_WORK}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char ini[1000];
        snprintf(ini, sizeof ini, "%s%sretries = 0\nhold_after = 1\n", POOL(2), table[i].task);
        struct fixture *f = known(ini, false);
        struct handle run = trigger(f, "a");
        refuse(f, run, FAILURE_CLAIM);
        assert_int_equal(fixture_count(f, ACTION_HISTORY_STATE), 1);
        assert_int_equal(state_of(f), RECORDING_BROKEN);
        assert_null(fixture_find(f, ACTION_RECORD));
        assert_null(fixture_find(f, ACTION_RETRY));
        expect(f, run, table[i].stage, RUN_RUNNING);
        assert_int_equal(core_run(f->core, run)->claim, CLAIM_NONE);
        assert_int_equal(core_run(f->core, run)->attempts.failed_count, 0);
        const struct core_task *task = fixture_core_task(f, "a");
        assert_int_equal(task->stats.failed_count + task->stats.retried_count + task->failed_in_row, 0);
        fixture_destroy(f);
    }
}

static void claim_failing_twice_is_told_once(void **state) {
    struct fixture *f = known(POOL(2) LONG("a") SQL("b"), false);
    (void)state;
    struct handle first = trigger(f, "a");
    fixture_trigger(f, "b");
    fixture_session(f, EVENT_SESSION_OPENED, fixture_need(f, ACTION_OPEN)->session);
    struct handle second = fixture_started(f, "b");
    refuse(f, first, FAILURE_CLAIM);
    assert_int_equal(fixture_count(f, ACTION_HISTORY_STATE), 1);
    refuse(f, second, FAILURE_CLAIM);
    assert_int_equal(fixture_count(f, ACTION_HISTORY_STATE), 0);
    assert_int_equal(core_run(f->core, second)->claim, CLAIM_NONE);
    fixture_destroy(f);
}

static void claim_that_waited_too_long_is_delayed_and_the_table_doubted(void **state) {
    static const char *const tasks[] = {SQL("a"), APART("a"), STAGED("a"), COMMAND("a"), WORK_FIRST("a")};
    (void)state;
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        char ini[1000];
        snprintf(ini, sizeof ini, "%s%s", POOL(1), tasks[i]);
        struct fixture *f = known(ini, false);
        struct handle run = trigger(f, "a");
        enum stage stage = core_run(f->core, run)->stage;
        refuse(f, run, FAILURE_CLAIM_WAIT);
        expect(f, run, stage, RUN_DELAYED);
        assert_null(fixture_find(f, ACTION_RETRY));
        assert_null(fixture_find(f, ACTION_HISTORY_STATE));
        struct handle session = asked(f);
        say(f, session, WRITTEN, 0); /* the table is fine: it waits for another daemon's run */
        assert_null(fixture_find(f, ACTION_HISTORY));
        assert_int_equal(core_next_wake(f->core).us, f->now.us + 1 * S);
        fixture_pass(f, 1 * S);
        expect(f, run, stage, RUN_RUNNING);
        assert_int_not_equal(core_run(f->core, run)->claim, CLAIM_NONE);
        assert_int_equal(fixture_core_task(f, "a")->stats.retried_count, 0);
        fixture_destroy(f);
    }
}

static void claim_that_waited_for_a_locked_table_goes_without(void **state) {
    struct fixture *f = known(POOL(2) COMMAND("a"), false);
    (void)state;
    struct handle run = trigger(f, "a");
    refuse(f, run, FAILURE_CLAIM_WAIT);
    say(f, asked(f), LASTING, 0);
    assert_int_equal(state_of(f), RECORDING_BROKEN);
    fixture_pass(f, 1 * S);
    expect(f, run, STAGE_CLAIM, RUN_RUNNING); /* it finds out by itself */
    refuse(f, run, FAILURE_CLAIM_WAIT);
    expect(f, run, STAGE_WHOLE, RUN_RUNNING);
    fixture_destroy(f);
}

/* Its session was lost, or a person has cancelled it. */
static void claim_without_an_answer_is_repeated_a_little_later(void **state) {
    static const enum failure_kind failures[] = {FAILURE_LOST, FAILURE_CANCEL, FAILURE_CONFLICT};
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct fixture *f = known(POOL(2) COMMAND("a") "retries = 0\n", false);
        struct handle run = trigger(f, "a");
        refuse(f, run, failures[i]);
        assert_null(fixture_find(f, ACTION_RECORD));
        assert_null(
            fixture_find(f, ACTION_START)); /* a server that always does this is not asked without a pause */
        expect(f, run, STAGE_CLAIM, RUN_DELAYED);
        fixture_pass(f, 1 * S);
        expect(f, run, STAGE_CLAIM, RUN_RUNNING);
        assert_int_equal(core_run(f->core, run)->claim, CLAIM_BEFORE);
        accept_claim(f, run);
        expect(f, run, STAGE_WHOLE, RUN_RUNNING);
        fixture_destroy(f);
    }
}

/* Where each claim ends its session, the run goes on without; two of other runs before it say nothing. */
static void claim_that_loses_its_session_each_time_goes_without(void **state) {
    struct fixture *f = known(POOL(2) COMMAND("a") "retries = 0\n", false);
    (void)state;
    struct handle run = trigger(f, "a");
    for (int i = 0; i < 2; i++) {
        refuse(f, run, FAILURE_LOST);
        assert_int_equal(state_of(f), RECORDING_ON);
        fixture_pass(f, 1 * S);
        expect(f, run, STAGE_CLAIM, RUN_RUNNING);
    }
    refuse(f, run, FAILURE_LOST);
    assert_int_equal(state_of(f), RECORDING_BROKEN);
    expect(f, run, STAGE_WHOLE, RUN_RUNNING);
    fixture_destroy(f);
}

/* The same where it came before the task's own text: nothing of that is done. */
static void claim_before_a_text_is_repeated_when_its_session_is_lost(void **state) {
    static const char *const tasks[] = {APART("a"), STAGED("a")};
    (void)state;
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        char ini[1000];
        snprintf(ini, sizeof ini, "%s%sretries = 0\nconflict_retries = 0\n", POOL(1), tasks[i]);
        struct fixture *f = known(ini, false);
        struct handle run = trigger(f, "a");
        enum stage stage = core_run(f->core, run)->stage;
        refuse(f, run, FAILURE_LOST);
        assert_null(fixture_find(f, ACTION_RECORD));
        expect(f, run, stage, RUN_DELAYED);
        fixture_pass(f, 1 * S);
        assert_int_equal(core_run(f->core, run)->claim, CLAIM_BEFORE);
        struct event event = {0};
        event.ended.outcome = OUTCOME_FAILED;
        event.ended.failure = FAILURE_LOST;
        event.ended.claimed = true; /* now it may have begun */
        event.ended.claimed_from = core_run(f->core, run)->due_first;
        end_event(f, run, event);
        assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome, OUTCOME_FAILED);
        fixture_destroy(f);
    }
}

/* Found lost meanwhile, it is not to be written, however often. */
static void write_whose_run_is_gone_fails_for_good(void **state) {
    struct fixture *f = known(POOL(1) WORK_FIRST("a") "retries = 5\n", false);
    (void)state;
    struct handle run = trigger(f, "a");
    accept_claim(f, run);
    end(f, run, OUTCOME_OK);
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    refuse(f, run, FAILURE_GONE);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome, OUTCOME_FAILED);
    assert_int_equal(state_of(f), RECORDING_ON);
    fixture_destroy(f);
}

static void write_whose_history_fails_is_written_without(void **state) {
    struct fixture *f = known(POOL(1) WORK_FIRST("a") "retries = 0\n", false);
    (void)state;
    struct handle run = trigger(f, "a");
    accept_claim(f, run);
    end(f, run, OUTCOME_OK);
    refuse(f, run, FAILURE_CLAIM);
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    assert_int_equal(core_run(f->core, run)->claim, CLAIM_NONE);
    end(f, run, OUTCOME_OK);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome, OUTCOME_OK);
    assert_false(fixture_need(f, ACTION_RECORD)->record.within);
    fixture_destroy(f);
}

/* --- broken, and back --- */

static void broken_is_tried_every_ten_seconds_and_comes_back(void **state) {
    struct fixture *f = known(POOL(1) SQL("a"), false);
    (void)state;
    break_history(f, "a");
    end(f, fixture_started(f, "a"), OUTCOME_OK);
    assert_null(fixture_find(f, ACTION_HISTORY));
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(core_next_wake(f->core).us, i * 10 * S);
        fixture_pass(f, 10 * S);
        struct handle session = asked(f);
        assert_false(pool_of(f)->recording.restored); /* what is missing is made again */
        say(f, session, LASTING, 1);
        assert_null(fixture_find(f, ACTION_HISTORY_STATE));
    }
    assert_int_equal(pool_of(f)->recording.broken_since.us, 0);
    fixture_pass(f, 10 * S);
    say(f, asked(f), RESTORED, 0);
    assert_int_equal(fixture_count(f, ACTION_HISTORY_STATE), 1);
    assert_int_equal(state_of(f), RECORDING_ON);
    assert_int_equal(core_run(f->core, trigger(f, "a"))->claim, CLAIM_WITHIN);
    fixture_destroy(f);
}

static void broken_starts_commands_at_once(void **state) {
    struct fixture *f = known(POOL(2) SQL("b") COMMAND("a") "tokens = 0\n" WORK_FIRST("c"), false);
    (void)state;
    break_history(f, "b");
    expect(f, trigger(f, "a"), STAGE_WHOLE, RUN_RUNNING);
    expect(f, trigger(f, "c"), STAGE_WORK, RUN_RUNNING);
    fixture_destroy(f);
}

/* --- records that wait --- */

static void records_are_gathered_for_a_while(void **state) {
    struct fixture *f = known(POOL(1) SQL("a"), false);
    (void)state;
    leave_record(f, "a");
    fixture_pass(f, 50 * MS);
    leave_record(f, "a");
    assert_int_equal(core_next_wake(f->core).us, 200 * MS); /* from the first on */
    fixture_pass(f, 150 * MS - 1);
    assert_null(fixture_find(f, ACTION_HISTORY));
    fixture_pass(f, 1);
    say(f, asked(f), WRITTEN, 0);
    assert_int_equal(pool_of(f)->recording.pending_count, 0);
    assert_true(core_next_wake(f->core).us > 100 * S);
    fixture_destroy(f);
}

/* For a while: under steady work a session falls idle only between two runs. */
static void records_wait_longer_while_runs_do(void **state) {
    struct fixture *f = known(POOL(1) SQL("a") SQL("b"), false);
    (void)state;
    leave_record(f, "a");
    struct handle run = trigger(f, "a");
    for (int i = 0; i < 2; i++) {
        fixture_pass(f, 300 * MS);
        fixture_trigger(f, i ? "a" : "b");
        end(f, run, OUTCOME_OK);
        assert_null(fixture_find(f, ACTION_HISTORY));
        run = fixture_started(f, i ? "a" : "b");
    }
    fixture_pass(f, 400 * MS);
    fixture_trigger(f, "b");
    end(f, run, OUTCOME_OK);
    asked(f);
    fixture_destroy(f);
}

static void records_that_are_many_do_not_wait(void **state) {
    struct fixture *f = known(POOL(1) SQL("a"), false);
    (void)state;
    for (int i = 1; i < 4000; i++) {
        leave_record(f, "a");
        assert_null(fixture_find(f, ACTION_HISTORY));
    }
    leave_record(f, "a");
    asked(f);
    fixture_destroy(f);
}

/* More than one batch is written one after another. */
static void records_that_are_left_do_not_wait_again(void **state) {
    struct fixture *f = known(POOL(1) SQL("a"), false);
    (void)state;
    leave_record(f, "a");
    fixture_pass(f, 200 * MS);
    say(f, asked(f), WRITTEN, 700); /* an earlier daemon's, say */
    say(f, asked(f), WRITTEN, 200);
    assert_null(fixture_find(f, ACTION_HISTORY));
    assert_int_equal(core_next_wake(f->core).us, 400 * MS);
    fixture_destroy(f);
}

/* A session is not kept busy by one record after another. */
static void records_that_came_meanwhile_are_gathered_as_well(void **state) {
    struct fixture *f = known(POOL(2) SQL("a"), false);
    (void)state;
    leave_record(f, "a");
    fixture_pass(f, 200 * MS);
    struct handle session = asked(f);
    fixture_pass(f, 5 * MS);
    say(f, session, WRITTEN, 1);
    assert_null(fixture_find(f, ACTION_HISTORY));
    assert_int_equal(core_next_wake(f->core).us, 405 * MS);
    fixture_pass(f, 200 * MS);
    asked(f);
    fixture_destroy(f);
}

static void records_refused_for_now_wait_a_second(void **state) {
    struct fixture *f = known(POOL(1) SQL("a"), false);
    (void)state;
    leave_record(f, "a");
    fixture_pass(f, 200 * MS);
    say(f, asked(f), PASSING, 1);
    assert_int_equal(state_of(f), RECORDING_ON);
    assert_int_equal(core_next_wake(f->core).us, 1200 * MS);
    fixture_pass(f, 1 * S);
    asked(f);
    fixture_destroy(f);
}

static void records_whose_session_is_lost_are_sent_again_later(void **state) {
    struct fixture *f = known(POOL(1) SQL("a"), false);
    (void)state;
    leave_record(f, "a");
    fixture_pass(f, 200 * MS);
    lose(f, asked(f));
    assert_null(
        fixture_find(f, ACTION_OPEN)); /* a server that ends each session that asks is not asked at once */
    assert_int_equal(core_next_wake(f->core).us, 1200 * MS);
    fixture_pass(f, 1 * S);
    open_one(f);
    asked(f);
    fixture_destroy(f);
}

static void records_without_a_session_open_one(void **state) {
    struct fixture *f = known(POOL(1) COMMAND("a") "tokens = 0\n", false);
    (void)state;
    struct handle run = trigger(f, "a");
    accept_claim(f, run);
    lose(f, core_session_handle(f->core, 0));
    end(f, run, OUTCOME_OK);
    assert_null(fixture_find(f, ACTION_OPEN));
    fixture_pass(f, 200 * MS);
    open_one(f);
    asked(f);
    fixture_destroy(f);
}

/* Under steady work on shared sessions none falls idle by itself. */
static void records_are_written_under_steady_work(void **state) {
    struct fixture *f = known(
        "[pool p]\nsize = 1\nsample = 1s\nstale = 1d\nhistory = on\nidle = 1h\nrecycle = 1h\nping = 1h\n" SQL(
            "a") "session = clean\nexpect = 1ms\n" SQL("b") "session = clean\nexpect = 1ms\n",
        false);
    uint32_t written_count = 0;
    (void)state;
    end(f, trigger(f, "a"), OUTCOME_OK); /* both are proved to be short */
    end(f, trigger(f, "b"), OUTCOME_OK);
    fixture_trigger(f, "a");
    for (int i = 0; i < 4000; i++) {
        fixture_advance(f, 1 * MS);
        fixture_trigger(f, i % 2 ? "a" : "b");
        struct handle busy = {0, f->core->sessions[0].generation};
        const struct core_session *session = core_session(f->core, busy);
        if (session->state == CORE_SESSION_BUSY)
            fixture_end(f, core_run_handle(f->core, session->run_first), OUTCOME_OK);
        if (session->state == CORE_SESSION_CLEANING)
            fixture_session(f, EVENT_SESSION_READY, busy);
        if (fixture_find(f, ACTION_SAMPLE))
            fixture_sample(f, busy, 0);
        if (fixture_find(f, ACTION_HISTORY)) {
            written_count++;
            say(f, busy, WRITTEN, 0);
        }
    }
    assert_in_range(written_count, 2, 20); /* 4 s */
    fixture_destroy(f);
}

/* --- the drain --- */

static void drain_writes_its_records_at_once_then_stops(void **state) {
    struct fixture *f = known(POOL(1) SQL("a"), false);
    (void)state;
    leave_record(f, "a");
    fixture_drain(f);
    struct handle session = asked(f);
    assert_null(fixture_find(f, ACTION_CLOSE));
    say(f, session, WRITTEN, 3);
    session = asked(f); /* the rest, without gathering */
    say(f, session, WRITTEN, 0);
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_DRAIN);
    fixture_session(f, EVENT_SESSION_GONE, session);
    fixture_need(f, ACTION_STOPPED);
    fixture_destroy(f);
}

static void drain_waits_for_the_history_up_to_its_deadline(void **state) {
    static const struct {
        const char *name;
        enum said said;
        bool silent;
    } table[] = {{"no answer", WRITTEN, true}, {"refused each time", PASSING, false}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture *f = known("[headgate]\ndrain_timeout = 5s\n" POOL(1) SQL("a"), false);
        leave_record(f, "a");
        fixture_drain(f);
        int ticks = 0;
        while (!fixture_find(f, ACTION_CLOSE)) {
            if (fixture_find(f, ACTION_HISTORY) && !table[i].silent)
                say(f, asked(f), table[i].said, 1);
            int64_t wake = core_next_wake(f->core).us;
            if (wake <= f->now.us || wake > 5 * S || ++ticks > 20)
                fail_msg("%s: at %d ms the next wake is %d ms", table[i].name, (int)(f->now.us / MS),
                         (int)(wake / MS));
            fixture_pass(f, wake - f->now.us);
        }
        assert_int_equal(f->now.us, 5 * S);
        fixture_session(f, EVENT_SESSION_GONE, fixture_need(f, ACTION_CLOSE)->session);
        fixture_need(f, ACTION_STOPPED);
        fixture_destroy(f);
    }
}

static void drain_in_a_hurry_does_not_wait_for_the_history(void **state) {
    struct fixture *f = known(POOL(1) SQL("a"), false);
    (void)state;
    leave_record(f, "a");
    fixture_drain(f);
    struct handle session = asked(f);
    fixture_drain(f);
    assert_true(handle_is(fixture_need(f, ACTION_CLOSE)->session, session));
    fixture_session(f, EVENT_SESSION_GONE, session);
    fixture_need(f, ACTION_STOPPED);
    fixture_destroy(f);
}

static void drain_does_not_wait_for_a_broken_history(void **state) {
    struct fixture *f = known(POOL(1) SQL("a"), false);
    (void)state;
    break_history(f, "a");
    end(f, fixture_started(f, "a"), OUTCOME_OK);
    assert_int_equal(pool_of(f)->recording.pending_count, 1);
    fixture_drain(f);
    assert_null(fixture_find(f, ACTION_HISTORY));
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_DRAIN);
    fixture_destroy(f);
}

/* A run that was cancelled took the pool's only session with it. */
static void drain_opens_a_session_for_records(void **state) {
    struct fixture *f = known(POOL(1) SQL("a"), false);
    (void)state;
    leave_record(f, "a");
    fixture_drain(f);
    lose(f, asked(f));
    assert_null(fixture_find(f, ACTION_STOPPED));
    assert_null(fixture_find(f, ACTION_OPEN)); /* a server may end each session that asks */
    fixture_pass(f, core_next_wake(f->core).us - f->now.us);
    assert_int_equal(f->now.us, S);
    struct handle session = open_one(f);
    say(f, asked(f), WRITTEN, 0);
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_DRAIN);
    assert_null(fixture_find(f, ACTION_STOPPED));
    fixture_session(f, EVENT_SESSION_GONE, session);
    fixture_need(f, ACTION_STOPPED);
    fixture_destroy(f);
}

static void drain_opens_one_up_to_its_deadline(void **state) {
    struct fixture *f = known("[headgate]\ndrain_timeout = 5s\n" POOL(1) SQL("a"), false);
    (void)state;
    leave_record(f, "a");
    fixture_drain(f);
    int asked_count = 0;
    while (!fixture_find(f, ACTION_STOPPED) && f->now.us <= 5 * S) {
        if (fixture_find(f, ACTION_OPEN))
            open_one(f);
        if (fixture_find(f, ACTION_HISTORY) && ++asked_count)
            lose(f, asked(f));
        if (!fixture_find(f, ACTION_STOPPED))
            fixture_pass(f, core_next_wake(f->core).us - f->now.us);
    }
    assert_int_equal(f->now.us, 5 * S);
    assert_int_equal(asked_count, 5);
    fixture_destroy(f);
}

static void drain_does_not_wait_for_a_server_that_takes_no_session(void **state) {
    struct fixture *f = known(POOL(1) SQL("a"), false);
    (void)state;
    leave_record(f, "a");
    lose(f, core_session_handle(f->core, 0));
    fixture_drain(f);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_fail(f, session, CONNECT_UNREACHABLE);
    fixture_session(f, EVENT_SESSION_GONE, session);
    fixture_need(f, ACTION_STOPPED);
    fixture_destroy(f);
}

static void drain_skips_what_is_claimed_and_waits(void **state) {
    struct fixture *f = known(POOL(2) LONG("b") COMMAND("a") "tokens = 2\n", true);
    struct handle other;
    (void)state;
    struct handle run = claimed_and_waiting(f, &other);
    fixture_drain(f);
    assert_null(core_run(f->core, run));
    assert_int_equal(fixture_count(f, ACTION_RECORD), 1);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_DRAIN);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.occurrence_count, 1);
    assert_int_equal(fixture_core_task(f, "a")->running_count, 0);
    end(f, other, OUTCOME_OK);
    assert_null(fixture_find(f, ACTION_START));
    fixture_destroy(f);
}

static void drain_skips_any_number_of_claimed_ones(void **state) {
    enum { COUNT = 150 };
    static char ini[COUNT * 100 + 1000];
    int length = snprintf(ini, sizeof ini, "%s", POOL(2) LONG("b"));
    (void)state;
    for (int i = 0; i < COUNT; i++)
        length += snprintf(ini + length, sizeof ini - (size_t)length,
                           "[task a%d]\nevery = 1d\ncommand = true\ntokens = 2\n", i);
    struct fixture *f = known(ini, false);
    trigger(f, "b");
    for (int i = 0; i < COUNT; i++) {
        char name[20];
        snprintf(name, sizeof name, "a%d", i);
        fixture_trigger(f, name);
        if (fixture_find(f, ACTION_OPEN))
            fixture_session(f, EVENT_SESSION_OPENED, fixture_need(f, ACTION_OPEN)->session);
        if (fixture_find(f, ACTION_HISTORY))
            say(f, asked(f), WRITTEN, 0);
        accept_claim(f, fixture_started(f, name));
    }
    assert_int_equal(f->core->begun_count, 1);
    fixture_drain(f);
    assert_int_equal(fixture_count(f, ACTION_RECORD), COUNT);
    assert_int_equal(f->core->begun_count, 1);
    fixture_destroy(f);
}

static void drain_while_a_claim_is_under_way_skips_its_run(void **state) {
    struct fixture *f = known(POOL(1) COMMAND("a"), false);
    (void)state;
    struct handle run = trigger(f, "a");
    fixture_drain(f);
    expect(f, run, STAGE_CLAIM, RUN_RUNNING);
    accept_claim(f, run);
    assert_null(fixture_find(f, ACTION_START));
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_DRAIN);
    asked(f); /* its row says `running` as yet */
    fixture_destroy(f);
}

/* --- reload --- */

static void reload_turns_the_history_on(void **state) {
    struct fixture *f = fixture_create_unarmed(OFF(2) SQL("a") COMMAND("b"));
    (void)state;
    fixture_warm_up(f, "a");
    fixture_reload(f, POOL(2) SQL("a") COMMAND("b"));
    struct handle session = asked(f);
    fixture_trigger(f, "b");
    assert_null(fixture_find(f, ACTION_START));
    say(f, session, RESTORED, 0);
    expect(f, fixture_started(f, "b"), STAGE_CLAIM, RUN_RUNNING);
    fixture_destroy(f);
}

static void reload_turns_the_history_off(void **state) {
    struct fixture *f = known(POOL(2) COMMAND("a") SQL("b"), false);
    (void)state;
    leave_record(f, "b");
    fixture_reload(f, OFF(2) COMMAND("a") SQL("b"));
    assert_int_equal(state_of(f), RECORDING_OFF);
    fixture_pass(f, 1 * S);
    assert_null(fixture_find(f, ACTION_HISTORY));
    expect(f, trigger(f, "a"), STAGE_WHOLE, RUN_RUNNING);
    assert_int_equal(core_run(f->core, trigger(f, "b"))->claim, CLAIM_NONE);
    fixture_drain(f);
    assert_null(fixture_find(f, ACTION_HISTORY));
    fixture_destroy(f);
}

/* What is under way when it is turned off: its refusal says nothing any more. */
static void reload_off_under_a_claim_goes_on_without(void **state) {
    static const enum failure_kind failures[] = {FAILURE_CLAIM, FAILURE_CLAIM_WAIT};
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct fixture *f = known(POOL(2) COMMAND("a"), false);
        struct handle run = trigger(f, "a");
        fixture_reload(f, OFF(2) COMMAND("a"));
        refuse(f, run, failures[i]);
        assert_int_equal(state_of(f), RECORDING_OFF);
        assert_null(fixture_find(f, ACTION_HISTORY_STATE));
        expect(f, run, STAGE_WHOLE, RUN_RUNNING);
        fixture_destroy(f);
    }
}

static void reload_off_while_the_session_is_asked_ignores_the_answer(void **state) {
    static const enum said all[] = {RESTORED, WRITTEN, PASSING, LASTING};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct fixture *f = fixture_create_unarmed(POOL(2) SQL("a"));
        struct handle session = open_one(f);
        fixture_reload(f, OFF(2) SQL("a"));
        say(f, session, all[i], 5);
        assert_int_equal(state_of(f), RECORDING_OFF);
        assert_int_equal(core_session(f->core, session)->state, CORE_SESSION_WARM);
        trigger(f, "a");
        fixture_destroy(f);
    }
}

/* The history learns of new tasks, but nobody waits for that. */
static void reload_tells_the_history_and_goes_on(void **state) {
    struct fixture *f = known(POOL(2) SQL("a"), false);
    (void)state;
    fixture_reload(f, POOL(2) SQL("a") SQL("b"));
    struct handle session = asked(f);
    assert_false(pool_of(f)->recording.restored);
    fixture_trigger(f, "b");
    say(f, session, PASSING, 0);
    assert_int_equal(core_run(f->core, fixture_started(f, "b"))->claim, CLAIM_WITHIN);
    end(f, fixture_started(f, "b"), OUTCOME_OK);
    fixture_pass(f, 1 * S);
    say(f, asked(f), RESTORED, 0);
    assert_true(pool_of(f)->recording.restored);
    assert_int_equal(state_of(f), RECORDING_ON);
    assert_null(fixture_find(f, ACTION_HISTORY_STATE));
    fixture_destroy(f);
}

/* Goes over to a file whose pool has another database. */
static void reload_elsewhere(struct fixture *f, const char *ini, const char *place) {
    struct taskset *set = helper_taskset(ini);
    char *copy = arena_text(&set->arena, place, strlen(place));
    set->pools[0].place = copy;
    core_reload(f->core, set, f->now, f->wall);
    taskset_unref(set);
    fixture_tick(f);
}

/* What was read in one database is not written to another: the pool stays until it is, and so does its record. */
static void reload_to_another_database_ends_a_run_where_it_began(void **state) {
    static const char ini[] = POOL(2) STAGED("a");
    struct fixture *f = known(ini, false);
    (void)state;
    reload_elsewhere(f, ini, "here");
    assert_int_equal(f->core->pool_count, 1);
    say(f, asked(f), RESTORED, 0);
    struct handle run = trigger(f, "a");
    struct event read = {0};
    read.ended.outcome = OUTCOME_OK;
    read.ended.claimed = true;
    read.ended.claimed_from = core_run(f->core, run)->due_first;
    read.ended.row_count = 3;
    end_event(f, run, read);
    expect(f, run, STAGE_WORK, RUN_RUNNING);
    reload_elsewhere(f, ini, "there");
    assert_int_equal(f->core->pool_count, 2);
    assert_int_equal(core_run(f->core, run)->pool, 1);
    assert_true(f->core->pools[1].retired);
    assert_int_equal(state_of(f), RECORDING_NEW); /* the other database's history is not known */
    assert_string_equal(f->core->pools[core_run(f->core, run)->pool].settings->place, "here");
    end(f, run, OUTCOME_OK);
    expect(f, run, STAGE_WRITE, core_run(f->core, run)->state);
    if (core_run(f->core, run)->state == RUN_RUNNING)
        assert_int_equal(core_session(f->core, core_run(f->core, run)->session)->pool, 1);
    reload_elsewhere(f, ini, "here"); /* back: it is the same pool again */
    assert_int_equal(core_run(f->core, run)->pool, 0);
    assert_string_equal(f->core->pools[0].settings->place, "here");
    fixture_destroy(f);
}

/* --- no busy loop --- */

/* Answers nothing but what `answer` does to each action, and counts the ticks until `until`. */
static void expect_calm(struct fixture *f, const char *name, void (*answer)(struct fixture *),
                        int64_t until_us, int most) {
    int ticks = 0;
    while (f->now.us < until_us) {
        if (answer)
            answer(f);
        int64_t wake = core_next_wake(f->core).us;
        if (wake <= f->now.us || ++ticks > most)
            fail_msg("%s: tick %d at %d ms, next wake %d ms", name, ticks, (int)(f->now.us / MS),
                     (int)(wake / MS));
        if (wake > until_us)
            return;
        fixture_pass(f, wake - f->now.us);
    }
}

static void fail_to_connect(struct fixture *f) {
    const struct action *open = fixture_find(f, ACTION_OPEN);
    if (!open)
        return;
    struct handle session = open->session;
    fixture_fail(f, session, CONNECT_UNREACHABLE);
    assert_null(fixture_find(f, ACTION_OPEN));
    fixture_session(f, EVENT_SESSION_GONE, session);
    assert_null(fixture_find(f, ACTION_OPEN));
}

static void say_lasting(struct fixture *f) {
    if (fixture_find(f, ACTION_HISTORY))
        say(f, asked(f), LASTING, 1);
}

static void say_passing(struct fixture *f) {
    if (fixture_find(f, ACTION_HISTORY))
        say(f, asked(f), PASSING, 1);
}

/* Opens what is asked for, and ends it as soon as it is asked for the history. */
static void lose_when_asked(struct fixture *f) {
    if (fixture_find(f, ACTION_OPEN))
        open_one(f);
    if (fixture_find(f, ACTION_HISTORY))
        lose(f, asked(f));
    if (fixture_find(f, ACTION_OPEN)) /* for what waits; it is asked a second later all the same */
        open_one(f);
    assert_null(fixture_find(f, ACTION_HISTORY));
    for (uint32_t i = 0; i < f->core->run_used; i++) /* it went on without */
        if (f->core->runs[i].state == RUN_RUNNING)
            end(f, core_run_handle(f->core, i), OUTCOME_OK);
}

static void close_what_is_closed(struct fixture *f) {
    const struct action *close = fixture_find(f, ACTION_CLOSE);
    if (close)
        fixture_session(f, EVENT_SESSION_GONE, close->session);
    if (fixture_find(f, ACTION_OPEN))
        open_one(f);
}

static void wake_is_calm_while_connecting_fails(void **state) {
    static const char *const waiting[] = {NULL, "a", "b", "c"};
    (void)state;
    for (size_t i = 0; i < sizeof waiting / sizeof *waiting; i++) {
        struct fixture *f = fixture_create_unarmed(POOL(2) SQL("a") COMMAND("b") COMMAND("c") "tokens = 0\n");
        fail_to_connect(f);
        if (waiting[i])
            fixture_trigger(f, waiting[i]);
        expect_calm(f, "connecting fails", fail_to_connect, 600 * S, 1300);
        assert_true(pool_of(f)->failure_count >= 400); /* it is tried all the same */
        assert_null(fixture_find(f, ACTION_START));
        fixture_destroy(f);
    }
}

static void wake_is_calm_while_the_history_fails(void **state) {
    static const struct {
        const char *name;
        void (*answer)(struct fixture *);
        int most;
    } table[] = {{"broken", say_lasting, 130}, {"passing", say_passing, 650}, {"lost", lose_when_asked, 130}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture *f = fixture_create_unarmed(POOL(2) SQL("a"));
        if (table[i].answer != lose_when_asked)
            open_one(f);
        fixture_trigger(f, "a");
        if (table[i].answer == lose_when_asked) {
            fixture_session(f, EVENT_SESSION_OPENED, core_session_handle(f->core, 0));
            fixture_sample(f, core_session_handle(f->core, 0), 0);
        } else {
            f->count = 0;
            say(f, core_session_handle(f->core, 0), table[i].answer == say_lasting ? LASTING : PASSING, 1);
            if (fixture_find(f, ACTION_START))
                end(f, fixture_started(f, "a"), OUTCOME_OK);
        }
        expect_calm(f, table[i].name, table[i].answer, 600 * S, table[i].most);
        fixture_destroy(f);
    }
}

/* It gives up on a session that does not answer, and then on the history: nothing waits for it any longer. */
static void wake_is_calm_while_the_session_does_not_answer(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    (void)state;
    open_one(f);
    fixture_trigger(f, "a");
    expect_calm(f, "waiting for an answer", NULL, ANSWER_WAIT_US - 1, 10);
    fixture_pass(f, ANSWER_WAIT_US - f->now.us);
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_TIMEOUT);
    assert_int_equal(fixture_count(f, ACTION_HISTORY_STATE), 1);
    assert_int_equal(state_of(f), RECORDING_BROKEN);
    fixture_session(f, EVENT_SESSION_GONE, fixture_need(f, ACTION_CLOSE)->session);
    fixture_session(f, EVENT_SESSION_OPENED, fixture_need(f, ACTION_OPEN)->session);
    assert_int_equal(core_run(f->core, fixture_started(f, "a"))->claim, CLAIM_NONE);
    end(f, fixture_started(f, "a"), OUTCOME_OK);
    expect_calm(f, "silent", close_what_is_closed, 600 * S, 80);
    fixture_destroy(f);
}

static void wake_with_nothing_to_do_is_the_next_look(void **state) {
    struct fixture *f = known(POOL(1) SQL("a"), false);
    (void)state;
    assert_true(core_next_wake(f->core).us >= 3000 * S);
    fixture_tick(f);
    assert_int_equal(f->count, 0);
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_grants_nothing_before_the_history_is_read),
        cmocka_unit_test(start_without_history_opens_nothing),
        cmocka_unit_test(start_whose_history_is_refused_goes_on_without),
        cmocka_unit_test(start_whose_session_is_lost_each_time_goes_on_without),
        cmocka_unit_test(session_lost_now_and_then_breaks_no_history),
        cmocka_unit_test(start_told_to_wait_asks_again_in_a_second),
        cmocka_unit_test(start_told_to_wait_for_too_long_goes_on_without),
        cmocka_unit_test(start_restores_a_task_once),
        cmocka_unit_test(claim_follows_from_the_kind_of_task),
        cmocka_unit_test(claim_of_what_is_known_to_be_simple_comes_before),
        cmocka_unit_test(claim_within_is_told_in_the_record),
        cmocka_unit_test(claim_takes_one_token_then_the_command_its_own),
        cmocka_unit_test(claim_then_work_without_a_token_then_a_write_that_says_so),
        cmocka_unit_test(claim_is_not_the_beginning),
        cmocka_unit_test(claimed_run_that_waits_is_joined),
        cmocka_unit_test(claimed_triggered_run_is_waited_for),
        cmocka_unit_test(record_has_the_keys_that_its_run_was_started_with),
        cmocka_unit_test(claimed_runs_that_may_overlap_do_not_pile_up),
        cmocka_unit_test(claim_from_later_answers_the_rest),
        cmocka_unit_test(claimed_run_is_not_claimed_again_by_a_further_attempt),
        cmocka_unit_test(claim_taken_is_answered_elsewhere_and_counts_nothing),
        cmocka_unit_test(claim_taken_ten_minutes_ahead_keeps_the_task_waiting),
        cmocka_unit_test(resolved_run_counts_as_what_it_was),
        cmocka_unit_test(claim_failing_repeats_the_run_without),
        cmocka_unit_test(claim_failing_twice_is_told_once),
        cmocka_unit_test(claim_that_waited_too_long_is_delayed_and_the_table_doubted),
        cmocka_unit_test(claim_that_waited_for_a_locked_table_goes_without),
        cmocka_unit_test(claim_without_an_answer_is_repeated_a_little_later),
        cmocka_unit_test(claim_that_loses_its_session_each_time_goes_without),
        cmocka_unit_test(claim_before_a_text_is_repeated_when_its_session_is_lost),
        cmocka_unit_test(write_whose_run_is_gone_fails_for_good),
        cmocka_unit_test(write_whose_history_fails_is_written_without),
        cmocka_unit_test(broken_is_tried_every_ten_seconds_and_comes_back),
        cmocka_unit_test(broken_starts_commands_at_once),
        cmocka_unit_test(records_are_gathered_for_a_while),
        cmocka_unit_test(records_wait_longer_while_runs_do),
        cmocka_unit_test(records_that_are_many_do_not_wait),
        cmocka_unit_test(records_that_are_left_do_not_wait_again),
        cmocka_unit_test(records_that_came_meanwhile_are_gathered_as_well),
        cmocka_unit_test(records_refused_for_now_wait_a_second),
        cmocka_unit_test(records_whose_session_is_lost_are_sent_again_later),
        cmocka_unit_test(records_without_a_session_open_one),
        cmocka_unit_test(records_are_written_under_steady_work),
        cmocka_unit_test(drain_writes_its_records_at_once_then_stops),
        cmocka_unit_test(drain_waits_for_the_history_up_to_its_deadline),
        cmocka_unit_test(drain_in_a_hurry_does_not_wait_for_the_history),
        cmocka_unit_test(drain_does_not_wait_for_a_broken_history),
        cmocka_unit_test(drain_opens_a_session_for_records),
        cmocka_unit_test(drain_opens_one_up_to_its_deadline),
        cmocka_unit_test(drain_does_not_wait_for_a_server_that_takes_no_session),
        cmocka_unit_test(drain_skips_what_is_claimed_and_waits),
        cmocka_unit_test(drain_skips_any_number_of_claimed_ones),
        cmocka_unit_test(drain_while_a_claim_is_under_way_skips_its_run),
        cmocka_unit_test(reload_turns_the_history_on),
        cmocka_unit_test(reload_turns_the_history_off),
        cmocka_unit_test(reload_off_under_a_claim_goes_on_without),
        cmocka_unit_test(reload_off_while_the_session_is_asked_ignores_the_answer),
        cmocka_unit_test(reload_tells_the_history_and_goes_on),
        cmocka_unit_test(reload_to_another_database_ends_a_run_where_it_began),
        cmocka_unit_test(wake_is_calm_while_connecting_fails),
        cmocka_unit_test(wake_is_calm_while_the_history_fails),
        cmocka_unit_test(wake_is_calm_while_the_session_does_not_answer),
        cmocka_unit_test(wake_with_nothing_to_do_is_the_next_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
