/*
 * Records of runs on their way to the database, oldest first: in memory, then, while the database does not
 * take them, in a file; bounded, and what goes beyond is counted. It knows lines, not what they say.
 */
#ifndef SCHEDULER_HISTORY_BACKLOG_H
#define SCHEDULER_HISTORY_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "tasks/text.h"

/* A record has some 450 bytes: 9000 of them in memory, and 150 000 in the file, which is four hours of ten
 * runs a second without a database. */
#define BACKLOG_MEMORY_BYTES ((size_t)4 * 1024 * 1024)
#define BACKLOG_DISK_BYTES   ((uint64_t)64 * 1024 * 1024)

struct backlog;

/* Takes up what an earlier daemon left in the file at `path`. Never NULL; *error says why that was not
 * possible. */
struct backlog *backlog_create(const char *path, struct text *error);

/* Keeps in its file what was not written. Accepts NULL. False with *error: so many records are lost. */
bool backlog_destroy(struct backlog *backlog, struct text *error);

/* All that waits in `from` waits in `to` from now on, behind what is there; `from` is destroyed, and its file
 * removed. */
void backlog_take_in(struct backlog *to, struct backlog *from, struct text *error);

const char *backlog_path(const struct backlog *backlog); /* of its file; borrowed */

/* Its file is at `path` from now on, with what was there behind its own records. *error says why not. */
void backlog_move(struct backlog *backlog, const char *path, struct text *error);

/* One line, without its end. False: it is lost, and counted; *error says why when that is new. */
bool backlog_add(struct backlog *backlog, const char *line, struct text *error);

uint32_t backlog_count(const struct backlog *backlog);
uint64_t backlog_lost_count(const struct backlog *backlog);
uint32_t backlog_on_disk_count(const struct backlog *backlog);

/*
 * Puts a JSON array of the oldest records into `batch`; returns how many. What became of it is told by the
 * next call of one of the three below.
 */
uint32_t backlog_batch(struct backlog *backlog, struct text *batch);

/* The database has them; returns how many these were. */
uint32_t backlog_written(struct backlog *backlog);

/* The database did not take them now. blocked: the index in the batch of one that waited for a lock, and goes
 * behind the others; -1: none. */
void backlog_refused(struct backlog *backlog, int blocked);

/* The database will never take this batch. False: a smaller one is tried; true: it was one record, which is
 * lost, and counted. */
bool backlog_give_up(struct backlog *backlog);

#endif
