/*
 * What was missed while no daemon ran, and what the steps of a clock would repeat: each occurrence is in one record.
 */
#include "tests/unit/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/core/clock.h"
#include "tasks/text.h"

#define POOL     "[pool p]\nsize = 1\nconnect_timeout = 5min\n"
#define EVERY    "every = 10s\nphase = 0\n" /* WALL_START_US is one of its due instants; the first of ours is 10 s later */
#define COMMAND  POOL "[task a]\n" EVERY "command = true\ntokens = 0\n" /* starts at once */
#define SQL      POOL "[task a]\n" EVERY "sql = SELECT 1\n"             /* waits for a session */
#define S        US_PER_S
#define YEARS_10 (INT64_C(3652) * US_PER_DAY)

static void restore(struct fixture *f, int64_t answered_s) {
    struct event event = {.kind = EVENT_RESTORED, .task = fixture_task(f, "a")};
    event.restored.answered_until.us = WALL_START_US + answered_s * S;
    fixture_step(f, event);
}

/* --- every record, and what they cover --- */

#define BACKLOG_MOST 4096

struct backlog {
    uint32_t count, start_count, most_at_once;
    struct record records[BACKLOG_MOST];
};

/* Takes in the last step, and ends what it started, and so on. */
static void absorb(struct fixture *f, struct backlog *backlog) {
    struct handle started[16];
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->kept[i].kind == ACTION_RECORD) {
            assert_true(backlog->count < BACKLOG_MOST);
            backlog->records[backlog->count++] = f->kept[i].record;
        }
        if (f->kept[i].kind == ACTION_START)
            started[count++] = f->kept[i].run;
    }
    backlog->start_count += count;
    backlog->most_at_once = count > backlog->most_at_once ? count : backlog->most_at_once;
    for (uint32_t i = 0; i < count; i++) {
        fixture_end(f, started[i], OUTCOME_OK);
        absorb(f, backlog);
    }
}

static void live(struct fixture *f, struct backlog *backlog, int64_t seconds) {
    for (int64_t i = 0; i < seconds; i++) {
        fixture_pass(f, 1 * S);
        absorb(f, backlog);
    }
}

static int by_first(const void *a, const void *b) {
    int64_t first = ((const struct record *)a)->due_first.us, second = ((const struct record *)b)->due_first.us;
    return first < second ? -1 : first > second;
}

/* Runs in the order of what they answer, as they ended; no occurrence in two records; the counts are right. */
static void assert_in_order(const struct backlog *backlog) {
    struct wall last = {0};
    for (uint32_t i = 0; i < backlog->count; i++) {
        const struct record *record = &backlog->records[i];
        assert_true(record->due_first.us > last.us);
        last = record->due_last;
        assert_int_equal(record->occurrence_count, 1 + (record->due_last.us - record->due_first.us) / (10 * S));
    }
}

static int64_t assert_disjoint(const struct backlog *backlog, const char *name) {
    struct backlog *sorted = malloc(sizeof *sorted);
    int64_t sum = 0;
    assert_non_null(sorted);
    *sorted = *backlog;
    qsort(sorted->records, sorted->count, sizeof *sorted->records, by_first);
    for (uint32_t i = 0; i < sorted->count; i++) {
        const struct record *record = &sorted->records[i];
        sum += record->occurrence_count;
        if (record->occurrence_count != 1 + (record->due_last.us - record->due_first.us) / (10 * S))
            fail_msg("%s: record %u has the wrong count", name, i);
        if (i > 0 && record->due_first.us <= sorted->records[i - 1].due_last.us)
            fail_msg("%s: record %u answers again what was answered", name, i);
    }
    free(sorted);
    return sum;
}

static void assert_range(const struct record *record, int64_t first_s, int64_t last_s, int64_t count) {
    assert_int_equal(record->due_first.us, WALL_START_US + first_s * S);
    assert_int_equal(record->due_last.us, WALL_START_US + last_s * S);
    assert_int_equal(record->occurrence_count, count);
}

