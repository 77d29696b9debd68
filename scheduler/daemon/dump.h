/*
 * What the daemon says of itself when it is asked, by a signal or over the control socket.
 */
#ifndef SCHEDULER_DAEMON_DUMP_H
#define SCHEDULER_DAEMON_DUMP_H

#include "scheduler/daemon/state.h"

enum dump_form { DUMP_TABLE, DUMP_JSON, DUMP_METRICS };

/* As of now. width: of the terminal in columns, for DUMP_TABLE; 0: lines are not cut. */
void dump_compose(struct daemon *daemon, enum dump_form form, uint32_t width, struct text *text);

/* The table, to the log or to the status file. */
void dump_write(struct daemon *daemon);

#endif
