/* Instants to come, soonest first, thousands at once. Knows no clock. */
#ifndef BENCH_LOAD_TIMERS_H
#define BENCH_LOAD_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load_timer {
    int64_t at_us;
    size_t who;
};

struct load_timers {
    struct load_timer *heap; /* owned */
    size_t count, room_count;
};

void load_timers_add(struct load_timers *timers, int64_t at_us, size_t who);

/* Takes the soonest if it is due. */
bool load_timers_due(struct load_timers *timers, int64_t now_us, size_t *ret_who);

/* INT64_MAX: there is none. */
int64_t load_timers_next_us(const struct load_timers *timers);

void load_timers_finish(struct load_timers *timers);

#endif
