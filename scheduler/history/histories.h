/*
 * The histories of all pools, and the files where their records wait while no database takes them: each has
 * one under `spool`, named by the ini file, the pool and its database. What is there, or in a folder that was
 * `spool` before, is read by the pool that has that database now, whatever its name is; what no pool has is
 * left, and told.
 */
#ifndef SCHEDULER_HISTORY_HISTORIES_H
#define SCHEDULER_HISTORY_HISTORIES_H

#include "scheduler/history/folders.h"
#include "scheduler/history/history.h"

struct histories {
    struct history_writer writer;
    uint32_t identity;      /* of the daemon, by host and ini file: in its files' names */
    const char *directory;  /* `spool`; borrowed */
    struct text list_path;  /* where its folders are listed; "": nowhere */
    struct folders folders; /* in which files of ours may be, `directory` among them */
    struct history **items; /* by the core's pools; NULL: history = off */
    uint32_t count;
};

/* Goes over to the core's present file. list_path: where the folders are listed; "": nowhere. */
void histories_follow(struct histories *histories, const char *directory, const char *list_path);

/* Accepts what is zeroed. */
void histories_close(struct histories *histories);

/* NULL: the pool has none. */
struct history *histories_of(const struct histories *histories, uint32_t pool);

#endif
