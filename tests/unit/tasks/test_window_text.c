#include "tests/unit/helper.h"

#include <string.h>

#include "tasks/window_text.h"

static void window_right_is_said_back(void **state) {
    (void)state;
    static const struct {
        const char *window, *except, *words;
    } rows[] = {
        {"mon-fri 22:00-06:00, sat-sun", NULL, "mon-fri 22:00-06:00, sat-sun all day"},
        {"22:00-06:00", NULL, "mon-sun 22:00-06:00"},
        {"sat", NULL, "sat all day"},
        {"SAT-Mon", NULL, "sat-mon all day"},
        {"sun-sat 9:00-17:30", NULL, "mon-sun 09:00-17:30"},
        {"  mon - tue\t8:05 - 9:00\n,\n wed 23:59-24:00 ", NULL, "mon-tue 08:05-09:00, wed 23:59-24:00"},
        {"fri 22:00-0:00", NULL, "fri 22:00-24:00"},
        {"mon 00:00-24:00", NULL, "mon all day"},
        {"mon 06:00-05:59", NULL, "mon 06:00-05:59"},
        {NULL, "12-24..12-26, 2027-04-05", "mon-sun all day, not on 12-24..12-26, 2027-04-05"},
        {"mon", "12-24 .. 01-02,02-29", "mon all day, not on 12-24..01-02, 02-29"},
        {"mon", "2026-12-24..2027-01-02", "mon all day, not on 2026-12-24..2027-01-02"},
        {"mon", "1970-01-01,2999-12-31,05-01..05-01", "mon all day, not on 1970-01-01, 2999-12-31, 05-01"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena = {0};
        struct window window = {0};
        struct text wrong = {0}, words = {0};
        if (rows[i].window && !window_read(rows[i].window, &arena, &window, &wrong))
            fail_msg("window = %s", wrong.bytes);
        if (!rows[i].window)
            window_read_every_day(&arena, &window);
        if (rows[i].except && !window_read_except(rows[i].except, &arena, &window, &wrong))
            fail_msg("except = %s", wrong.bytes);
        window_add_words(&window, &words);
        helper_expect_text(rows[i].words, words.bytes, rows[i].words);
        text_finish(&words);
        arena_finish(&arena);
    }
}

struct row {
    const char *text, *piece, *why;
};

static void expect_wrong(const struct row *row,
                         bool (*read)(const char *, struct arena *, struct window *, struct text *)) {
    struct arena arena = {0};
    struct window window = {0};
    struct text wrong = {0};
    if (read(row->text, &arena, &window, &wrong))
        fail_msg("'%s' was taken", row->text);
    if (!strstr(wrong.bytes, row->piece) || !strstr(wrong.bytes, row->why))
        fail_msg("'%s': %s", row->text, wrong.bytes);
    text_finish(&wrong);
    arena_finish(&arena);
}

static void window_wrong_says_the_piece_and_why(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"", "''", "between two commas is nothing"},
        {"mon,", "''", "between two commas is nothing"},
        {"mon,,tue", "''", "between two commas is nothing"},
        {"mon, fry", "'fry'", "names no days of the week"},
        {"monday", "'monday'", "write mon, tue"},
        {"mon-", "'mon-'", "names no days"},
        {"-fri", "'-fri'", "names no days"},
        {"mon-fri-sun", "'mon-fri-sun'", "has no range of times"},
        {"mon tue", "'mon tue'", "has no range of times"},
        {"mon 22", "'mon 22'", "write times as 22:00-06:00"},
        {"mon 22-06", "'mon 22-06'", "write times as 22:00-06:00"},
        {"mon 22:00", "'mon 22:00'", "has no range of times"},
        {"mon 22:00-", "'mon 22:00-'", "has no range of times"},
        {"22:0-06:00", "'22:0-06:00'", "has no range of times"},
        {"22:60-06:00", "'22:60-06:00'", "has no range of times"},
        {"22:00-24:01", "'22:00-24:01'", "from 00:00 to 24:00"},
        {"99:00-06:00", "'99:00-06:00'", "has no range of times"},
        {"mon 22:00:30-06:00", "22:00:30", "has no range of times"},
        {"24:00-06:00", "'24:00-06:00'", "is no range of times"},
        {"22:00-22:00", "'22:00-22:00'", "without times it is the whole day"},
        {"mon 08:00-12:00 13:00-17:00", "13:00-17:00'", "separated by commas"},
        {"mon 08:00-12:00 tue", "'mon 08:00-12:00 tue'", "separated by commas"},
        {"mon 08:00-12:00;", "'mon 08:00-12:00;'", "goes on"},
        {"monnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", "nnnn'...", "names no days"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_wrong(&rows[i], window_read);
}

static void window_except_wrong_says_the_piece_and_why(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"", "''", "between two commas is nothing"},
        {"mon", "'mon'", "is no date"},
        {"24.12.", "'24.12.'", "write 12-24 for each year"},
        {"12-24 12-26", "'12-24 12-26'", "a comma between two dates"},
        {"12-24-26", "'12-24-26'", "write a range as"},
        {"24-12", "'24-12'", "the month comes first"},
        {"02-30", "'02-30'", "does not exist"},
        {"00-10", "'00-10'", "does not exist"},
        {"01-00", "'01-00'", "does not exist"},
        {"2027-02-29", "'2027-02-29'", "does not exist"},
        {"1-2", "'1-2'", "is no date"},
        {"027-04-05", "'027-04-05'", "is no date"},
        {"20270405", "'20270405'", "is no date"},
        {"2027/04/05", "'2027/04/05'", "is no date"},
        {"1969-12-31", "'1969-12-31'", "1970 to 2999"},
        {"3000-01-01", "'3000-01-01'", "1970 to 2999"},
        {"12-24..", "'12-24..'", "is no date"},
        {"..12-24", "'..12-24'", "is no date"},
        {"12-24..12-26..12-28", "12-28'", "a comma between two"},
        {"12-24..2027-01-02", "'12-24..2027-01-02'", "yearly at one end only"},
        {"2027-01-02..01-05", "'2027-01-02..01-05'", "yearly at one end only"},
        {"2027-01-02..2027-01-01", "2027-01-01'", "the earlier date first"},
        {"2027-01-01..2037-01-01", "2037-01-01'", "longer than ten years"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_wrong(&rows[i], window_read_except);
}

static void window_of_too_many_pieces_is_refused(void **state) {
    (void)state;
    char text[4 * (WINDOW_PIECES_MAX + 1) + 1] = "";
    for (int i = 0; i < WINDOW_PIECES_MAX; i++)
        memcpy(text + 4 * i, i ? ",mon" : " mon", 5);
    struct arena arena = {0};
    struct window window = {0};
    struct text wrong = {0};
    assert_true(window_read(text, &arena, &window, &wrong));
    memcpy(text + 4 * WINDOW_PIECES_MAX, ",mon", 5);
    expect_wrong(&(struct row){text, "101 pieces", "the limit is 100"}, window_read);
    expect_wrong(&(struct row){text, "101 pieces", "the limit is 100"}, window_read_except);
    text_finish(&wrong);
    arena_finish(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_right_is_said_back),
        cmocka_unit_test(window_wrong_says_the_piece_and_why),
        cmocka_unit_test(window_except_wrong_says_the_piece_and_why),
        cmocka_unit_test(window_of_too_many_pieces_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
