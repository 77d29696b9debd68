/*
 * The command line: picks the command by its name. Each command is a file of this room with a table of what
 * it takes (command.h), read by arguments.c; those that talk to a running daemon do so through ask.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "scheduler/commands/arguments.h"
#include "scheduler/daemon/footing.h"
#include "scheduler/terminal.h"
#include "tasks/suggest.h"

static const struct command *const commands[] = {
    &run_command,    &check_command,   &status_command,  &pause_command,
    &resume_command, &trigger_command, &history_command, &simulate_command,
    &import_command, &next_command,
};

#define COMMANDS_COUNT (sizeof commands / sizeof *commands)

static int help(void) {
    puts("headgate: cron for a PostgreSQL application that never takes the connections the application "
         "needs.\n\nusage:");
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        printf("  headgate %s\n", commands[i]->usage);
    puts("  headgate --version | --help | COMMAND --help\n\n"
         "exit codes: 0 fine, 1 the file or the world is wrong, 2 wrong usage");
    return COMMAND_FINE;
}

static int run_command_of(int argc, char **argv) {
    const char *near = NULL;
    if (argc < 2)
        return arguments_refuse(NULL, "what shall it do?");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help();
    if (strcmp(argv[1], "--version") == 0) {
        puts("headgate " HEADGATE_VERSION);
        return COMMAND_FINE;
    }
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        if (strcmp(argv[1], commands[i]->name) == 0)
            return commands[i]->run(argc - 1, argv + 1);
        near = suggest_better(argv[1], near, commands[i]->name);
    }
    return arguments_refuse(NULL, "there is no command '%.100s'%s", argv[1], SUGGEST_TEXT(near));
}

/* Started with closed stdio, the next files opened would take its place. */
static void open_stdio(void) {
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv) {
    open_stdio();
    footing_watch();
    footing_map_tables();
    int code = run_command_of(argc, argv);
    if (fflush(NULL) != 0 || ferror(stdout)) {
        terminal_complain("cannot write the output: %s", strerror(errno)); /* a full disk is no success */
        code = code ? code : COMMAND_FAILS;
    }
    if (footing_threads_run_on())
        _exit(code);
    return code;
}
