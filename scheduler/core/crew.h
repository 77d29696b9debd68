/*
 * Just enough sessions: how many does the queue need so that nobody waits for longer than its patience? A
 * pure policy over learned durations. Ten tasks of 5 ms that are due together are one session's work.
 */
#ifndef SCHEDULER_CORE_CREW_H
#define SCHEDULER_CORE_CREW_H

#include <stdint.h>

struct crew {
    uint32_t session_count; /* open or being opened */
    uint32_t stuck_count;   /* of these: not expected to be free within the slack */
    int64_t busy_us;        /* what is left to do on the others, in all */
    uint32_t waiting_count; /* runs that wait for a session */
    int64_t waiting_us;     /* what they are expected to take, in all */
    int64_t longest_us;     /* of one of them, at least: the last one's own time is not waited for */
};

/* How many sessions are wanted in all for slack_us: how long the first of those waiting may still wait. */
uint32_t crew_wanted(const struct crew *crew, int64_t slack_us);

#endif
