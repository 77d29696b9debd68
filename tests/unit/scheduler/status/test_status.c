#include "tests/unit/fixture.h"

#include <stdio.h>
#include <string.h>

#include "scheduler/status/metrics.h"
#include "scheduler/status/table.h"
#include "scheduler/status/words.h"

#define POOL(size) "[pool p]\nsize = " #size "\n"
#define SQL(name)  "[task " name "]\nevery = 10s\nphase = 0\nsql = SELECT 1\n"

#define S US_PER_S

static const char *connect_error(const void *context, const char *pool_name) {
    (void)context;
    return strcmp(pool_name, "p") == 0 ? "connection refused" : NULL;
}

static const char *failure(const void *context, const char *task_name) {
    (void)context;
    return strcmp(task_name, "broken") == 0 ? "42P01 no such table" : NULL;
}

static const struct status_context context = {
    .version = "0.1",
    .path = "office.ini",
    .pid = 42,
    .up_us = 90 * S,
    .loaded = {WALL_START_US},
    .failure_of = failure,
    .connect_error_of = connect_error,
};

/* The dump holds each of the texts, in this order. Ended with NULL. */
static void assert_dump(const struct fixture *f, uint32_t width, const char *const *texts) {
    struct status status;
    struct text dump = {0};
    status_init(&status, f->core, f->now, &context);
    status_print(&status, width, &dump);
    const char *at = dump.bytes;
    for (; *texts; texts++) {
        const char *found = strstr(at, *texts);
        if (!found)
            fail_msg("no '%s' here or not in order:\n%s", *texts, dump.bytes);
        at = found + strlen(*texts);
    }
    status_finish(&status);
    text_finish(&dump);
}