/* --- skip, once, all --- */

static void restored_missed_occurrences_are_answered_as_catch_up_says(void **state) {
    static const struct {
        const char *name, *keys;
        int64_t answered_s;
        uint32_t missed_count, start_count; /* SKIP_MISSED records, and runs */
        int64_t answered_count, merged_count;
    } table[] = {
        {"skip", "catch_up = skip\n", -40, 1, 0, 4, 0},
        {"skip, none missed", "catch_up = skip\n", 0, 0, 0, 0, 0},
        {"once is the default", "", -40, 0, 1, 4, 3},
        {"once, one missed", "", -10, 0, 1, 1, 0},
        {"once, none missed", "", 0, 0, 0, 0, 0},
        {"once, between two instants", "", -5, 0, 1, 1, 0},
        {"once, a year", "", -365 * 86400, 0, 1, 365 * 8640, 365 * 8640 - 1},
        {"all", "catch_up = all\n", -40, 0, 4, 4, 0},
        {"all, one missed", "catch_up = all\n", -10, 0, 1, 1, 0},
        {"all, none missed", "catch_up = all\n", 0, 0, 0, 0, 0},
        {"all, they may overlap", "catch_up = all\noverlap = allow\n", -40, 0, 4, 4, 0},
        {"all, by count", "catch_up = all\ncatch_up_count = 3\n", -100, 1, 3, 10, 0},
        {"all, by age", "catch_up = all\ncatch_up_age = 21s\n", -100, 1, 3, 10, 0},
        {"all, at the age", "catch_up = all\ncatch_up_age = 20s\n", -100, 1, 3, 10, 0},
        {"all, too old", "catch_up = all\ncatch_up_age = 1ms\n", -100, 1, 1, 10, 0},
        {"all, both bounds", "catch_up = all\ncatch_up_age = 50s\ncatch_up_count = 2\n", -100, 1, 2, 10, 0},
        {"all, a year", "catch_up = all\n", -365 * 86400, 1, 100, 365 * 8640, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct text ini = {0};
        struct backlog *backlog = calloc(1, sizeof *backlog);
        text_add(&ini, COMMAND "%s", table[i].keys);
        struct fixture *f = fixture_create(ini.bytes);
        restore(f, table[i].answered_s);
        absorb(f, backlog);
        uint32_t missed_count = 0;
        for (uint32_t j = 0; j < backlog->count; j++)
            missed_count += backlog->records[j].skip == SKIP_MISSED;
        const struct task_stats *stats = &fixture_core_task(f, "a")->stats;
        if (missed_count != table[i].missed_count || backlog->start_count != table[i].start_count ||
            assert_disjoint(backlog, table[i].name) != table[i].answered_count ||
            (int64_t)stats->merged_count != table[i].merged_count || backlog->most_at_once > 1)
            fail_msg("%s: %u missed, %u started", table[i].name, missed_count, backlog->start_count);
        assert_in_order(backlog);
        assert_int_equal(core_next_wake(f->core).us, 10 * S);
        text_finish(&ini);
        free(backlog);
        fixture_destroy(f);
    }
}

static struct handle open_and_start(struct fixture *f, struct handle session) {
    fixture_session(f, EVENT_SESSION_OPENED, session);
    fixture_sample(f, session, 0);
    return fixture_started(f, "a");
}

static void once_waiting_run_answers_what_was_missed_before_it(void **state) {
    struct fixture *f = fixture_create(SQL);
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_pass(f, 4 * S);
    restore(f, -40);
    fixture_pass(f, 6 * S);
    fixture_end(f, open_and_start(f, session), OUTCOME_OK);
    const struct record *record = &fixture_need(f, ACTION_RECORD)->record;
    assert_range(record, -30, 20, 6);
    assert_int_equal(record->lateness_us, 50 * S); /* from -30 to 20 */
    assert_int_equal(fixture_core_task(f, "a")->stats.merged_count, 5);
    fixture_destroy(f);
}

static void once_new_run_that_waits_is_joined(void **state) {
    struct fixture *f = fixture_create(SQL);
    (void)state;
    restore(f, -40);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_pass(f, 10 * S);
    fixture_end(f, open_and_start(f, session), OUTCOME_OK);
    assert_range(&fixture_need(f, ACTION_RECORD)->record, -30, 10, 5);
    fixture_destroy(f);
}

static void once_waits_for_the_run_that_was_asked_for(void **state) {
    struct fixture *f = fixture_create(COMMAND);
    (void)state;
    fixture_trigger(f, "a");
    struct handle run = fixture_started(f, "a");
    restore(f, -40);
    assert_int_equal(f->count, 0);
    fixture_end(f, run, OUTCOME_OK);
    fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
    assert_range(&fixture_need(f, ACTION_RECORD)->record, -30, 0, 4);
    fixture_destroy(f);
}

static void once_triggered_run_that_waits_answers_what_was_missed(void **state) {
    struct fixture *f = fixture_create(SQL);
    (void)state;
    fixture_trigger(f, "a");
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    restore(f, -40);
    fixture_pass(f, 10 * S - 1);
    fixture_pass(f, 1);
    fixture_end(f, open_and_start(f, session), OUTCOME_OK);
    assert_range(&fixture_need(f, ACTION_RECORD)->record, -30, 10, 5);
    assert_int_equal(fixture_core_task(f, "a")->stats.merged_count, 4);
    fixture_destroy(f);
}

/* What was missed is late from when it was due, not from when the daemon came up. */
static void restored_missed_run_is_as_late_as_it_is(void **state) {
    static const char *const choices[] = {"once", "all"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct text ini = {0};
        text_add(&ini, COMMAND "catch_up = %s\n", choices[i]);
        struct fixture *f = fixture_create(ini.bytes);
        fixture_pass(f, 3 * S);
        restore(f, -100);
        fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
        assert_int_equal(fixture_need(f, ACTION_RECORD)->record.due_first.us, WALL_START_US - 90 * S);
        assert_int_equal(fixture_need(f, ACTION_RECORD)->record.lateness_us, 93 * S);
        if (i == 1) { /* the second of ten: no less late for its turn */
            fixture_pass(f, 1 * S);
            fixture_end(f, core_run_handle(f->core, 0), OUTCOME_OK);
            assert_int_equal(fixture_need(f, ACTION_RECORD)->record.lateness_us, 83 * S);
        }
        text_finish(&ini);
        fixture_destroy(f);
    }
}

/* Not from the first, which may be of last year. */
static void once_start_deadline_counts_from_the_last_occurrence(void **state) {
    struct fixture *f = fixture_create(SQL "start_deadline = 5s\n");
    (void)state;
    restore(f, -4000);
    fixture_pass(f, 5 * S - 1);
    assert_null(fixture_find(f, ACTION_RECORD));
    fixture_pass(f, 1);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_LATE);
    assert_range(&fixture_need(f, ACTION_RECORD)->record, -3990, 0, 400);
    fixture_destroy(f);
}

