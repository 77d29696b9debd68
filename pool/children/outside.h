/*
 * The outside work of a run: its `work` command, as one child that gets all rows on stdin, or as up to
 * `parallel` children at a time that get one row each. What a child printed is taken when it ended well, and
 * nothing of it when it did not. No session and no token is held meanwhile.
 */
#ifndef POOL_CHILDREN_OUTSIDE_H
#define POOL_CHILDREN_OUTSIDE_H

#include "pool/children/cargo.h"
#include "pool/children/command.h"

struct outside_work {
    struct command_work
        command;         /* borrowed during outside_start(), but argv, directory, conninfo and task
                          * until the end; its input, printed, most_bytes and row_number are set here */
    struct cargo *cargo; /* borrowed until the end */
    bool has_rows;       /* there was a read: else the one child's stdin is empty */
    uint32_t parallel;   /* 0: one child gets all rows */
};

struct outside;

/*
 * An attempt of the work begins: nothing was printed so far, the cargo's rows are complete. RUN_ENDED follows
 * by report, from the loop: ok when all children ended well, else failed; row_count is the number of lines in
 * the cargo. A child that does not find the processes or descriptors it needs is started when another one has
 * ended, and fails if there is none. It frees itself after that.
 */
struct outside *outside_start(uv_loop_t *loop, const struct outside_work *work, report_callback *report,
                              void *context);

/*
 * Starts no further child: rows not begun count neither as done nor as failed, but the run has failed. Sends
 * the signal to the groups of those that run.
 */
void outside_signal(struct outside *outside, int signal);

#endif
