/*
 * Commands that were written for a shell: as the words that start it, and by what name to call them.
 */
#ifndef SCHEDULER_IMPORT_SHELL_H
#define SCHEDULER_IMPORT_SHELL_H

#include <stdbool.h>

#include "tasks/text.h"

#define SHELL_DEFAULT "/bin/sh"

struct shell_job {
    const char *shell;              /* a path without anything to quote */
    const char *const *environment; /* NAME=VALUE */
    size_t environment_count;
    const char *command; /* what the shell reads */
    const char *const *input;
    size_t input_count; /* lines of its standard input; 0: it has none */
};

/*
 * Adds command = ..., which does exactly that. What is too long for a line of the file is cut into pieces
 * that a shell puts together again. False, and nothing is added, where a piece of it cannot be written.
 */
bool shell_print(struct text *page, const struct shell_job *job) __attribute__((warn_unused_result));

/* Adds what a person would call the command: its program without folders, wrappers and interpreters. Nothing
 * where that cannot be told. */
void shell_name(struct text *name, const char *command);

/* The program that it starts and that is known to open sessions of PostgreSQL, such as psql; NULL: none. */
const char *shell_find_client(const char *command);

/* A path without anything that a shell would treat specially. */
bool shell_is_plain_path(const char *path);

#endif
