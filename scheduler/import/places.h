/*
 * The pools of a page: each place where its tasks of SQL run, a server, a database and a user, is one.
 */
#ifndef SCHEDULER_IMPORT_PLACES_H
#define SCHEDULER_IMPORT_PLACES_H

#include "scheduler/import/names.h"
#include "tasks/text.h"

/* A keyword of libpq and its value. */
struct place_pair {
    const char *keyword, *value;
};

struct place {
    const char *conninfo, *name;
    struct place *next;
};

/* Zeroed but for the names' arena, which holds all. */
struct places {
    struct names names;
    struct place *first, **end;
    uint32_t count;
};

/* Adds keyword=value behind a blank, quoted as libpq wants it; an empty value is left out. */
void places_add_pair(struct text *conninfo, const char *keyword, const char *value);

/* The pool of that conninfo; a new one is called by its database and, where that is taken, by its user, too.
 * NULL: a file may have no more of them. */
const char *places_find(struct places *places, const char *conninfo, const char *database, const char *user);

/* Adds their sections. */
void places_print(const struct places *places, struct text *page);

#endif
