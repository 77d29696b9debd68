#include "tests/unit/fixture.h"

#include "tasks/text.h"

#define POOL(size)    "[pool p]\nsize = " #size "\n"
#define SQL(name)     "[task " name "]\nevery = 10s\nphase = 0\nsql = SELECT 1\n"
#define COMMAND(name) "[task " name "]\nevery = 10s\nphase = 0\ncommand = true\ntokens = 0\n"

#define S US_PER_S

static void reload_schedule_keeps_or_renews_the_due_instant(void **state) {
    static const struct {
        const char *name, *after;
        int64_t next_wake_us;
    } table[] = {
        {"unchanged", COMMAND("a"), 10 * S},
        {"unchanged schedule, other work", "[task a]\nevery = 10s\nphase = 0\nsql = SELECT 2\n", 10 * S},
        {"unchanged, not alone", COMMAND("z") "enabled = off\n" COMMAND("a"), 10 * S},
        {"another interval", "[task a]\nevery = 4s\nphase = 0\ncommand = true\n", 4 * S},
        {"another phase", "[task a]\nevery = 10s\nphase = 7s\ncommand = true\n", 7 * S},
        {"disabled", COMMAND("a") "enabled = off\n", INSTANT_MAX},
        {"another name", "[task b]\nevery = 20s\nphase = 0\ncommand = true\n", 20 * S},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct text ini = {0};
        struct fixture *f = fixture_create(POOL(1) COMMAND("a"));
        fixture_pass(f, 3 * S);
        text_add(&ini, POOL(1) "%s", table[i].after);
        fixture_reload(f, ini.bytes);
        if (core_next_wake(f->core).us != table[i].next_wake_us)
            fail_msg("%s: next wake %d ms", table[i].name, (int)(core_next_wake(f->core).us / US_PER_MS));
        text_finish(&ini);
        fixture_destroy(f);
    }
}

/* The due instant has come, but the core was not yet told: a reload must not lose the occurrence. */
static void reload_at_the_due_instant_loses_no_occurrence(void **state) {
    struct fixture *f = fixture_create(POOL(1) COMMAND("a"));
    (void)state;
    fixture_advance(f, 10 * S);
    fixture_reload(f, POOL(1) COMMAND("a"));
    fixture_started(f, "a");
    fixture_destroy(f);
}

static void reload_keeps_statistics_by_name(void **state) {
    struct fixture *f = fixture_create(POOL(1) COMMAND("a"));
    (void)state;
    fixture_pass(f, 12 * S);
    struct handle run = fixture_started(f, "a");
    fixture_pass(f, 1 * S);
    fixture_end(f, run, OUTCOME_FAILED);
    int64_t late_us = quantile_get(&f->core->late[0], 500);
    fixture_reload(f, POOL(1) COMMAND("z") COMMAND("a"));
    assert_int_equal(fixture_core_task(f, "a")->stats.failed_count, 1);
    assert_int_equal(fixture_core_task(f, "a")->stats.last_outcome, OUTCOME_FAILED);
    assert_int_equal(quantile_get(&f->core->late[fixture_task(f, "a")], 500), late_us);
    assert_false(fixture_core_task(f, "z")->stats.has_ended_run);
    fixture_destroy(f);
}

static void reload_skips_waiting_runs_of_removed_and_disabled_tasks(void **state) {
    static const char *const after[] = {POOL(1) SQL("b"), POOL(1) SQL("a") "enabled = off\n" SQL("b")};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") SQL("b"));
        fixture_trigger(f, "a");
        fixture_trigger(f, "b");
        fixture_reload(f, after[i]);
        assert_int_equal(fixture_count(f, ACTION_RECORD), 1);
        assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_REMOVED);
        assert_int_equal(f->core->pools[0].queue.lines[LINE_LIGHT].count, 1);
        assert_true(f->core->pools[0].queue.light_us == 50 * US_PER_MS);
        fixture_destroy(f);
    }
}

static void reload_lets_a_running_run_end_under_the_old_file(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") "timeout = 5s\n" SQL("b"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    struct handle session = core_run(f->core, run)->session;
    fixture_reload(f, POOL(1) SQL("b"));
    assert_non_null(core_run(f->core, run));
    assert_string_equal(core_run(f->core, run)->definition->name, "a");
    assert_true(f->core->tasks[core_run(f->core, run)->task].retired);
    fixture_pass(f, 5 * S);
    fixture_need(f, ACTION_CANCEL); /* the old timeout */
    fixture_end(f, run, OUTCOME_FAILED);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.outcome, OUTCOME_TIMEOUT);
    fixture_session(f, EVENT_SESSION_GONE, session);
    fixture_reload(f, POOL(1) SQL("b")); /* nothing of it is left */
    assert_int_equal(f->core->task_count, 1);
    fixture_destroy(f);
}

