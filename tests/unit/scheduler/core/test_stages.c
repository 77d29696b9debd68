/*
 * Runs of several stages, attempts and holds, on a whole core.
 */
#include "tests/unit/fixture.h"

#include "scheduler/status/rows.h"
#include "tasks/text.h"

#define S  US_PER_S
#define MS US_PER_MS

#define POOL(size)   "[pool p]\nsize = " #size "\nidle = 1h\nrecycle = 1h\nping = 1h\n"
#define TASK(name)   "[task " name "]\nevery = 10s\nphase = 0\n"
#define SQL(name)    TASK(name) "sql = SELECT 1\n"
#define STAGED(name) TASK(name) "read = SELECT 1\nwork = true\nwrite = SELECT 2\n"

static const struct tokens *tokens_of(const struct fixture *f) {
    return &f->core->pools[0].tokens;
}

static void expect(const struct fixture *f, struct handle handle, enum stage stage, enum run_state state) {
    const struct run *run = core_run(f->core, handle);
    assert_non_null(run);
    assert_int_equal(run->stage, stage);
    assert_int_equal(run->state, state);
}

static bool is_under_way(const struct fixture *f, struct handle run) {
    return core_run(f->core, run) != NULL;
}

/* The session answers that it is clean; then the look at the database, if one is due. */
static void clean(struct fixture *f, struct handle session) {
    if (session.generation == 0 || !core_session(f->core, session))
        return;
    fixture_session(f, EVENT_SESSION_READY, session);
    if (fixture_find(f, ACTION_SAMPLE))
        fixture_sample(f, session, 0);
}

/* What the end of a stage brings, without what the clean session brings. */
static struct handle end_dirty(struct fixture *f, struct handle run, enum outcome outcome, uint64_t rows) {
    struct handle session = core_run(f->core, run)->session;
    fixture_end_with(f, run, outcome, FAILURE_OTHER, rows);
    return session;
}

static void end(struct fixture *f, struct handle run, enum outcome outcome, uint64_t rows) {
    clean(f, end_dirty(f, run, outcome, rows));
}

/* A run of `task` whose work is under way; its session is warm. */
static struct handle at_work(struct fixture *f, const char *task, uint64_t rows) {
    struct handle run = fixture_first_run(f, task);
    end(f, run, OUTCOME_OK, rows);
    expect(f, run, STAGE_WORK, RUN_RUNNING);
    return run;
}

/* And one whose write is under way. */
static struct handle at_write(struct fixture *f, const char *task) {
    struct handle run = at_work(f, task, 3);
    end(f, run, OUTCOME_OK, 3);
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    return run;
}

static const struct record *record_of(const struct fixture *f, struct handle run) {
    for (uint32_t i = 0; i < f->count; i++)
        if (f->kept[i].kind == ACTION_RECORD && handle_is(f->kept[i].run, run))
            return &f->kept[i].record;
    fail_msg("no record");
    return NULL;
}

/* --- from stage to stage --- */

static void stages_hold_their_token_only_on_the_database(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) STAGED("a") SQL("b"));
    (void)state;
    struct handle run = fixture_first_run(f, "a"), session = core_run(f->core, run)->session;
    expect(f, run, STAGE_READ, RUN_RUNNING);
    assert_int_equal(tokens_taken(tokens_of(f)), 1);
    fixture_advance(f, 2 * S);
    end_dirty(f, run, OUTCOME_OK, 3);
    assert_true(handle_is(fixture_started(f, "a"), run)); /* it does not wait for the session to be clean */
    assert_int_equal(fixture_need(f, ACTION_START)->session.generation, 0);
    clean(f, session);
    assert_int_equal(tokens_taken(tokens_of(f)), 0);
    fixture_trigger(f, "b");
    struct handle other = fixture_started(f, "b");
    assert_int_equal(tokens_taken(tokens_of(f)), 1);
    fixture_advance(f, 30 * S);
    end(f, run, OUTCOME_OK, 3);
    expect(f, run, STAGE_WRITE, RUN_WAITING); /* the other one has the only token */
    end(f, other, OUTCOME_OK, 1);
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    fixture_advance(f, 1 * S);
    end_dirty(f, run, OUTCOME_OK, 3);
    const struct record *record = record_of(f, run);
    assert_int_equal(record->outcome, OUTCOME_OK);
    assert_int_equal(record->session_us, 3 * S);
    assert_int_equal(record->outside_us, 30 * S);
    assert_int_equal(record->took_us, 33 * S);
    assert_int_equal(record->row_count, 3);
    assert_int_equal(record->attempt_count, 1);
    assert_int_equal(fixture_core_task(f, "a")->stats.ok_count, 1);
    assert_int_equal(fixture_core_task(f, "a")->running_count, 0);
    assert_int_equal(f->core->child_count, 0);
    fixture_destroy(f);
}

static void stages_read_without_rows_ends_as_nothing(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) STAGED("a"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    end_dirty(f, run, OUTCOME_OK, 0);
    assert_null(fixture_find(f, ACTION_START));
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_NOTHING);
    assert_int_equal(fixture_core_task(f, "a")->stats.ok_count, 1);
    assert_int_equal(f->core->begun_count, 0);
    fixture_destroy(f);
}

static void stages_work_without_lines_writes_nothing(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) STAGED("a"));
    (void)state;
    struct handle run = at_work(f, "a", 3);
    end_dirty(f, run, OUTCOME_OK, 0);
    assert_null(fixture_find(f, ACTION_START));
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_OK);
    fixture_destroy(f);
}

static void stages_without_read_begin_with_work(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) TASK("a") "work = true\nwrite = SELECT 2\n");
    (void)state;
    fixture_trigger(f, "a");
    struct handle run = fixture_started(f, "a");
    expect(f, run, STAGE_WORK, RUN_RUNNING);
    assert_null(fixture_find(f, ACTION_OPEN)); /* its session is opened once there is something to write */
    fixture_end_with(f, run, OUTCOME_OK, FAILURE_OTHER, 2);
    expect(f, run, STAGE_WRITE, RUN_WAITING);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    end_dirty(f, run, OUTCOME_OK, 2);
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_OK);
    fixture_destroy(f);
}

