/*
 * The command line. Each command is one function that returns the exit code: 0 fine, 1 the file or the world
 * is wrong, 2 wrong usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool/ask/check.h"
#include "pool/conninfo.h"
#include "scheduler/commands/hands.h"
#include "scheduler/commands/history.h"
#include "scheduler/commands/simulate.h"
#include "scheduler/daemon/control.h"
#include "scheduler/daemon/daemon.h"
#include "scheduler/daemon/footing.h"
#include "scheduler/daemon/identity.h"
#include "scheduler/daemon/load.h"
#include "scheduler/terminal.h"
#include "tasks/duration.h"
#include "tasks/suggest.h"

struct command_line {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage;
    const char *help;
};

static const struct command_line commands[];

static int wrong_usage(const struct command_line *command, const char *what) {
    terminal_say(stderr, "headgate%s%s: %s\nusage: %s\n", command ? " " : "", command ? command->name : "",
                 what,
                 command ? command->usage : "headgate COMMAND FILE [OPTION...]; headgate --help says more");
    return 2;
}

static void print_help(const struct command_line *command) {
    printf("usage: %s\n\n%s", command->usage, command->help);
}

/* Reads one FILE and the options; -1 to go on, or the exit code. */
static int read_arguments(const struct command_line *command, int argc, char **argv,
                          const struct option *options, const char *values[static 8], const char **ret_file) {
    int found;
    opterr = 0;
    while ((found = getopt_long(argc, argv, "+:h", options, NULL)) != -1 || optind < argc) {
        if (found == 'h') {
            print_help(command);
            return 0;
        }
        if (found == '?' || found == ':') {
            char what[160];
            snprintf(what, sizeof what, found == ':' ? "%s needs a value" : "there is no option %s",
                     argv[optind - 1]);
            return wrong_usage(command, what);
        }
        if (found >= 0 && found < 8)
            values[found] = optarg ? optarg : "";
        else if (found == -1 && *ret_file)
            return wrong_usage(command, "one FILE is enough");
        else if (found == -1)
            *ret_file = argv[optind++];
    }
    return *ret_file ? -1 : wrong_usage(command, "which FILE?");
}

/* --- run --- */

