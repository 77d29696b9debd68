/* Stands for what is outside the database in tests/bench/office, a language model say: `work` of its staged
 * tasks. One row of JSON a line on stdin, an answer a line on stdout when the row's call_ms have passed since
 * it was read. All calls at once, in one process without threads. */
#include "load_clock.h"
#include "load_timers.h"
#include "office_call.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES_MOST (64 * 1024)

struct model {
    struct office_call *calls; /* owned */
    size_t call_count, room_count;
    struct load_timers timers;
    char input[LINE_BYTES_MOST + 1];
    size_t input_bytes;
    bool ended; /* stdin */
};

static bool take_line(struct model *model, const char *line) {
    if (model->call_count == model->room_count) {
        model->room_count = model->room_count ? 2 * model->room_count : 64;
        model->calls = realloc(model->calls, model->room_count * sizeof *model->calls);
        if (!model->calls)
            abort();
    }
    struct office_call *call = &model->calls[model->call_count];
    if (!office_call_read(call, line)) {
        fprintf(stderr, "not a row with unit, read_us and call_ms: %.100s\n", line);
        return false;
    }
    call->begun_us = load_wall_us();
    load_timers_add(&model->timers, call->begun_us + call->lasts_us, model->call_count++);
    return true;
}

static bool take_lines(struct model *model) {
    char *line = model->input, *end;
    model->input[model->input_bytes] = 0;
    while ((end = strchr(line, '\n'))) {
        *end = 0;
        if (!take_line(model, line))
            return false;
        line = end + 1;
    }
    model->input_bytes -= (size_t)(line - model->input);
    memmove(model->input, line, model->input_bytes);
    if (model->input_bytes < LINE_BYTES_MOST)
        return true;
    fprintf(stderr, "a row is longer than %d bytes\n", LINE_BYTES_MOST);
    return false;
}

static bool take_input(struct model *model) {
    size_t kept = model->input_bytes;
    if (kept >= LINE_BYTES_MOST) /* take_lines() has refused that; gcc 14 cannot know */
        return false;
    ssize_t got = read(STDIN_FILENO, model->input + kept, LINE_BYTES_MOST - kept);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN;
    model->ended = got == 0;
    model->input_bytes += (size_t)got;
    return take_lines(model);
}

static bool answer_due(struct model *model) {
    char text[160];
    size_t who;
    int64_t now_us = load_wall_us();
    while (load_timers_due(&model->timers, now_us, &who)) {
        office_call_answer(&model->calls[who], now_us - model->calls[who].begun_us, text, sizeof text);
        puts(text);
    }
    return fflush(stdout) == 0;
}

static bool wait_and_read(struct model *model) {
    struct pollfd input = {.fd = model->ended ? -1 : STDIN_FILENO, .events = POLLIN};
    int64_t next_us = load_timers_next_us(&model->timers), wait_us = next_us - load_wall_us();
    struct timespec timeout = {0};
    if (wait_us > 0)
        timeout = (struct timespec){.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
    int ready = ppoll(&input, 1, next_us == INT64_MAX ? NULL : &timeout, NULL);
    return ready <= 0 || take_input(model);
}

int main(void) {
    static struct model model;
    bool fine = true;
    while (fine && (!model.ended || model.timers.count))
        fine = wait_and_read(&model) && answer_due(&model);
    load_timers_finish(&model.timers);
    free(model.calls);
    return fine ? 0 : 1;
}
