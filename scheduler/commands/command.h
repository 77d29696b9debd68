/*
 * What a command of the command line is: its name, what it takes, and what it does. Each stands in a file of
 * its own (hands.c has three that are one conversation); main.c picks one by its name.
 */
#ifndef SCHEDULER_COMMANDS_COMMAND_H
#define SCHEDULER_COMMANDS_COMMAND_H

#include "tasks/keys.h"

/* An option: how it is read, and what --help says of it. */
struct option_spec {
    struct key
        key; /* its name without dashes, its bounds, and where its value goes in the command's request */
    const char *value;   /* what --help calls the value; NULL: there is none, and the key's bool is set */
    const char *example; /* of a value, for who wrote a wrong one */
    const char *help;    /* of one line or of several */
    /* For what no key can say, and for what may be repeated: takes the value instead of the key. False with
     * `error` filled. */
    bool (*take)(void *request, const char *value, struct text *error);
};

struct command {
    const char *name;
    const char *usage;                 /* behind "headgate" */
    const char *about;                 /* lines of --help before the options */
    const char *notes;                 /* and after them; or NULL */
    const struct option_spec *options; /* the last has no name; NULL: none */
    const char *subject;               /* what its first word is called; NULL: FILE */
    int tasks_least, tasks_most;       /* how many TASKs follow FILE */
    int (*run)(int argc, char **argv); /* argv[0] is the name. Returns the exit code */
};

/* Exit codes. */
#define COMMAND_FINE  0
#define COMMAND_FAILS 1 /* the file or the world is wrong */
#define COMMAND_USAGE 2 /* the command line is */

extern const struct command run_command, check_command, status_command, pause_command, resume_command,
    trigger_command, history_command, simulate_command, import_command, next_command;

#endif
