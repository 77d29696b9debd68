/*
 * What the server says of a guard's answer (`when`), when it is described and when it comes: is it a boolean?
 */
#ifndef POOL_GUARD_ANSWER_H
#define POOL_GUARD_ANSWER_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "tasks/text.h"

/* What to do about an answer that is none. */
#define GUARD_CURE "write SELECT EXISTS (...), which is true or false"

/* Of a result with the columns of the answer. False after adding to `wrong` what it is instead. */
bool guard_answer_fits(const PGresult *result, struct text *wrong);

#endif
