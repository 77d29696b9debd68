#include "dump.h"

#include <stdio.h>

static void status_disabled_idle_and_failed_tasks_come_last(void **state) {
    struct fixture *f = fixture_create(POOL(1) SQL("off") "enabled = off\n" SQL("broken"));
    (void)state;
    assert_dump(f,
                (const char *const[]){"\nbroken", "idle", "01:46:50", "-", "42P01 no such table", "\noff",
                                      "disabled", "-", "-", NULL});
    fixture_destroy(f);
}

static void status_rows_are_cut_to_the_width(void **state) {
    struct fixture *f = fixture_create(POOL(1) SQL("broken"));
    struct text dump = dump_of(f, 60);
    (void)state;
    const char *row = strstr(dump.bytes, "\nbroken");
    assert_non_null(row);
    assert_true(strcspn(row + 1, "\n") <= 60);
    assert_null(strstr(row, "42P01"));
    text_finish(&dump);
    fixture_destroy(f);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_disabled_idle_and_failed_tasks_come_last),
        cmocka_unit_test(status_rows_are_cut_to_the_width),
        cmocka_unit_test(status_of_hostile_texts_is_lines_that_can_be_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
