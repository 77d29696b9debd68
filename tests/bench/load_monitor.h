/* The eye on the server: ten times a second, who holds how many sessions. */
#ifndef BENCH_LOAD_MONITOR_H
#define BENCH_LOAD_MONITOR_H

#include <stdint.h>

/* Samples between the two wall-clock instants, prints one line of name=number; returns the exit code. */
int load_monitor_run(const char *conninfo, int64_t from_us, int64_t to_us);

#endif
