#include "scheduler/commands/arguments.h"

#include <assert.h>
#include <getopt.h>
#include <string.h>

#include "scheduler/daemon/load.h"
#include "scheduler/terminal.h"

#define OPTIONS_MAX 8   /* of one command; simulate has 5 */
#define OPTION_BASE 256 /* what getopt_long() returns for the first; above any letter */

int arguments_refuse(const struct command *command, const char *format, ...) {
    struct text what = {0};
    va_list list;
    va_start(list, format);
    text_addv(&what, format, list);
    va_end(list);
    terminal_say(stderr, "headgate%s%s: %s\nusage: headgate %s\n", command ? " " : "",
                 command ? command->name : "", what.bytes,
                 command ? command->usage : "COMMAND FILE [OPTION...]; headgate --help says more");
    text_finish(&what);
    return COMMAND_USAGE;
}

/* --- help --- */

static int head_width(const struct option_spec *option) {
    return (int)(strlen(option->key.name) + (option->value ? strlen(option->value) + 1 : 0));
}

/* The option, and beside it what it is for, line under line. */
static void add_option(struct text *help, const struct option_spec *option, int width) {
    text_add(help, "  --%s%s%s%*s", option->key.name, option->value ? " " : "",
             option->value ? option->value : "", width - head_width(option), "");
    for (const char *line = option->help; *line;) {
        int length = (int)strcspn(line, "\n");
        text_add(help, "%*s%.*s\n", line == option->help ? 3 : width + 7, "", length, line);
        line += length + (line[length] == '\n');
    }
}

static int print_help(const struct command *command) {
    struct text help = {0};
    int width = 0;
    text_add(&help, "usage: headgate %s\n\n%s", command->usage, command->about);
    for (const struct option_spec *option = command->options; option && option->key.name; option++)
        width = head_width(option) > width ? head_width(option) : width;
    for (const struct option_spec *option = command->options; option && option->key.name; option++) {
        text_add(&help, "%s", option == command->options ? "\n" : "");
        add_option(&help, option, width);
    }
    text_add(&help, "%s%s", command->notes ? "\n" : "", command->notes ? command->notes : "");
    terminal_say(stdout, "%s", help.bytes);
    text_finish(&help);
    return COMMAND_FINE;
}

/* --- reading --- */

static bool take_option(const struct option_spec *option, const char *value, void *request,
                        struct text *error) {
    struct text wrong = {0};
    bool fine = option->take ? option->take(request, value, &wrong)
                             : keys_read_value(&option->key, option->value ? value : "on", request, &wrong);
    if (!fine && option->example)
        text_add(error, "--%s %s; write --%s %s, say", option->key.name, wrong.bytes, option->key.name,
                 option->example);
    else if (!fine)
        text_add(error, "--%s: %s", option->key.name, wrong.bytes);
    text_finish(&wrong);
    return fine;
}

/* The words that are no options, in argv from its second place on. */
static int take_words(const struct command *command, char **words, int count, struct arguments *arguments) {
    arguments->file = count > 0 ? words[0] : NULL;
    arguments->tasks = words + 1;
    arguments->task_count = count > 0 ? count - 1 : 0;
    const char *subject = command->subject ? command->subject : "FILE";
    if (!arguments->file)
        return arguments_refuse(command, "which %s?", subject);
    if (arguments->task_count < command->tasks_least)
        return arguments_refuse(command, "which TASK?");
    if (arguments->task_count > command->tasks_most)
        return arguments_refuse(command, command->tasks_most == 0    ? "one %s is enough"
                                         : command->tasks_least == 0 ? "one %s and one TASK are enough"
                                                                     : "one TASK at a time",
                                subject);
    return -1;
}

int arguments_read(const struct command *command, int argc, char **argv, void *request) {
    struct option options[OPTIONS_MAX + 2] = {{"help", no_argument, NULL, 'h'}};
    struct text error = {0};
    int word_count = 0, found, code;
    for (int i = 0; command->options && command->options[i].key.name; i++) {
        const struct option_spec *option = &command->options[i];
        assert(i < OPTIONS_MAX);
        options[i + 1] = (struct option){option->key.name, option->value ? required_argument : no_argument,
                                         NULL, OPTION_BASE + i};
    }
    opterr = 0;
    optind = 0; /* getopt_long() begins anew; "-" hands out words where they stand, as 1 */
    while (error.bytes_count == 0 && (found = getopt_long(argc, argv, "-:h", options, NULL)) != -1) {
        if (found == 'h')
            return print_help(command);
        if (found == 1)
            argv[++word_count] = optarg; /* a place that was read before */
        else if (found >= OPTION_BASE)
            take_option(&command->options[found - OPTION_BASE], optarg, request, &error);
        else if (found == '?' && optopt > 0 && optopt < OPTION_BASE) /* a letter */
            text_add(&error, "there is no option -%c", optopt);
        else
            text_add(&error, found == ':' ? "%s needs a value" : "there is no option %s", argv[optind - 1]);
    }
    while (optind < argc) /* behind "--" */
        argv[++word_count] = argv[optind++];
    code = error.bytes_count ? arguments_refuse(command, "%s", error.bytes)
                             : take_words(command, argv + 1, word_count, request);
    text_finish(&error);
    return code;
}

struct taskset *arguments_load(const struct arguments *arguments) {
    struct faults faults = {0};
    struct text text = {0};
    struct taskset *set = load_file(arguments->file, &faults);
    if (faults.count) {
        faults_print(&faults, arguments->file, &text);
        terminal_say(stderr, "%s", text.bytes);
        taskset_unref(set);
        set = NULL;
    }
    text_finish(&text);
    faults_finish(&faults);
    return set;
}