/* The run that was for 10 is for -30 by then, found at 13. */
static void all_start_deadline_counts_from_when_it_was_found(void **state) {
    struct fixture *f = fixture_create(SQL "start_deadline = 5s\ncatch_up = all\n");
    (void)state;
    fixture_pass(f, 10 * S);
    fixture_pass(f, 3 * S);
    restore(f, -40);
    fixture_pass(f, 2 * S);
    fixture_pass(f, 3 * S - 1);
    assert_null(fixture_find(f, ACTION_RECORD));
    fixture_pass(f, 1);
    assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_LATE);
    assert_range(&fixture_need(f, ACTION_RECORD)->record, -30, -30, 1);
    fixture_destroy(f);
}

static void restored_after_newer_ones_were_given_up_is_only_recorded(void **state) {
    static const char *const choices[] = {"skip", "once", "all"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct text ini = {0};
        text_add(&ini, SQL "start_deadline = 5s\ncatch_up = %s\n", choices[i]);
        struct fixture *f = fixture_create(ini.bytes);
        fixture_pass(f, 10 * S);
        fixture_pass(f, 5 * S);
        assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_LATE);
        restore(f, -40);
        assert_int_equal(fixture_need(f, ACTION_RECORD)->record.skip, SKIP_MISSED);
        assert_range(&fixture_need(f, ACTION_RECORD)->record, -30, 0, 4);
        assert_int_equal(fixture_core_task(f, "a")->waiting_count, 0);
        text_finish(&ini);
        fixture_destroy(f);
    }
}