static void keep_descriptors_from_children(void) {
    long most = sysconf(_SC_OPEN_MAX);
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    for (int fd = 3; fd < most; fd++) /* a kernel before 5.11 */
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static int run(int argc, char **argv) {
    static const struct option options[] = {
        {"once", required_argument, NULL, 1}, {"help", no_argument, NULL, 'h'}, {0}};
    const char *values[8] = {0}, *file = NULL;
    int code = read_arguments(&commands[0], argc, argv, options, values, &file);
    if (code >= 0)
        return code;
    struct taskset *set = load_or_complain(file);
    if (!set)
        return 1;
    if (values[1] && taskset_find_task(set, values[1]) == TASKSET_NONE) {
        const char *near = taskset_nearest_task(set, values[1]);
        terminal_say(stderr,
                     near ? "headgate: %s has no [task %s]; did you mean '%s'?\n"
                          : "headgate: %s has no [task %s]\n",
                     file, values[1], near);
        taskset_unref(set);
        return 1;
    }
    keep_descriptors_from_children();
    struct daemon_request request = {file, set, values[1]};
    struct text error = {0};
    code = footing_make(set, &error) ? daemon_run(&request) : 1;
    if (error.bytes_count)
        fprintf(stderr, "headgate: not started: %s\n", error.bytes);
    text_finish(&error);
    taskset_unref(set);
    fflush(NULL);
    if (footing_threads_run_on())
        _exit(code);
    return code;
}

/* --- check --- */

static void print_summary(const struct taskset *set, const char *file) {
    terminal_say(stdout, "%s: %u task%s in %u pool%s, nothing wrong\n", file, set->task_count,
                 set->task_count == 1 ? "" : "s", set->pool_count, set->pool_count == 1 ? "" : "s");
    for (uint32_t p = 0; p < set->pool_count; p++) {
        uint32_t sql = 0, staged = 0, commands_count = 0, off = 0;
        double per_minute = 0;
        for (uint32_t i = 0; i < set->task_count; i++) {
            const struct task *task = &set->tasks[i];
            if (task->pool != p)
                continue;
            sql += task->work == WORK_SQL;
            staged += task->work == WORK_STAGES;
            commands_count += task->work == WORK_COMMAND;
            off += !task->enabled;
            per_minute += task->enabled ? 60.0 * US_PER_S / (double)task->schedule.every_us : 0;
        }
        printf("pool %s: never more than %u sessions; %u SQL task%s, ", set->pools[p].name,
               set->pools[p].size, sql, sql == 1 ? "" : "s");
        if (staged)
            printf("%u staged, ", staged);
        printf("%u command%s", commands_count, commands_count == 1 ? "" : "s");
        printf(off ? ", %u of them disabled; %.1f runs a minute\n" : "%.0u; %.1f runs a minute\n", off,
               per_minute);
    }
}

static void print_warning(const char *pool, const char *key, const char *conninfo) {
    struct text text = {0};
    conninfo_warn(conninfo, &text);
    if (text.bytes)
        printf("pool %s: WARNING, %s: %s\n", pool, key, text.bytes);
    text_finish(&text);
}

static void print_warnings(const struct taskset *set) {
    for (uint32_t i = 0; i < set->pool_count; i++) {
        print_warning(set->pools[i].name, "conninfo", set->pools[i].conninfo);
        if (*set->pools[i].pooler_conninfo)
            print_warning(set->pools[i].name, "pooler_conninfo", set->pools[i].pooler_conninfo);
    }
}

static int check(int argc, char **argv) {
    static const struct option options[] = {
        {"connect", no_argument, NULL, 1}, {"help", no_argument, NULL, 'h'}, {0}};
    const char *values[8] = {0}, *file = NULL;
    int code = read_arguments(&commands[1], argc, argv, options, values, &file);
    if (code >= 0)
        return code;
    struct taskset *set = load_or_complain(file);
    if (!set)
        return 1;
    print_summary(set, file);
    print_warnings(set);
    bool fits = true;
    char *name = identity_name(file);
    for (uint32_t i = 0; values[1] && i < set->pool_count; i++) {
        struct text text = {0};
        fits &= budget_check(set, i, identity_of(file), name, &text);
        terminal_say(stdout, "%s", text.bytes);
        text_finish(&text);
    }
    free(name);
    taskset_unref(set);
    return fits ? 0 : 1;
}

/* --- status --- */

static int status(int argc, char **argv) {
    static const struct option options[] = {{"json", no_argument, NULL, 1},
                                            {"metrics", no_argument, NULL, 2},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *values[8] = {0}, *file = NULL;
    int code = read_arguments(&commands[2], argc, argv, options, values, &file);
    if (code >= 0)
        return code;
    if (values[1] && values[2])
        return wrong_usage(&commands[2], "--json and --metrics are two forms of the same; take one");
    struct faults faults = {0};
    struct text request = {0}, answer = {0}, error = {0};
    struct taskset *set =
        load_file(file, &faults); /* with faults, too: the daemon may run an older content */
    if (!set) {
        faults_print(&faults, file, &error);
    } else {
        if (values[1] || values[2])
            text_add(&request, values[1] ? "status json" : "status metrics");
        else
            text_add(&request, "status %u", terminal_width());
        code = control_ask(set, file, request.bytes, &answer, &error) ? 0 : 1;
    }
    if (answer.bytes)
        terminal_say(stdout, "%s", answer.bytes);
    if (error.bytes)
        terminal_say(stderr, "headgate: %s", error.bytes);
    taskset_unref(set);
    faults_finish(&faults);
    text_finish(&request);
    text_finish(&answer);
    text_finish(&error);
    return code == 0 ? 0 : 1;
}

/* --- all of them --- */

static const struct command_line commands[] = {
    {"run", run, "headgate run FILE [--once TASK]",
     "Runs the tasks of FILE in the foreground until told to stop; a service manager keeps it running.\n\n"
     "  --once TASK   one run of one task, then exit: 0 when it was ok or there was nothing to do, 1 "
     "otherwise\n\n"
     "Signals:\n"
     "  USR1          write what every task is doing to the log (or status_file)\n"
     "  HUP           read FILE again; with a fault in it the running configuration stays\n"
     "  TERM, INT     stop: no new runs; running ones may finish within drain_timeout, and of outside work "
     "what is\n                finished then is written; a second one cancels them\n"},
    {"check", check, "headgate check FILE [--connect]",
     "Says what is wrong with FILE, every fault with its line; exits with 1 if anything is.\n\n"
     "  --connect     also log in to each pool's database: does the budget fit, may the history be kept\n"
     "                on the daemon's host, its sessions are told from the application's\n"},
    {"status", status, "headgate status FILE [--json | --metrics]",
     "Asks the daemon that runs FILE what every task is doing and why what waits waits; exits with 1 if "
     "there is none.\n\n"
     "  --json        the same facts for programs; durations and instants are microseconds\n"
     "  --metrics     the same facts in Prometheus' text format\n"},
    {"pause", pause_command, PAUSE_USAGE, pause_help},
    {"resume", resume_command, RESUME_USAGE, resume_help},
    {"trigger", trigger_command, TRIGGER_USAGE, trigger_help},
    {"history", history_command, HISTORY_USAGE, history_help},
    {"simulate", simulate_command, SIMULATE_USAGE, simulate_help},
};

#define COMMANDS_COUNT (sizeof commands / sizeof *commands)

static int help(void) {
    puts("headgate: cron for a PostgreSQL application that never takes the connections the application "
         "needs.\n\nusage:");
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        printf("  %s\n", commands[i].usage);
    puts("  headgate --version | --help | COMMAND --help\n\n"
         "exit codes: 0 fine, 1 the file or the world is wrong, 2 wrong usage");
    return 0;
}

/* Started with closed stdio, the next files opened would take its place. */
static void open_stdio(void) {
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR);
    if (fd >= 0)
        close(fd);
}

/* What was told must have arrived: a full disk is no success. */
static int told(int code) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "headgate: cannot write the output: %s\n", strerror(errno));
    return code ? code : 1;
}

int main(int argc, char **argv) {
    open_stdio();
    footing_watch();
    if (argc < 2)
        return wrong_usage(NULL, "what shall it do?");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return told(help());
    if (strcmp(argv[1], "--version") == 0) {
        puts("headgate " HEADGATE_VERSION);
        return told(0);
    }
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return told(commands[i].run(argc - 1, argv + 1));
    char what[200];
    const char *near = NULL;
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        near = suggest_better(argv[1], near, commands[i].name);
    snprintf(what, sizeof what,
             near ? "there is no command '%.100s'; did you mean '%s'?" : "there is no command '%.100s'",
             argv[1], near);
    return wrong_usage(NULL, what);
}
