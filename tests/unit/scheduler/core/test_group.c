/*
 * Groups on a whole core: who has a turn, and who waits for it.
 */
#include "tests/unit/fixture.h"

#define POOL(size)   "[pool p]\nsize = " #size "\nidle = 1h\nrecycle = 1h\nping = 1h\n"
#define OTHER        "[pool q]\nsize = 4\nidle = 1h\nrecycle = 1h\nping = 1h\n"
#define GROUP(limit) "[group g]\nlimit = " #limit "\n"
#define TASK(name)   "[task " name "]\nevery = 10s\nphase = 0\n"
#define FREE(name)   TASK(name) "tokens = 0\ncommand = true\n" /* it waits for nothing but its group */
#define MEMBER(name) FREE(name) "group = g\n"
#define SQL(name)    TASK(name) "sql = x\n"

#define S US_PER_S

static const struct run *waiting(const struct fixture *f, const char *task) {
    uint32_t run = fixture_core_task(f, task)->waiting_run;
    assert_int_not_equal(run, INDEX_NONE);
    return &f->core->runs[run];
}

static void assert_held(const struct fixture *f, const char *task) {
    assert_int_equal(waiting(f, task)->state, RUN_HELD);
    assert_int_equal(waiting(f, task)->held, HELD_BY_GROUP);
}

/* Nothing starts but this. */
static struct handle only(const struct fixture *f, const char *task) {
    assert_int_equal(fixture_count(f, ACTION_START), 1);
    return fixture_started(f, task);
}

static void set_paused(struct fixture *f, const char *task, bool paused) {
    struct event event = {.kind = EVENT_PAUSE, .task = fixture_task(f, task)};
    event.pause.paused = paused;
    fixture_step(f, event);
}

/* --- turns --- */

static void one_after_another_in_the_order_of_the_file(void **state) {
    struct fixture *f = fixture_create(POOL(4) GROUP(1) MEMBER("a") MEMBER("b") MEMBER("c"));
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle a = only(f, "a");
    assert_held(f, "b");
    assert_held(f, "c");
    assert_int_equal(f->core->unweighted.count, 0);
    fixture_end(f, a, OUTCOME_OK);
    struct handle b = only(f, "b");
    fixture_end(f, b, OUTCOME_FAILED);
    fixture_end(f, only(f, "c"), OUTCOME_OK);
    assert_int_equal(fixture_count(f, ACTION_START), 0);
    assert_int_equal(f->core->groups.items[0].busy.count, 0);
    fixture_destroy(f);
}

static void two_at_a_time(void **state) {
    struct fixture *f = fixture_create(POOL(4) GROUP(2) MEMBER("a") MEMBER("b") MEMBER("c") FREE("d"));
    (void)state;
    fixture_pass(f, 10 * S);
    assert_int_equal(fixture_count(f, ACTION_START), 3); /* d is in no group */
    fixture_started(f, "a");
    struct handle b = fixture_started(f, "b");
    fixture_started(f, "d");
    assert_held(f, "c");
    fixture_end(f, b, OUTCOME_OK);
    only(f, "c");
    fixture_destroy(f);
}

/* Who waits takes no token and no place in its pool's queue. */
static void a_held_run_is_in_no_queue(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(4) GROUP(1) SQL("a") "group = g\n" SQL("b") "group = g\n");
    (void)state;
    struct handle a = fixture_first_run(f, "a"), session = core_run(f->core, a)->session;
    fixture_trigger(f, "b");
    assert_held(f, "b");
    assert_int_equal(queue_count(&f->core->pools[0].queue), 0);
    assert_null(fixture_find(f, ACTION_OPEN));
    fixture_end(f, a, OUTCOME_OK);
    assert_int_equal(queue_count(&f->core->pools[0].queue), 1);
    fixture_session(f, EVENT_SESSION_READY, session);
    only(f, "b");
    fixture_destroy(f);
}

static void the_higher_priority_goes_first(void **state) {
    struct fixture *f = fixture_create(POOL(4) GROUP(1) MEMBER("a") MEMBER("b") "priority = low\n" MEMBER("c")
                                           MEMBER("d") "priority = high\n");
    (void)state;
    fixture_pass(f, 10 * S);
    fixture_end(f, only(f, "d"), OUTCOME_OK);
    fixture_end(f, only(f, "a"), OUTCOME_OK);
    fixture_end(f, only(f, "c"), OUTCOME_OK);
    only(f, "b");
    fixture_destroy(f);
}

