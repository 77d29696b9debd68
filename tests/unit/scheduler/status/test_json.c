#include "dump.h"

#include <jansson.h>

#include "scheduler/status/json.h"

/* To json_decref(). */
static json_t *json_of_status(const struct fixture *f, const struct status_context *given) {
    struct status status;
    struct text text = {0};
    status_init(&status, f->core, f->now, given);
    status_json(&status, &text);
    status_finish(&status);
    json_t *json = json_loadb(text.bytes, text.bytes_count, 0, NULL);
    assert_non_null(json);
    text_finish(&text);
    return json;
}

static const json_t *named(const json_t *json, const char *list, const char *name) {
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(json, list), i, item)
        if (strcmp(json_string_value(json_object_get(item, "name")), name) == 0)
            return item;
    fail_msg("no %s in %s", name, list);
    return NULL;
}

static const char *text_of(const json_t *json, const char *key) {
    return json_string_value(json_object_get(json, key));
}

static void json_tells_what_runs_and_why_the_rest_waits(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("first") SQL("second") SQL("rests"));
    (void)state;
    fixture_first_run(f, "first");
    fixture_trigger(f, "second");
    json_t *json = json_of_status(f, &context);
    assert_int_equal(json_integer_value(json_object_get(json, "schema")), STATUS_JSON_SCHEMA);
    assert_string_equal(text_of(json, "file"), "office.ini");
    const json_t *pool = named(json, "pools", "p"), *tokens = json_object_get(pool, "tokens");
    assert_int_equal(json_integer_value(json_object_get(tokens, "size")), 1);
    assert_int_equal(json_integer_value(json_object_get(tokens, "taken")), 1);
    assert_true(json_is_null(json_object_get(pool, "history")));
    const json_t *second = named(json, "tasks", "second"), *why = json_object_get(second, "waiting");
    assert_string_equal(text_of(named(json, "tasks", "first"), "state"), "running");
    assert_string_equal(text_of(second, "state"), "waiting");
    assert_string_equal(text_of(why, "reason"), "tokens");
    assert_int_equal(json_integer_value(json_object_get(why, "place")), 1);
    assert_true(json_is_null(json_object_get(named(json, "tasks", "rests"), "waiting")));
    assert_true(json_is_null(json_object_get(named(json, "tasks", "rests"), "last")));
    json_decref(json);
    fixture_destroy(f);
}

static void json_of_a_run_in_bites_has_its_numbers(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) BITES("a"));
    (void)state;
    struct handle run = fixture_first_run(f, "a");
    json_t *json = json_of_status(f, &context);
    assert_true(json_is_null(json_object_get(named(json, "tasks", "a"), "bites")));
    json_decref(json);
    fixture_pass(f, 500 * US_PER_MS);
    fixture_end_with(f, run, OUTCOME_OK, FAILURE_OTHER, 1000);
    json = json_of_status(f, &context);
    const json_t *bites = json_object_get(named(json, "tasks", "a"), "bites");
    assert_int_equal(json_integer_value(json_object_get(bites, "bite")), 2);
    assert_int_equal(json_integer_value(json_object_get(bites, "rows")), 1000);
    assert_int_equal(json_integer_value(json_object_get(bites, "rows_per_second")), 2000);
    assert_int_equal(json_integer_value(json_object_get(bites, "gave_way")), 500 * US_PER_MS);
    assert_string_equal(text_of(json_object_get(named(json, "tasks", "a"), "waiting"), "reason"), "break");
    json_decref(json);
    fixture_destroy(f);
}

static void json_has_the_failures_that_the_dump_has(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("broken"));
    (void)state;
    f->core->pools[0].failing = true;
    json_t *json = json_of_status(f, &context);
    assert_string_equal(text_of(named(json, "pools", "p"), "connect_error"), "connection refused");
    assert_string_equal(text_of(named(json, "tasks", "broken"), "note"), "42P01 no such table");
    json_decref(json);
    fixture_destroy(f);
}

static struct bookkeeping books(const void *context_, uint32_t pool) {
    (void)context_;
    (void)pool;
    return (struct bookkeeping){.error = "", .shared = "mail on h", .waiting_count = 3, .disk_count = 2, .lost_count = 1};
}

