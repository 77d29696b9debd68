/*
 * Whether the guards (`when`) of a pool's tasks can be asked: the server is told each text, which it
 * describes and does not run.
 */
#ifndef POOL_ASK_GUARDS_H
#define POOL_ASK_GUARDS_H

#include <libpq-fe.h>

#include "tasks/taskset.h"
#include "tasks/text.h"

/* Adds a line for each that cannot; false when there is one. */
bool guards_check(PGconn *conn, const struct taskset *set, uint32_t pool, struct text *text);

#endif
