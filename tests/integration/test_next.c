/*
 * `headgate next`: what will be due, as people and programs are told. No server, no daemon: the file and the clocks of its zones.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct process file;

static void tells(int code, const char *arguments, const char *expected) {
    const char *output;
    int got = shell(&output, "headgate next %s %s", file.ini, arguments);
    if (got != code || strcmp(output, expected) != 0)
        fail_msg("next %s: exit %d, wanted %d and:\n%s\nbut was:\n%s", arguments, got, code, expected, output);
}

static void says(int code, const char *arguments, const char *piece) {
    const char *output;
    int got = shell(&output, "headgate next %s %s", file.ini, arguments);
    if (got != code || !strstr(output, piece))
        fail_msg("next %s: exit %d, wanted %d and: %s\n%s", arguments, got, code, piece, output);
}

#define HEAD   "[headgate]\nzone = Europe/Berlin\n[pool p]\nconninfo = host=/nowhere\n"
#define WORK   "sql = SELECT 1\n"
#define OFFICE HEAD "[task morning]\ncron = 30 2 * * *\n" WORK "[task overseas]\ncron = 0 12 * * mon-fri\nzone = America/New_York\n" WORK \
                    "[task tick]\nevery = 6h\nphase = 0\n" WORK "[task hand]\n" WORK "[task link]\nafter = tick, morning\n" WORK "[task off]\ncron = @hourly\nenabled = off\n" WORK

static void next_is_one_of_each_task(void **state) {
    (void)state;
    ini_write(&file, OFFICE);
    tells(0, "--from 2027-03-27 2>/dev/null",
          "Sat 2027-03-27 01:00:00 +0100  tick\n"
          "Sat 2027-03-27 02:30:00 +0100  morning\n"
          "Mon 2027-03-29 12:00:00 -0400  overseas\n");
    says(0, "--from 2027-03-27", "not due by time: hand, link (after tick, morning), off (disabled)\n");
    says(0, "", " morning\n"); /* from now on */
}

static void next_of_a_while_is_all_of_it(void **state) {
    (void)state;
    ini_write(&file, OFFICE);
    tells(0, "--from 2027-03-28 --for 1d 2>/dev/null",
          "Sun 2027-03-28 01:00:00 +0100  tick\n"
          "Sun 2027-03-28 03:00:00 +0200  morning\n" /* skipped by the clocks: as soon as they are set */
          "Sun 2027-03-28 08:00:00 +0200  tick\n"
          "Sun 2027-03-28 14:00:00 +0200  tick\n"
          "Sun 2027-03-28 20:00:00 +0200  tick\n");
    tells(0, "morning --from 2027-03-28T01:00:00Z --for 1ms", "Sun 2027-03-28 03:00:00 +0200  morning\n"); /* from: included */
    tells(0, "morning --from 2027-03-27T01:30:00Z --for 1d 2>/dev/null", "Sat 2027-03-27 02:30:00 +0100  morning\nSun 2027-03-28 03:00:00 +0200  morning\n");
    tells(0, "morning --from 2027-03-27T01:00:00Z --for 30min", "nothing is due then\n"); /* until: not included */
    tells(0, "--from 2027-03-28 --count 2 2>/dev/null", "Sun 2027-03-28 01:00:00 +0100  tick\nSun 2027-03-28 03:00:00 +0200  morning\n");
    tells(0, "--from 2027-03-28 --count 1 --for 1d 2>/dev/null", "Sun 2027-03-28 01:00:00 +0100  tick\n");
    says(0, "morning --from 2027-03-28 | wc -l", "20\n");
    tells(0, "hand", "nothing is due then\nnot due by time: hand\n");
}

