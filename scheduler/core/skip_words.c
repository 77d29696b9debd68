#include "scheduler/core/skip_words.h"

#include <stddef.h>

const char *skip_reason(enum skip_cause cause) {
    switch (cause) {
    case SKIP_NONE: return NULL;
    case SKIP_OVERLAP: return "its own run is under way (overlap = skip)";
    case SKIP_DRAIN: return "the daemon is stopping";
    case SKIP_REMOVED: return "a reload removed or disabled it";
    case SKIP_FULL: return "no run record was free";
    case SKIP_HOLD: return "its task is on hold, after failing time after time";
    case SKIP_LATE: return "it could not start within start_deadline";
    case SKIP_MISSED: return "no daemon ran";
    case SKIP_UNRECORDED: return "no record of it was kept";
    case SKIP_PAUSED: return "its task is paused";
    case SKIP_BITES: return "it had repeat_most bites";
    case SKIP_WINDOW: return "its window is closed (outside = skip)";
    }
    return NULL;
}

const char *skip_outcome(enum skip_cause cause) {
    switch (cause) {
    case SKIP_MISSED: return "missed";
    case SKIP_UNRECORDED: return "lost";
    default: return "skipped";
    }
}

const char *skip_rest_reason(enum skip_cause cause) {
    switch (cause) {
    case SKIP_NONE: return NULL;
    case SKIP_DRAIN: return "the rest is the next run's: the daemon was told to stop";
    case SKIP_REMOVED: return "the rest is the next run's: a reload removed or changed its task";
    case SKIP_PAUSED: return "the rest is the next run's: its task was paused";
    case SKIP_BITES: return "the rest is the next run's: it had repeat_most bites";
    case SKIP_WINDOW: return "the rest is the next run's: its window has closed";
    default: return "the rest is the next run's";
    }
}