/* The old file is gone with its last run, whose record is still to be read by who performs the step. */
static void reload_leaves_a_running_run_its_schedule(void **state) {
    (void)state;
    struct fixture *f = fixture_create(POOL(1) COMMAND("a"));
    fixture_pass(f, 10 * S);
    struct handle run = fixture_started(f, "a");
    fixture_reload(f, POOL(1) "[task a]\nevery = 1min\ncommand = true\n");
    fixture_end(f, run, OUTCOME_OK);
    assert_true(fixture_need(f, ACTION_RECORD)->record.schedule->every_us == 10 * S);
    fixture_destroy(f);
}

static void reload_that_brings_a_removed_task_back_finds_its_run(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") SQL("b"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    fixture_reload(f, POOL(1) SQL("b"));
    fixture_reload(f, POOL(1) SQL("b") SQL("a"));
    assert_int_equal(core_run(f->core, run)->task, fixture_task(f, "a"));
    assert_int_equal(fixture_core_task(f, "a")->running_count, 1);
    assert_false(fixture_core_task(f, "a")->retired);
    fixture_destroy(f);
}

static void reload_with_another_conninfo_closes_warm_sessions(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) "conninfo = dbname=one\n" SQL("a"));
    (void)state;
    struct handle session = fixture_warm_up(f, "a");
    fixture_reload(f, POOL(2) "conninfo = dbname=one\n" SQL("a"));
    assert_int_equal(f->count, 0);
    fixture_reload(f, POOL(2) "conninfo = dbname=two\n" SQL("a"));
    assert_true(handle_is(fixture_need(f, ACTION_CLOSE)->session, session));
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_CONNINFO);
    assert_int_equal(f->core->pools[0].gate.sample_count, 0); /* another server may be behind it */
    fixture_destroy(f);
}

static void reload_with_another_conninfo_closes_a_busy_session_after_its_run(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) "conninfo = dbname=one\n" SQL("a"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    struct handle session = core_run(f->core, run)->session;
    fixture_reload(f, POOL(2) "conninfo = dbname=two\n" SQL("a"));
    assert_int_equal(f->count, 0);
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_CONNINFO);
    fixture_destroy(f);
}

static void reload_with_a_smaller_size_closes_warm_sessions(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) SQL("a") SQL("b") "patience = 0\n");
    (void)state;
    struct handle first = fixture_first_run(f, "a");
    fixture_trigger(f, "b");
    fixture_session(f, EVENT_SESSION_OPENED, fixture_need(f, ACTION_OPEN)->session);
    struct handle second = fixture_started(f, "b");
    struct handle sessions[2] = {core_run(f->core, first)->session, core_run(f->core, second)->session};
    fixture_end(f, first, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, sessions[0]);
    fixture_end(f, second, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, sessions[1]);
    assert_int_equal(f->core->pools[0].tokens.warm, 2);
    fixture_reload(f, POOL(1) SQL("a") SQL("b"));
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_LIMIT);
    assert_int_equal(fixture_count(f, ACTION_CLOSE), 1); /* the floor stays */
    fixture_session(f, EVENT_SESSION_GONE, fixture_need(f, ACTION_CLOSE)->session);
    assert_int_equal(tokens_held(&f->core->pools[0].tokens), 1);
    fixture_destroy(f);
}

/* --- a run is under way --- */

#define TWO_POOLS "[pool p]\nsize = 2\n[pool q]\nsize = 2\n"
#define IN(pool)  "pool = " pool "\n"

static void reload_of_the_text_learns_nothing_from_the_old_one(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    fixture_reload(f, POOL(1) "[task a]\nevery = 10s\nphase = 0\nsql = SELECT 1; SELECT 2\n");
    fixture_pass(f, 3 * S);
    fixture_end(f, run, OUTCOME_OK);
    assert_int_equal(fixture_core_task(f, "a")->protocol, PROTOCOL_UNKNOWN);
    assert_int_equal(fixture_core_task(f, "a")->expected_us[STAGE_WHOLE], 50 * US_PER_MS);
    fixture_destroy(f);
}

