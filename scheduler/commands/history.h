/*
 * `headgate history`: what ran, what did not, and why, as the pools' databases have it. The two forms in
 * which rows are told.
 */
#ifndef SCHEDULER_COMMANDS_HISTORY_H
#define SCHEDULER_COMMANDS_HISTORY_H

#include "pool/ask/history.h"

/* A table for people. width: of the terminal in columns; 0: lines are as wide as they are. */
void history_print_rows(const struct history *history, uint32_t width, struct text *text);

/* An array for programs. */
void history_print_json(const struct history *history, struct text *text);

#endif
