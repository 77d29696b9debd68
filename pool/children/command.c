#include "pool/children/command.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pool/children/program.h"
#include "tasks/size.h"

/* What is in a pipe when the child has ended is read up to this: so large can a child make it (pipe(7),
 * pipe-max-size). */
#define DRAIN_BYTES ((size_t)1024 * 1024)

struct command {
    uv_process_t process;
    uv_pipe_t output; /* the end of this is kept: stderr, and stdout if that is no data */
    uv_pipe_t data;   /* with `printed` */
    bool spawned;     /* the process handle is in use */
    bool cut_short;   /* it failed, or was told to end, or processes of its group were left and killed */
    int handles_open; /* freed when all are closed */
    struct handle run;
    report_callback *report;
    void *context;
    char kept[COMMAND_OUTPUT_BYTES + 1]; /* a ring until it is read out */
    uint64_t output_bytes;
    struct spool *printed;
    uint64_t most_bytes;
    struct text message; /* why it failed */
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

static struct environment environment_of(const struct command_work *work) {
    struct environment environment = {0};
    char value[128];
    static const char *const kept[] = {"PATH", "HOME", "LANG", "TZ", "PGSERVICEFILE", "PGSYSCONFDIR"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (getenv(kept[i]))
            environment_add(&environment, kept[i], getenv(kept[i]));
    conninfo_environment(work->conninfo, work->checks_clients ? CONNINFO_CHECKS_CLIENTS : "", environment_add,
                         &environment);
    snprintf(value, sizeof value, "headgate/%s", work->task);
    environment_add(&environment, "PGAPPNAME", value);
    environment_add(&environment, "HEADGATE_TASK", work->task);
    snprintf(value, sizeof value, "%" PRIu64, work->run_number);
    environment_add(&environment, "HEADGATE_RUN", value);
    time_t seconds = (time_t)(work->due.us / US_PER_S);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t used = strftime(value, sizeof value, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(value + used, sizeof value - used, ".%06" PRId64 "Z", work->due.us % US_PER_S);
    environment_add(&environment, "HEADGATE_DUE", value);
    snprintf(value, sizeof value, "%" PRIu64, work->row_number);
    if (work->row_number)
        environment_add(&environment, "HEADGATE_ROW", value);
    return environment;
}

/* --- output --- */

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

static void kill_group(const struct command *command, int signal) {
    if (command->spawned && uv_is_active((const uv_handle_t *)&command->process))
        kill(-command->process.pid, signal);
}

/* Where it printed too much, nothing of it will be used, so it need not go on. */
static void keep_data(struct command *command, const char *bytes, size_t count) {
    char most[SIZE_TEXT_BYTES];
    if (command->message.bytes_count)
        return;
    if (count > command->most_bytes - command->printed->bytes_count)
        text_add(&command->message, "its work printed more than max_bytes = %s",
                 size_format(command->most_bytes, most));
    else if (spool_add(command->printed, bytes, count, &command->message))
        return;
    assert(command->message.bytes_count);
    uv_read_stop((uv_stream_t *)&command->data);
    kill_group(command, SIGKILL);
}

static void take(struct command *command, uv_pipe_t *from, const char *bytes, size_t count) {
    if (from == &command->data) {
        keep_data(command, bytes, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        command->kept[(command->output_bytes + i) % COMMAND_OUTPUT_BYTES] = bytes[i];
    command->output_bytes += count;
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
    static char scratch[65536]; /* the loop has one thread, and what was read is taken at once */
    (void)handle;
    (void)suggested;
    *ret = uv_buf_init(scratch, sizeof scratch);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
    if (count > 0)
        take(stream->data, (uv_pipe_t *)stream, buffer->base, (size_t)count);
    else if (count < 0)
        uv_read_stop(stream);
}

/* What the pipe holds when the leader has ended; a grandchild may go on writing, and is not waited for. */
static void drain(struct command *command, uv_pipe_t *from) {
    char bytes[65536];
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)from, &fd) != 0)
        return;
    for (size_t taken = 0; taken < DRAIN_BYTES;) {
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
        take(command, from, bytes, (size_t)got);
        taken += (size_t)got;
    }
}

/* --- the end --- */

static void on_closed(uv_handle_t *handle) {
    struct command *command = handle->data;
    if (--command->handles_open > 0)
        return;
    text_finish(&command->message);
    free(command);
}

static void close_all(struct command *command) {
    uv_close((uv_handle_t *)&command->output, on_closed);
    if (command->printed)
        uv_close((uv_handle_t *)&command->data, on_closed);
    if (command->spawned)
        uv_close((uv_handle_t *)&command->process, on_closed);
}

static void end(struct command *command) {
    struct report report = {.kind = REPORT_RUN_ENDED, .run = command->run};
    report.ended.outcome = command->message.bytes_count ? OUTCOME_FAILED : OUTCOME_OK;
    report.ended.cut_short = command->cut_short || command->message.bytes_count;
    report.ended.row_count = command->output_bytes + (command->printed ? command->printed->bytes_count : 0);
    struct failure failure = {.message = command->message.bytes ? command->message.bytes : "",
                              .output = read_out(command)};
    command->report(command->context, &report, &failure);
    close_all(command);
}

static void on_child_exit(uv_process_t *process, int64_t status, int signal) {
    struct command *command = process->data;
    command->cut_short |= kill(-process->pid, SIGKILL) == 0; /* what is left of its group */
    drain(command, &command->output);
    if (command->printed)
        drain(command, &command->data);
    /* it may have been killed for what it printed, and that is said already */
    bool explained = command->message.bytes_count > 0;
    if (signal && !explained)
        text_add(&command->message, "ended by signal %d (%s)", signal, strsignal(signal));
    else if (status && !explained)
        text_add(&command->message, "exited with %" PRId64, status);
    end(command);
}

/* --- the start --- */

/* The child's end of a new pipe, or libuv's error. */
static int open_pipe(uv_pipe_t *pipe) {
    uv_file ends[2];
    int error = uv_pipe(ends, UV_NONBLOCK_PIPE, 0);
    if (error)
        return error;
    error = uv_pipe_open(pipe, ends[0]);
    if (!error)
        return ends[1];
    close(ends[0]);
    close(ends[1]);
    return error;
}

static int spawn_with(struct command *command, const struct command_work *work, int data, int output) {
    struct environment environment = environment_of(work);
    uv_stdio_container_t stdio[3] = {
        {.flags = work->input >= 0 ? UV_INHERIT_FD : UV_IGNORE, .data.fd = work->input},
        {.flags = UV_INHERIT_FD, .data.fd = data},
        {.flags = UV_INHERIT_FD, .data.fd = output}};
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
    int error = uv_spawn(command->output.loop, &command->process, &options);
    command->process.data = command;
    for (size_t i = 0; i < environment.count; i++)
        free(environment.items[i]);
    free(environment.items);
    return error;
}

static int spawn(struct command *command, const struct command_work *work) {
    if (program_needs_shell(work->argv[0], work->directory))
        return -ENOEXEC;
    int output = open_pipe(&command->output);
    if (output < 0)
        return output;
    int data = work->printed ? open_pipe(&command->data) : output;
    int error = data < 0 ? data : spawn_with(command, work, data, output);
    close(output);
    if (work->printed && data >= 0)
        close(data);
    if (error)
        return error;
    uv_read_start((uv_stream_t *)&command->output, on_allocate, on_read);
    if (work->printed)
        uv_read_start((uv_stream_t *)&command->data, on_allocate, on_read);
    return 0;
}

struct command *command_start(uv_loop_t *loop, const struct command_work *work, report_callback *report,
                              void *context, int *ret_error) {
    struct command *command = calloc(1, sizeof *command);
    if (!command)
        abort();
    command->run = work->run;
    command->report = report;
    command->context = context;
    command->printed = work->printed;
    command->most_bytes = work->most_bytes;
    command->handles_open = work->printed ? 2 : 1;
    uv_pipe_init(loop, &command->output, 0);
    if (work->printed)
        uv_pipe_init(loop, &command->data, 0);
    command->output.data = command->data.data = command;
    *ret_error = spawn(command, work);
    if (!*ret_error)
        return command;
    close_all(command);
    return NULL;
}

void command_add_refusal(struct text *text, const struct command_work *work, int error) {
    bool is_text = error == -ENOEXEC;
    text_add(text, "could not be started: %s: %s", work->argv[0],
             is_text
                 ? "it is a text without a #! line, and no shell is called for it; write #!/bin/sh at its top"
                 : uv_strerror(error));
}

void command_signal(struct command *command, int signal) {
    if (!command)
        return;
    command->cut_short = true;
    kill_group(command, signal);
}