static void stages_without_write_end_with_work(void **state) {
    static const enum outcome outcomes[] = {OUTCOME_OK, OUTCOME_FAILED};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fixture *f = fixture_create_unarmed(POOL(1) TASK("a") "read = SELECT 1\nwork = true\n");
        struct handle run = at_work(f, "a", 1);
        end_dirty(f, run, outcomes[i], 7);
        assert_int_equal(record_of(f, run)->outcome, outcomes[i]);
        assert_int_equal(record_of(f, run)->row_count, 7);
        fixture_destroy(f);
    }
}

static void stages_work_that_failed_in_part_is_written_and_recorded_as_failed(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) STAGED("a") "retries = 3\n");
    (void)state;
    struct handle run = at_work(f, "a", 3);
    end(f, run, OUTCOME_FAILED, 2);
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    end_dirty(f, run, OUTCOME_OK, 2);
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_FAILED);
    assert_int_equal(record_of(f, run)->attempt_count, 1);
    assert_int_equal(fixture_core_task(f, "a")->failed_in_row, 0);
    fixture_destroy(f);
}

static void stages_lost_answer_to_a_write_is_unknown_and_not_repeated(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) STAGED("a") "retries = 3\n");
    (void)state;
    struct handle run = at_write(f, "a");
    fixture_end_with(f, run, OUTCOME_UNKNOWN, FAILURE_LOST, 0);
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_UNKNOWN);
    assert_null(fixture_find(f, ACTION_RETRY));
    fixture_destroy(f);
}

static void stages_write_that_never_reached_the_server_waits_again(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) STAGED("a"));
    (void)state;
    struct handle run = at_write(f, "a"), session = core_run(f->core, run)->session;
    fixture_session(f, EVENT_SESSION_BROKEN, session);
    fixture_unsent(f, run);
    expect(f, run, STAGE_WRITE, RUN_WAITING);
    fixture_session(f, EVENT_SESSION_GONE, session);
    session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    if (fixture_find(f, ACTION_SAMPLE))
        fixture_sample(f, session, 0);
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    end_dirty(f, run, OUTCOME_OK, 3);
    assert_int_equal(record_of(f, run)->attempt_count, 1);
    fixture_destroy(f);
}

/* --- who goes first --- */

static void half_done_goes_before_new_runs_but_not_before_a_higher_priority(void **state) {
    static const struct {
        const char *priority;
        bool write_first;
    } table[] = {{"low", true}, {"normal", true}, {"high", false}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct text ini = {0};
        text_add(&ini, POOL(1) STAGED("a") "patience = 0\n" SQL("b") SQL("c") "priority = %s\npatience = 0\n",
                 table[i].priority);
        struct fixture *f = fixture_create_unarmed(ini.bytes);
        struct handle run = at_work(f, "a", 1);
        fixture_trigger(f, "b");
        struct handle first = fixture_started(f, "b");
        fixture_trigger(f, "c"); /* waits for longer than what is half done */
        fixture_pass(f, 5 * S);
        end(f, run, OUTCOME_OK, 1);
        end(f, first, OUTCOME_OK, 1);
        if ((core_run(f->core, run)->state == RUN_RUNNING) != table[i].write_first)
            fail_msg("priority %s", table[i].priority);
        assert_int_equal(fixture_count(f, ACTION_START), 1);
        fixture_destroy(f);
        text_finish(&ini);
    }
}

static void half_done_is_shared_with_by_no_other_session(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("b") SQL("c") STAGED("a"));
    (void)state;
    clean(f, fixture_warm_up(f, "b"));
    fixture_trigger(f, "c");
    end(f, fixture_started(f, "c"), OUTCOME_OK, 1); /* both are known to be short */
    fixture_trigger(f, "a");
    struct handle run = fixture_started(f, "a");
    end(f, run, OUTCOME_OK, 1);
    fixture_trigger(f, "b");
    struct handle first = fixture_started(f, "b");
    fixture_end_with(f, run, OUTCOME_OK, FAILURE_OTHER, 1);
    fixture_trigger(f, "c"); /* it would fit behind b */
    assert_null(fixture_find(f, ACTION_START));
    end(f, first, OUTCOME_OK, 1);
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    fixture_destroy(f);
}

/* A locked run is in the way of a write as it is in the way of others. */
static void half_done_makes_a_stuck_run_give_way(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("b") STAGED("a") "patience = 1s\n");
    (void)state;
    clean(f, fixture_warm_up(f, "b"));
    fixture_trigger(f, "a");
    struct handle run = fixture_started(f, "a");
    end(f, run, OUTCOME_OK, 1);
    fixture_trigger(f, "b");
    struct handle stuck = fixture_started(f, "b");
    fixture_end_with(f, run, OUTCOME_OK, FAILURE_OTHER, 1);
    for (int i = 0; i < 10 && !fixture_find(f, ACTION_YIELDED); i++)
        fixture_pass(f, core_next_wake(f->core).us - f->now.us);
    assert_true(handle_is(fixture_need(f, ACTION_YIELDED)->run, stuck));
    assert_in_range(f->now.us, 1 * S, 5 * S);
    fixture_destroy(f);
}

static void half_done_asks_a_session_that_sat_long(void **state) {
    struct fixture *f = fixture_create_unarmed("[pool p]\nsize = 1\nidle = 1h\nping = 5s\nsample = 1min\nsample_idle = 1min\n" STAGED("a"));
    (void)state;
    struct handle run = at_work(f, "a", 1);
    fixture_pass(f, 30 * S);
    end(f, run, OUTCOME_OK, 1);
    fixture_session(f, EVENT_SESSION_READY, fixture_need(f, ACTION_CHECK)->session);
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    fixture_destroy(f);
}