static void json_has_how_the_history_is_kept(void **state) {
    struct fixture *f = fixture_create_unarmed("[pool p]\nhistory = on\n" SQL("a"));
    struct status_context with_books = context;
    (void)state;
    with_books.bookkeeping_of = books;
    f->core->pools[0].recording.state = RECORDING_BROKEN;
    json_t *json = json_of_status(f, &with_books);
    const json_t *history = json_object_get(named(json, "pools", "p"), "history");
    assert_string_equal(text_of(history, "state"), "not recorded");
    assert_true(json_is_null(json_object_get(history, "error")));
    assert_string_equal(text_of(history, "name_shared_with"), "mail on h");
    assert_int_equal(json_integer_value(json_object_get(history, "waiting")), 3);
    assert_int_equal(json_integer_value(json_object_get(history, "lost")), 1);
    json_decref(json);
    fixture_destroy(f);
}

static void json_tells_whether_a_window_is_open_and_when_it_opens(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("open") "window = 01:00-02:00\n" SQL("closed")
                                               "window = 02:00-04:00\n" SQL("none"));
    (void)state;
    json_t *json = json_of_status(f, &context);
    const json_t *open = json_object_get(named(json, "tasks", "open"), "window");
    const json_t *closed = json_object_get(named(json, "tasks", "closed"), "window");
    assert_true(json_is_true(json_object_get(open, "open")));
    assert_true(json_is_null(json_object_get(open, "opens")));
    assert_true(json_is_false(json_object_get(closed, "open")));
    assert_true(json_integer_value(json_object_get(closed, "opens")) == WALL_START_US + 800 * S);
    assert_true(json_is_null(json_object_get(named(json, "tasks", "none"), "window")));
    json_decref(json);
    fixture_destroy(f);
}

static void json_has_when_a_task_is_due_next(void **state) {
    struct fixture *f = fixture_create(POOL(1) "[task daily]\ncron = 30 6 * * *\nzone = Some/Zone\nsql = x\n"
                                               "[task elastic]\nevery = 10s..20s\nphase = 0s\nsql = x\n[task never]\nsql = x\n");
    (void)state;
    json_t *json = json_of_status(f, &context);
    const json_t *daily = named(json, "tasks", "daily"), *next = json_object_get(daily, "next");
    assert_string_equal(text_of(daily, "when"), "06:30 every day, Some/Zone");
    assert_string_equal(text_of(daily, "zone"), "Some/Zone");
    assert_int_equal(json_array_size(next), 3);
    for (size_t i = 0; i < 3; i++) /* at 05:30 in UTC; it is 01:46:40 */
        assert_int_equal(json_integer_value(json_array_get(next, i)), WALL_START_US + (13400 + 86400 * (int64_t)i) * S);
    next = json_object_get(named(json, "tasks", "elastic"), "next");
    assert_int_equal(json_integer_value(json_array_get(next, 2)) - json_integer_value(json_array_get(next, 0)), 20 * S);
    assert_string_equal(text_of(named(json, "tasks", "never"), "when"), "when it is triggered");
    assert_int_equal(json_array_size(json_object_get(named(json, "tasks", "never"), "next")), 0);
    json_decref(json);
    fixture_destroy(f);
}

static void json_has_what_a_task_comes_after(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") SQL("b") "[task z]\nafter = a, b\nsql = x\n");
    (void)state;
    fixture_end(f, fixture_first_run(f, "a"), OUTCOME_OK);
    json_t *json = json_of_status(f, &context);
    const json_t *z = named(json, "tasks", "z"), *after = json_object_get(z, "after");
    assert_string_equal(text_of(z, "when"), "when a, b have ended ok");
    assert_int_equal(json_array_size(after), 2);
    assert_string_equal(text_of(json_array_get(after, 0), "task"), "a");
    assert_false(json_is_true(json_object_get(json_array_get(after, 0), "missing")));
    assert_true(json_integer_value(json_object_get(json_array_get(after, 0), "ended")) >= WALL_START_US);
    assert_true(json_is_true(json_object_get(json_array_get(after, 1), "missing")));
    assert_true(json_is_null(json_object_get(json_array_get(after, 1), "ended")));
    assert_true(json_is_null(json_object_get(named(json, "tasks", "a"), "after")));
    json_decref(json);
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_tells_what_runs_and_why_the_rest_waits),
        cmocka_unit_test(json_has_what_a_task_comes_after),
        cmocka_unit_test(json_has_when_a_task_is_due_next),
        cmocka_unit_test(json_has_the_failures_that_the_dump_has),
        cmocka_unit_test(json_tells_whether_a_window_is_open_and_when_it_opens),
        cmocka_unit_test(json_has_how_the_history_is_kept),
        cmocka_unit_test(json_of_a_run_in_bites_has_its_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
