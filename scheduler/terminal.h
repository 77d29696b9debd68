/*
 * The terminal that a command prints to.
 */
#ifndef SCHEDULER_TERMINAL_H
#define SCHEDULER_TERMINAL_H

#include <stdint.h>

/* In columns; 0: standard output is no terminal, or one that does not say. */
uint32_t terminal_width(void);

#endif