static void restored_twice_disabled_or_unarmed_changes_nothing(void **state) {
    struct fixture *f[] = {fixture_create(COMMAND), fixture_create(COMMAND "enabled = off\n"), fixture_create_unarmed(COMMAND)};
    (void)state;
    restore(f[0], 0);
    for (size_t i = 0; i < 3; i++) {
        restore(f[i], -40);
        assert_int_equal(f[i]->count, 0);
        fixture_destroy(f[i]);
    }
}

/* --- all: one after another, and the present behind them --- */

static void all_waiting_run_has_its_turn_after_the_missed(void **state) {
    struct fixture *f = fixture_create(SQL "catch_up = all\n");
    struct backlog *backlog = calloc(1, sizeof *backlog);
    (void)state;
    fixture_pass(f, 10 * S);
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_pass(f, 10 * S);
    restore(f, -20);
    assert_int_equal(fixture_core_task(f, "a")->stats.merged_count, 0);
    fixture_end(f, open_and_start(f, session), OUTCOME_OK);
    for (int i = 0; i < 2; i++) {
        backlog->records[backlog->count++] = fixture_need(f, ACTION_RECORD)->record;
        if (i == 1)
            fixture_pass(f, 10 * S); /* due at 40, which joins the run that waits behind them */
        fixture_session(f, EVENT_SESSION_READY, session);
        if (fixture_find(f, ACTION_SAMPLE))
            fixture_sample(f, session, 0);
        if (i == 0)
            fixture_pass(f, 10 * S); /* due at 30, while the second missed one runs */
        fixture_end(f, core_run_handle(f->core, 0), OUTCOME_OK); /* the only record, used again */
    }
    backlog->records[backlog->count++] = fixture_need(f, ACTION_RECORD)->record;
    assert_range(&backlog->records[0], -10, -10, 1);
    assert_range(&backlog->records[1], 0, 0, 1);
    assert_range(&backlog->records[2], 10, 40, 4);
    assert_int_equal(fixture_core_task(f, "a")->stats.merged_count, 3);
    free(backlog);
    fixture_destroy(f);
}

static void all_what_is_due_meanwhile_is_one_run_behind(void **state) {
    static const char *const overlaps[] = {"skip", "queue", "allow"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct text ini = {0};
        text_add(&ini, COMMAND "catch_up = all\noverlap = %s\n", overlaps[i]);
        struct fixture *f = fixture_create(ini.bytes);
        restore(f, -20);
        struct handle run = fixture_started(f, "a");
        fixture_pass(f, 25 * S);
        assert_int_equal(f->count, 0); /* 10 and 20 are not on record yet, and nothing overtakes */
        fixture_end(f, run, OUTCOME_OK);
        assert_range(&fixture_need(f, ACTION_RECORD)->record, -10, -10, 1);
        run = fixture_started(f, "a");
        fixture_pass(f, 5 * S);
        assert_int_equal(f->count, 0);
        fixture_trigger(f, "a"); /* by hand: waits for the one that runs, and goes before the rest */
        assert_int_equal(f->count, 0);
        fixture_end(f, run, OUTCOME_OK);
        assert_range(&fixture_need(f, ACTION_RECORD)->record, 0, 0, 1);
        assert_int_equal(fixture_count(f, ACTION_START), 1);
        fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
        assert_int_equal(fixture_need(f, ACTION_RECORD)->record.occurrence_count, 0);
        fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
        assert_range(&fixture_need(f, ACTION_RECORD)->record, 10, 30, 3);
        assert_int_equal(fixture_core_task(f, "a")->catch_up_next.us, 0);
        fixture_pass(f, 10 * S);
        fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
        assert_range(&fixture_need(f, ACTION_RECORD)->record, 40, 40, 1);
        text_finish(&ini);
        fixture_destroy(f);
    }
}

