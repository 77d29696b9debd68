/*
 * A crontab, as Debian's cron reads it, as an ini file of headgate's.
 */
#ifndef SCHEDULER_IMPORT_CRONTAB_H
#define SCHEDULER_IMPORT_CRONTAB_H

#include <stdbool.h>

#include "scheduler/import/count.h"
#include "scheduler/import/when.h"
#include "tasks/text.h"

enum crontab_kind {
    CRONTAB_USER,   /* five fields and the command: crontab -e */
    CRONTAB_SYSTEM, /* five fields, the user and the command: /etc/crontab, /etc/cron.d */
};

/*
 * Which kind a text is, where nothing else tells: a system's if the sixth word of each job is a user's name,
 * with a command behind it. is_user: whether this machine knows such a user. Of a file from another machine
 * it is enough that each looks like a name, and one is root, which is no command.
 */
enum crontab_kind crontab_kind_of(const char *text, bool (*is_user)(const char *name));

/* zone: of the machine that the crontab is from; "": not known. Adds all of the ini file to the page. */
void crontab_print(const char *text, enum crontab_kind kind, const char *zone, when_zone_check *knows_zone,
                   struct text *page, struct import_count *ret_count);

#endif
