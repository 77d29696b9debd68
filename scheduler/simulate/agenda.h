/*
 * What will happen on virtual time, the earliest first; of one instant, in the order in which it was put in.
 * Entries carry indexes, so that moving them is cheap; a stamp tells what was overtaken by something else.
 */
#ifndef SCHEDULER_SIMULATE_AGENDA_H
#define SCHEDULER_SIMULATE_AGENDA_H

#include <stdint.h>

enum simulate_kind {
    SIMULATE_OPENED, /* index: of a session */
    SIMULATE_REFUSED,
    SIMULATE_BROKEN,
    SIMULATE_READY,
    SIMULATE_SAMPLED,
    SIMULATE_GONE,
    SIMULATE_RUN_ENDED,   /* index: of a run */
    SIMULATE_BURST_BEGIN, /* index: of a foreground; stamp: of the server */
    SIMULATE_BURST_END,
};

struct simulate_entry {
    int64_t at_us;
    uint64_t number;
    enum simulate_kind kind;
    uint32_t index;
    uint32_t stamp;
};

struct simulate_agenda {
    struct simulate_entry *entries;
    uint32_t count, capacity;
    uint64_t number;
};

/* Ends the program when there is no memory. */
void simulate_agenda_add(struct simulate_agenda *agenda, int64_t at_us, enum simulate_kind kind,
                         uint32_t index, uint32_t stamp);

/* There must be one. */
struct simulate_entry simulate_agenda_take(struct simulate_agenda *agenda);

/* INT64_MAX: nothing. */
static inline int64_t simulate_agenda_next_us(const struct simulate_agenda *agenda) {
    return agenda->count ? agenda->entries[0].at_us : INT64_MAX;
}

void simulate_agenda_finish(struct simulate_agenda *agenda);

#endif