static void all_rest_is_on_record_when_it_is_given_up(void **state) {
    enum way { DRAINED, DRAINED_WAITING, REMOVED, DISABLED, HELD, WAYS };
    static const enum skip_cause causes[] = {SKIP_DRAIN, SKIP_DRAIN, SKIP_REMOVED, SKIP_REMOVED, SKIP_HOLD};
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        struct fixture *f = fixture_create(way == DRAINED_WAITING ? SQL "catch_up = all\n"
                                                                  : COMMAND "catch_up = all\nhold_after = 1\n");
        struct backlog *backlog = calloc(1, sizeof *backlog);
        restore(f, -40);
        struct handle run = way == DRAINED_WAITING ? HANDLE_NONE : fixture_started(f, "a");
        fixture_pass(f, 10 * S); /* it runs */
        if (way == DRAINED || way == DRAINED_WAITING)
            fixture_drain(f);
        else if (way != HELD)
            fixture_reload(f, way == REMOVED ? POOL "[task b]\nevery = 1h\nsql = x\n" : COMMAND "catch_up = all\nenabled = off\n");
        if (run.generation)
            fixture_end(f, run, way == HELD ? OUTCOME_FAILED : OUTCOME_OK);
        absorb(f, backlog);
        assert_in_order(backlog);
        assert_int_equal(backlog->count, 2);
        assert_range(&backlog->records[0], -30, -30, 1);
        assert_int_equal(backlog->records[1].skip, causes[way]);
        assert_range(&backlog->records[1], -20, 10, 4);
        free(backlog);
        fixture_destroy(f);
    }
}

static void all_goes_on_behind_one_that_another_daemon_has(void **state) {
    struct fixture *f = fixture_create(COMMAND "catch_up = all\n");
    (void)state;
    fixture_tick(f);
    restore(f, -30);
    for (int64_t due_s = -20; due_s <= 0; due_s += 10) {
        struct handle run = fixture_started(f, "a");
        assert_int_equal(core_run(f->core, run)->due_first.us, WALL_START_US + due_s * S);
        fixture_end_with(f, run, OUTCOME_FAILED, FAILURE_TAKEN, 0);
    }
    fixture_pass(f, 10 * S);
    fixture_started(f, "a");
    fixture_destroy(f);
}

static void all_another_schedule_goes_on_by_it(void **state) {
    struct fixture *f = fixture_create(COMMAND "catch_up = all\n");
    struct backlog *backlog = calloc(1, sizeof *backlog);
    (void)state;
    restore(f, -60); /* -50 .. 0 */
    struct handle run = fixture_started(f, "a");
    fixture_reload(f, POOL "[task a]\nevery = 20s\nphase = 0\ncatch_up = all\ncommand = true\ntokens = 0\n");
    fixture_end(f, run, OUTCOME_OK);
    absorb(f, backlog);
    assert_int_equal(backlog->start_count, 3); /* -40, -20, 0 */
    assert_range(&backlog->records[1], -40, -40, 1);
    assert_range(&backlog->records[3], 0, 0, 1);
    fixture_pass(f, 20 * S);
    fixture_started(f, "a");
    free(backlog);
    fixture_destroy(f);
}

/* --- elastic intervals, named by their cells --- */

