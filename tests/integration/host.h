/*
 * Hosts whose wall clocks a test sets: what is started on one goes by its clock, which is apart from the machine's by as
 * much as the test says, at any time. See wallclock.c. The monotonic clock is the machine's.
 */
#ifndef TESTS_INTEGRATION_HOST_H
#define TESTS_INTEGRATION_HOST_H

#include "harness.h"

struct host {
    char path[160];
    int64_t *offset_us; /* may be written */
};

/* Before any host is opened, in a program's start(); and in its stop(). */
void hosts_open(void);
void hosts_close(void);

void host_open(struct host *host, const char *name);

/* What is started between these two has the host's clock. */
void host_enter(const struct host *host);
void host_leave(void);

#endif
