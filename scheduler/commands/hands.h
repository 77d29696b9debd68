/*
 * `headgate pause`, `resume` and `trigger`: the asker's side of what a person may ask of a running daemon.
 */
#ifndef SCHEDULER_COMMANDS_HANDS_H
#define SCHEDULER_COMMANDS_HANDS_H

#define PAUSE_USAGE   "headgate pause FILE TASK..."
#define RESUME_USAGE  "headgate resume FILE TASK..."
#define TRIGGER_USAGE "headgate trigger FILE TASK"

extern const char pause_help[], resume_help[], trigger_help[];

/* argv[0] is the command's name. They return the exit code. */
int pause_command(int argc, char **argv);
int resume_command(int argc, char **argv);
int trigger_command(int argc, char **argv);

#endif
