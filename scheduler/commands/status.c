/*
 * `headgate status`: the dump of the daemon that runs a file.
 */
#include "scheduler/commands/arguments.h"
#include "scheduler/commands/ask.h"
#include "scheduler/terminal.h"

struct request {
    struct arguments arguments;
    bool json, metrics;
};

static const struct option_spec option_specs[] = {
    {.key = {"json", KEY_SWITCH, offsetof(struct request, json)},
     .help = "the same facts for programs; durations and instants are microseconds"},
    {.key = {"metrics", KEY_SWITCH, offsetof(struct request, metrics)},
     .help = "the same facts in Prometheus' text format"},
    {.help = NULL},
};

static int status(int argc, char **argv) {
    struct request request = {0};
    struct text question = {0}, answer = {0}, error = {0};
    int code = arguments_read(&status_command, argc, argv, &request);
    if (code >= 0)
        return code;
    if (request.json && request.metrics)
        return arguments_refuse(&status_command, "--json and --metrics are two forms of the same; take one");
    if (request.json || request.metrics)
        text_add(&question, "status %s", request.json ? "json" : "metrics");
    else
        text_add(&question, "status %u", terminal_width());
    if (ask_daemon_of(request.arguments.file, question.bytes, &answer, &error)) {
        terminal_say(stdout, "%s", answer.bytes);
        code = COMMAND_FINE;
    } else {
        code = terminal_complain("%s", error.bytes);
    }
    text_finish(&question);
    text_finish(&answer);
    text_finish(&error);
    return code;
}

const struct command status_command = {
    .name = "status",
    .usage = "status FILE [--json | --metrics]",
    .about = "Asks the daemon that runs FILE what every task is doing and why what waits waits; exits with\n"
             "1 if there is none.\n",
    .options = option_specs,
    .run = status,
};
