/*
 * Who a daemon is: its host and its ini file, whatever its name is.
 */
#ifndef SCHEDULER_DAEMON_IDENTITY_H
#define SCHEDULER_DAEMON_IDENTITY_H

#include <stdint.h>

#include "tasks/instant.h"

/* What tells it from others on the same database: in the names of its sessions and files. */
uint32_t identity_of(const char *ini_path);

/* The same in words, as the history knows it; to free(). */
char *identity_name(const char *ini_path);

/* That name, and which of its lives this is: what an earlier life left running is lost. To free(). */
char *identity_life(const char *name, struct wall now);

#endif
