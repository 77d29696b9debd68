/*
 * A child process as a run: its own process group, a clean environment, nothing inherited but stdio, the end
 * of its output kept. The run ends when the child does, even if a grandchild keeps the output open. What it
 * prints may be data: then stdout goes whole into a spool, and only of stderr the end is kept.
 */
#ifndef POOL_CHILDREN_COMMAND_H
#define POOL_CHILDREN_COMMAND_H

#include <uv.h>

#include "pool/children/spool.h"
#include "pool/conninfo.h"
#include "pool/report.h"
#include "tasks/instant.h"

#define COMMAND_OUTPUT_BYTES 4096 /* the end of it is kept, the rest counted */

/* What a child gets to know. Borrowed during command_start(). */
struct command_work {
    struct handle run;
    const char *task;
    char *const *argv;
    const char *directory;           /* where it runs */
    const struct conninfo *conninfo; /* its pool's, given as PG* */
    bool checks_clients;             /* its server takes CONNINFO_CHECKS_CLIENTS */
    uint64_t run_number;
    struct wall due;
    uint64_t row_number;   /* from 1; 0: it is not told of any */
    int input;             /* a descriptor, its stdin; -1: /dev/null */
    struct spool *printed; /* takes its stdout, borrowed until RUN_ENDED; NULL: that is no data */
    uint64_t most_bytes;   /* of `printed`: a child that prints more is killed, and has failed */
};

struct command;

/*
 * RUN_ENDED follows by report, from the loop; row_count is the number of bytes that the child printed. The
 * command frees itself after that; do not use it any more. NULL with libuv's error: the child could not be
 * started, and nothing is reported.
 */
struct command *command_start(uv_loop_t *loop, const struct command_work *work, report_callback *report,
                              void *context, int *ret_error);

/* "could not be started: ..." */
void command_add_refusal(struct text *text, const struct command_work *work, int error);

/* Sends the signal to the whole group. Accepts NULL. */
void command_signal(struct command *command, int signal);

#endif
