/*
 * Records of runs on their way to the database, oldest first: in memory, then, while the database does not
 * take them, in a file; bounded, and what goes beyond is counted. It knows lines, not what they say.
 */
#ifndef SCHEDULER_HISTORY_BACKLOG_H
#define SCHEDULER_HISTORY_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "tasks/text.h"

#define LEDGER_MEMORY_BYTES ((size_t)4 * 1024 * 1024)
#define LEDGER_DISK_BYTES   ((uint64_t)64 * 1024 * 1024)

struct ledger;

/* Takes up what an earlier daemon left in the file at `path`. Never NULL; *error says why that was not
 * possible. */
struct ledger *ledger_create(const char *path, struct text *error);

/* Keeps in its file what was not written. Accepts NULL. False with *error: so many records are lost. */
bool ledger_destroy(struct ledger *ledger, struct text *error);

/* All that waits in `from` waits in `to` from now on, behind what is there; `from` is destroyed, and its file
 * removed. */
void ledger_take_in(struct ledger *to, struct ledger *from, struct text *error);
const char *ledger_path(const struct ledger *ledger);
/* Its file is another one from now on, with what the old one had, and what was there behind that. *error says
 * why not. */
void ledger_move(struct ledger *ledger, const char *path, struct text *error);

/* One line, without its end. False: it is lost, and counted; *error says why when that is new. */
bool ledger_add(struct ledger *ledger, const char *line, struct text *error);

uint32_t ledger_count(const struct ledger *ledger);
uint64_t ledger_lost_count(const struct ledger *ledger);
uint32_t ledger_on_disk_count(const struct ledger *ledger);

/* A JSON array of the oldest ones; returns how many these are. Its fate is told by the next call of one of
 * the two below. */
uint32_t ledger_batch(struct ledger *ledger, struct text *batch);
uint32_t ledger_written(struct ledger *ledger); /* how many these were */
/* Not written. blocked: the number in the batch of one that waits; it goes behind the others. -1: none. */
void ledger_refused(struct ledger *ledger, int blocked);
/* The database will never take this batch. False: a smaller one is tried; true: it was one record, which is
 * lost, and counted. */
bool ledger_give_up(struct ledger *ledger);

#endif
