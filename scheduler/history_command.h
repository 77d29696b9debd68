/*
 * `headgate history`: what ran, what did not, and why, as the pools' databases have it.
 */
#ifndef SCHEDULER_HISTORY_COMMAND_H
#define SCHEDULER_HISTORY_COMMAND_H

#define HISTORY_USAGE "headgate history FILE [TASK] [--since 1d] [--failed] [--json]"

extern const char history_help[];

/* argv[0] is the command's name. Returns the exit code. */
int history_command(int argc, char **argv);

#endif
