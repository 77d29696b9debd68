/*
 * `headgate run`: the daemon, in the foreground.
 */
#include <fcntl.h>
#include <unistd.h>

#include "scheduler/commands/arguments.h"
#include "scheduler/daemon/daemon.h"
#include "scheduler/daemon/footing.h"
#include "scheduler/terminal.h"
#include "tasks/suggest.h"

struct request {
    struct arguments arguments;
    const char *once; /* NULL: all of them, until told to stop */
};

static const struct option_spec option_specs[] = {
    {.key = {"once", KEY_TEXT, offsetof(struct request, once)},
     .value = "TASK",
     .help = "one run of one task, then exit: 0 when it was ok or there was nothing to do, 1 otherwise"},
    {.help = NULL},
};

static void keep_descriptors_from_children(void) {
    long most = sysconf(_SC_OPEN_MAX);
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    for (int fd = 3; fd < most; fd++) /* a kernel before 5.11 */
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Whether the task is in the file, or none is asked for. */
static bool is_there(const struct taskset *set, const struct request *request) {
    if (!request->once || taskset_find_task(set, request->once) != TASKSET_NONE)
        return true;
    terminal_complain("%s has no [task %s]%s", request->arguments.file, request->once,
                      SUGGEST_TEXT(taskset_nearest_task(set, request->once)));
    return false;
}

static int run(int argc, char **argv) {
    struct request request = {0};
    struct text error = {0};
    int code = arguments_read(&run_command, argc, argv, &request);
    if (code >= 0)
        return code;
    code = COMMAND_FAILS;
    struct taskset *set = arguments_load(&request.arguments);
    if (set && is_there(set, &request)) {
        const struct daemon_request daemon = {request.arguments.file, set, request.once};
        keep_descriptors_from_children();
        if (footing_make(set, &error))
            code = daemon_run(&daemon);
        if (error.bytes_count)
            terminal_complain("not started: %s", error.bytes);
    }
    text_finish(&error);
    taskset_unref(set);
    return code;
}

const struct command run_command = {
    .name = "run",
    .usage = "run FILE [--once TASK]",
    .about = "Runs the tasks of FILE in the foreground until told to stop; a service manager keeps it\n"
             "running.\n",
    .notes = "Signals:\n"
             "  USR1        write what every task is doing to the log (or status_file)\n"
             "  HUP         read FILE again; with a fault in it the running configuration stays\n"
             "  TERM, INT   stop: no new runs; running ones may finish within drain_timeout, and of outside\n"
             "              work what is finished then is written; a second one cancels them\n",
    .options = option_specs,
    .run = run,
};
