#include "pool/command.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct command {
    uv_process_t process;
    uv_pipe_t output;
    uv_idle_t failed; /* reports a start that failed, in the next turn of the loop */
    bool spawned;     /* the process handle is in use */
    int handles_open; /* freed when all are closed */
    struct handle run;
    report_callback *report;
    void *context;
    char kept[COMMAND_OUTPUT_BYTES + 1]; /* a ring until it is read out */
    uint64_t output_bytes;
    char message[256];
};

/* --- the environment --- */

struct environment {
    char **items;
    size_t count;
};

static void environment_add(void *context, const char *name, const char *value) {
    struct environment *environment = context;
    struct text item = {0};
    text_add(&item, "%s=%s", name, value);
    environment->items = realloc(environment->items, (environment->count + 2) * sizeof *environment->items);
    if (!environment->items)
        abort();
    environment->items[environment->count++] = item.bytes;
    environment->items[environment->count] = NULL;
}

static void environment_keep(struct environment *environment, const char *name) {
    const char *value = getenv(name);
    if (value)
        environment_add(environment, name, value);
}

static void add_due(struct environment *environment, struct wall due) {
    time_t seconds = (time_t)(due.us / US_PER_S);
    struct tm utc;
    char date[64];
    gmtime_r(&seconds, &utc);
    size_t used = strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(date + used, sizeof date - used, ".%06" PRId64 "Z", due.us % US_PER_S);
    environment_add(environment, "HEADGATE_DUE", date);
}

static struct environment environment_of(const struct command_work *work) {
    struct environment environment = {0};
    char value[128];
    static const char *const kept[] = {"PATH", "HOME", "LANG", "TZ", "PGSERVICEFILE", "PGSYSCONFDIR"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        environment_keep(&environment, kept[i]);
    conninfo_environment(work->conninfo, environment_add, &environment);
    snprintf(value, sizeof value, "headgate/%s", work->task);
    environment_add(&environment, "PGAPPNAME", value);
    environment_add(&environment, "HEADGATE_TASK", work->task);
    snprintf(value, sizeof value, "%" PRIu64, work->run_number);
    environment_add(&environment, "HEADGATE_RUN", value);
    add_due(&environment, work->due);
    return environment;
}

static void environment_free(struct environment *environment) {
    for (size_t i = 0; i < environment->count; i++)
        free(environment->items[i]);
    free(environment->items);
}

/* --- output --- */

static void keep_output(struct command *command, const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        command->kept[(command->output_bytes + i) % COMMAND_OUTPUT_BYTES] = bytes[i];
    command->output_bytes += count;
}

/* The end of what was printed, as text: a NUL in it becomes a question mark. */
static const char *read_out(struct command *command) {
    size_t count =
        command->output_bytes < COMMAND_OUTPUT_BYTES ? command->output_bytes : COMMAND_OUTPUT_BYTES;
    char straight[COMMAND_OUTPUT_BYTES];
    for (size_t i = 0; i < count; i++) {
        char c = command->kept[(command->output_bytes - count + i) % COMMAND_OUTPUT_BYTES];
        straight[i] = c ? c : '?';
    }
    while (count && (straight[count - 1] == '\n' || straight[count - 1] == ' '))
        count--;
    memcpy(command->kept, straight, count);
    command->kept[count] = '\0';
    return command->kept;
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
    static char scratch[65536]; /* the loop has one thread, and what was read is taken at once */
    (void)handle;
    (void)suggested;
    *ret = uv_buf_init(scratch, sizeof scratch);
}

static void on_output(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
    if (count > 0)
        keep_output(stream->data, buffer->base, (size_t)count);
    else if (count < 0)
        uv_read_stop(stream);
}

/* What the pipe holds when the leader has ended; a grandchild may go on writing, and is not waited for. */
static void drain_output(struct command *command) {
    char bytes[65536];
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&command->output, &fd) != 0)
        return;
    ssize_t got = 1;
    for (int i = 0; i < 2 && got > 0; i++) { /* a pipe holds 64 KiB */
        got = read(fd, bytes, sizeof bytes);
        if (got > 0)
            keep_output(command, bytes, (size_t)got);
    }
}

