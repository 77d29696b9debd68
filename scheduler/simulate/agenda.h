/*
 * What will happen on virtual time, the earliest first; of one instant, in the order in which it was put in.
 * Entries carry indexes, so that moving them is cheap; a stamp tells what was overtaken by something else.
 */
#ifndef SCHEDULER_SIMULATE_AGENDA_H
#define SCHEDULER_SIMULATE_AGENDA_H

#include <stdint.h>

enum agenda_kind {
    AGENDA_OPENED, /* index: of a session */
    AGENDA_REFUSED,
    AGENDA_BROKEN,
    AGENDA_READY,
    AGENDA_VERIFIED,
    AGENDA_SAMPLED,
    AGENDA_HISTORY,
    AGENDA_LISTENS,
    AGENDA_CHANNELS, /* stamp: the session's generation */
    AGENDA_GONE,
    AGENDA_RUN_ENDED, /* index: of a run */
    AGENDA_RUN_UNSENT,
    AGENDA_BURST_BEGIN, /* index: of a foreground; stamp: of the server */
    AGENDA_BURST_END,
};

struct agenda_entry {
    int64_t at_us;
    uint64_t number;
    enum agenda_kind kind;
    uint32_t index;
    uint32_t stamp;
};

struct agenda {
    struct agenda_entry *entries;
    uint32_t count, capacity;
    uint64_t number;
};

/* Ends the program when there is no memory. */
void agenda_add(struct agenda *agenda, int64_t at_us, enum agenda_kind kind, uint32_t index, uint32_t stamp);

/* There must be one. */
struct agenda_entry agenda_take(struct agenda *agenda);

/* INT64_MAX: nothing. */
static inline int64_t agenda_next_us(const struct agenda *agenda) {
    return agenda->count ? agenda->entries[0].at_us : INT64_MAX;
}

void agenda_finish(struct agenda *agenda);

#endif
