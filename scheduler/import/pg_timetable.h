/*
 * pg_timetable's chains as an ini file of headgate's: from its version 4 on.
 */
#ifndef SCHEDULER_IMPORT_PG_TIMETABLE_H
#define SCHEDULER_IMPORT_PG_TIMETABLE_H

#include "scheduler/import/count.h"
#include "scheduler/import/places.h"
#include "scheduler/import/table.h"
#include "scheduler/import/when.h"

/* Chains with their tasks, and the parameters of these. */
extern const struct question pg_timetable_question, pg_timetable_parameters_question;

/* In which column of the first a task has a conninfo of its own: it may hold a secret, and has none any more
 * when it is printed. "?": libpq cannot read it. */
extern const int pg_timetable_connection_column;

/* pairs: what is known of the way to the database, without its name, the user and secrets. Adds all of the
 * ini file to the page. */
void pg_timetable_print(const struct table *tasks, const struct table *parameters,
                        const struct place_pair *pairs, size_t pair_count, when_zone_check *knows_zone,
                        struct text *page, struct import_count *ret_count);

#endif
