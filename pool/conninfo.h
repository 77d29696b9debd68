/*
 * What a pool's conninfo means once libpq has read it: service files, PG* variables and defaults included.
 * No connection is made and nothing is looked up.
 */
#ifndef POOL_CONNINFO_H
#define POOL_CONNINFO_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "tasks/text.h"

struct conninfo {
    PQconninfoOption *options; /* libpq's, every keyword with the value in force; NULL: not resolved */
};

/* False when libpq can't read it; then *ret_error is a sentence to free(), without any secret in it. */
bool conninfo_resolve(const char *text, struct conninfo *ret, char **ret_error)
    __attribute__((warn_unused_result));
void conninfo_finish(struct conninfo *conninfo);

/* The value of a keyword, "" when it has none. Borrowed. */
const char *conninfo_get(const struct conninfo *conninfo, const char *keyword);

/* Whether the text itself holds a password (not a password file, not the environment). */
bool conninfo_holds_secret(const char *text);

/* "office_db on /run/postgresql as app", for messages. */
void conninfo_describe(const struct conninfo *conninfo, struct text *text);

/*
 * NAME=VALUE for each setting that libpq would take from the environment and that is not its built-in
 * default, handed to `add` one by one. Never a password.
 */
void conninfo_environment(const struct conninfo *conninfo,
                          void (*add)(void *context, const char *name, const char *value), void *context);

#endif
