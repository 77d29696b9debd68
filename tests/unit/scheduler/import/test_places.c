#include "tests/unit/helper.h"

#include <stdio.h>

#include "scheduler/import/places.h"
#include "tasks/task.h"

static void places_add_pair_is_as_libpq_wants_it(void **state) {
    (void)state;
    struct text conninfo = {0};
    places_add_pair(&conninfo, "host", "/run/postgresql");
    places_add_pair(&conninfo, "port", "");
    places_add_pair(&conninfo, "dbname", "my 'db' \\");
    helper_expect_text("conninfo", conninfo.bytes, "host=/run/postgresql dbname='my \\'db\\' \\\\'");
    text_finish(&conninfo);
}

static void places_of_one_conninfo_are_one_pool(void **state) {
    (void)state;
    struct arena arena = {0};
    struct places places = {.names = {.arena = &arena}};
    struct text page = {0};
    assert_string_equal(places_find(&places, "dbname=app user=a", "app", "a"), "app");
    assert_string_equal(places_find(&places, "dbname=app user=b", "app", "b"), "app-b");
    assert_string_equal(places_find(&places, "dbname=app user=a", "app", "a"), "app");
    assert_string_equal(places_find(&places, "dbname='a b' user=a", "a b", "a"), "a-b");
    assert_string_equal(places_find(&places, "host=x dbname='a-b' user=a", "a-b", "a"), "a-b-a");
    places_print(&places, &page);
    helper_expect_text("page", page.bytes,
                       "[pool app]\nconninfo = dbname=app user=a\nsize = 4\n\n[pool app-b]\nconninfo = dbname=app user=b\nsize = 4\n\n"
                       "[pool a-b]\nconninfo = dbname='a b' user=a\nsize = 4\n\n[pool a-b-a]\nconninfo = host=x dbname='a-b' user=a\nsize = 4\n\n");
    text_finish(&page);
    arena_finish(&arena);
}

static void places_beyond_the_most_are_refused(void **state) {
    (void)state;
    struct arena arena = {0};
    struct places places = {.names = {.arena = &arena}};
    char name[20];
    for (int i = 0; i < POOLS_MAX; i++) {
        snprintf(name, sizeof name, "db%d", i);
        assert_non_null(places_find(&places, name, name, "u"));
    }
    assert_null(places_find(&places, "one more", "more", "u"));
    assert_string_equal(places_find(&places, "db7", "db7", "u"), "db7");
    arena_finish(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_add_pair_is_as_libpq_wants_it),
        cmocka_unit_test(places_of_one_conninfo_are_one_pool),
        cmocka_unit_test(places_beyond_the_most_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