/* Kept from running by what a clock ahead of ours has answered, it is not idle. */
static void status_kept_says_until_when_and_why(void **state) {
    struct fixture *f = fixture_create(POOL(1) SQL("kept") SQL("idle"));
    struct event event = {.kind = EVENT_RESTORED, .task = 0};
    (void)state;
    event.restored.answered_until.us = WALL_START_US;
    event.restored.ahead_until.us = WALL_START_US + 10 * S;
    fixture_step(f, event);
    assert_dump(f, 0, (const char *const[]){"\nkept  waiting   01:47:00", "what is due up to 01:46:50 is answered already",
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
    assert_dump(f, 0,
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
    assert_dump(f, 0, (const char *const[]){"\nheavy", "too few tokens: needs 2, has 1, longest a", NULL});
    fixture_destroy(f);
}

static void status_failing_pool_says_since_when_and_why(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    (void)state;
    fixture_trigger(f, "a");
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_fail(f, session, CONNECT_UNREACHABLE);
    fixture_session(f, EVENT_SESSION_GONE, session);
    assert_dump(f, 0,
                (const char *const[]){"pool p", "\n  no connection for 0", ", next attempt in 1",
                                      ": connection refused\n", "\na ", "waiting", "no connection for 0",
                                      NULL});
    fixture_destroy(f);
}

static void status_disabled_idle_and_failed_tasks_come_last(void **state) {
    struct fixture *f = fixture_create(POOL(1) SQL("off") "enabled = off\n" SQL("broken"));
    (void)state;
    assert_dump(f, 0,
                (const char *const[]){"\nbroken", "idle", "01:46:50", "-", "42P01 no such table", "\noff",
                                      "disabled", "-", "-", NULL});
    fixture_destroy(f);
}

static void status_held_and_stopping_runs_are_told(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") "overlap = queue\ntimeout = 5s\n");
    (void)state;
    fixture_first_run(f, "a");
    fixture_trigger(f, "a");
    fixture_pass(f, 5 * S);
    assert_dump(f, 0,
                (const char *const[]){"\na ", "waiting",
                                      "its own run comes first (overlap = queue); on session 1",
                                      ", timed out\n", NULL});
    fixture_drain(f);
    assert_dump(f, 0, (const char *const[]){"  STOPPING\n", "stopping", ", timed out\n", NULL});
    fixture_destroy(f);
}

static void status_before_the_first_sample_says_so(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    (void)state;
    fixture_trigger(f, "a");
    assert_dump(f, 0, (const char *const[]){"\na ", "looking at the database first\n", NULL});
    fixture_destroy(f);
}

static void status_rows_are_cut_to_the_width(void **state) {
    struct fixture *f = fixture_create(POOL(1) SQL("broken"));
    struct status status;
    struct text dump = {0};
    (void)state;
    status_init(&status, f->core, f->now, &context);
    status_print(&status, 60, &dump);
    const char *row = strstr(dump.bytes, "\nbroken");
    assert_non_null(row);
    assert_true(strcspn(row + 1, "\n") <= 60);
    assert_null(strstr(row, "42P01"));
    status_finish(&status);
    text_finish(&dump);
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

/* --- what others wrote into it --- */

#define HOSTILE "a\x1b[31m\nforged\r\302\233\u202e\xff\x7f"

static const char *hostile_text(const void *context_, const char *name) {
    (void)context_;
    (void)name;
    return HOSTILE;
}

static struct bookkeeping hostile_books(const void *context_, uint32_t pool) {
    (void)context_;
    (void)pool;
    return (struct bookkeeping){.error = HOSTILE, .shared = HOSTILE, .waiting_count = 3};
}

static void assert_shown(const char *dump) {
    for (const char *at = dump; *at; at += text_utf8_length(at))
        if (*at != '\n' && !text_shown_length(at))
            fail_msg("not to be shown, at %zu:\n%s", (size_t)(at - dump), dump);
    assert_null(strstr(dump, "\nforged"));
}

static void status_of_hostile_texts_is_lines_that_can_be_shown(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(2) SQL("idle") SQL("waits"));
    struct core_pool *pool = &f->core->pools[0];
    struct status_context hostile = context;
    struct status status;
    (void)state;
    hostile.path = HOSTILE;
    hostile.failure_of = hostile_text;
    hostile.connect_error_of = hostile_text;
    hostile.bookkeeping_of = hostile_books;
    pool->failing = true;
    pool->gate.sample.known = true;
    pool->gate.sample.idle_in_transaction_count = 2;
    pool->gate.sample.idle_in_transaction_us = 3600 * S;
    snprintf(pool->gate.sample.idle_in_transaction_name, SAMPLE_NAME_BYTES, "%s", HOSTILE);
    for (enum recording_state past = RECORDING_NEW; past <= RECORDING_BROKEN; past++) {
        struct text dump = {0};
        pool->recording.state = past;
        status_init(&status, f->core, f->now, &hostile);
        status_print(&status, 0, &dump);
        status_finish(&status);
        assert_shown(dump.bytes);
        text_finish(&dump);
    }
    fixture_destroy(f);
}

static bool tells(const struct fixture *f, const char *in_dump, const char *in_metrics) {
    struct status status;
    struct text dump = {0}, metrics = {0};
    status_init(&status, f->core, f->now, &context);
    status_print(&status, 0, &dump);
    status_metrics(&status, &metrics);
    bool found = strstr(dump.bytes, in_dump) != NULL;
    assert_int_equal(strstr(metrics.bytes, in_metrics) != NULL, found);
    status_finish(&status);
    text_finish(&dump);
    text_finish(&metrics);
    return found;
}

static void status_removed_task_and_pool_are_told_of_while_a_run_is_left(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("gone"));
    (void)state;
    struct handle run = fixture_first_run(f, "gone");
    struct handle session = core_run(f->core, run)->session;
    fixture_reload(f, "[pool q]\nsize = 4\n" SQL("new"));
    assert_true(tells(f, "\ngone ", "task=\"gone\""));
    assert_true(tells(f, "pool p", "pool=\"p\""));
    fixture_end(f, run, OUTCOME_OK);
    assert_false(tells(f, "\ngone ", "task=\"gone\""));
    fixture_session(f, EVENT_SESSION_READY, session);
    assert_true(tells(f, "pool p", "pool=\"p\"")); /* its session closes */
    fixture_session(f, EVENT_SESSION_GONE, session);
    assert_false(tells(f, "pool p", "pool=\"p\""));
    assert_true(tells(f, "\nnew ", "task=\"new\""));
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_kept_says_until_when_and_why),
        cmocka_unit_test(status_waiting_says_why_and_place_in_line),
        cmocka_unit_test(status_heavy_command_says_what_it_needs),
        cmocka_unit_test(status_failing_pool_says_since_when_and_why),
        cmocka_unit_test(status_removed_task_and_pool_are_told_of_while_a_run_is_left),
        cmocka_unit_test(status_disabled_idle_and_failed_tasks_come_last),
        cmocka_unit_test(status_held_and_stopping_runs_are_told),
        cmocka_unit_test(status_before_the_first_sample_says_so),
        cmocka_unit_test(status_rows_are_cut_to_the_width),
        cmocka_unit_test(status_tokens_name_every_part),
        cmocka_unit_test(status_of_hostile_texts_is_lines_that_can_be_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