static void children_without_token_are_limited_together(void **state) {
    struct fixture *f = fixture_create_unarmed("[headgate]\nchildren = 5\n" POOL(2) STAGED("a") "work_parallel = 4\n" STAGED(
        "b") "work_parallel = 4\n" STAGED("c") TASK("d") "command = true\ntokens = 0\n");
    (void)state;
    struct handle a = at_work(f, "a", 100);
    assert_int_equal(f->core->child_count, 4);
    fixture_trigger(f, "b");
    struct handle b = fixture_started(f, "b");
    end(f, b, OUTCOME_OK, 2);
    expect(f, b, STAGE_WORK, RUN_WAITING); /* two more would be six */
    fixture_trigger(f, "c");
    struct handle c = fixture_started(f, "c");
    end(f, c, OUTCOME_OK, 100); /* one child gets all rows; it is behind b */
    fixture_trigger(f, "d");
    assert_null(fixture_find(f, ACTION_START));
    end_dirty(f, a, OUTCOME_OK, 0);
    expect(f, b, STAGE_WORK, RUN_RUNNING);
    expect(f, c, STAGE_WORK, RUN_RUNNING);
    fixture_started(f, "d");
    assert_int_equal(f->core->child_count, 2 + 1 + 1);
    fixture_destroy(f);
}

static void children_more_than_the_limit_start_alone(void **state) {
    struct fixture *f = fixture_create_unarmed("[headgate]\nchildren = 2\n" POOL(1) STAGED("a") "work_parallel = 4\n");
    (void)state;
    at_work(f, "a", 100);
    assert_int_equal(f->core->child_count, 4);
    fixture_destroy(f);
}

/* --- what becomes due meanwhile --- */

static void overlap_is_of_the_whole_run(void **state) {
    (void)state;
    for (int queue = 0; queue < 2; queue++) {
        struct fixture *f = fixture_create(queue ? POOL(1) STAGED("a") "overlap = queue\n" : POOL(1) STAGED("a"));
        fixture_pass(f, 10 * S);
        struct handle session = fixture_need(f, ACTION_OPEN)->session;
        fixture_session(f, EVENT_SESSION_OPENED, session);
        fixture_sample(f, session, 0);
        struct handle run = fixture_started(f, "a");
        end(f, run, OUTCOME_OK, 1);
        fixture_pass(f, 10 * S);
        if (fixture_find(f, ACTION_SAMPLE))
            fixture_sample(f, session, 0);
        fixture_pass(f, 10 * S);
        assert_int_equal(fixture_count(f, ACTION_RECORD), !queue);
        if (!queue)
            assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_OVERLAP);
        if (fixture_find(f, ACTION_SAMPLE))
            fixture_sample(f, session, 0);
        end(f, run, OUTCOME_OK, 1);
        expect(f, run, STAGE_WRITE, RUN_RUNNING);
        end_dirty(f, run, OUTCOME_OK, 1);
        assert_int_equal(record_of(f, run)->occurrence_count, 1);
        clean(f, session);
        if (queue)
            assert_int_equal(core_run(f->core, fixture_started(f, "a"))->occurrence_count, 2);
        else
            assert_null(fixture_find(f, ACTION_START));
        fixture_destroy(f);
    }
}

/* What is half done would pile up: no room for the work is no reason to read on. */
static void overlap_allow_begins_nothing_while_two_wait_between_stages(void **state) {
    struct fixture *f = fixture_create("[headgate]\nchildren = 1\n" POOL(1) STAGED("a") "overlap = allow\n");
    (void)state;
    uint32_t starts = 0, skips = 0;
    fixture_pass(f, 10 * S);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    for (int i = 0; i < 10; i++) {
        const struct action *start = fixture_find(f, ACTION_START);
        starts += start != NULL;
        if (start)
            end(f, start->run, OUTCOME_OK, 1); /* of the read; the first one's work takes all the time there is */
        fixture_pass(f, 10 * S);
        skips += fixture_count(f, ACTION_RECORD);
        if (fixture_find(f, ACTION_SAMPLE))
            fixture_sample(f, session, 0);
    }
    assert_int_equal(starts, 3);
    assert_int_equal(skips, 8);
    assert_int_equal(fixture_core_task(f, "a")->between_count, 2);
    fixture_destroy(f);
}

/* --- timeouts --- */

static void timeout_is_of_each_stage(void **state) {
    struct fixture *f = fixture_create_unarmed(
        POOL(1) STAGED("a") "read_timeout = 1s\nwork_timeout = 20s\nwrite_timeout = 3s\nretries = 2\n");
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    fixture_pass(f, 1 * S - 1);
    assert_int_equal(f->count, 0);
    end(f, run, OUTCOME_OK, 1);
    fixture_pass(f, 20 * S - 1);
    assert_null(fixture_find(f, ACTION_CANCEL));
    fixture_pass(f, 1);
    assert_int_equal(fixture_need(f, ACTION_CANCEL)->session.generation, 0);
    fixture_pass(f, STOP_GRACE_US);
    fixture_need(f, ACTION_ABORT);
    end(f, run, OUTCOME_FAILED, 2); /* two lines were there by then */
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    fixture_pass(f, 3 * S);
    assert_true(fixture_need(f, ACTION_CANCEL)->session.generation > 0);
    fixture_end_with(f, run, OUTCOME_FAILED, FAILURE_CANCEL, 0);
    expect(f, run, STAGE_WRITE, RUN_DELAYED); /* of its retries */
    assert_int_equal(core_run(f->core, run)->attempts.conflict_count, 0);
    fixture_destroy(f);
}

static void timeout_of_work_is_the_runs_outcome_once_it_is_written(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) STAGED("a") "timeout = 5s\n");
    (void)state;
    struct handle run = at_work(f, "a", 1);
    fixture_pass(f, 5 * S);
    end(f, run, OUTCOME_FAILED, 1);
    end_dirty(f, run, OUTCOME_OK, 1);
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_TIMEOUT);
    fixture_destroy(f);
}

/* --- attempts --- */

static int64_t delay_of(const struct fixture *f) {
    return fixture_need(f, ACTION_RETRY)->delay_us;
}

