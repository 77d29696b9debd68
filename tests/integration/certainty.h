/*
 * Four tasks whose work can be counted, and what must hold between that work and the history of their runs: a
 * counter (one transaction), a task of `transaction = off`, a command, a staged task. The checks look only at
 * what the tasks did and at headgate.run and headgate.history, as a stranger would.
 */
#ifndef TESTS_INTEGRATION_CERTAINTY_H
#define TESTS_INTEGRATION_CERTAINTY_H

#include "harness.h"

struct certainty {
    const char *conninfo;  /* the tests' own way to the database; borrowed */
    struct process *first; /* its folder holds what the commands append to; borrowed */
    int every_ms;          /* all four; 0: 200, 300, 400 and 300 */
    bool has_schema;       /* headgate is not the daemon's, but made by the test */
};

#define CERTAINTY_TASKS 4
extern const char *const certainty_tasks[CERTAINTY_TASKS];

/* Nothing was done yet and no run is on record. */
void certainty_reset(const struct certainty *certainty);
/* Writes the ini file of a daemon that has the database at `conninfo`; top: a section [headgate], or "". */
void certainty_ini(const struct certainty *certainty, struct process *process, const char *conninfo,
                   const char *top);

/* By the database's clock, from now on all is on record. */
void certainty_begin(const struct certainty *certainty);

/* So many more runs of each task are ok than in `since` (by the dump); and the counts. */
bool certainty_goes_on(const struct process *process, const long since[CERTAINTY_TASKS], long count);
void certainty_counts(const struct process *process, long ret[CERTAINTY_TASKS]);

/* Starts the only daemon, and waits until each task has run twice; from then on all is on record. */
void certainty_start(const struct certainty *certainty, struct process *process);
/* Each task runs again, nothing is to be resolved any more, and all daemons end as they should; then the checks, all of which
 * must hold. */
void certainty_stop(const struct certainty *certainty, struct process *processes, int count);

/* Prints what does not hold. Returns how many checks found a fault; only: the one of this name, or NULL. */
long certainty_faults(const struct certainty *certainty, const char *only);

#endif
