#include "scheduler/core/crew.h"

uint32_t crew_wanted(const struct crew *crew, int64_t slack_us) {
    uint32_t most = crew->session_count + crew->waiting_count;
    int64_t ahead_us = crew->busy_us + crew->waiting_us - crew->longest_us; /* of the last of those waiting */
    if (ahead_us <= 0) /* one run, and nothing else to do */
        return crew->stuck_count + (crew->waiting_count > 0);
    if (slack_us <= 0)
        return most;
    int64_t wanted = crew->stuck_count + (ahead_us + slack_us - 1) / slack_us;
    return wanted < most ? (uint32_t)wanted : most;
}