static void restored_elastic_task_counts_slots(void **state) {
    static const struct {
        const char *choice;
        uint32_t start_count;
    } table[] = {{"once", 1}, {"all", 3}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct text ini = {0};
        struct backlog *backlog = calloc(1, sizeof *backlog);
        text_add(&ini, POOL "[task a]\nevery = 10s..15s\nphase = 0\ncommand = true\ntokens = 0\ncatch_up = %s\n", table[i].choice);
        struct fixture *f = fixture_create(ini.bytes);
        restore(f, -23); /* in the cell that begins at -30 */
        absorb(f, backlog);
        assert_int_equal(backlog->start_count, table[i].start_count);
        assert_int_equal(assert_disjoint(backlog, table[i].choice), 3);
        assert_in_order(backlog);
        text_finish(&ini);
        free(backlog);
        fixture_destroy(f);
    }
}

/* --- a record that ends in our future --- */

static void restored_ahead_of_our_clock_waits_for_two_intervals_at_most(void **state) {
    static const struct {
        int64_t answered_s;
        bool told, kept;
        int64_t next_wake_s;
    } table[] = {
        {9, false, false, 10},
        {10, false, true, 20},
        {15, false, true, 20},
        {19, false, true, 20},
        {20, true, false, 10},
        {3600, true, false, 10},
        {YEARS_10 / S, true, false, 10},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture *f = fixture_create(COMMAND);
        restore(f, table[i].answered_s);
        assert_int_equal(f->count, table[i].told + table[i].kept);
        assert_int_equal(clock_is_kept(f->core, 0), table[i].kept);
        if (table[i].kept)
            assert_int_equal(fixture_need(f, ACTION_KEPT)->ahead_us, table[i].answered_s * S);
        if (table[i].told)
            assert_int_equal(fixture_need(f, ACTION_AHEAD)->ahead_us, table[i].answered_s * S);
        assert_int_equal(core_next_wake(f->core).us, table[i].next_wake_s * S);
        fixture_destroy(f);
    }
}

/* What a clock that was an hour ahead has left: no reason not to catch up what was missed before our time. */
static void restored_rows_of_the_future_hide_nothing_that_was_missed(void **state) {
    struct fixture *f = fixture_create(COMMAND);
    struct event event = {.kind = EVENT_RESTORED, .task = 0};
    (void)state;
    event.restored.answered_until.us = WALL_START_US - 40 * S;
    event.restored.ahead_until.us = WALL_START_US + 3600 * S;
    fixture_step(f, event);
    assert_int_equal(fixture_need(f, ACTION_AHEAD)->ahead_us, 3600 * S);
    fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
    assert_range(&fixture_need(f, ACTION_RECORD)->record, -30, 0, 4);
    assert_int_equal(core_next_wake(f->core).us, 10 * S);
    fixture_destroy(f);
}

/* Within two intervals it waits for them, and is kept; then it is due again. */
static void restored_row_a_little_ahead_keeps_the_task_until_then(void **state) {
    struct fixture *f = fixture_create(COMMAND);
    struct event event = {.kind = EVENT_RESTORED, .task = 0};
    (void)state;
    event.restored.answered_until.us = WALL_START_US;
    event.restored.ahead_until.us = WALL_START_US + 10 * S;
    fixture_step(f, event);
    fixture_need(f, ACTION_KEPT);
    assert_true(clock_is_kept(f->core, 0));
    fixture_pass(f, 10 * S);
    assert_int_equal(f->count, 0);
    assert_false(clock_is_kept(f->core, 0));
    fixture_pass(f, 10 * S);
    fixture_end(f, fixture_started(f, "a"), OUTCOME_OK);
    assert_range(&fixture_need(f, ACTION_RECORD)->record, 20, 20, 1);
    fixture_destroy(f);
}

/* --- steps of the clock --- */

struct clock_move {
    int64_t step_s;    /* of the wall clock, or how long both went on without us; 0 ends the list */
    bool stalled;
    uint32_t at_once; /* runs within the second after */
    uint32_t in_a_minute;
};

