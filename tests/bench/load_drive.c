/* Open loop: what arrives does not wait for what is slow. */
#include "load_drive.h"
#include "load_clock.h"

#include <time.h>

#define S_US INT64_C(1000000)

static void wait_for_sessions(struct load_pool *pool, int64_t until_us) {
    struct pollfd fds[LOAD_SESSIONS_MOST];
    int places[LOAD_SESSIONS_MOST];
    int count = load_pool_poll_set(pool, fds, places);
    int64_t wait_us = until_us - load_wall_us();
    struct timespec timeout = {.tv_sec = wait_us / S_US, .tv_nsec = wait_us % S_US * 1000};
    if (wait_us < 0)
        timeout = (struct timespec){0};
    if (ppoll(fds, (nfds_t)count, &timeout, NULL) > 0)
        load_pool_polled(pool, fds, places, count, load_wall_us());
}

static int64_t sooner(int64_t a_us, int64_t b_us) {
    return a_us < b_us ? a_us : b_us;
}

void load_drive(const struct load_drive *drive) {
    const struct plan *plan = drive->plan;
    size_t next = 0;
    for (;;) {
        int64_t now_us = load_wall_us();
        while (next < plan->count && plan->arrivals[next].at_us <= now_us) {
            drive->arrive(drive->context, next++, now_us);
            now_us = load_wall_us();
        }
        int64_t other_us = drive->other ? drive->other(drive->context, now_us) : INT64_MAX;
        bool quiet = next == plan->count && other_us == INT64_MAX && load_pool_quiet(drive->pool);
        if (quiet || now_us > drive->give_up_us)
            return;
        int64_t until_us = sooner(load_pool_tick(drive->pool, now_us), other_us);
        if (next < plan->count)
            until_us = sooner(until_us, plan->arrivals[next].at_us);
        wait_for_sessions(drive->pool, sooner(until_us, drive->give_up_us));
    }
}
