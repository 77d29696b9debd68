/*
 * Why an occurrence was skipped, in words: for the log and for the history.
 */
#ifndef SCHEDULER_CORE_SKIP_WORDS_H
#define SCHEDULER_CORE_SKIP_WORDS_H

#include "scheduler/core/action.h"

/* NULL for SKIP_NONE. */
const char *skip_reason(enum skip_cause cause);

/* "missed", "lost" or "skipped": nobody was there, nobody knows, or somebody chose to. */
const char *skip_outcome(enum skip_cause cause);

/* Why a run in bites left the rest to the next run of its task; NULL: it left none. */
const char *skip_rest_reason(enum skip_cause cause);

/* Why a run is on record that answers no occurrence, and that nobody has triggered. */
#define REASON_WOKEN "woken by a notification"

#endif