static void retry_of_work_begins_with_the_read(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) STAGED("a") "retries = 1\n");
    (void)state;
    struct handle run = at_work(f, "a", 3);
    end_dirty(f, run, OUTCOME_FAILED, 0);
    assert_in_range(delay_of(f), S / 2, S);
    expect(f, run, STAGE_READ, RUN_DELAYED);
    assert_int_equal(fixture_core_task(f, "a")->running_count, 0);
    fixture_pass(f, delay_of(f));
    if (fixture_find(f, ACTION_SAMPLE))
        fixture_sample(f, fixture_need(f, ACTION_SAMPLE)->session, 0);
    expect(f, run, STAGE_READ, RUN_RUNNING);
    end(f, run, OUTCOME_OK, 3);
    end_dirty(f, run, OUTCOME_FAILED, 0);
    const struct record *record = record_of(f, run);
    assert_int_equal(record->outcome, OUTCOME_FAILED);
    assert_int_equal(record->attempt_count, 2);
    assert_true(record->lateness_us == 0 && record->took_us >= record->session_us + record->outside_us);
    assert_int_equal(fixture_core_task(f, "a")->stats.retried_count, 1);
    fixture_destroy(f);
}

static void retry_is_not_made_unless_it_is_asked_for(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) STAGED("a"));
    (void)state;
    struct handle run = at_work(f, "a", 3);
    end_dirty(f, run, OUTCOME_FAILED, 0);
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_FAILED);
    fixture_destroy(f);
}

static void retry_of_a_write_begins_with_the_write(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) STAGED("a"));
    (void)state;
    struct handle run = at_write(f, "a");
    for (int attempt = 0; attempt < 5; attempt++) { /* conflict_retries, by default */
        struct handle session = core_run(f->core, run)->session;
        fixture_end_with(f, run, OUTCOME_FAILED, FAILURE_CONFLICT, 0);
        assert_in_range(delay_of(f), 5 * MS, 10 * MS << attempt);
        expect(f, run, STAGE_WRITE, RUN_DELAYED);
        assert_int_equal(fixture_core_task(f, "a")->running_count, 1); /* it is under way */
        int64_t delay_us = delay_of(f);
        clean(f, session);
        fixture_pass(f, delay_us);
        expect(f, run, STAGE_WRITE, RUN_RUNNING);
    }
    fixture_end_with(f, run, OUTCOME_FAILED, FAILURE_CONFLICT, 0);
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_FAILED);
    assert_int_equal(record_of(f, run)->attempt_count, 6);
    fixture_destroy(f);
}

static void retry_of_conflicts_is_not_counted_against_retries(void **state) {
    static const enum failure_kind failures[] = {FAILURE_CONFLICT, FAILURE_LOST,  FAILURE_OTHER, FAILURE_CONFLICT,
                                                 FAILURE_OTHER,    FAILURE_OTHER, FAILURE_CONFLICT};
    static const bool again[] = {true, true, true, true, true, false};
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") "retries = 2\nconflict_retries = 3\n");
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
        struct handle session = core_run(f->core, run)->session;
        fixture_end_with(f, run, OUTCOME_FAILED, failures[i], 0);
        assert_int_equal(fixture_find(f, ACTION_RETRY) != NULL, again[i]);
        if (!again[i])
            break;
        int64_t delay_us = delay_of(f);
        clean(f, session);
        fixture_pass(f, delay_us);
        if (fixture_find(f, ACTION_SAMPLE))
            fixture_sample(f, session, 0);
        expect(f, run, STAGE_WHOLE, RUN_RUNNING);
    }
    assert_int_equal(record_of(f, run)->attempt_count, 6);
    fixture_destroy(f);
}

static void retry_of_conflicts_ends_where_retries_are_used_up(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") "retries = 2\nconflict_retries = 1\n");
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    uint32_t attempts = 0;
    for (; is_under_way(f, run); attempts++) {
        assert_in_range(attempts, 0, 3);
        struct handle session = core_run(f->core, run)->session;
        fixture_end_with(f, run, OUTCOME_FAILED, FAILURE_CONFLICT, 0);
        int64_t delay_us = fixture_find(f, ACTION_RETRY) ? delay_of(f) : 0;
        clean(f, session);
        fixture_pass(f, delay_us);
        if (fixture_find(f, ACTION_SAMPLE))
            fixture_sample(f, session, 0);
    }
    assert_int_equal(attempts, 4);
    fixture_destroy(f);
}

static void retry_delay_takes_in_what_becomes_due(void **state) {
    struct fixture *f = fixture_create(POOL(1) TASK("a") "command = true\ntokens = 0\nretries = 1\nretry_delay = 50s\n");
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle run = fixture_started(f, "a");
    fixture_pass(f, 1 * S);
    fixture_end(f, run, OUTCOME_FAILED);
    int64_t delay_us = delay_of(f); /* 25 s to 50 s */
    fixture_pass(f, 9 * S);         /* due at 20 s */
    assert_int_equal(f->count, 0);
    fixture_pass(f, delay_us - 9 * S);
    assert_true(handle_is(fixture_started(f, "a"), run));
    int64_t count = 1 + (f->now.us - 10 * S) / (10 * S);
    assert_int_equal(core_run(f->core, run)->occurrence_count, count);
    fixture_end(f, run, OUTCOME_OK);
    assert_int_equal(record_of(f, run)->occurrence_count, count);
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_OK);
    fixture_destroy(f);
}

static void retry_keeps_what_overlap_held(void **state) {
    struct fixture *f = fixture_create(POOL(1) TASK("a") "command = true\ntokens = 0\nretries = 1\noverlap = queue\n");
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle run = fixture_started(f, "a");
    fixture_pass(f, 10 * S); /* a second one is held */
    fixture_end(f, run, OUTCOME_FAILED);
    assert_null(fixture_find(f, ACTION_START));
    fixture_pass(f, delay_of(f));
    assert_true(handle_is(fixture_started(f, "a"), run));
    fixture_end(f, run, OUTCOME_FAILED);
    struct handle held = fixture_started(f, "a");
    assert_int_equal(core_run(f->core, held)->occurrence_count, 1);
    fixture_destroy(f);
}

