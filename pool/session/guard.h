/*
 * What a guard (`when`) answers: true is yes; false, NULL and no row are no. All else is a failure that names
 * the cure.
 */
#ifndef POOL_SESSION_GUARD_H
#define POOL_SESSION_GUARD_H

#include "pool/session/internal.h"

/* Of the first flight, which is a guard: a row of its answer; further ones are counted by flight->row_count.
 */
void guard_take_row(struct flight *flight, const PGresult *row);

/* The answer is complete: what came is held against what a guard may say. */
void guard_take_end(struct flight *flight, const PGresult *result);

/* Its text was no query, as the server's word for what it did tells: "CALL", "" of an empty text. */
void guard_take_tag(struct flight *flight, const char *tag);

#endif