static const struct {
    const char *name;
    bool repeats; /* the bound was passed: what was answered by a wrong clock comes again */
    struct clock_move moves[4];
} clocks[] = {
    {"a second forward", false, {{1, false, 0, 6}}},
    {"a second back", false, {{-1, false, 0, 6}}},
    {"an hour forward", false, {{3600, false, 1, 7}}},
    {"an hour back, what was not answered by us", false, {{-3600, false, 0, 6}}},
    {"asleep for eight hours, as the monotonic clock was", false, {{8 * 3600, false, 1, 7}}},
    {"stalled for eight hours", false, {{8 * 3600, true, 1, 7}}},
    {"an hour forward and back", false, {{3600, false, 1, 7}, {-3600, false, 0, 0}}},
    {"an hour back and forward", false, {{-3600, false, 0, 6}, {3600, false, 1, 7}}},
    {"an hour back, and forward into what was answered", false, {{-3600, false, 0, 6}, {3500, false, 0, 2}}},
    {"an hour forward, back and forward", false, {{3600, false, 1, 7}, {-3600, false, 0, 0}, {3600, false, 1, 7}}},
    {"a minute back, into what was answered", false, {{-50, false, 0, 1}}},
    {"ten years forward", false, {{YEARS_10 / S, false, 1, 7}}},
    {"ten years back", false, {{-YEARS_10 / S, false, 0, 6}}},
    {"ten years back and forward", false, {{-YEARS_10 / S, false, 0, 6}, {YEARS_10 / S, false, 1, 7}}},
    {"ten years forward and back", true, {{YEARS_10 / S, false, 1, 7}, {-YEARS_10 / S, false, 0, 6}}},
};

static void clock_any_step_answers_each_occurrence_once(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        struct fixture *f = fixture_create(COMMAND);
        struct backlog *backlog = calloc(1, sizeof *backlog);
        live(f, backlog, 64);
        assert_int_equal(backlog->start_count, 6);
        for (const struct clock_move *move = clocks[i].moves; move->step_s; move++) {
            uint32_t before = backlog->start_count;
            f->wall.us += move->step_s * S;
            f->now.us += move->stalled ? move->step_s * S : 0;
            live(f, backlog, 1);
            uint32_t at_once = backlog->start_count - before;
            live(f, backlog, 59);
            if (at_once != move->at_once || backlog->start_count - before != move->in_a_minute)
                fail_msg("%s: %u runs at once, %u in a minute", clocks[i].name, at_once, backlog->start_count - before);
        }
        if (!clocks[i].repeats)
            assert_disjoint(backlog, clocks[i].name);
        free(backlog);
        fixture_destroy(f);
    }
}

/* Set back by an hour after a minute: the hour runs again up to that minute, which does not. */
static void clock_set_back_passes_over_what_was_answered(void **state) {
    struct fixture *f = fixture_create(COMMAND);
    struct backlog *backlog = calloc(1, sizeof *backlog);
    (void)state;
    live(f, backlog, 64);
    f->wall.us -= 3600 * S;
    live(f, backlog, 3700);
    assert_disjoint(backlog, "back");
    assert_int_equal(backlog->start_count, 6 + 360 + 4); /* -3530 .. 60 less 10 .. 60 which were; 70 .. 160 */
    free(backlog);
    fixture_destroy(f);
}

static void clock_set_back_while_catching_up_repeats_nothing(void **state) {
    struct fixture *f = fixture_create(COMMAND "catch_up = all\n");
    struct backlog *backlog = calloc(1, sizeof *backlog);
    (void)state;
    restore(f, -40);
    struct handle run = fixture_started(f, "a");
    fixture_pass(f, 15 * S);
    f->wall.us -= 60 * S;
    fixture_pass(f, 30 * S);
    assert_null(fixture_find(f, ACTION_RECORD));
    fixture_end(f, run, OUTCOME_OK);
    absorb(f, backlog);
    live(f, backlog, 100);
    assert_disjoint(backlog, "catching up");
    assert_in_order(backlog);
    assert_range(&backlog->records[0], -30, -30, 1);
    free(backlog);
    fixture_destroy(f);
}