static void next_is_json_for_programs(void **state) {
    (void)state;
    const char *output;
    ini_write(&file, HEAD "[task half]\nevery = 500ms\nphase = 0\n" WORK "[task noon]\ncron = 0 12 * * *\n" WORK);
    tells(0, "--from 2027-03-28T11:59:59 --for 1001ms --json",
          "[{\"task\":\"half\",\"due\":\"2027-03-28T09:59:59Z\",\"local\":\"2027-03-28T11:59:59+02:00\"},\n"
          "{\"task\":\"half\",\"due\":\"2027-03-28T09:59:59.500Z\",\"local\":\"2027-03-28T11:59:59.500+02:00\"},\n"
          "{\"task\":\"half\",\"due\":\"2027-03-28T10:00:00Z\",\"local\":\"2027-03-28T12:00:00+02:00\"},\n"
          "{\"task\":\"noon\",\"due\":\"2027-03-28T10:00:00Z\",\"local\":\"2027-03-28T12:00:00+02:00\"}]\n");
    tells(0, "noon --from 2027-03-28 --for 1h --json", "[]\n");
    tells(0, "half --from 2027-03-28 --count 2", "Sun 2027-03-28 00:00:00.000 +0100  half\nSun 2027-03-28 00:00:00.500 +0100  half\n");
    assert_int_equal(shell(&output, "headgate next %s --from 2027-01-01 --for 1h --json", file.ini), 0);
    json_t *all = json_loads(output, 0, NULL);
    assert_int_equal(json_array_size(all), 7200);
    json_decref(all);
}

static void next_says_what_a_window_makes_of_it(void **state) {
    (void)state;
    ini_write(&file, HEAD "[task waits]\ncron = 0 */12 * * *\nwindow = mon-fri 22:00-06:00\n" WORK
                          "[task skips]\ncron = 30 12 * * *\nwindow = sat-sun\noutside = skip\n" WORK);
    tells(0, "--from 2027-03-26 --for 1d",
          "Fri 2027-03-26 00:00:00 +0100  waits\n"
          "Fri 2027-03-26 12:00:00 +0100  waits: its window is closed until Fri 2027-03-26 22:00:00 +0100\n"
          "Fri 2027-03-26 12:30:00 +0100  skips: skipped, as its window is closed\n");
    tells(0, "--from 2027-03-26T12:00 --for 1h --json",
          "[{\"task\":\"waits\",\"due\":\"2027-03-26T11:00:00Z\",\"local\":\"2027-03-26T12:00:00+01:00\",\"waits_until\":\"2027-03-26T21:00:00Z\"},\n"
          "{\"task\":\"skips\",\"due\":\"2027-03-26T11:30:00Z\",\"local\":\"2027-03-26T12:30:00+01:00\",\"skipped\":true}]\n");
}

static void next_of_thousands_is_bounded(void **state) {
    (void)state;
    const char *output;
    ini_write(&file, HEAD);
    assert_int_equal(shell(NULL, "for i in $(seq 5000); do printf '[task t%%s]\\nevery = 1s\\n" "sql = SELECT 1\\n' $i; done >>%s", file.ini), 0);
    assert_int_equal(shell(&output, "headgate next %s | wc -l", file.ini), 0);
    assert_string_equal(output, "5000\n");
    assert_int_equal(shell(&output, "headgate next %s --for 3650d | head -n 100000 | sort -s -c -k 2,3 && echo sorted", file.ini), 0);
    assert_string_equal(output, "sorted\n");
}

static void next_of_a_wrong_word_says_so(void **state) {
    (void)state;
    ini_write(&file, OFFICE);
    says(1, "mornin", "has no [task mornin]; did you mean 'morning'?");
    says(2, "--from yesterday", "--from 'yesterday' is no date; write one such as 2027-03-27");
    says(2, "--from 2027-02-29", "is no date");
    says(2, "--for soon", "write --for 7d, say");
    says(2, "--count 0", "out of bounds");
    says(2, "a b", "one FILE and one TASK are enough");
    says(0, "--help", "usage: headgate next FILE [TASK]");
    ini_write(&file, "[task x]\n");
    says(1, "", "[task x] is empty");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(next_is_one_of_each_task, tidy),
        cmocka_unit_test_teardown(next_of_a_while_is_all_of_it, tidy),
        cmocka_unit_test_teardown(next_is_json_for_programs, tidy),
        cmocka_unit_test_teardown(next_says_what_a_window_makes_of_it, tidy),
        cmocka_unit_test_teardown(next_of_thousands_is_bounded, tidy),
        cmocka_unit_test_teardown(next_of_a_wrong_word_says_so, tidy),
    };
    return run_all(tests, NULL, NULL);
}