static void reload_that_removes_its_pool_skips_a_run_that_would_wait_again(void **state) {
    struct fixture *f = fixture_create_unarmed(TWO_POOLS SQL("a") IN("p") SQL("b") IN("q"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    fixture_reload(f, "[pool q]\nsize = 2\n" SQL("b") IN("q"));
    fixture_session(f, EVENT_SESSION_BROKEN, core_run(f->core, run)->session);
    fixture_unsent(f, run);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_REMOVED);
    assert_null(fixture_find(f, ACTION_OPEN));
    fixture_destroy(f);
}

static void reload_that_moves_its_pool_lets_it_wait_again_there(void **state) {
    struct fixture *f = fixture_create_unarmed(TWO_POOLS SQL("a") IN("p") SQL("b") IN("q"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    fixture_reload(f, TWO_POOLS SQL("a") IN("q") SQL("b") IN("q"));
    fixture_session(f, EVENT_SESSION_BROKEN, core_run(f->core, run)->session);
    fixture_unsent(f, run);
    assert_int_equal(core_run(f->core, run)->pool, taskset_find_pool(f->core->set, "q"));
    assert_int_equal(fixture_need(f, ACTION_OPEN)->pool, taskset_find_pool(f->core->set, "q"));
    fixture_destroy(f);
}

static void reload_twice_under_a_run_leaves_no_task_without_a_pool(void **state) {
    struct fixture *f = fixture_create_unarmed(TWO_POOLS SQL("a") IN("p") SQL("b") IN("p"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    fixture_reload(f, TWO_POOLS SQL("a") IN("q") SQL("b") IN("p"));
    fixture_reload(f, "[pool p]\nsize = 2\n" SQL("b") IN("p"));
    fixture_reload(f, "[pool p]\nsize = 2\n" SQL("b") IN("p"));
    for (uint32_t i = 0; i < f->core->task_count; i++)
        assert_true(f->core->tasks[i].pool < f->core->pool_count);
    fixture_end(f, run, OUTCOME_OK);
    fixture_destroy(f);
}

static void reload_with_another_conninfo_does_not_wait_for_the_old_session(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) "conninfo = dbname=one\n" SQL("a") SQL("b"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    fixture_reload(f, POOL(2) "conninfo = dbname=two\n" SQL("a") SQL("b"));
    fixture_trigger(f, "b");
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    fixture_started(f, "b");
    assert_int_equal(core_run(f->core, run)->state, RUN_RUNNING);
    fixture_destroy(f);
}

/* As the daemon's loader does it, which knows what a conninfo leads to. */
static void reload_to(struct fixture *f, const char *ini, const char *place) {
    struct taskset *set = helper_taskset(ini);
    set->pools[0].place = place;
    core_reload(f->core, set, f->now, f->wall);
    taskset_unref(set);
    fixture_tick(f);
}

static void reload_to_another_database_shares_the_tokens_with_what_runs_in_the_old_one(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) SQL("a") SQL("b") SQL("c"));
    (void)state;
    reload_to(f, POOL(2) "conninfo = dbname=one\n" SQL("a") SQL("b") SQL("c"), "one");
    struct handle run = fixture_first_run(f, "a");
    struct handle session = core_run(f->core, run)->session;
    reload_to(f, POOL(2) "conninfo = dbname=two\n" SQL("a") SQL("b") SQL("c"), "two");
    fixture_trigger(f, "b");
    struct handle other = fixture_need(f, ACTION_OPEN)->session;
    assert_int_equal(fixture_count(f, ACTION_OPEN), 1);
    fixture_session(f, EVENT_SESSION_OPENED, other);
    fixture_sample(f, other, 0);
    fixture_started(f, "b");
    fixture_trigger(f, "c");
    fixture_pass(f, 10 * US_PER_S);
    assert_int_equal(tokens_held(&f->core->pools[0].tokens), 2);
    assert_int_equal(f->core->pools[0].tokens.before, 1);
    assert_null(fixture_find(f, ACTION_OPEN));
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_DRAIN);
    fixture_session(f, EVENT_SESSION_GONE, session);
    assert_int_equal(f->core->pools[0].tokens.before, 0);
    fixture_need(f, ACTION_OPEN);
    fixture_destroy(f);
}

/* What is half done in it waits for the old one, but not for ever. */
static void reload_to_another_database_gives_up_what_is_half_done_in_one_that_is_gone(void **state) {
#define STAGED "[task s]\nevery = 1d\nread = SELECT 1\nwork = x\nwrite = SELECT $1\n"
    struct fixture *f = fixture_create_unarmed(POOL(2) STAGED);
    (void)state;
    reload_to(f, POOL(2) "conninfo = dbname=one\n" STAGED, "one");
    struct handle run = fixture_first_run(f, "s"), session = core_run(f->core, run)->session;
    fixture_end(f, run, OUTCOME_OK); /* it has read a row */
    fixture_session(f, EVENT_SESSION_READY, session);
    reload_to(f, POOL(2) "conninfo = dbname=two\n" STAGED, "two");
    fixture_session(f, EVENT_SESSION_BROKEN, session);
    fixture_session(f, EVENT_SESSION_GONE, session);
    fixture_end(f, run, OUTCOME_OK); /* its work printed a line, which waits to be written */
    struct mono since = f->now;
    const struct action *record = NULL;
    while (!(record = fixture_find(f, ACTION_RECORD))) {
        const struct action *open = fixture_find(f, ACTION_OPEN);
        assert_true(mono_since(f->now, since) < 11 * 60 * US_PER_S);
        if (open) {
            session = open->session;
            fixture_fail(f, session, CONNECT_UNREACHABLE);
            if ((record = fixture_find(f, ACTION_RECORD)))
                break;
            fixture_session(f, EVENT_SESSION_GONE, session);
        } else {
            fixture_pass(f, core_next_wake(f->core).us - f->now.us);
        }
    }
    assert_true(mono_since(f->now, since) >= 10 * 60 * US_PER_S);
    assert_int_equal(record->record.outcome, OUTCOME_FAILED);
    assert_true(record->record.abandoned);
    assert_null(core_run(f->core, run));
    fixture_session(f, EVENT_SESSION_GONE, session);
    assert_int_equal(f->core->pools[0].tokens.before, 0);
    fixture_destroy(f);
}

static void reload_without_the_pooler_forgets_who_waited_there(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    (void)state;
    struct event event = {.kind = EVENT_POOLER, .pool = 0, .pooler.waiting_count = 50};
    fixture_step(f, event);
    fixture_reload(f, POOL(1) SQL("a"));
    assert_int_equal(f->core->pools[0].gate.pooler_waiting_count, 0);
    fixture_destroy(f);
}

static void reload_removes_a_pool_when_its_last_run_has_ended(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    struct handle session = core_run(f->core, run)->session;
    fixture_reload(f, "[pool q]\nsize = 4\n" SQL("b"));
    assert_int_equal(f->core->pool_count, 2);
    assert_true(f->core->pools[1].retired);
    fixture_end(f, run, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    assert_int_equal(fixture_need(f, ACTION_CLOSE)->close_cause, CLOSE_DRAIN);
    fixture_session(f, EVENT_SESSION_GONE, session);
    fixture_reload(f, "[pool q]\nsize = 4\n" SQL("b"));
    assert_int_equal(f->core->pool_count, 1);
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reload_schedule_keeps_or_renews_the_due_instant),
        cmocka_unit_test(reload_at_the_due_instant_loses_no_occurrence),
        cmocka_unit_test(reload_keeps_statistics_by_name),
        cmocka_unit_test(reload_skips_waiting_runs_of_removed_and_disabled_tasks),
        cmocka_unit_test(reload_leaves_a_running_run_its_schedule),
        cmocka_unit_test(reload_lets_a_running_run_end_under_the_old_file),
        cmocka_unit_test(reload_that_brings_a_removed_task_back_finds_its_run),
        cmocka_unit_test(reload_with_another_conninfo_closes_warm_sessions),
        cmocka_unit_test(reload_with_another_conninfo_closes_a_busy_session_after_its_run),
        cmocka_unit_test(reload_with_a_smaller_size_closes_warm_sessions),
        cmocka_unit_test(reload_of_the_text_learns_nothing_from_the_old_one),
        cmocka_unit_test(reload_that_removes_its_pool_skips_a_run_that_would_wait_again),
        cmocka_unit_test(reload_that_moves_its_pool_lets_it_wait_again_there),
        cmocka_unit_test(reload_twice_under_a_run_leaves_no_task_without_a_pool),
        cmocka_unit_test(reload_with_another_conninfo_does_not_wait_for_the_old_session),
        cmocka_unit_test(reload_to_another_database_shares_the_tokens_with_what_runs_in_the_old_one),
        cmocka_unit_test(reload_to_another_database_gives_up_what_is_half_done_in_one_that_is_gone),
        cmocka_unit_test(reload_without_the_pooler_forgets_who_waited_there),
        cmocka_unit_test(reload_removes_a_pool_when_its_last_run_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
