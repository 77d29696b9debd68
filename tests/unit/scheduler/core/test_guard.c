/*
 * Guards (`when`) on a whole core: what is asked, what a no leaves, and what a yes leads to.
 */
#include "tests/unit/fixture.h"

#include "scheduler/status/words.h"
#include "tasks/text.h"

#define S  US_PER_S
#define MS US_PER_MS

#define POOL(size)    "[pool p]\nsize = " #size "\nidle = 1h\nrecycle = 1h\nping = 1h\n"
#define TASK(name)    "[task " name "]\nevery = 10s\nphase = 0\n"
#define WHEN          "when = SELECT true\n"
#define SQL(name)     TASK(name) "sql = SELECT 1\n"
#define COMMAND(name) TASK(name) "command = true\n"
#define STAGED(name)  TASK(name) "read = SELECT 1\nwork = true\nwrite = SELECT 2\n"

static void expect(const struct fixture *f, struct handle handle, enum stage stage, enum run_state state) {
    const struct run *run = core_run(f->core, handle);
    assert_non_null(run);
    assert_int_equal(run->stage, stage);
    assert_int_equal(run->state, state);
}

static const struct record *record_of(const struct fixture *f, struct handle run) {
    for (uint32_t i = 0; i < f->count; i++)
        if (f->kept[i].kind == ACTION_RECORD && handle_is(f->kept[i].run, run))
            return &f->kept[i].record;
    fail_msg("no record");
    return NULL;
}

static const struct task_stats *stats_of(const struct fixture *f, const char *task) {
    return &fixture_core_task(f, task)->stats;
}

/* The answer, and its session is clean again. */
static void answer(struct fixture *f, struct handle run, enum outcome outcome) {
    struct handle session = core_run(f->core, run)->session;
    fixture_end(f, run, outcome);
    if (core_session(f->core, session)->state == CORE_SESSION_CLEANING)
        fixture_session(f, EVENT_SESSION_READY, session);
    if (fixture_find(f, ACTION_SAMPLE))
        fixture_sample(f, session, 0);
}

/* Whatever the work is, the first thing is the guard, on a session with its one token. */
static void guard_is_asked_before_any_work(void **state) {
    (void)state;
    static const struct {
        const char *ini;
        enum stage then;
        enum run_state how;
    } table[] = {
        {POOL(4) SQL("a") WHEN, STAGE_WHOLE, RUN_RUNNING},
        {POOL(4) SQL("a") WHEN "tokens = 3\n", STAGE_WHOLE, RUN_RUNNING},
        {POOL(4) COMMAND("a") WHEN, STAGE_WHOLE, RUN_RUNNING},
        {POOL(4) COMMAND("a") WHEN "tokens = 0\n", STAGE_WHOLE, RUN_RUNNING},
        {POOL(4) STAGED("a") WHEN, STAGE_READ, RUN_RUNNING},
        {POOL(4) TASK("a") WHEN "work = true\nwrite = SELECT 1\n", STAGE_WORK, RUN_RUNNING},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct fixture *f = fixture_create_unarmed(table[i].ini);
        struct handle run = fixture_first_run(f, "a");
        expect(f, run, STAGE_WHEN, RUN_RUNNING);
        assert_int_equal(tokens_taken(&f->core->pools[0].tokens), 1);
        answer(f, run, OUTCOME_OK);
        expect(f, run, table[i].then, table[i].how);
        assert_int_equal(stats_of(f, "a")->asked_count, 1);
        assert_int_equal(stats_of(f, "a")->nothing_count, 0);
        fixture_destroy(f);
    }
}

static void guard_no_ends_the_run_as_nothing(void **state) {
    (void)state;
    struct fixture *f = fixture_create_unarmed(POOL(1) COMMAND("a") WHEN);
    struct handle run = fixture_first_run(f, "a");
    fixture_advance(f, 3 * MS);
    answer(f, run, OUTCOME_NOTHING);
    assert_null(core_run(f->core, run));
    assert_null(fixture_find(f, ACTION_START));
    const struct task_stats *stats = stats_of(f, "a");
    assert_true(stats->asked_count == 1 && stats->nothing_count == 1 && stats->ok_count + stats->failed_count == 0);
    assert_int_equal(stats->last_outcome, OUTCOME_NOTHING);
    assert_int_equal(stats->session_us, 3 * MS);
    assert_int_equal(quantile_get(&f->core->took[fixture_task(f, "a")], 500), -1); /* of the work */
    assert_int_equal(f->core->begun_count, 0);
    fixture_destroy(f);
}

