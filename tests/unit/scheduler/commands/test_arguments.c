/*
 * The reader of arguments on a command of its own. What it says is read back from a file in the place of standard
 * output and standard error.
 */
#include "tests/unit/helper.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "scheduler/commands/arguments.h"

struct request {
    struct arguments arguments;
    int64_t for_us;
    uint32_t count;
    bool json;
    const char *names[4];
    int name_count;
};

static bool take_name(void *request, const char *value, struct text *error) {
    struct request *into = request;
    if (strcmp(value, "nobody") == 0) {
        text_add(error, "%s is not a name", value);
        return false;
    }
    into->names[into->name_count++] = value;
    return true;
}

static const struct option_spec options[] = {
    {.key = {"for", KEY_DURATION, offsetof(struct request, for_us), NULL, US_PER_S, 60 * US_PER_S},
     .value = "DURATION",
     .example = "20s",
     .help = "how long;\nsome seconds"},
    {.key = {"count", KEY_COUNT, offsetof(struct request, count), NULL, 1, 9}, .value = "N", .example = "3", .help = "how many"},
    {.key = {"name"}, .value = "NAME", .take = take_name, .help = "whom"},
    {.key = {"json", KEY_SWITCH, offsetof(struct request, json)}, .help = "for programs"},
    {.help = NULL},
};

static const struct command command = {.name = "greet", .usage = "greet FILE [TASK]", .about = "Greets.\n", .notes = "Bye.\n",
                                       .options = options, .tasks_most = 1};

/* Reads the words of a line, and what was said meanwhile into `said`. */
static int read_line(const struct command *given, const char *line, struct request *request, char said[static 1000]) {
    static char copy[200], *argv[20]; /* what was read is borrowed from them */
    char *rest = copy;
    int argc = 1;
    memset(argv, 0, sizeof argv);
    argv[0] = (char *)"greet";
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word; *line && (word = strsep(&rest, " "));)
        argv[argc++] = word;
    FILE *file = tmpfile();
    int out = dup(STDOUT_FILENO), error = dup(STDERR_FILENO);
    assert_non_null(file);
    fflush(NULL);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    int code = arguments_read(given, argc, argv, request);
    fflush(NULL);
    dup2(out, STDOUT_FILENO);
    dup2(error, STDERR_FILENO);
    ssize_t got = pread(fileno(file), said, 999, 0);
    said[got > 0 ? got : 0] = '\0';
    close(out);
    close(error);
    fclose(file);
    return code;
}

static void arguments_read_takes_words_and_options_in_any_order(void **state) {
    (void)state;
    static const char *const lines[] = {
        "FILE TASK --for 20s --count 3 --name a --name b --json",
        "--json --name=a FILE --for=20s --name b TASK --count=3",
        "--js --for 20s --name a --name b --co 3 -- FILE TASK",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct request request = {0};
        char said[1000];
        assert_int_equal(read_line(&command, lines[i], &request, said), -1);
        assert_string_equal(said, "");
        assert_string_equal(request.arguments.file, "FILE");
        assert_int_equal(request.arguments.task_count, 1);
        assert_string_equal(request.arguments.tasks[0], "TASK");
        assert_true(request.for_us == 20 * US_PER_S && request.count == 3 && request.json);
        assert_int_equal(request.name_count, 2);
        assert_string_equal(request.names[1], "b");
    }
}

static void arguments_that_are_not_given_are_as_they_were(void **state) {
    (void)state;
    struct request request = {.for_us = 5, .count = 7};
    char said[1000];
    assert_int_equal(read_line(&command, "FILE", &request, said), -1);
    assert_int_equal(request.arguments.task_count, 0);
    assert_true(request.for_us == 5 && request.count == 7 && !request.json);
}

static void arguments_that_are_wrong_name_thing_value_and_way_out(void **state) {
    (void)state;
    static const struct {
        const char *line, *said;
    } rows[] = {
        {"", "which FILE?"},
        {"a b c", "one FILE and one TASK are enough"},
        {"FILE --fro 1s", "there is no option --fro"},
        {"FILE -xy", "there is no option -x"},
        {"FILE --json=yes", "there is no option --json=yes"},
        {"FILE --for", "--for needs a value"},
        {"FILE --for 5", "--for '5' has no unit; write one of ms, s, min (or m), h, d; write --for 20s, say"},
        {"FILE --for 2min", "--for '2min' is out of bounds; it goes from 1s to 1min; write --for 20s, say"},
        {"FILE --count 10", "--count '10' is out of bounds; it goes from 1 to 9; write --count 3, say"},
        {"FILE --count many", "--count 'many' is not a whole number; write --count 3, say"},
        {"FILE --name nobody", "--name: nobody is not a name"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct request request = {0};
        char said[1000], expected[300];
        assert_int_equal(read_line(&command, rows[i].line, &request, said), COMMAND_USAGE);
        snprintf(expected, sizeof expected, "headgate greet: %s\nusage: headgate greet FILE [TASK]\n", rows[i].said);
        helper_expect_text(rows[i].line, said, expected);
    }
}

static void arguments_count_tasks_as_the_command_says(void **state) {
    (void)state;
    static const struct {
        int least, most;
        const char *line, *said; /* NULL: it is right */
    } rows[] = {
        {0, 0, "FILE", NULL},
        {0, 0, "FILE TASK", "one FILE is enough"},
        {1, 1, "FILE TASK", NULL},
        {1, 1, "FILE", "which TASK?"},
        {1, 1, "FILE a b", "one TASK at a time"},
        {1, 99, "FILE a b", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct command counting = {.name = "greet", .usage = "x", .about = "", .tasks_least = rows[i].least, .tasks_most = rows[i].most};
        struct request request = {0};
        char said[1000];
        int code = read_line(&counting, rows[i].line, &request, said);
        assert_int_equal(code, rows[i].said ? COMMAND_USAGE : -1);
        if (rows[i].said && !strstr(said, rows[i].said))
            fail_msg("%s: %s", rows[i].line, said);
    }
}

static void arguments_help_comes_from_the_table(void **state) {
    (void)state;
    struct request request = {0};
    char said[1000];
    assert_int_equal(read_line(&command, "--json --help", &request, said), COMMAND_FINE);
    helper_expect_text("help", said,
                       "usage: headgate greet FILE [TASK]\n\nGreets.\n\n"
                       "  --for DURATION   how long;\n"
                       "                   some seconds\n"
                       "  --count N        how many\n"
                       "  --name NAME      whom\n"
                       "  --json           for programs\n"
                       "\nBye.\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_read_takes_words_and_options_in_any_order),
        cmocka_unit_test(arguments_that_are_not_given_are_as_they_were),
        cmocka_unit_test(arguments_that_are_wrong_name_thing_value_and_way_out),
        cmocka_unit_test(arguments_count_tasks_as_the_command_says),
        cmocka_unit_test(arguments_help_comes_from_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