/* Two of a high priority are due again and again, and always one of them waits: a level of priority is worth
 * 30 s of waiting, so the low one goes after 60 s. */
static void nobody_waits_for_ever(void **state) {
    struct fixture *f = fixture_create(
        POOL(4) GROUP(1) "[task a]\nevery = 1s\nphase = 0\ntokens = 0\ncommand = true\ngroup = g\npriority = high\n"
                         "[task b]\nevery = 1s\nphase = 0\ntokens = 0\ncommand = true\ngroup = g\npriority = high\n"
                         "[task c]\nevery = 1h\nphase = 46min41s\ntokens = 0\ncommand = true\ngroup = g\npriority = low\n");
    uint32_t c = fixture_task(f, "c");
    int64_t waited_s = -1; /* c becomes due at the first second: the clock begins at 46min40s */
    (void)state;
    fixture_pass(f, S);
    for (;;) {
        const struct action *start = fixture_need(f, ACTION_START);
        waited_s++;
        assert_int_equal(fixture_count(f, ACTION_START), 1);
        if (start->task == c)
            break;
        fixture_advance(f, S);
        fixture_end(f, start->run, OUTCOME_OK);
    }
    assert_in_range(waited_s, 59, 62);
    fixture_destroy(f);
}

/* --- beside what exists --- */

static void a_run_by_hand_waits_for_its_turn_too(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(4) GROUP(1) MEMBER("a") MEMBER("b"));
    (void)state;
    fixture_trigger(f, "a");
    struct handle a = only(f, "a");
    fixture_trigger(f, "b");
    assert_held(f, "b");
    fixture_end(f, a, OUTCOME_OK);
    only(f, "b");
    fixture_destroy(f);
}

/* What comes behind its task's own run lines up once that has ended, behind those that wait already. */
static void overlap_queue_lines_up_again(void **state) {
    struct fixture *f = fixture_create(POOL(4) GROUP(1) MEMBER("a") "overlap = queue\n" MEMBER("b"));
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle a = only(f, "a");
    fixture_pass(f, 10 * S);
    assert_int_equal(waiting(f, "a")->held, HELD_BY_OWN_RUN);
    assert_int_equal(waiting(f, "b")->occurrence_count, 2);
    fixture_end(f, a, OUTCOME_OK);
    struct handle b = only(f, "b");
    assert_held(f, "a");
    fixture_end(f, b, OUTCOME_OK);
    only(f, "a");
    fixture_destroy(f);
}

static void overlap_allow_has_as_many_as_the_group_lets(void **state) {
    struct fixture *f = fixture_create(POOL(4) GROUP(2) MEMBER("a") "overlap = allow\n");
    (void)state;
    fixture_pass(f, 10 * S);
    only(f, "a");
    fixture_pass(f, 10 * S);
    struct handle second = only(f, "a");
    fixture_pass(f, 10 * S);
    assert_held(f, "a");
    fixture_end(f, second, OUTCOME_OK);
    only(f, "a");
    fixture_destroy(f);
}

static void a_run_between_its_stages_keeps_its_turn(void **state) {
    struct fixture *f = fixture_create_unarmed(
        POOL(4) GROUP(1) TASK("a") "read = SELECT 1\nwork = true\nwrite = SELECT 2\ngroup = g\n" MEMBER("b"));
    (void)state;
    struct handle a = fixture_first_run(f, "a");
    fixture_trigger(f, "b");
    fixture_end(f, a, OUTCOME_OK);
    assert_int_equal(core_run(f->core, a)->stage, STAGE_WORK);
    assert_held(f, "b");
    fixture_end(f, a, OUTCOME_OK);
    assert_int_equal(core_run(f->core, a)->stage, STAGE_WRITE);
    assert_held(f, "b");
    fixture_destroy(f);
}

/* A run that waits for its next attempt holds nothing: it gives its turn away, and lines up again at the end. */
static void a_retry_lines_up_again(void **state) {
    struct fixture *f =
        fixture_create(POOL(4) GROUP(1) MEMBER("a") "retries = 3\nretry_delay = 2s\n" MEMBER("b") MEMBER("c"));
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle a = only(f, "a");
    fixture_end(f, a, OUTCOME_FAILED);
    struct handle b = only(f, "b");
    fixture_pass(f, 2 * S);
    assert_held(f, "a");
    fixture_end(f, b, OUTCOME_OK);
    struct handle c = only(f, "c");
    fixture_end(f, c, OUTCOME_OK);
    assert_true(handle_is(only(f, "a"), a));
    fixture_destroy(f);
}

