/*
 * What the process needs of the system, made sure of before anything begins: libraries end a program in which
 * a descriptor, a thread or memory is missing in the middle of their work. What is missing is said, and the
 * exit code is 1.
 */
#ifndef SCHEDULER_DAEMON_FOOTING_H
#define SCHEDULER_DAEMON_FOOTING_H

#include <stdbool.h>

#include "tasks/taskset.h"
#include "tasks/text.h"

/* From here on an abort() is a message and exit 1: that is how a failed allocation ends. */
void footing_watch(void);

/*
 * From here on large blocks of memory are mapped each by itself: what is never touched of the core's tables
 * takes none, and what a reload frees is given back. Else the C library fits them into gaps, which it clears
 * first. (10 000 tasks, with what tasks/config.c frees of its reading: 14.7 MiB resident in place of 17.3.)
 */
void footing_map_tables(void);

/* From here on it is what it is elsewhere, with a core dump: the start is over. */
void footing_stands(void);

/*
 * Raises the soft limit of descriptors as far as the file's tasks may need them, and sets how many threads
 * libuv makes to what the system grants. False with `error`: too few of either to begin at all.
 */
bool footing_make(const struct taskset *set, struct text *error) __attribute__((warn_unused_result));

/* Whether threads run on in the resolver or in libpq, which nobody waits for: the process is not to be tidied
 * up under them. */
bool footing_threads_run_on(void);

#endif