static void guard_no_is_told_and_not_kept(void **state) {
    (void)state;
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") WHEN);
    struct handle run = fixture_first_run(f, "a");
    fixture_end(f, run, OUTCOME_NOTHING);
    const struct record *record = record_of(f, run);
    assert_int_equal(record->outcome, OUTCOME_NOTHING);
    assert_true(record->said_no && !record->kept && record->attempt_count == 1);
    fixture_destroy(f);
}

/* Its start is the work's: how long that takes is learned apart from the guard, and the record is of it alone. */
static void guard_time_is_not_the_work_s(void **state) {
    (void)state;
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") WHEN);
    struct handle run = fixture_first_run(f, "a");
    fixture_advance(f, 2 * S);
    answer(f, run, OUTCOME_OK);
    expect(f, run, STAGE_WHOLE, RUN_RUNNING);
    fixture_advance(f, 7 * MS);
    fixture_end(f, run, OUTCOME_OK);
    const struct record *record = record_of(f, run);
    assert_true(record->took_us == 7 * MS && record->session_us == 7 * MS && record->kept);
    assert_true(record->lateness_us >= 2 * S);
    const struct core_task *task = fixture_core_task(f, "a");
    assert_int_equal(task->expected_us[STAGE_WHEN], 2 * S);
    assert_int_equal(task->expected_us[STAGE_WHOLE], 7 * MS);
    assert_int_equal(task->stats.session_us, 2 * S + 7 * MS);
    fixture_destroy(f);
}

/* Once it is known to be short, it goes down a session that others use, whatever its work needs. */
static void guard_shares_a_session(void **state) {
    (void)state;
    struct fixture *f = fixture_create_unarmed(POOL(4) COMMAND("a") WHEN COMMAND("b") WHEN "overlap = allow\n");
    struct handle run = fixture_first_run(f, "a");
    fixture_advance(f, 1 * MS);
    answer(f, run, OUTCOME_NOTHING);
    fixture_trigger(f, "b");
    run = fixture_started(f, "b");
    fixture_advance(f, 1 * MS);
    answer(f, run, OUTCOME_NOTHING);
    fixture_trigger(f, "a");
    run = fixture_started(f, "a");
    fixture_trigger(f, "b");
    struct handle other = fixture_started(f, "b");
    expect(f, run, STAGE_WHEN, RUN_RUNNING);
    expect(f, other, STAGE_WHEN, RUN_SENT);
    assert_true(handle_is(core_run(f->core, run)->session, core_run(f->core, other)->session));
    assert_int_equal(fixture_core_task(f, "b")->protocol, PROTOCOL_UNKNOWN);
    fixture_end(f, run, OUTCOME_NOTHING);
    expect(f, other, STAGE_WHEN, RUN_RUNNING);
    fixture_destroy(f);
}

/* As of the work; a lost session is no answer. */
static void guard_failure_is_the_run_s(void **state) {
    (void)state;
    struct fixture *f = fixture_create_unarmed(POOL(1) COMMAND("a") WHEN "hold_after = 1\n");
    struct handle run = fixture_first_run(f, "a");
    fixture_end(f, run, OUTCOME_FAILED);
    const struct record *record = record_of(f, run);
    assert_true(record->outcome == OUTCOME_FAILED && record->kept && !record->said_no);
    assert_non_null(fixture_find(f, ACTION_HOLD));
    assert_int_equal(stats_of(f, "a")->asked_count, 0);
    fixture_destroy(f);

    f = fixture_create_unarmed(POOL(1) COMMAND("a") WHEN);
    run = fixture_first_run(f, "a");
    fixture_end_with(f, run, OUTCOME_FAILED, FAILURE_LOST, 0);
    assert_non_null(fixture_find(f, ACTION_RETRY));
    expect(f, run, STAGE_WHEN, RUN_DELAYED);
    fixture_destroy(f);
}