static void what_is_held_is_skipped_by_pause_deadline_and_drain(void **state) {
    struct fixture *f =
        fixture_create(POOL(4) GROUP(1) MEMBER("a") MEMBER("b") MEMBER("c") "start_deadline = 4s\n" MEMBER("d"));
    (void)state;
    fixture_pass(f, 10 * S);
    only(f, "a");
    set_paused(f, "b", true);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_PAUSED);
    fixture_pass(f, 4 * S);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_LATE);
    assert_int_equal(f->core->groups.strands[0].held[PRIORITY_NORMAL].count, 1);
    fixture_drain(f);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_DRAIN);
    assert_int_equal(f->core->groups.strands[0].held[PRIORITY_NORMAL].count, 0);
    fixture_destroy(f);
}

/* --- several pools --- */

/* A turn is kept while its pool's tokens are taken: in that line nobody is passed for ever. */
static void a_turn_is_kept_while_its_pool_is_busy(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) OTHER GROUP(1) SQL("x") "pool = p\n" SQL("a") "pool = p\ngroup = g\n" SQL(
        "b") "pool = q\ngroup = g\n");
    (void)state;
    struct handle x = fixture_first_run(f, "x"), session = core_run(f->core, x)->session;
    fixture_trigger(f, "a");
    assert_int_equal(waiting(f, "a")->state, RUN_WAITING);
    fixture_trigger(f, "b");
    assert_held(f, "b");
    fixture_end(f, x, OUTCOME_OK);
    fixture_session(f, EVENT_SESSION_READY, session);
    struct handle a = only(f, "a");
    assert_held(f, "b");
    fixture_end(f, a, OUTCOME_OK);
    assert_int_equal(waiting(f, "b")->state, RUN_WAITING);
    fixture_destroy(f);
}

/* A pool that cannot be reached does not keep others of the group from theirs; and it is tried all the same. */
static void a_pool_that_is_away_keeps_no_turn(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) OTHER GROUP(1) SQL("a") "pool = p\ngroup = g\n" SQL(
        "b") "pool = p\ngroup = g\n" SQL("c") "pool = q\ngroup = g\n");
    (void)state;
    fixture_trigger(f, "a");
    struct handle to_p = fixture_need(f, ACTION_OPEN)->session;
    fixture_trigger(f, "b");
    fixture_trigger(f, "c");
    assert_held(f, "c");
    fixture_fail(f, to_p, CONNECT_UNREACHABLE);
    struct handle to_q = fixture_need(f, ACTION_OPEN)->session;
    assert_int_equal(core_session(f->core, to_q)->pool, 1);
    assert_int_equal(waiting(f, "a")->state, RUN_WAITING);
    assert_held(f, "b");
    fixture_session(f, EVENT_SESSION_GONE, to_p);
    fixture_session(f, EVENT_SESSION_OPENED, to_q);
    fixture_sample(f, to_q, 0);
    struct handle c = only(f, "c");
    assert_held(f, "a"); /* now the group has no room */
    fixture_end(f, c, OUTCOME_OK);
    fixture_pass(f, 2 * S);
    to_p = fixture_need(f, ACTION_OPEN)->session;
    fixture_session(f, EVENT_SESSION_OPENED, to_p);
    fixture_trigger(f, "c"); /* it is back, and its turn counts again */
    assert_held(f, "c");
    fixture_sample(f, to_p, 0);
    only(f, "a");
    fixture_destroy(f);
}

/* --- reload --- */

#define MEMBERS MEMBER("a") MEMBER("b") MEMBER("c") MEMBER("d")

static void reload_of_the_limit_lets_go_or_waits(void **state) {
    struct fixture *f = fixture_create(POOL(4) GROUP(1) MEMBERS);
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle a = only(f, "a");
    fixture_reload(f, POOL(4) GROUP(3) MEMBERS);
    assert_int_equal(fixture_count(f, ACTION_START), 2);
    struct handle b = fixture_started(f, "b"), c = fixture_started(f, "c");
    fixture_reload(f, POOL(4) GROUP(1) MEMBERS);
    fixture_end(f, a, OUTCOME_OK);
    fixture_end(f, b, OUTCOME_OK);
    assert_int_equal(fixture_count(f, ACTION_START), 0);
    fixture_end(f, c, OUTCOME_OK);
    only(f, "d");
    fixture_destroy(f);
}

