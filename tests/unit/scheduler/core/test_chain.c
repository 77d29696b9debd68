/* When a task is due that comes after others, and by which name. */
#include "tests/unit/fixture.h"

#include <stdio.h>

#include "scheduler/core/chain.h"

#define POOL     "[pool p]\nsize = 1\n"
#define KEPT     "[pool p]\nsize = 1\nhistory = on\n"
#define COMMAND  "tokens = 0\ncommand = true\n" /* starts at once, where no history is kept */
#define BY_HAND  "[task a]\n" COMMAND "[task b]\n" COMMAND
#define AFTER    "[task z]\n" COMMAND "after = a, b\n"
#define S        US_PER_S

static uint32_t starts_of(const struct fixture *f, const char *task) {
    uint32_t index = fixture_task(f, task), count = 0;
    for (uint32_t i = 0; i < f->count; i++)
        count += f->kept[i].kind == ACTION_START && f->kept[i].task == index;
    return count;
}

/* A second later it is triggered, and ends so; returns its key. What it released is in the last step. */
static struct wall do_run(struct fixture *f, const char *task, enum outcome outcome) {
    fixture_advance(f, 1 * S);
    struct wall key = f->wall;
    fixture_trigger(f, task);
    struct handle run = fixture_started(f, task);
    fixture_advance(f, 1000);
    fixture_end(f, run, outcome);
    return key;
}

static const struct run *run_of(const struct fixture *f, const char *task) {
    return core_run(f->core, fixture_started(f, task));
}

static void told(struct fixture *f, const char *task, struct chain_told chain) {
    fixture_step(f, (struct event){.kind = EVENT_CHAIN, .task = fixture_task(f, task), .chain = chain});
}

static void set_paused(struct fixture *f, const char *task, bool paused) {
    struct event event = {.kind = EVENT_PAUSE, .task = fixture_task(f, task)};
    event.pause.paused = paused;
    fixture_step(f, event);
}

static void chain_is_due_when_each_has_ended_anew(void **state) {
    struct fixture *f = fixture_create(POOL BY_HAND AFTER);
    (void)state;
    for (int i = 0; i < 3; i++) {
        do_run(f, "a", OUTCOME_OK);
        assert_int_equal(starts_of(f, "z"), 0);
        do_run(f, "a", OUTCOME_OK); /* once more does not count for the other */
        assert_int_equal(starts_of(f, "z"), 0);
        struct wall key = do_run(f, "b", OUTCOME_OK);
        assert_int_equal(starts_of(f, "z"), 1);
        assert_true(run_of(f, "z")->due_first.us == key.us && run_of(f, "z")->due_last.us == key.us);
        assert_int_equal(run_of(f, "z")->occurrence_count, 1);
        fixture_end(f, fixture_started(f, "z"), OUTCOME_OK);
        assert_int_equal(starts_of(f, "z"), 0);
    }
    fixture_destroy(f);
}

static void chain_of_any_is_due_when_one_has(void **state) {
    struct fixture *f = fixture_create(POOL BY_HAND AFTER "after_any = on\n");
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct wall key = do_run(f, i % 2 ? "a" : "b", OUTCOME_OK);
        assert_true(run_of(f, "z")->due_first.us == key.us);
        fixture_end(f, fixture_started(f, "z"), OUTCOME_FAILED);
    }
    fixture_destroy(f);
}

static void chain_counts_the_outcomes_that_it_asks_for(void **state) {
    static const struct {
        const char *key;
        bool ok, failed;
    } rows[] = {{"ok", true, false}, {"failed", false, true}, {"any", true, true}};
    static const enum outcome failed[] = {OUTCOME_FAILED, OUTCOME_TIMEOUT, OUTCOME_UNKNOWN};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char ini[300];
        snprintf(ini, sizeof ini, POOL "[task a]\n" COMMAND "hold_after = 0\n[task z]\n" COMMAND "after = a\nafter_outcome = %s\n",
                 rows[i].key);
        struct fixture *f = fixture_create(ini);
        do_run(f, "a", OUTCOME_OK);
        assert_int_equal(starts_of(f, "z"), rows[i].ok);
        if (rows[i].ok)
            fixture_end(f, fixture_started(f, "z"), OUTCOME_OK);
        for (size_t j = 0; j < COUNT(failed); j++) {
            do_run(f, "a", failed[j]);
            assert_int_equal(starts_of(f, "z"), rows[i].failed);
            if (rows[i].failed)
                fixture_end(f, fixture_started(f, "z"), OUTCOME_OK);
        }
        fixture_destroy(f);
    }
}

