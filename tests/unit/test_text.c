/* text.c and arena.c: memory that grows, and memory that goes at once. */
#include "helper.h"

#include <stdalign.h>
#include <string.h>

#include "tasks/text.h"

static void text_nothing_added_has_no_bytes(void **state) {
    (void)state;
    struct text text = {0};
    text_clear(&text);
    assert_null(text.bytes);
    text_finish(&text);
    text_finish(&text);
}

static void text_add_formats_and_appends(void **state) {
    (void)state;
    struct text text = {0};
    text_add(&text, "%d of %s", 3, "four");
    text_add_bytes(&text, ", and more", 5);
    assert_string_equal(text.bytes, "3 of four, and");
    assert_int_equal(text.bytes_count, strlen("3 of four, and"));
    text_finish(&text);
}

static void text_add_across_growth_keeps_all(void **state) {
    (void)state;
    struct text text = {0};
    for (int i = 0; i < 1000; i++)
        text_add(&text, "%03d ", i);
    assert_int_equal(text.bytes_count, 4000);
    assert_memory_equal(text.bytes, "000 001 ", 8);
    assert_string_equal(text.bytes + 3992, "998 999 ");
    text_finish(&text);
}

static void text_clear_keeps_the_memory(void **state) {
    (void)state;
    struct text text = {0};
    text_add(&text, "a long life");
    size_t capacity = text.capacity_bytes;
    text_clear(&text);
    assert_string_equal(text.bytes, "");
    assert_int_equal(text.bytes_count, 0);
    assert_int_equal(text.capacity_bytes, capacity);
    text_finish(&text);
    assert_null(text.bytes);
}

static void text_utf8_length_takes_what_rfc_3629_takes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } rows[] = {
        {"a", 1},
        {"\x7f", 1},
        {"\xc2\x80", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80", 0}, /* nothing begins so */
        {"\xc3", 0}, /* ends early */
        {"\xe2\x82", 0},
        {"\xf0\x9f\x98", 0},
        {"\xc0\xaf", 0}, /* longer than needed */
        {"\xc1\xbf", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xed\xa0\x80", 0}, /* surrogates */
        {"\xed\xbf\xbf", 0},
        {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (text_utf8_length(rows[i].text) != rows[i].length)
            fail_msg("row %zu: %zu bytes", i, text_utf8_length(rows[i].text));
}

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
        cmocka_unit_test(text_nothing_added_has_no_bytes),
        cmocka_unit_test(text_add_formats_and_appends),
        cmocka_unit_test(text_add_across_growth_keeps_all),
        cmocka_unit_test(text_clear_keeps_the_memory),
        cmocka_unit_test(text_utf8_length_takes_what_rfc_3629_takes),
        cmocka_unit_test(arena_alloc_is_zeroed_and_aligned),
        cmocka_unit_test(arena_alloc_above_a_block_gets_its_own),
        cmocka_unit_test(arena_text_copies_what_it_is_told),
        cmocka_unit_test(arena_finish_leaves_it_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