/* --- on hold --- */

#define HELD TASK("a") "command = true\ntokens = 0\nhold_after = 2\nhold = 25s..1min\n"

/* Becomes due, starts and fails after one second. */
static void fail_once(struct fixture *f) {
    while (!fixture_find(f, ACTION_START))
        fixture_pass(f, core_next_wake(f->core).us - f->now.us);
    struct handle run = fixture_started(f, "a");
    fixture_pass(f, 1 * S);
    fixture_end(f, run, OUTCOME_FAILED);
}

static uint32_t skipped_until_next_start(struct fixture *f) {
    uint32_t count = 0;
    do {
        fixture_pass(f, core_next_wake(f->core).us - f->now.us);
        for (uint32_t i = 0; i < f->count; i++)
            if (f->kept[i].kind == ACTION_RECORD) {
                assert_int_equal(f->kept[i].record.skip, SKIP_HOLD);
                count += (uint32_t)f->kept[i].record.occurrence_count;
            }
    } while (!fixture_find(f, ACTION_START));
    return count;
}

static void hold_skips_for_longer_and_longer_and_tells_each_longer_one(void **state) {
    static const uint32_t skipped[] = {2, 5, 6, 6}; /* of 25 s, 50 s, 60 s, 60 s */
    static const int64_t longer_us[] = {50 * S, 60 * S, 0, 0};
    struct fixture *f = fixture_create(POOL(1) HELD);
    (void)state;
    fail_once(f);
    assert_null(fixture_find(f, ACTION_HOLD));
    f->count = 0;
    fail_once(f);
    assert_int_equal(fixture_need(f, ACTION_HOLD)->delay_us, 25 * S);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(skipped_until_next_start(f), skipped[i]);
        fail_once(f);
        if (longer_us[i])
            assert_int_equal(fixture_need(f, ACTION_HOLD)->delay_us, longer_us[i]);
        else
            assert_null(fixture_find(f, ACTION_HOLD));
    }
    assert_int_equal(skipped_until_next_start(f), 6);
    fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
    assert_int_equal(fixture_core_task(f, "a")->failed_in_row, 0);
    fail_once(f);
    f->count = 0;
    fail_once(f);
    assert_int_equal(fixture_need(f, ACTION_HOLD)->delay_us, 25 * S); /* from the start */
    fixture_destroy(f);
}

static void hold_lets_a_triggered_run_go_whose_success_ends_it(void **state) {
    struct fixture *f = fixture_create(POOL(1) HELD);
    (void)state;
    fail_once(f);
    f->count = 0;
    fail_once(f);
    fixture_trigger(f, "a");
    struct handle run = fixture_started(f, "a");
    fixture_end(f, run, OUTCOME_OK);
    assert_int_equal(record_of(f, run)->occurrence_count, 0);
    fixture_pass(f, core_next_wake(f->core).us - f->now.us);
    fixture_started(f, "a");
    fixture_destroy(f);
}

static void hold_is_shown_as_such(void **state) {
    struct fixture *f = fixture_create(POOL(1) HELD);
    const struct status_context context = {.version = "test"};
    struct status status;
    (void)state;
    fail_once(f);
    f->count = 0;
    fail_once(f);
    status_init(&status, f->core, f->now, &context);
    assert_int_equal(status_row(&status, 0).state, TASK_ON_HOLD);
    status_finish(&status);
    fixture_destroy(f);
}

/* The end of outside work of which `done` pieces ended well, and the rest did not. */
static void end_in_part(struct fixture *f, struct handle run, uint64_t done, uint64_t lines) {
    struct event event = {.kind = EVENT_RUN_ENDED, .run = run};
    event.ended.outcome = OUTCOME_FAILED;
    event.ended.done_count = done;
    event.ended.row_count = lines;
    fixture_step(f, event);
}

/* One bad row among good ones. lines: what the good ones printed; write: how what they printed is written. */
static uint32_t failed_in_row_after(uint64_t done, uint64_t lines, enum outcome write) {
    struct fixture *f = fixture_create(POOL(1) STAGED("a") "work_parallel = 2\nhold_after = 2\n");
    struct handle run = at_work(f, "a", 3);
    f->core->tasks[0].failed_in_row = 1;
    end_in_part(f, run, done, lines);
    if (lines)
        end(f, run, write, 1);
    assert_false(is_under_way(f, run));
    uint32_t count = f->core->tasks[0].failed_in_row;
    assert_int_equal(f->core->tasks[0].held_until.us > 0, count == 2);
    fixture_destroy(f);
    return count;
}

static void hold_does_not_come_of_one_bad_row_among_good_ones(void **state) {
    (void)state;
    assert_int_equal(failed_in_row_after(2, 2, OUTCOME_OK), 0);
    assert_int_equal(failed_in_row_after(2, 0, OUTCOME_OK), 0); /* they printed nothing */
    assert_int_equal(failed_in_row_after(0, 0, OUTCOME_OK), 2);
    assert_int_equal(failed_in_row_after(2, 2, OUTCOME_FAILED), 2); /* nothing of it is kept */
}

static void hold_says_nothing_of_another_text(void **state) {
    struct fixture *f = fixture_create(POOL(1) TASK("a") "command = true\ntokens = 0\nhold_after = 1\n");
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle run = fixture_started(f, "a");
    fixture_reload(f, POOL(1) TASK("a") "command = false\ntokens = 0\nhold_after = 1\n");
    fixture_end(f, run, OUTCOME_FAILED);
    assert_null(fixture_find(f, ACTION_HOLD));
    fixture_pass(f, 10 * S);
    fixture_started(f, "a");
    fixture_destroy(f);
}

/* A person's run waits for the two that are under way; what is skipped on hold keeps later ones from joining
 * it, and so a newer one passes it. */