/* Only the last attempt is an end. */
static void chain_does_not_count_an_attempt(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\n" COMMAND "retries = 1\nretry_delay = 1s\n[task z]\n" COMMAND
                                            "after = a\nafter_outcome = any\n");
    (void)state;
    do_run(f, "a", OUTCOME_FAILED);
    fixture_need(f, ACTION_RETRY);
    assert_int_equal(starts_of(f, "z"), 0);
    fixture_pass(f, 2 * S);
    fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
    assert_int_equal(starts_of(f, "z"), 1);
    fixture_destroy(f);
}

static void chain_end_while_it_runs_makes_it_due_again(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\n" COMMAND "[task z]\n" COMMAND "after = a\n");
    (void)state;
    do_run(f, "a", OUTCOME_OK);
    struct handle first = fixture_started(f, "z");
    do_run(f, "a", OUTCOME_OK);
    assert_int_equal(starts_of(f, "z"), 0);
    struct wall key = do_run(f, "a", OUTCOME_OK);
    assert_int_equal(starts_of(f, "z"), 0);
    fixture_end(f, first, OUTCOME_OK);
    assert_int_equal(starts_of(f, "z"), 1); /* for both */
    assert_true(run_of(f, "z")->due_first.us == key.us);
    fixture_end(f, fixture_started(f, "z"), OUTCOME_OK);
    assert_int_equal(starts_of(f, "z"), 0);
    fixture_destroy(f);
}

/* It waits for a session that does not come. */
static void chain_ends_while_it_waits_are_one_run(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\n" COMMAND "[task z]\nsql = x\nafter = a\n");
    (void)state;
    do_run(f, "a", OUTCOME_OK);
    struct wall key = do_run(f, "a", OUTCOME_OK);
    const struct core_task *z = fixture_core_task(f, "z");
    assert_int_equal(z->waiting_count, 1);
    const struct run *run = &f->core->runs[z->waiting_run];
    assert_true(run->due_first.us == key.us && run->due_last.us == key.us);
    assert_int_equal(run->occurrence_count, 1);
    assert_int_equal(z->stats.merged_count, 1);
    fixture_destroy(f);
}

static void chain_release_of_a_paused_task_is_skipped(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\n" COMMAND "[task z]\n" COMMAND "after = a\n");
    (void)state;
    set_paused(f, "z", true);
    struct wall key = do_run(f, "a", OUTCOME_OK);
    const struct action *action = NULL;
    for (uint32_t i = 0; i < f->count; i++)
        if (f->kept[i].kind == ACTION_RECORD && f->kept[i].task != fixture_task(f, "a"))
            action = &f->kept[i];
    assert_non_null(action);
    assert_int_equal(action->record.task, fixture_task(f, "z"));
    assert_int_equal(action->record.skip, SKIP_PAUSED);
    assert_true(action->record.key_first.us == key.us);
    set_paused(f, "z", false);
    assert_int_equal(starts_of(f, "z"), 0);
    do_run(f, "a", OUTCOME_OK);
    assert_int_equal(starts_of(f, "z"), 1);
    fixture_destroy(f);
}

static void chain_triggered_run_answers_nothing(void **state) {
    struct fixture *f = fixture_create(POOL BY_HAND AFTER);
    (void)state;
    do_run(f, "a", OUTCOME_OK);
    do_run(f, "z", OUTCOME_OK);
    struct wall by_hand = f->wall;
    struct wall key = do_run(f, "b", OUTCOME_OK);
    assert_int_equal(starts_of(f, "z"), 1);
    assert_true(run_of(f, "z")->due_first.us == key.us && key.us > by_hand.us - 2000);
    fixture_destroy(f);
}

/* A triggered run that began after the predecessor's: the keys of its task ascend all the same. */
static void chain_key_comes_behind_that_of_a_triggered_run(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\n" COMMAND "[task z]\n" COMMAND "after = a\n");
    (void)state;
    fixture_advance(f, 1 * S);
    fixture_trigger(f, "a");
    struct handle a = fixture_started(f, "a");
    do_run(f, "z", OUTCOME_OK);
    struct wall triggered = {f->wall.us - 1000};
    fixture_end(f, a, OUTCOME_OK);
    assert_true(run_of(f, "z")->due_first.us == triggered.us + 1);
    fixture_destroy(f);
}

static void chain_end_behind_a_later_one_counts(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\n" COMMAND "overlap = allow\n[task z]\n" COMMAND "after = a\n");
    (void)state;
    struct wall later = {f->wall.us + 50 * S};
    chain_note_end(f->core, fixture_task(f, "a"), later, OUTCOME_OK);
    fixture_tick(f);
    fixture_end(f, fixture_started(f, "z"), OUTCOME_OK);
    chain_note_end(f->core, fixture_task(f, "a"), (struct wall){later.us - S}, OUTCOME_OK);
    fixture_tick(f);
    assert_true(run_of(f, "z")->due_first.us == later.us + 1);
    fixture_end(f, fixture_started(f, "z"), OUTCOME_OK);
    chain_note_end(f->core, fixture_task(f, "a"), (struct wall){later.us + 1}, OUTCOME_OK); /* it was told before */
    fixture_tick(f);
    assert_int_equal(starts_of(f, "z"), 0);
    fixture_destroy(f);
}

