/* The wall clock, in microseconds since 1970: the programs of a bench, and its server, agree on it. */
#ifndef BENCH_LOAD_CLOCK_H
#define BENCH_LOAD_CLOCK_H

#include <stdint.h>

int64_t load_wall_us(void);

#endif