/* By so much that nobody waits for the clock to come again; but what was put off must not be behind it. */
static void clock_set_far_back_while_catching_up_records_what_is_due(void **state) {
    struct fixture *f = fixture_create(COMMAND "catch_up = all\n");
    struct backlog *backlog = calloc(1, sizeof *backlog);
    (void)state;
    restore(f, -40);
    struct handle run = fixture_started(f, "a");
    fixture_pass(f, 15 * S);
    f->wall.us -= YEARS_10;
    live(f, backlog, 30);
    assert_int_equal(backlog->count, 3);
    assert_int_equal(backlog->records[0].skip, SKIP_MISSED);
    fixture_end(f, run, OUTCOME_OK);
    absorb(f, backlog);
    assert_int_equal(assert_disjoint(backlog, "far back"), 3 + 5);
    assert_range(&backlog->records[3], -30, -30, 1);
    assert_range(&backlog->records[7], 10, 10, 1);
    free(backlog);
    fixture_destroy(f);
}

static void clock_step_leaves_timeouts_alone(void **state) {
    static const int64_t steps[] = {S, -S, 3600 * S, -3600 * S, YEARS_10, -YEARS_10};
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct fixture *f = fixture_create(COMMAND "timeout = 7s\n");
        fixture_pass(f, 10 * S);
        fixture_started(f, "a");
        f->wall.us += steps[i];
        fixture_pass(f, 7 * S - 1);
        assert_null(fixture_find(f, ACTION_CANCEL));
        fixture_pass(f, 1);
        fixture_need(f, ACTION_CANCEL);
        fixture_destroy(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restored_missed_occurrences_are_answered_as_catch_up_says),
        cmocka_unit_test(once_waiting_run_answers_what_was_missed_before_it),
        cmocka_unit_test(once_new_run_that_waits_is_joined),
        cmocka_unit_test(once_waits_for_the_run_that_was_asked_for),
        cmocka_unit_test(once_triggered_run_that_waits_answers_what_was_missed),
        cmocka_unit_test(restored_missed_run_is_as_late_as_it_is),
        cmocka_unit_test(once_start_deadline_counts_from_the_last_occurrence),
        cmocka_unit_test(all_start_deadline_counts_from_when_it_was_found),
        cmocka_unit_test(restored_after_newer_ones_were_given_up_is_only_recorded),
        cmocka_unit_test(restored_twice_disabled_or_unarmed_changes_nothing),
        cmocka_unit_test(all_waiting_run_has_its_turn_after_the_missed),
        cmocka_unit_test(all_what_is_due_meanwhile_is_one_run_behind),
        cmocka_unit_test(all_rest_is_on_record_when_it_is_given_up),
        cmocka_unit_test(all_goes_on_behind_one_that_another_daemon_has),
        cmocka_unit_test(all_another_schedule_goes_on_by_it),
        cmocka_unit_test(restored_elastic_task_counts_slots),
        cmocka_unit_test(restored_ahead_of_our_clock_waits_for_two_intervals_at_most),
        cmocka_unit_test(restored_rows_of_the_future_hide_nothing_that_was_missed),
        cmocka_unit_test(restored_row_a_little_ahead_keeps_the_task_until_then),
        cmocka_unit_test(clock_any_step_answers_each_occurrence_once),
        cmocka_unit_test(clock_set_back_passes_over_what_was_answered),
        cmocka_unit_test(clock_set_back_while_catching_up_repeats_nothing),
        cmocka_unit_test(clock_set_far_back_while_catching_up_records_what_is_due),
        cmocka_unit_test(clock_step_leaves_timeouts_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
