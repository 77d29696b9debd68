/*
 * A crontab, as Debian's cron reads it, as an ini file of headgate's.
 */
#ifndef SCHEDULER_IMPORT_CRONTAB_H
#define SCHEDULER_IMPORT_CRONTAB_H

#include <stdbool.h>
#include <stdint.h>

#include "tasks/text.h"

enum crontab_kind {
    CRONTAB_USER,   /* five fields and the command: crontab -e */
    CRONTAB_SYSTEM, /* five fields, the user and the command: /etc/crontab, /etc/cron.d */
};

/* How much of it is in the page. */
struct import_count {
    uint32_t task_count;
    uint32_t left_count; /* jobs that stand there as comments */
};

/*
 * Which kind a text is, where nothing else tells: a system's if the sixth word of each job is a user's name,
 * with a command behind it. is_user: whether this machine knows such a user. Of a file from another machine
 * it is enough that each looks like a name, and one is root, which is no command.
 */
enum crontab_kind crontab_kind_of(const char *text, bool (*is_user)(const char *name));

/* zone: of the machine that the crontab is from; "": not known. Adds all of the ini file to the page. */
void crontab_print(const char *text, enum crontab_kind kind, const char *zone, struct text *page,
                   struct import_count *ret_count);

#endif
