#include "tests/unit/helper.h"

#include <stdalign.h>
#include <string.h>

#include "tasks/arena.h"

static void arena_alloc_is_zeroed_and_aligned(void **state) {
    (void)state;
    struct arena arena = {0};
    for (size_t bytes = 1; bytes < 100; bytes++) {
        unsigned char *memory = arena_alloc(&arena, bytes);
        assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xff, bytes);
    }
    arena_finish(&arena);
}

static void arena_alloc_above_a_block_gets_its_own(void **state) {
    (void)state;
    struct arena arena = {0};
    char *small = arena_text(&arena, "small", 5);
    unsigned char *large = arena_alloc(&arena, 1024 * 1024);
    large[0] = large[1024 * 1024 - 1] = 1;
    assert_string_equal(small, "small");
    arena_finish(&arena);
}

static void arena_text_copies_what_it_is_told(void **state) {
    (void)state;
    struct arena arena = {0};
    char source[] = "only this, not that";
    char *copy = arena_text(&arena, source, 9);
    source[0] = 'X';
    assert_string_equal(copy, "only this");
    assert_string_equal(arena_text(&arena, source, 0), "");
    arena_finish(&arena);
}

static void arena_finish_leaves_it_usable(void **state) {
    (void)state;
    struct arena arena = {0};
    arena_finish(&arena);
    arena_text(&arena, "a", 1);
    arena_finish(&arena);
    assert_null(arena.blocks);
    assert_string_equal(arena_text(&arena, "b", 1), "b");
    arena_finish(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_alloc_is_zeroed_and_aligned),
        cmocka_unit_test(arena_alloc_above_a_block_gets_its_own),
        cmocka_unit_test(arena_text_copies_what_it_is_told),
        cmocka_unit_test(arena_finish_leaves_it_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
