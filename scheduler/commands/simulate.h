/*
 * `headgate simulate`: reads the file and the options, asks a running daemon for the durations that it has
 * learned, and prints the forecast.
 */
#ifndef SCHEDULER_COMMANDS_SIMULATE_H
#define SCHEDULER_COMMANDS_SIMULATE_H

#define SIMULATE_USAGE                                                                                       \
    "headgate simulate FILE [--for 24h] [--foreground SPEC]... [--took [TASK=]DURATION]... [--slots N] "     \
    "[--json]"

extern const char simulate_help[];

/* argv[0] is the command's name. Returns the exit code. */
int simulate_command(int argc, char **argv);

#endif
