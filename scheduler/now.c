#include "scheduler/now.h"

#include <time.h>

static int64_t read_us(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

struct mono now_mono(void) {
    return (struct mono){read_us(CLOCK_MONOTONIC)};
}

struct wall now_wall(void) {
    return (struct wall){read_us(CLOCK_REALTIME)};
}