static void hold_forgets_no_run_that_waits_for_others(void **state) {
    struct fixture *f = fixture_create(
        POOL(1) TASK("a") "command = true\ntokens = 0\noverlap = allow\nhold_after = 1\nhold = 15s\n");
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle first = fixture_started(f, "a");
    fixture_pass(f, 10 * S);
    struct handle second = fixture_started(f, "a");
    fixture_trigger(f, "a");
    fixture_pass(f, 10 * S); /* joins it */
    fixture_end(f, second, OUTCOME_FAILED);
    fixture_pass(f, 10 * S);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_HOLD);
    fixture_pass(f, 10 * S);
    struct handle newer = fixture_started(f, "a");
    fixture_end(f, first, OUTCOME_OK);
    assert_null(fixture_find(f, ACTION_START));
    fixture_end(f, newer, OUTCOME_OK);
    assert_int_equal(core_run(f->core, fixture_started(f, "a"))->occurrence_count, 1);
    fixture_destroy(f);
}

/* --- start_deadline --- */

static void start_deadline_skips_what_is_late_from_the_last_that_joined(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("b") SQL("a") "start_deadline = 12s\n");
    (void)state;
    fixture_first_run(f, "b"); /* has the only token for good */
    f->core->armed = true;
    core_reload(f->core, f->core->set, f->now, f->wall);
    fixture_pass(f, 10 * S);
    fixture_pass(f, 10 * S); /* at 20 s the second one joins: until 32 s */
    fixture_pass(f, 2 * S);
    const struct core_task *task = fixture_core_task(f, "a");
    assert_int_equal(f->core->runs[task->waiting_run].occurrence_count, 2);
    fixture_pass(f, 10 * S); /* and the third at 30 s, in one step with the end of the wait */
    assert_int_equal(task->stats.skipped_count, 2);
    fixture_destroy(f);
}

static void start_deadline_lets_go_what_its_run_had_held(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") "start_deadline = 5s\noverlap = queue\n");
    (void)state;
    f->core->armed = true;
    core_reload(f->core, f->core->set, f->now, f->wall);
    fixture_pass(f, 10 * S);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    struct handle run = fixture_started(f, "a");
    fixture_pass(f, 10 * S); /* the next one is held */
    fixture_session(f, EVENT_SESSION_BROKEN, session);
    fixture_unsent(f, run); /* too late for it */
    assert_int_equal(record_of(f, run)->skip, SKIP_LATE);
    uint32_t held = fixture_core_task(f, "a")->waiting_run;
    assert_int_equal(f->core->runs[held].state, RUN_WAITING);
    fixture_destroy(f);
}

static void start_deadline_of_a_new_file_counts_for_what_waits(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("b") SQL("a"));
    (void)state;
    fixture_first_run(f, "b");
    f->core->armed = true;
    core_reload(f->core, f->core->set, f->now, f->wall);
    fixture_pass(f, 10 * S);
    fixture_reload(f, POOL(1) SQL("b") SQL("a") "start_deadline = 2s\n");
    fixture_pass(f, 2 * S);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_LATE);
    fixture_destroy(f);
}

/* --- draining --- */

#define DRAIN "[headgate]\ndrain_timeout = 10s\n"

static void drain_lets_work_end_then_cancels_it_and_writes_what_it_printed(void **state) {
    struct fixture *f = fixture_create_unarmed(DRAIN POOL(1) STAGED("a"));
    (void)state;
    struct handle run = at_work(f, "a", 3);
    fixture_drain(f);
    assert_null(fixture_find(f, ACTION_CLOSE)); /* its session is kept for the write */
    fixture_pass(f, 10 * S - 1);
    assert_null(fixture_find(f, ACTION_CANCEL));
    assert_int_equal(core_next_wake(f->core).us, 10 * S);
    fixture_pass(f, 1);
    assert_true(handle_is(fixture_need(f, ACTION_CANCEL)->run, run));
    end(f, run, OUTCOME_FAILED, 2);
    if (fixture_find(f, ACTION_CHECK))
        fixture_session(f, EVENT_SESSION_READY, fixture_need(f, ACTION_CHECK)->session);
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    struct handle session = core_run(f->core, run)->session;
    end_dirty(f, run, OUTCOME_OK, 2);
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_CANCELLED);
    fixture_session(f, EVENT_SESSION_READY, session);
    fixture_need(f, ACTION_CLOSE);
    fixture_session(f, EVENT_SESSION_GONE, session);
    fixture_need(f, ACTION_STOPPED);
    fixture_destroy(f);
}

static void drain_lets_a_read_go_on_to_its_end(void **state) {
    struct fixture *f = fixture_create_unarmed(DRAIN POOL(1) STAGED("a"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    fixture_drain(f);
    end(f, run, OUTCOME_OK, 3);
    expect(f, run, STAGE_WORK, RUN_RUNNING);
    end(f, run, OUTCOME_OK, 3);
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    end_dirty(f, run, OUTCOME_OK, 3);
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_OK);
    fixture_destroy(f);
}

/* Its work printed two lines, and there is no session to write them on. */
static struct handle drain_while_it_works(struct fixture *f) {
    fixture_trigger(f, "a");
    struct handle run = fixture_started(f, "a");
    fixture_drain(f);
    fixture_end_with(f, run, OUTCOME_OK, FAILURE_OTHER, 2);
    return run;
}

static void drain_opens_a_session_for_what_is_to_be_written(void **state) {
    struct fixture *f = fixture_create_unarmed(DRAIN POOL(1) TASK("a") "work = true\nwrite = SELECT 2\n");
    (void)state;
    struct handle run = drain_while_it_works(f);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    fixture_destroy(f);
}

/* The write has no connection; nobody waits for it for more than a second drain_timeout. */
static void drain_gives_up_what_cannot_be_written(void **state) {
    struct fixture *f = fixture_create_unarmed(DRAIN POOL(1) TASK("a") "work = true\nwrite = SELECT 2\n");
    (void)state;
    struct handle run = drain_while_it_works(f);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    bool closed = false, recorded = false;
    while (f->now.us < 30 * S && !(closed && recorded)) {
        fixture_pass(f, core_next_wake(f->core).us - f->now.us);
        closed |= fixture_find(f, ACTION_CLOSE) != NULL;
        if (fixture_find(f, ACTION_CLOSE)) { /* its connect_timeout */
            fixture_session(f, EVENT_SESSION_GONE, session);
            session = fixture_find(f, ACTION_OPEN) ? fixture_need(f, ACTION_OPEN)->session : session;
        }
        if (!is_under_way(f, run))
            recorded = true;
    }
    assert_true(recorded);
    assert_int_equal(f->now.us, 20 * S);
    fixture_destroy(f);
}

/* A session that was kept for a write is closed when the write is given up, without a further event. */
static void drain_closes_what_was_kept_for_a_write_that_is_given_up(void **state) {
    struct fixture *f = fixture_create_unarmed(DRAIN POOL(1) STAGED("a") "retries = 9\nretry_delay = 1h\n");
    (void)state;
    struct handle run = at_write(f, "a");
    end(f, run, OUTCOME_FAILED, 0);
    expect(f, run, STAGE_WRITE, RUN_DELAYED);
    fixture_drain(f);
    fixture_pass(f, 20 * S);
    for (int i = 0; i < 5 && is_under_way(f, run); i++)
        fixture_pass(f, 1);
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_CANCELLED);
    fixture_need(f, ACTION_CLOSE);
    fixture_destroy(f);
}