static void chain_of_many_followers_goes_on_in_turns(void **state) {
    struct text ini = {0};
    (void)state;
    text_add(&ini, POOL "[task a]\n" COMMAND);
    for (int i = 0; i < 300; i++)
        text_add(&ini, "[task z%d]\n" COMMAND "after = a\nenabled = on\n", i);
    struct fixture *f = fixture_create(ini.bytes);
    uint32_t index = fixture_task(f, "a");
    for (int i = 0; i < 300; i++)
        f->core->tasks[index + 1 + (uint32_t)i].paused = true; /* each leaves a record */
    do_run(f, "a", OUTCOME_OK);
    assert_int_equal(fixture_count(f, ACTION_RECORD), 301);
    fixture_destroy(f);
    text_finish(&ini);
}

/* --- reload --- */

static void chain_reload_keeps_what_was_answered_of_those_that_stay(void **state) {
    struct fixture *f = fixture_create(POOL BY_HAND AFTER);
    (void)state;
    do_run(f, "a", OUTCOME_OK);
    fixture_reload(f, POOL "[task c]\n" COMMAND "[task y]\n" COMMAND BY_HAND AFTER); /* other indexes */
    assert_int_equal(starts_of(f, "z"), 0);
    do_run(f, "b", OUTCOME_OK);
    assert_int_equal(starts_of(f, "z"), 1);
    fixture_end(f, fixture_started(f, "z"), OUTCOME_OK);
    do_run(f, "c", OUTCOME_OK); /* before it is named, that does not count */
    do_run(f, "a", OUTCOME_OK);
    fixture_reload(f, POOL "[task c]\n" COMMAND BY_HAND "[task z]\n" COMMAND "after = a, c\n");
    assert_int_equal(starts_of(f, "z"), 0);
    do_run(f, "c", OUTCOME_OK);
    assert_int_equal(starts_of(f, "z"), 1);
    fixture_reload(f, POOL BY_HAND "[task z]\n" COMMAND); /* no chain is left */
    do_run(f, "a", OUTCOME_OK);
    fixture_destroy(f);
}

/* --- what the history says --- */

static uint32_t waiting(const struct fixture *f, const char *task) {
    return fixture_core_task(f, task)->waiting_count;
}

static void chain_goes_on_where_the_history_says_it_was(void **state) {
    static const struct {
        int64_t a_us, b_us; /* ended */
        bool due;
    } rows[] = {{90, 50, false}, {91, 50, false}, {91, 51, true}, {0, 0, false}};
    const int64_t answered_us[] = {90, 50};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fixture *f = fixture_create(KEPT BY_HAND AFTER);
        told(f, "a", (struct chain_told){.ok = {rows[i].a_us}});
        told(f, "z", (struct chain_told){.last = {95}, .answered_us = answered_us, .answered_count = 2});
        told(f, "b", (struct chain_told){.ok = {rows[i].b_us}});
        assert_int_equal(waiting(f, "z"), 0); /* nothing before it is known */
        f->core->pools[0].recording.state = RECORDING_ON;
        f->core->sweep_chain = 0;
        fixture_tick(f);
        assert_int_equal(waiting(f, "z"), rows[i].due);
        if (rows[i].due)
            assert_true(f->core->runs[fixture_core_task(f, "z")->waiting_run].due_first.us == 96);
        fixture_destroy(f);
    }
}

/* Where it cannot be read, or is off, what the other pool's history says of before does not count. */
static void chain_counts_nothing_from_before_that_nobody_may_have_answered(void **state) {
    struct fixture *f = fixture_create(POOL "[pool q]\nsize = 1\nhistory = on\n[task a]\npool = q\nsql = x\n"
                                            "[task z]\npool = p\nafter = a\n" COMMAND);
    (void)state;
    told(f, "a", (struct chain_told){.ok = {f->wall.us - 5 * S}});
    assert_int_equal(starts_of(f, "z"), 0);
    chain_note_end(f->core, fixture_task(f, "a"), f->wall, OUTCOME_OK);
    fixture_tick(f);
    assert_int_equal(starts_of(f, "z"), 1);
    fixture_destroy(f);
}