/* --- the end --- */

static void on_closed(uv_handle_t *handle) {
    struct command *command = handle->data;
    if (--command->handles_open == 0)
        free(command);
}

static void close_handle(uv_handle_t *handle) {
    uv_close(handle, on_closed);
}

static void end(struct command *command, enum outcome outcome) {
    struct report report = {.kind = REPORT_RUN_ENDED, .run = command->run};
    report.ended.outcome = outcome;
    report.ended.row_count = command->output_bytes;
    struct failure failure = {.message = command->message, .output = read_out(command)};
    command->report(command->context, &report, &failure);
    close_handle((uv_handle_t *)&command->output);
    close_handle((uv_handle_t *)&command->failed);
    if (command->spawned)
        close_handle((uv_handle_t *)&command->process);
}

static void on_child_exit(uv_process_t *process, int64_t status, int signal) {
    struct command *command = process->data;
    kill(-process->pid, SIGKILL); /* what is left of its group */
    drain_output(command);
    if (signal)
        snprintf(command->message, sizeof command->message, "ended by signal %d (%s)", signal,
                 strsignal(signal));
    else if (status)
        snprintf(command->message, sizeof command->message, "exited with %" PRId64, status);
    end(command, signal || status ? OUTCOME_FAILED : OUTCOME_OK);
}

static void on_failed(uv_idle_t *idle) {
    uv_idle_stop(idle);
    end(idle->data, OUTCOME_FAILED);
}

/* --- the start --- */

static int spawn(uv_loop_t *loop, struct command *command, const struct command_work *work) {
    uv_file ends[2];
    int error = uv_pipe(ends, UV_NONBLOCK_PIPE, 0);
    if (error)
        return error;
    error = uv_pipe_open(&command->output, ends[0]);
    if (error) {
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    struct environment environment = environment_of(work);
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE},
                                     {.flags = UV_INHERIT_FD, .data.fd = ends[1]},
                                     {.flags = UV_INHERIT_FD, .data.fd = ends[1]}};
    uv_process_options_t options = {
        .exit_cb = on_child_exit,
        .file = work->argv[0],
        .args = (char **)work->argv,
        .env = environment.items,
        .cwd = work->directory,
        .flags = UV_PROCESS_DETACHED, /* a process group of its own */
        .stdio_count = 3,
        .stdio = stdio,
    };
    command->spawned = true;
    command->handles_open++;
    error = uv_spawn(loop, &command->process, &options);
    command->process.data = command;
    close(ends[1]);
    environment_free(&environment);
    uv_read_start((uv_stream_t *)&command->output, on_allocate, on_output);
    return error;
}

struct command *command_start(uv_loop_t *loop, const struct command_work *work, report_callback *report,
                              void *context) {
    struct command *command = calloc(1, sizeof *command);
    if (!command)
        abort();
    command->run = work->run;
    command->report = report;
    command->context = context;
    command->handles_open = 2;
    uv_pipe_init(loop, &command->output, 0);
    uv_idle_init(loop, &command->failed);
    command->output.data = command->failed.data = command;
    int error = spawn(loop, command, work);
    if (error) {
        snprintf(command->message, sizeof command->message, "could not be started: %s: %s", work->argv[0],
                 uv_strerror(error));
        uv_idle_start(&command->failed, on_failed);
    }
    return command;
}

void command_signal(struct command *command, int signal) {
    if (command->spawned && command->process.pid > 0 && !uv_is_closing((uv_handle_t *)&command->process))
        kill(-command->process.pid, signal);
}

int command_pid(const struct command *command) {
    return command->process.pid;
}
