/*
 * All starts are made in turns of the loop, one a turn, so that thousands of rows neither recurse nor keep
 * the loop from the rest; a child that ends gives back its place, and the next turn uses it.
 */
#include "pool/children/outside.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/* A place for a child. */
struct child {
    struct outside *outside;
    struct command *command; /* NULL: the place is free */
    struct child *next_free;
    struct spool printed;
};

struct outside {
    struct outside_work work;
    report_callback *report;
    void *context;
    uv_idle_t turn; /* on while there may be something to start, or the end to be told */
    uint64_t child_total, begun_count;
    bool starved; /* the last start lacked something that a child at work may give back */
    bool stopped;
    struct cargo_reader reader;
    const char *row; /* the next one, not begun; the reader's; NULL: not read yet */
    size_t row_bytes;
    struct child *free;
    uint32_t place_count;
    struct child places[];
};

/* --- the end of a child --- */

static void child_failed(struct outside *outside, const char *message, const char *output) {
    struct cargo *cargo = outside->work.cargo;
    if (cargo->children_failed++ > 0)
        return;
    text_add(&cargo->complaint, "%s", message);
    text_add(&cargo->output, "%s", output);
}

static void child_ended_well(struct outside *outside, struct child *child, const char *output) {
    struct text error = {0};
    if (cargo_add_lines(outside->work.cargo, &child->printed, &error))
        outside->work.cargo->children_done++;
    else
        child_failed(outside, error.bytes, output);
    text_finish(&error);
}

static void give_back(struct outside *outside, struct child *child) {
    spool_clear(&child->printed);
    child->command = NULL;
    child->next_free = outside->free;
    outside->free = child;
}

static void on_turn(uv_idle_t *turn);

static void on_child_report(void *context, const struct report *report, const struct failure *failure) {
    struct child *child = context;
    struct outside *outside = child->outside;
    assert(report->kind == REPORT_RUN_ENDED && child->command);
    if (report->ended.outcome == OUTCOME_OK)
        child_ended_well(outside, child, failure->output);
    else
        child_failed(outside, failure->message, failure->output);
    give_back(outside, child);
    outside->work.cargo->child_count--;
    outside->starved = false;
    uv_idle_start(&outside->turn, on_turn);
}

/* --- the start of a child --- */

static bool wants_row(const struct outside *outside) {
    return outside->work.has_rows && outside->work.parallel > 0;
}

/* False: the rows can't be read any further. */
static bool has_row(struct outside *outside) {
    struct text error = {0};
    if (!outside->row)
        outside->row = cargo_next_line(&outside->reader, &outside->row_bytes, &error);
    if (!outside->row) {
        child_failed(outside, error.bytes_count ? error.bytes : "there are fewer rows than were counted", "");
        outside->stopped = true;
    }
    text_finish(&error);
    return outside->row != NULL;
}

static int open_row(struct outside *outside, struct text *error) {
    struct spool one;
    spool_init(&one, outside->work.cargo->rows.place);
    int fd = -1;
    if (spool_add(&one, outside->row, outside->row_bytes, error) && spool_add(&one, "\n", 1, error))
        fd = spool_open(&one, error);
    spool_clear(&one);
    return fd;
}

/* False with `error`: something was lacking, or the program can't be run, which *ret_final tells. */
static bool start_with(struct outside *outside, struct child *child, int input, struct text *error,
                       bool *ret_final) {
    struct command_work work = outside->work.command;
    int lack = 0;
    work.input = input;
    work.printed = &child->printed;
    work.most_bytes = outside->work.cargo->most_bytes;
    work.row_number = wants_row(outside) ? outside->begun_count + 1 : 0;
    child->command = command_start(outside->turn.loop, &work, on_child_report, child, &lack);
    if (child->command)
        return true;
    command_add_refusal(error, &work, lack);
    *ret_final = lack != UV_EAGAIN && lack != UV_EMFILE && lack != UV_ENFILE && lack != UV_ENOMEM;
    return false;
}

static bool start(struct outside *outside, struct child *child, struct text *error, bool *ret_final) {
    if (!outside->work.has_rows)
        return start_with(outside, child, -1, error, ret_final);
    int input = wants_row(outside) ? open_row(outside, error) : spool_open(&outside->work.cargo->rows, error);
    if (input < 0) /* descriptors, or room on the disk: both may be held by the others */
        return false;
    bool started = start_with(outside, child, input, error, ret_final);
    close(input);
    return started;
}