static void chain_refused_claim_has_the_history_asked(void **state) {
    struct fixture *f = fixture_create(KEPT "[task a]\n" COMMAND "[task z]\nsql = x\nafter = a\n");
    struct recording *recording = &f->core->pools[0].recording;
    const int64_t answered_us[] = {f->wall.us + 1 * S};
    uint32_t z = fixture_task(f, "z");
    (void)state;
    recording->state = RECORDING_ON;
    recording->restored = true;
    fixture_advance(f, 1 * S);
    chain_note_end(f->core, fixture_task(f, "a"), f->wall, OUTCOME_OK);
    fixture_tick(f);
    assert_int_equal(waiting(f, "z"), 1);
    chain_note_elsewhere(f->core, z);
    assert_true(recording->learn_at.us == f->now.us);
    chain_note_end(f->core, fixture_task(f, "a"), (struct wall){f->wall.us + 1}, OUTCOME_OK);
    f->core->tasks[z].waiting_count = 0; /* the refused one is no more */
    f->core->tasks[z].waiting_run = INDEX_NONE;
    fixture_tick(f);
    assert_int_equal(waiting(f, "z"), 0); /* who knows what was answered? */
    told(f, "z", (struct chain_told){.last = {f->wall.us}, .answered_us = answered_us, .answered_count = 1});
    assert_int_equal(waiting(f, "z"), 1); /* less than what has ended */
    recording->learn_at.us = 0;
    told(f, "a", (struct chain_told){.runs_elsewhere = true});
    assert_true(recording->learn_at.us == f->now.us + RECORDING_LEARN_US);
    told(f, "z", (struct chain_told){.runs_elsewhere = true}); /* nobody comes after it */
    assert_true(recording->learn_at.us == f->now.us + RECORDING_LEARN_US);
    f->core->tasks[z].waiting_count = 1;
    fixture_destroy(f);
}

/* What this daemon passes over, for a pause or a hold, another one may run. */
static void chain_learns_of_what_was_passed_over(void **state) {
    (void)state;
    for (int on_hold = 0; on_hold < 2; on_hold++) {
        struct fixture *f = fixture_create(KEPT "[task a]\nevery = 10s\nphase = 0\n" COMMAND "[task z]\nsql = x\nafter = a\n"
                                                "[task alone]\nevery = 7s\nphase = 0\n" COMMAND);
        struct recording *recording = &f->core->pools[0].recording;
        recording->state = RECORDING_ON;
        recording->restored = true;
        f->core->tasks[fixture_task(f, "alone")].held_until.us = f->now.us + 100 * S;
        if (on_hold)
            f->core->tasks[fixture_task(f, "a")].held_until.us = f->now.us + 100 * S;
        else
            set_paused(f, "a", true);
        fixture_pass(f, 9 * S);
        assert_true(recording->learn_at.us == 0); /* nobody comes after what was due */
        fixture_pass(f, 1 * S);
        assert_true(recording->learn_at.us == f->now.us + RECORDING_LEARN_US);
        fixture_destroy(f);
    }
}

static void chain_drained_daemon_begins_nothing(void **state) {
    struct fixture *f = fixture_create(POOL "[task a]\n" COMMAND "[task z]\n" COMMAND "after = a\n");
    (void)state;
    fixture_advance(f, 1 * S);
    fixture_trigger(f, "a");
    struct handle run = fixture_started(f, "a");
    fixture_drain(f);
    fixture_end(f, run, OUTCOME_OK);
    assert_int_equal(starts_of(f, "z"), 0);
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_is_due_when_each_has_ended_anew),
        cmocka_unit_test(chain_of_any_is_due_when_one_has),
        cmocka_unit_test(chain_counts_the_outcomes_that_it_asks_for),
        cmocka_unit_test(chain_does_not_count_an_attempt),
        cmocka_unit_test(chain_end_while_it_runs_makes_it_due_again),
        cmocka_unit_test(chain_ends_while_it_waits_are_one_run),
        cmocka_unit_test(chain_release_of_a_paused_task_is_skipped),
        cmocka_unit_test(chain_triggered_run_answers_nothing),
        cmocka_unit_test(chain_key_comes_behind_that_of_a_triggered_run),
        cmocka_unit_test(chain_end_behind_a_later_one_counts),
        cmocka_unit_test(chain_of_many_followers_goes_on_in_turns),
        cmocka_unit_test(chain_reload_keeps_what_was_answered_of_those_that_stay),
        cmocka_unit_test(chain_goes_on_where_the_history_says_it_was),
        cmocka_unit_test(chain_counts_nothing_from_before_that_nobody_may_have_answered),
        cmocka_unit_test(chain_refused_claim_has_the_history_asked),
        cmocka_unit_test(chain_learns_of_what_was_passed_over),
        cmocka_unit_test(chain_drained_daemon_begins_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
