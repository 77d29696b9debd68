/*
 * `headgate pause`, `resume` and `trigger`: what a person may ask of a running daemon. One request, and an
 * answer of which the first line says whether it was done.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scheduler/commands/arguments.h"
#include "scheduler/commands/ask.h"
#include "scheduler/daemon/control.h"
#include "scheduler/terminal.h"

/* sudo's user, because that is a person. */
static const char *user_name(void) {
    const char *behind = getenv("SUDO_USER");
    const struct passwd *user = getpwuid(getuid());
    if (behind && *behind && !strpbrk(behind, " \n"))
        return behind;
    return user && !strpbrk(user->pw_name, " \n") ? user->pw_name : "-";
}

/* "ok" or "no" on the first line, or the daemon is another version. */
static int print_answer(const char *answer) {
    const char *newline = strchr(answer, '\n'), *told = newline ? newline + 1 : "";
    int code = COMMAND_FAILS;
    if (strncmp(answer, "ok\n", 3) == 0) {
        terminal_say(stdout, "%s", told);
        return COMMAND_FINE;
    }
    if (strncmp(answer, "no\n", 3) != 0)
        return terminal_complain("the daemon does not know this request; is it of an earlier version?");
    for (size_t length; (length = strcspn(told, "\n")) > 0; told += length + (told[length] == '\n'))
        code = terminal_complain("%.*s", (int)length, told);
    return code;
}

static int ask(const char *file, const char *request) {
    struct text answer = {0}, error = {0};
    int code;
    if (ask_daemon_of(file, request, &answer, &error))
        code = print_answer(answer.bytes);
    else
        code = terminal_complain("%s", error.bytes);
    text_finish(&answer);
    text_finish(&error);
    return code;
}

/* Asks "pause alice tick messages", say. */
static int ask_for(const struct command *command, int argc, char **argv, struct arguments *arguments) {
    struct text request = {0};
    int code = arguments_read(command, argc, argv, arguments);
    if (code >= 0)
        return code;
    text_add(&request, "%s %s", command->name, user_name());
    for (int i = 0; i < arguments->task_count && code < 0; i++) {
        const char *task = arguments->tasks[i];
        if (!*task || strpbrk(task, " \n"))
            code = arguments_refuse(command, "a task's name is not empty and has no blanks");
        text_add(&request, " %s", task);
    }
    if (code < 0 && request.bytes_count >= CONTROL_REQUEST_BYTES - 1)
        code = arguments_refuse(command, "too many at once; take two turns");
    if (code < 0)
        code = ask(arguments->file, request.bytes);
    text_finish(&request);
    return code;
}

static int pause_tasks(int argc, char **argv) {
    struct arguments arguments = {0};
    struct text text = {0};
    int code = ask_for(&pause_command, argc, argv, &arguments);
    if (code == COMMAND_FINE && arguments.file) { /* else it was --help */
        text_add(&text, "what is due is skipped until: headgate resume %s", arguments.file);
        for (int i = 0; i < arguments.task_count; i++)
            text_add(&text, " %s", arguments.tasks[i]);
        terminal_say(stdout, "%s\n", text.bytes);
    }
    text_finish(&text);
    return code;
}

static int resume(int argc, char **argv) {
    struct arguments arguments = {0};
    return ask_for(&resume_command, argc, argv, &arguments);
}

static int trigger(int argc, char **argv) {
    struct arguments arguments = {0};
    return ask_for(&trigger_command, argc, argv, &arguments);
}

const struct command pause_command = {
    .name = "pause",
    .usage = "pause FILE TASK...",
    .about = "Asks the daemon that runs FILE to skip what is due of the tasks, and what of them waits,\n"
             "until they are resumed. A run under way finishes; one that fails is not tried again. All of\n"
             "the tasks, or none.\n\n"
             "A pause outlives the daemon and reloads, also of a task that leaves FILE and comes back. It\n"
             "is kept beside the control socket, as CONTROL.paused; without the key control in\n"
             "/var/lib/headgate, if the daemon can write there: what is beside the default socket does not\n"
             "outlive a reboot.\n",
    .tasks_least = 1,
    .tasks_most = INT_MAX,
    .run = pause_tasks,
};

const struct command resume_command = {
    .name = "resume",
    .usage = "resume FILE TASK...",
    .about = "Asks the daemon that runs FILE to go on with the tasks, at their next due instant. All of\n"
             "them, or none. What was skipped meanwhile stays skipped; `headgate trigger` makes up for it.\n",
    .tasks_least = 1,
    .tasks_most = INT_MAX,
    .run = resume,
};

const struct command trigger_command = {
    .name = "trigger",
    .usage = "trigger FILE TASK",
    .about = "Asks the daemon that runs FILE for one run of TASK now, under the same admission as any\n"
             "other. Also while it is paused, on hold, or its window is closed. Refused while a run of it\n"
             "waits, unless for its window, or one is under way and overlap = skip; else it waits for that.\n",
    .tasks_least = 1,
    .tasks_most = 1,
    .run = trigger,
};
