/*
 * What a person may ask of the core beside the file: pause, resume, one run now. The requests are events;
 * here is what can be told before one is sent.
 */
#ifndef SCHEDULER_CORE_HANDS_H
#define SCHEDULER_CORE_HANDS_H

#include "scheduler/core/state.h"

enum trigger_verdict {
    TRIGGER_FINE,     /* a run of it is made; it waits for those of its task that are under way */
    TRIGGER_STOPPING, /* the daemon drains */
    TRIGGER_WAITS,    /* a run of it waits already: core_task.waiting_run */
    TRIGGER_FULL,     /* no run record is free */
    TRIGGER_DISABLED, /* enabled = off. This and the next are for the asker: the event makes a run all the
                         same */
    TRIGGER_OVERLAPS, /* a run of it is under way, and overlap = skip */
};

/* What becomes due is skipped from now on, or no longer. */
void hands_pause(struct core *core, uint32_t task, bool paused, struct actions *actions);

/* These are due while the task is paused, or its window is closed and they are to be skipped: on record at
 * the end of that, and every hour. */
void hands_pass_over(struct core *core, uint32_t task, const struct occurrences *due, enum skip_cause cause,
                     struct actions *actions);

/* What is due is passed over no more: what was is put on record. */
void hands_end_passing(struct core *core, uint32_t task, struct actions *actions);

/* After a reload and at the start of a drain: what was passed over is recorded. True: more to do. */
bool hands_sweep(struct core *core, struct actions *actions);

/* One run of the task, if there may be one. */
void hands_trigger(struct core *core, uint32_t task);

/* A pause and a hold forbid nothing: a person asks. */
enum trigger_verdict hands_may_trigger(const struct core *core, uint32_t task);

#endif
