#include "scheduler/commands/hands.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scheduler/daemon/control.h"
#include "scheduler/daemon/load.h"
#include "scheduler/terminal.h"

const char pause_help[] =
    "Asks the daemon that runs FILE to skip what is due of the tasks, and what of them waits, until they "
    "are\n"
    "resumed. A run under way finishes; one that fails is not tried again. All of the tasks, or none.\n\n"
    "A pause outlives the daemon and reloads, also of a task that leaves FILE and comes back. It is kept\n"
    "beside the control socket, as CONTROL.paused; without the key control in /var/lib/headgate, if the\n"
    "daemon can write there: what is beside the default socket does not outlive a reboot.\n";

const char resume_help[] = "Asks the daemon that runs FILE to go on with the tasks, at their next due "
                           "instant. All of them, or none.\n"
                           "What was skipped meanwhile stays skipped; `headgate trigger` makes up for it.\n";

const char trigger_help[] = "Asks the daemon that runs FILE for one run of TASK now, under the same "
                            "admission as any other. Also while\n"
                            "it is paused or on hold. Refused while a run of it waits, or one is under way "
                            "and overlap = skip; else it\n"
                            "waits for that.\n";

struct hands {
    const char *usage, *help;
    const char *file, *first_task;
    struct text request;
};

static int wrong_usage(const char *verb, const struct hands *hands, const char *what) {
    terminal_say(stderr, "headgate %s: %s\nusage: %s\n", verb, what, hands->usage);
    return 2;
}

/* sudo's user, because that is a person. */
static const char *user_name(void) {
    const char *behind = getenv("SUDO_USER");
    const struct passwd *user = getpwuid(getuid());
    if (behind && *behind && !strpbrk(behind, " \n"))
        return behind;
    return user && !strpbrk(user->pw_name, " \n") ? user->pw_name : "-";
}

/* -1 to go on, or the exit code. */
static int read_arguments(struct hands *hands, int argc, char **argv, int tasks_most) {
    int task_count = 0;
    text_add(&hands->request, "%s %s", argv[0], user_name());
    for (int i = 1; i < argc; i++) {
        char what[160];
        snprintf(what, sizeof what, "there is no option %s", argv[i]);
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fprintf(stdout, "usage: %s\n\n%s", hands->usage, hands->help);
            return 0;
        }
        if (argv[i][0] == '-')
            return wrong_usage(argv[0], hands, what);
        if (!hands->file) {
            hands->file = argv[i];
            continue;
        }
        if (!*argv[i] || strpbrk(argv[i], " \n"))
            return wrong_usage(argv[0], hands, "a task's name is not empty and has no blanks");
        hands->first_task = task_count++ ? hands->first_task : argv[i];
        text_add(&hands->request, " %s", argv[i]);
    }
    if (!hands->file)
        return wrong_usage(argv[0], hands, "which FILE?");
    if (task_count == 0)
        return wrong_usage(argv[0], hands, "which TASK?");
    if (task_count > tasks_most)
        return wrong_usage(argv[0], hands, "one TASK at a time");
    if (hands->request.bytes_count >= CONTROL_REQUEST_BYTES - 1)
        return wrong_usage(argv[0], hands, "too many at once; take two turns");
    return -1;
}

/* "ok" or "no" on the first line, or the daemon is another version. */
static int print_answer(const struct text *answer) {
    const char *told = answer->bytes && strchr(answer->bytes, '\n') ? strchr(answer->bytes, '\n') + 1 : "";
    bool fine = answer->bytes && strncmp(answer->bytes, "ok\n", 3) == 0;
    bool refused = answer->bytes && strncmp(answer->bytes, "no\n", 3) == 0;
    if (!fine && !refused)
        told = "the daemon does not know this request; is it of an earlier version?\n";
    char *copy = text_copy(told), *rest = copy;
    for (const char *line; !fine && (line = strsep(&rest, "\n")) && *line;)
        terminal_say(stderr, "headgate: %s\n", line);
    if (fine)
        terminal_say(stdout, "%s", told);
    free(copy);
    return fine ? 0 : 1;
}

static int ask(const struct hands *hands) {
    struct faults faults = {0};
    struct text answer = {0}, error = {0};
    struct taskset *set = load_file(hands->file, &faults); /* with faults, too: what runs may be older */
    int code = 1;
    if (!set) {
        faults_print(&faults, hands->file, &error);
        terminal_say(stderr, "headgate: %s", error.bytes);
    } else {
        if (control_ask(set, hands->file, hands->request.bytes, &answer, &error))
            code = print_answer(&answer);
        else
            terminal_say(
                stderr, "headgate: %s\nheadgate: this is for a daemon that runs; start it: headgate run %s\n",
                error.bytes, hands->file);
    }
    taskset_unref(set);
    faults_finish(&faults);
    text_finish(&answer);
    text_finish(&error);
    return code;
}

static int command(struct hands *hands, int argc, char **argv, int tasks_most) {
    int code = read_arguments(hands, argc, argv, tasks_most);
    if (code < 0)
        code = ask(hands);
    return code;
}

int pause_command(int argc, char **argv) {
    struct hands hands = {PAUSE_USAGE, pause_help};
    int code = command(&hands, argc, argv, argc);
    if (code == 0 && hands.first_task) {
        terminal_say(stdout, "what is due is skipped until: headgate resume %s", hands.file);
        for (int i = 2; i < argc; i++)
            fprintf(stdout, " %s", argv[i]);
        fprintf(stdout, "\n");
    }
    text_finish(&hands.request);
    return code;
}

int resume_command(int argc, char **argv) {
    struct hands hands = {RESUME_USAGE, resume_help};
    int code = command(&hands, argc, argv, argc);
    text_finish(&hands.request);
    return code;
}

int trigger_command(int argc, char **argv) {
    struct hands hands = {TRIGGER_USAGE, trigger_help};
    int code = command(&hands, argc, argv, 1);
    text_finish(&hands.request);
    return code;
}