static void drain_signal_again_cancels_every_stage(void **state) {
    static const struct {
        enum stage stage;
        enum outcome told; /* it may have been done by then */
        enum outcome expected;
    } table[] = {
        {STAGE_READ, OUTCOME_FAILED, OUTCOME_CANCELLED}, {STAGE_READ, OUTCOME_OK, OUTCOME_CANCELLED},
        {STAGE_WORK, OUTCOME_FAILED, OUTCOME_CANCELLED}, {STAGE_WORK, OUTCOME_OK, OUTCOME_CANCELLED},
        {STAGE_WRITE, OUTCOME_FAILED, OUTCOME_CANCELLED}, {STAGE_WRITE, OUTCOME_OK, OUTCOME_OK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture *f = fixture_create_unarmed(DRAIN POOL(1) STAGED("a") "retries = 5\n");
        struct handle run = table[i].stage == STAGE_READ   ? fixture_first_run(f, "a")
                            : table[i].stage == STAGE_WORK ? at_work(f, "a", 1)
                                                           : at_write(f, "a");
        fixture_drain(f);
        fixture_drain(f);
        assert_true(handle_is(fixture_need(f, ACTION_CANCEL)->run, run));
        fixture_end_with(f, run, table[i].told, table[i].told == OUTCOME_OK ? FAILURE_OTHER : FAILURE_CANCEL, 1);
        if (record_of(f, run)->outcome != table[i].expected || fixture_find(f, ACTION_START))
            fail_msg("stage %d, told %d: %s", table[i].stage, table[i].told, outcome_name(record_of(f, run)->outcome));
        fixture_destroy(f);
    }
}

static void drain_makes_no_further_attempt_from_the_start(void **state) {
    struct fixture *f = fixture_create_unarmed(DRAIN POOL(1) STAGED("a") "retries = 5\n");
    (void)state;
    struct handle run = at_work(f, "a", 1);
    fixture_drain(f);
    end_dirty(f, run, OUTCOME_FAILED, 0);
    assert_int_equal(record_of(f, run)->outcome, OUTCOME_FAILED);
    fixture_destroy(f);
}

static void drain_skips_what_waits_for_its_next_attempt(void **state) {
    struct fixture *f = fixture_create_unarmed(DRAIN POOL(1) STAGED("a") "retries = 5\n");
    (void)state;
    struct handle run = at_work(f, "a", 1);
    end_dirty(f, run, OUTCOME_FAILED, 0);
    fixture_drain(f);
    assert_int_equal(record_of(f, run)->skip, SKIP_DRAIN);
    fixture_destroy(f);
}

/* --- a new file meanwhile --- */

static void reload_finishes_what_is_half_done_as_it_began(void **state) {
    static const struct {
        const char *name, *ini;
    } table[] = {
        {"other text", POOL(1) TASK("a") "sql = SELECT 7\n"},
        {"other stages", POOL(1) TASK("a") "read = SELECT 7\nwork = true\n"},
        {"disabled", POOL(1) STAGED("a") "enabled = off\n"},
        {"removed", POOL(1) SQL("b")},
        {"pool removed", "[pool q]\nsize = 1\n" SQL("b")},
        {"other pool", POOL(1) "[pool q]\nsize = 1\n" STAGED("a") "pool = q\n"},
        {"pool smaller", "[pool p]\nsize = 1\nconninfo = dbname=x\n" STAGED("a")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture *f = fixture_create_unarmed(POOL(2) STAGED("a"));
        struct handle run = at_work(f, "a", 3);
        fixture_reload(f, table[i].ini);
        struct handle left = fixture_find(f, ACTION_CLOSE) ? fixture_need(f, ACTION_CLOSE)->session : HANDLE_NONE;
        fixture_pass(f, 1 * S);
        end(f, run, OUTCOME_OK, 3);
        if (left.generation) { /* another server: a session to it is opened */
            fixture_session(f, EVENT_SESSION_GONE, left);
            struct handle session = fixture_need(f, ACTION_OPEN)->session;
            fixture_session(f, EVENT_SESSION_OPENED, session);
            fixture_sample(f, session, 0);
        } else if (fixture_find(f, ACTION_SAMPLE)) {
            fixture_sample(f, fixture_need(f, ACTION_SAMPLE)->session, 0);
        }
        if (core_run(f->core, run)->state != RUN_RUNNING || core_run(f->core, run)->stage != STAGE_WRITE)
            fail_msg("%s: state %d", table[i].name, core_run(f->core, run)->state);
        assert_string_equal(core_run(f->core, run)->definition->stages->write, "SELECT 2");
        struct handle session = core_run(f->core, run)->session;
        end_dirty(f, run, OUTCOME_OK, 3);
        assert_int_equal(record_of(f, run)->outcome, OUTCOME_OK);
        clean(f, session);
        assert_int_equal(f->core->begun_count, 0);
        fixture_reload(f, table[i].ini); /* what was retired goes */
        fixture_destroy(f);
    }
}

static void reload_keeps_what_waits_between_its_stages(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) STAGED("a") SQL("b"));
    (void)state;
    struct handle run = at_work(f, "a", 3);
    fixture_trigger(f, "b");
    struct handle other = fixture_started(f, "b");
    end(f, run, OUTCOME_OK, 3);
    expect(f, run, STAGE_WRITE, RUN_WAITING);
    fixture_reload(f, POOL(1) SQL("a") SQL("b"));
    end(f, other, OUTCOME_OK, 1);
    expect(f, run, STAGE_WRITE, RUN_RUNNING);
    assert_string_equal(core_run(f->core, run)->definition->stages->write, "SELECT 2");
    fixture_destroy(f);
}