static void start_next(struct outside *outside) {
    struct cargo *cargo = outside->work.cargo;
    struct child *child = outside->free;
    struct text error = {0};
    bool final = false;
    if (wants_row(outside) && !has_row(outside))
        return;
    bool started = start(outside, child, &error, &final);
    outside->starved = !started && !final && cargo->child_count > 0;
    if (started) {
        outside->free = child->next_free;
        cargo->child_count++;
    } else if (!outside->starved) {
        child_failed(outside, error.bytes, "");
    }
    if (!outside->starved) {
        outside->begun_count++;
        outside->row = NULL;
    }
    text_finish(&error);
}

/* --- the whole --- */

static void on_closed(uv_handle_t *handle) {
    struct outside *outside = handle->data;
    cargo_reader_finish(&outside->reader);
    free(outside);
}

static void explain(const struct outside *outside, struct text *message) {
    const struct cargo *cargo = outside->work.cargo;
    uint64_t ended_count = cargo->children_done + cargo->children_failed;
    bool cut_short = outside->begun_count < outside->child_total;
    if (cut_short)
        text_add(message, "stopped after %" PRIu64 " of %" PRIu64 " %s", outside->begun_count,
                 outside->child_total, wants_row(outside) ? "rows" : "child");
    if (cargo->children_failed == 0)
        return;
    if (cut_short)
        text_add(message, "; ");
    if (outside->child_total > 1)
        text_add(message, "%" PRIu64 " of %" PRIu64 " rows failed; the first: ", cargo->children_failed,
                 ended_count);
    text_add(message, "%s", cargo->complaint.bytes);
}

static void finish(struct outside *outside) {
    const struct cargo *cargo = outside->work.cargo;
    struct text message = {0};
    explain(outside, &message);
    struct report report = {.kind = REPORT_RUN_ENDED, .run = outside->work.command.run};
    report.ended.outcome = message.bytes_count ? OUTCOME_FAILED : OUTCOME_OK;
    report.ended.row_count = cargo->line_count;
    report.ended.done_count = cargo->children_done;
    struct failure failure = {.message = message.bytes,
                              .output = cargo->output.bytes ? cargo->output.bytes : ""};
    outside->report(outside->context, &report, message.bytes_count ? &failure : NULL);
    text_finish(&message);
    uv_close((uv_handle_t *)&outside->turn, on_closed);
}

static void on_turn(uv_idle_t *turn) {
    struct outside *outside = turn->data;
    bool more = !outside->stopped && outside->begun_count < outside->child_total;
    if (more && outside->free && !outside->starved) {
        start_next(outside);
        return;
    }
    uv_idle_stop(turn);
    if (outside->work.cargo->child_count == 0)
        finish(outside);
}

/* What an attempt before has left is of no use. */
static void begin(struct cargo *cargo) {
    spool_clear(&cargo->lines);
    cargo->line_count = 0;
    cargo->child_count = 0;
    cargo->children_done = cargo->children_failed = 0;
    text_clear(&cargo->complaint);
    text_clear(&cargo->output);
}

struct outside *outside_start(uv_loop_t *loop, const struct outside_work *work, report_callback *report,
                              void *context) {
    bool many = work->has_rows && work->parallel > 0;
    uint64_t total = many ? work->cargo->row_count : 1;
    uint32_t place_count = many && work->parallel < total ? work->parallel : (uint32_t)total;
    struct outside *outside = calloc(1, sizeof *outside + place_count * sizeof *outside->places);
    if (!outside)
        abort();
    outside->work = *work;
    outside->report = report;
    outside->context = context;
    outside->child_total = total;
    outside->place_count = place_count;
    for (uint32_t i = 0; i < place_count; i++) {
        outside->places[i].outside = outside;
        spool_init(&outside->places[i].printed, work->cargo->lines.place);
        give_back(outside, &outside->places[i]);
    }
    begin(work->cargo);
    cargo_read(&outside->reader, &work->cargo->rows);
    uv_idle_init(loop, &outside->turn);
    outside->turn.data = outside;
    uv_idle_start(&outside->turn, on_turn);
    return outside;
}

void outside_signal(struct outside *outside, int signal) {
    outside->stopped = true;
    for (uint32_t i = 0; i < outside->place_count; i++)
        if (outside->places[i].command)
            command_signal(outside->places[i].command, signal);
    uv_idle_start(&outside->turn, on_turn);
}
