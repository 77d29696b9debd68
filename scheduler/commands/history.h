/*
 * `headgate history`: what ran, what did not, and why, as the pools' databases have it.
 */
#ifndef SCHEDULER_COMMANDS_HISTORY_H
#define SCHEDULER_COMMANDS_HISTORY_H

#include <stdint.h>

#include "pool/ask/history.h"

#define HISTORY_USAGE "headgate history FILE [TASK] [--since 1d] [--failed] [--json]"

extern const char history_help[];

/* argv[0] is the command's name. Returns the exit code. */
int history_command(int argc, char **argv);

/* The two forms in which rows are told. width: 0, as wide as they are. */
void history_print_rows(const struct history *history, uint32_t width, struct text *text);
void history_print_json(const struct history *history, struct text *text);

#endif