static void reload_retries_the_write_of_a_removed_task_but_not_its_read(void **state) {
    (void)state;
    for (int write = 0; write < 2; write++) {
        struct fixture *f = fixture_create_unarmed(POOL(1) STAGED("a") "retries = 5\n");
        struct handle run = write ? at_write(f, "a") : at_work(f, "a", 1);
        fixture_reload(f, POOL(1) SQL("b"));
        end_dirty(f, run, OUTCOME_FAILED, 0);
        assert_int_equal(fixture_find(f, ACTION_RETRY) != NULL, write);
        assert_int_equal(is_under_way(f, run), write);
        fixture_destroy(f);
    }
}

static void reload_gives_a_further_attempt_the_new_text(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) STAGED("a") "retries = 5\n");
    (void)state;
    struct handle run = at_work(f, "a", 1);
    end_dirty(f, run, OUTCOME_FAILED, 0);
    int64_t delay_us = delay_of(f);
    fixture_reload(f, POOL(1) SQL("a"));
    fixture_pass(f, delay_us);
    if (fixture_find(f, ACTION_SAMPLE))
        fixture_sample(f, fixture_need(f, ACTION_SAMPLE)->session, 0);
    expect(f, run, STAGE_WHOLE, RUN_RUNNING);
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_hold_their_token_only_on_the_database),
        cmocka_unit_test(stages_read_without_rows_ends_as_nothing),
        cmocka_unit_test(stages_work_without_lines_writes_nothing),
        cmocka_unit_test(stages_without_read_begin_with_work),
        cmocka_unit_test(stages_without_write_end_with_work),
        cmocka_unit_test(stages_work_that_failed_in_part_is_written_and_recorded_as_failed),
        cmocka_unit_test(stages_lost_answer_to_a_write_is_unknown_and_not_repeated),
        cmocka_unit_test(stages_write_that_never_reached_the_server_waits_again),
        cmocka_unit_test(half_done_goes_before_new_runs_but_not_before_a_higher_priority),
        cmocka_unit_test(half_done_is_shared_with_by_no_other_session),
        cmocka_unit_test(half_done_makes_a_stuck_run_give_way),
        cmocka_unit_test(half_done_asks_a_session_that_sat_long),
        cmocka_unit_test(children_without_token_are_limited_together),
        cmocka_unit_test(children_more_than_the_limit_start_alone),
        cmocka_unit_test(overlap_is_of_the_whole_run),
        cmocka_unit_test(overlap_allow_begins_nothing_while_two_wait_between_stages),
        cmocka_unit_test(timeout_is_of_each_stage),
        cmocka_unit_test(timeout_of_work_is_the_runs_outcome_once_it_is_written),
        cmocka_unit_test(retry_of_work_begins_with_the_read),
        cmocka_unit_test(retry_is_not_made_unless_it_is_asked_for),
        cmocka_unit_test(retry_of_a_write_begins_with_the_write),
        cmocka_unit_test(retry_of_conflicts_is_not_counted_against_retries),
        cmocka_unit_test(retry_of_conflicts_ends_where_retries_are_used_up),
        cmocka_unit_test(retry_delay_takes_in_what_becomes_due),
        cmocka_unit_test(retry_keeps_what_overlap_held),
        cmocka_unit_test(hold_skips_for_longer_and_longer_and_tells_each_longer_one),
        cmocka_unit_test(hold_lets_a_triggered_run_go_whose_success_ends_it),
        cmocka_unit_test(hold_is_shown_as_such),
        cmocka_unit_test(hold_does_not_come_of_one_bad_row_among_good_ones),
        cmocka_unit_test(hold_says_nothing_of_another_text),
        cmocka_unit_test(hold_forgets_no_run_that_waits_for_others),
        cmocka_unit_test(start_deadline_skips_what_is_late_from_the_last_that_joined),
        cmocka_unit_test(start_deadline_lets_go_what_its_run_had_held),
        cmocka_unit_test(start_deadline_of_a_new_file_counts_for_what_waits),
        cmocka_unit_test(drain_lets_work_end_then_cancels_it_and_writes_what_it_printed),
        cmocka_unit_test(drain_lets_a_read_go_on_to_its_end),
        cmocka_unit_test(drain_opens_a_session_for_what_is_to_be_written),
        cmocka_unit_test(drain_gives_up_what_cannot_be_written),
        cmocka_unit_test(drain_closes_what_was_kept_for_a_write_that_is_given_up),
        cmocka_unit_test(drain_signal_again_cancels_every_stage),
        cmocka_unit_test(drain_makes_no_further_attempt_from_the_start),
        cmocka_unit_test(drain_skips_what_waits_for_its_next_attempt),
        cmocka_unit_test(reload_finishes_what_is_half_done_as_it_began),
        cmocka_unit_test(reload_keeps_what_waits_between_its_stages),
        cmocka_unit_test(reload_retries_the_write_of_a_removed_task_but_not_its_read),
        cmocka_unit_test(reload_gives_a_further_attempt_the_new_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
