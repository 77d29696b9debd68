/*
 * The terminal that a command prints to.
 */
#ifndef SCHEDULER_TERMINAL_H
#define SCHEDULER_TERMINAL_H

#include <stdint.h>
#include <stdio.h>

/* In columns; 0: standard output is no terminal, or one that does not say. */
uint32_t terminal_width(void);

/* Lines, with what others have put into them: names of files, a daemon's answer. What may not be shown
 * (text.h) is not. */
void terminal_say(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3), nonnull));

/* Says on standard error why the command fails. Returns 1, its exit code then. */
int terminal_complain(const char *format, ...) __attribute__((format(printf, 1, 2), nonnull));

#endif