static void reload_without_the_group_lets_all_go(void **state) {
    struct fixture *f = fixture_create(POOL(4) GROUP(1) MEMBERS);
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle a = only(f, "a");
    fixture_reload(f, POOL(4) FREE("a") FREE("b") FREE("c") FREE("d"));
    assert_int_equal(fixture_count(f, ACTION_START), 3);
    fixture_reload(f, POOL(4) GROUP(1) MEMBERS); /* those that run count again */
    fixture_end(f, a, OUTCOME_OK);
    fixture_trigger(f, "a");
    assert_held(f, "a");
    fixture_destroy(f);
}

/* What runs counts where the file has its task now. */
static void reload_moves_a_task_to_another_group(void **state) {
    struct fixture *f = fixture_create(POOL(4) GROUP(1) "[group h]\nlimit = 1\n" MEMBER("a") MEMBER("b") FREE("c") "group = h\n");
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle a = fixture_started(f, "a"), c = fixture_started(f, "c");
    fixture_reload(f, POOL(4) GROUP(1) "[group h]\nlimit = 1\n" FREE("a") "group = h\n" MEMBER("b") FREE("c") "group = h\n");
    struct handle b = only(f, "b");
    assert_int_equal(f->core->groups.items[1].busy.count, 2);
    fixture_end(f, c, OUTCOME_OK);
    fixture_trigger(f, "c");
    assert_held(f, "c");
    fixture_end(f, a, OUTCOME_OK);
    only(f, "c");
    fixture_end(f, b, OUTCOME_OK);
    fixture_destroy(f);
}

/* A task that is no longer in the file counts until its run has ended. */
static void reload_that_removes_a_member_counts_its_run(void **state) {
    struct fixture *f = fixture_create(POOL(4) GROUP(1) MEMBER("a") MEMBER("b"));
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle a = only(f, "a");
    fixture_reload(f, POOL(4) "[group before]\nlimit = 5\n" GROUP(1) MEMBER("b"));
    assert_held(f, "b");
    fixture_end(f, a, OUTCOME_OK);
    only(f, "b");
    fixture_destroy(f);
}

/* Those that wait keep their order, whatever the file has become. */
static void reload_keeps_the_order(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(4) GROUP(1) "[group h]\nlimit = 1\n" MEMBER("a") MEMBER("b") FREE(
        "c") "group = h\n" FREE("d") "group = h\n" FREE("e"));
    (void)state;
    static const char *const order[] = {"a", "c", "d", "b"};
    struct handle running = {0};
    for (size_t i = 0; i < COUNT(order); i++) {
        fixture_advance(f, S);
        fixture_trigger(f, order[i]);
        if (i == 0)
            running = only(f, "a");
    }
    struct handle c = core_run_handle(f->core, f->core->groups.items[1].busy.first);
    fixture_reload(f, POOL(4) GROUP(1) MEMBER("e") MEMBER("d") MEMBER("c") MEMBER("b") MEMBER("a"));
    assert_int_equal(f->core->groups.items[0].busy.count, 2);
    fixture_end(f, c, OUTCOME_OK);
    fixture_end(f, running, OUTCOME_OK);
    fixture_end(f, only(f, "d"), OUTCOME_OK);
    only(f, "b");
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_after_another_in_the_order_of_the_file),
        cmocka_unit_test(two_at_a_time),
        cmocka_unit_test(a_held_run_is_in_no_queue),
        cmocka_unit_test(the_higher_priority_goes_first),
        cmocka_unit_test(nobody_waits_for_ever),
        cmocka_unit_test(a_run_by_hand_waits_for_its_turn_too),
        cmocka_unit_test(overlap_queue_lines_up_again),
        cmocka_unit_test(overlap_allow_has_as_many_as_the_group_lets),
        cmocka_unit_test(a_run_between_its_stages_keeps_its_turn),
        cmocka_unit_test(a_retry_lines_up_again),
        cmocka_unit_test(what_is_held_is_skipped_by_pause_deadline_and_drain),
        cmocka_unit_test(a_turn_is_kept_while_its_pool_is_busy),
        cmocka_unit_test(a_pool_that_is_away_keeps_no_turn),
        cmocka_unit_test(reload_of_the_limit_lets_go_or_waits),
        cmocka_unit_test(reload_without_the_group_lets_all_go),
        cmocka_unit_test(reload_moves_a_task_to_another_group),
        cmocka_unit_test(reload_that_removes_a_member_counts_its_run),
        cmocka_unit_test(reload_keeps_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