static void guard_timeout_is_the_task_s(void **state) {
    (void)state;
    struct fixture *f = fixture_create_unarmed(POOL(1) STAGED("a") WHEN "timeout = 1s\n");
    struct handle run = fixture_first_run(f, "a");
    fixture_pass(f, 1 * S);
    assert_non_null(fixture_find(f, ACTION_CANCEL));
    fixture_end_with(f, run, OUTCOME_FAILED, FAILURE_CANCEL, 0);
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_TIMEOUT);
    fixture_destroy(f);
}

/* The next attempt asks again; a run that failed before is on record, whatever is said then. */
static void guard_is_asked_at_each_attempt(void **state) {
    (void)state;
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") WHEN "retries = 3\nretry_delay = 1s\n");
    struct handle run = fixture_first_run(f, "a");
    answer(f, run, OUTCOME_OK);
    answer(f, run, OUTCOME_FAILED);
    expect(f, run, STAGE_WHEN, RUN_DELAYED);
    fixture_pass(f, 1 * S);
    expect(f, run, STAGE_WHEN, RUN_RUNNING);
    answer(f, run, OUTCOME_OK);
    expect(f, run, STAGE_WHOLE, RUN_RUNNING);
    answer(f, run, OUTCOME_FAILED);
    fixture_pass(f, 1 * S);
    fixture_end(f, run, OUTCOME_NOTHING);
    const struct record *record = record_of(f, run);
    assert_true(record->said_no && record->kept && record->attempt_count == 3);
    fixture_destroy(f);
}

/* After the yes the run waits as any other that has not begun: what becomes due joins it, a drain skips it. */
static void guard_yes_waits_for_its_token(void **state) {
    (void)state;
    struct fixture *f = fixture_create(POOL(2) COMMAND("a") "tokens = 2\n" WHEN
                                       "[task b]\nevery = 1d\nphase = 1h\ncommand = true\n");
    struct handle run = fixture_first_run(f, "a");
    fixture_trigger(f, "b");
    struct handle other = fixture_started(f, "b");
    answer(f, run, OUTCOME_OK);
    expect(f, run, STAGE_WHOLE, RUN_WAITING);
    assert_false(core_run(f->core, run)->begun);
    fixture_pass(f, 10 * S);
    fixture_pass(f, 10 * S);
    assert_int_equal(core_run(f->core, run)->occurrence_count, 2);
    expect(f, run, STAGE_WHOLE, RUN_WAITING);
    fixture_drain(f);
    assert_int_equal(record_of(f, run)->skip, SKIP_DRAIN);
    expect(f, other, STAGE_WHOLE, RUN_RUNNING);
    fixture_destroy(f);
}

/* Another guard, or other work, is asked anew; the same goes on with what was said. */
static void guard_yes_holds_over_a_reload_of_the_same_work(void **state) {
    (void)state;
    static const char *const inis[] = {
        POOL(2) COMMAND("a") "tokens = 2\n" WHEN COMMAND("b"),
        POOL(2) COMMAND("a") "tokens = 2\npriority = high\n" WHEN COMMAND("b"),
        POOL(2) COMMAND("a") "tokens = 2\nwhen = SELECT false\n" COMMAND("b"),
    };
    for (size_t i = 0; i < COUNT(inis); i++) {
        struct fixture *f = fixture_create_unarmed(inis[0]);
        struct handle run = fixture_first_run(f, "a");
        fixture_trigger(f, "b");
        answer(f, run, OUTCOME_OK);
        expect(f, run, STAGE_WHOLE, RUN_WAITING);
        fixture_reload(f, inis[i]);
        assert_int_equal(core_run(f->core, run)->stage, i < 2 ? STAGE_WHOLE : STAGE_WHEN);
        fixture_destroy(f);
    }
}

/* What waits for a token after the yes until its window closes has to ask again when that opens. */
static void guard_is_asked_again_by_what_was_held(void **state) {
    (void)state;
    struct fixture *f = fixture_create(POOL(2) COMMAND("a") "tokens = 2\nwindow = 01:00-02:00\n" WHEN /* for another 800 s */
                                       "[task b]\nevery = 1d\nphase = 1h\ncommand = true\n"
                                       "[task c]\nevery = 1d\nphase = 1h\nsql = SELECT 1\n");
    fixture_warm_up(f, "c");
    fixture_trigger(f, "b");
    fixture_pass(f, 10 * S);
    struct handle run = fixture_started(f, "a");
    answer(f, run, OUTCOME_OK);
    expect(f, run, STAGE_WHOLE, RUN_WAITING);
    fixture_pass(f, 800 * S);
    expect(f, run, STAGE_WHEN, RUN_HELD);
    assert_false(core_run(f->core, run)->let_pass);
    fixture_destroy(f);
}

