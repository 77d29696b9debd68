/*
 * The one reader of arguments: goes by a command's table (command.h), says what is wrong, and prints --help.
 */
#ifndef SCHEDULER_COMMANDS_ARGUMENTS_H
#define SCHEDULER_COMMANDS_ARGUMENTS_H

#include "scheduler/commands/command.h"
#include "tasks/taskset.h"

/* What every command takes; the first member of each command's request. Borrowed from argv. */
struct arguments {
    const char *file;
    char **tasks;
    int task_count;
};

/*
 * Fills the request, which has the defaults already and begins with struct arguments. Reorders argv. Returns
 * -1 to go on, or the exit code: --help was printed, or what is wrong.
 */
int arguments_read(const struct command *command, int argc, char **argv, void *request)
    __attribute__((warn_unused_result));

/* Reads the command's FILE. NULL after saying what is wrong with it. One reference, the caller's. */
struct taskset *arguments_load(const struct arguments *arguments) __attribute__((warn_unused_result));

/* Says what is wrong with the arguments, and how the command is called (NULL: how all are). Returns
 * COMMAND_USAGE. */
int arguments_refuse(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
