/*
 * pg_cron's table of jobs as an ini file of headgate's.
 */
#ifndef SCHEDULER_IMPORT_PG_CRON_H
#define SCHEDULER_IMPORT_PG_CRON_H

#include "scheduler/import/count.h"
#include "scheduler/import/places.h"
#include "scheduler/import/table.h"

extern const struct question pg_cron_question;

/* The zone that the jobs' times are in; "GMT" where there is none. */
const char *pg_cron_zone(const struct table *jobs);

/* pairs: what is known of the way to the server, without database, user and secrets. Adds all of the ini file
 * to the page. */
void pg_cron_print(const struct table *jobs, const struct place_pair *pairs, size_t pair_count,
                   struct text *page, struct import_count *ret_count);

#endif