/* While the daemon stops a yes begins nothing. */
static void guard_yes_in_a_drain_is_skipped(void **state) {
    (void)state;
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") WHEN);
    struct handle run = fixture_first_run(f, "a");
    fixture_drain(f);
    expect(f, run, STAGE_WHEN, RUN_RUNNING);
    fixture_end(f, run, OUTCOME_OK);
    assert_int_equal(record_of(f, run)->skip, SKIP_DRAIN);
    assert_null(fixture_find(f, ACTION_START));
    fixture_destroy(f);
}

/* Cancelled because others wait behind it, it is not spent. */
static void guard_in_the_way_is_asked_again(void **state) {
    (void)state;
    struct fixture *f = fixture_create_unarmed(POOL(1) COMMAND("a") WHEN "patience = 10ms\n" COMMAND("b") WHEN "patience = 10ms\n");
    static const char *const names[] = {"a", "b"};
    struct handle runs[2];
    runs[0] = fixture_first_run(f, "a");
    fixture_advance(f, 1 * MS);
    answer(f, runs[0], OUTCOME_NOTHING);
    fixture_trigger(f, "b");
    fixture_advance(f, 1 * MS);
    answer(f, fixture_started(f, "b"), OUTCOME_NOTHING);
    for (int i = 0; i < 2; i++) {
        fixture_trigger(f, names[i]);
        runs[i] = fixture_started(f, names[i]);
    }
    fixture_pass(f, 1 * S);
    assert_non_null(fixture_find(f, ACTION_YIELDED));
    fixture_end_with(f, runs[0], OUTCOME_FAILED, FAILURE_CANCEL, 0);
    expect(f, runs[0], STAGE_WHEN, RUN_WAITING);
    assert_int_equal(stats_of(f, "a")->failed_count, 0);
    fixture_destroy(f);
}

static void guard_words_tell_what_it_said(void **state) {
    (void)state;
    struct fixture *f = fixture_create_unarmed(POOL(2) COMMAND("a") "tokens = 2\n" WHEN COMMAND("b"));
    struct status_context context = {0};
    struct status status;
    struct text note = {0};
    answer(f, fixture_first_run(f, "a"), OUTCOME_NOTHING);
    fixture_trigger(f, "a");
    struct handle run = fixture_started(f, "a");
    status_init(&status, f->core, f->now, &context);
    assert_int_equal(status_task_state(&status, fixture_task(f, "a")), TASK_ASKING);
    status_finish(&status);
    fixture_trigger(f, "b");
    answer(f, run, OUTCOME_OK);
    status_init(&status, f->core, f->now, &context);
    struct status_row row = status_row(&status, fixture_task(f, "a"));
    status_note(&status, &row, &note);
    helper_expect_text("note", note.bytes,
                       "when said yes; too few tokens: needs 2, has 1, longest b 0.0ms; when said no 1 of 2 times");
    text_finish(&note);
    status_finish(&status);
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guard_is_asked_before_any_work),
        cmocka_unit_test(guard_no_ends_the_run_as_nothing),
        cmocka_unit_test(guard_no_is_told_and_not_kept),
        cmocka_unit_test(guard_time_is_not_the_work_s),
        cmocka_unit_test(guard_shares_a_session),
        cmocka_unit_test(guard_failure_is_the_run_s),
        cmocka_unit_test(guard_timeout_is_the_task_s),
        cmocka_unit_test(guard_is_asked_at_each_attempt),
        cmocka_unit_test(guard_yes_waits_for_its_token),
        cmocka_unit_test(guard_yes_holds_over_a_reload_of_the_same_work),
        cmocka_unit_test(guard_is_asked_again_by_what_was_held),
        cmocka_unit_test(guard_yes_in_a_drain_is_skipped),
        cmocka_unit_test(guard_in_the_way_is_asked_again),
        cmocka_unit_test(guard_words_tell_what_it_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
